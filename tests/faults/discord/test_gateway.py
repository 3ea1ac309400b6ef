"""The gateway breaks, repeats, forgets or says nonsense: everything counts once, and nothing is lost unsaid."""

from typing import Any

import discord
import pytest

from points_core.values import RequestState
from tests.faults.discord import faults, seen
from tests.faults.discord.garden import Garden
from tests.faults.discord.seen import LARGE, announced
from tests.stories.world import World


async def reconnected(garden: Garden, *, anew: bool = False) -> None:
    """Break the connection, and wait until the bot is back in its session, or in another one."""
    before = garden.readies if anew else garden.gateway.resumed
    await garden.gateway.drop()
    await garden.until(lambda: (garden.readies if anew else garden.gateway.resumed) > before)
    await garden.settled()


async def asked(world: World) -> discord.Message:
    """Ada asks for a large award, two others have to agree; return the card."""
    await world.configure(quorum=2)
    await world.ada.slash(world.general, "award", member=world.mia, amount=LARGE, reason="The harvest")
    return [message for message in world.general.history() if message.components][-1]


async def test_what_happened_while_the_connection_was_broken_is_heard_after_a_resume(
    garden: Garden, world: World
) -> None:
    card = await asked(world)
    garden.rest.fault("POST", "/interactions/*/*/callback", faults.refused(404, 10062), times=9)

    with garden.not_waiting():
        await garden.gateway.drop()
        await world.grace.react(card, "✅")
        pressed = await world.linus.click(card, label="Approve")
        await world.ada.slash(world.general, "award", member=world.noah, amount=7, reason="Watering")
    await garden.until(lambda: garden.gateway.resumed == 1)
    await garden.settled()

    assert not pressed.acknowledged  # it was too late for that
    assert (await seen.request(world)).state is RequestState.APPROVED
    assert await seen.votes(world) == 2
    assert announced(world, 1) == announced(world, 2) == 1
    assert "approved" in str(card_at(world, card).embeds[0].to_dict()).lower()


def card_at(world: World, card: discord.Message) -> discord.Message:
    return next(message for message in world.general.history() if message.id == card.id)


async def test_what_a_resume_repeats_counts_once(garden: Garden, world: World) -> None:
    card = await asked(world)
    await world.grace.react(card, "✅")
    await world.linus.click(card, label="Approve")
    await world.ada.slash(world.general, "award", member=world.noah, amount=7, reason="Watering")
    votes, moved, texts = await seen.votes(world), await seen.moved(world), len(seen.texts(world.general))
    garden.gateway.replay = 100  # everything since READY
    garden.backend.clock.advance(120)  # longer than the same award is asked about

    await reconnected(garden)

    assert garden.gateway.resumed == 1
    assert (await seen.votes(world), await seen.moved(world)) == (votes, moved)
    assert len(seen.texts(world.general)) == texts


async def test_a_press_whose_answer_comes_too_late_shows_on_the_card(garden: Garden, world: World) -> None:
    card = await asked(world)
    garden.rest.fault("POST", "/interactions/*/*/callback", faults.refused(404, 10062))

    pressed = await world.linus.click(card, label="Approve")

    assert not pressed.acknowledged
    assert await seen.votes(world) == 1
    assert "**1** of 2" in str(card_at(world, card).embeds[0].to_dict())


@pytest.mark.parametrize("resumable", [True, False])
async def test_a_session_that_is_invalid_is_begun_anew_and_missed_reactions_count(
    garden: Garden, world: World, resumable: bool
) -> None:
    card = await asked(world)
    garden.gateway.invalid = resumable

    with garden.not_waiting(), garden.gateway.nobody_hears():
        await garden.gateway.drop()
        await world.grace.react(card, "✅")
        await world.linus.react(card, "✅")
    await garden.until(lambda: garden.gateway.resumed == 1 if resumable else garden.readies == 2)
    await garden.settled()

    assert (await seen.request(world)).state is RequestState.APPROVED
    assert await seen.moved(world) == announced(world, 1) == 1


async def test_a_connection_on_which_discord_has_gone_silent_is_given_up(
    garden: Garden, world: World
) -> None:
    state: Any = garden.bot._connection
    state.heartbeat_timeout, garden.gateway.heartbeat_ms = 1.0, 100  # of a minute, and of 41 seconds
    await reconnected(garden)

    garden.gateway.fall_silent()
    await garden.until(lambda: garden.gateway.resumed == 2)
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")

    assert announced(world, 1) == 1


UNREADABLE: dict[str, tuple[str, Any]] = {
    "a reaction without an emoji": ("MESSAGE_REACTION_ADD", {"user_id": "1", "channel_id": "2"}),
    "a reaction of nobody": ("MESSAGE_REACTION_ADD", {"user_id": None, "emoji": {"name": "✅", "id": None}}),
    "an interaction without data": ("INTERACTION_CREATE", {"id": "5", "type": 2, "token": "t"}),
    "an interaction of an unknown kind": (
        "INTERACTION_CREATE",
        {"id": "5", "type": 99, "token": "t", "version": 1},
    ),
    "a message with a huge id": ("MESSAGE_CREATE", {"id": "9" * 400, "channel_id": "1" * 400, "author": {}}),
    "a server that is a list": ("GUILD_CREATE", []),
    "a server whose id is no number": ("GUILD_CREATE", {"id": "not a number"}),
    "a role of nowhere": ("GUILD_ROLE_UPDATE", {"guild_id": "x", "role": {}}),
    "a member update of nobody": ("GUILD_MEMBER_UPDATE", {"guild_id": "1", "user": {}}),
    "a channel of an unknown kind": ("CHANNEL_UPDATE", {"id": "1", "type": 4_000, "guild_id": "2"}),
    "nothing": ("MESSAGE_UPDATE", None),
    "an event nobody knows": ("POINTS_STOLEN", {"by": "a raccoon"}),
}


async def test_events_that_cannot_be_read_are_left_out_and_the_others_heard(
    garden: Garden, world: World
) -> None:
    world.expected += ["cannot be read and is left out"]
    card = await asked(world)

    for event, payload in UNREADABLE.values():
        garden.gateway.say(event, payload)
    await world.grace.react(card, "✅")
    for event, payload in UNREADABLE.values():
        garden.gateway.say(event, payload)
    await world.linus.click(card, label="Approve")

    assert garden.gateway.identified == 1  # the session went on
    assert (await seen.request(world)).state is RequestState.APPROVED
    assert announced(world, 1) == 1


async def test_an_interaction_of_an_age_that_cannot_be_answered_is_done_and_said_once(
    garden: Garden, world: World
) -> None:
    with garden.not_waiting():
        garden.gateway.held = True
        late = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")
        garden.backend.clock.advance(4)
        garden.gateway.held = False
    await garden.settled()

    assert not late.acknowledged
    assert await seen.moved(world) == announced(world, 1) == 1


async def test_a_refusal_that_comes_too_late_left_nothing(garden: Garden, world: World) -> None:
    with garden.not_waiting():
        garden.gateway.held = True
        await world.ada.slash(world.general, "deduct", member=world.mia, amount=5, reason="Trampling")
        garden.backend.clock.advance(4)
        garden.gateway.held = False
    await garden.settled()

    assert await seen.moved(world) == 0
    assert seen.texts(world.general) == []
