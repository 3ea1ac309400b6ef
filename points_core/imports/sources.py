"""Whose file it is, and which of its columns mean what.

Known by their public formats: MEE6 (its leaderboard's JSON), Tatsu (its API's rankings), Lurkr (its API's
levels), Polaris (its "Export Data" file, its API's leaderboard), AmariBot (its API's leaderboard) and
LevelUp (the backup of one server). They count experience; it is taken one for one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from points_core.errors import UnreadableFile


class Source(StrEnum):
    """What a file is: transactions, balances, or another bot's list of members."""

    TRANSACTIONS = "transactions"
    BALANCES = "balances"
    MEE6 = "mee6"
    TATSU = "tatsu"
    LURKR = "lurkr"
    POLARIS = "polaris"
    AMARI = "amari"
    LEVELUP = "levelup"


NAMES: Final = {
    Source.TRANSACTIONS: "a list of transactions",
    Source.BALANCES: "a list of balances",
    Source.MEE6: "MEE6",
    Source.TATSU: "Tatsu",
    Source.LURKR: "Lurkr",
    Source.POLARIS: "Polaris",
    Source.AMARI: "AmariBot",
    Source.LEVELUP: "LevelUp",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a source, each by the names it may have (without regard to case); the first is preferred.

    `fractions` where points may be written with a fraction, which is cut off.
    """

    user_id: tuple[str, ...]
    points: tuple[str, ...]
    name: tuple[str, ...] = ("name", "username", "display_name")
    fractions: bool = False


_ANY_ID: Final = ("user_id", "userid", "member_id", "discord_id", "user", "member", "id")

LAYOUTS: Final[dict[Source, Layout]] = {
    Source.TRANSACTIONS: Layout(_ANY_ID, ("amount",)),
    Source.BALANCES: Layout(
        _ANY_ID, ("current", "points", "balance", "score", "total", "xp", "exp", "reputation", "rep")
    ),
    Source.MEE6: Layout(("id",), ("xp",)),
    Source.TATSU: Layout(("user_id",), ("score",)),
    Source.LURKR: Layout(("userid",), ("xp",)),
    Source.POLARIS: Layout(("id",), ("xp",), fractions=True),
    Source.AMARI: Layout(("id",), ("exp",)),
    Source.LEVELUP: Layout(("id",), ("xp",), fractions=True),
}

# Under which name each bot's JSON has its list of members
_LISTS: Final = {
    "players": Source.MEE6,
    "rankings": Source.TATSU,
    "levels": Source.LURKR,
    "leaderboard": Source.POLARIS,
    "data": Source.AMARI,
}


def recognised(columns: Sequence[str], source: Source | None = None) -> Source:
    """Return whose rows have these columns; `source` if they can be that one's. Raises UnreadableFile."""
    names = {column.strip().casefold() for column in columns}
    for candidate in [source] if source else [Source.TRANSACTIONS, Source.BALANCES]:
        layout = LAYOUTS[candidate]
        if not names.isdisjoint(layout.user_id) and not names.isdisjoint(layout.points):
            return candidate
    layout = LAYOUTS[source or Source.BALANCES]
    lacking = "id" if names.isdisjoint(layout.user_id) else "points"
    known = layout.user_id if lacking == "id" else layout.points
    raise UnreadableFile(f"no column holds the members' {lacking} (called {', '.join(known)})", 1)


def recognised_document(
    document: Mapping[str, Any], source: Source | None = None
) -> tuple[Source, list[Any]]:
    """Return whose JSON document this is, and its list of members as rows. Raises UnreadableFile."""
    if isinstance(document.get("configs"), dict):
        raise UnreadableFile("this is LevelUp's backup of all servers; make one of this server alone")
    members = document.get("users")
    if isinstance(members, dict):
        # LevelUp's settings stand beside the users, those of Polaris under a name of their own
        found = Source.LEVELUP if {"algorithm", "users_weekly"} & document.keys() else Source.POLARIS
        return _agreed(found, source), list(_by_id(members))
    for name, owner in _LISTS.items():
        rows = document.get(name)
        if isinstance(rows, list):
            found = _agreed(owner, source)
            if rows and isinstance(rows[0], dict):
                recognised(list(rows[0]), found)
            return found, rows
    try:
        return recognised(list(document), source), [document]  # one row, as the only line of JSON Lines
    except UnreadableFile:
        raise UnreadableFile("the JSON is no list of rows, and no export that is known here") from None


def _agreed(found: Source, told: Source | None) -> Source:
    if told is not None and told is not found:
        raise UnreadableFile(f"it looks like {NAMES[found]}, not like {NAMES[told]}")
    return found


def _by_id(members: Mapping[str, Any]) -> Iterator[Any]:
    """Yield members that stand under their ids as rows that have the id in them."""
    for user_id, member in members.items():
        yield {**member, "id": user_id} if isinstance(member, dict) else member


def cell(cells: Mapping[str, str], names: Collection[str]) -> str:
    """Return the first of a row's cells with one of these names that says anything; empty if none does."""
    return next((cells[name] for name in names if cells.get(name)), "")
