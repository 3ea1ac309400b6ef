"""What rules hear of a server when things do not go as planned: outages, moves, late and repeated events."""

from typing import Any

import simcord

from bot.client import PointsBot
from points_core.database import Points
from tests.stories.answers import answer, private
from tests.stories.reading import texts
from tests.stories.test_triggers import DAY, HOUR, MINUTE, granted, pass_time, points_of, question, rule
from tests.stories.world import World

__all__ = ["granted"]  # a fixture

VOICE: dict[str, Any] = {"on": "voice", "minutes": 10, "grace_seconds": 0}


async def lounge(world: World, name: str = "lounge") -> simcord.ChannelHandle:
    made = world.guild.create_voice_channel(name)
    await world.env.settle()
    return made


# ── voice ──


async def test_a_bot_is_no_company_and_earns_nothing(world: World) -> None:
    await rule(world, VOICE)
    room = await lounge(world)
    jukebox = world.guild.add_member(world.env.create_user("jukebox", bot=True))
    await world.env.settle()

    await world.mia.join_voice(room)
    world.env.backend.set_voice_state(world.guild.id, jukebox.id, room.id)
    await pass_time(world, 21 * MINUTE)

    assert await points_of(world, world.mia) == 0
    assert await points_of(world, jukebox) == 0


async def test_the_channel_for_the_absent_does_not_count(world: World) -> None:
    await rule(world, VOICE)
    room = await lounge(world)
    world.env.backend.edit_guild(world.guild.id, {"afk_channel_id": room.id})
    await world.env.settle()

    await world.mia.join_voice(room)
    await world.noah.join_voice(room)
    await pass_time(world, 21 * MINUTE)

    assert await points_of(world, world.mia) == 0


async def test_a_stay_goes_on_in_another_channel(world: World) -> None:
    """Neither what it earned so far is lost, nor does it begin anew what one stay earns at most."""
    await rule(world, {**VOICE, "most_minutes": 20})
    rooms = [await lounge(world, "one"), await lounge(world, "two")]
    for _ in range(6):
        for room in rooms:
            await world.mia.join_voice(room)
            await world.noah.join_voice(room)
            await pass_time(world, 8 * MINUTE)

    assert await points_of(world, world.mia) == 10  # twice ten minutes


async def test_a_role_counts_with_the_minutes_that_are_reached_by_leaving(world: World) -> None:
    """Who leaves is forgotten by the connection at once, before the last stretch is told."""
    await rule(world, VOICE, when={"kind": "roles", "roles": [str(world.moderator.id)]})
    room = await lounge(world)
    await world.ada.join_voice(room)
    await world.noah.join_voice(room)
    await pass_time(world, 9 * MINUTE + 45)
    world.env.backend.clock.advance(20)

    await world.ada.leave_voice()

    assert await points_of(world, world.ada) == 5


async def test_a_role_given_during_a_stay_counts(world: World) -> None:
    await rule(world, VOICE, when={"kind": "roles", "roles": [str(world.moderator.id)]})
    room = await lounge(world)
    await world.mia.join_voice(room)
    await world.noah.join_voice(room)
    world.env.backend.add_member_role(world.guild.id, world.mia.id, world.moderator.id)
    await pass_time(world, 11 * MINUTE)

    assert await points_of(world, world.mia) == 5


async def test_nobody_is_counted_while_the_connection_is_gone(world: World) -> None:
    await rule(world, VOICE)
    room = await lounge(world)
    await world.mia.join_voice(room)
    await world.noah.join_voice(room)

    world.bot.dispatch("disconnect")
    await pass_time(world, 60 * MINUTE)

    assert await points_of(world, world.mia) == 0
    world.bot.dispatch("resumed")
    await pass_time(world, 9 * MINUTE)
    assert (
        await points_of(world, world.mia) == 5
    )  # the last two minutes before it was noticed, and eight more


async def test_an_event_that_moves_or_is_deleted_meanwhile_is_counted_as_far_as_it_went(world: World) -> None:
    await rule(world, {"on": "event-attended", "minutes": 15}, amount=25)
    here, there = await lounge(world, "here"), await lounge(world, "there")
    start = world.env.now().isoformat()
    event = world.guild.create_scheduled_event("Talk", start_time=start, channel=here)
    world.env.backend.edit_scheduled_event(world.guild.id, event.id, {"status": 2})
    await world.env.settle()
    await world.mia.join_voice(here)
    await pass_time(world, 10 * MINUTE)

    world.env.backend.edit_scheduled_event(world.guild.id, event.id, {"channel_id": there.id})
    await world.mia.join_voice(there)
    await pass_time(world, 6 * MINUTE)

    assert await points_of(world, world.mia) == 25


# ── roles, anniversaries, schedules ──


