"""Everything kept about a member, for that member. Other people's ids are left out."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, or_, select

from points_core import active_days, communities, history, links
from points_core.errors import UnknownMember
from points_core.links import Account
from points_core.models import (
    ApprovalRequest,
    ApprovalVote,
    AuditEvent,
    BadgeHolding,
    Category,
    Member,
    PointTransaction,
    RoleGrant,
)
from points_core.models import Badge as BadgeRow
from points_core.privacy.erasing import TELLING
from points_core.privacy.noticed import Granted, Noticed, granted, noticed
from points_core.privacy.wishes import Wish, wish
from points_core.values import ActorKind

SOMEONE: Final = "someone"
Found = Row[*tuple[Any, ...]]

AT_ONCE = 500  # ids looked up in one statement: SQLite takes 32,766, older ones 999

_MENTION = re.compile(r"<@!?([0-9]+)>")
_ID = re.compile(rf"[A-Za-z0-9]{{{TELLING},64}}")


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement of points: the member's own (`balance` after it, `who` did it), or one they made (`who` got it)."""

    number: int
    kind: str
    amount: int
    who: str
    category: str | None
    reason: str | None
    evidence: str | None
    effective_at: datetime
    recorded_at: datetime
    balance: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval request for the member, or by them."""

    number: int
    state: str
    kind: str
    amount: int
    whose: str
    by: str
    category: str | None
    reason: str | None
    evidence: str | None
    note: str | None
    opened_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Voted:
    """A vote the member gave."""

    request: int
    approve: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """A change the member made to how points work."""

    number: int
    at: datetime
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Badge:
    """A step of a badge that the member holds or held."""

    name: str
    step: int
    earned_at: datetime
    revoked_at: datetime | None
    revoked_because: str | None


@dataclass(frozen=True, slots=True)
class Role:
    """A role that the member is to have, or no longer to have, for a level, a badge or a rule."""

    role: str
    source: str
    wanted: bool
    until: datetime | None
    state: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Copy:
    """What a community keeps about a member, at `made_at`. Points as in `history.Balance`.

    `days` are the local ones on which they did something that counts for a streak, `noticed` what rules saw of
    them in the last ninety days, `rules` what rules gave them, `link` the account outside where points are shown.
    """

    community: str
    user_id: str
    name: str | None
    made_at: datetime
    known_since: datetime
    hidden: bool
    erasure: Wish | None
    current: int
    earned: int
    spent: int
    rank: int | None
    categories: tuple[tuple[str, int], ...]
    received: tuple[Movement, ...]
    given: tuple[Movement, ...]
    requests: tuple[Asked, ...]
    votes: tuple[Voted, ...]
    changes: tuple[Changed, ...]
    level: str | None = None
    badges: tuple[Badge, ...] = ()
    roles: tuple[Role, ...] = ()
    days: tuple[date, ...] = ()
    noticed: tuple[Noticed, ...] = ()
    rules: tuple[Granted, ...] = ()
    link: Account | None = None
    untracked_since: datetime | None = None


def copy(tx: Connection, community: str, user_id: str, now: datetime) -> Copy:
    """Return everything kept about the member with outside id `user_id`. Raises UnknownMember."""
    community_id = communities.find(tx, community)
    known = select(Member.id, Member.name, Member.created_at, Member.hidden_at, Member.untracked_at).where(
        Member.community_id == community_id, Member.user_id == user_id
    )
    member = tx.execute(known).one_or_none() if community_id is not None else None
    if community_id is None or member is None:
        raise UnknownMember(user_id)
    balance = history.balance(tx, community, user_id, recent=0)
    rows = _Rows.load(tx, community_id, member.id)
    clean = _without_others(tx, community_id, user_id, rows.texts())
    return Copy(
        community=community,
        user_id=user_id,
        name=member.name,
        made_at=now,
        known_since=member.created_at,
        hidden=member.hidden_at is not None,
        untracked_since=member.untracked_at,
        erasure=wish(tx, community, user_id),
        current=balance.current,
        earned=balance.earned,
        spent=balance.spent,
        rank=balance.rank,
        categories=balance.categories,
        received=tuple(_received(row, member.id, clean) for row in rows.received),
        given=tuple(_given(row, member.id, clean) for row in rows.given),
        requests=tuple(_asked(row, member.id, clean) for row in rows.requests),
        votes=tuple(Voted(row.request_number, row.approve, row.voted_at) for row in rows.votes),
        changes=tuple(_changed(row) for row in rows.changes),
        level=balance.level_name,
        badges=tuple(Badge(*row) for row in rows.badges),
        roles=tuple(Role(*row) for row in rows.roles),
        days=tuple(map(date.fromordinal, active_days.of(tx, community_id, [member.id])[member.id])),
        noticed=noticed(tx, community_id, member.id),
        rules=granted(tx, community_id, member.id),
        link=links.of(tx, user_id, community),
    )


# ── reading ──


@dataclass(frozen=True, slots=True)
class _Rows:
    received: list[Found]
    given: list[Found]
    requests: list[Found]
    votes: list[Found]
    changes: list[Found]
    badges: list[Found]
    roles: list[Found]

    @classmethod
    def load(cls, tx: Connection, community_id: int, member_id: int) -> "_Rows":
        moved, asked = _with_category(PointTransaction), _with_category(ApprovalRequest)
        return cls(
            received=_all(
                tx,
                moved.where(
                    PointTransaction.community_id == community_id, PointTransaction.member_id == member_id
                ).order_by(PointTransaction.member_seq),
            ),
            given=_all(
                tx,
                moved.where(_by(PointTransaction, community_id, member_id)).order_by(PointTransaction.seq),
            ),
            requests=_all(
                tx,
                asked.where(
                    ApprovalRequest.community_id == community_id,
                    or_(
                        ApprovalRequest.member_id == member_id, _by(ApprovalRequest, community_id, member_id)
                    ),
                ).order_by(ApprovalRequest.number),
            ),
            votes=_all(
                tx,
                select(ApprovalVote.request_number, ApprovalVote.approve, ApprovalVote.voted_at)
                .where(ApprovalVote.community_id == community_id, ApprovalVote.voter_id == member_id)
                .order_by(ApprovalVote.request_number),
            ),
            changes=_all(
                tx,
                select(
                    AuditEvent.number,
                    AuditEvent.recorded_at,
                    AuditEvent.action,
                    AuditEvent.target,
                    AuditEvent.before,
                    AuditEvent.after,
                )
                .where(_by(AuditEvent, community_id, member_id))
                .order_by(AuditEvent.number),
            ),
            badges=_all(tx, _badges(community_id, member_id)),
            roles=_all(tx, _roles(community_id, member_id)),
        )

    def texts(self) -> Iterator[str]:
        for row in (*self.received, *self.given, *self.requests):
            yield from filter(None, (row.reason, row.evidence, getattr(row, "note", None)))


def _badges(community_id: int, member_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            BadgeRow.name,
            BadgeHolding.step,
            BadgeHolding.earned_at,
            BadgeHolding.revoked_at,
            BadgeHolding.revoked_because,
        )
        .join(
            BadgeRow,
            and_(
                BadgeRow.community_id == BadgeHolding.community_id,
                BadgeRow.number == BadgeHolding.badge_number,
            ),
        )
        .where(BadgeHolding.community_id == community_id, BadgeHolding.member_id == member_id)
        .order_by(BadgeHolding.badge_number, BadgeHolding.step, BadgeHolding.nth)
    )


def _roles(community_id: int, member_id: int) -> Select[*tuple[Any, ...]]:
    columns = (
        RoleGrant.role,
        RoleGrant.source,
        RoleGrant.wanted,
        RoleGrant.until,
        RoleGrant.state,
        RoleGrant.changed_at,
    )
    theirs = (RoleGrant.community_id == community_id, RoleGrant.member_id == member_id)
    return select(*columns).where(*theirs).order_by(RoleGrant.role)


def _all(tx: Connection, statement: Select[*tuple[Any, ...]]) -> list[Found]:
    return list(tx.execute(statement))


def _with_category(model: type[PointTransaction] | type[ApprovalRequest]) -> Select[*tuple[Any, ...]]:
    return select(model.__table__, Category.name.label("category")).outerjoin(
        Category, and_(Category.community_id == model.community_id, Category.id == model.category_id)
    )


def _by(
    model: type[PointTransaction] | type[ApprovalRequest] | type[AuditEvent],
    community_id: int,
    member_id: int,
) -> Any:  # noqa: ANN401 - a condition
    return and_(
        model.community_id == community_id,
        model.actor_kind == ActorKind.MEMBER.value,
        model.actor_id == member_id,
    )


# ── other people ──

Clean = Callable[[str | None], str | None]


def _without_others(tx: Connection, community_id: int, user_id: str, texts: Iterable[str]) -> Clean:
    """Return what leaves other members' ids out of a text."""
    words = {word for each in texts for word in _ID.findall(each)} - {user_id}
    others = _members_among(tx, community_id, sorted(words))

    def clean(written: str | None) -> str | None:
        if written is None:
            return None
        named = _MENTION.sub(lambda m: m[0] if m[1] == user_id else f"@{SOMEONE}", written)
        return _ID.sub(lambda m: SOMEONE if m[0] in others else m[0], named)

    return clean


