"""Levels and badges, as members and admins see them."""

from datetime import date

from simcord.results import InteractionResult

from points_core import policy
from points_core.achievements import Badge, badges
from points_core.achievements.goals import Team
from points_core.programme import Programme
from tests.stories.answers import answer, private
from tests.stories.pressing import press
from tests.stories.reading import texts
from tests.stories.world import World


async def award(world: World, member: object, amount: int) -> None:
    await world.ada.slash(world.general, "award", member=member, amount=amount, reason=f"because {amount}")


async def programme(world: World) -> Programme:
    return (await world.points.read(policy.of, world.community)).programme


async def test_the_ready_made_programme_is_switched_on_after_a_look_at_who_moves(world: World) -> None:
    await award(world, world.mia, 100)

    asked = await world.olivia.slash(world.general, "programme levels preset")

    assert asked.ephemeral
    assert "1 member would rise, 0 members would fall" in texts(answer(asked))
    assert (await programme(world)).levels == ()
    await world.olivia.click(answer(asked), label="Do it")

    names = [level.name for level in (await programme(world)).levels]
    assert names == ["Member", "Contributor", "Distinguished", "Fellow"]
    seen = await world.mia.slash(world.general, "achievements")
    assert seen.ephemeral
    assert "**Contributor** · 100 of 500 points to **Distinguished**" in texts(answer(seen))
    balance = await world.mia.slash(world.general, "balance")
    assert "**Contributor**" in texts(answer(balance))


