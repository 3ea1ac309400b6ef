"""What a trial reads of Discord's history, how much of it, and what it takes out of a message."""

from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.facts import of_message, word_of
from bot.rule_editor import history
from bot.rule_editor.history import Read, read
from points_core.rules.definition import Definition, InChannels, OnMessage, OnReactionReceived
from points_core.rules.facts import On
from tests.stories.world import World


async def ignored(so_far: Read) -> None:
    """Tell nobody how far it is."""


async def read_of(world: World, definition: Definition) -> Read:
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    since = world.env.now() - timedelta(days=1)
    return await read(world.bot, guild, definition, since, ignored)


def talk(**changes: Any) -> Definition:
    given: dict[str, Any] = {"trigger": OnMessage(), "amount": 1, "reason": "talk"}
    return Definition(**given | changes)


async def test_only_people_and_what_they_wrote_themselves_count(world: World) -> None:
    await world.mia.send(world.general, "hello")
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="roses")
    first = await world.noah.send(world.leaderboard, "hi")
    await world.zoe.send(world.leaderboard, "yes", reply_to=first)

    found = await read_of(world, talk())

    assert sorted((fact.name, fact.reply) for fact in found.facts) == [
        ("Mia", False),
        ("Noah", False),
        ("Zoë", True),
    ]
    assert {fact.on for fact in found.facts} == {On.MESSAGE}
    assert (found.complete, found.unread) == (True, [])
    assert all(fact.length is None for fact in found.facts)  # without the intent nobody knows


async def test_channels_that_the_rule_does_not_look_at_are_not_read(world: World) -> None:
    await world.mia.send(world.general, "hello")
    await world.noah.send(world.leaderboard, "hi")

    found = await read_of(world, talk(when=InChannels(channels=(str(world.general.id),))))

    assert (found.channels, found.messages) == (1, 1)
    read_paths = [
        r.path for r in world.env.http_requests if r.method == "GET" and r.path.endswith("/messages")
    ]
    assert {path.split("/")[2] for path in read_paths} == {str(world.general.id)}


async def test_channels_take_turns_until_as_many_as_may_be_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        await world.mia.send(world.general, f"{number}")
    await world.noah.send(world.leaderboard, "hi")
    monkeypatch.setattr(history, "AT_ONCE", 2)
    monkeypatch.setattr(history, "MAX_MESSAGES", 3)

    found = await read_of(world, talk())

    assert not found.complete
    assert {fact.name for fact in found.facts} == {"Mia", "Noah"}


async def test_a_channel_that_is_gone_meanwhile_keeps_no_other_from_being_read(world: World) -> None:
    await world.mia.send(world.general, "hello")
    await world.noah.send(world.leaderboard, "hi")
    world.env.inject_error(
        "GET", f"/channels/{world.leaderboard.id}/messages", status=404, code=10003, times=1
    )

    found = await read_of(world, talk())

    assert [fact.name for fact in found.facts] == ["Mia"]


async def test_reactions_beyond_those_that_may_be_asked_for_are_said_to_be_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await world.mia.send(world.general, "water them at dawn")
    for emoji in ("👍", "🎉"):
        await world.noah.react(message, emoji)
    monkeypatch.setattr(history, "MAX_REACTIONS", 1)

    found = await read_of(world, talk(trigger=OnReactionReceived()))

    assert (found.complete, [fact.what for fact in found.facts]) == (False, ["👍"])
    assert (found.facts[0].user_id, found.facts[0].other_id) == (str(world.mia.id), str(world.noah.id))


async def test_a_message_becomes_its_length_and_never_its_words(world: World) -> None:
    await world.mia.send(world.general, "roses are red")
    channel = world.bot.get_channel(world.general.id)
    assert isinstance(channel, discord.TextChannel)
    (message,) = [each async for each in channel.history()]

    fact = of_message(message, content=True)

    assert fact is not None
    assert (fact.key, fact.length, fact.attachments) == (f"message:{message.id}", len(message.content), 0)
    assert "roses" not in repr(fact)


def test_an_emoji_is_named_by_its_character_or_its_id() -> None:
    assert word_of("❤️") == "❤"
    assert word_of("<a:party:123456789012345678>") == "123456789012345678"
    assert word_of(discord.PartialEmoji(name="party", id=5)) == "5"
