"""One movement of points, as it is asked of the books."""

from dataclasses import dataclass
from datetime import datetime

from points_core.ledger import chain
from points_core.policy import Category
from points_core.values import Actor, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Points that are to move; `amount` signed. `effective_at` None means `at`, when they were asked for.

    `rule` is the rule that gives them, and which version of it.
    """

    kind: Kind
    user_id: str
    amount: int
    reason: str
    actor: Actor
    key: str
    at: datetime
    name: str | None = None
    category: Category | None = None
    evidence: str | None = None
    effective_at: datetime | None = None
    request: int | None = None
    validator_id: int | None = None
    batch: int | None = None
    rule: tuple[int, int] | None = None

    def commitment(self, member_id: int, salt: bytes, reverses: int | None = None) -> bytes:
        """Return the salted hash of what is asked; a reversal's date is its original's, not asked for."""
        return chain.commitment(
            salt,
            key=self.key,
            kind=self.kind,
            member_id=member_id,
            amount=self.amount,
            category_id=self.category.id if self.category else None,
            reason=self.reason,
            evidence=self.evidence,
            reverses=reverses,
            effective_at=None if reverses else self.effective_at,
        )
