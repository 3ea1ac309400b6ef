"""Anybody can ask why they were given points, or not; moderators can ask about others."""

from datetime import timedelta
from typing import Any

import discord
import simcord
from simcord.results import InteractionResult

from points_core import rules
from points_core.rules import Fact, On, stored
from points_core.rules.definition import (
    AllOf,
    Condition,
    Definition,
    HasRole,
    InChannels,
    IsReply,
    Limits,
    MembershipAge,
    MinimumLength,
    NoneOf,
    OnBoost,
    OnMessage,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.values import Actor, ActorKind, Mode, Origin
from tests.stories.answers import answer, private
from tests.stories.world import World


async def made(world: World, name: str, when: Condition | None = None, **changes: Any) -> int:
    """Have a rule that gives two points for a message, live unless said otherwise."""
    mode = changes.pop("mode", Mode.LIVE)
    given: dict[str, Any] = {"trigger": OnMessage(), "amount": 2, "reason": "talk", "when": when}
    origin = Origin(
        world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"rule:{name}".replace(" ", "-")
    )
    view = await world.points.write(
        stored.create, origin, name=name, definition=Definition(**given | changes), mode=Mode.DRAFT
    )
    if mode is not Mode.DRAFT:
        origin = Origin(
            world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"mode:{name}".replace(" ", "-")
        )
        await world.points.write(stored.set_mode, origin, view.rule.number, mode)
    return view.rule.number


async def asked(world: World, who: simcord.MemberActor, **options: object) -> InteractionResult:
    return await who.slash(world.general, "why", **options)


def lines(result: InteractionResult) -> list[str]:
    assert result.ephemeral
    (embed,) = answer(result).embeds
    return str(embed.description).splitlines()


def link(message: discord.Message) -> str:
    return message.jump_url


async def test_a_message_that_no_rule_gave_for_is_explained_condition_by_condition(world: World) -> None:
    general, elsewhere = str(world.general.id), str(world.leaderboard.id)
    await made(world, "elsewhere", InChannels(channels=(elsewhere,)))
    await made(world, "both", AllOf(of=(IsReply(), HasRole(roles=(str(world.moderator.id),)))))
    await made(world, "old", MembershipAge(days=30))
    await made(world, "long", MinimumLength(characters=5))
    await made(world, "not here", NoneOf(of=(InChannels(channels=(general,)),)))
    await made(world, "rich", AllOf(of=(TotalAtLeast(points=500), StreakAtLeast(length=3))))
    await made(world, "boosts", trigger=OnBoost())
    await made(world, "draft", mode=Mode.DRAFT)
    await made(world, "over", expires_at=world.env.now() + timedelta(seconds=1))
    world.env.backend.clock.advance(60)
    message = await world.mia.send(world.general, "good morning")

    said = lines(await asked(world, world.mia, message=link(message)))

    assert said[0].startswith(f"**A message** of <@{world.mia.id}>, <t:")
    assert said[1:] == [
        f"➖ **#1 elsewhere** (live): not so: it is in <#{elsewhere}> (it was in <#{general}>).",
        f"➖ **#2 both** (live): not so: the message answers another; they have <@&{world.moderator.id}> "
        "(they have none).",
        "➖ **#3 old** (live): not so: they have been here for at least 30 days (0 days).",
        "➖ **#4 long** (live): not so: the message has at least 5 characters (I may not read messages here).",
        f"➖ **#5 not here** (live): not so: it is not so that it is in <#{general}>.",
        "➖ **#6 rich** (live): not so: they have at least 500 points (they have 0); their streak is at least "
        "3 days (it is 0).",
        "➖ **#8 draft** (draft): it would match, and is a draft.",
        "➖ **#9 over** (live): it was over by then.",
    ]


async def test_where_there_is_no_rule_for_it_that_is_said(world: World) -> None:
    message = await world.mia.send(world.general, "good morning")
    told = private(await asked(world, world.mia, message=str(message.id)))
    assert "no rule here waits for such things" in told


async def test_what_the_bot_said_is_nothing_that_rules_wait_for(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="roses")
    (posted,) = list(world.general.history())
    told = private(await asked(world, world.ada, message=link(posted)))
    assert "a message of a bot" in told


async def test_about_others_only_moderators_may_ask(world: World) -> None:
    await made(world, "talk")
    message = await world.mia.send(world.general, "good morning")
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="roses")

    for options in ({"message": link(message)}, {"member": world.mia}, {"transaction": 1}):
        assert "You cannot award points here." in private(await asked(world, world.noah, **options))
        assert (await asked(world, world.ada, **options)).ephemeral
        assert "You cannot" not in str(answer(await asked(world, world.mia, **options)).content)


async def test_a_message_that_the_asker_may_not_read_does_not_exist_for_them(world: World) -> None:
    me, here = world.bot.user, world.bot.get_guild(world.guild.id)
    assert me is not None
    assert here is not None
    hidden: dict[Any, discord.PermissionOverwrite] = {
        here.default_role: discord.PermissionOverwrite(view_channel=False),
        me: discord.PermissionOverwrite(view_channel=True, read_message_history=True),
    }
    cellar = world.guild.create_text_channel("cellar", overwrites=hidden)
    await world.env.settle()
    channel = world.bot.get_channel(cellar.id)
    assert isinstance(channel, discord.TextChannel)
    message = await channel.send("psst")

    told = private(await asked(world, world.ada, message=message.jump_url))

    assert told == private(await asked(world, world.ada, message="123456789012345678"))
    assert "There is no such message here" in told
    assert "There is no such message" in private(await asked(world, world.ada, message="roses"))
    other = f"https://discord.com/channels/1/{cellar.id}/{message.id}"
    assert "There is no such message" in private(await asked(world, world.ada, message=other))


