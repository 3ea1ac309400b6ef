"""Seasons, told: started by an admin, won by somebody, corrected afterwards."""

from datetime import timedelta
from typing import Any

import pytest

from tests.stories.answers import answer, private
from tests.stories.reading import texts
from tests.stories.world import Wire, World

DAY = timedelta(days=1).total_seconds()


def day(world: World, ahead: int = 0) -> str:
    return (world.env.now() + timedelta(days=ahead)).date().isoformat()


async def award(world: World, member: object, amount: int, **more: object) -> None:
    await world.ada.slash(
        world.general, "award", member=member, amount=amount, reason=f"because {amount}", **more
    )


async def start(world: World, name: str = "Spring", ahead: int = 2) -> str:
    told = await world.olivia.slash(world.general, "season start", name=name, to=day(world, ahead))
    return private(told)


async def tick(world: World) -> None:
    await world.bot.ticker.tick(world.bot.now())
    await world.bot.courier.idle()


def posts(world: World) -> list[str]:
    return [texts(message) for message in world.general.history() if "is over" in texts(message)]


@pytest.fixture
async def played(world: World) -> World:
    """A season in which Mia beat Noah, three days later, not yet looked at by the bot."""
    await start(world)
    await award(world, world.mia, 30, category="events")
    await award(world, world.noah, 20, category="helping")
    await world.restart(away=3 * DAY)
    return world


async def test_a_season_that_is_over_names_its_winners_once(played: World) -> None:
    world = played

    for _ in range(3):
        await tick(world)
    await world.restart()
    await tick(world)

    (said,) = posts(world)
    assert "🏆 Season **Spring** is over: Mia won with **30 points**." in said
    assert "Season Spring is over" in said
    assert "🥇 **1.** Mia · **30 points**" in said
    assert "events: Mia, 30 points" in said
    assert "helping: Noah, 20 points" in said
    assert "Season #1 · checksum " in said


async def test_the_winners_are_named_in_the_announcements(world: World) -> None:
    await world.configure(announcements_channel=world.leaderboard)
    await start(world)
    await award(world, world.mia, 30)
    await world.restart(away=3 * DAY)

    await tick(world)

    assert posts(world) == []
    assert any("Mia won" in texts(message) for message in world.leaderboard.history())


async def test_a_post_whose_answer_got_lost_is_not_made_twice(world: World) -> None:
    await start(world)
    await award(world, world.mia, 30)
    await world.restart(away=3 * DAY)
    Wire(world.env).cut("POST", f"/channels/{world.general.id}/messages", answer_only=True)

    await tick(world)
    await world.restart(away=120)
    await tick(world)

    assert len(posts(world)) == 1


async def test_a_sealed_season_can_be_looked_at_and_a_correction_says_that_it_stays(played: World) -> None:
    world = played
    await tick(world)

    undone = await world.ada.slash(world.general, "undo", number=1, reason="wrong person")
    result = await world.zoe.slash(world.general, "leaderboard", season="spring")
    corrected = await world.zoe.slash(world.general, "leaderboard", season="Spring", corrected=True)

    said = texts(answer(undone))
    assert "Sealed season: This is dated into **Spring**. Its sealed result stays" in said
    assert "Leaderboard · season Spring" in texts(answer(result))
    assert "**1.** Mia · **30 points**" in texts(answer(result))
    assert "sealed" in texts(answer(result))
    assert "Mia" not in texts(answer(corrected))
    assert "**1.** Noah · **20 points**" in texts(answer(corrected))
    assert "with what was corrected since it ended" in texts(answer(corrected))


async def test_a_movement_outside_of_sealed_seasons_says_nothing_of_them(played: World) -> None:
    await tick(played)

    told = await played.ada.slash(
        played.general, "award", member=played.mia, amount=5, reason="swept the paths"
    )

    assert "season" not in texts(answer(told)).casefold()


