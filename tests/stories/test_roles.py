"""Roles follow levels and badges; what stands in the way is said with its fix; levels and badges are announced."""

import discord
import pytest
import simcord

from bot.client import PointsBot
from points_core import achievements, approvals, bulk, outbox, policy, rules
from points_core.achievements import badges, goals, roles
from points_core.database import Points
from points_core.programme import Level
from points_core.rules import reading
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Kind, Mode, Origin
from tests.stories.answers import answer, private
from tests.stories.reading import texts
from tests.stories.world import Wire, World, founded

HOUR = 3_600  # seconds


async def levels(world: World, *rungs: tuple[str, int, simcord.RoleHandle | None], **more: object) -> None:
    """Switch levels on behind the bot's back."""
    world._changes += 1
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"story:{world._changes}")
    wanted = tuple(
        Level(name=name, earned=earned, role=str(role.id) if role else None) for name, earned, role in rungs
    )
    await world.points.write(policy.amend, origin, levels=wanted, **more)
    await world.env.settle()


async def award(world: World, member: simcord.MemberActor, amount: int) -> None:
    await world.ada.slash(
        world.general, "award", member=member, amount=amount, reason=f"because of {member.name} {amount}"
    )
    await world.bot.courier.idle()


def roles_of(world: World, member: simcord.MemberActor) -> set[str]:
    guild = world.env.backend.get_guild(world.guild.id)
    return {guild.roles[each].name for each in guild.members[member.id].role_ids} - {"@everyone"}


def contents(channel: simcord.ChannelHandle) -> list[str]:
    return [message.content for message in channel.history()]


async def test_a_level_brings_its_role_and_a_reversal_takes_it_back(world: World) -> None:
    low, high = world.guild.create_role("Helper"), world.guild.create_role("Hero")
    await levels(world, ("Helper", 10, low), ("Hero", 50, high))

    await award(world, world.mia, 10)
    assert roles_of(world, world.mia) == {"Helper"}
    await award(world, world.mia, 45)
    assert roles_of(world, world.mia) == {"Hero"}  # replaced

    await world.ada.slash(world.general, "undo", number=2, reason="a mistake")
    await world.bot.courier.idle()
    assert roles_of(world, world.mia) == {"Helper"}