async def test_a_message_in_a_private_thread_exists_only_for_who_is_in_it(world: World) -> None:
    await made(world, "Talk")
    thread = world.env.backend.create_thread(
        world.general.id, "between us", world.mia.id, type=discord.ChannelType.private_thread.value
    )
    bot = world.bot.user
    assert bot is not None
    thread.thread_members[bot.id] = thread.thread_members[world.mia.id]
    await world.env.settle()
    message = await world.mia.send(world.general.threads[0], "psst")

    assert "There is no such message" in private(await asked(world, world.ada, message=message.jump_url))
    thread.thread_members[world.ada.id] = thread.thread_members[world.mia.id]
    assert "Talk" in "".join(lines(await asked(world, world.ada, message=message.jump_url)))


async def test_discord_may_take_its_time_to_find_the_message(world: World) -> None:
    await made(world, "Talk")
    message = await world.mia.send(world.general, "hello")
    original = world.bot.http.request

    async def slow(route: Any, *args: Any, **kwargs: Any) -> Any:
        if route.method == "GET":
            world.env.backend.clock.advance(4)  # Discord waits three seconds for an answer
        return await original(route, *args, **kwargs)

    world.bot.http.request = slow  # type: ignore[method-assign]

    assert "Talk" in "".join(lines(await asked(world, world.mia, message=message.jump_url)))


async def test_a_transaction_by_hand_says_who_made_it(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="roses")
    told = private(await asked(world, world.mia, transaction=1))
    assert told == f"No rule gave #1 (+5); <@{world.ada.id}> did: roses"
    assert "no transaction #9" in private(await asked(world, world.mia, transaction=9))


async def test_where_no_rule_is_on_a_member_is_told_so(world: World) -> None:
    assert "No rule is on here" in private(await asked(world, world.mia))
    await made(world, "talk")
    said = lines(await asked(world, world.mia))
    assert said[0] == "No rule has seen anything of them in the last 90 days."
    assert said[-1] == "**#1 talk** (live): 2 points."


async def told(world: World, message: discord.Message, person: simcord.MemberActor, **changes: Any) -> None:
    """Have the rules told of a message, as a listener does."""
    fact = Fact(
        on=On.MESSAGE,
        key=f"message:{message.id}",
        at=message.created_at,
        user_id=str(person.id),
        name=person.name,
        channel=str(message.channel.id),
        message=str(message.id),
        link=message.jump_url,
        **changes,
    )
    origin = Origin(world.community, Actor(ActorKind.SYSTEM), world.env.now(), fact.key)
    await world.points.write(rules.fire, origin, fact)


async def test_a_message_that_a_rule_gave_for_names_the_transaction_and_what_others_saw(world: World) -> None:
    await made(world, "talk", limits=Limits(member_cooldown=3_600))
    await made(world, "reply", IsReply())
    await made(world, "trial", mode=Mode.SHADOW)
    first = await world.mia.send(world.general, "good morning")
    await told(world, first, world.mia)
    second = await world.mia.send(world.general, "and again")
    await told(world, second, world.mia)

    said = lines(await asked(world, world.mia, message=link(first)))
    assert said[0].endswith(f" · [to it]({link(first)})")
    assert said[1:] == [
        "✅ **#1 talk** (live): gave 2 points (#1).",
        "➖ **#2 reply** (live): not so: the message answers another.",
        "👁️ **#3 trial** (shadow): would have given 2 points.",
    ]
    until = int(first.created_at.timestamp()) + 3_600
    again = lines(await asked(world, world.mia, message=link(second)))
    assert again[1] == (
        f"❌ **#1 talk** (live): refused by the member's cooldown until <t:{until}:f> (<t:{until}:R>)."
    )
    assert lines(await asked(world, world.ada, transaction=1)) == said

    mine = lines(await asked(world, world.mia))
    assert mine.count(said[1]) == 1
    assert f"**#1 talk** (live): nothing before <t:{until}:t> (<t:{until}:R>): the member's cooldown." in mine


async def test_what_was_taken_back_says_so(world: World) -> None:
    number = await made(world, "talk")
    message = await world.mia.send(world.general, "good morning")
    await told(world, message, world.mia)
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "undo")
    await world.points.write(rules.undo, origin, number, reason="was wrong")

    said = lines(await asked(world, world.mia, message=link(message)))
    assert said[1] == "↩️ **#1 talk** (live): gave 2 points (#1); taken back by batch 1."


async def test_a_transaction_whose_fact_is_kept_no_more_still_names_its_rule(world: World) -> None:
    await made(world, "talk")
    message = await world.mia.send(world.general, "good morning")
    await told(world, message, world.mia)
    await world.points.write(rules.forget, world.env.now() + timedelta(days=91))

    told_of = private(await asked(world, world.mia, transaction=1))
    assert told_of.startswith("Rule #1, in its version 2, gave #1 (+2) ")
    assert "kept no more" in told_of
