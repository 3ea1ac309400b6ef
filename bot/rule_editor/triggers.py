"""What sets a rule off, as forms ask for it: most triggers have nothing to ask, some cannot be without an answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bot.rule_editor.fields import Answers, Choice, Field, Number, Roles, Words
from points_core.rules.facts import On

Document = Mapping[str, Any]
"""A trigger or a condition, as it is stored."""

NAMES: Final[dict[On, str]] = {
    On.MESSAGE: "Somebody writes a message",
    On.REACTION_RECEIVED: "A message gets a reaction",
    On.REACTION_GIVEN: "Somebody gives a reaction",
    On.SOLVED: "An answer is marked as the solution",
    On.EVENT_ATTENDED: "Somebody is at a scheduled event",
    On.VOICE: "Somebody spends time in voice",
    On.BOOST: "Somebody boosts the server",
    On.ANNIVERSARY: "Somebody has been here for another year",
    On.ROLE_GAINED: "Somebody is given a role",
    On.CHECK_IN: "Somebody checks in",
    On.API_EVENT: "A program reports an event",
    On.SCHEDULE: "The time has come, for holders of a role",
    On.STREAK: "Somebody reaches a streak",
}
"""How each trigger is called where one is chosen."""

UNITS: Final = (("day", "Days"), ("week", "Weeks"))
TURNS: Final = (("day", "Every day"), ("week", "Every Monday"), ("month", "On the first of the month"))
MINUTES: Final = 1_440  # of a day
_CUSTOM: Final = re.compile(r"<a?:\w{1,32}:([0-9]{1,20})>", re.ASCII)


def _reactions(now: Document) -> Sequence[Field]:
    emoji = " ".join(shown(word) for word in now.get("emoji", ()))
    hint = "Emoji with spaces between them; empty for any."
    return (Words("emoji", "Which reactions", emoji or None, hint, longest=1_000),)


def _event(now: Document) -> Sequence[Field]:
    return (Number("minutes", "For how many minutes", now.get("minutes", 15), required=True, most=MINUTES),)


def _voice(now: Document) -> Sequence[Field]:
    people = "Bots do not count. Who is muted or deafened does, but earns nothing."
    return (
        Number(
            "minutes", "Points for each so many minutes", now.get("minutes", 10), required=True, most=MINUTES
        ),
        Number(
            "grace_seconds",
            "Seconds of a stay that do not count",
            now.get("grace_seconds", 60),
            None,
            True,
            0,
            3_600,
        ),
        Number("people", "How many people have to be there", now.get("people", 2), people, True, most=99),
        Number(
            "most_minutes",
            "Minutes of a stay that count at most",
            now.get("most_minutes", 180),
            None,
            True,
            most=MINUTES,
        ),
    )


def _roles(now: Document) -> Sequence[Field]:
    return (Roles("roles", "Which roles", now.get("roles", ())),)


def _api(now: Document) -> Sequence[Field]:
    hint = "Small letters, digits, dots and dashes: quiz.won"
    return (Words("event", "What the program calls it", now.get("event"), hint, required=True, longest=50),)


def _schedule(now: Document) -> Sequence[Field]:
    return (
        Choice("every", "How often", TURNS, (now.get("every", "month"),)),
        Words("at", "At what time", now.get("at", "09:00"), "In the server's time zone.", True, 5),
        Roles("roles", "Who has one of these roles", now.get("roles", ())),
    )


def _streak(now: Document) -> Sequence[Field]:
    return (
        Number("length", "How many in a row", now.get("length", 7), required=True, least=2, most=3_650),
        Choice("unit", "Days or weeks", UNITS, (now.get("unit", "day"),)),
    )


_FIELDS: Final[dict[On, Callable[[Document], Sequence[Field]]]] = {
    On.REACTION_RECEIVED: _reactions,
    On.REACTION_GIVEN: _reactions,
    On.EVENT_ATTENDED: _event,
    On.VOICE: _voice,
    On.ROLE_GAINED: _roles,
    On.API_EVENT: _api,
    On.SCHEDULE: _schedule,
    On.STREAK: _streak,
}

ASKS_FIRST: Final = frozenset({On.ROLE_GAINED, On.API_EVENT, On.SCHEDULE, On.STREAK})
"""Triggers that mean nothing until somebody says which role, event, time or length."""


def fields(on: On, now: Document) -> Sequence[Field]:
    """Return what a form asks about the trigger, filled with what holds now; nothing for most."""
    asked = _FIELDS.get(on)
    return asked(now) if asked else ()


def document(on: On, answers: Answers) -> dict[str, Any]:
    """Return the trigger that was filled in."""
    given = {key: value for key, value in answers.items() if value is not None}
    if "emoji" in given:
        given["emoji"] = tuple(word(each) for each in given["emoji"].split())
    if "at" in given:
        given["at"] = given["at"].zfill(5)
    return {"on": on.value, **given}


def word(typed: str) -> str:
    """Return an emoji that was typed as rules name it: the id of a server's own."""
    found = _CUSTOM.fullmatch(typed)
    return found[1] if found else typed


def shown(emoji: str) -> str:
    """Return an emoji of a rule as Discord draws it."""
    return f"<:emoji:{emoji}>" if emoji.isascii() and emoji.isdigit() else emoji
