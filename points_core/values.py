"""The vocabulary: what goes in and out of the core, and what counts as an amount, a text, an id.

Kind, ActorKind, Mode, Duty, RequestState    the closed lists
Actor, Origin                    who asked, in which community, when, with which key
Receipt, Request                 what a write did: points moved, or points wait
whole_amount, parse_amount, clean_text, clean_link, clean_id, clean_key, clean_name, clean_instant
one_line                         text from people where one line stands for one thing
bounded                          a number to compare with the stored ones
outside_key                      a caller's own idempotency key, without what it may say about people
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256

from points_core.errors import InvalidAmount, InvalidText, InvalidTime

MAX_AMOUNT = 10**12  # points in one movement: far past any real award, far below any overflow
MAX_BALANCE = 2**53  # the largest whole number JSON readers and float64 columns keep exactly
MAX_REASON = 300  # characters: fits an embed field's 1,024 with markdown escaped
MAX_LINK = 500  # characters
MAX_ID = 64  # characters
MAX_KEY = 200  # characters
MAX_NAME = 100  # characters: Discord names have at most 32, other communities may be longer
MAX_CATEGORIES = 25  # what one of Discord's menus can offer
MAX_CATEGORY_NAME = 50  # characters
MAX_NUMBER = 2**63 - 1  # past this the drivers raise instead of finding nothing
FIRST_YEAR, LAST_YEAR = 1970, 9998  # a zone's offset or a window's end never leaves the calendar


class Kind(StrEnum):
    """Why points move."""

    AWARD = "award"
    DEDUCTION = "deduction"
    REDEMPTION = "redemption"
    TRANSFER = "transfer"
    REVERSAL = "reversal"
    EXPIRY = "expiry"
    IMPORT = "import"


class ActorKind(StrEnum):
    """What kind of someone asked."""

    MEMBER = "member"
    RULE = "rule"
    CLIENT = "client"  # a program: Python or HTTP
    OPERATOR = "operator"  # the person at the host's command line
    SYSTEM = "system"  # the passing of time: expiry, schedules


class Mode(StrEnum):
    """Where a rule stands in its life."""

    DRAFT = "draft"  # being written; sees nothing
    SHADOW = "shadow"  # records what it would have given
    LIVE = "live"
    PAUSED = "paused"
    RETIRED = "retired"  # for good


class Duty(StrEnum):
    """What time does to points."""

    EXPIRY = "expiry"
    NOTICE = "notice"  # that some expire soon
    DECAY = "decay"


class RequestState(StrEnum):
    """Where an approval request stands; it leaves `pending` once."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something; `user_id` for members, `name` for those who have one, `client` is a program's number."""

    kind: ActorKind
    user_id: str | None = None
    name: str | None = None
    client: int | None = None

    @classmethod
    def member(cls, user_id: str, name: str | None = None) -> "Actor":
        """Return the actor for a person of the community."""
        return cls(ActorKind.MEMBER, clean_id("user_id", user_id), clean_name(name))


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked (`actor`), in which `community` (its outside id), when (`at`, aware), and with which `key`.

    The key comes from the outside event (an interaction, a message and reaction, a schedule's slot, a
    caller's own): the same key moves points once. `place` is where the answer belongs, if anywhere
    (a channel's id).
    """

    community: str
    actor: Actor
    at: datetime
    key: str
    place: str | None = None

    def __post_init__(self) -> None:
        clean_id("community", self.community)
        clean_key(self.key)
        clean_instant(self.at)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a movement of points did.

    `number` is the transaction's number in its community (#1042), `amount` signed points, `before` and
    `after` the member's balance, `name` how the member was last called. `season` names the sealed season
    that this is dated into: only its corrected view changes (told to who moved the points, not kept).
    `rule` is the rule that gave it, and which version of it. `replayed` when the key was seen before and
    nothing new was written.
    """

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
    actor: Actor
    effective_at: datetime
    recorded_at: datetime
    reverses: int | None = None
    request: int | None = None
    batch: int | None = None
    season: str | None = None
    replayed: bool = False
    rule: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One moderator's yes or no on an approval request."""

    user_id: str | None
    name: str | None
    approve: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """Points that wait for other moderators; `amount` is signed, `number` counts requests, not transactions.

    `card` is where the outside shows it: (channel id, message id), once posted. `place` is where it was
    asked. `transaction` is the number of the movement it became. `rule` is the rule that asks, and which version.
    """

    number: int
    state: RequestState
    kind: Kind
    user_id: str | None
    name: str | None
    amount: int
    category: str | None
    reason: str | None
    evidence: str | None
    requester: Actor
    quorum: int
    opened_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    transaction: int | None
    place: str | None
    card: tuple[str, str] | None
    votes: tuple[Vote, ...] = ()
    note: str | None = None
    replayed: bool = False
    rule: tuple[int, int] | None = None

    @property
    def approvals(self) -> int:
        """Return how many moderators have said yes."""
        return sum(vote.approve for vote in self.votes)


def whole_amount(value: object, minimum: int = 1, maximum: int = MAX_AMOUNT) -> int:
    """Return `value` if it is an int from `minimum` to `maximum`; bools, floats and strings are refused."""
    if type(value) is not int or not minimum <= value <= maximum:
        raise InvalidAmount(value, minimum, maximum)
    return value


def bounded(number: int) -> int:
    """Return `number`, or the nearest one that a database can compare with: none is kept beyond either end."""
    return max(-1, min(number, MAX_NUMBER))


_DIGITS = re.compile(r"[1-9][0-9]{0,12}", re.ASCII)


def parse_amount(text: str) -> int:
    """Return the whole number written in `text`, in plain ASCII digits without sign, separator or exponent.

    Raises InvalidAmount for anything else, `1e3`, `１２`, `1_000` and `+5` included.
    """
    if not _DIGITS.fullmatch(text):
        raise InvalidAmount(text[:40], 1, MAX_AMOUNT)
    return whole_amount(int(text))


INVISIBLE = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5"
    r"\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What nobody sees, as a regular expression's class without its brackets: spaces, controls, formats, fillers,
variation selectors of Unicode 16. Beyond \\uffff as themselves, as JSON Schema wants it."""

_VISIBLE = re.compile(f"[^{INVISIBLE}]")
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return whether any database can keep `text`: it holds no control characters and no lone surrogates."""
    return _UNSTORABLE.search(text) is None


def clean_text(field: str, text: object, limit: int = MAX_REASON) -> str:
    """Return `text` with white space at its ends removed.

    Raises InvalidText if nothing is left that can be seen, if it is longer than `limit` characters, or if it holds
    control characters or lone surrogates (PostgreSQL cannot store NUL, UTF-8 cannot write a surrogate).
    """
    if not isinstance(text, str) or len(text) > 4 * limit:
        raise InvalidText(field, limit)
    stripped = text.strip()
    if len(stripped) > limit or not _VISIBLE.search(stripped) or _UNSTORABLE.search(stripped):
        raise InvalidText(field, limit)
    return stripped


def one_line(text: str | None) -> str:
    """Return text from people as one line: line breaks and tabs become spaces."""
    return " ".join((text or "").split())


_LINK = re.compile(r"https?://[^\s<>\"'`\\^{|}]+", re.IGNORECASE)
_INVISIBLE = frozenset(
    {"Cc", "Cf", "Zl", "Zp", "Zs"}
)  # spaces, and what hides or turns the letters around it


def clean_link(field: str, text: str) -> str:
    """Return `text` if it is one http or https address that looks like what it is; raises InvalidText otherwise.

    Letters of any script may stand in it; spaces, invisible and direction-changing characters may not.
    """
    link = clean_text(field, text, MAX_LINK)
    if not _LINK.fullmatch(link) or not _INVISIBLE.isdisjoint(map(unicodedata.category, link)):
        raise InvalidText(field, MAX_LINK)
    return link


_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,64}", re.ASCII)


def clean_id(field: str, text: object) -> str:
    """Return `text` if it can be an outside id (a Discord snowflake, say); raises InvalidText otherwise."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise InvalidText(field, MAX_ID)
    return text


_KEY = re.compile(r"[!-~]{1,200}", re.ASCII)


def clean_key(text: object) -> str:
    """Return `text` if it can be an idempotency key: 1 to 200 visible ASCII characters."""
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        raise InvalidText("key", MAX_KEY)
    return text


def outside_key(way_in: str, given: object) -> str:
    """Return the key under which a caller's own idempotency key is kept: `way_in` and a digest.

    Keys stand in the ledger for good, and callers like to put people's ids in theirs.
    Raises InvalidText for what cannot be a key.
    """
    return f"{way_in}:{sha256(clean_key(given).encode()).hexdigest()[:40]}"


def clean_name(text: str | None) -> str | None:
    """Return a display name fit to store: unstorable characters dropped, cut at 100; None if nothing can be seen."""
    name = _UNSTORABLE.sub("", text).strip()[:MAX_NAME].rstrip() if text else ""
    return name if _VISIBLE.search(name) else None


def clean_day(day: date) -> date:
    """Return `day` if it is in a year from 1970 to 9998; raises InvalidTime otherwise."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidTime(day.isoformat())
    return day


def clean_instant(moment: datetime) -> datetime:
    """Return `moment` if it is aware and in a year from 1970 to 9998; raises InvalidTime otherwise."""
    if moment.tzinfo is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidTime(moment.isoformat())
    return moment
