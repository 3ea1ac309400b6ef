"""What loses its ground with the grants that are taken back: active days, and what was given for their streaks.

days        active days that the rule made and nothing stands for any more; they are taken
streaks     grants for streaks that are none without such days; whoever asks takes them
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from points_core import active_days
from points_core.models import ActiveDay, RuleGrant, RuleVersion
from points_core.policy import Policy, Zones
from points_core.rules.definition import Definition, OnStreak
from points_core.rules.lost_days import Days, Part, lost
from points_core.statements import portions
from points_core.streaks import runs, weeks

__all__ = ["Days", "Part", "days", "streaks"]


def days(tx: Connection, community_id: int, part: Part, zones: Zones, gone: Iterable[Any]) -> Days:
    """Take the active days that go with a part of a rule; return them, with their members.

    `gone` are its grants that were taken back.
    """
    taken = lost(tx, community_id, part, zones, gone)
    rows = [{"of_member": member_id, "of_day": day} for member_id, day in sorted(taken)]
    if rows:
        mine = (ActiveDay.community_id == community_id, ActiveDay.source == part.number)
        this = (ActiveDay.member_id == bindparam("of_member"), ActiveDay.day == bindparam("of_day"))
        tx.execute(delete(ActiveDay).where(*mine, *this), rows)
    return taken


def streaks(tx: Connection, current: Policy, zones: Zones, community_id: int, days: Days) -> list[str]:
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
            then = {active_days.local_day(row.at, zone) for zone in zones.since(row.at)}
            days_left = set(left[row.member_id])
            stood = _stands(streak, days_left | taken[row.member_id], then, freezes)
            if stood and not _stands(streak, days_left, then, freezes):
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


def _stands(streak: OnStreak, days: Iterable[int], then: Iterable[int], freezes: int) -> bool:
    """Return whether `days` make a streak as long as that, around one of the local days `then`."""
    made = runs(days, freezes) if streak.unit == "day" else weeks(days)
    tail = 0 if streak.unit == "day" else 6  # of weeks, a run's last is a Monday
    long = [run for run in made if run.length >= streak.length]
    return any(run.first <= day <= run.last + tail for run in long for day in then)
