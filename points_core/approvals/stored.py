"""Requests read back, and where the outside shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select, update
from sqlalchemy.orm import aliased

from points_core import communities, policy
from points_core.errors import (
    UnknownRequest,
)
from points_core.models import (
    ApiClient,
    ApprovalRequest,
    ApprovalVote,
    Category,
    Community,
    Member,
    RuleVersion,
)
from points_core.prepared import Prepared
from points_core.values import (
    MAX_NUMBER,
    Actor,
    ActorKind,
    Kind,
    Origin,
    Request,
    RequestState,
    Vote,
    bounded,
)


def set_card(tx: Connection, origin: Origin, number: int, *, channel: str, message: str) -> None:
    """Remember where the outside shows a request. Raises UnknownRequest."""
    head, _ = policy.locked(tx, origin)
    load(tx, head.community_id, number)
    tx.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.community_id == head.community_id, ApprovalRequest.number == number)
        .values(card_channel=channel, card_message=message)
    )


def get(tx: Connection, community: str, number: int) -> Request:
    """Return the community's request `number` with its votes. Raises UnknownRequest."""
    found = communities.find(tx, community)
    if found is None:
        raise UnknownRequest(number)
    return load(tx, found, number)


def by_card(tx: Connection, community: str, message: str) -> Request | None:
    """Return the request that the outside shows in `message`, None if it is no card of the community's."""
    number = tx.execute(
        select(ApprovalRequest.number)
        .join(Community, Community.id == ApprovalRequest.community_id)
        .where(Community.key == community, ApprovalRequest.card_message == message)
    ).scalar()
    return None if number is None else get(tx, community, number)


def pending(
    tx: Connection, community: str, *, limit: int = 10, after: int | None = None
) -> tuple[Request, ...]:
    """Return the community's pending requests, oldest first, past number `after` if given."""
    found = communities.find(tx, community)
    if found is None:
        return ()
    condition = and_(
        ApprovalRequest.community_id == found,
        ApprovalRequest.state == RequestState.PENDING.value,
        ApprovalRequest.number > bounded(after or 0),
    )
    return _load(tx, _REQUESTS.where(condition).order_by(ApprovalRequest.number).limit(limit))


_Asking = aliased(Member, name="asking")

_REQUESTS = (
    select(
        ApprovalRequest,
        Member.user_id,
        Member.name,
        Category.name.label("category"),
        _Asking.user_id.label("asking_user_id"),
        func.coalesce(_Asking.name, ApiClient.name, RuleVersion.name).label("asking_name"),
    )
    .join(
        Member,
        and_(Member.community_id == ApprovalRequest.community_id, Member.id == ApprovalRequest.member_id),
    )
    .outerjoin(
        _Asking,
        and_(
            ApprovalRequest.actor_kind == ActorKind.MEMBER.value,
            _Asking.community_id == ApprovalRequest.community_id,
            _Asking.id == ApprovalRequest.actor_id,
        ),
    )
    .outerjoin(
        ApiClient,
        and_(
            ApprovalRequest.actor_kind == ActorKind.CLIENT.value,
            ApiClient.community_id == ApprovalRequest.community_id,
            ApiClient.id == ApprovalRequest.actor_id,
        ),
    )
    .outerjoin(
        RuleVersion,
        and_(
            RuleVersion.community_id == ApprovalRequest.community_id,
            RuleVersion.rule_number == ApprovalRequest.rule_number,
            RuleVersion.version == ApprovalRequest.rule_version,
        ),
    )
    .outerjoin(
        Category,
        and_(
            Category.community_id == ApprovalRequest.community_id, Category.id == ApprovalRequest.category_id
        ),
    )
)


def load(tx: Connection, community_id: int, number: int) -> Request:
    """Return request `number` of the community with that number. Raises UnknownRequest."""
    condition = and_(ApprovalRequest.community_id == community_id, ApprovalRequest.number == number)
    found = _load(tx, _REQUESTS.where(condition)) if 1 <= number <= MAX_NUMBER else ()
    if not found:
        raise UnknownRequest(number)
    return found[0]


def by_keys(tx: Connection, community_id: int, keys: Sequence[str]) -> dict[str, tuple[Any, Request]]:
    """Return the requests already opened with `keys`, each with what it committed to."""
    asked = {"community": community_id, "keys": keys}
    committed = {
        number: (key, (salt, request_hash, member_id))
        for number, key, salt, request_hash, member_id in _COMMITTED.rows(tx, asked)
    }
    if not committed:
        return {}
    found = _load(tx, _REQUESTS.where(_BY_KEYS), asked)
    return {committed[r.number][0]: (committed[r.number][1], r) for r in found}


_BY_KEYS = and_(
    ApprovalRequest.community_id == bindparam("community"),
    ApprovalRequest.key.in_(bindparam("keys", expanding=True)),
)
_COMMITTED = Prepared(
    select(
        ApprovalRequest.number,
        ApprovalRequest.key,
        ApprovalRequest.salt,
        ApprovalRequest.request_hash,
        ApprovalRequest.member_id,
    ).where(_BY_KEYS)
)


def _load(
    tx: Connection, statement: Select[*tuple[Any, ...]], asked: Mapping[str, object] | None = None
) -> tuple[Request, ...]:
    rows = tx.execute(statement, asked).all()
    if not rows:
        return ()
    votes = _votes(tx, rows[0].community_id, [row.number for row in rows])
    return tuple(_request(row, tuple(votes.get(row.number, ()))) for row in rows)


def _votes(tx: Connection, community_id: int, numbers: Sequence[int]) -> dict[int, list[Vote]]:
    votes: dict[int, list[Vote]] = {}
    for number, user_id, name, approve, at in tx.execute(
        select(
            ApprovalVote.request_number,
            Member.user_id,
            Member.name,
            ApprovalVote.approve,
            ApprovalVote.voted_at,
        )
        .join(Member)
        .where(ApprovalVote.community_id == community_id, ApprovalVote.request_number.in_(numbers))
        .order_by(ApprovalVote.voted_at, ApprovalVote.voter_id)
    ):
        votes.setdefault(number, []).append(Vote(user_id, name, approve, at))
    return votes


def vote_key(tx: Connection, community_id: int, number: int, origin: Origin) -> str | None:
    """Return the key under which the origin's actor voted."""
    return tx.execute(
        select(ApprovalVote.key)
        .join(Member)
        .where(
            ApprovalVote.community_id == community_id,
            ApprovalVote.request_number == number,
            Member.user_id == origin.actor.user_id,
        )
    ).scalar()


def _request(row: Any, votes: tuple[Vote, ...]) -> Request:  # noqa: ANN401 - a row of _REQUESTS
    return Request(
        number=row.number,
        state=RequestState(row.state),
        kind=Kind(row.kind),
        user_id=row.user_id,
        name=row.name,
        amount=row.amount,
        category=row.category,
        reason=row.reason,
        evidence=row.evidence,
        requester=_requester(row),
        quorum=row.quorum,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        transaction=row.transaction_seq,
        place=row.place,
        card=(row.card_channel, row.card_message) if row.card_channel and row.card_message else None,
        votes=votes,
        note=row.note,
        rule=None if row.rule_number is None else (row.rule_number, row.rule_version),
    )


def _requester(row: Any) -> Actor:  # noqa: ANN401 - a row of _REQUESTS
    kind = ActorKind(row.actor_kind)
    client = row.actor_id if kind is ActorKind.CLIENT else None
    return Actor(kind, row.asking_user_id, row.asking_name, client)
