"""What a definition has to be before it is kept: the right shape, not too large, and something that can happen.

definition = checked(document, now)     # raises InvalidSetting with the part, its value and what it could be
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from points_core.errors import InvalidSetting
from points_core.rules.conditions import parts
from points_core.rules.definition import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    AllOf,
    AnyOf,
    Condition,
    Definition,
    HasAttachment,
    IsReply,
    Limits,
    MinimumLength,
    NoneOf,
    OnVoice,
)
from points_core.rules.facts import On
from points_core.values import MAX_AMOUNT, MAX_ID, clean_instant, clean_text

PLACED: Final = frozenset(
    {
        On.MESSAGE,
        On.REACTION_RECEIVED,
        On.REACTION_GIVEN,
        On.SOLVED,
        On.EVENT_ATTENDED,
        On.VOICE,
        On.API_EVENT,
    }
)
"""What happens in a channel."""

PAIRED: Final = frozenset({On.REACTION_RECEIVED, On.REACTION_GIVEN, On.SOLVED, On.API_EVENT})
"""What happens between two people."""

OWN_DOING: Final = PLACED | {On.CHECK_IN, On.BOOST}
"""What a member does, so that it can count for their streak."""

_CONDITION: Final[TypeAdapter[Condition]] = TypeAdapter(Condition)
_OF_A_MESSAGE: Final = (IsReply, HasAttachment, MinimumLength)
_NESTED: Final = 4 * (MAX_DEPTH + 4)  # dicts and lists in each other, of any definition that can be kept


def checked(document: Mapping[str, Any] | Definition, now: datetime | None = None) -> Definition:
    """Return the definition that `document` describes, if it can be kept.

    now: if given, `expires_at` has to be later. Raises InvalidSetting, InvalidText.
    """
    definition = _cleaned(_read(document.document if isinstance(document, Definition) else document))
    _check_size(definition.when)
    _check_conditions(definition)
    _check_limits(definition)
    _check_multipliers(definition)
    _check_rest(definition, now)
    return definition


def condition_of(document: Mapping[str, Any]) -> Condition:
    """Return the condition that `document` describes. Raises InvalidSetting."""
    with _told():
        return _CONDITION.validate_python(dict(document))


def fitting(on: On) -> tuple[str, ...]:
    """Return the kinds of conditions that a rule with that trigger can have, in the order of the vocabulary."""
    kinds = ["all", "any", "none", "channels", "roles", "account-age", "membership-age"]
    kinds += ["attachment", "reply", "length", "weekdays", "hours", "streak", "total"]
    without = {"channels"} if on not in PLACED else set()
    if on is not On.MESSAGE:
        without |= {"attachment", "reply", "length"}
    return tuple(kind for kind in kinds if kind not in without)


def depth(condition: Condition | None) -> int:
    """Return how many groups stand within each other; 0 without any."""
    inside = condition.of if isinstance(condition, AllOf | AnyOf | NoneOf) else None
    return 0 if inside is None else 1 + max(depth(one) for one in inside)


def _read(document: Mapping[str, Any]) -> Definition:
    if _nested(document) > _NESTED:
        raise InvalidSetting("conditions", "so many within each other", f"at most {MAX_DEPTH} deep")
    with _told():
        return Definition.model_validate(dict(document))


@contextmanager
def _told() -> Iterator[None]:
    """Say what pydantic finds as a refusal that names the part."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InvalidSetting(_path(first["loc"]), first["input"], _expected(first["msg"])) from error


def _cleaned(definition: Definition) -> Definition:
    for emoji in getattr(definition.trigger, "emoji", ()):
        clean_text("emoji", emoji, MAX_ID)
    return definition.model_copy(update={"reason": clean_text("reason", definition.reason)})


def _nested(document: object) -> int:
    """Return how many dicts and lists stand within each other; no recursion, whoever wrote it."""
    level, waiting = 0, [document]
    while waiting and level <= _NESTED:
        level += 1
        waiting = [inner for outer in waiting for inner in _inside(outer)]
    return level


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _path(location: tuple[int | str, ...]) -> str:
    """Return where a fault stands; the word that only tells which object of a closed list was meant goes unsaid."""
    words = [str(each) for place, each in enumerate(location) if not _is_tag(location, place)]
    return ".".join(words) or "rule"


