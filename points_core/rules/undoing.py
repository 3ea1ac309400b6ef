"""What a rule gave is taken back as a whole: points as one batch, caps, active days, roles, and what waits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, delete, func, select, update

from points_core import active_days, approvals, bulk, levels, policy, rewards, uses
from points_core.bulk import BatchReceipt
from points_core.bulk.batches import by_key
from points_core.models import ActiveDay, ApprovalRequest, PointTransaction, RuleGrant, RuleVersion
from points_core.policy import Policy
from points_core.rules import reading
from points_core.rules.definition import Definition, OnStreak, Rule
from points_core.streaks import runs, weeks
from points_core.values import Origin, RequestState, bounded, clean_text

ACTION: Final = "rule.undo"


@dataclass(frozen=True, slots=True)
class Undone:
    """What a rule's undo did: the batch that took points back, requests it cancelled, days and roles it took.

    batch: None where no transaction stood. streaks: the batch of what other rules gave for streaks that these
    days made, None where they gave nothing. `replayed` when it was done before.
    """

    rule: Rule
    batch: BatchReceipt | None = None
    requests: tuple[int, ...] = ()
    days: int = 0
    roles: int = 0
    streaks: BatchReceipt | None = None
    replayed: bool = False


def undo(
    tx: Connection,
    origin: Origin,
    number: int,
    *,
    reason: str,
    version: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    partial: bool = False,
) -> Undone:
    """Take back everything that rule `number` gave for facts from `since` to before `until`; all without them.

    version: only what that version gave. partial: leave out what cannot be taken back (points are spent)
    instead of refusing all. Balances, badges, roles and streaks are then as if it had not run; what was taken
    back one by one before is left alone. A shadow rule's records stay: they moved nothing.
    Raises UnknownRule, InvalidText, RowsRefused.
    """
    reason = clean_text("reason", reason)
    head, current = policy.locked(tx, origin)
    community_id, zone = head.community_id, current.zone
    rule = reading.numbered(tx, community_id, number).rule
    if (earlier := by_key(tx, head, origin.key)) is not None:
        return Undone(rule, replace(earlier, replayed=True), replayed=True)
    wanted = _span(community_id, number, version, since, until)
    cancelled, asked = _cancel(tx, origin, wanted)
    batch = _take_back(tx, origin, wanted, f"rule {rule.number} taken back", reason, partial)
    gone = _close(tx, community_id, zone, wanted, batch)
    whole = version is None and since is None and until is None
    days = _days(tx, community_id, number, zone, [*asked, *gone], whole=whole)
    if days and head.badges:
        levels.mark(tx, community_id, sorted({member_id for member_id, _ in days}), origin.at)
    roles = _roles(tx, community_id, number, gone, origin.at)
    streaks = _streaks(tx, origin, current, community_id, {member_id for member_id, _ in days}, partial)
    undone = Undone(rule, batch, cancelled, len(days), roles, streaks)
    if gone or cancelled or days:
        _record(tx, origin, undone, version, since, until)
    return undone


Clauses = tuple[Any, ...]


def _span(
    community_id: int, number: int, version: int | None, since: datetime | None, until: datetime | None
) -> Clauses:
    clauses: list[Any] = [
        RuleGrant.community_id == community_id,
        RuleGrant.rule_number == bounded(number),
        RuleGrant.standing,
        RuleGrant.shadow.is_(False),
    ]
    if version is not None:
        clauses.append(RuleGrant.version == bounded(version))
    if since is not None:
        clauses.append(RuleGrant.at >= since)
    if until is not None:
        clauses.append(RuleGrant.at < until)
    return tuple(clauses)


def _cancel(tx: Connection, origin: Origin, wanted: Clauses) -> tuple[tuple[int, ...], Sequence[Any]]:
    """Cancel the requests that still wait, which gives their caps back too; return them, and their grants."""
    waiting = (
        select(ApprovalRequest.number, RuleGrant.member_id, RuleGrant.at)
        .join(RuleGrant, _ASKED)
        .where(*wanted, ApprovalRequest.state == RequestState.PENDING.value)
        .order_by(ApprovalRequest.number)
    )
    grants = tx.execute(waiting).all()
    for row in grants:
        approvals.cancel(tx, origin, row.number, any_request=True)
    return tuple(row.number for row in grants), grants


def _take_back(
    tx: Connection, origin: Origin, wanted: Clauses, why: str, reason: str, partial: bool
) -> BatchReceipt | None:
    """Reverse what stands of the grants' transactions, newest first; None where nothing does."""
    taken = (
        select(PointTransaction.seq)
        .where(
            PointTransaction.community_id == RuleGrant.community_id, PointTransaction.reverses == _TRANSACTION
        )
        .exists()
    )
    given = select(_TRANSACTION).select_from(RuleGrant).outerjoin(ApprovalRequest, _ASKED)
    standing = given.where(*wanted, _TRANSACTION.is_not(None), ~taken).order_by(_TRANSACTION.desc())
    numbers: Sequence[int] = tx.execute(standing).scalars().all()
    if not numbers:
        return None
    return bulk.take_back(tx, origin, numbers, reason=reason, partial=partial, why=why)


