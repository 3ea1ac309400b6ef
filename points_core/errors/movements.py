"""A movement, a vote or a step that the rules of the books do not allow."""

from dataclasses import dataclass
from datetime import datetime

from points_core.errors.roots import Refused


@dataclass(eq=False)
class InsufficientBalance(Refused):
    """Taking `amount` points from `balance` would fall below `floor`."""

    balance: int
    amount: int
    floor: int = 0


@dataclass(eq=False)
class BalanceOutOfRange(Refused):
    """Moving `amount` points from `balance` would leave ±2⁵³, where JSON and pandas lose digits."""

    balance: int
    amount: int


@dataclass(eq=False)
class DuplicateTransaction(Refused):
    """The idempotency key `key` was used before, for another request."""

    key: str


@dataclass(eq=False)
class LooksRepeated(Refused):
    """The same person asked for the same movement at `at`; `number` is that transaction or request."""

    number: int
    at: datetime
    pending: bool = False


@dataclass(eq=False)
class LimitExceeded(Refused):
    """`amount` more points would pass the giver's daily `limit`; `used` are gone until `resets_at`."""

    limit: int
    used: int
    amount: int
    resets_at: datetime


@dataclass(eq=False)
class SelfAward(Refused):
    """`user_id` tried to award points to themselves."""

    user_id: str


@dataclass(eq=False)
class NotAllowed(Refused):
    """The person lacks `capability`: award, deduct, approve, undo or configure."""

    capability: str


@dataclass(eq=False)
class RuleRetired(Refused):
    """Rule `number` is retired: nothing about it changes any more."""

    number: int


@dataclass(eq=False)
class RuleMode(Refused):
    """Rule `number` (0: a new one) is `mode` and cannot be switched to `wanted`."""

    number: int
    mode: str
    wanted: str


@dataclass(eq=False)
class NoWish(Refused):
    """`user_id` has no wish to be erased that could be taken back."""

    user_id: str


@dataclass(eq=False)
class AlreadyReversed(Refused):
    """Transaction `number` was taken back before, by transaction `by`."""

    number: int
    by: int


@dataclass(eq=False)
class NotReversible(Refused):
    """Transaction `number` is itself a reversal."""

    number: int


@dataclass(eq=False)
class RequestClosed(Refused):
    """Approval request `number` is already `state`."""

    number: int
    state: str


@dataclass(eq=False)
class OwnRequest(Refused):
    """The requester or the receiver of approval request `number` tried to vote on it."""

    number: int


@dataclass(eq=False)
class AlreadyVoted(Refused):
    """This moderator already voted on approval request `number`."""

    number: int
    approve: bool


@dataclass(eq=False)
class BatchUndone(Refused):
    """Batch `number` was taken back before, by batch `by`."""

    number: int
    by: int


@dataclass(eq=False)
class BatchNotUndoable(Refused):
    """Batch `number` itself took another one back."""

    number: int
