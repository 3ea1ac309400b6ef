"""What an error says to an operator at the command line; a test demands words for every one."""

from collections.abc import Callable
from typing import Any, Final

from points_core.errors import (
    AlreadyReversed,
    AlreadyVoted,
    BalanceOutOfRange,
    DatabaseUnavailable,
    DuplicateTransaction,
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
    OwnRequest,
    PointsError,
    RequestClosed,
    SelfAward,
    SettingsInvalid,
    UnknownCategory,
    UnknownRequest,
    UnknownSchedule,
    UnknownTransaction,
)


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
    DuplicateTransaction: lambda e: f"The key {e.key!r} was used before, for another request; use a new one.",
    LooksRepeated: lambda e: f"The same was asked a moment ago, as #{e.number}.",
    LimitExceeded: lambda e: (
        f"The giver's daily limit is {e.limit} points, {e.used} are used; it begins again at {e.resets_at.isoformat()}."
    ),
    SelfAward: lambda e: "Nobody awards points to themselves.",
    NotAllowed: lambda e: f"That needs the right to {e.capability}.",
    UnknownCategory: _category,
    UnknownTransaction: lambda e: f"There is no transaction #{e.number}; `points history` shows the numbers.",
    UnknownRequest: lambda e: f"There is no approval request #{e.number}.",
    UnknownSchedule: lambda e: f"There is no schedule #{e.number}.",
    AlreadyReversed: lambda e: f"Transaction #{e.number} was taken back before, by #{e.by}.",
    NotReversible: lambda e: f"Transaction #{e.number} is itself a reversal; award the points anew instead.",
    RequestClosed: lambda e: f"Request #{e.number} is already {e.state}.",
    OwnRequest: lambda e: f"The requester and the receiver of request #{e.number} cannot vote on it.",
    AlreadyVoted: lambda e: f"That person already voted on request #{e.number}.",
    DatabaseUnavailable: _database,
    LedgerCorrupt: lambda e: f"The books contradict themselves: {e.what}. Run `points verify`.",
    SettingsInvalid: lambda e: f"{e.name} cannot be used: {e.why}.",
}
