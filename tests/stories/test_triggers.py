"""Every trigger, as people set it off: what they do in Discord, and the points that a rule gives for it."""

from typing import Any

import discord
import pytest
import simcord

from bot.client import PointsBot
from points_core import history, rules
from points_core.database import Points
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Mode, Origin, Receipt
from tests.stories.answers import answer
from tests.stories.reading import texts
from tests.stories.world import World, founded

MINUTE, HOUR, DAY = 60, 3_600, 86_400  # seconds


async def rule(world: World, trigger: dict[str, Any], *, mode: Mode = Mode.LIVE, **more: Any) -> int:
    """Make a rule behind the bot's back and return its number; it gives 5 points unless `more` says otherwise."""
    definition = {"trigger": trigger, "amount": 5, "reason": f"For {trigger['on']}", **more}
    world._changes += 1
    origin = Origin(
        world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"story:rule:{world._changes}"
    )
    made = await world.points.write(
        rules.create, origin, name=f"Rule {world._changes}", definition=definition, mode=mode
    )
    await world.env.settle()
    return made.rule.number


async def points_of(world: World, member: simcord.MemberActor) -> int:
    await world.env.settle()
    return (await world.points.read(history.balance, world.community, str(member.id))).current


async def pass_time(world: World, seconds: int) -> None:
    """Let time pass, as much at once as simcord can settle."""
    while seconds > 0:
        await world.env.advance_time(min(seconds, 2 * MINUTE))
        seconds -= 2 * MINUTE


async def last_of(world: World, member: simcord.MemberActor) -> Receipt:
    page = await world.points.read(history.page, world.community, user_id=str(member.id))
    return page.receipts[0]


@pytest.fixture
async def granted(settings: Settings, points: Points) -> Any:
    """A world whose host granted both privileged intents."""
    willing = settings.model_copy(update={"intents": ("members", "message_content")})
    env = simcord.Env(PointsBot(points, willing), check_errors=False)
    await env.start()
    world = founded(env, points)
    await env.settle()
    yield world
    await env.bot.close()
    await env.shutdown()


async def test_nothing_happens_on_install(world: World) -> None:
    message = await world.mia.send(world.general, "hello")
    await world.noah.react(message, "👍")

    assert await points_of(world, world.mia) == 0


async def test_a_message_earns_points_that_name_their_rule_and_lead_to_the_message(world: World) -> None:
    number = await rule(world, {"on": "message"}, limits={"member_cooldown": MINUTE})

    message = await world.mia.send(world.general, "hello")
    await world.mia.send(world.general, "and again")

    assert await points_of(world, world.mia) == 5
    receipt = await last_of(world, world.mia)
    assert receipt.rule == (number, 1)
    assert receipt.evidence == message.jump_url
    assert receipt.actor.kind is ActorKind.RULE


async def test_a_message_elsewhere_or_by_a_bot_earns_nothing(world: World) -> None:
    await rule(world, {"on": "message"}, when={"kind": "channels", "channels": [str(world.log.id)]})

    await world.mia.send(world.general, "hello")
    hook = world.guild.create_webhook(world.log, "news")
    await hook.send("from elsewhere")

    assert await points_of(world, world.mia) == 0
    await world.mia.send(world.log, "here it counts")
    assert await points_of(world, world.mia) == 5


async def test_a_rule_switched_off_or_on_counts_from_the_next_message(world: World) -> None:
    number = await rule(world, {"on": "message"})
    await world.mia.send(world.general, "one")
    for mode in (Mode.PAUSED, Mode.LIVE):
        origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"story:{mode}")
        await world.points.write(rules.set_mode, origin, number, mode)
        await world.env.settle()
        await world.mia.send(world.general, f"while {mode}")

    assert await points_of(world, world.mia) == 10


LONG = {"kind": "length", "characters": 10}


async def test_without_the_intent_a_message_has_no_length(world: World) -> None:
    await rule(world, {"on": "message"}, when=LONG)
    await world.mia.send(world.general, "long enough to count")

    assert await points_of(world, world.mia) == 0


async def test_with_the_intent_a_rule_can_ask_for_a_length(granted: World) -> None:
    await rule(granted, {"on": "message"}, when=LONG)
    await granted.mia.send(granted.general, "short")
    await granted.mia.send(granted.general, "long enough to count")

    assert await points_of(granted, granted.mia) == 5


async def test_a_reaction_earns_for_who_wrote_and_for_who_reacted_once(world: World) -> None:
    await rule(world, {"on": "reaction-received", "emoji": ["👍"]})
    await rule(world, {"on": "reaction-given"}, amount=1)

    message = await world.mia.send(world.general, "helpful")
    await world.noah.react(message, "👍")
    await world.noah.unreact(message, "👍")
    await world.noah.react(message, "👍")
    await world.mia.react(message, "👍")  # one's own

    assert await points_of(world, world.mia) == 5
    assert await points_of(world, world.noah) == 1


