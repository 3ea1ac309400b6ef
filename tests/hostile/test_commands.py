"""Hostile input in every option of every command, every suggestion, every form and everything that is pressed.

What is tried comes from the bot's own tree, forms and custom ids: an option that is added tomorrow is tried without
anybody remembering it. Interactions are raw payloads, so none of Discord's limits stands in between. Of each one:
the person is answered in words; a refusal leaves the books as they were; what is accepted stands in the books
word for word and pings, hides or pretends nothing wherever it is shown; the bot lives, and its books verify.

`POINTS_TEST_HOSTILE=all` tries every value everywhere, `POINTS_TEST_SEED` others than the usual sample.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import discord
import pytest
from discord import app_commands

from bot.refusals import UNFIT
from points_core import verification
from tests.hostile.corpus import DAYS, IDS, NUMBERS, TEXTS, everywhere
from tests.hostile.opened import FORMS, target
from tests.hostile.ordinary import PRESSED, options
from tests.hostile.simulated import ON_MY_SIDE, Raw, Said, leaves, menus, refusals, unsafe
from tests.stories.world import World

Kind = discord.AppCommandOptionType

PER_FIELD: Final = 5
PER_SLOW_FIELD: Final = 2
SHOWN: Final = 60  # lines of what is wrong
SLOW: Final = ("report", "card", "export", "achievements")
"""What draws pictures or writes files: fewer values each."""


def values_for(field: str, kind: Kind, sample: int) -> dict[str, Any]:
    """Return hostile values for an option of that kind."""
    if kind in {Kind.integer, Kind.number}:
        return everywhere(field, NUMBERS, sample)
    if kind is Kind.boolean:
        return everywhere(field, {"text": "true", "number": 2, "nothing": None, "list": []}, 2)
    if kind is Kind.string:
        texts = everywhere(field, TEXTS, sample)
        days = everywhere(field, DAYS, 2)
        wrong = everywhere(field, {"number": 5, "nothing": None, "list": ["a"], "object": {"a": 1}}, 1)
        return {**texts, **{f"day: {name}": day for name, day in days.items()}, **wrong}
    if kind is Kind.attachment:
        return {"of nobody": "1456074443980899999", "no number": "x"}
    return everywhere(field, IDS, 4)


def judged(raw: Raw, said: Said, what: str, text: object = None) -> Iterator[str]:
    """Yield what is wrong with how the bot took something, and whether what it took stands in the books."""
    if not said.answered:
        yield f"{what}: no answer"
    if ON_MY_SIDE in said.words:
        yield f"{what}: {ON_MY_SIDE}"
    for error in refusals(said.errors):
        yield f"{what}: {error!r}"[:400]
    for entry in said.sent:
        for wrong in unsafe(entry):
            yield f"{what}: {wrong}"
    changed = raw.changes()
    if (said.errors or said.words == UNFIT) and changed:
        yield f"{what}: refused, and yet {', '.join(changed)} changed"


def nothing(wrong: list[str]) -> None:
    """Fail with what is wrong, a line each."""
    assert not wrong, "\n".join([f"{len(wrong)} answers are wrong:", *wrong[:SHOWN]])


ROOTS: Final = (
    "achievements", "award", "badge", "balance", "card", "check-in", "deduct", "export", "history", "import",
    "leaderboard", "pending", "points-settings", "points-setup", "points-tokens", "privacy", "programme",
    "report", "roles", "rule", "schedule", "season", "seasons", "undo", "undo-batch", "why",
)  # fmt: skip
"""The commands, a bot of its own for each; a test holds them against the tree."""


def test_each_command_is_tried(world: World) -> None:
    slash = discord.AppCommandType.chat_input
    assert sorted(command.name for command in world.bot.tree.get_commands(type=slash)) == sorted(ROOTS)


@pytest.mark.parametrize("root", ROOTS)
async def test_every_option_takes_hostile_input(world: World, raw: Raw, root: str) -> None:
    wrong: list[str] = []
    for name, command in leaves(world).items():
        if name.split()[0] != root:
            continue
        honest = await raw.slash(world.olivia, name, await filled(raw, command))
        wrong += judged(raw, honest, f"/{name}")
        for parameter in command.parameters:
            wrong += await _tried(raw, command, parameter)
    nothing(wrong)
    assert await world.points.read(verification.verify) == []


async def _tried(
    raw: Raw,
    command: "app_commands.Command[Any, ..., Any]",
    parameter: app_commands.Parameter,
) -> list[str]:
    name, field = command.qualified_name, parameter.display_name
    sample = PER_SLOW_FIELD if name.split()[0] in SLOW else PER_FIELD
    wrong: list[str] = []
    for called, value in values_for(f"/{name} {field}", parameter.type, sample).items():
        given = await filled(raw, command) | {field: value}
        said = await raw.slash(raw.world.olivia, name, given)
        wrong += judged(raw, said, f"/{name} {field}: {called}", value)
        if parameter.autocomplete:
            typed = await raw.slash(raw.world.olivia, name, {field: value}, focused=field)
            wrong += judged(raw, typed, f"suggestions of /{name} {field}: {called}")
    return wrong


async def test_suggestions_come_while_the_other_options_are_half_typed(world: World, raw: Raw) -> None:
    said = await raw.slash(
        world.olivia, "award", {"member": world.mia, "amount": "", "category": "he"}, focused="category"
    )

    assert [each["name"] for each in said.result.autocomplete_choices or ()] == ["helping"]


async def filled(raw: Raw, command: "app_commands.Command[Any, ..., Any]") -> dict[str, Any]:
    """Return honest options for a command; one that takes something back gets something to take back."""
    given = options(raw.world, command)
    if command.qualified_name == "undo":
        given["number"] = await target(raw)
    return given


# ── menus, buttons, forms ──


async def test_every_button_and_menu_takes_hostile_ids(world: World, raw: Raw) -> None:
    wrong: list[str] = []
    for examples in PRESSED.values():
        for custom_id, kind, given in examples:
            for called, hostile in _ids(custom_id):
                said = await raw.press(world.olivia, hostile, kind=kind, **given)
                wrong += judged(raw, said, f"{custom_id}: {called}")
            for values in ([], ["x"], ["\ud800"], ["1" * 400], ["<@1>"], ["a", "a"], ["0"], [str(2**64)]):
                if "values" in given:
                    said = await raw.press(
                        world.olivia, custom_id, kind=kind, values=values, offered=given["values"]
                    )
                    wrong += judged(raw, said, f"{custom_id}: {values!r:.40}")
    nothing(wrong)
    assert await world.points.read(verification.verify) == []


def _ids(custom_id: str) -> Iterator[tuple[str, str]]:
    """Yield a custom id with each of its parts replaced by what nobody wrote into it."""
    parts = custom_id.format(caller=1).split(":")
    for at in range(2, len(parts)):
        for part in ("9" * 15, "9" * 16, "1", "0", "-1", "ffffffffffffffff", "zzz", "", "1" * 60):
            yield f"{at} is {part}", ":".join([*parts[:at], part, *parts[at + 1 :]])
    yield "nothing of it", f"{parts[0]}:{parts[1]}"


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
async def test_every_form_takes_hostile_input(world: World, raw: Raw, form: Any) -> None:
    wrong: list[str] = []
    shown = (await form.opens(raw, world.olivia)).result.modal
    assert shown is not None
    fields = [each["component"]["custom_id"] for each in shown["components"] if each["type"] == 18]
    for field in fields:
        for called, value in everywhere(f"form {form.name} {field}", TEXTS, 8).items():
            opened = await form.opens(raw, world.olivia)
            if opened.result.modal is None:  # it was taken back by the last one
                continue
            raw.changes()
            said = await raw.submit(world.olivia, opened, form.values | {field: value})
            wrong += judged(raw, said, f"{form.name} {field}: {called}", value)
    nothing(wrong)
    assert await world.points.read(verification.verify) == []


async def test_every_part_of_a_rule_takes_hostile_input(world: World, raw: Raw) -> None:
    wrong: list[str] = []
    for what, chosen in await _parts(raw):
        opened = await raw.press(world.olivia, f"points:rule:1:{what}", kind=3, values=[chosen])
        wrong += judged(raw, opened, f"{what} {chosen}")
        if opened.result.modal is None:
            continue
        for each in opened.result.modal["components"]:
            control = each["component"]
            for called, value in _for_control(f"{what} {chosen}", control):
                again = await raw.press(world.olivia, f"points:rule:1:{what}", kind=3, values=[chosen])
                said = await raw.submit(world.olivia, again, {control["custom_id"]: value})
                wrong += judged(raw, said, f"{what} {chosen} {control['custom_id']}: {called}", value)
    nothing(wrong)
    assert await world.points.read(verification.verify) == []


async def _parts(raw: Raw) -> list[tuple[str, str]]:
    """Return what the menus under a rule's card offer."""
    said = await raw.slash(raw.world.olivia, "rule edit", {"number": 1})
    raw.changes()
    assert said.result.response is not None
    found = []
    for row in said.result.response.components:
        for component in row["components"]:
            if component["type"] == 3:
                what = component["custom_id"].rpartition(":")[2]
                found += [(what, each["value"]) for each in component["options"]]
    return found


