"""Conditions, as forms ask for them: each kind once among what has to be so, and once among what must not be."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.rule_editor.fields import Answers, Channels, Choice, Field, Number, Roles, Words
from bot.rule_editor.triggers import UNITS, Document
from points_core.errors import InvalidSetting
from points_core.policy import Policy
from points_core.rules.checking import condition_of, fitting
from points_core.rules.definition import Condition, Definition
from points_core.rules.facts import On
from points_core.rules.sentences import WEEKDAYS
from points_core.rules.shapes import Shape, condition, shape, with_condition, without

NAMES: Final = {
    "channels": "It is in certain channels",
    "roles": "The member has a certain role",
    "account-age": "The member's account is old enough",
    "membership-age": "The member has been here long enough",
    "attachment": "The message has a file",
    "reply": "The message answers another",
    "length": "The message is long enough",
    "weekdays": "It is a certain day of the week",
    "hours": "It is between two times of the day",
    "streak": "The member's streak is long enough",
    "total": "The member has enough points",
}
"""How each kind of condition is called where one is chosen."""

SO, NOT_SO = "so", "not"
SIDES: Final = ((SO, "It has to be so"), (NOT_SO, "It must not be so"))
DAYS: Final = tuple((str(number), name) for number, name in enumerate(WEEKDAYS, 1))


def kinds(on: On) -> tuple[str, ...]:
    """Return the kinds of conditions that a rule with that trigger can have."""
    return tuple(kind for kind in fitting(on) if kind in NAMES)


def found(definition: Definition) -> Shape:
    """Return the definition's conditions. Raises InvalidSetting where groups stand within groups."""
    known = shape(definition.when)
    if known is None:
        raise InvalidSetting(
            "conditions", "groups within groups", "simpler to be changed here: take them all away first"
        )
    return known


def fields(kind: str, definition: Definition, rules: Policy) -> Sequence[Field]:
    """Return what a form asks about a condition, filled with one of its kind if there is one."""
    known = found(definition)
    now = next((one for one in (*known.so, *known.not_so) if one.kind == kind), None)
    asked = _FIELDS[kind](now.model_dump(mode="json") if now else {}, rules)
    side = NOT_SO if now is not None and now in known.not_so else SO
    return (*asked, Choice("side", "Which of the two", SIDES, (side,)))


def added(kind: str, definition: Definition, answers: Answers) -> Definition:
    """Return the definition with the condition that was filled in. Raises InvalidSetting."""
    new = _condition(kind, answers)
    return _with(definition, with_condition(found(definition), new, so=answers["side"] == SO))


def taken(kind: str, side: str, definition: Definition) -> Definition:
    """Return the definition without the conditions of that kind on that side. Raises InvalidSetting."""
    return _with(definition, without(found(definition), kind, so=side == SO))


def matched(definition: Definition, one_is_enough: bool) -> Definition:
    """Return the definition for which one of its conditions is enough, or all are needed. Raises InvalidSetting."""
    return _with(definition, replace(found(definition), one_is_enough=one_is_enough))


def _with(definition: Definition, wanted: Shape) -> Definition:
    return definition.model_copy(update={"when": condition(wanted)})


def _condition(kind: str, answers: Answers) -> Condition:
    given: dict[str, Any] = {
        key: value for key, value in answers.items() if key != "side" and value is not None
    }
    if kind == "weekdays":
        given["days"] = sorted(int(day) for day in given["days"])
    if kind == "hours":
        given = {key: value.zfill(5) for key, value in given.items()}
    if "category_id" in given:
        given["category_id"] = int(given["category_id"])
    return condition_of({"kind": kind, **given})


def _days(now: Document, label: str) -> Sequence[Field]:
    return (Number("days", label, now.get("days"), required=True, most=1_000_000),)


def _hours(now: Document, rules: Policy) -> Sequence[Field]:
    zone = f"As 18:30, in the server's time zone ({rules.timezone})."
    return (
        Words("start", "From", now.get("start"), zone, True, 5),
        Words("end", "Until before", now.get("end"), "Before the start: over midnight.", True, 5),
    )


def _streak(now: Document, rules: Policy) -> Sequence[Field]:
    return (
        Number("length", "At least how many in a row", now.get("length"), required=True, most=1_000_000),
        Choice("unit", "Days or weeks", UNITS, (now.get("unit", "day"),)),
    )


def _total(now: Document, rules: Policy) -> Sequence[Field]:
    points = Number("points", "At least how many points", now.get("points"), required=True)
    return (points, *categories(rules, now.get("category_id")))


def categories(rules: Policy, chosen: int | None) -> Sequence[Field]:
    """Return a choice of category, none if there is nothing to choose."""
    listed = tuple(
        (str(each.id), each.name) for each in rules.categories if not each.retired or each.id == chosen
    )
    if not listed:
        return ()
    now = () if chosen is None else (str(chosen),)
    return (Choice("category_id", "Category", listed, now, "Empty for none in particular.", required=False),)


_FIELDS: Final[dict[str, Callable[[Document, Policy], Sequence[Field]]]] = {
    "channels": lambda now, rules: (
        Channels(
            "channels", "Which channels", now.get("channels", ()), "A group stands for all that is in it."
        ),
    ),
    "roles": lambda now, rules: (Roles("roles", "One of which roles", now.get("roles", ())),),
    "account-age": lambda now, rules: _days(now, "At least how many days old"),
    "membership-age": lambda now, rules: _days(now, "For at least how many days"),
    "attachment": lambda now, rules: (),
    "reply": lambda now, rules: (),
    "length": lambda now, rules: (
        Number(
            "characters", "At least how many characters", now.get("characters"), required=True, most=1_000_000
        ),
    ),
    "weekdays": lambda now, rules: (
        Choice("days", "Which days", DAYS, tuple(map(str, now.get("days", ()))), several=True),
    ),
    "hours": _hours,
    "streak": _streak,
    "total": _total,
}
