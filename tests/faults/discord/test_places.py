"""Servers fall away, channels go, rights are taken, clocks differ, two processes run: all counts once."""

from typing import Any

import discord
import pytest
import simcord
from simcord.backend import serializers
from simcord.backend.models import Guild, Overwrite
from simcord.enums import OverwriteType

from points_core import policy
from points_core.achievements import roles
from points_core.database import Points
from points_core.programme import Level
from points_core.values import Actor, ActorKind, Origin, RequestState
from tests.faults.discord import faults, seen
from tests.faults.discord.garden import Garden
from tests.faults.discord.seen import LARGE, announced, count
from tests.faults.discord.test_gateway import asked
from tests.faults.discord.test_http import DAY, everything_shown
from tests.stories.world import World

SEND = discord.Permissions(send_messages=True).value


def there(garden: Garden, guild: Guild) -> dict[str, Any]:
    """A server as Discord sends it when it is available again."""
    return {**serializers.guild_create_payload(garden.backend, guild), "unavailable": False}


async def levels(world: World, name: str, earned: int, role: simcord.RoleHandle) -> None:
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.bot.now(), f"levels:{name}")
    await world.points.write(
        policy.amend, origin, levels=(Level(name=name, earned=earned, role=str(role.id)),)
    )


def fallen_away(garden: Garden, world: World, *, wholly: bool) -> None:
    """Discord's servers that hold this community are ill: it is unavailable, and `wholly` if its API is, too."""
    garden.gateway.unavailable.add(world.guild.id)
    garden.gateway.say("GUILD_DELETE", {"id": str(world.guild.id), "unavailable": True})
    if not wholly:
        return
    garden.rest.fault("*", "/channels/*", faults.ill(503), times=10_000)
    garden.rest.fault("*", "/guilds/*", faults.ill(503), times=10_000)


def back_again(garden: Garden, world: World) -> None:
    garden.gateway.unavailable.clear()
    garden.rest.faults.clear()
    guild = garden.backend.get_guild(world.guild.id)
    garden.gateway.say("GUILD_CREATE", there(garden, guild))


@pytest.mark.parametrize("anew", [False, True], ids=["while connected", "and it is away at the next READY"])
@pytest.mark.parametrize("wholly", [False, True], ids=["on the gateway", "wholly"])
async def test_what_is_due_in_a_server_that_is_unavailable_is_done_when_it_is_back(
    garden: Garden, world: World, anew: bool, wholly: bool
) -> None:
    role = world.guild.create_role("Helper")
    await levels(world, "Helper", 3, role)
    await seen.scheduled(world)
    await world.configure(log_channel=world.log)
    await world.ada.slash(world.general, "award", member=world.noah, amount=5, reason="Watering")
    assert seen.roles_of(world, world.noah) == {"Helper"}

    fallen_away(garden, world, wholly=wholly)
    if anew:
        before = garden.readies
        await garden.gateway.forget()
        await garden.until(lambda: garden.readies > before)
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.bot.now(), "award")
    await seen.award(world, origin, world.mia, 5)
    await seen.reverse(world, world.bot.now(), 1)
    for _ in range(14):  # hours: over midnight, when the board falls due
        await garden.pass_by(3_600)
    back_again(garden, world)
    await everything_shown(garden, world)

    assert seen.roles_of(world, world.mia) == {"Helper"}
    assert seen.roles_of(world, world.noah) == set()
    assert count(world.leaderboard, "Leaderboard") == 1
    assert [count(world.log, f"**#{number}** ", "From elsewhere") for number in (2, 3)] == [1, 1]
    assert await world.points.read(roles.failures, world.community) == ()


async def test_reactions_during_an_outage_of_the_server_count_when_it_is_over(
    garden: Garden, world: World
) -> None:
    card = await asked(world)
    fallen_away(garden, world, wholly=True)

    with garden.gateway.nobody_hears():
        await world.grace.react(card, "✅")
        await world.linus.react(card, "✅")
    await garden.settled()
    assert await seen.votes(world) == 0
    back_again(garden, world)
    await everything_shown(garden, world)

    assert await seen.votes(world) == 2
    assert await seen.moved(world) == announced(world, 1) == 1


async def test_hours_without_discord_are_caught_up_with_once(garden: Garden, world: World) -> None:
    await seen.scheduled(world)
    await seen.scheduled(world, live=True)
    card = await asked(world)

    with garden.gateway.nobody_hears(), garden.not_waiting():
        garden.rest.fault("*", "*", faults.reset(), times=10_000)
        await garden.gateway.forget()
        await world.grace.react(card, "✅")
        await world.linus.react(card, "✅")
        for _ in range(2):
            await garden.pass_by(DAY)
    garden.rest.faults.clear()
    await garden.until(lambda: garden.readies == 2)
    await everything_shown(garden, world)

    assert (await seen.request(world)).state is RequestState.APPROVED
    assert announced(world, 1) == 1
    assert count(world.leaderboard, "Schedule #1") == 1
    assert count(world.leaderboard, "Schedule #2") == 1


