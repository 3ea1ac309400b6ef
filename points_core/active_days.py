"""The local days on which members did something that counts for their streaks: kept once for each reason.

CHECK_IN is the reason of who checked in; any other is the number of the rule that was met.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, bindparam, insert, select

from points_core.models import ActiveDay
from points_core.statements import portions

CHECK_IN: Final = 0

_DAYS = (
    select(ActiveDay.member_id, ActiveDay.day)
    .where(
        ActiveDay.community_id == bindparam("community"),
        ActiveDay.member_id.in_(bindparam("members", expanding=True)),
    )
    .distinct()
)
_CHECK_INS = select(ActiveDay.member_id, ActiveDay.day).where(
    ActiveDay.community_id == bindparam("community"),
    ActiveDay.member_id.in_(bindparam("members", expanding=True)),
    ActiveDay.source == CHECK_IN,
)
_SOURCES = select(ActiveDay.source).where(
    ActiveDay.community_id == bindparam("community"),
    ActiveDay.member_id == bindparam("member"),
    ActiveDay.day == bindparam("day"),
)


def local_day(at: datetime, zone: ZoneInfo) -> int:
    """Return the ordinal of the date that the clocks of `zone` show at `at` (aware)."""
    return at.astimezone(zone).date().toordinal()


def of(tx: Connection, community_id: int, member_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return the days (ordinals of dates, rising) on which each of `member_ids` was active."""
    return _found(tx, _DAYS, community_id, member_ids)


def check_ins(tx: Connection, community_id: int, member_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return the days (ordinals of dates, rising) on which each of `member_ids` checked in."""
    return _found(tx, _CHECK_INS, community_id, member_ids)


def _found(
    tx: Connection, days: Select[int, int], community_id: int, member_ids: Iterable[int]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {each: [] for each in member_ids}
    for members in portions(found):
        for member_id, day in tx.execute(days, {"community": community_id, "members": members}):
            found[member_id].append(day)
    return {member_id: tuple(sorted(theirs)) for member_id, theirs in found.items()}


def keep(tx: Connection, community_id: int, member_id: int, day: int, source: int) -> bool:
    """Keep that a member was active on `day` for the reason `source`; return whether the day is a new one."""
    this = {"community": community_id, "member": member_id, "day": day}
    sources = list(tx.execute(_SOURCES, this).scalars())
    if source not in sources:
        tx.execute(
            insert(ActiveDay).values(community_id=community_id, member_id=member_id, day=day, source=source)
        )
    return not sources
