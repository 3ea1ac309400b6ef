"""Errors become words, for every door: commands, buttons and forms alike.

words               what each refusal and fault of the core says to the person
answer              the one function that answers an error, privately
View, Modal         discord.py's, with their errors led to `answer`
answered            the same for the callback of a DynamicItem, whose errors discord.py only logs
"""

import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, Final, TypeVar

import discord
from discord import app_commands, ui

from bot import payloads
from bot.messages.text import category, points, shown, when
from bot.replies import ALREADY_ANSWERED, may_pass, respond, too_late
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
    Fault,
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

S = TypeVar("S")

log = logging.getLogger(__name__)

DOING: Final = {
    "award": "award points",
    "deduct": "deduct points",
    "approve": "vote on approval requests",
    "undo": "undo other people's transactions",
    "configure": "change the settings",
}

ROWS_SHOWN, ROW_WORDS = 4, 300  # rows of a file that cannot be, characters about each: a message holds 2,000

LOST = (
    "The connection to Discord broke while I answered. What you asked for may be done: "
    "look at `/history` before you ask again."
)

UNFIT = "I cannot use one of the values you gave; choose it from what Discord offers."

CHANGED = "This command has just changed. Reload Discord (Ctrl+R) and try again."


def words(error: PointsError) -> str:
    """Return what `error` says to the person, and what they can do next."""
    return _WORDS[type(error)](error)


def _amount(error: InvalidAmount) -> str:
    given = "" if error.amount is None else f"{shown(str(error.amount), 40)} is not an amount I can use. "
    return f"{given}Give a whole number from {error.minimum:,} to {error.maximum:,}, in plain digits."


def _text(error: InvalidText) -> str:
    field = shown(error.field.replace("_", " "), 40)
    if error.field == "evidence":
        return f"The {field} must be one link that begins with https:// (at most {error.limit:,} characters)."
    return f"The {field} must have 1 to {error.limit:,} characters, and nothing that cannot be written down."


def _balance(error: InsufficientBalance) -> str:
    left = max(error.balance - error.floor, 0)
    so = f"take at most {left:,}" if left else "there is nothing to take"
    return f"That takes {points(error.amount)}; the balance is {points(error.balance)}: {so}."


def _repeated(error: LooksRepeated) -> str:
    what = "request" if error.pending else "transaction"
    return (
        f"You asked for exactly this {when(error.at)}: it is {what} #{error.number:,}. "
        "If you mean it a second time, change the reason or wait a minute."
    )


def _limit(error: LimitExceeded) -> str:
    left = max(error.limit - error.used, 0)
    return (
        f"You may award {points(error.limit)} a day and have {left:,} left; this takes {error.amount:,}. "
        f"The count begins again {when(error.resets_at)}."
    )


def _not_allowed(error: NotAllowed) -> str:
    doing = DOING.get(error.capability, error.capability)
    return f"You cannot {doing} here. An admin can give your role that right with `/points-settings`."


def _category(error: UnknownCategory) -> str:
    known = shown(", ".join(error.known), 800) if error.known else ""
    return f"There is no category {category(error.category)} here. " + (
        f"There are: {known}." if known else "An admin can add one with `/points-settings`."
    )


def _season(error: UnknownSeason) -> str:
    known = shown(", ".join(error.known), 800) if error.known else ""
    return f"There is no season {shown(error.season, 60)} here. " + (
        f"There are: {known}." if known else "An admin can begin one with `/season start`."
    )


def _voted(error: AlreadyVoted) -> str:
    vote = "for" if error.approve else "against"
    return f"You already voted {vote} request #{error.number:,}; a vote stays as it was given."


def _rows(error: RowsRefused) -> str:
    lines = [f"{len(error.rows):,} of {error.total:,} rows cannot be, so nothing was written:"]
    lines += [f"- row {row.row:,}: {words(row.error)[:ROW_WORDS]}" for row in error.rows[:ROWS_SHOWN]]
    more = len(error.rows) - ROWS_SHOWN
    return "\n".join([*lines, f"… and {more:,} more."] if more > 0 else lines)


