"""What loses its ground with the grants that are taken back: active days, and what was given for their streaks.

days        active days that the rule made and has no grant for any more; they are taken
streaks     grants for streaks that are none without such days; whoever asks takes them
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, delete, select

from points_core import active_days
from points_core.models import ActiveDay, RuleGrant, RuleVersion
from points_core.policy import Policy
from points_core.rules.definition import Definition, OnStreak
from points_core.statements import portions
from points_core.streaks import runs, weeks

Days = set[tuple[int, int]]


def days(
    tx: Connection, community_id: int, number: int, zone: ZoneInfo, gone: Iterable[Any], *, whole: bool
) -> Days:
    """Take the active days that the rule made and has no grant for any more; return them, with their members."""
    undone = {(row.member_id, active_days.local_day(row.at, zone)) for row in gone}
    taken = _made(tx, community_id, number, None if whole else {member_id for member_id, _ in undone})
    taken = taken if whole else taken & undone
    taken -= _kept(tx, community_id, number, zone, {member_id for member_id, _ in taken})
    rows = [{"of_member": member_id, "of_day": day} for member_id, day in sorted(taken)]
    if rows:
        mine = (ActiveDay.community_id == community_id, ActiveDay.source == number)
        this = (ActiveDay.member_id == bindparam("of_member"), ActiveDay.day == bindparam("of_day"))
        tx.execute(delete(ActiveDay).where(*mine, *this), rows)
    return taken


def _made(tx: Connection, community_id: int, number: int, members: Collection[int] | None) -> Days:
    """Return the active days that the rule made, of `members` or (None) of all."""
    every = select(ActiveDay.member_id, ActiveDay.day).where(
        ActiveDay.community_id == community_id, ActiveDay.source == number
    )
    if members is None:
        return {(row.member_id, row.day) for row in tx.execute(every)}
    found = (tx.execute(every.where(ActiveDay.member_id.in_(some))) for some in portions(members))
    return {(row.member_id, row.day) for rows in found for row in rows}


def _kept(tx: Connection, community_id: int, number: int, zone: ZoneInfo, members: Collection[int]) -> Days:
    """Return the days of `members` for which the rule still has a grant that stands."""
    found: Days = set()
    for some in portions(members):
        standing = select(RuleGrant.member_id, RuleGrant.at).where(
            RuleGrant.community_id == community_id,
            RuleGrant.rule_number == number,
            RuleGrant.member_id.in_(some),
            RuleGrant.standing,
            RuleGrant.shadow.is_(False),
        )
        found |= {(row.member_id, active_days.local_day(row.at, zone)) for row in tx.execute(standing)}
    return found


def streaks(tx: Connection, current: Policy, community_id: int, days: Days) -> list[str]:
    """Return the keys of the streaks that rules gave for, and that only the `days` (member, day) just taken made.

    What would not be a streak with those days either (freezes or the zone were others then) is left alone.
    """
    taken: dict[int, set[int]] = defaultdict(set)
    for member_id, day in days:
        taken[member_id].add(day)
    triggers = _triggers(tx, community_id) if taken else {}
    if not triggers:
        return []
    left = active_days.of(tx, community_id, taken)
    freezes = current.programme.streak_freezes
    found: list[str] = []
    for row in _given(tx, community_id, taken, {number for number, _ in triggers}):
        streak = triggers.get((row.rule_number, row.version))
        if streak is not None:
            day, days_left = active_days.local_day(row.at, current.zone), set(left[row.member_id])
            stood = _stands(streak, days_left | taken[row.member_id], day, freezes)
            if stood and not _stands(streak, days_left, day, freezes):
                found.append(row.fact_key)
    return found


def _triggers(tx: Connection, community_id: int) -> dict[tuple[int, int], OnStreak]:
    """Return what the versions of rules wait for that wait for a streak."""
    versions = select(RuleVersion.rule_number, RuleVersion.version, RuleVersion.definition)
    found: dict[tuple[int, int], OnStreak] = {}
    for number, version, document in tx.execute(versions.where(RuleVersion.community_id == community_id)):
        trigger = Definition.model_validate(document).trigger
        if isinstance(trigger, OnStreak):
            found[number, version] = trigger
    return found


def _given(tx: Connection, community_id: int, members: Iterable[int], rules: Iterable[int]) -> Iterator[Any]:
    """Yield the standing grants of `rules` to `members`."""
    numbers = sorted(rules)
    for some in portions(members):
        yield from tx.execute(
            select(
                RuleGrant.rule_number,
                RuleGrant.version,
                RuleGrant.fact_key,
                RuleGrant.member_id,
                RuleGrant.at,
            ).where(
                RuleGrant.community_id == community_id,
                RuleGrant.standing,
                RuleGrant.shadow.is_(False),
                RuleGrant.member_id.in_(some),
                RuleGrant.rule_number.in_(numbers),
            )
        )


def _stands(streak: OnStreak, days: Iterable[int], day: int, freezes: int) -> bool:
    """Return whether `days` make a streak as long as that, around the local day `day`."""
    made = runs(days, freezes) if streak.unit == "day" else weeks(days)
    tail = 0 if streak.unit == "day" else 6  # of weeks, a run's last is a Monday
    return any(run.first <= day <= run.last + tail and run.length >= streak.length for run in made)