async def test_a_deleted_channel_is_said_in_the_log_and_the_card_goes_where_it_was_asked(
    garden: Garden, world: World
) -> None:
    world.expected += ["is given up"]
    await seen.scheduled(world)
    await world.configure(log_channel=world.log, approvals_channel=world.approvals)
    garden.backend.delete_channel(world.approvals.id)
    garden.backend.delete_channel(world.leaderboard.id)
    await garden.settled()

    await world.ada.slash(world.general, "award", member=world.mia, amount=LARGE, reason="The harvest")
    await garden.pass_by(DAY)
    await everything_shown(garden, world)

    assert count(world.general, "Request #1") == 1
    assert count(world.log, "could not post the scheduled leaderboard 1") == 1
    assert (await seen.request(world)).state is RequestState.PENDING


async def test_who_is_kicked_and_invited_again_goes_on(garden: Garden, world: World) -> None:
    world.expected += ["is given up"]
    await world.configure(approvals_channel=world.approvals)
    guild = garden.backend.get_guild(world.guild.id)
    ours = guild.members[garden.backend.bot_user.id]
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")

    del guild.members[ours.user_id]
    garden.gateway.say("GUILD_DELETE", {"id": str(guild.id)})
    await garden.settled()
    await seen.ask(world, world.bot.now(), world.noah, LARGE)
    await garden.pass_by(3_600)
    guild.members[ours.user_id] = ours
    invited = dict(serializers.guild_create_payload(garden.backend, guild))
    del invited["unavailable"]  # Discord says so of servers that were there before
    garden.gateway.say("GUILD_CREATE", invited)
    await everything_shown(garden, world)

    assert count(world.approvals, "Request #1") == 1
    await world.grace.react(seen.last(world.approvals), "✅")
    await garden.settled()
    assert await seen.moved(world) == 2


@pytest.mark.parametrize("ahead", [-600.0, 600.0, 7_200.0])
async def test_clocks_that_differ_double_nothing(
    garden: Garden, world: World, points: Points, ahead: float
) -> None:
    await garden.stop_bot(world.bot)
    await garden.start_bot(garden.new_bot(points, ahead=ahead))
    await world.configure(log_channel=world.log, approvals_channel=world.approvals)
    for channel in (world.log, world.approvals, world.general):
        garden.rest.fault("POST", f"/channels/{channel.id}/messages", faults.ill(503, acted=True))
    garden.rest.fault("POST", f"/channels/{world.general.id}/messages", faults.ill(503), times=2)

    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")
    await world.ada.slash(world.general, "award", member=world.noah, amount=LARGE, reason="The harvest")
    await everything_shown(garden, world)
    await world.grace.react(seen.last(world.approvals), "✅")
    await everything_shown(garden, world)

    assert count(world.approvals, "Request #1") == 1
    assert [count(world.log, f"**#{number}** <@") for number in (1, 2)] == [1, 1]
    assert announced(world, 1) == announced(world, 2) == 1


async def test_two_processes_with_one_token_do_everything_once(
    garden: Garden, world: World, points: Points, caplog: pytest.LogCaptureFixture
) -> None:
    await world.configure(log_channel=world.log, approvals_channel=world.approvals)
    await seen.scheduled(world)
    async with Points.opened(points.settings) as others:
        second = garden.new_bot(others)
        await garden.start_bot(second)
        with caplog.at_level("INFO"):
            await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")
        await world.ada.slash(world.general, "award", member=world.noah, amount=LARGE, reason="The harvest")
        await everything_shown(garden, world)
        await world.grace.click(seen.last(world.approvals), label="Approve")
        await garden.pass_by(DAY)
        await world.ada.slash(world.general, "undo", number=1, reason="A mistake")
        await everything_shown(garden, world)
        await garden.stop_bot(second)
    garden.bot = garden.bots[0]

    assert await seen.moved(world) == 3
    assert await seen.votes(world) == 1
    assert [announced(world, number) for number in (1, 2, 3)] == [1, 1, 1]
    assert [count(world.log, f"**#{number}** <@") for number in (1, 2, 3)] == [1, 1, 1]
    assert count(world.approvals, "Request #1") == 1
    assert count(world.leaderboard, "Leaderboard") == 1
    answered = [each.levelname for each in caplog.records if "has its answer already" in each.getMessage()]
    assert set(answered) == {"INFO"}  # nobody has to look: the other process gave it


async def test_rights_that_are_taken_in_the_middle_hold_up_nothing_else(garden: Garden, world: World) -> None:
    world.expected += ["is given up"]
    await world.configure(log_channel=world.log, approvals_channel=world.approvals)
    await seen.ask(world, world.bot.now(), world.noah, LARGE)
    await garden.settled()
    for channel in (world.log, world.general):
        overwrite = Overwrite(garden.backend.bot_user.id, OverwriteType.MEMBER, deny=SEND)
        garden.backend.set_overwrite(channel.id, overwrite)

    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")
    await world.grace.click(seen.last(world.approvals), label="Approve")
    await everything_shown(garden, world)

    assert announced(world, 1) == 1  # answers need no right
    assert count(world.approvals, "'title': '#2'") == 1  # for #general took it no more
    assert await seen.moved(world) == 2
