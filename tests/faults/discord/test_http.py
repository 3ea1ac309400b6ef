"""Discord's API is ill, slow, limited or lies: what the real discord.py makes of it, and the bot of that.

Every surface that the courier delivers to meets the same trouble at once: a card, a line of the log, the news
of a decision, a scheduled board, a live board, a level.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import discord
import pytest

from points_core import policy
from points_core.outbox import Topic
from points_core.programme import Level
from points_core.values import Actor, ActorKind, Origin, RequestState
from tests.faults.discord import faults, seen
from tests.faults.discord.faults import Trouble
from tests.faults.discord.garden import Garden
from tests.faults.discord.seen import LARGE, announced, count
from tests.stories.world import World

DAY = 86_400.0
POSTS = "/channels/*/messages"

TROUBLES: dict[str, Callable[[], Trouble]] = {
    "429 of the route": lambda: faults.limited(0.1),
    "429 shared with others": lambda: faults.limited(0.1, scope="shared"),
    "429 of everything": lambda: faults.limited(0.1, scope="global", everywhere=True),
    "429 of everything, longer than a delivery": lambda: faults.limited(25, scope="global", everywhere=True),
    "429 for an hour": lambda: faults.limited(3_600),
    "429 of everything for an hour": lambda: faults.limited(3_600, everywhere=True),
    "429 without Via": lambda: faults.limited(5, via=False),
    "429 of Cloudflare": lambda: faults.limited(5, html=True),
    "500": lambda: faults.ill(500),
    "502": lambda: faults.ill(502),
    "503": lambda: faults.ill(503),
    "504 after the work": lambda: faults.ill(504, acted=True),
    "503 after the work": lambda: faults.ill(503, acted=True),
    "reset before the work": faults.reset,
    "reset after the work": lambda: faults.reset(acted=True),
    "answer after half a minute": lambda: faults.late(30),
    "work after half a minute": lambda: faults.late(30, acted_first=False),
    "slow loris": lambda: faults.trickling(1),
    "half an answer": lambda: faults.garbled('{"id": "145'),
    "HTML with status 200": lambda: faults.garbled(faults.HTML, kind="text/html"),
    "empty answer": lambda: faults.garbled(""),
}


@pytest.fixture
async def busy(world: World) -> World:
    """Channels for everything, two schedules, and a level from 3 points on."""
    await world.configure(
        log_channel=world.log, approvals_channel=world.approvals, announcements_channel=world.general
    )
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.bot.now(), "levels")
    await world.points.write(policy.amend, origin, levels=(Level(name="Helper", earned=3, role=None),))
    await seen.scheduled(world)
    return world


async def everything_shown(garden: Garden, world: World) -> None:
    """Let time pass, an hour at a time, until no effect waits; a day is as long as the courier tries."""
    for _ in range(24):
        await garden.settled()
        if not await seen.waiting(world):
            return
        await garden.pass_by(3_600)
    raise AssertionError(f"{await seen.waiting(world)} effects wait after a day")


def card_of(world: World) -> discord.Message:
    """The latest card in #approvals."""
    return [message for message in world.approvals.history() if message.embeds][-1]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_everything_is_shown_once_whatever_the_api_does(
    garden: Garden, busy: World, trouble: str
) -> None:
    world = busy
    world.expected += ["failed"]
    for channel in (world.general, world.log, world.approvals, world.leaderboard):
        garden.rest.fault("POST", f"/channels/{channel.id}/messages", TROUBLES[trouble]())

    with garden.pace.hurried():
        await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")
        await world.ada.slash(world.general, "award", member=world.noah, amount=LARGE, reason="The harvest")
        await everything_shown(garden, world)
        await world.grace.react(card_of(world), "✅")
        await garden.pass_by(DAY)
        await everything_shown(garden, world)

    assert (await seen.request(world)).state is RequestState.APPROVED
    assert announced(world, 1) == announced(world, 2) == 1
    assert count(world.approvals, "Request #1") == 1
    assert [count(world.log, f"**#{number}** <@") for number in (1, 2)] == [1, 1]
    assert count(world.leaderboard, "Leaderboard") == 1
    assert count(world.general, "Helper", str(world.mia.id)) == 1
    for channel in (world.general, world.log, world.approvals, world.leaderboard):
        assert [text for text, times in Counter(seen.texts(channel)).items() if times > 1] == []


