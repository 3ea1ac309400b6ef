"""What is asked of a batch: one movement of it, and under which key the books know it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from points_core.ledger import Movement
from points_core.policy import Category, Policy
from points_core.values import (
    Kind,
    Origin,
    clean_id,
    clean_instant,
    clean_link,
    clean_name,
    clean_text,
    whole_amount,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement of a batch; `amount` is signed points, `row` its number where it came from.

    A row that moves points twice has a `part` for each; `key` is its own idempotency key, where it has one whatever
    batch it is in. `takes_back` is the row, earlier in the batch, that
    this entry reverses; then only row, reason and user_id count.
    """

    row: int
    user_id: str
    amount: int
    reason: str
    kind: Kind
    name: str | None = None
    category: str | None = None
    evidence: str | None = None
    effective_at: datetime | None = None
    takes_back: int | None = None
    part: str = ""
    key: str | None = None


def movement(origin: Origin, rules: Policy, batch: int, entry: Entry) -> Movement:
    """Return the movement that an entry asks for. Raises InvalidAmount, InvalidText, UnknownCategory."""
    whole_amount(abs(entry.amount))
    return Movement(
        kind=entry.kind,
        user_id=clean_id("user_id", entry.user_id),
        name=clean_name(entry.name),
        amount=entry.amount,
        reason=clean_text("reason", entry.reason),
        evidence=clean_link("evidence", entry.evidence) if entry.evidence else None,
        category=_category(rules, entry),
        actor=origin.actor,
        key=entry.key or key_of(origin, entry.row, entry.part),
        at=origin.at,
        effective_at=clean_instant(entry.effective_at) if entry.effective_at else None,
        batch=batch,
    )


def _category(rules: Policy, entry: Entry) -> Category | None:
    """Return an entry's category; what is imported or expires may belong to one that was retired since."""
    return rules.category(entry.category, retired=entry.kind in {Kind.IMPORT, Kind.EXPIRY})


def key_of(origin: Origin, row: int, part: str = "") -> str:
    """Return the idempotency key of one row: the batch's own, shortened, the row's number and part."""
    return f"batch:{hashlib.sha256(origin.key.encode()).hexdigest()[:32]}:{row}{part}"
