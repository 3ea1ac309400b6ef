"""A fact: something that happened outside, in the words of rules; never what somebody wrote."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class On(StrEnum):
    """What kinds of things happen."""

    MESSAGE = "message"
    REACTION_RECEIVED = "reaction-received"
    REACTION_GIVEN = "reaction-given"
    SOLVED = "solved"
    EVENT_ATTENDED = "event-attended"
    VOICE = "voice"
    BOOST = "boost"
    ANNIVERSARY = "anniversary"
    ROLE_GAINED = "role-gained"
    CHECK_IN = "check-in"
    API_EVENT = "api-event"
    SCHEDULE = "schedule"
    STREAK = "streak"


ASKED_FOR: Final = frozenset({On.CHECK_IN, On.STREAK})
"""What a member asks for, and what follows from it: told of also of those of whom rules are to take no notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that happened to `user_id`, in the community's outside ids.

    `key` is the outside event's own (`message:123`, `reaction:123:456:789`): it is acted on once, 150 characters
    at most. `at` is when it happened by the outside's clock (aware), not when it was heard of. `other_id` is the
    other person of it: who reacted (for the one who received), whose message it was (for the one who gave), who
    marked an answer as the solution. `channel`, `parent` (a thread's channel), `group` (the heading they stand
    under) and `message` are ids, `roles` those of `user_id`, `link` leads to it. `minutes` are whole minutes of
    presence, `people` how many were there, `years` those of an anniversary, `days` the length of a streak.
    `what` is the name of an API event, the emoji of a reaction (as a definition names it), the role gained, the
    unit of a streak. `rule` is the one that the fact was made for (turns of a schedule, stretches of voice): no
    other looks at it. What the outside does not say is None (`length` and `attachments` without the privileged
    intent for message content): a condition that asks for it is not met.
    """

    on: On
    key: str
    at: datetime
    user_id: str
    name: str | None = None
    other_id: str | None = None
    other_name: str | None = None
    channel: str | None = None
    parent: str | None = None
    group: str | None = None
    message: str | None = None
    link: str | None = None
    roles: frozenset[str] = frozenset()
    account_created_at: datetime | None = None
    joined_at: datetime | None = None
    length: int | None = None
    attachments: int | None = None
    reply: bool = False
    minutes: int | None = None
    people: int | None = None
    years: int | None = None
    days: int | None = None
    what: str | None = None
    rule: int | None = None
