import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import discord
import pytest
import simcord
from simcord.results import InteractionResult

from bot.client import PointsBot
from points_core import audit, schedules
from points_core.database import Points
from points_core.settings import Settings
from tests.stories.world import Wire, World, founded

# The simulated clock begins on Thursday, 1 January 2026, 00:00 UTC


async def scheduled(world: World, **changes: object) -> InteractionResult:
    """Olivia has the board of all time posted every day at nine."""
    options: dict[str, Any] = {"channel": world.leaderboard, "window": "all", "every": "day", "at": "09:00"}
    return await world.olivia.slash(world.general, "schedule add", **(options | changes))


async def until(world: World, text: str) -> None:
    """Let the time come (UTC), without a tick on the way, and the bot look at the clock."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    world.env.backend.clock.advance((moment - world.env.now()).total_seconds())
    await look(world)


async def look(world: World) -> None:
    await world.bot.ticker.tick(world.env.now())
    await world.bot.courier.idle()
    await world.env.settle()


def posts(world: World) -> list[discord.Message]:
    return list(world.leaderboard.history())


def footer(message: discord.Message) -> str:
    return str(message.embeds[-1].footer.text)


def words(answer: InteractionResult) -> str:
    assert answer.response is not None
    assert answer.ephemeral
    return str(answer.response.content)


@pytest.fixture
async def garden(world: World) -> World:
    """The server with a few points to show."""
    for member, amount, category in (
        (world.mia, 30, "events"),
        (world.noah, 30, "helping"),
        (world.zoe, 20, "events"),
    ):
        await world.ada.slash(
            world.general, "award", member=member, amount=amount, reason="for the test", category=category
        )
    return world


# The command


async def test_a_schedule_is_added_listed_and_removed_in_private(garden: World) -> None:
    added = await scheduled(garden, every="monday", at="9:00", top=3, categories="events, helping")
    listed = await garden.olivia.slash(garden.general, "schedule list")
    removed = await garden.olivia.slash(garden.general, "schedule remove", number=1)
    empty = await garden.olivia.slash(garden.general, "schedule list")

    first = int(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp())
    line = f"all time, top 3, for events, helping, in <#{garden.leaderboard.id}> every Monday at 09:00 (UTC)"
    assert words(added) == f"Schedule **#1**: {line}. The first comes <t:{first}:f>."
    assert listed.response is not None
    assert listed.response.embeds[0].description == f"**#1** {line} · next <t:{first}:f>"
    assert line in words(removed)
    assert "No leaderboard posts itself" in words(empty)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"at": "25:00"}, "a time of day such as 09:00 or 18:30"),
        ({"at": "noon"}, "a time of day such as 09:00 or 18:30"),
        ({"categories": "juggling"}, "There is no category juggling here"),
        ({"categories": "events, events"}, "different categories"),
    ],
)
async def test_a_schedule_that_cannot_be_is_refused_with_what_can(
    garden: World, wrong: dict[str, str], said: str
) -> None:
    assert said in words(await scheduled(garden, **wrong))
    assert await garden.points.read(schedules.listed, garden.community) == ()


async def test_a_schedule_shows_the_season_of_its_slot_and_then_its_result(garden: World) -> None:
    answered = await scheduled(garden, window="season", every="day", at="09:00")
    assert words(answered).startswith("Schedule **#1**: the season, top 10, in ")
    await garden.olivia.slash(garden.general, "schedule post-now", number=1)
    await look(garden)
    assert "No season has begun here yet" in str(posts(garden)[-1].embeds[0].description)

    await garden.olivia.slash(garden.general, "season start", name="Spring", to="2026-01-02")
    for day in ("2026-01-02T09:00", "2026-01-05T09:00"):
        await until(garden, day)
    running, result = posts(garden)[-2:]

    assert running.embeds[0].title == result.embeds[0].title == "Leaderboard · season Spring"
    assert "**1=** Mia · **30 points**" in str(running.embeds[0].description)
    assert "sealed" not in footer(running)
    assert "sealed" in footer(result)


async def test_a_report_is_of_no_season(garden: World) -> None:
    assert "one of all, today" in words(await scheduled(garden, window="season", report="summary"))


async def test_a_channel_in_which_the_bot_cannot_post_is_refused_with_the_fix(garden: World) -> None:
    me = garden.env.bot.user
    assert me is not None
    closed = garden.guild.create_text_channel(
        "closed", overwrites={me: discord.PermissionOverwrite(send_messages=False)}
    )
    await garden.env.settle()

    answer = words(await scheduled(garden, channel=closed))

    assert "I cannot post in" in answer
    assert "Send Messages" in answer
    assert await garden.points.read(schedules.listed, garden.community) == ()


@pytest.mark.parametrize("command", ["add", "list", "remove", "post-now"])
async def test_only_those_who_may_configure_can_schedule(garden: World, command: str) -> None:
    await scheduled(garden)
    (group,) = [c for c in await garden.bot.tree.fetch_commands() if c.name == "schedule"]
    garden.guild.set_command_permissions(group, {garden.ada: True})
    options: dict[str, dict[str, Any]] = {
        "add": {"channel": garden.general, "window": "all", "every": "day", "at": "09:00"},
        "list": {},
        "remove": {"number": 1},
        "post-now": {"number": 1},
    }

    answer = await garden.ada.slash(garden.general, f"schedule {command}", **options[command])

    assert "You cannot change the settings here" in words(answer)
    assert len(await garden.points.read(schedules.listed, garden.community)) == 1
    assert posts(garden) == []


async def test_numbers_and_categories_are_offered(garden: World) -> None:
    await scheduled(garden, window="week", every="sunday")

    numbers = await garden.olivia.autocomplete(garden.general, "schedule remove", "number", "")
    names = await garden.olivia.autocomplete(garden.general, "schedule add", "categories", "events, h")

    assert numbers == [{"name": "#1 · this week · every Sunday at 09:00", "value": 1}]
    assert names == [{"name": "events, helping", "value": "events, helping"}]


async def test_a_number_that_is_none_is_refused(garden: World) -> None:
    for command in ("remove", "post-now"):
        answer = await garden.olivia.slash(garden.general, f"schedule {command}", number=7)
        assert "There is no schedule #7 here" in words(answer)


async def test_adding_and_removing_are_on_record_and_in_the_log_channel(garden: World) -> None:
    await garden.configure(log_channel=garden.log)
    await scheduled(garden)
    await garden.olivia.slash(garden.general, "schedule remove", number=1)
    await garden.bot.courier.idle()

    actions = [entry.action for entry in await garden.points.read(audit.recent, garden.community)]
    assert actions[:2] == ["schedule.remove", "schedule.add"]
    assert len([m for m in garden.log.history() if "chedule" in m.content]) == 2


# The posts


async def test_a_board_is_posted_when_its_time_comes_and_pings_nobody(garden: World) -> None:
    await scheduled(garden)

    await until(garden, "2026-01-01T08:59:59")
    assert posts(garden) == []
    await until(garden, "2026-01-01T09:00:00")
    await look(garden)

    (post,) = posts(garden)
    lines = str(post.embeds[0].description).split("\n")
    assert [line for line in lines if "Mia" in line and "1=" in line and "30 points" in line]
    assert [line for line in lines if "Noah" in line and "1=" in line]
    assert [line for line in lines if "Zoë" in line and "3." in line and "20 points" in line]
    assert footer(post).endswith("Schedule #1 · 2026-01-01")
    assert post.content == ""
    (body,) = garden.sent(f"/channels/{garden.leaderboard.id}/messages")
    assert body["allowed_mentions"] == {"parse": []}


async def test_the_loop_itself_posts_when_the_time_comes(garden: World) -> None:
    await scheduled(garden, at="00:01")

    await garden.env.advance_time(90)

    assert len(posts(garden)) == 1


async def test_each_category_has_its_own_board_in_one_post(garden: World) -> None:
    await scheduled(garden, categories="helping, events")
    await until(garden, "2026-01-01T09:00")

    (post,) = posts(garden)
    assert ["helping" in str(post.embeds[0].title), "events" in str(post.embeds[1].title)] == [True, True]
    assert "Mia" not in str(post.embeds[0].description)
    assert "Noah" not in str(post.embeds[1].description)


async def test_many_long_boards_fit_into_one_message(garden: World) -> None:
    name = "Ω" * 32
    for number in range(40):
        person = garden.guild.add_member(
            garden.env.create_user(f"person{number}", global_name=name), roles=[]
        )
        for category in ("events", "helping", "content"):
            await garden.ada.slash(
                garden.general, "award", member=person, amount=7, reason="tied", category=category
            )
    await scheduled(garden, categories="events, helping, content", top=25)

    await until(garden, "2026-01-01T09:00")

    (post,) = posts(garden)
    assert len(post.embeds) == 3
    assert sum(len(embed) for embed in post.embeds) <= 6_000
    assert all("more" in str(embed.description) for embed in post.embeds)


async def test_a_board_without_points_is_posted_all_the_same(world: World) -> None:
    await scheduled(world)
    await until(world, "2026-01-01T09:00")

    assert "Nobody has points here yet" in str(posts(world)[0].embeds[0].description)


async def test_post_now_posts_at_once_and_the_regular_post_still_comes(garden: World) -> None:
    await scheduled(garden)

    answer = await garden.olivia.slash(garden.general, "schedule post-now", number=1)
    await garden.bot.courier.idle()

    assert f"goes to <#{garden.leaderboard.id}> now" in words(answer)
    assert len(posts(garden)) == 1
    await until(garden, "2026-01-01T09:00")
    assert len(posts(garden)) == 2


async def test_a_removed_schedule_posts_no_more(garden: World) -> None:
    await scheduled(garden)
    await garden.olivia.slash(garden.general, "schedule remove", number=1)

    await until(garden, "2026-01-01T09:00")

    assert posts(garden) == []


# Once per slot, whatever happens


async def test_a_restart_posts_nothing_twice(garden: World) -> None:
    await scheduled(garden)
    await until(garden, "2026-01-01T09:00")

    await garden.restart()
    await look(garden)

    assert len(posts(garden)) == 1


async def test_after_an_outage_the_latest_board_is_posted_and_says_which_were_left_out(garden: World) -> None:
    await scheduled(garden)
    await until(garden, "2026-01-01T09:00")

    await garden.restart(away=4 * 86_400 + 3_600)  # until Monday the 5th, 10:00
    await look(garden)

    first, caught_up = posts(garden)
    assert footer(caught_up).endswith("Schedule #1 · 2026-01-05")
    due = int(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp())
    assert caught_up.content == (
        f"This board was due <t:{due}:f>.\n"
        "Left out, because I could not post in time: 2 January 2026, 3 January 2026, 4 January 2026."
    )
    await until(garden, "2026-01-06T09:00")
    assert posts(garden)[-1].content == ""
    assert len(posts(garden)) == 3
    assert first.content == ""


async def test_a_board_caught_up_with_shows_the_window_in_which_its_slot_lay(garden: World) -> None:
    await scheduled(garden, window="week", every="sunday", at="20:00")

    await garden.restart(away=4 * 86_400 + 3_600)  # past Sunday the 4th, into the next week
    await look(garden)

    (post,) = posts(garden)
    assert "Mia" in str(post.embeds[0].description)
    assert "29 December 2025 to 4 January 2026" in footer(post)


async def test_a_post_whose_answer_was_lost_is_there_once(garden: World, wire: Wire) -> None:
    await scheduled(garden)
    wire.cut("POST", f"/channels/{garden.leaderboard.id}/messages", answer_only=True)

    await until(garden, "2026-01-01T09:00")
    for minutes in (1, 5, 30):
        await until(garden, f"2026-01-01T09:{minutes:02}")

    assert len(posts(garden)) == 1


async def test_a_post_that_discord_did_not_take_is_sent_again_with_the_same_nonce(garden: World) -> None:
    await scheduled(garden)
    garden.env.inject_error(
        "POST", f"/channels/{garden.leaderboard.id}/messages", status=503, code=0, times=1
    )
    await until(garden, "2026-01-01T09:00")
    assert posts(garden) == []

    await until(garden, "2026-01-01T09:02")

    assert len(posts(garden)) == 1
    nonces = {body["nonce"] for body in garden.sent(f"/channels/{garden.leaderboard.id}/messages")}
    assert len(nonces) == 1


async def test_a_board_that_could_not_be_posted_for_a_day_is_overtaken_by_the_next(garden: World) -> None:
    await scheduled(garden)
    garden.env.inject_error(
        "POST", f"/channels/{garden.leaderboard.id}/messages", status=503, code=0, times=1
    )
    await until(garden, "2026-01-01T09:00")

    await until(garden, "2026-01-02T09:00")
    await until(garden, "2026-01-02T09:30")

    (post,) = posts(garden)
    assert footer(post).endswith("2026-01-02")
    assert post.content == "Left out, because I could not post in time: 1 January 2026."


async def test_a_process_that_died_between_post_and_record_posts_nothing_twice(garden: World) -> None:
    await scheduled(garden)
    await until(garden, "2026-01-01T09:00")
    await garden.points.write(_forget_the_post)

    await until(garden, "2026-01-01T09:02")

    assert len(posts(garden)) == 1
    post = await garden.points.read(schedules.publication, garden.community, 1, "2026-01-01")
    assert post.state == "posted"


def _forget_the_post(tx: Any) -> None:
    """Leave the books as they were when the message was out and nothing of it recorded."""
    tx.exec_driver_sql("UPDATE publications SET state = 'claimed', channel = NULL, message = NULL")
    tx.exec_driver_sql("UPDATE outbox SET done_at = NULL WHERE topic = 'board.due'")


async def test_a_channel_that_is_gone_is_said_in_the_log_and_the_next_slot_is_tried(garden: World) -> None:
    garden.expected.append("is given up")
    await garden.configure(log_channel=garden.log)
    await scheduled(garden)
    garden.env.backend.delete_channel(garden.leaderboard.id)
    await garden.env.settle()

    await until(garden, "2026-01-01T09:00")
    await until(garden, "2026-01-02T09:00")

    said = [
        m.content for m in garden.log.history() if "could not post the scheduled leaderboard" in m.content
    ]
    assert len(said) == 2
    for slot in ("2026-01-01", "2026-01-02"):
        post = await garden.points.read(schedules.publication, garden.community, 1, slot)
        assert post.state == "failed"


@pytest.mark.parametrize(
    "evening, before, moment, after",
    [
        # Spring: 02:30 does not exist on the 29th. Autumn: it comes twice on the 25th.
        ("2026-03-28T12:00", "2026-03-29T01:29", "2026-03-29T01:30", "2026-03-29T22:00"),
        ("2026-10-24T12:00", "2026-10-25T00:29", "2026-10-25T00:30", "2026-10-25T22:00"),
    ],
)
async def test_a_night_of_changing_clocks_has_one_post(
    garden: World, evening: str, before: str, moment: str, after: str
) -> None:
    await garden.configure(timezone="Europe/Berlin")
    await until(garden, evening)
    await scheduled(garden, at="02:30")

    await until(garden, before)
    assert posts(garden) == []
    await until(garden, moment)
    assert len(posts(garden)) == 1
    await until(garden, after)
    assert len(posts(garden)) == 1


async def test_a_new_time_zone_moves_the_next_post(garden: World) -> None:
    await scheduled(garden)
    await until(garden, "2026-01-01T09:00")
    await garden.configure(timezone="Asia/Tokyo")

    await until(garden, "2026-01-01T23:59")
    assert len(posts(garden)) == 1
    await until(garden, "2026-01-02T00:00")
    assert len(posts(garden)) == 2


def test_two_bots_on_one_database_post_each_slot_once(settings: Settings) -> None:
    """Each bot in its own thread, loop and simulated Discord, where the server and its channels are the same."""
    together = Barrier(2, timeout=30)
    slots: list[str] = []

    async def live(adds: bool) -> None:
        async with Points.opened(settings) as points:
            # simcord replaces discord.py's clock for one environment of a process; both bots ask their own
            bot = PointsBot(points, settings, clock=lambda: env.now())  # noqa: PLW0108 - it is made below
            env = simcord.Env(bot, check_errors=False)
            await env.start()
            world = founded(env, points)
            await env.settle()
            if adds:
                await scheduled(world)
            for day in range(1, 6):
                together.wait()
                await until(world, f"2026-01-0{day}T09:00")
                together.wait()
                await look(world)
            slots.extend(footer(post)[-10:] for post in posts(world))
            await env.bot.close()
            await env.shutdown()

    with ThreadPoolExecutor(2) as bots:
        for bot in [bots.submit(asyncio.run, live(adds)) for adds in (True, False)]:
            bot.result()

    assert sorted(slots) == [f"2026-01-0{day}" for day in range(1, 6)]


# One live message


async def test_a_live_board_is_one_message_that_is_edited(garden: World) -> None:
    await scheduled(garden, live=True)
    await until(garden, "2026-01-01T09:00")
    await garden.ada.slash(garden.general, "award", member=garden.zoe, amount=90, reason="overtaking")

    await until(garden, "2026-01-02T09:00")
    await garden.olivia.slash(garden.general, "schedule post-now", number=1)
    await garden.bot.courier.idle()

    (post,) = posts(garden)
    assert "110 points" in str(post.embeds[0].description)
    assert post.edited_at is not None


async def test_a_live_board_that_was_deleted_comes_back(garden: World) -> None:
    await scheduled(garden, live=True)
    await until(garden, "2026-01-01T09:00")
    (old,) = posts(garden)
    garden.env.backend.delete_message(garden.leaderboard.id, old.id)

    await until(garden, "2026-01-02T09:00")
    (new,) = posts(garden)
    await until(garden, "2026-01-03T09:00")

    assert new.id != old.id
    assert [post.id for post in posts(garden)] == [new.id]
    assert footer(posts(garden)[0]).endswith("2026-01-03")