_ASKED: Final = (ApprovalRequest.community_id == RuleGrant.community_id) & (
    ApprovalRequest.number == RuleGrant.request_number
)
_TRANSACTION: Final = func.coalesce(RuleGrant.transaction_seq, ApprovalRequest.transaction_seq)
"""A grant's transaction, made at once or when its request was approved; None while that waits."""


def _close(
    tx: Connection, community_id: int, zone: ZoneInfo, wanted: Clauses, batch: BatchReceipt | None
) -> list[Any]:
    """Have the grants stand no more whose points are gone, give their caps back, and return them."""
    stays = {row.row for row in batch.refused} if batch is not None else set()
    columns = [*RuleGrant.__table__.columns, _TRANSACTION.label("seq")]
    found = select(*columns).select_from(RuleGrant).outerjoin(ApprovalRequest, _ASKED).where(*wanted)
    gone = [row for row in tx.execute(found) if row.seq not in stays]
    if gone:
        number = batch.number if batch is not None else None
        tx.execute(_GONE, [_this(row) | {"undone_by": number} for row in gone])
    uses.take(tx, community_id, (_granted(row) for row in gone), zone)
    return gone


_GONE: Final = (
    update(RuleGrant)
    .where(
        RuleGrant.community_id == bindparam("of_community"),
        RuleGrant.rule_number == bindparam("of_rule"),
        RuleGrant.fact_key == bindparam("of_fact"),
    )
    .values(standing=False, undone_batch=bindparam("undone_by"))
)


