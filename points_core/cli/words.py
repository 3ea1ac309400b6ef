"""What an error says to an operator at the command line; a test demands words for every one."""

from collections.abc import Callable
from typing import Any, Final

from points_core.errors import (
    AlreadyReversed,
    AlreadyVoted,
    BackupDamaged,
    BackupFailed,
    BalanceOutOfRange,
    BatchNotUndoable,
    BatchUndone,
    BehindAnchor,
    BooksClosed,
    DatabaseUnavailable,
    DuplicateTransaction,
    ExportTooLarge,
    InsufficientBalance,
    InvalidAmount,
    InvalidSetting,
    InvalidText,
    InvalidTime,
    LedgerCorrupt,
    LimitExceeded,
    LooksRepeated,
    NotAllowed,
    NotReversible,
    NoWish,
    OwnRequest,
    PointsError,
    RequestClosed,
    RowsRefused,
    RuleMode,
    RuleRetired,
    SelfAward,
    SettingsInvalid,
    UnknownBadge,
    UnknownBatch,
    UnknownCategory,
    UnknownClient,
    UnknownDelivery,
    UnknownMember,
    UnknownRequest,
    UnknownRule,
    UnknownSchedule,
    UnknownSeason,
    UnknownTransaction,
    UnknownWebhook,
    UnreadableFile,
)

ROWS_SHOWN = 20  # of the rows of a file or batch that cannot be: what one screen holds


def words(error: PointsError) -> str:
    """Return one sentence for `error`, with what to do next."""
    return WORDS[type(error)](error)


def _database(error: DatabaseUnavailable) -> str:
    why = " ".join(error.why.split())  # PostgreSQL's own words run over several lines
    return (
        f"The database cannot be used: {why}{'' if why.endswith(('.', '?')) else '.'} "
        "POINTS_DATABASE_URL says where it is."
    )


def _category(error: UnknownCategory) -> str:
    known = ", ".join(error.known)
    return f"There is no category {error.category!r}; " + (
        f"there are: {known}." if known else "there are none yet."
    )


def _rows(error: RowsRefused) -> str:
    lines = [f"{len(error.rows)} of {error.total} rows cannot be, so nothing was written:"]
    lines += [f"  row {row.row}: {words(row.error)}" for row in error.rows[:ROWS_SHOWN]]
    more = len(error.rows) - ROWS_SHOWN
    return "\n".join([*lines, f"  and {more} more"] if more > 0 else lines)


def _season(error: UnknownSeason) -> str:
    known = ", ".join(error.known)
    return f"There is no season {error.season!r}; " + (
        f"there are: {known}." if known else "`points season start` begins the first."
    )


WORDS: Final[dict[type[PointsError], Callable[[Any], str]]] = {
    InvalidAmount: lambda e: (
        f"{e.amount} is not an amount: give a whole number from {e.minimum} to {e.maximum}, in plain digits."
    ),
    InvalidText: lambda e: (
        f"The {e.field} must have 1 to {e.limit} characters and nothing that cannot be stored."
    ),
    InvalidTime: lambda e: f"{e.text!r} is no date or time that can be used here; write it as 2026-01-31.",
    InvalidSetting: lambda e: f"The {e.name} cannot be {e.value!r}: it has to be {e.expected}.",
    InsufficientBalance: lambda e: f"That takes {e.amount} points; the balance is {e.balance}.",
    BalanceOutOfRange: lambda e: (
        f"With {e.amount} more, the balance {e.balance} could not be counted exactly."
    ),
    DuplicateTransaction: lambda e: "That key was used before, for another request; use a new one.",
    LooksRepeated: lambda e: f"The same was asked a moment ago, as #{e.number}.",
    LimitExceeded: lambda e: (
        f"The giver's daily limit is {e.limit} points, {e.used} are used; it begins again at {e.resets_at.isoformat()}."
    ),
    SelfAward: lambda e: "Nobody awards points to themselves.",
    NotAllowed: lambda e: f"That needs the right to {e.capability}.",
    UnknownCategory: _category,
    UnknownTransaction: lambda e: f"There is no transaction #{e.number}; `points history` shows the numbers.",
    UnknownRequest: lambda e: f"There is no approval request #{e.number}.",
    UnknownClient: lambda e: f"There is no token #{e.number}; `points token list` shows them.",
    UnknownWebhook: lambda e: f"There is no webhook #{e.number}; `points webhook list` shows them.",
    UnknownDelivery: lambda e: (
        f"There is no delivery #{e.number} that could be sent anew; `points webhook log` shows them."
    ),
    UnknownRule: lambda e: f"There is no rule #{e.number}; `points rule list` shows them.",
    RuleRetired: lambda e: f"Rule #{e.number} is retired, for good.",
    RuleMode: lambda e: f"A rule that is {e.mode} cannot be made {e.wanted}.",
    UnknownBadge: lambda e: f"There is no badge #{e.number}.",
    UnknownSchedule: lambda e: f"There is no schedule #{e.number}.",
    UnknownSeason: _season,
    UnknownMember: lambda e: f"Nothing is kept about {e.user_id} here.",
    NoWish: lambda e: f"No wish of {e.user_id} to be erased waits.",
    AlreadyReversed: lambda e: f"Transaction #{e.number} was taken back before, by #{e.by}.",
    NotReversible: lambda e: f"Transaction #{e.number} is itself a reversal; award the points anew instead.",
    RequestClosed: lambda e: f"Request #{e.number} is already {e.state}.",
    OwnRequest: lambda e: f"The requester and the receiver of request #{e.number} cannot vote on it.",
    AlreadyVoted: lambda e: f"That person already voted on request #{e.number}.",
    UnknownBatch: lambda e: f"There is no batch {e.number}; `points batch list` shows them.",
    BatchUndone: lambda e: f"Batch {e.number} was taken back before, by batch {e.by}.",
    BatchNotUndoable: lambda e: f"Batch {e.number} itself took a batch back; import or award anew instead.",
    RowsRefused: _rows,
    UnreadableFile: lambda e: (
        (f"Row {e.row}: {e.why}" if e.row else f"The file cannot be used: {e.why}") + ". Nothing was written."
    ),
    ExportTooLarge: lambda e: (
        f"That is more than {e.limit:,} {e.unit}: choose a shorter range, or CSV or JSON Lines, which have no limit."
    ),
    DatabaseUnavailable: _database,
    LedgerCorrupt: lambda e: f"The books contradict themselves: {e.what}. Run `points verify`.",
    BackupDamaged: lambda e: f"{e.file} cannot be used: {e.why}. Nothing was changed.",
    BehindAnchor: lambda e: (
        f"The backup ends at #{e.number} in {e.community} and does not hold #{e.anchor} as {e.place} knows it. "
        "Nothing was changed; --force goes back all the same."
    ),
    BooksClosed: lambda e: (
        f"The books of {e.community} are closed: {e.why}. "
        f"Repair or restore them, then `points verify --reopen {e.community}`."
    ),
    BackupFailed: lambda e: f"That did not work: {e.why}.",
    SettingsInvalid: lambda e: f"{e.name} cannot be used: {e.why}.",
}
