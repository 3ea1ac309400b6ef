"""The shapes that go in and out: ids are strings, amounts whole numbers, times ISO 8601 with an offset.

What comes in is checked strictly, with nothing unknown beside it; what goes out is made of the core's values.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from points_core.clients import Scope
from points_core.errors import InvalidTime
from points_core.seasons import MAX_NAME as MAX_SEASON
from points_core.values import (
    INVISIBLE,
    MAX_AMOUNT,
    MAX_CATEGORY_NAME,
    MAX_ID,
    MAX_LINK,
    MAX_NAME,
    MAX_REASON,
    ActorKind,
    Kind,
    RequestState,
    clean_instant,
)
from points_core.windows import parse_day

MAX_NUMBER = 2**53  # what every JSON reader keeps exactly
MAX_BATCH = 100  # rows: one commit that nobody waits long for

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
STORABLE = rf"^[^{_CONTROL}]*[^{INVISIBLE}][^{_CONTROL}]*$"
"""Something visible, and nothing that cannot be stored."""
_HIDDEN = (  # spaces, controls and formats of Unicode 16; beyond \uffff as themselves, as JSON Schema wants it
    r"\s\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_HOST, _REST = r"[A-Za-z0-9._~%:@-]+", rf"[^<>\"'`\\^{{|}}{_HIDDEN}]*"
LINK = rf"^[Hh][Tt][Tt][Pp][Ss]?://{_HOST}([/?#]{_REST})?$"
YEARS = r"^(19[789][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-"

_DIGITS = re.compile(r"0|[1-9][0-9]{0,16}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def plain_digits(value: Any) -> Any:  # noqa: ANN401 - text of an address, or a default
    """Return the number that plain digits write; `1_000`, `+5` and `1e3` are none."""
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise ValueError("expected a whole number in plain digits")
        return int(value)
    return value


def _instant(value: Any) -> datetime:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("expected a date and time with an offset, such as 2026-01-31T12:00:00Z")
    try:
        return clean_instant(datetime.fromisoformat(value.upper()).astimezone(UTC))
    except (InvalidTime, OverflowError):
        raise ValueError("expected a year from 1970 to 9998") from None


def _day(value: Any) -> date:  # noqa: ANN401 - text of an address
    try:
        return parse_day(value)
    except (InvalidTime, TypeError):
        raise ValueError("expected a day, such as 2026-01-31") from None


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": YEARS, "examples": ["2026-01-31T12:00:00Z"]}
    ),
]
Day = Annotated[
    date,
    PlainValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": YEARS, "examples": ["2026-01-31"]}),
]
UserId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.:@-]+$",
        min_length=1,
        max_length=MAX_ID,
        description="The member's outside id (a Discord user id), as a string.",
        examples=["81384788765712384"],
    ),
]
Number = Annotated[int, Field(ge=1, le=MAX_NUMBER), BeforeValidator(plain_digits)]
"""A transaction's or request's number in an address."""
Limit = Annotated[int, Field(ge=1, le=1_000), BeforeValidator(plain_digits)]
Amount = Annotated[
    int, Field(strict=True, ge=1, le=MAX_AMOUNT, description="Points, a positive whole number.")
]
Reason = Annotated[
    str,
    Field(
        min_length=1, max_length=MAX_REASON, pattern=STORABLE, description="What for; it stays in the ledger."
    ),
]
SeasonName = Annotated[str, Field(min_length=1, max_length=MAX_SEASON, pattern=STORABLE)]
CategoryName = Annotated[str, Field(min_length=1, max_length=MAX_CATEGORY_NAME, pattern=STORABLE)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, pattern=STORABLE, description="How the person is called now."),
]


class Given(BaseModel):
    """What comes in: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """What goes out, made of the core's values."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class MovementIn(Given):
    """An award or a deduction that is asked for. The community is the token's."""

    user_id: UserId
    amount: Amount
    reason: Reason
    category: Annotated[CategoryName | None, Field(description="One of the community's categories.")] = None
    evidence: Annotated[
        str | None,
        Field(max_length=MAX_LINK, pattern=LINK, description="An http or https link that shows why."),
    ] = None
    name: Name | None = None
    effective_at: Annotated[Instant | None, Field(description="When it counts, if not now.")] = None


class BatchIn(Given):
    """Awards that are asked for together; each is decided for itself, in order, in one commit."""

    rows: Annotated[list[MovementIn], Field(min_length=1, max_length=MAX_BATCH)]


class ReversalIn(Given):
    """Why a transaction is taken back."""

    reason: Reason