def _this(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of rule_grants
    return {"of_community": row.community_id, "of_rule": row.rule_number, "of_fact": row.fact_key}


def _granted(row: Any) -> uses.Granted:  # noqa: ANN401 - a row of rule_grants
    return uses.Granted(row.rule_number, row.member_id, row.shadow, row.at, row.amount)


def _days(
    tx: Connection, community_id: int, number: int, zone: ZoneInfo, gone: Iterable[Any], *, whole: bool
) -> set[tuple[int, int]]:
    """Take the active days that the rule made and has no grant for any more; return them, with their members."""
    mine = (ActiveDay.community_id == community_id, ActiveDay.source == number)
    there = {
        (row.member_id, row.day)
        for row in tx.execute(select(ActiveDay.member_id, ActiveDay.day).where(*mine))
    }
    kept = {(row.member_id, active_days.local_day(row.at, zone)) for row in _left(tx, community_id, number)}
    undone = {(row.member_id, active_days.local_day(row.at, zone)) for row in gone}
    taken = (there if whole else there & undone) - kept
    for member_id, day in sorted(taken):
        tx.execute(delete(ActiveDay).where(*mine, ActiveDay.member_id == member_id, ActiveDay.day == day))
    return taken


def _left(tx: Connection, community_id: int, number: int) -> Sequence[Any]:
    """Return whom, when and in which version the rule's standing grants were for."""
    found = select(RuleGrant.member_id, RuleGrant.at, RuleGrant.version).where(
        RuleGrant.community_id == community_id,
        RuleGrant.rule_number == number,
        RuleGrant.standing,
        RuleGrant.shadow.is_(False),
    )
    return tx.execute(found).all()


def _streaks(
    tx: Connection, origin: Origin, current: Policy, community_id: int, members: set[int], partial: bool
) -> BatchReceipt | None:
    """Take back what rules gave to `members` for streaks that their days do not make any more."""
    keys = _groundless(tx, current, community_id, members)
    if not keys:
        return None
    apart = replace(origin, key=f"{origin.key[:180]}:streaks")
    wanted = (
        RuleGrant.community_id == community_id,
        RuleGrant.standing,
        RuleGrant.shadow.is_(False),
        RuleGrant.fact_key.in_(keys),
    )
    _cancel(tx, apart, wanted)
    batch = _take_back(tx, apart, wanted, "streaks that are no more", "the streak is no more", partial)
    for number, gone in _by_rule(_close(tx, community_id, current.zone, wanted, batch)).items():
        _roles(tx, community_id, number, gone, origin.at)
    return batch


def _groundless(tx: Connection, current: Policy, community_id: int, members: set[int]) -> list[str]:
    """Return the keys of the streaks that rules gave something for, and that the days there are do not make."""
    of_version: dict[tuple[int, int], OnStreak] = {}
    versions = select(RuleVersion.rule_number, RuleVersion.version, RuleVersion.definition)
    for number, version, document in tx.execute(versions.where(RuleVersion.community_id == community_id)):
        trigger = Definition.model_validate(document).trigger
        if isinstance(trigger, OnStreak):
            of_version[number, version] = trigger
    if not of_version or not members:
        return []
    given = select(
        RuleGrant.rule_number, RuleGrant.version, RuleGrant.fact_key, RuleGrant.member_id, RuleGrant.at
    ).where(
        RuleGrant.community_id == community_id,
        RuleGrant.standing,
        RuleGrant.shadow.is_(False),
        RuleGrant.member_id.in_(sorted(members)),
        RuleGrant.rule_number.in_(sorted({number for number, _ in of_version})),
    )
    days = active_days.of(tx, community_id, members)
    freezes = current.programme.streak_freezes
    found: list[str] = []
    for row in tx.execute(given):
        streak = of_version.get((row.rule_number, row.version))
        if streak is not None and not _stands(
            streak, days.get(row.member_id, ()), active_days.local_day(row.at, current.zone), freezes
        ):
            found.append(row.fact_key)
    return found


def _stands(streak: OnStreak, days: Iterable[int], day: int, freezes: int) -> bool:
    """Return whether `days` make a streak as long as that, around the local day `day`."""
    made = runs(days, freezes) if streak.unit == "day" else weeks(days)
    tail = 0 if streak.unit == "day" else 6  # of weeks, a run's last is a Monday
    return any(run.first <= day <= run.last + tail and run.length >= streak.length for run in made)


def _by_rule(gone: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in gone:
        found.setdefault(row.rule_number, []).append(row)
    return found


def _roles(tx: Connection, community_id: int, number: int, gone: Iterable[Any], now: datetime) -> int:
    """Have the roles taken that the rule gave, but those for which a standing grant of its is left."""
    roles = rewards.of_versions(tx, community_id, number)
    kept = {
        (row.member_id, roles[row.version]) for row in _left(tx, community_id, number) if row.version in roles
    }
    return rewards.take(tx, community_id, number, {row.member_id for row in gone}, kept, now)


def _record(
    tx: Connection,
    origin: Origin,
    undone: Undone,
    version: int | None,
    since: datetime | None,
    until: datetime | None,
) -> None:
    head, current = policy.locked(tx, origin)
    said = {
        "version": version,
        "since": since and since.isoformat(),
        "until": until and until.isoformat(),
        "batch": undone.batch.number if undone.batch else None,
        "requests": len(undone.requests),
        "days": undone.days,
        "roles": undone.roles,
        "streaks": undone.streaks.number if undone.streaks else None,
    }
    after = {name: value for name, value in said.items() if value}
    policy.put_on_record(
        tx, head, origin, current, action=ACTION, target=str(undone.rule.number), before=None, after=after
    )