async def test_each_level_gets_a_role_without_permissions_when_asked_for(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme levels preset", roles=True)
    await world.olivia.click(answer(asked), label="Do it")

    levels = (await programme(world)).levels
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    made = {str(role.id): role for role in guild.roles}
    assert [made[level.role or ""].name for level in levels] == [level.name for level in levels]
    assert {made[level.role or ""].permissions.value for level in levels} == {0}


async def test_a_preview_that_somebody_overtook_changes_nothing(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme levels preset")
    await world.configure(daily_limit=500)

    done = await world.olivia.click(answer(asked), label="Do it")

    assert "somebody changed the settings" in texts(answer(done))
    assert (await programme(world)).levels == ()


async def test_a_preview_from_before_a_restart_changes_nothing_and_says_so(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme levels preset")
    await world.restart()

    done = await world.olivia.click(answer(asked), label="Do it")

    assert "Send the command again" in texts(answer(done))
    assert (await programme(world)).levels == ()


async def test_levels_of_a_curve_one_more_one_less(world: World) -> None:
    elder = world.guild.create_role("Elder")
    await world.env.settle()
    for command, options in (
        ("programme levels curve", {"shape": "quadratic", "levels": 3, "first": 100}),
        ("programme levels set", {"name": "Elder", "points": 5_000, "role": elder}),
        ("programme levels remove", {"name": "Level 2"}),
    ):
        asked = await world.olivia.slash(world.general, command, **options)
        await world.olivia.click(answer(asked), label="Do it")

    levels = (await programme(world)).levels
    assert [(level.name, level.earned) for level in levels] == [
        ("Level 1", 100),
        ("Level 3", 900),
        ("Elder", 5_000),
    ]
    assert levels[-1].role == str(elder.id)


async def test_a_badge_is_made_earned_and_taken_back_with_its_ground(world: World) -> None:
    asked = await world.olivia.slash(
        world.general, "badge new", name="Helper", goal="points", steps="10, 50", category="helping"
    )
    assert "0 members would have step 1 (10) at once" in texts(answer(asked))
    await world.olivia.click(answer(asked), label="Do it")

    await world.ada.slash(
        world.general, "award", member=world.mia, amount=20, reason="so helpful", category="helping"
    )
    await world.bot.courier.idle()
    held = texts(answer(await world.mia.slash(world.general, "achievements")))
    assert "**Helper** 1 of 2" in held
    assert "20 of 50" in held

    await world.ada.slash(world.general, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()
    lost = texts(answer(await world.mia.slash(world.general, "achievements")))
    assert "Taken back" in lost
    listed = texts(answer(await world.olivia.slash(world.general, "badge list")))
    assert "**Helper**" in listed
    assert "held by 0" in listed


async def test_steps_that_are_no_numbers_are_refused_in_words(world: World) -> None:
    refused = await world.olivia.slash(world.general, "badge new", name="Odd", goal="points", steps="ten, 20")

    assert refused.ephemeral
    assert "whole numbers with commas between them" in texts(answer(refused))


async def test_whoever_discord_lets_type_is_offered_nothing_without_the_right(world: World) -> None:
    (command,) = [each for each in await world.bot.tree.fetch_commands() if each.name == "badge"]
    world.guild.set_command_permissions(command, {world.mia: True})

    assert (
        await world.mia.autocomplete(world.general, "badge new", "category", "", name="Helper", goal="points")
        == []
    )
    assert await world.mia.autocomplete(world.general, "badge retire", "badge", "") == []


async def test_a_ready_made_badge_and_its_retirement(world: World) -> None:
    asked = await world.olivia.slash(world.general, "badge preset", badge="first-steps")
    await world.olivia.click(answer(asked), label="Do it")
    await award(world, world.mia, 5)
    await world.bot.courier.idle()

    assert "First Steps" in texts(answer(await world.mia.slash(world.general, "achievements")))
    retired = await world.olivia.slash(world.general, "badge retire", badge=1)
    assert "is retired" in texts(answer(retired))


async def test_a_level_that_nobody_can_read_is_refused_in_words(world: World) -> None:
    refused = await world.olivia.slash(world.general, "programme levels set", name=" ", points=5)

    assert refused.ephemeral
    assert (await programme(world)).levels == ()
    assert "level" in texts(answer(refused))


# ── /badge edit ──


async def made(world: World, **options: object) -> None:
    """Olivia makes badge #1."""
    asked = await world.olivia.slash(world.general, "badge new", **options)
    await world.olivia.click(answer(asked), label="Do it")
    await world.bot.courier.idle()


async def badge_one(world: World) -> Badge:
    return await world.points.read(badges.numbered, world.community, 1)


async def edit(world: World, **options: object) -> InteractionResult:
    return await world.olivia.slash(world.general, "badge edit", badge=1, **options)


async def test_a_badges_goal_is_changed_while_nobody_has_it_and_who_would_have_it_is_shown(
    world: World,
) -> None:
    await made(world, name="Helper", goal="points", steps="100", category="helping")
    await world.ada.slash(
        world.general, "award", member=world.mia, amount=20, reason="so kind", category="helping"
    )
    await world.bot.courier.idle()

    asked = await edit(world, steps="10, 50")
    preview = texts(answer(asked))
    assert "earn 100 points in helping → earn 10 and 50 points in helping" in preview
    assert "1 member would have step 1 (10) at once" in preview
    assert (await badge_one(world)).goal.steps == (100,)

    done = await world.olivia.click(answer(asked), label="Do it")
    assert "Badge #1, **Helper**, is changed." in texts(answer(done))
    await world.bot.courier.idle()
    assert "**Helper** 1 of 2" in texts(answer(await world.mia.slash(world.general, "achievements")))

    refused = await edit(world, steps="5")
    assert "somebody earned the badge; retire it and make another" in private(refused)
    assert (await badge_one(world)).goal.steps == (10, 50)


async def test_another_role_of_a_badge_shows_who_gets_and_who_loses_what_and_does_so(world: World) -> None:
    old, new = world.guild.create_role("Old"), world.guild.create_role("New")
    await world.env.settle()
    await made(world, name="First", goal="first-award", role=old)
    await award(world, world.mia, 5)
    await world.bot.courier.idle()

    world.env.backend.clock.advance(1)
    asked = await edit(world, role=new)
    told = texts(answer(asked))
    assert f"It is held by 1 member, who would get <@&{new.id}> and would lose <@&{old.id}>" in told
    await world.olivia.click(answer(asked), label="Do it")
    await world.bot.courier.idle()

    guild = world.env.backend.get_guild(world.guild.id)
    mias = {guild.roles[each].name for each in guild.members[world.mia.id].role_ids}
    assert mias - {"@everyone"} == {"New"}

    asked = await edit(world, remove="role")
    assert f"**Role**: <@&{new.id}> → none" in texts(answer(asked))
    await world.olivia.click(answer(asked), label="Do it")
    assert (await badge_one(world)).role is None


async def test_a_team_goal_has_days_and_they_can_be_changed_and_taken_away(world: World) -> None:
    days = {"first-day": "2026-01-01", "last-day": "2026-01-31"}
    await made(world, name="Barn", goal="team", steps="1000", each=10, **days)
    assert (await badge_one(world)).goal == Team(
        points=1000, each=10, first=date(2026, 1, 1), last=date(2026, 1, 31)
    )

    asked = await edit(world, **{"last-day": "2026-02-28"})
    assert "until 2026-01-31" in texts(answer(asked))
    assert "until 2026-02-28" in texts(answer(asked))
    await world.olivia.click(answer(asked), label="Do it")
    asked = await edit(world, remove="first-day", steps="500")
    await world.olivia.click(answer(asked), label="Do it")
    assert (await badge_one(world)).goal == Team(points=500, each=10, last=date(2026, 2, 28))

    for wrong in ({"last-day": "soon"}, {"first-day": "2026-03-01"}, {"unit": "week"}):
        refused = await edit(world, **wrong)
        assert refused.ephemeral
        assert answer(refused).components == []


async def test_an_edit_that_changes_nothing_says_so(world: World) -> None:
    await made(world, name="First", goal="first-award")

    assert "is like that already" in private(await edit(world, name="First"))
    assert "is like that already" in private(await edit(world))


async def test_an_edit_of_a_badge_that_was_changed_meanwhile_changes_nothing(world: World) -> None:
    await made(world, name="First", goal="first-award")
    first, second = await edit(world, name="Début"), await edit(world, name="Beginner")

    await world.olivia.click(answer(first), label="Do it")
    done = await world.olivia.click(answer(second), label="Do it")

    assert "Nothing was changed" in texts(answer(done))
    assert (await badge_one(world)).name == "Début"


async def test_an_edit_of_a_badge_that_is_not_there_is_refused_in_words(world: World) -> None:
    assert "badge" in private(await edit(world, name="First"))


async def test_of_two_previews_confirmed_at_once_one_is_carried_out(world: World) -> None:
    previews = [
        await world.olivia.slash(world.general, "programme levels set", name=name, points=10)
        for name in ("Helper", "Hero")
    ]
    presses = []
    for preview in previews:
        button = next(
            part["custom_id"]
            for row in answer(preview).components
            for part in row["components"]
            if part["label"] == "Do it"
        )
        presses.append(press(world, world.general, world.olivia, answer(preview).message, button))
    await world.env.settle()

    assert len((await programme(world)).levels) == 1
    said = sorted("somebody changed the settings" in texts(answer(each)) for each in presses)
    assert said == [False, True]
