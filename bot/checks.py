"""Who may do what. Discord's own command permissions can be overridden by admins, so every door asks here."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from points_core import policy, privacy
from points_core.errors import NotAllowed
from points_core.policy import Capability, Policy

if TYPE_CHECKING:
    from bot.client import PointsBot


def may(
    permissions: discord.Permissions, role_ids: Iterable[str], rules: Policy, capability: Capability
) -> bool:
    """Return whether someone with these Discord permissions and roles has `capability`.

    Administrators have all. Where the policy lists roles for it, one of them is needed; else the server's
    Moderate Members permission, or Manage Server for configuring.
    """
    if permissions.administrator:
        return True
    listed = rules.roles.get(capability, ())
    if listed:
        return not set(listed).isdisjoint(role_ids)
    return permissions.manage_guild if capability is Capability.CONFIGURE else permissions.moderate_members


def allowed(interaction: "discord.Interaction[PointsBot]", rules: Policy, capability: Capability) -> bool:
    """Return whether the person who asked has `capability`."""
    return may(interaction.permissions, _roles(interaction), rules, capability)


def right(interaction: "discord.Interaction[PointsBot]", capability: Capability) -> Callable[[Policy], None]:
    """Return what raises NotAllowed unless a policy gives the person who asked `capability`.

    For a write that asks it in its own commit: what Discord said of the person is taken down now.
    """
    permissions, roles = interaction.permissions, _roles(interaction)

    def check(rules: Policy) -> None:
        if not may(permissions, roles, rules, capability):
            raise NotAllowed(capability.value)

    return check


def _roles(interaction: "discord.Interaction[PointsBot]") -> list[str]:
    roles = interaction.user.roles if isinstance(interaction.user, discord.Member) else []
    return [str(role.id) for role in roles]


async def require(interaction: "discord.Interaction[PointsBot]", capability: Capability) -> Policy:
    """Return the community's policy if the person who asked has `capability`.

    Raises NotAllowed, DatabaseUnavailable, NoPrivateMessage.
    """
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    right(interaction, capability)(rules)
    return rules


async def hides(
    interaction: "discord.Interaction[PointsBot]", *people: discord.Member | discord.User | None
) -> bool:
    """Return whether one of `people` is hidden from boards: what is said of them is for who asked alone."""
    community = str(interaction.guild_id)
    for person in people:
        if person is not None and await interaction.client.points.read(
            privacy.is_hidden, community, str(person.id)
        ):
            return True
    return False
