"""What a rule is: a trigger, conditions, an amount, limits, multipliers; typed objects, stored as JSON.

No text language: each trigger and condition is an object of a closed list, checked when it is saved.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from points_core.programme import Amount, CategoryId, OutsideId
from points_core.rules.facts import On
from points_core.values import MAX_AMOUNT, MAX_REASON, Mode

MAX_LISTED = 25  # channels, roles and the like in one condition: what one of Discord's menus can offer
MAX_DEPTH = 4  # of any/all/none within each other
MAX_CONDITIONS = 20  # in one rule
MAX_SECONDS = 30 * 24 * 3_600  # of a cooldown
MAX_PERCENT = 1_000  # of a multiplier: ten times

Ids = Annotated[tuple[OutsideId, ...], Field(min_length=1, max_length=MAX_LISTED)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Seconds = Annotated[int, Field(ge=0, le=MAX_SECONDS, strict=True)]
Cap = Annotated[int, Field(ge=1, le=MAX_AMOUNT, strict=True)] | None
Emoji = Annotated[str, AfterValidator(lambda text: text.replace("\ufe0f", ""))]
"""An emoji itself, or the id of one of a server's own; how it is to be drawn is left out."""
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OnMessage(_Part):
    """Somebody wrote a message (no content needed)."""

    on: Literal[On.MESSAGE] = On.MESSAGE


class OnReactionReceived(_Part):
    """Somebody else reacted to a member's message; `emoji` names which (none: any)."""

    on: Literal[On.REACTION_RECEIVED] = On.REACTION_RECEIVED
    emoji: Annotated[tuple[Emoji, ...], Field(max_length=MAX_LISTED)] = ()


class OnReactionGiven(_Part):
    """A member reacted to somebody else's message."""

    on: Literal[On.REACTION_GIVEN] = On.REACTION_GIVEN
    emoji: Annotated[tuple[Emoji, ...], Field(max_length=MAX_LISTED)] = ()


class OnSolved(_Part):
    """A member's answer was marked as the solution of a thread or forum post."""

    on: Literal[On.SOLVED] = On.SOLVED


class OnEventAttended(_Part):
    """A member was at a scheduled event for at least `minutes`."""

    on: Literal[On.EVENT_ATTENDED] = On.EVENT_ATTENDED
    minutes: Annotated[int, Field(ge=1, le=1_440, strict=True)] = 15


class OnVoice(_Part):
    """A member spent `minutes` in a voice channel; each such stretch counts.

    The first `grace_seconds` of a stay do not count, nor minutes muted, deafened or with fewer than `people`
    present; at most `most_minutes` of one stay.
    """

    on: Literal[On.VOICE] = On.VOICE
    minutes: Annotated[int, Field(ge=1, le=1_440, strict=True)] = 10
    grace_seconds: Annotated[int, Field(ge=0, le=3_600, strict=True)] = 60
    people: Annotated[int, Field(ge=1, le=99, strict=True)] = 2
    most_minutes: Annotated[int, Field(ge=1, le=1_440, strict=True)] = 180


class OnBoost(_Part):
    """A member boosted the server."""

    on: Literal[On.BOOST] = On.BOOST


class OnAnniversary(_Part):
    """A member has been here for a year, or another one."""

    on: Literal[On.ANNIVERSARY] = On.ANNIVERSARY


class OnRoleGained(_Part):
    """A member was given one of `roles`."""

    on: Literal[On.ROLE_GAINED] = On.ROLE_GAINED
    roles: Ids


class OnCheckIn(_Part):
    """A member checked in, once a local day."""

    on: Literal[On.CHECK_IN] = On.CHECK_IN


class OnApiEvent(_Part):
    """A program reported the event called `event`."""

    on: Literal[On.API_EVENT] = On.API_EVENT
    event: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class OnSchedule(_Part):
    """At `at` local time, every day, week (Monday) or month (the first), each holder of one of `roles`."""

    on: Literal[On.SCHEDULE] = On.SCHEDULE
    every: Literal["day", "week", "month"]
    at: Clock = "09:00"
    roles: Ids


class OnStreak(_Part):
    """A member's streak reached `days` days (or weeks) in a row."""

    on: Literal[On.STREAK] = On.STREAK
    length: Annotated[int, Field(ge=2, le=3_650, strict=True)]
    unit: Literal["day", "week"] = "day"


Trigger = Annotated[
    OnMessage
    | OnReactionReceived
    | OnReactionGiven
    | OnSolved
    | OnEventAttended
    | OnVoice
    | OnBoost
    | OnAnniversary
    | OnRoleGained
    | OnCheckIn
    | OnApiEvent
    | OnSchedule
    | OnStreak,
    Field(discriminator="on"),
]


class AllOf(_Part):
    """Every one of the conditions is met."""

    kind: Literal["all"] = "all"
    of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=MAX_CONDITIONS)]