async def test_an_answer_marked_as_the_solution_earns_once_and_the_thread_is_told(world: World) -> None:
    await rule(world, {"on": "solved"}, amount=10)
    thread, reply = await question(world)

    marked = await world.mia.context_menu(thread, "Mark as solution", reply)
    again = await world.mia.context_menu(thread, "Mark as solution", reply)

    assert "+10 points" in texts(answer(marked))
    assert again.response is not None
    assert await points_of(world, world.noah) == 10


async def test_only_who_asked_or_a_moderator_marks_a_solution_and_nobody_their_own(world: World) -> None:
    await rule(world, {"on": "solved"}, amount=10)
    thread, reply = await question(world)

    stranger = await world.zoe.context_menu(thread, "Mark as solution", reply)
    own = await world.noah.context_menu(thread, "Mark as solution", reply)

    assert stranger.ephemeral
    assert own.ephemeral
    assert await points_of(world, world.noah) == 0
    moderated = await world.ada.context_menu(thread, "Mark as solution", reply)
    assert "+10 points" in texts(answer(moderated))


async def question(world: World) -> tuple[Any, discord.Message]:
    """Return a thread that Mia opened with a question, and Noah's answer in it."""
    asked = await world.mia.send(world.general, "How does one do this?")
    world.env.backend.create_thread(world.general.id, "How?", world.mia.id, message_id=asked.id)
    await world.env.settle()
    thread = world.general.threads[0]
    return thread, await world.noah.send(thread, "Like this.")


async def test_voice_counts_in_company_and_unmuted(world: World) -> None:
    await rule(world, {"on": "voice", "minutes": 10, "grace_seconds": 0})
    lounge = world.guild.create_voice_channel("lounge")
    await world.env.settle()

    await world.mia.join_voice(lounge)
    await pass_time(world, 11 * MINUTE)
    assert await points_of(world, world.mia) == 0  # alone
    await world.noah.join_voice(lounge, self_mute=True)
    await pass_time(world, 11 * MINUTE)

    assert await points_of(world, world.mia) == 5
    assert await points_of(world, world.noah) == 0  # muted
    await world.mia.leave_voice()


async def test_attending_a_scheduled_event_earns_once(world: World) -> None:
    await rule(world, {"on": "event-attended", "minutes": 15}, amount=25)
    stage = world.guild.create_voice_channel("talks")
    start = world.env.now()
    event = world.guild.create_scheduled_event("Talk", start_time=start.isoformat(), channel=stage)
    world.env.backend.edit_scheduled_event(world.guild.id, event.id, {"status": 2})
    await world.env.settle()

    await world.mia.join_voice(stage, self_mute=True)
    await world.noah.join_voice(stage)
    await pass_time(world, 5 * MINUTE)
    await world.noah.leave_voice()
    await pass_time(world, 40 * MINUTE)

    assert await points_of(world, world.mia) == 25
    assert await points_of(world, world.noah) == 0


async def test_a_boost_earns(world: World) -> None:
    await rule(world, {"on": "boost"}, amount=100)

    boost = simcord.enums.MessageType(discord.MessageType.premium_guild_subscription.value)
    world.guild.create_system_message(world.general, boost, author=world.mia)

    assert await points_of(world, world.mia) == 100


async def test_a_role_gained_earns_once_a_day(granted: World) -> None:
    world = granted
    role = world.guild.create_role("Translator")
    await rule(world, {"on": "role-gained", "roles": [str(role.id)]}, amount=20)

    for _ in range(2):
        world.env.backend.add_member_role(world.guild.id, world.mia.id, role.id)
        await world.env.settle()
        world.env.backend.remove_member_role(world.guild.id, world.mia.id, role.id)
        await world.env.settle()

    assert await points_of(world, world.mia) == 20


async def test_every_year_here_earns_also_when_the_bot_was_away_on_the_day(granted: World) -> None:
    world = granted
    await rule(world, {"on": "anniversary"}, amount=50)
    await pass_time(world, 2 * MINUTE)
    assert await points_of(world, world.mia) == 0

    await world.bot.ws.close()
    await world.bot.close()
    world.env.backend.clock.advance(365 * DAY + HOUR)
    await world.env.restart_bot(PointsBot(world.points, world.bot.settings))
    await pass_time(world, 3 * MINUTE)

    assert await points_of(world, world.mia) == 50


async def test_a_scheduled_rule_gives_to_the_holders_of_a_role_once_a_turn(granted: World) -> None:
    world = granted
    await rule(world, {"on": "schedule", "every": "day", "at": "00:10", "roles": [str(world.moderator.id)]})

    await pass_time(world, 20 * MINUTE)

    assert [await points_of(world, each) for each in (world.ada, world.grace, world.mia)] == [5, 5, 0]
