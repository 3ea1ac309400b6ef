"""Rules against their versions, what they gave against what it moved, caps against what stands."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from points_core import policy, rewards, uses
from points_core.models import (
    ApprovalRequest,
    Batch,
    LedgerHead,
    PointRule,
    PointTransaction,
    RoleGrant,
    RuleGrant,
    RuleVersion,
)
from points_core.values import Kind, RequestState
from points_core.verification.broken import Problem, readable

NEWEST: Final = "a rule is its newest version"
MOVED: Final = "a rule's grant is what it moved"
STANDS: Final = "a grant stands until it is taken back"
CAPS: Final = "caps count the grants that stand"
ROLES: Final = "a rule's role is one that it gave"

NAMED: Final = 5
_NOTHING_CAME = [
    state.value for state in (RequestState.REJECTED, RequestState.EXPIRED, RequestState.CANCELLED)
]


def problems(tx: Connection, community_id: int, after: int, *, recount: bool) -> Iterator[Problem]:
    """Yield what is wrong with a community's rules and their grants; of transactions those after `after`.

    recount: add the sums of all grants up anew.
    """
    yield from readable("rules", _versions(tx, community_id))
    yield from readable("grants", _moved(tx, community_id, after))
    yield from readable("grants", _given(tx, community_id, after))
    yield from readable("grants", _standing(tx, community_id))
    yield from readable("roles", _roles(tx, community_id))
    if recount:
        yield from readable("caps", _sums(tx, community_id))


def _versions(tx: Connection, community_id: int) -> Iterator[Problem]:
    count, last = func.count(RuleVersion.version), func.max(RuleVersion.version)
    newest = aliased(RuleVersion)
    kept = (
        select(
            PointRule.number,
            PointRule.version,
            count.label("count"),
            last.label("last"),
            (PointRule.name == newest.name) & (PointRule.mode == newest.mode),
        )
        .outerjoin(
            RuleVersion,
            and_(
                RuleVersion.community_id == PointRule.community_id,
                RuleVersion.rule_number == PointRule.number,
            ),
        )
        .outerjoin(
            newest,
            and_(
                newest.community_id == PointRule.community_id,
                newest.rule_number == PointRule.number,
                newest.version == PointRule.version,
            ),
        )
        .where(PointRule.community_id == community_id)
        .group_by(
            PointRule.number, PointRule.version, PointRule.name, PointRule.mode, newest.name, newest.mode
        )
        .order_by(PointRule.number)
    )
    for number, version, made, latest, same in tx.execute(kept):
        if not made == latest == version or not same:
            yield NEWEST, f"rule {number} says version {version}; of {made} versions the last is {latest}"
    changed = select(LedgerHead.rule_changes).where(LedgerHead.community_id == community_id)
    versions = select(func.count()).select_from(RuleVersion).where(RuleVersion.community_id == community_id)
    if tx.execute(changed).scalar_one() != tx.execute(versions).scalar_one():
        yield NEWEST, "the head says another number of changes than there are versions"


def _moved(tx: Connection, community_id: int, after: int) -> Iterator[Problem]:
    """Yield grants whose transaction, or request, is not theirs."""
    transaction, request = PointTransaction, ApprovalRequest
    paid = _grants(community_id).outerjoin(
        transaction,
        and_(
            transaction.community_id == RuleGrant.community_id,
            transaction.seq == RuleGrant.transaction_seq,
            transaction.member_id == RuleGrant.member_id,
            transaction.amount == RuleGrant.amount,
            transaction.rule_number == RuleGrant.rule_number,
            transaction.rule_version == RuleGrant.version,
        ),
    )
    asked = _grants(community_id).outerjoin(
        request,
        and_(
            request.community_id == RuleGrant.community_id,
            request.number == RuleGrant.request_number,
            request.member_id == RuleGrant.member_id,
            request.amount == RuleGrant.amount,
            request.rule_number == RuleGrant.rule_number,
            request.rule_version == RuleGrant.version,
        ),
    )
    for rule, seq in tx.execute(
        paid.where(RuleGrant.transaction_seq > after, transaction.seq.is_(None)).limit(NAMED)
    ):
        yield MOVED, f"rule {rule} says that it gave #{seq}, which it did not"
    for rule, number in tx.execute(
        asked.with_only_columns(RuleGrant.rule_number, RuleGrant.request_number)
        .where(RuleGrant.request_number.is_not(None), request.number.is_(None))
        .limit(NAMED)
    ):
        yield MOVED, f"rule {rule} says that it asked for request {number}, which it did not"


def _given(tx: Connection, community_id: int, after: int) -> Iterator[Problem]:
    """Yield transactions that name a rule which has no grant for them, or several."""
    own = (
        RuleGrant.community_id == PointTransaction.community_id
    )  # whether they are the rule's, `_moved` looks at
    at_once = _counted(own & (RuleGrant.transaction_seq == PointTransaction.seq))
    asked = _counted(own & (RuleGrant.request_number == PointTransaction.request_number))
    grants = at_once + asked
    named = select(PointTransaction.seq, PointTransaction.rule_number, grants).where(
        PointTransaction.community_id == community_id,
        PointTransaction.seq > after,
        PointTransaction.rule_number.is_not(None),
        PointTransaction.kind == Kind.AWARD.value,
        grants != 1,
    )
    for seq, rule, count in tx.execute(named.order_by(PointTransaction.seq).limit(NAMED)):
        yield MOVED, f"#{seq} is said to be rule {rule}'s, which has {count} grants for it"


def _standing(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Yield grants that stand though nothing came of them, and those that do not though nothing took them."""
    request, batch = ApprovalRequest, Batch
    found = (
        _grants(community_id)
        .outerjoin(
            request,
            and_(request.community_id == RuleGrant.community_id, request.number == RuleGrant.request_number),
        )
        .outerjoin(
            batch, and_(batch.community_id == RuleGrant.community_id, batch.number == RuleGrant.undone_batch)
        )
    )
    came_to_nothing = request.state.in_(_NOTHING_CAME)
    wrong = or_(
        RuleGrant.standing & came_to_nothing,
        RuleGrant.standing & RuleGrant.undone_batch.is_not(None),
        RuleGrant.undone_batch.is_not(None) & batch.number.is_(None),
        ~RuleGrant.standing & func.coalesce(request.state, "").not_in(_NOTHING_CAME) & ~_reversed(),
    )
    keys = found.with_only_columns(RuleGrant.rule_number, RuleGrant.fact_key).where(wrong)
    for rule, key in tx.execute(keys.order_by(RuleGrant.fact_key).limit(NAMED)):
        yield STANDS, f"rule {rule}'s for {key}"