async def test_a_role_taken_and_given_again_on_one_local_day_is_one_gain(granted: World) -> None:
    world = granted
    await world.configure(timezone="America/New_York")
    role = world.guild.create_role("Translator")
    await rule(world, {"on": "role-gained", "roles": [str(role.id)]}, amount=20)

    async def given_and_taken() -> None:
        world.env.backend.add_member_role(world.guild.id, world.mia.id, role.id)
        await world.env.settle()
        world.env.backend.remove_member_role(world.guild.id, world.mia.id, role.id)
        await world.env.settle()

    world.env.backend.clock.advance(23 * HOUR)  # 18:00 in New York
    await given_and_taken()
    world.env.backend.clock.advance(2 * HOUR)  # past midnight in Greenwich
    await given_and_taken()
    assert await points_of(world, world.mia) == 20
    world.env.backend.clock.advance(5 * HOUR)
    await given_and_taken()
    assert await points_of(world, world.mia) == 40


async def test_an_anniversary_is_told_on_its_day_whatever_the_hour(granted: World) -> None:
    world = granted
    world.env.backend.clock.advance(15 * HOUR)
    zora = world.guild.add_member(world.env.create_user("zora"))
    await rule(world, {"on": "anniversary"}, amount=50)
    await world.bot.ws.close()
    await world.bot.close()
    world.env.backend.clock.advance(365 * DAY - 10 * HOUR)  # five in the morning

    await world.env.restart_bot(PointsBot(world.points, world.bot.settings))
    await pass_time(world, 3 * MINUTE)

    assert await points_of(world, zora) == 50


async def test_an_anniversary_is_one_in_every_zone(granted: World) -> None:
    world = granted
    world.env.backend.clock.advance(22 * HOUR)
    zora = world.guild.add_member(world.env.create_user("zora"))  # who came on the next day already in Tokyo
    await rule(world, {"on": "anniversary"}, amount=50)
    await world.bot.ws.close()
    await world.bot.close()
    world.env.backend.clock.advance(365 * DAY + 4 * HOUR)

    await world.env.restart_bot(PointsBot(world.points, world.bot.settings))
    await pass_time(world, 3 * MINUTE)
    await world.configure(timezone="Asia/Tokyo")
    await pass_time(world, 3 * MINUTE)

    assert await points_of(world, zora) == 50


async def test_a_rule_for_anniversaries_counts_from_the_day_on_which_it_is_made(granted: World) -> None:
    world = granted
    await rule(world, {"on": "anniversary"}, when={"kind": "membership-age", "days": 700})
    await world.bot.ws.close()
    await world.bot.close()
    world.env.backend.clock.advance(365 * DAY)
    await world.env.restart_bot(PointsBot(world.points, world.bot.settings))
    await pass_time(world, 3 * MINUTE)
    assert await points_of(world, world.mia) == 0

    await rule(world, {"on": "anniversary"}, amount=50)
    await pass_time(world, 3 * MINUTE)

    assert await points_of(world, world.mia) == 50


# ── solutions ──


async def test_a_second_answer_marked_as_the_solution_is_told_what_was_given_before(world: World) -> None:
    await rule(world, {"on": "solved"}, amount=10)
    thread, reply = await question(world)
    another = await world.zoe.send(thread, "Or like that.")
    await world.mia.context_menu(thread, "Mark as solution", reply)

    again = await world.mia.context_menu(thread, "Mark as solution", another)

    assert "has its solution" in private(again)
    assert await points_of(world, world.zoe) == 0


async def test_a_solution_counts_also_when_its_author_cannot_be_looked_up(world: World) -> None:
    await rule(world, {"on": "solved"}, amount=10)
    thread, reply = await question(world)
    world.env.inject_error("GET", "/guilds/*/members/*", status=500, code=0, times=9)

    marked = await world.mia.context_menu(thread, "Mark as solution", reply)

    assert "+10 points" in texts(answer(marked))


async def test_what_a_webhook_wrote_is_no_answer(world: World) -> None:
    await rule(world, {"on": "solved"}, amount=10)
    thread, _ = await question(world)
    hook = world.guild.create_webhook(thread, "news")
    sent = await hook.send("from elsewhere")

    assert "no answer" in private(await world.mia.context_menu(thread, "Mark as solution", sent))


# ── outages ──


async def test_what_is_heard_before_the_rules_could_be_read_waits_for_the_books(world: World) -> None:
    await rule(world, {"on": "message"})
    await rule(world, {"on": "reaction-received"}, amount=1)
    books = world.bot.points
    async with Points.opened(books.settings) as closed:
        pass
    world.bot.points = closed

    message = await world.mia.send(world.general, "hello")
    await world.noah.react(message, "👍")
    world.bot.points = books
    assert await points_of(world, world.mia) == 0
    await world.bot.ticker.tick(world.env.now())

    assert await points_of(world, world.mia) == 6
