"""What a rule gave is taken back as a whole: points as one batch, caps, active days, roles, and what waits.

What time took of those points since, their expiry, is taken back with them. What other rules gave for streaks
that these days made goes too; what else they gave, or kept, because of these points stays: see `beside`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update
from sqlalchemy.orm import aliased

from points_core import approvals, audit, bulk, communities, levels, policy, rewards, uses
from points_core.bulk import BatchReceipt
from points_core.bulk.batches import by_key
from points_core.communities import Head
from points_core.duties import EXPIRY_KEY, lot_of_key
from points_core.errors import DuplicateTransaction, RowRefused, RowsRefused
from points_core.models import ApprovalRequest, PointTransaction, RuleGrant
from points_core.policy import Policy, Zones
from points_core.rules import groundless, reading
from points_core.rules.beside import Beside, beside
from points_core.rules.definition import Rule
from points_core.rules.groundless import Days
from points_core.statements import portions
from points_core.values import Origin, RequestState, bounded, clean_instant, clean_text

ACTION: Final = "rule.undo"


@dataclass(frozen=True, slots=True)
class Undone:
    """What a rule's undo did: the batch that took points back, requests it cancelled, days and roles it took.

    batch: None where no transaction stood. streaks: the batch of what other rules gave for streaks that these
    days made, None where they gave nothing. refused: the transactions, of both, that could not be taken back,
    known only to whoever just asked. beside: what stays as it is. `replayed` when it was done before.
    """

    rule: Rule
    batch: BatchReceipt | None = None
    requests: tuple[int, ...] = ()
    days: int = 0
    roles: int = 0
    streaks: BatchReceipt | None = None
    refused: tuple[RowRefused, ...] = ()
    beside: Beside = field(default_factory=Beside)
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
    instead of refusing all. Balances, badges, roles and streaks are then as if it had not run, but for what
    `beside` tells; what was taken back one by one before is left alone. A shadow rule's records stay: they
    moved nothing.
    Raises UnknownRule, InvalidText, InvalidTime, InvalidSetting for too much at once, RowsRefused,
    DuplicateTransaction.
    """
    reason = clean_text("reason", reason)
    part = _part(version, since, until, partial=partial)
    head, current = policy.locked(tx, origin)
    community_id, zone = head.community_id, current.zone
    rule = reading.numbered(tx, community_id, number).rule
    if (earlier := _earlier(tx, head, origin, rule, part)) is not None:
        return earlier
    wanted = _span(community_id, number, version, since, until)
    left = beside(tx, community_id, number, wanted)
    cancelled, asked = _cancel(tx, origin, [wanted])
    why = f"rule {rule.number} taken back"
    taken = _take_back(tx, origin, community_id, [wanted], why, reason, partial=partial)
    gone = _close(tx, community_id, zone, [wanted], taken)
    zones = policy.zones(tx, community_id)
    meant = groundless.Part(number, version, since, until)
    days = groundless.days(tx, community_id, meant, zones, [*asked, *gone])
    if days and head.badges:
        levels.mark(tx, community_id, sorted({member_id for member_id, _ in days}), origin.at)
    roles = rewards.take(tx, community_id, number, {row.member_id for row in gone}, origin.at)
    streaks = _streaks(tx, origin, current, zones, community_id, days, partial=partial)
    undone = Undone(
        rule,
        taken.batch,
        cancelled,
        len(days),
        roles,
        streaks.batch,
        (*taken.refused, *streaks.refused),
        left,
    )
    if gone or cancelled or days:
        _record(tx, origin, undone, part)
    return undone


