"""What a verification says."""

from dataclasses import dataclass

Problem = tuple[str, str]
"""An invariant that does not hold, and where."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One invariant that does not hold, in which community, and where."""

    invariant: str
    community: str
    detail: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to which transaction a community's books were looked at, and the hash there; `full` from the first."""

    community: str
    seq: int
    hash: bytes
    full: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verification found broken, and how far it looked in each community."""

    broken: tuple[Broken, ...]
    reached: tuple[Reached, ...]

    def invariants(self, community: str) -> list[str]:
        """Return the names of what is broken in a community, each once."""
        return sorted({each.invariant for each in self.broken if each.community == community})