def _for_control(field: str, control: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if control["type"] == 4:
        yield from everywhere(f"{field} {control['custom_id']}", TEXTS, 3).items()
        yield from everywhere(f"{field} {control['custom_id']}", DAYS, 1).items()
    else:
        yield from (("nothing", []), ("unknown", ["x"]), ("surrogate", ["\ud800"]), ("huge", [str(2**64)]))


# ── people, roles and channels with hostile names ──

NAMES: Final = {
    name: text[:32]
    for name, text in TEXTS.items()
    if len(text) < 200 and text.strip() and not any("\ud800" <= c <= "\udfff" for c in text)
}


async def test_people_with_hostile_names_are_shown_harmlessly(world: World, raw: Raw) -> None:
    wrong: list[str] = []
    for called, name in everywhere("names", NAMES, 6).items():
        user = world.env.create_user(f"user{abs(hash(called))}"[:20], global_name=None)
        person = world.guild.add_member(user)
        world.env.backend.users[user.id].global_name = name
        await world.env.settle(timeout=60)
        for command, given in (
            ("award", {"member": person, "amount": 50, "reason": "x"}),
            ("balance", {"member": person}),
            ("history", {"member": person}),
            ("why", {"member": person}),
            ("leaderboard", {}),
            ("achievements", {"member": person}),
        ):
            said = await raw.slash(world.olivia, command, given)
            wrong += judged(raw, said, f"/{command} of {called}")
        said = await raw.slash(person, "balance", {})
        wrong += judged(raw, said, f"/balance by {called}")
        for menu in menus(world):
            if menu.type is discord.AppCommandType.user:
                wrong += judged(
                    raw, await raw.menu(world.olivia, menu.name, person), f"{menu.name} of {called}"
                )
    nothing(wrong)
