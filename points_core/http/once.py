"""Writes that this door composes: one Idempotency-Key stands for one request, whatever kind it was.

Awards and deductions remember their keys in the ledger; everything else here remembers it in the audit
record, in the same commit. A key that was used for anything else is refused.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from points_core import approvals, audit, awards, communities, history, outbox, policy, webhooks
from points_core.communities import Head
from points_core.errors import (
    AlreadyVoted,
    DuplicateTransaction,
    NotAllowed,
    OwnRequest,
    RequestClosed,
    UnknownCategory,
)
from points_core.models import ApprovalRequest, AuditEvent, Community, PointTransaction
from points_core.outbox import Topic
from points_core.policy import Capability, Category, Policy
from points_core.values import Actor, ActorKind, Kind, Origin, Receipt, Request
from points_core.webhooks import Delivery, Hook
from points_core.writer import Call, planned_together, run_together

Row = dict[str, Any]
"""The arguments of one award."""


def _move_many(tx: Connection, calls: Sequence[Call]) -> list[Any]:
    """Move points for several who wait together, in order, unless their keys stand for something else."""
    origins: list[Origin] = [call.args[0] for call in calls]
    taken = _recorded(tx, origins)
    free = [call for call, origin in zip(calls, origins, strict=True) if _whose(origin) not in taken]
    done = iter(run_together(tx, approvals.request, free))
    return [DuplicateTransaction(o.key) if _whose(o) in taken else next(done) for o in origins]


@planned_together(_move_many)
def move(tx: Connection, origin: Origin, /, **asked: Any) -> Receipt | Request:  # noqa: ANN401 - approvals.request's own
    """Award or deduct as `approvals.request` does, unless the key stands for something else.

    Raises DuplicateTransaction, and what that raises.
    """
    if _recorded(tx, [origin]):
        raise DuplicateTransaction(origin.key)
    return approvals.request(tx, origin, **asked)


def _whose(origin: Origin) -> tuple[str, str]:
    return origin.community, origin.key


def _recorded(tx: Connection, origins: Sequence[Origin]) -> set[tuple[str, str]]:
    """Return the keys of `origins`, with their communities, that something is on record under."""
    there = select(Community.key, AuditEvent.key).join(Community, Community.id == AuditEvent.community_id)
    rows = tx.execute(
        there.where(
            Community.key.in_({origin.community for origin in origins}),
            AuditEvent.key.in_({origin.key for origin in origins}),
        )
    )
    return {(community, key) for community, key in rows}


def award_rows(tx: Connection, origin: Origin, rows: Sequence[Row]) -> tuple[list[Any], bool]:
    """Award each row for itself, in order; return each one's outcome, and whether the batch was asked before.

    Asked again, rows that were done are held against what the ledger knows of them; a row that was refused
    before is decided anew. Raises DuplicateTransaction.
    """
    head, _ = policy.locked(tx, origin)
    earlier = _batch_under(tx, head, origin, len(rows))
    calls = [
        Call((replace(origin, key=f"{origin.key}#{index}"),), {"kind": Kind.AWARD, **row})
        for index, row in enumerate(rows)
    ]
    outcomes = run_together(tx, approvals.request, calls)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if earlier is None:
        # How many, and nothing of what: a digest of it would stay when a person is erased, and whoever held it
        # could try names, amounts and reasons against it. The ledger's salted commitments know what was asked.
        count = {"rows": len(rows), "refused": len(refused)}
        _remember(tx, origin, "batch.award", f"{len(rows)} rows", count)
        return outcomes, False
    again = sum(not isinstance(outcome, Exception) and outcome.replayed for outcome in outcomes)
    if again < earlier or any(isinstance(refusal, DuplicateTransaction) for refusal in refused):
        raise DuplicateTransaction(origin.key)
    return outcomes, True


def _batch_under(tx: Connection, head: Head, origin: Origin, rows: int) -> int | None:
    """Return how many rows of the batch that was asked under the key were done then, None if none was asked.

    Raises DuplicateTransaction if the key stands for something else, a batch of another length included.
    """
    used = audit.under_key(tx, head.community_id, origin.key)
    if not used:
        _refuse_movements(tx, head, origin)
        return None
    ((action, _, counted), *others) = used
    if others or action != "batch.award" or counted is None or counted["rows"] != rows:
        raise DuplicateTransaction(origin.key)
    return rows - int(counted["refused"])


def reverse(tx: Connection, origin: Origin, number: int, *, reason: str, anybodys: bool) -> Receipt:
    """Take a transaction back: one that this client made, or `anybodys`.

    Raises NotAllowed, UnknownTransaction, AlreadyReversed, NotReversible, InsufficientBalance,
    DuplicateTransaction.
    """
    head, _ = policy.locked(tx, origin)
    if audit.under_key(tx, head.community_id, origin.key) or _opened(tx, head, origin.key):
        raise DuplicateTransaction(origin.key)
    original = history.transaction(tx, origin.community, number)
    if not anybodys and not _is_by(original.actor, origin):
        raise NotAllowed(Capability.UNDO.value)
    return awards.reverse(tx, origin, number, reason=reason)


def decide(
    tx: Connection, origin: Origin, number: int, *, voter: Actor, approve: bool, note: str | None
) -> Request:
    """Record the vote that a member gave through a client, and that it came through this one.

    Raises UnknownRequest, OwnRequest (for the client that asked, too), AlreadyVoted, RequestClosed,
    DuplicateTransaction, and what the movement may raise.
    """
    head, _ = policy.locked(tx, origin)
    target = f"request:{number}:{'approve' if approve else 'reject'}"
    asked = _was_asked(tx, head, origin, "request.vote", target)
    if _is_by(approvals.get(tx, origin.community, number).requester, origin):
        raise OwnRequest(number)
    try:
        decided = approvals.vote(tx, replace(origin, actor=voter), number, approve=approve, note=note)
    except (AlreadyVoted, OwnRequest, RequestClosed) as refusal:
        if asked:  # by the same key, for somebody else
            raise DuplicateTransaction(origin.key) from refusal
        raise
    if asked and (not decided.replayed or (note and not approve and decided.note != note.strip())):
        raise DuplicateTransaction(origin.key)
    if not asked:
        _remember(tx, origin, "request.vote", target, {"approve": approve})
    return decided


def cancel(tx: Connection, origin: Origin, number: int, *, anybodys: bool) -> Request:
    """Take a pending request back: one that this client opened, or `anybodys`.

    Raises UnknownRequest, NotAllowed, RequestClosed, DuplicateTransaction.
    """
    head, _ = policy.locked(tx, origin)
    if _was_asked(tx, head, origin, "request.cancel", f"request:{number}"):
        return replace(approvals.get(tx, origin.community, number), replayed=True)
    cancelled = approvals.cancel(tx, origin, number, any_request=anybodys)
    _remember(tx, origin, "request.cancel", f"request:{number}", None)
    return cancelled


def add_category(tx: Connection, origin: Origin, name: str) -> tuple[Category, bool]:
    """Open a category; return it, and whether that was asked before. Raises InvalidText, InvalidSetting."""
    head, _ = policy.locked(tx, origin)
    asked = _was_asked(tx, head, origin, "category.add", name.strip())
    return _named(policy.add_category(tx, origin, name), name), asked


def rename_category(tx: Connection, origin: Origin, number: int, name: str) -> tuple[Category, bool]:
    """Give category `number` another name. Raises UnknownCategory, InvalidText, InvalidSetting."""
    head, rules = policy.locked(tx, origin)
    category = _numbered(rules, number)
    if _used_for(tx, head, origin, "category.rename", {"id": number, "name": name.strip()}):
        return category, True
    return _named(policy.rename_category(tx, origin, category.name, name), name), False


def retire_category(tx: Connection, origin: Origin, number: int) -> tuple[Category, bool]:
    """Close category `number` to new points. Raises UnknownCategory."""
    head, rules = policy.locked(tx, origin)
    category = _numbered(rules, number)
    if _was_asked(tx, head, origin, "category.retire", category.name):
        return category, True
    return _numbered(policy.retire_category(tx, origin, category.name), number), False


def add_webhook(tx: Connection, origin: Origin, *, url: str, topics: Collection[webhooks.Topic]) -> Hook:
    """Have an address told what happens. Raises InvalidSetting, DuplicateTransaction."""
    head, _ = policy.locked(tx, origin)
    used = audit.under_key(tx, head.community_id, origin.key)
    if any(action != "webhook.add" for action, _, _ in used):
        raise DuplicateTransaction(origin.key)
    if not used:
        _refuse_movements(tx, head, origin)
    return webhooks.add(tx, origin, url=url, topics=topics)


def remove_webhook(tx: Connection, origin: Origin, number: int) -> Hook:
    """Tell an address nothing more. Raises UnknownWebhook, DuplicateTransaction."""
    head, _ = policy.locked(tx, origin)
    asked = _was_asked(tx, head, origin, "webhook.remove", f"webhook:{number}")
    return replace(webhooks.remove(tx, origin, number), replayed=asked)


def replay_delivery(tx: Connection, origin: Origin, number: int) -> tuple[Delivery, bool]:
    """Send a delivery anew; return it, and whether that was asked before.

    Raises UnknownDelivery, UnknownWebhook, DuplicateTransaction.
    """
    head, _ = policy.locked(tx, origin)
    if _was_asked(tx, head, origin, "webhook.replay", f"delivery:{number}"):
        return webhooks.delivery(tx, origin.community, number), True
    return webhooks.replay(tx, origin, number), False


def _is_by(actor: Actor, origin: Origin) -> bool:
    return actor.kind is ActorKind.CLIENT and actor.client == origin.actor.client


def _numbered(rules: Policy, number: int) -> Category:
    for category in rules.categories:
        if category.id == number:
            return category
    raise UnknownCategory(str(number), rules.open_categories)


def _named(rules: Policy, name: str) -> Category:
    category = rules.category(name, retired=True)  # a repeated request may come after it was retired
    assert category is not None
    return category


def _was_asked(tx: Connection, head: Head, origin: Origin, action: str, target: str) -> bool:
    """Return whether this very request was made under the key. Raises DuplicateTransaction if another was."""
    used = audit.under_key(tx, head.community_id, origin.key)
    if not used:
        return _refuse_movements(tx, head, origin)
    if any((found, on) != (action, target) for found, on, _ in used):
        raise DuplicateTransaction(origin.key)
    return True


def _used_for(tx: Connection, head: Head, origin: Origin, action: str, after: audit.Document) -> bool:
    used = audit.under_key(tx, head.community_id, origin.key)
    if not used:
        return _refuse_movements(tx, head, origin)
    if any((found, then) != (action, after) for found, _, then in used):
        raise DuplicateTransaction(origin.key)
    return True


def _refuse_movements(tx: Connection, head: Head, origin: Origin) -> bool:
    moved = select(PointTransaction.seq).where(
        PointTransaction.community_id == head.community_id, PointTransaction.key == origin.key
    )
    if tx.execute(moved).first() or _opened(tx, head, origin.key):
        raise DuplicateTransaction(origin.key)
    return False


def _opened(tx: Connection, head: Head, key: str) -> bool:
    opened = select(ApprovalRequest.number).where(
        ApprovalRequest.community_id == head.community_id, ApprovalRequest.key == key
    )
    return tx.execute(opened).first() is not None


def _remember(tx: Connection, origin: Origin, action: str, target: str, after: audit.Document | None) -> None:
    head, rules = policy.locked(tx, origin)  # anew: what was done since took numbers from it
    number = audit.record(tx, head, origin, action=action, target=target, before=None, after=after)
    if rules.log_channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(number), at=origin.at, place=rules.log_channel)
    communities.save(tx, head)