def _roles(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Yield roles that somebody is to have of a rule which gave them nothing, or nothing with that role.

    What was taken back one by one leaves the role; only a rule's undo takes it.
    """
    given: dict[int, dict[int, str]] = {}
    wanted = (
        select(RoleGrant.member_id, RoleGrant.role, RoleGrant.source)
        .where(
            RoleGrant.community_id == community_id,
            RoleGrant.wanted,
            RoleGrant.source.startswith(rewards.RULE),
        )
        .order_by(RoleGrant.member_id, RoleGrant.role)
    )
    for member_id, role, source in tx.execute(wanted):
        number = source.removeprefix(rewards.RULE)
        rule = int(number) if number.isascii() and number.isdigit() else 0
        if rule not in given:
            given[rule] = rewards.of_versions(tx, community_id, rule)
        versions = [version for version, name in given[rule].items() if name == role]
        grounds = select(RuleGrant.fact_key).where(
            RuleGrant.community_id == community_id,
            RuleGrant.rule_number == rule,
            RuleGrant.member_id == member_id,
            RuleGrant.version.in_(versions),
            RuleGrant.shadow.is_(False),
            RuleGrant.undone_batch.is_(None),
        )
        if tx.execute(grounds.limit(1)).first() is None:
            yield ROLES, f"member {member_id} is to have role {role} ({source}) without a ground"


def _counted(condition: ColumnElement[bool]) -> ScalarSelect[int]:
    """Count grants. One index answers each condition; two of them in one OR would have all grants read."""
    return select(func.count()).select_from(RuleGrant).where(condition).scalar_subquery()


def _reversed() -> ColumnElement[bool]:
    """Whether a grant's transaction, made at once or by its request, was taken back."""
    made = func.coalesce(RuleGrant.transaction_seq, ApprovalRequest.transaction_seq)
    return (
        select(PointTransaction.seq)
        .where(PointTransaction.community_id == RuleGrant.community_id, PointTransaction.reverses == made)
        .exists()
    )


def _sums(tx: Connection, community_id: int) -> Iterator[Problem]:
    zone = policy.by_number(tx, community_id).zone
    stored, should = uses.stored(tx, community_id), uses.summed(uses.standing(tx, community_id), zone)
    wrong = sorted(use for use in stored.keys() | should.keys() if stored.get(use) != should.get(use))
    for use in wrong[:NAMED]:
        whose = f"rule {use.rule}, member {use.member}, span {use.span} from {use.start}"
        yield CAPS, f"{whose}: {stored.get(use)} kept, {should.get(use)} given"


def _grants(community_id: int) -> Select[int, int | None]:
    return select(RuleGrant.rule_number, RuleGrant.transaction_seq).where(
        RuleGrant.community_id == community_id
    )