class DecisionIn(Given):
    """One person's yes or no on an approval request, as a program tells it."""

    approve: Annotated[bool, Field(strict=True)]
    on_behalf_of: Annotated[UserId, Field(description="Who decided: neither who asked nor who receives.")]
    name: Name | None = None
    note: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_REASON, pattern=STORABLE, description="Why not, with a no."),
    ] = None


class CategoryIn(Given):
    """A category's name."""

    name: CategoryName


class ActorOut(Told):
    """Who did something: a member with an id, or an API client with its number."""

    kind: ActorKind
    user_id: str | None
    name: str | None
    client: int | None


class TransactionOut(Told):
    """One transaction; `amount` is signed, `before` and `after` are the member's balance."""

    number: int
    kind: Kind
    user_id: str | None
    name: str | None
    amount: int
    before: int
    after: int
    category: str | None
    reason: str | None
    evidence: str | None
    actor: ActorOut
    effective_at: datetime
    recorded_at: datetime
    reverses: int | None
    request: int | None
    batch: int | None


class MovementOut(TransactionOut):
    """A transaction as it is told to who made it."""

    season: Annotated[
        str | None,
        Field(
            description="The sealed season it is dated into: that result stays, its corrected view changes."
        ),
    ]


class VoteOut(Told):
    """One person's yes or no."""

    user_id: str | None
    name: str | None
    approve: bool
    at: datetime


class RequestOut(Told):
    """Points that wait, or waited, for other people; `transaction` is the movement they became."""

    number: int
    state: RequestState
    kind: Kind
    user_id: str | None
    name: str | None
    amount: int
    category: str | None
    reason: str | None
    evidence: str | None
    requester: ActorOut
    quorum: int
    approvals: int
    opened_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    transaction: int | None
    votes: list[VoteOut]
    note: str | None


class RequestsOut(Told):
    """Requests that wait, oldest first; `next` goes into `after` for more of them, null at the end."""

    requests: list[RequestOut]
    next: int | None


class RowOut(Told):
    """What became of one row: a transaction, a request that waits, or a problem document."""

    row: Annotated[int, Field(ge=0, description="Its place in the batch, from 0.")]
    status: Annotated[int, Field(description="What POST /points/award would have answered.")]
    replayed: bool
    transaction: MovementOut | None = None
    request: RequestOut | None = None
    problem: dict[str, Any] | None = None


class BatchOut(Told):
    """What became of each row of a batch."""

    recorded: int
    waiting: int
    refused: int
    rows: list[RowOut]


class HistoryOut(Told):
    """Transactions, newest first, or oldest first after a number."""

    transactions: list[TransactionOut]
    older: Annotated[int | None, Field(description="Goes into `before` for the next page; null at the end.")]
    newest: Annotated[int | None, Field(description="Goes into `after` to go on from here.")]


class LineOut(Told):
    """One line of a board; ids and names are null for who is erased or hidden."""

    rank: int
    user_id: str | None
    name: str | None
    points: int
    moved: Annotated[
        int | None,
        Field(description="With `compare`: how many ranks it rose (negative: fell) since the window before."),
    ] = None
    new: Annotated[bool, Field(description="With `compare`: it stood on no board there.")] = False


class StatisticsOut(Told):
    """Of all who stand on the board."""

    members: int
    total: int
    median: float


class AroundOut(Told):
    """The member asked about, and the lines next to theirs; null and empty when not on the board."""

    mine: LineOut | None
    neighbours: list[LineOut]


class WindowOut(Told):
    """Which span of time: from `start` to before `end`; null for all time."""

    name: str | None
    start: datetime | None
    end: datetime | None


class LeaderboardOut(Told):
    """A page of a leaderboard, best first; equal points share a rank and the next is skipped."""

    window: WindowOut
    season: str | None
    sealed: Annotated[bool, Field(description="Whether this is a season's result, which stays.")]
    category: str | None
    as_of: datetime | None
    corrected: bool
    members: Annotated[int, Field(description="How many stand on the whole board.")]
    standings: list[LineOut]
    next: Annotated[str | None, Field(description="Goes into `cursor` for the next page; null at the end.")]
    around: AroundOut | None = None
    statistics: StatisticsOut | None = None


class CategoryOut(Told):
    """A heading for points; a retired one keeps its past and takes no new points."""

    id: int
    name: str
    retired: bool


class CategoriesOut(Told):
    """The community's categories."""

    categories: list[CategoryOut]


class ClientOut(Told):
    """Whoever the token belongs to."""

    community: str
    number: int
    name: str
    scopes: list[Scope]
    per_minute: int
    max_amount: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