def _members_among(tx: Connection, community_id: int, words: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(words), AT_ONCE):
        found |= communities.people(tx, community_id, words[start : start + AT_ONCE]).keys()
    return found


def _person(row: Found, member_id: int) -> str:
    if row.actor_kind != ActorKind.MEMBER:
        return f"the {row.actor_kind}"
    return "you" if row.actor_id == member_id else SOMEONE


def _received(row: Found, member_id: int, clean: Clean) -> Movement:
    return _movement(row, _person(row, member_id), clean, row.balance_after)


def _given(row: Found, member_id: int, clean: Clean) -> Movement:
    return _movement(row, "you" if row.member_id == member_id else SOMEONE, clean)


def _movement(row: Found, who: str, clean: Clean, balance: int | None = None) -> Movement:
    return Movement(
        number=row.seq,
        kind=row.kind,
        amount=row.amount,
        who=who,
        category=row.category,
        reason=clean(row.reason),
        evidence=clean(row.evidence),
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        balance=balance,
    )


def _asked(row: Found, member_id: int, clean: Clean) -> Asked:
    return Asked(
        number=row.number,
        state=row.state,
        kind=row.kind,
        amount=row.amount,
        whose="you" if row.member_id == member_id else SOMEONE,
        by=_person(row, member_id),
        category=row.category,
        reason=clean(row.reason),
        evidence=clean(row.evidence),
        note=clean(row.note),
        opened_at=row.opened_at,
        decided_at=row.decided_at,
    )


def _changed(row: Found) -> Changed:
    return Changed(row.number, row.recorded_at, row.action, row.target, row.before, row.after)
