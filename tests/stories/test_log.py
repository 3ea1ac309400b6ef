"""A line in the log channel for each movement of points and each change."""

import discord

from points_core import outbox
from tests.stories.answers import private
from tests.stories.world import World


async def asked(world: World, subcommand: str, **options: object) -> str:
    """Return what the admin is told for a subcommand of /points-settings."""
    return private(await world.olivia.slash(world.general, f"points-settings {subcommand}", **options))


async def test_movements_and_changes_are_logged_in_a_line_each(world: World) -> None:
    await asked(world, "channels", log=world.log)
    await asked(world, "approval", quorum=2)
    await world.ada.slash(
        world.general,
        "award",
        member=world.mia,
        amount=10,
        reason="watering @everyone",
        category="helping",
        evidence="https://garden.example/bed",
    )
    await world.ada.slash(world.general, "undo", number=1, reason="wrong bed")
    await world.env.settle()
    await world.bot.courier.idle()

    lines = [message.content for message in world.log.history()]
    assert len(lines) == 4
    assert f"<@{world.olivia.id}> changed **Log**: none → <#{world.log.id}>" in lines[0]
    assert "**Quorum**: 1 person → 2 people" in lines[1]
    award, undo = lines[2:]
    assert award.startswith(f"**#1** <@{world.ada.id}> awarded <@{world.mia.id}>: **+10** (0 → 10) · helping")
    assert "watering" in award
    assert "<https://garden.example/bed>" in award
    assert undo.startswith(f"**#2** <@{world.ada.id}> took back #1 for <@{world.mia.id}>: **−10** (10 → 0)")
    sent = world.sent(f"/channels/{world.log.id}/messages")
    assert all(body["allowed_mentions"] == {"parse": []} and body["nonce"].startswith("pts") for body in sent)
    assert all("\n" not in line for line in lines)


async def test_without_a_log_channel_nothing_is_logged(world: World) -> None:
    await asked(world, "approval", quorum=2)
    await world.env.settle()

    assert world.log.history() == []


async def test_the_log_goes_on_in_the_channel_chosen_last(world: World) -> None:
    await asked(world, "channels", log=world.log)
    await asked(world, "channels", log=world.leaderboard)
    await world.env.settle()
    await world.bot.courier.idle()

    assert len(world.log.history()) == 1
    assert f"<#{world.log.id}> → <#{world.leaderboard.id}>" in world.leaderboard.history()[0].content


async def test_a_line_the_channel_does_not_take_holds_nothing_up(world: World) -> None:
    await asked(world, "channels", log=world.log)
    gone = world.bot.get_channel(world.log.id)
    assert isinstance(gone, discord.TextChannel)
    world.expected.append("is given up")
    await gone.delete()
    await world.env.settle()

    assert "2 people" in await asked(world, "approval", quorum=2)
    await world.env.settle()
    await world.bot.courier.idle()

    assert await world.points.read(outbox.waiting, world.community) == 0


async def test_categories_and_schedules_are_logged_too(world: World) -> None:
    await world.configure(log_channel=world.log)
    await asked(world, "categories add", name="*weeding*")
    await world.olivia.slash(
        world.general, "schedule add", channel=world.leaderboard, window="week", every="monday", at="09:00"
    )
    await world.olivia.slash(world.general, "schedule remove", number=1)
    await world.env.settle()
    await world.bot.courier.idle()

    first, category, added, removed = [message.content for message in world.log.history()]
    assert first.startswith("⚙️ the operator changed **Log**")
    assert "opened the category **\\*weeding\\***" in category
    assert f"added schedule **#1** – channel: <#{world.leaderboard.id}>" in added
    assert "removed schedule **#1**" in removed