async def test_seasons_are_listed_shown_and_suggested(played: World) -> None:
    world = played
    await tick(world)
    await start(world, "Summer", ahead=30)

    listed = await world.zoe.slash(world.general, "seasons")
    shown = await world.zoe.slash(world.general, "seasons", name="Spring")
    offered = await world.zoe.autocomplete(world.general, "leaderboard", "season", "s")

    assert listed.ephemeral
    lines = texts(answer(listed)).splitlines()
    assert [line for line in lines if "**Summer** ·" in line and "ends <t:" in line]
    assert [line for line in lines if "**Spring** ·" in line and "sealed <t:" in line]
    assert shown.ephemeral
    assert "Checksum: `" in texts(answer(shown))
    assert "after #2" in texts(answer(shown))
    assert [choice["name"] for choice in offered] == ["Summer", "Spring"]


async def test_a_season_ended_now_names_its_winners_now(world: World) -> None:
    await start(world, ahead=30)
    await award(world, world.mia, 30)
    await world.restart(away=60)

    told = await world.olivia.slash(world.general, "season end", name="Spring")
    await world.bot.courier.idle()

    assert "is over and sealed" in private(told)
    assert len(posts(world)) == 1


async def test_only_admins_start_and_end_seasons(world: World) -> None:
    (group,) = [c for c in await world.bot.tree.fetch_commands() if c.name == "season"]
    world.guild.set_command_permissions(group, {world.ada: True})
    asked: list[tuple[str, dict[str, Any]]] = [
        ("season start", {"name": "Spring", "to": day(world, 2)}),
        ("season end", {"name": "Spring"}),
    ]

    for command, options in asked:
        refused = await world.ada.slash(world.general, command, **options)
        assert "You cannot change the settings here" in private(refused)


async def test_days_that_another_season_has_and_unknown_seasons_are_refused_with_words(world: World) -> None:
    await start(world)

    taken = await world.olivia.slash(world.general, "season start", name="Summer", to=day(world, 9))
    unknown = await world.mia.slash(world.general, "leaderboard", season="Winter")

    assert "days of no other season; Spring has" in private(taken)
    assert "There is no season Winter here. There are: Spring." in private(unknown)


async def test_the_log_tells_of_seasons(world: World) -> None:
    await world.configure(log_channel=world.log)
    await start(world, ahead=30)
    await world.olivia.slash(world.general, "season end", name="Spring")
    await world.bot.courier.idle()

    said = "\n".join(texts(message) for message in world.log.history())
    assert "started season **Spring**" in said
    assert "ended season **Spring**" in said
    assert "sealed season **Spring**" in said


async def test_boards_of_days_and_of_then_balances_of_then_and_movements(world: World) -> None:
    first = day(world)
    await award(world, world.mia, 30)
    await award(world, world.noah, 20)
    await world.restart(away=DAY)
    await award(world, world.noah, 40)
    await world.ada.slash(world.general, "undo", number=1, reason="wrong person")

    then = await world.zoe.slash(world.general, "leaderboard", **{"as-of": first})
    since = await world.zoe.slash(world.general, "leaderboard", **{"as-of": first, "corrected": True})
    days = await world.zoe.slash(world.general, "leaderboard", **{"from": first, "to": first})
    today = await world.zoe.slash(world.general, "leaderboard", window="today")
    balance = await world.mia.slash(world.general, "balance", **{"as-of": first})
    history = await world.mia.slash(world.general, "history", **{"as-of": first})
    both = await world.zoe.slash(world.general, "leaderboard", **{"from": first, "window": "week"})

    assert "**1.** Mia · **30 points**" in texts(answer(then))
    assert "as it stood at the end of" in texts(answer(then))
    assert "Mia" not in texts(answer(since))
    assert "with what was corrected since" in texts(answer(since))
    assert "**1.** Noah · **20 points**" in texts(answer(days))
    assert "Noah · **40 points**" in texts(answer(today))
    assert "▲ ▼ against the time before" in texts(answer(today))
    assert "Mia · 30 points" in texts(answer(balance))
    assert "as it stood at the end of" in texts(answer(balance))
    assert "`#1`" in texts(answer(history))
    assert "`#4`" not in texts(answer(history))
    assert "the only one of window, days and season" in private(both)