@pytest.mark.parametrize("times", [1, 99], ids=["once", "for as long as it takes"])
async def test_an_award_is_made_once_and_said_once_whatever_becomes_of_its_answer(
    garden: Garden, world: World, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot.replies")
    unsaid: list[str | None] = []
    for number, trouble in enumerate(TROUBLES, 1):
        planted = garden.rest.fault("POST", "/interactions/*/*/callback", TROUBLES[trouble](), times=times)

        with garden.pace.hurried():
            await world.ada.slash(world.general, "award", member=world.mia, amount=number, reason=trouble)
        planted.times = 0

        assert planted.met > 0
        assert (trouble, await seen.moved(world), announced(world, number)) == (trouble, number, 1)
        if times == 1 and trouble.endswith(
            "after the work"
        ):  # the answer is there: nobody has to look for it
            assert await seen.outcomes(world, Topic.UNSAID) == unsaid
        unsaid = await seen.outcomes(world, Topic.UNSAID)
    again = [each.levelname for each in caplog.records if "is given once more" in each.getMessage()]
    assert set(again) == {"INFO"}  # what is mended by itself wakes nobody


SOME = (
    "429 of everything for an hour",
    "429 of Cloudflare",
    "502",
    "503 after the work",
    "reset before the work",
    "reset after the work",
    "half an answer",
)
"""Enough for what is not posted but set: doing it twice is doing it once."""


async def test_roles_and_the_marks_of_an_undo_come_whatever_the_api_does(
    garden: Garden, world: World
) -> None:
    world.expected += ["failed"]
    role = world.guild.create_role("Helper")
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.bot.now(), "levels")
    levels = (Level(name="Helper", earned=3, role=str(role.id)),)
    await world.points.write(policy.amend, origin, levels=levels)

    for number, trouble in enumerate(SOME):
        for method, path in (("PUT", "/guilds/*/roles/*"), ("DELETE", "/guilds/*/roles/*")):
            garden.rest.fault(method, path, TROUBLES[trouble]())
        garden.rest.fault("PATCH", POSTS + "/*", TROUBLES[trouble]())
        with garden.pace.hurried():
            await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason=trouble)
            await everything_shown(garden, world)
            assert (trouble, seen.roles_of(world, world.mia)) == (trouble, {"Helper"})

            await world.grace.slash(world.log, "undo", number=2 * number + 1, reason=trouble)
            await everything_shown(garden, world)
        assert (trouble, seen.roles_of(world, world.mia)) == (trouble, set())
        assert count(world.general, f"'title': '#{2 * number + 1}'", "Taken back by") == 1


async def test_a_live_board_stays_one_message_and_shows_the_latest(garden: Garden, world: World) -> None:
    world.expected += ["failed"]
    await seen.scheduled(world, live=True)

    for number, trouble in enumerate(("", *SOME), 1):
        if trouble:
            garden.rest.fault("PATCH", POSTS + "/*", TROUBLES[trouble]())
        await world.ada.slash(world.general, "award", member=world.mia, amount=1, reason=f"Day {number}")
        with garden.pace.hurried():
            await garden.pass_by(DAY)
            await everything_shown(garden, world)
        points = "1 point" if number == 1 else f"{number} points"
        assert (trouble, seen.texts(world.leaderboard)[0].count(f"**{points}**")) == (trouble, 1)
        assert len(seen.texts(world.leaderboard)) == 1


async def test_a_list_that_took_longer_than_discord_remembers_is_dropped_in_silence(
    garden: Garden, world: World
) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=LARGE, reason="The harvest")
    found = asyncio.Event()
    garden.rest.fault("GET", POSTS + "/*", faults.held(found))

    with garden.not_waiting():
        listed = await world.ada.slash(world.general, "pending")
        await garden.until(lambda: garden.rest.under_way > 0)
        garden.backend.clock.advance(16 * 60)
        found.set()
    await garden.settled()

    assert listed.deferred  # Discord goes on saying that the bot thinks
    assert (await seen.request(world)).state is RequestState.PENDING
