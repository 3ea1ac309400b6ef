"""Every way the points core says no.

PointsError
├── Refused                  an expected no: the person can do something about it
│   ├── InvalidAmount        not a whole number, or outside the community's minimum and maximum
│   ├── InvalidText          a reason, link, name or id that cannot be stored or shown
│   ├── InvalidTime          not a date or time, or not one that makes sense here
│   ├── InvalidSetting       a policy or schedule value that cannot be
│   ├── InsufficientBalance  the balance would fall below its floor
│   ├── BalanceOutOfRange    the balance would leave what can be counted exactly
│   ├── DuplicateTransaction the same idempotency key with another request
│   ├── LooksRepeated        the same person asked for the same movement a moment ago
│   ├── LimitExceeded        a giver's daily limit
│   ├── SelfAward            giver and receiver are one person
│   ├── NotAllowed           the person lacks the capability
│   ├── UnknownCategory · UnknownTransaction · UnknownRequest · UnknownSchedule · UnknownSeason · UnknownClient
│   ├── UnknownBadge · UnknownRule · UnknownWebhook · UnknownDelivery   none of that number (that could be told)
│   ├── RuleRetired · RuleMode   a rule that is out of use for good; a step it cannot take from where it stands
│   ├── UnknownMember        nothing is kept about that person here
│   ├── NoWish               no wish to be erased waits
│   ├── AlreadyReversed · NotReversible   taken back at most once; a reversal not at all
│   ├── RequestClosed        the approval request is already decided
│   ├── OwnRequest · AlreadyVoted   the requester or the receiver tried to vote; one moderator, one vote
│   ├── UnknownBatch · BatchUndone · BatchNotUndoable   a batch is undone as a unit, at most once
│   ├── RowsRefused          rows of a batch that cannot be; none of them was written
│   ├── UnreadableFile       a file that is not what it should be
│   ├── ExportTooLarge       an export larger than what can be handed over here
│   ├── BackupDamaged        the backup is not what its manifest says
│   └── BehindAnchor         the backup ends before what was already shown outside
└── Fault                    something wrong on our side
    ├── DatabaseUnavailable  locked, full, gone or unreachable
    ├── LedgerCorrupt        the books contradict themselves
    ├── BooksClosed          the community's books failed their verification and take nothing new
    ├── BackupFailed         no backup or restore point could be made, or not put back
    └── SettingsInvalid      the process's environment cannot be used

Errors carry fields, not sentences: words and HTTP statuses live at the borders.
"""

from dataclasses import dataclass
from datetime import datetime


class PointsError(Exception):
    """Anything the points core raises on purpose."""

    def __str__(self) -> str:
        return repr(self)


class Refused(PointsError):
    """An expected no; nothing was written."""


class Fault(PointsError):
    """Something wrong on our side; nothing was written."""


@dataclass(eq=False)
class InvalidAmount(Refused):
    """`amount` (as given) is not a whole number from `minimum` to `maximum` points."""

    amount: object
    minimum: int
    maximum: int


@dataclass(eq=False)
class InvalidText(Refused):
    """The text in `field` is empty, longer than `limit` characters, or holds what cannot be stored."""

    field: str
    limit: int


@dataclass(eq=False)
class InvalidTime(Refused):
    """`text` is no date or time that can be used here."""

    text: str


@dataclass(eq=False)
class InvalidSetting(Refused):
    """`value` cannot be the setting `name`; `expected` says in a few words what can."""

    name: str
    value: object
    expected: str


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
class UnknownCategory(Refused):
    """The community has no open category `category`; `known` are those it has."""

    category: str
    known: tuple[str, ...]


@dataclass(eq=False)
class UnknownTransaction(Refused):
    """The community has no transaction `number`."""

    number: int


@dataclass(eq=False)
class UnknownRequest(Refused):
    """The community has no approval request `number`."""

    number: int


@dataclass(eq=False)
class UnknownSchedule(Refused):
    """The community has no schedule `number`."""

    number: int


@dataclass(eq=False)
class UnknownClient(Refused):
    """The community has no API client `number`."""

    number: int


@dataclass(eq=False)
class UnknownWebhook(Refused):
    """The community has no webhook `number`, or none any more."""

    number: int


@dataclass(eq=False)
class UnknownDelivery(Refused):
    """The community has no delivery `number` that could be sent anew."""

    number: int


@dataclass(eq=False)
class UnknownRule(Refused):
    """The community has no rule `number`."""

    number: int


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
class UnknownBadge(Refused):
    """The community has no badge `number`."""

    number: int


@dataclass(eq=False)
class UnknownSeason(Refused):
    """The community has no season `season`; `known` are those it has."""

    season: str
    known: tuple[str, ...]


@dataclass(eq=False)
class UnknownMember(Refused):
    """The community keeps nothing about `user_id`."""

    user_id: str


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
class UnknownBatch(Refused):
    """The community has no batch `number`."""

    number: int


@dataclass(eq=False)
class BatchUndone(Refused):
    """Batch `number` was taken back before, by batch `by`."""

    number: int
    by: int


@dataclass(eq=False)
class BatchNotUndoable(Refused):
    """Batch `number` itself took another one back."""

    number: int


@dataclass(frozen=True, slots=True)
class RowRefused:
    """One row of a batch that cannot be, and why.

    `row` is the row's number where it came from (a file's row, a list's, an undone transaction's number);
    `user_id` whom it is about, if that is known.
    """

    row: int
    user_id: str | None
    error: Refused


@dataclass(eq=False)
class RowsRefused(Refused):
    """`rows` of the `total` rows of a batch cannot be, so none of them was written."""

    rows: tuple[RowRefused, ...]
    total: int


@dataclass(eq=False)
class UnreadableFile(Refused):
    """The file cannot be used: `why`, in `row` if it is one row's fault (the header is row 1)."""

    why: str
    row: int | None = None


@dataclass(eq=False)
class ExportTooLarge(Refused):
    """The export has more than `limit` `unit` (bytes, rows), the most that can be handed over so."""

    limit: int
    unit: str


@dataclass(eq=False)
class BackupDamaged(Refused):
    """The backup `file` is not what its manifest says: `why`."""

    file: str
    why: str


@dataclass(eq=False)
class BehindAnchor(Refused):
    """The backup has `community` end at transaction `number`; `anchor`, known from `place`, is not in it."""

    community: str
    number: int
    anchor: int
    place: str


@dataclass(eq=False)
class DatabaseUnavailable(Fault):
    """The database could not be used: `why`, in the database's own words."""

    why: str


@dataclass(eq=False)
class LedgerCorrupt(Fault):
    """The books contradict themselves: `what`, and where."""

    what: str


@dataclass(eq=False)
class BooksClosed(Fault):
    """The books of `community` failed their verification and take nothing new: `why`."""

    community: str
    why: str


@dataclass(eq=False)
class BackupFailed(Fault):
    """A backup could not be made or put back: `why`."""

    why: str


@dataclass(eq=False)
class SettingsInvalid(Fault):
    """The environment variable `name` cannot be used: `why`."""

    name: str
    why: str