def _is_tag(location: tuple[int | str, ...], place: int) -> bool:
    return location[:place] in {("when",), ("trigger",)} or (place > 1 and location[place - 2] == "of")


def _expected(message: str) -> str:
    """Return what would do instead, from the sentence in which pydantic says so."""
    if message.startswith("Input should be "):
        return message.removeprefix("Input should be ")
    _, has, wanted = message.partition(" should have ")  # a text so many characters, a list so many items
    if has:
        return f"with {wanted.partition(' after validation')[0]}"
    return {"Field required": "given", "Extra inputs are not permitted": "left out"}.get(
        message, "of another form"
    )


def _check_size(when: Condition | None) -> None:
    count = sum(1 for _ in parts(when))
    if count > MAX_CONDITIONS:
        raise InvalidSetting("conditions", count, f"at most {MAX_CONDITIONS} in one rule")
    if depth(when) > MAX_DEPTH:
        raise InvalidSetting("conditions", f"{depth(when)} within each other", f"at most {MAX_DEPTH} deep")


def _check_conditions(definition: Definition) -> None:
    on = definition.trigger.on
    possible = fitting(on)
    for part in parts(definition.when):
        if part.kind not in possible:
            raise InvalidSetting(f"condition of {on}", part.kind, f"one of {', '.join(possible)}")


def _check_limits(definition: Definition) -> None:
    on, limits = definition.trigger.on, definition.limits
    if limits.pair_cooldown and on not in PAIRED:
        raise InvalidSetting("pair_cooldown", limits.pair_cooldown, f"0 where nobody else takes part: {on}")
    if limits.channel_cooldown and on not in PLACED:
        raise InvalidSetting(
            "channel_cooldown", limits.channel_cooldown, f"0 where no channel is part of it: {on}"
        )
    _check_day_in_week(limits)


def _check_day_in_week(limits: Limits) -> None:
    for name in ("member", "rule", "community"):
        day, week = getattr(limits, f"{name}_day"), getattr(limits, f"{name}_week")
        if day is not None and week is not None and day > week:
            raise InvalidSetting(f"{name}_day", day, f"at most the {week} of a week")


def _check_multipliers(definition: Definition) -> None:
    for each in definition.multipliers:
        if (each.role is None) is (each.channel is None):
            raise InvalidSetting(
                "multiplier", each.percent, "for a role or for a channel, and one of them only"
            )
        if each.channel is not None and definition.trigger.on not in PLACED:
            raise InvalidSetting(
                "multiplier", each.channel, f"for a role: {definition.trigger.on} has no channel"
            )
    ids = [each.role or each.channel for each in definition.multipliers]
    if len(set(ids)) != len(ids):
        raise InvalidSetting("multiplier", ids[-1], "one for each role or channel")
    if most(definition) > MAX_AMOUNT:
        raise InvalidSetting("amount", definition.amount, f"at most {MAX_AMOUNT} with its multipliers")


def most(definition: Definition) -> int:
    """Return the most points that the definition can give at once."""
    of_roles = max((each.percent for each in definition.multipliers if each.role), default=100)
    of_places = max((each.percent for each in definition.multipliers if each.channel), default=100)
    return definition.amount * max(100, of_roles) * max(100, of_places) // 10_000


def _check_rest(definition: Definition, now: datetime | None) -> None:
    trigger = definition.trigger
    if isinstance(trigger, OnVoice) and trigger.most_minutes < trigger.minutes:
        raise InvalidSetting(
            "most_minutes", trigger.most_minutes, f"at least the {trigger.minutes} of one stretch"
        )
    if definition.counts_for_streak and trigger.on not in OWN_DOING:
        raise InvalidSetting("counts_for_streak", trigger.on, "something that the member does")
    if definition.role_days is not None and definition.role is None:
        raise InvalidSetting("role_days", definition.role_days, "given together with a role")
    if definition.expires_at is not None:
        clean_instant(definition.expires_at)
        if now is not None and definition.expires_at <= now:
            raise InvalidSetting("expires_at", definition.expires_at.isoformat(), "a time that is to come")
