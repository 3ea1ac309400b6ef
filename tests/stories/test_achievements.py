"""Levels and badges, as members and admins see them."""

from points_core import policy
from points_core.programme import Programme
from tests.stories.answers import answer
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
