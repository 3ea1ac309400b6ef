"""What a verification says."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import InvalidRequestError

from points_core.errors import InvalidSetting, LedgerCorrupt

Problem = tuple[str, str]
"""An invariant that does not hold, and where."""

READABLE = "rows can be read"
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    InvalidRequestError,
    InvalidSetting,
    LedgerCorrupt,
    LookupError,
    TypeError,
    ValueError,
)
"""What reading a damaged row ends in: no number, no time, no zone of that name, no row where one must be."""


def readable(what: str, found: Iterator[Problem]) -> Iterator[Problem]:
    """Yield what is `found`, and that rows of `what` are damaged where it cannot go on."""
    try:
        yield from found
    except UNREADABLE as error:
        why = " ".join(str(error).split())[:200]
        yield READABLE, f"looking at {what} ends with {type(error).__name__}: {why}"


@dataclass(frozen=True, slots=True)
class Broken:
    """One invariant that does not hold, in which community, and where."""

    invariant: str
    community: str
    detail: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to which transaction a community's books were looked at, and the hash there; `full` from the first.

    `totals`: what all members together had and had spent then, as recent.totals_of says it.
    """

    community: str
    seq: int
    hash: bytes
    full: bool
    totals: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verification found broken, and how far it looked in each community."""

    broken: tuple[Broken, ...]
    reached: tuple[Reached, ...]

    def invariants(self, community: str) -> list[str]:
        """Return the names of what is broken in a community, each once."""
        return sorted({each.invariant for each in self.broken if each.community == community})
