"""A leaderboard as people see it: values only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from points_core.windows import Window, WindowName

TIED = 15  # lines past the top that a tie at its end may add: a message's description holds 25 lines and more
MAX_TOP = 1_000  # lines of one board


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a board; `user_id` and `name` are None for an erased member, and for a `hidden` one.

    Who hides keeps the place, nameless, so that everybody else's rank stays true.
    Where the board was compared with the window before: `moved` is how many ranks the member rose (negative:
    fell) since, or `new` says that they stood on no board there.
    """

    rank: int
    user_id: str | None
    name: str | None
    points: int
    moved: int | None = None
    new: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard.

    `name` when the window was asked for by name; `category` None for all together; `as_of` None for now,
    else the board as it stood then, or as `corrected` since.
    `more_tied` members share the last line's rank and were left out; `members` stand on the whole board.
    `mine` is the line of the member asked about, `neighbours` it and the ones next to it, best first; None
    and empty when that member is not on the board.
    `season` is its name on a season's board; `sealed` says that this is the season's result, which stays.
    """

    window: Window
    name: WindowName | None
    category: str | None
    as_of: datetime | None
    standings: tuple[Standing, ...] = ()
    more_tied: int = 0
    members: int = 0
    mine: Standing | None = None
    neighbours: tuple[Standing, ...] = ()
    corrected: bool = False
    season: str | None = None
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line while its board is made: it still knows the member's number, but not who a hidden one is."""

    rank: int
    member_id: int
    user_id: str | None
    name: str | None
    points: int
    hidden: bool = False

    @classmethod
    def of(cls, rank: int, row: Any) -> "Line":  # noqa: ANN401 - a row with a score and its member
        """Return the line of a row with member_id, points, user_id, name and hidden_at."""
        if row.hidden_at is not None:
            return cls(rank, row.member_id, None, None, row.points, hidden=True)
        return cls(rank, row.member_id, row.user_id, row.name, row.points)


@dataclass(frozen=True, slots=True)
class Found:
    """The lines of a board while it is made."""

    lines: tuple[Line, ...] = ()
    more_tied: int = 0
    members: int = 0
    mine: Line | None = None
    neighbours: tuple[Line, ...] = ()

    @property
    def member_ids(self) -> list[int]:
        """Return the numbers of the members whose lines are shown."""
        return sorted({line.member_id for line in (*self.lines, *self.neighbours)})


def cut(rows: Sequence[Any], top: int) -> tuple[Line, ...]:
    """Return the lines of rank `top` or better, from rows in the order of the board."""
    lines: list[Line] = []
    for place, row in enumerate(rows, start=1):
        tied = bool(lines) and lines[-1].points == row.points
        if place > top and not tied:
            break
        lines.append(Line.of(lines[-1].rank if tied else place, row))
    return tuple(lines)