_WORDS: Final[dict[type[PointsError], Callable[[Any], str]]] = {
    InvalidAmount: _amount,
    InvalidText: _text,
    InvalidTime: lambda e: f"{shown(e.text, 40)} is no date I can use. Write it as 2026-01-31.",
    InvalidSetting: lambda e: (
        f"{shown(str(e.value), 60)} cannot be the {shown(e.name.replace('_', ' '), 40)}: "
        f"it has to be {shown(e.expected, 200)}."
    ),
    InsufficientBalance: _balance,
    BalanceOutOfRange: lambda e: (
        f"With {points(e.amount)} more the balance ({points(e.balance)}) could no longer be counted exactly. "
        "Use a smaller amount."
    ),
    DuplicateTransaction: lambda e: (
        "I already did something else for this very event, so I did nothing now. Start again."
    ),
    LooksRepeated: _repeated,
    LimitExceeded: _limit,
    SelfAward: lambda e: "You cannot award points to yourself. Another moderator can.",
    NotAllowed: _not_allowed,
    UnknownCategory: _category,
    UnknownTransaction: lambda e: (
        f"There is no transaction #{e.number:,} here. `/history` shows the numbers."
    ),
    UnknownRequest: lambda e: (
        f"There is no approval request #{e.number:,} here. `/pending` shows those that wait."
    ),
    UnknownClient: lambda e: f"There is no token #{e.number:,} here. `/points-tokens list` shows them.",
    UnknownWebhook: lambda e: f"There is no webhook #{e.number:,} here. The bot's host can list them.",
    UnknownDelivery: lambda e: f"There is no delivery #{e.number:,} here that could be sent anew.",
    UnknownRule: lambda e: f"There is no rule #{e.number:,} here. `/rule list` shows them.",
    RuleRetired: lambda e: f"Rule #{e.number:,} is retired, for good. Begin a new one with `/rule new`.",
    RuleMode: lambda e: f"A rule that is {shown(e.mode, 20)} cannot be made {shown(e.wanted, 20)}.",
    UnknownBadge: lambda e: f"There is no badge #{e.number:,} here. `/badge list` shows them.",
    UnknownSchedule: lambda e: f"There is no schedule #{e.number:,} here. `/schedule list` shows them.",
    UnknownSeason: _season,
    UnknownMember: lambda e: "I keep nothing about that person here: no points, no name.",
    NoWish: lambda e: "No erasure waits for you here, so there is nothing to take back.",
    AlreadyReversed: lambda e: (
        f"Transaction #{e.number:,} was already undone, by transaction #{e.by:,}. Nothing was changed."
    ),
    NotReversible: lambda e: (
        f"Transaction #{e.number:,} is itself an undo. To give the points again, use `/award`."
    ),
    RequestClosed: lambda e: (
        f"Request #{e.number:,} is already {shown(e.state, 20)}; it takes no more votes."
    ),
    OwnRequest: lambda e: (
        f"You asked for request #{e.number:,} or would receive it: another moderator has to decide."
    ),
    AlreadyVoted: _voted,
    UnknownBatch: lambda e: f"There is no batch {e.number:,} here.",
    BatchUndone: lambda e: f"Batch {e.number:,} was already undone, by batch {e.by:,}. Nothing was changed.",
    BatchNotUndoable: lambda e: (
        f"Batch {e.number:,} is itself the undo of a batch. Import the file anew instead."
    ),
    RowsRefused: _rows,
    UnreadableFile: lambda e: (
        (f"Row {e.row:,} of the file: " if e.row else "I cannot use that file: ")
        + f"{shown(e.why, 200)}. Nothing was written."
    ),
    ExportTooLarge: lambda e: (
        f"That export has more than {e.limit:,} {shown(e.unit, 10)}. Choose a shorter range or a category, "
        "or ask whoever runs this bot for `points export`."
    ),
    DatabaseUnavailable: lambda e: (
        "I cannot reach my books right now, so nothing was changed. Try again in a minute; "
        "if it stays so, tell whoever runs this bot."
    ),
    LedgerCorrupt: lambda e: (
        "My books contradict themselves, so I changed nothing. "
        "Tell whoever runs this bot to run `points verify`."
    ),
    BackupDamaged: lambda e: "That backup is damaged, so nothing was changed. Tell whoever runs this bot.",
    BehindAnchor: lambda e: (
        f"That backup ends before transaction #{e.anchor:,}, so nothing was changed. Tell whoever runs this bot."
    ),
    BooksClosed: lambda e: (
        "This server's books failed their verification, so they take nothing new until they are repaired. "
        "Nothing was changed; balances and boards can be read. Whoever runs this bot can see why in `points doctor`."
    ),
    BackupFailed: lambda e: (
        "I could not make a backup first, so I changed nothing. Tell whoever runs this bot."
    ),
    SettingsInvalid: lambda e: (
        f"I am set up wrongly ({shown(e.name, 60)}), so nothing was changed. Tell whoever runs this bot."
    ),
}


