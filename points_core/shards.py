"""Which communities are this process's, where several processes share the work of one bot.

Discord divides servers by their ids, and so does this: shard = (id >> 22) % of. What has no such id counts
as shard 0's.
"""

import re
from dataclasses import dataclass
from typing import Self

from sqlalchemy import BigInteger, ColumnElement, Integer, SQLColumnExpression, and_, case, cast, func, or_

MAX_SHARDS = 16_384
LARGEST_ID = str(2**63 - 1)
EXPECTED = "auto, or shards and how many there are in all, such as 0-3/16"

_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_TOTAL = re.compile(r"\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards `ours`, ascending, `of` how many there are; `of` None: all, as many as Discord wants."""

    ours: tuple[int, ...] = ()
    of: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` says: `auto`, `0-3/16`, `5/16`, `0,2,8-11/16`. Raises ValueError."""
        if text.strip().lower() == "auto":
            return cls()
        listed, _, total = text.replace(" ", "").partition("/")
        ranges = [_RANGE.fullmatch(part) for part in listed.split(",")]
        if not _TOTAL.fullmatch(total) or not 1 <= int(total) <= MAX_SHARDS:
            raise ValueError(f"expected {EXPECTED}")
        ours: set[int] = set()
        for found in ranges:
            if found is None:
                raise ValueError(f"expected {EXPECTED}")
            first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < int(total):
                raise ValueError(f"expected shards from 0 to {int(total) - 1}, found {found[0]}")
            ours.update(range(first, last + 1))
        return cls(tuple(sorted(ours)), int(total))

    def __str__(self) -> str:
        return "auto" if self.of is None else f"{','.join(map(str, self.ours))}/{self.of}"

    @property
    def first(self) -> bool:
        """Return whether this process has shard 0, and with it the work that is nobody's in particular."""
        return self.of is None or 0 in self.ours

    def has(self, community: str) -> bool:
        """Return whether `community` (an outside id) is this process's."""
        return self.of is None or _shard(community, self.of) in self.ours

    def those(self, key: SQLColumnExpression[str]) -> ColumnElement[bool]:
        """Return the SQL condition that the community whose outside id is in `key` is this process's."""
        if self.of is None:
            return key.is_not(None)
        length = func.length(key)
        numbered = and_(
            key.regexp_match("^[0-9]+$"),
            or_(length < len(LARGEST_ID), and_(length == len(LARGEST_ID), key <= LARGEST_ID)),
        )
        shard = case((numbered, cast(key, BigInteger).bitwise_rshift(cast(22, Integer)) % self.of), else_=0)
        return shard.in_(self.ours)


def _shard(community: str, of: int) -> int:
    numbered = community.isascii() and community.isdigit() and len(community) <= len(LARGEST_ID)
    number = int(community) if numbered else 0
    return (number >> 22) % of if number < 2**63 else 0
