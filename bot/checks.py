"""Who may do what. Discord's own command permissions can be overridden by admins, so every door asks here."""

from collections.abc import Iterable
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
    roles = interaction.user.roles if isinstance(interaction.user, discord.Member) else []
    return may(interaction.permissions, (str(role.id) for role in roles), rules, capability)


async def require(interaction: "discord.Interaction[PointsBot]", capability: Capability) -> Policy:
    """Return the community's policy if the person who asked has `capability`.

    Raises NotAllowed, DatabaseUnavailable, NoPrivateMessage.
    """
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    if not allowed(interaction, rules, capability):
        raise NotAllowed(capability.value)
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
