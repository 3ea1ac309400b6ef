"""The parts of a rule: what the form of each asks, and what the answers make of the rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bot.rule_editor import triggers
from bot.rule_editor.asking import categories
from bot.rule_editor.fields import Answers, Channels, Choice, Field, Length, Number, Roles, Words
from points_core.policy import Policy
from points_core.rules.checking import OWN_DOING, PAIRED, PLACED
from points_core.rules.definition import MAX_PERCENT, Definition
from points_core.values import MAX_REASON
from points_core.windows import midnight, parse_day

YES, NO = "yes", "no"
GIVES_A_ROLE: Final = "more"
"""The part in which a rule is told to give a role."""
YES_OR_NO: Final = ((NO, "No"), (YES, "Yes"))

Changed = Definition | Mapping[str, Any]
"""A definition, or the document of one."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule with a form of its own; `fields` are empty where a rule has no such part."""

    label: str
    hint: str
    fields: Callable[[Definition, Policy], Sequence[Field]]
    change: Callable[[Definition, Policy, Answers], Changed]


def _amount(now: Definition, rules: Policy) -> Sequence[Field]:
    return (
        Number("amount", "How many points", now.amount, required=True),
        Words("reason", "What for", now.reason, "It stands on every transaction.", True, MAX_REASON),
        *categories(rules, now.category_id),
    )


def _give(now: Definition, rules: Policy, answers: Answers) -> Changed:
    category = answers.get("category_id")
    given = {"amount": answers["amount"], "reason": answers["reason"]}
    return {**now.document, **given, "category_id": None if category is None else int(category)}


def _trigger(now: Definition, rules: Policy) -> Sequence[Field]:
    return triggers.fields(now.trigger.on, now.document["trigger"])


def _set_off(now: Definition, rules: Policy, answers: Answers) -> Changed:
    return {**now.document, "trigger": triggers.document(now.trigger.on, answers)}


def _cooldowns(now: Definition, rules: Policy) -> Sequence[Field]:
    on, limits = now.trigger.on, now.limits
    asked: list[Field] = [Length("member_cooldown", "Between two to the same member", limits.member_cooldown)]
    if on in PAIRED:
        asked.append(Length("pair_cooldown", "Between two because of the same person", limits.pair_cooldown))
    if on in PLACED:
        asked.append(Length("channel_cooldown", "Between two in the same channel", limits.channel_cooldown))
    return asked


def _member_caps(now: Definition, rules: Policy) -> Sequence[Field]:
    limits = now.limits
    return (
        Number("member_day", "To a member in a day", limits.member_day, _NO_CAP),
        Number("member_week", "To a member in a week", limits.member_week, _NO_CAP),
        Number(
            "every_rule_member_day",
            "To a member in a day, by all rules",
            limits.every_rule_member_day,
            _NO_CAP,
        ),
    )


def _all_caps(now: Definition, rules: Policy) -> Sequence[Field]:
    limits = now.limits
    return (
        Number("rule_day", "By this rule in a day", limits.rule_day, _NO_CAP),
        Number("rule_week", "By this rule in a week", limits.rule_week, _NO_CAP),
        Number("community_day", "By all rules in a day", limits.community_day, _NO_CAP),
        Number("community_week", "By all rules in a week", limits.community_week, _NO_CAP),
    )


def _limit(now: Definition, rules: Policy, answers: Answers) -> Changed:
    return {**now.document, "limits": {**now.document["limits"], **answers}}


def _multiplier(now: Definition, rules: Policy) -> Sequence[Field]:
    hint = "100 changes nothing, 200 doubles, 0 gives nothing at all."
    place: tuple[Field, ...] = (Channels("channel", "In this channel", required=False, most=1),)
    return (
        Roles("role", "For who has this role", required=False, most=1),
        *(place if now.trigger.on in PLACED else ()),
        Number("percent", "How many percent", 200, hint, required=True, least=0, most=MAX_PERCENT),
    )


def _multiply(now: Definition, rules: Policy, answers: Answers) -> Changed:
    role, channel = (next(iter(answers.get(key, ())), None) for key in ("role", "channel"))
    new = {"role": role, "channel": channel, "percent": answers["percent"]}
    kept = [
        each for each in now.document["multipliers"] if (each["role"], each["channel"]) != (role, channel)
    ]
    return {**now.document, "multipliers": [*kept, new]}


def _more(now: Definition, rules: Policy) -> Sequence[Field]:
    ends = now.expires_at
    last = f"{(ends - timedelta(microseconds=1)).astimezone(rules.zone):%Y-%m-%d}" if ends else None
    streak = Choice(
        "counts_for_streak", "Does the day count for a streak?", YES_OR_NO, (_yes(now.counts_for_streak),)
    )
    return (
        Choice("approval", "Do moderators have to agree?", YES_OR_NO, (_yes(now.approval),)),
        *((streak,) if now.trigger.on in OWN_DOING else ()),
        Roles("role", "A role to give too", (now.role,) if now.role else (), required=False, most=1),
        Number("role_days", "For how many days", now.role_days, "Empty: for good.", most=3_650),
        Words("expires_at", "The last day of the rule", last, "As 2026-12-31; empty: none."),
    )


def _add_more(now: Definition, rules: Policy, answers: Answers) -> Changed:
    last = answers["expires_at"]
    return {
        **now.document,
        "approval": answers["approval"] == YES,
        "counts_for_streak": answers.get("counts_for_streak") == YES,
        "role": next(iter(answers["role"]), None),
        "role_days": answers["role_days"],
        "expires_at": last and midnight(parse_day(last) + timedelta(days=1), rules.zone),
    }


def _yes(true: bool) -> str:
    return YES if true else NO


_NO_CAP: Final = "In points; empty for no limit."

PARTS: Final[dict[str, Part]] = {
    "amount": Part("Points and reason", "How many, what for, in which category", _amount, _give),
    "trigger": Part("What sets it off", "Which reactions, how many minutes, …", _trigger, _set_off),
    "cooldowns": Part("Cooldowns", "How long to wait between two", _cooldowns, _limit),
    "member-caps": Part("Caps for a member", "The most that one member gets", _member_caps, _limit),
    "all-caps": Part("Caps for all", "The most that is given in all", _all_caps, _limit),
    "multiplier": Part("Multiplier", "More or less for a role or in a channel", _multiplier, _multiply),
    GIVES_A_ROLE: Part("Approval, streak, role, end", "What else belongs to it", _more, _add_more),
}
"""The parts by the key that stands for them in menus."""


def parts(definition: Definition, rules: Policy) -> dict[str, Part]:
    """Return the parts that the rule has."""
    return {key: part for key, part in PARTS.items() if part.fields(definition, rules)}


def without_multiplier(definition: Definition, id_: str) -> Definition:
    """Return the definition without the multiplier of that role or channel."""
    kept = tuple(each for each in definition.multipliers if id_ not in (each.role, each.channel))
    return definition.model_copy(update={"multipliers": kept})
