"""Who may do what, by Discord's permissions and by the roles a community chose."""

import discord
import pytest

from bot.checks import may
from points_core.policy import Capability, Policy

NOBODY = discord.Permissions.none()
MODERATOR = discord.Permissions(moderate_members=True)
MANAGER = discord.Permissions(manage_guild=True)
ADMIN = discord.Permissions(administrator=True)

MOVING = [Capability.AWARD, Capability.DEDUCT, Capability.APPROVE, Capability.UNDO]


@pytest.mark.parametrize("capability", MOVING)
def test_without_chosen_roles_moderators_move_points(capability: Capability) -> None:
    assert may(MODERATOR, (), Policy(), capability)
    assert not may(MANAGER, (), Policy(), capability)
    assert not may(NOBODY, ("1",), Policy(), capability)


def test_without_chosen_roles_who_manages_the_server_configures() -> None:
    assert may(MANAGER, (), Policy(), Capability.CONFIGURE)
    assert not may(MODERATOR, (), Policy(), Capability.CONFIGURE)


@pytest.mark.parametrize("capability", list(Capability))
def test_administrators_may_do_everything(capability: Capability) -> None:
    assert may(ADMIN, (), Policy(roles={capability: ("1",)}), capability)


@pytest.mark.parametrize("capability", list(Capability))
def test_chosen_roles_take_the_place_of_permissions(capability: Capability) -> None:
    rules = Policy(roles={capability: ("1", "2")})

    assert may(NOBODY, ("2", "9"), rules, capability)
    assert not may(MODERATOR | MANAGER, ("9",), rules, capability)


def test_an_empty_choice_is_no_choice() -> None:
    assert may(MODERATOR, (), Policy(roles={Capability.AWARD: ()}), Capability.AWARD)


def test_a_role_for_one_thing_is_none_for_another() -> None:
    rules = Policy(roles={Capability.AWARD: ("1",)})

    assert not may(NOBODY, ("1",), rules, Capability.DEDUCT)
