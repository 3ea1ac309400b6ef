"""Admins decide which roles may award, deduct, approve, undo and configure."""

import discord
import pytest

import bot.demo.member_counts  # noqa: F401 - the simulation answers that question too
from points_core import audit, policy
from points_core.policy import Capability
from tests.stories.answers import answer, private
from tests.stories.world import World


async def asked(world: World, subcommand: str, **options: object) -> str:
    """Return what the admin is told, privately, for a subcommand of /points-settings."""
    return private(await world.olivia.slash(world.general, f"points-settings {subcommand}", **options))


@pytest.mark.parametrize("right", list(Capability))
async def test_a_right_goes_to_roles_and_back_to_discords_own_permission(
    world: World, right: Capability
) -> None:
    admin, moderator = world.guild.roles["Admin"], world.moderator

    await asked(world, "roles", right=right.value, add=admin)
    told = await asked(world, "roles", right=right.value, add=moderator)
    assert f"<@&{admin.id}> → <@&{admin.id}>, <@&{moderator.id}>" in told
    assert (await world.points.read(policy.of, world.community)).roles == {
        right: (str(admin.id), str(moderator.id))
    }

    await asked(world, "roles", right=right.value, remove=moderator)
    await asked(world, "roles", right=right.value, remove=admin)
    assert (await world.points.read(policy.of, world.community)).roles == {}
    last, *_, first = await world.points.read(audit.recent, world.community)
    assert first.after == {"roles": {right.value: [str(admin.id)]}}
    assert last.after == {"roles": {}}


async def test_a_role_with_a_right_may_and_one_without_no_longer_may(world: World) -> None:
    await asked(world, "roles", right="award", add=world.guild.roles["Admin"])

    result = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")

    assert result.ephemeral
    assert "/points-settings" in answer(result).content


async def test_a_role_that_discord_hides_the_command_from_is_pointed_out(world: World) -> None:
    helpers = world.guild.create_role("Helpers")
    await world.env.settle()

    told = await asked(world, "roles", right="award", add=helpers)

    assert (
        f"⚠️ Discord shows `/award` to people with **Timeout Members** only. For <@&{helpers.id}>: Server"
        in told
    )
    assert "⚠️" not in await asked(world, "roles", right="award", add=world.moderator)


async def test_all_roles_of_a_right_are_chosen_in_a_menu(world: World) -> None:
    shown = await world.olivia.slash(world.general, "points-settings roles", right="approve")
    admin, moderator = world.guild.roles["Admin"], world.moderator

    result = await world.olivia.select(answer(shown), [moderator, admin], custom_id="points:rights:approve")

    assert result.ephemeral
    chosen = (await world.points.read(policy.of, world.community)).roles[Capability.APPROVE]
    assert set(chosen) == {str(admin.id), str(moderator.id)}
    again = await world.olivia.slash(world.general, "points-settings roles", right="approve")
    menu = answer(again).components[0]["components"][0]
    assert {str(default["id"]) for default in menu["default_values"]} == set(chosen)


async def test_a_right_cannot_go_to_everyone(world: World) -> None:
    assert "everyone" in await asked(world, "roles", right="award", add=world.guild.default_role)

    assert (await world.points.read(policy.of, world.community)).roles == {}
    assert await world.points.read(audit.recent, world.community) == ()


async def test_nobody_locks_themselves_out_of_the_settings(world: World) -> None:
    told = await asked(world, "roles", right="configure", add=world.moderator)

    assert "you would lose the right" in told
    assert (await world.points.read(policy.of, world.community)).roles == {}


async def test_a_quorum_nobody_can_reach_gets_a_warning(world: World) -> None:
    # Olivia, Ada, Grace and Linus may, and the owner: five at most
    assert "⚠️" not in await asked(world, "approval", quorum=4)

    told = await asked(world, "approval", quorum=5)

    assert "At most 5 people may approve" in told
    assert (await world.points.read(policy.of, world.community)).quorum == 5
    fewer = await asked(world, "roles", right="approve", add=world.guild.roles["Admin"])
    assert "At most 2 people may approve" in fewer


async def test_where_discord_does_not_count_the_warning_names_the_number_it_takes(world: World) -> None:
    own = world.guild.roles["TestBot"].id
    kept = discord.Permissions(world.env.backend.get_role(world.guild.id, own).permissions)
    kept.manage_roles = False
    world.env.backend.edit_role(world.guild.id, own, {"permissions": kept.value})
    await world.env.settle()

    assert "It takes at least 4" in await asked(world, "approval", quorum=3)


async def test_where_everybody_may_approve_no_quorum_is_warned_of(world: World) -> None:
    everyone = world.guild.default_role.id
    granted = discord.Permissions(world.env.backend.get_role(world.guild.id, everyone).permissions)
    granted.moderate_members = True
    world.env.backend.edit_role(world.guild.id, everyone, {"permissions": granted.value})
    await world.env.settle()

    assert "⚠️" not in await asked(world, "approval", quorum=25)