class AnyOf(_Part):
    """At least one of the conditions is met."""

    kind: Literal["any"] = "any"
    of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=MAX_CONDITIONS)]


class NoneOf(_Part):
    """Not one of the conditions is met."""

    kind: Literal["none"] = "none"
    of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=MAX_CONDITIONS)]


class InChannels(_Part):
    """It happened in one of `channels`, or in a thread or group of them."""

    kind: Literal["channels"] = "channels"
    channels: Ids


class HasRole(_Part):
    """The member has one of `roles`."""

    kind: Literal["roles"] = "roles"
    roles: Ids


class AccountAge(_Part):
    """The member's account is at least `days` old."""

    kind: Literal["account-age"] = "account-age"
    days: Count


class MembershipAge(_Part):
    """The member has been here for at least `days`."""

    kind: Literal["membership-age"] = "membership-age"
    days: Count


class HasAttachment(_Part):
    """The message carries a file (needs the message content intent)."""

    kind: Literal["attachment"] = "attachment"


class IsReply(_Part):
    """The message answers another."""

    kind: Literal["reply"] = "reply"


class MinimumLength(_Part):
    """The message has at least `characters` (needs the message content intent)."""

    kind: Literal["length"] = "length"
    characters: Count


class OnWeekdays(_Part):
    """It happened on one of `days` (1 is Monday, 7 Sunday) in the community's zone."""

    kind: Literal["weekdays"] = "weekdays"
    days: Annotated[
        tuple[Annotated[int, Field(ge=1, le=7, strict=True)], ...], Field(min_length=1, max_length=7)
    ]


class BetweenHours(_Part):
    """It happened from `start` to before `end`, local time; over midnight if end is not after start."""

    kind: Literal["hours"] = "hours"
    start: Clock
    end: Clock


class StreakAtLeast(_Part):
    """The member's streak is at least `length` days (or weeks)."""

    kind: Literal["streak"] = "streak"
    length: Count
    unit: Literal["day", "week"] = "day"


class TotalAtLeast(_Part):
    """The member has at least `points`, in a category or in all."""

    kind: Literal["total"] = "total"
    points: Amount
    category_id: CategoryId | None = None


Condition = Annotated[
    AllOf
    | AnyOf
    | NoneOf
    | InChannels
    | HasRole
    | AccountAge
    | MembershipAge
    | HasAttachment
    | IsReply
    | MinimumLength
    | OnWeekdays
    | BetweenHours
    | StreakAtLeast
    | TotalAtLeast,
    Field(discriminator="kind"),
]


class Limits(_Part):
    """How often and how much: cooldowns in seconds (0: none), caps in points (None: none) by local day and week."""

    member_cooldown: Seconds = 0
    """Between two grants to the same member."""
    pair_cooldown: Seconds = 0
    """Between two grants to the same member because of the same other person."""
    channel_cooldown: Seconds = 0
    """Between two grants in the same channel."""
    member_day: Cap = None
    member_week: Cap = None
    rule_day: Cap = None
    rule_week: Cap = None
    community_day: Cap = None
    """What all rules together may give in a local day; counted when this rule gives."""
    community_week: Cap = None
    every_rule_member_day: Cap = None
    """What all rules together may give one member in a local day; counted when this rule gives."""


class Multiplier(_Part):
    """`percent` of the amount for who has `role`, or in `channel`; 0 for nothing at all."""

    role: OutsideId | None = None
    channel: OutsideId | None = None
    percent: Annotated[int, Field(ge=0, le=MAX_PERCENT, strict=True)]


class Definition(_Part):
    """What a rule does. `amount` in points; what multipliers leave is rounded down.

    Of role multipliers that apply, and of channel ones, the largest counts; the two are multiplied; a 0 among
    them gives nothing. `approval`: what it gives waits for moderators. `role`: given too, for `role_days` if set.
    A rule gives nothing from `expires_at` on.
    """

    trigger: Trigger
    when: Condition | None = None
    amount: Amount
    category_id: CategoryId | None = None
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    limits: Limits = Limits()
    multipliers: Annotated[tuple[Multiplier, ...], Field(max_length=MAX_LISTED)] = ()
    approval: bool = False
    counts_for_streak: bool = False
    role: OutsideId | None = None
    role_days: Annotated[int, Field(ge=1, le=3_650, strict=True)] | None = None
    expires_at: datetime | None = None

    @property
    def document(self) -> dict[str, Any]:
        """Return what is stored of the definition, as JSON values."""
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Rule:
    """A version of a rule in memory: `number` in its community, `version` of it, its `name` and `mode`."""

    number: int
    version: int
    name: str
    mode: Mode
    definition: Definition

    @property
    def shadow(self) -> bool:
        """Whether it only records what it would have given."""
        return self.mode is Mode.SHADOW
