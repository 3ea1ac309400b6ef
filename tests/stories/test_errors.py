"""Whatever goes wrong is answered privately, with the same words behind every door."""

import re
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands, ui

from bot import refusals
from bot.replies import respond
from points_core import history
from points_core.errors import DatabaseUnavailable, InsufficientBalance
from tests.stories.world import Wire, World

REFUSAL = InsufficientBalance(balance=0, amount=3)
WORDS = "That takes 3 points; the balance is 0 points: there is nothing to take."


class Form(refusals.Modal, title="Form"):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.add_item(ui.Label(text="Any", component=ui.TextInput(custom_id="any", required=False)))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        raise self.error


class Lasting(ui.DynamicItem[ui.Button[Any]], template="story:lasting"):
    error: Exception = REFUSAL

    def __init__(self) -> None:
        super().__init__(ui.Button(label="Lasting", custom_id="story:lasting"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> "Lasting":
        return cls()

    @refusals.answered
    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        raise self.error


class Doors(refusals.View):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.add_item(Lasting())

    @ui.button(label="Button")
    async def fail(self, interaction: discord.Interaction[Any], button: ui.Button[Any]) -> None:
        raise self.error

    @ui.button(label="Form")
    async def ask(self, interaction: discord.Interaction[Any], button: ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form(self.error))

    @ui.button(label="Late")
    async def fail_late(self, interaction: discord.Interaction[Any], button: ui.Button[Any]) -> None:
        await interaction.response.defer()
        raise self.error


async def build(world: World, error: Exception) -> None:
    """Bring a command, /fail, and behind /doors buttons and a form, which all end in `error`."""

    @app_commands.command(description="Fail")
    async def fail(interaction: discord.Interaction[Any]) -> None:
        raise error

    @app_commands.command(description="Doors")
    async def doors(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("Doors", view=Doors(error))

    Lasting.error = error
    world.bot.add_dynamic_items(Lasting)
    world.bot.tree.add_command(fail)
    world.bot.tree.add_command(doors)
    await world.bot.tree.sync()


async def through_every_door(world: World) -> list[simcord.InteractionResult]:
    """Fail by a command, a button, a button after a defer, a lasting button, and a form."""
    mia, here = world.mia, world.general
    doors = (await mia.slash(here, "doors")).response
    assert doors is not None
    form = await mia.click(doors, label="Form")
    return [
        await mia.slash(here, "fail"),
        await mia.click(doors, label="Button"),
        await mia.click(doors, label="Late"),
        await mia.click(doors, label="Lasting"),
        await mia.submit_modal(form, {"any": ""}),
    ]


def spoken(results: list[simcord.InteractionResult]) -> list[str]:
    said = [result.followups[-1] if result.followups else result.response for result in results]
    assert all(message is not None and message.ephemeral for message in said)
    return [message.content or "" for message in said if message is not None]


async def test_a_refusal_has_the_same_private_words_behind_every_door(world: World) -> None:
    await build(world, REFUSAL)

    assert spoken(await through_every_door(world)) == [WORDS] * 5


async def test_an_unexpected_error_is_told_by_a_number_that_the_log_knows(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.expected += ["kaputt", "error "]
    await build(world, RuntimeError("kaputt"))

    said = spoken(await through_every_door(world))

    numbers = [re.search("number: `([0-9a-f]{8})`", sentence) for sentence in said]
    logged = caplog.text
    assert len(said) == 5
    assert all(number is not None and f"error {number[1]} in " in logged for number in numbers)
    assert "kaputt" not in "".join(said)
    assert "/fail" in logged


async def test_a_sick_database_is_told_without_its_secrets(world: World) -> None:
    world.expected += ["DatabaseUnavailable"]
    await build(world, DatabaseUnavailable("could not connect to host db.internal"))

    said = spoken(await through_every_door(world))

    assert all(sentence.startswith("I cannot reach my books right now") for sentence in said)


async def test_an_award_whose_answer_is_lost_on_the_way_is_answered_once(world: World, wire: Wire) -> None:
    wire.cut("POST", "/interactions/*/*/callback", answer_only=True)

    result = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")

    assert result.acknowledged
    assert not result.ephemeral
    assert result.followups == []
    assert await amounts(world) == [5]


async def test_an_award_whose_answer_never_arrived_is_answered_again(world: World, wire: Wire) -> None:
    wire.cut("POST", "/interactions/*/*/callback", answer_only=False)

    result = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")

    assert not result.ephemeral
    assert await amounts(world) == [5]


async def test_buttons_work_although_the_answer_that_brought_them_was_lost(world: World, wire: Wire) -> None:
    @app_commands.command(description="Doors")
    async def doors(interaction: discord.Interaction[Any]) -> None:
        await respond(interaction, content="Doors", view=Doors(REFUSAL))

    world.bot.tree.add_command(doors)
    await world.bot.tree.sync()
    wire.cut("POST", "/interactions/*/*/callback", answer_only=True)

    shown = (await world.mia.slash(world.general, "doors")).response
    assert shown is not None

    assert spoken([await world.mia.click(shown, label="Button")]) == [WORDS]


async def test_an_award_whose_answer_discord_does_not_take_is_announced_in_its_channel(
    world: World, wire: Wire
) -> None:
    for _ in range(2):
        wire.cut("POST", "/interactions/*/*/callback", answer_only=False)

    result = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")
    await world.bot.courier.idle()

    assert not result.acknowledged
    assert [embed.title for message in world.general.history() for embed in message.embeds] == ["#1"]
    assert await amounts(world) == [5]


@pytest.mark.parametrize("status, level", [(400, "ERROR"), (503, "WARNING")])
async def test_an_answer_that_discord_will_never_take_is_an_error_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture, status: int, level: str
) -> None:
    world.expected += ["posted instead"] if level == "ERROR" else []
    world.env.inject_error("POST", "/interactions/*/callback", status=status, code=0, times=2)

    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")
    await world.bot.courier.idle()

    (told,) = [each for each in caplog.records if "posted instead" in each.getMessage()]
    assert (told.levelname, bool(told.exc_info)) == (level, level == "ERROR")
    assert [embed.title for message in world.general.history() for embed in message.embeds] == ["#1"]


async def test_when_discord_takes_no_answer_the_person_is_told_to_look_before_asking_again(
    world: World, wire: Wire
) -> None:
    world.expected += ["ClientOSError"]
    for _ in range(2):
        wire.cut("POST", "/interactions/*/*/callback", answer_only=False)

    result = await world.olivia.slash(world.general, "points-settings channels")

    assert result.ephemeral
    assert result.response is not None
    assert "look at `/history` before you ask again" in (result.response.content or "")


async def amounts(world: World) -> list[int]:
    return [r.amount for r in (await world.points.read(history.page, world.community)).receipts]