async def test_roles_can_be_stacked_and_kept(world: World) -> None:
    low, high = world.guild.create_role("Helper"), world.guild.create_role("Hero")
    await levels(world, ("Helper", 10, low), ("Hero", 50, high), level_roles="stack", keep_roles=True)

    await award(world, world.mia, 55)
    await world.ada.slash(world.general, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    assert roles_of(world, world.mia) == {"Helper", "Hero"}


async def test_a_role_with_power_over_the_server_is_never_given(world: World) -> None:
    strong = world.guild.create_role("Strong", permissions=discord.Permissions(ban_members=True))
    await levels(world, ("Strong", 10, strong))

    await award(world, world.mia, 10)

    assert roles_of(world, world.mia) == set()
    listed = texts(answer(await world.olivia.slash(world.general, "roles failures")))
    assert "power over the server (ban members)" in listed
    asked = await world.olivia.slash(world.general, "programme levels set", name="Strong", points=20)
    assert "power over the server" in texts(answer(asked))


REFUSED = [
    pytest.param("power", "it holds power over the server (ban members)", id="power"),
    pytest.param("above", "it stands above my own role; drag mine above it", id="above the bot"),
    pytest.param("managed", "Discord gives and takes it by itself; choose another", id="managed"),
    pytest.param("everyone", "Discord gives and takes it by itself; choose another", id="everyone"),
]


def refused_role(world: World, kind: str) -> simcord.RoleHandle:
    """Return a role that the bot must not, or cannot, give."""
    if kind == "everyone":
        return world.guild.default_role
    if kind == "managed":
        return world.guild.roles["TestBot"]
    power = discord.Permissions(ban_members=kind == "power")
    made = world.guild.create_role("Unfit", permissions=power)
    if kind == "above":
        above_the_bot(world, made)
    return made


def above_the_bot(world: World, role: simcord.RoleHandle) -> None:
    """Drag a role to the top of the server's list."""
    every = world.env.backend.get_guild(world.guild.id).roles.values()
    top = max(each.position for each in every) + 1
    world.env.backend.edit_role(world.guild.id, role.id, {"position": top})


def below_the_bot(world: World, role: simcord.RoleHandle) -> None:
    """Drag a role down to the bottom of the server's list."""
    world.env.backend.edit_role(world.guild.id, role.id, {"position": 0})


@pytest.mark.parametrize("kind, why", REFUSED)
async def test_a_level_or_badge_is_not_made_with_a_role_that_cannot_be_given(
    world: World, kind: str, why: str
) -> None:
    role = refused_role(world, kind)
    await world.env.settle()

    level = await world.olivia.slash(
        world.general, "programme levels set", name="Helper", points=10, role=role
    )
    badge = await world.olivia.slash(world.general, "badge new", name="First", goal="first-award", role=role)

    for refused in (level, badge):
        assert why in private(refused)
        assert answer(refused).components == []
    assert (await world.points.read(policy.of, world.community)).programme.levels == ()
    assert await world.points.read(badges.listed, world.community) == ()


@pytest.mark.parametrize("kind, why", REFUSED)
async def test_a_rule_is_not_saved_with_a_role_that_cannot_be_given(
    world: World, kind: str, why: str
) -> None:
    role = refused_role(world, kind)
    await world.env.settle()
    card = await world.olivia.slash(world.general, "rule new", start="recipe:check-in")
    form = await world.olivia.select(answer(card), ["more"], custom_id="points:rule:1:change")

    filled = {"approval": ["no"], "counts_for_streak": ["yes"], "role": [role]}
    refused = await world.olivia.submit_modal(form, filled)

    assert why in private(refused)
    rule = await world.points.read(reading.get, world.community, 1)
    assert (rule.rule.version, rule.rule.definition.role) == (1, None)


async def test_a_rule_whose_role_came_to_hold_power_is_not_switched_on(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await world.env.settle()
    card = await world.olivia.slash(world.general, "rule new", start="recipe:check-in")
    form = await world.olivia.select(answer(card), ["more"], custom_id="points:rule:1:change")
    filled = {"approval": ["no"], "counts_for_streak": ["yes"], "role": [helper]}
    card = await world.olivia.submit_modal(form, filled)
    power = discord.Permissions(ban_members=True).value
    world.env.backend.edit_role(world.guild.id, helper.id, {"permissions": power})
    await world.env.settle()

    refused = await world.olivia.click(answer(card), label="Switch on")

    assert "it holds power over the server (ban members)" in private(refused)
    assert (await world.points.read(reading.get, world.community, 1)).rule.mode is Mode.DRAFT


async def test_the_servers_order_of_roles_is_the_obstacle_until_it_is_changed(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    above_the_bot(world, helper)
    await world.env.settle()
    await award(world, world.mia, 10)
    await award(world, world.noah, 10)

    assert roles_of(world, world.mia) == set()
    listed = texts(answer(await world.olivia.slash(world.general, "roles failures")))
    people = f"<@&{helper.id}> to <@{world.mia.id}> and <@{world.noah.id}>"
    fix = "it stands above my own role; drag mine above it in Server Settings › Roles"
    assert f"{people}\n→ {fix}" in listed

    still = await world.olivia.slash(world.general, "roles retry")
    assert fix in texts(answer(still))

    below_the_bot(world, helper)
    await world.env.settle()
    done = await world.olivia.slash(world.general, "roles retry")
    assert "Looked at 2 roles. Every role is as it should be." in texts(answer(done))
    assert roles_of(world, world.mia) == roles_of(world, world.noah) == {"Helper"}


async def test_a_role_that_could_never_be_given_is_no_failure_once_it_is_not_wanted(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    above_the_bot(world, helper)
    await world.env.settle()
    await award(world, world.mia, 10)

    world.env.backend.clock.advance(1)
    await world.ada.slash(world.general, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    listed = await world.olivia.slash(world.general, "roles failures")
    assert texts(answer(listed)).strip() == "Every role is as it should be."


async def test_the_setup_page_finds_roles_that_cannot_be_given_and_names_the_fix(world: World) -> None:
    helper, hero, fine = (world.guild.create_role(name) for name in ("Helper", "Hero", "Fine"))
    await levels(world, ("Helper", 10, helper), ("Hero", 20, hero), ("Fine", 30, fine))
    above_the_bot(world, helper)
    await world.env.settle()

    page = texts(answer(await world.olivia.slash(world.general, "points-setup")))
    assert "1 to put right" in page
    assert f"Roles that points give, <@&{helper.id}>: it stands above my own role. **Fix**: drag mine" in page
    assert f"✅ Roles that points give: <@&{hero.id}>, <@&{fine.id}>" in page

    below_the_bot(world, helper)
    without_manage_roles(world)
    await world.env.settle()
    page = texts(answer(await world.olivia.slash(world.general, "points-setup")))
    assert "I lack Manage Roles. **Fix**: allow it to my role in Server Settings › Roles" in page


async def test_without_roles_to_give_the_setup_page_does_not_ask_for_manage_roles(world: World) -> None:
    without_manage_roles(world)
    await world.env.settle()

    page = texts(answer(await world.olivia.slash(world.general, "points-setup")))

    assert "Manage Roles" not in page


def without_manage_roles(world: World) -> int:
    """Take Manage Roles from the bot's role; return what it was allowed before."""
    bots = world.guild.roles["TestBot"]
    may = int(world.env.backend.get_guild(world.guild.id).roles[bots.id].permissions)
    less = may & ~discord.Permissions(manage_roles=True).value
    world.env.backend.edit_role(world.guild.id, bots.id, {"permissions": less})
    return may


async def test_what_the_bot_lacks_is_listed_with_the_fix_and_the_role_given_after_it(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    may = without_manage_roles(world)
    await world.env.settle()

    await award(world, world.mia, 10)
    listed = texts(answer(await world.olivia.slash(world.general, "roles failures")))
    assert "I lack Manage Roles; allow it to my role in Server Settings › Roles" in listed

    bots = world.guild.roles["TestBot"]
    world.env.backend.edit_role(world.guild.id, bots.id, {"permissions": may})
    await world.env.settle()
    again = await world.olivia.slash(world.general, "roles retry")
    assert "Looked at 1 role. Every role is as it should be." in texts(answer(again))
    assert roles_of(world, world.mia) == {"Helper"}


async def come_back(world: World, member: simcord.MemberActor) -> simcord.MemberActor:
    """Have somebody leave, and join again an hour later without any role."""
    world.guild.remove_member(member)
    await world.env.settle()
    world.env.backend.clock.advance(HOUR)
    back = world.guild.add_member(member.user)
    await world.env.settle()
    assert roles_of(world, back) == set()
    return back


async def helper_mia(world: World) -> None:
    """Have Mia earn the role Helper."""
    await levels(world, ("Helper", 10, world.guild.create_role("Helper")))
    await award(world, world.mia, 10)
    assert roles_of(world, world.mia) == {"Helper"}


async def test_who_comes_back_gets_their_role_again_with_their_next_award(world: World) -> None:
    await helper_mia(world)
    back = await come_back(world, world.mia)

    await award(world, back, 1)

    assert roles_of(world, back) == {"Helper"}


async def test_who_comes_back_gets_their_role_again_when_they_ask_for_something(world: World) -> None:
    await helper_mia(world)
    back = await come_back(world, world.mia)

    await back.slash(world.general, "balance")
    await world.bot.courier.idle()

    assert roles_of(world, back) == {"Helper"}


async def test_who_comes_back_gets_their_role_again_when_a_rule_hears_of_them(world: World) -> None:
    await helper_mia(world)
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:rule")
    talking = {"trigger": {"on": "message"}, "amount": 1, "reason": "Talked"}
    await world.points.write(rules.create, origin, name="Talk", definition=talking, mode=Mode.LIVE)
    back = await come_back(world, world.mia)

    await back.send(world.general, "hello again")
    await world.bot.courier.idle()

    assert roles_of(world, back) == {"Helper"}


async def test_who_was_away_when_a_role_was_due_gets_it_when_they_are_back(world: World) -> None:
    await levels(world, ("Helper", 10, world.guild.create_role("Helper")))
    world.guild.remove_member(world.mia)
    await world.env.settle()
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:away")
    await world.points.write(
        approvals.request, origin, kind=Kind.AWARD, user_id=str(world.mia.id), amount=10, reason="before"
    )
    await tick(world)
    listed = texts(answer(await world.olivia.slash(world.general, "roles failures")))
    assert "they are not in the server; they get it when they are back" in listed

    world.env.backend.clock.advance(HOUR)
    back = world.guild.add_member(world.mia.user)
    await world.env.settle()
    await back.slash(world.general, "balance")
    await world.bot.courier.idle()

    assert roles_of(world, back) == {"Helper"}


async def test_with_the_members_intent_who_joins_gets_their_role_again_at_once(
    settings: Settings, points: Points
) -> None:
    willing = settings.model_copy(update={"intents": ("members",)})
    env = simcord.Env(PointsBot(points, willing), check_errors=False)
    await env.start()
    world = founded(env, points)
    await env.settle()
    await helper_mia(world)

    world.guild.remove_member(world.mia)
    await env.settle()
    env.backend.clock.advance(HOUR)
    back = world.guild.add_member(world.mia.user)
    await env.settle()
    await world.bot.courier.idle()

    assert roles_of(world, back) == {"Helper"}
    await env.bot.close()
    await env.shutdown()


async def test_who_is_here_all_the_time_costs_one_look_at_the_books(world: World) -> None:
    await helper_mia(world)
    world.env.backend.remove_member_role(world.guild.id, world.mia.id, world.guild.roles["Helper"].id)
    await world.env.settle()

    await world.mia.slash(world.general, "balance")  # they did not join anew: whoever took it has reasons

    assert roles_of(world, world.mia) == set()


async def test_roles_that_were_due_when_the_bot_stopped_are_given_when_it_is_back(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))

    async def meanwhile() -> None:
        origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:meanwhile")
        await world.points.write(
            approvals.request, origin, kind=Kind.AWARD, user_id=str(world.mia.id), amount=10, reason="away"
        )
        await achievements.settled(world.points, world.env.now())

    await world.restart(away=60, meanwhile=meanwhile)
    await tick(world)

    assert roles_of(world, world.mia) == {"Helper"}


async def test_a_role_given_while_the_answer_was_lost_is_known_after_a_restart(
    world: World, wire: Wire
) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    path = f"/guilds/{world.guild.id}/members/*/roles/*"
    for _ in range(2):  # the courier tries a reset once more at once
        wire.cut("PUT", path, answer_only=True)

    await award(world, world.mia, 10)
    await world.restart(away=60)
    await tick(world)

    assert roles_of(world, world.mia) == {"Helper"}
    (grant,) = await world.points.read(roles.of, world.community, str(world.mia.id))
    assert grant.state == roles.DONE


async def test_a_temporary_role_that_ended_while_the_bot_was_away_is_taken_when_it_is_back(
    world: World,
) -> None:
    guest = world.guild.create_role("Guest")
    await world.env.settle()
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:guest")
    goal = goals.made("first-award")
    await world.points.write(badges.add, origin, name="First", goal=goal, role=str(guest.id), role_days=2)
    await award(world, world.mia, 10)
    assert roles_of(world, world.mia) == {"Guest"}

    await world.restart(away=24 * HOUR)
    await tick(world)
    assert roles_of(world, world.mia) == {"Guest"}  # a day is left

    await world.restart(away=3 * 24 * HOUR)
    await tick(world)
    assert roles_of(world, world.mia) == set()
    assert "First" in texts(answer(await world.mia.slash(world.general, "achievements")))


async def test_a_role_that_somebody_took_away_by_hand_is_back_after_a_sync(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    await award(world, world.mia, 10)
    world.env.backend.remove_member_role(world.guild.id, world.mia.id, helper.id)
    await world.env.settle()

    done = await world.olivia.slash(world.general, "roles sync")

    assert "Looked at 1 role." in texts(answer(done))
    assert roles_of(world, world.mia) == {"Helper"}


async def announced(world: World, **parts: object) -> None:
    """Have levels announced, one from 10 points on."""
    await world.configure(announcements_channel=world.log)
    await levels(world, ("Helper", 10, None), ("Hero", 50, None), **parts)


async def tick(world: World) -> None:
    await world.bot.ticker.tick(world.bot.now())
    await world.bot.courier.idle()


def told(world: World) -> list[str]:
    """Return the announcements, without the log's own lines."""
    return [line for line in contents(world.log) if "Helper" in line or "badge" in line or "Hero" in line]


async def test_what_is_over_the_hours_measure_is_told_in_one_message_when_there_is_room(world: World) -> None:
    await announced(world, announcements_per_hour=1)

    for member in (world.mia, world.noah, world.zoe):
        await award(world, member, 10)
    first = f"🎉 <@{world.mia.id}> is now **Helper**."
    assert told(world) == [first]

    world.env.backend.clock.advance(HOUR)
    await tick(world)
    assert told(world) == [first, f"🎉 <@{world.noah.id}> and <@{world.zoe.id}> are now **Helper**."]


async def test_the_hours_measure_outlives_a_restart(world: World) -> None:
    await announced(world, announcements_per_hour=1)
    await award(world, world.mia, 10)

    await world.restart()
    await award(world, world.noah, 10)
    assert len(told(world)) == 1

    await world.restart(away=HOUR)
    await tick(world)
    assert told(world)[1:] == [f"🎉 <@{world.noah.id}> is now **Helper**."]


async def test_waiting_for_room_in_the_hour_is_no_attempt(world: World) -> None:
    await announced(world, announcements_per_hour=1)
    await award(world, world.mia, 10)
    await award(world, world.noah, 10)

    for _ in range(3 * outbox.MAX_ATTEMPTS):  # three looks an hour, as often as another would be given up
        world.env.backend.clock.advance(HOUR / 3)
        await award(world, world.zoe, 1)
        await tick(world)

    assert f"🎉 <@{world.noah.id}> is now **Helper**." in told(world)


async def test_thirty_who_rise_at_once_are_told_in_one_message_and_all_get_their_role(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await world.configure(announcements_channel=world.log)
    await levels(world, ("Helper", 10, helper))
    crowd = [world.guild.add_member(world.env.create_user(f"crowd{n}")) for n in range(30)]
    await world.env.settle()

    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:crowd")
    rows = [
        bulk.Entry(row=n, user_id=str(member.id), amount=10, reason="for the feast", kind=Kind.AWARD)
        for n, member in enumerate(crowd, 1)
    ]
    await world.points.write(bulk.post, origin, rows)
    path = f"/guilds/{world.guild.id}/members/*/roles/*"
    world.env.inject_error("PUT", path, status=429, code=0, times=3)
    for _ in range(4):
        await tick(world)
        world.env.backend.clock.advance(300)

    (message,) = told(world)
    assert message.startswith("🎉 <@")
    assert message.endswith(" and 21 others are now **Helper**.")
    assert all(roles_of(world, member) == {"Helper"} for member in crowd)


async def test_who_rose_twice_is_told_of_once(world: World) -> None:
    await announced(world, announcements_per_hour=1)
    await award(world, world.mia, 10)
    await award(world, world.noah, 10)
    await award(world, world.noah, 45)

    world.env.backend.clock.advance(HOUR)
    await tick(world)

    assert told(world)[1:] == [f"🎉 <@{world.noah.id}> is now **Hero**."]


async def test_a_level_and_a_badge_of_one_person_come_together_and_ping_once(world: World) -> None:
    await announced(world)
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:badge")
    await world.points.write(badges.add, origin, name="First steps", goal=goals.made("first-award"))

    await award(world, world.mia, 10)

    assert told(world) == [
        f"🎉 <@{world.mia.id}> is now **Helper**.\n"
        f"🏅 <@{world.mia.id}> earned the badge **First steps**: get a first award."
    ]
    (sent,) = world.sent(f"/channels/{world.log.id}/messages")[-1:]
    assert sent["allowed_mentions"]["users"] == [world.mia.id]


async def test_an_announcement_that_discord_did_not_take_comes_whole_later(world: World) -> None:
    await announced(world, announcements_per_hour=1)
    await award(world, world.mia, 10)
    await award(world, world.noah, 10)
    await award(world, world.zoe, 10)
    world.env.backend.clock.advance(HOUR)
    world.env.inject_error("POST", f"/channels/{world.log.id}/messages", status=503, code=0, times=1)

    await tick(world)
    world.env.backend.clock.advance(60)
    await tick(world)

    assert told(world)[1:] == [f"🎉 <@{world.noah.id}> and <@{world.zoe.id}> are now **Helper**."]


async def test_a_badge_taken_back_by_a_reversal_is_told_with_its_reason(world: World) -> None:
    await world.configure(announcements_channel=world.log)
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:badge")
    await world.points.write(badges.add, origin, name="First steps", goal=goals.made("first-award"))
    await award(world, world.mia, 10)
    assert told(world) == [f"🏅 <@{world.mia.id}> earned the badge **First steps**: get a first award."]

    await world.ada.slash(world.general, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    lost = f"<@{world.mia.id}> no longer has the badge **First steps**: \\#2 took back #1."
    assert told(world)[1:] == [lost]
    seen = texts(answer(await world.mia.slash(world.general, "achievements")))
    assert "#2 took back #1" in seen


async def test_members_may_not_look_at_failures(world: World) -> None:
    await world.env.settle()
    command = next(c for c in await world.bot.tree.fetch_commands() if c.name == "roles")
    world.guild.set_command_permissions(command, {world.mia: True})

    refused = await world.mia.slash(world.general, "roles failures")

    assert "Every role" not in private(refused)


async def test_a_role_that_came_to_hold_power_is_taken_all_the_same(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    await award(world, world.mia, 10)
    power = discord.Permissions(ban_members=True).value
    world.env.backend.edit_role(world.guild.id, helper.id, {"permissions": power})
    await world.env.settle()

    await world.ada.slash(world.general, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    assert roles_of(world, world.mia) == set()


async def test_people_who_are_not_of_discord_keep_nobody_waiting(world: World) -> None:
    helper = world.guild.create_role("Helper")
    await levels(world, ("Helper", 10, helper))
    for n in range(50):
        origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"outside:{n}")
        await world.points.write(
            approvals.request, origin, kind=Kind.AWARD, user_id=f"site-{n}", amount=10, reason=f"review {n}"
        )

    await award(world, world.mia, 10)

    assert roles_of(world, world.mia) == {"Helper"}
    listed = await world.olivia.slash(world.general, "roles failures")
    assert texts(answer(listed)).strip() == "Every role is as it should be."  # they hide no real failure


async def test_a_role_that_is_none_of_discords_stops_no_other(world: World) -> None:
    helper = world.guild.create_role("Helper")
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:vip")
    wanted = (Level(name="A", earned=10, role="vip"), Level(name="B", earned=50, role=str(helper.id)))
    await world.points.write(policy.amend, origin, levels=wanted)

    await award(world, world.mia, 10)
    await award(world, world.noah, 55)

    assert roles_of(world, world.noah) == {"Helper"}