async def answer(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Tell the person privately what `error` means; never raises.

    An unexpected error is logged under a number, and the person is told that number.
    """
    error = _cause(error)
    if too_late(error) or getattr(error, "code", None) == ALREADY_ANSWERED:
        log.info("answered elsewhere or too late: %s", error)
        return
    await _say(interaction, _spoken(interaction, error))


def _cause(error: BaseException) -> BaseException:
    """Look behind discord.py's wrapping."""
    if isinstance(error, app_commands.CommandInvokeError):
        return error.original
    if isinstance(error, app_commands.TransformerError) and isinstance(error.__cause__, PointsError):
        return error.__cause__
    return error


def _spoken(interaction: discord.Interaction[Any], error: BaseException) -> str:
    if isinstance(error, PointsError):
        if isinstance(error, Fault):
            log.error("%s", error)
        return words(error)
    if may_pass(error):
        log.warning("an answer may be lost: %r", error)
        return LOST
    for kind, sentence in _DISCORDS:
        if isinstance(error, kind):
            return sentence
    number = secrets.token_hex(4)
    log.error("error %s in %s", number, _asked(interaction), exc_info=error)
    return f"Something went wrong on my side. Tell whoever runs this bot this number: `{number}`"


_DISCORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (app_commands.NoPrivateMessage, "Points belong to a server: ask me there."),
    (app_commands.CommandNotFound, CHANGED),
    (app_commands.CommandSignatureMismatch, CHANGED),
    (app_commands.TransformerError, UNFIT),
    (app_commands.CheckFailure, "You cannot use this here."),
    (discord.Forbidden, "Discord did not let me do that. An admin can see what I lack with `/points-setup`."),
)


def _asked(interaction: discord.Interaction[Any]) -> str:
    """What was asked, without anything people wrote."""
    if interaction.command is not None:
        return f"/{interaction.command.qualified_name}"
    given: Mapping[str, object] = interaction.data or {}
    return f"{interaction.type.name} {given.get('custom_id', '')}"


async def _say(interaction: discord.Interaction[Any], sentence: str) -> None:
    try:
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True)
        else:
            await respond(interaction, content=sentence, ephemeral=True)
    except Exception as lost:  # discord.py raises anything when a proxy answers in Discord's place
        log.info("could not say %r: %r", sentence, lost)


class View(ui.View):
    """A view whose errors are answered like a command's."""

    async def on_error(
        self, interaction: discord.Interaction[Any], error: Exception, item: ui.Item[Any] | None = None, /
    ) -> None:
        """Answer an error of one of the view's items."""
        await answer(interaction, error)


class Modal(ui.Modal):
    """A form whose errors are answered like a command's."""

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Refuse what the form did not ask for, before anything of it is looked at."""
        if payloads.filled(self, interaction.data or {}):
            return True
        await respond(interaction, content=UNFIT, ephemeral=True)
        return False

    async def on_error(
        self, interaction: discord.Interaction[Any], error: Exception, item: ui.Item[Any] | None = None, /
    ) -> None:
        """Answer an error of the form's submission."""
        await answer(interaction, error)


Callback = Callable[[S, discord.Interaction[Any]], Coroutine[Any, Any, None]]


def answered(callback: Callback[S]) -> Callback[S]:
    """Lead what a DynamicItem's `callback` raises to `answer`; discord.py only logs it."""

    @wraps(callback)
    async def speaking(self: S, interaction: discord.Interaction[Any]) -> None:
        if not payloads.offered(self, interaction.data or {}):
            await respond(interaction, content=UNFIT, ephemeral=True)
            return
        try:
            await callback(self, interaction)
        except Exception as error:
            await answer(interaction, error)

    return speaking