def leaves(
    tx: Connection,
    community: str,
    number: int,
    *,
    version: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Beside:
    """Return what `undo` of that part would leave as it is; nothing for no such rule. Raises InvalidTime."""
    _part(version, since, until, partial=False)
    community_id = communities.find(tx, community)
    if community_id is None:
        return Beside()
    return beside(tx, community_id, number, _span(community_id, number, version, since, until))


# ── once for a key ──


def _part(
    version: int | None, since: datetime | None, until: datetime | None, *, partial: bool
) -> dict[str, Any]:
    """Return which part of what the rule gave is meant, as it goes on record. Raises InvalidTime."""
    said: dict[str, Any] = {
        "version": version,
        "since": clean_instant(since).astimezone(UTC).isoformat() if since else None,
        "until": clean_instant(until).astimezone(UTC).isoformat() if until else None,
        "partial": partial or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _earlier(
    tx: Connection, head: Head, origin: Origin, rule: Rule, part: Mapping[str, Any]
) -> Undone | None:
    """Return what was done under the origin's key. Raises DuplicateTransaction if that was something else."""
    for action, target, after in audit.under_key(tx, head.community_id, origin.key):
        if action != ACTION:
            continue
        done = after or {}
        if target != str(rule.number) or part != {k: v for k, v in done.items() if k in _PARTS}:
            raise DuplicateTransaction(origin.key)
        batch, streaks, requests = (done.get(name) for name in ("batch", "streaks", "requests"))
        return Undone(
            rule,
            bulk.get(tx, origin.community, batch) if batch else None,
            tuple(requests) if isinstance(requests, list) else (),
            done.get("days", 0),
            done.get("roles", 0),
            bulk.get(tx, origin.community, streaks) if streaks else None,
            replayed=True,
        )
    if by_key(tx, head, origin.key) is not None:
        raise DuplicateTransaction(origin.key)
    return None


_PARTS: Final = frozenset({"version", "since", "until", "partial"})


def _record(tx: Connection, origin: Origin, undone: Undone, part: Mapping[str, Any]) -> None:
    head, current = policy.locked(tx, origin)
    said = {
        "batch": undone.batch.number if undone.batch else None,
        "requests": list(undone.requests),
        "days": undone.days,
        "roles": undone.roles,
        "streaks": undone.streaks.number if undone.streaks else None,
    }
    after = {**part, **{name: value for name, value in said.items() if value}}
    policy.put_on_record(
        tx, head, origin, current, action=ACTION, target=str(undone.rule.number), before=None, after=after
    )


# ── points ──


Clauses = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Taken:
    """The batch that took points back, if any stood, and which transactions it could not take."""

    batch: BatchReceipt | None = None
    refused: tuple[RowRefused, ...] = ()


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


def _cancel(
    tx: Connection, origin: Origin, spans: Sequence[Clauses]
) -> tuple[tuple[int, ...], Sequence[Any]]:
    """Cancel the requests that still wait, which gives their caps back too; return them, and their grants."""
    waiting = (
        select(ApprovalRequest.number, RuleGrant.member_id, RuleGrant.at)
        .join(RuleGrant, _ASKED)
        .where(ApprovalRequest.state == RequestState.PENDING.value)
        .order_by(ApprovalRequest.number)
    )
    grants = [row for span in spans for row in tx.execute(waiting.where(*span))]
    for row in grants:
        approvals.cancel(tx, origin, row.number, any_request=True)
    return tuple(row.number for row in grants), grants


def _take_back(
    tx: Connection,
    origin: Origin,
    community_id: int,
    spans: Sequence[Clauses],
    why: str,
    reason: str,
    *,
    partial: bool,
) -> _Taken:
    """Reverse what stands of the grants' transactions, newest first, and what expired of them."""
    given = select(_TRANSACTION).select_from(RuleGrant).outerjoin(ApprovalRequest, _ASKED)
    standing = given.where(_TRANSACTION.is_not(None), ~_reversed(community_id, _TRANSACTION))
    found = (number for span in spans for number in tx.execute(standing.where(*span)).scalars())
    numbers = sorted(found, reverse=True)
    if not numbers:
        return _Taken()
    expiries = _expiries(tx, community_id, numbers)
    batch = bulk.take_back(tx, origin, numbers, reason=reason, partial=partial, why=why, expiries=expiries)
    return _Taken(batch, batch.refused)


def _expiries(tx: Connection, community_id: int, numbers: Sequence[int]) -> dict[int, int]:
    """Return the expiries of what was left of gains that nothing took back, by the gain's number."""
    found: dict[int, int] = {}
    for keys in portions(f"{EXPIRY_KEY}{number}" for number in numbers):
        expired = select(PointTransaction.key, PointTransaction.seq).where(
            PointTransaction.community_id == community_id,
            PointTransaction.key.in_(keys),
            ~_reversed(community_id, PointTransaction.seq),
        )
        found |= {lot: seq for key, seq in tx.execute(expired) if (lot := lot_of_key(key)) is not None}
    return found


def _reversed(community_id: int, number: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a column or an expression
    """Return whether a transaction was taken back."""
    reversal = aliased(PointTransaction)
    this = (reversal.community_id == community_id, reversal.reverses == number)
    return select(reversal.seq).where(*this).exists()


_ASKED: Final = (ApprovalRequest.community_id == RuleGrant.community_id) & (
    ApprovalRequest.number == RuleGrant.request_number
)
_TRANSACTION: Final = func.coalesce(RuleGrant.transaction_seq, ApprovalRequest.transaction_seq)
"""A grant's transaction, made at once or when its request was approved; None while that waits."""


def _close(
    tx: Connection, community_id: int, zone: ZoneInfo, spans: Sequence[Clauses], taken: _Taken
) -> Sequence[Any]:
    """Have the grants stand no more whose points are gone, give their caps back, and return them."""
    stays = {row.row for row in taken.refused}
    columns = [*RuleGrant.__table__.columns, _TRANSACTION.label("seq")]
    every = select(*columns).select_from(RuleGrant).outerjoin(ApprovalRequest, _ASKED)
    gone = [row for span in spans for row in tx.execute(every.where(*span)) if row.seq not in stays]
    if gone:
        number = taken.batch.number if taken.batch is not None else None
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


# ── days, and what they led to ──


def _streaks(
    tx: Connection,
    origin: Origin,
    current: Policy,
    zones: Zones,
    community_id: int,
    days: Days,
    *,
    partial: bool,
) -> _Taken:
    """Take back what rules gave for streaks that were made by `days`, and are not without them."""
    keys = groundless.streaks(tx, current, zones, community_id, days)
    spans = [
        (
            RuleGrant.community_id == community_id,
            RuleGrant.standing,
            RuleGrant.shadow.is_(False),
            RuleGrant.fact_key.in_(some),
        )
        for some in portions(keys)
    ]
    apart = replace(origin, key=f"{origin.key[:180]}:streaks")
    _cancel(tx, apart, spans)
    try:
        taken = _take_back(
            tx,
            apart,
            community_id,
            spans,
            "streaks that are no more",
            "the streak is no more",
            partial=partial,
        )
    except RowsRefused as refused:  # none of them could be
        if not partial:
            raise
        taken = _Taken(None, refused.rows)
    for number, gone in _by_rule(_close(tx, community_id, current.zone, spans, taken)).items():
        rewards.take(tx, community_id, number, gone, origin.at)
    return taken


def _by_rule(gone: Iterable[Any]) -> dict[int, set[int]]:
    """Return the members of grants by the rule that gave them."""
    found: dict[int, set[int]] = {}
    for row in gone:
        found.setdefault(row.rule_number, set()).add(row.member_id)
    return found
