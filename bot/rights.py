"""Which roles may award, deduct, approve, undo and configure: changed by command or by a menu of roles."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.checks import allowed, may, require
from bot.messages import settings as messages
from bot.messages.text import Reply
from bot.policy_changes import (
    MAX_ROLES,
    Change,
    add_and_remove_role,
    carried_out,
    changed_list,
    choose_roles,
    with_roles,
)
from bot.refusals import View, answered
from bot.replies import respond
from bot.self_check import approving_roles, most_approvers
from points_core.policy import Capability, Policy

if TYPE_CHECKING:
    from bot.client import PointsBot


async def add_and_remove(
    interaction: "discord.Interaction[PointsBot]", capability: Capability, add: str | None, remove: str | None
) -> Reply:
    """Give `capability` to one role (by id), take it from another; return what to say. Raises NotAllowed."""
    rules = await require(interaction, Capability.CONFIGURE)
    listed = changed_list(rules, capability, add=add, remove=remove)
    if refusal := _objection(interaction, rules, capability, listed):
        return refusal
    change = await carried_out(interaction, add_and_remove_role, capability, add=add, remove=remove)
    return await _answer(interaction, capability, change)


async def choose(
    interaction: "discord.Interaction[PointsBot]", capability: Capability, role_ids: Sequence[str]
) -> Reply:
    """Give `capability` to these roles and no others; return what to say. Raises NotAllowed."""
    rules = await require(interaction, Capability.CONFIGURE)
    if refusal := _objection(interaction, rules, capability, role_ids):
        return refusal
    change = await carried_out(interaction, choose_roles, capability, role_ids)
    return await _answer(interaction, capability, change)


async def _answer(
    interaction: "discord.Interaction[PointsBot]", capability: Capability, change: Change
) -> Reply:
    return messages.changed(
        change,
        await warning(interaction, change.before, change.after),
        _hidden(interaction.guild, capability, change),
    )


def _hidden(guild: discord.Guild | None, capability: Capability, change: Change) -> str | None:
    """Discord hides a command by its default permission, whatever the policy says."""
    added = [
        r for r in change.after.roles.get(capability, ()) if r not in change.before.roles.get(capability, ())
    ]
    roles = [role for role_id in added if guild and (role := guild.get_role(int(role_id)))]
    discords_own = change.after.model_copy(update={"roles": {}})
    unseeing = [str(role.id) for role in roles if not may(role.permissions, [], discords_own, capability)]
    return (
        messages.hidden_command(capability, unseeing) if unseeing and capability in messages.DOORS else None
    )


def _objection(
    interaction: "discord.Interaction[PointsBot]",
    rules: Policy,
    capability: Capability,
    role_ids: Sequence[str],
) -> Reply | None:
    if str(interaction.guild_id) in role_ids:  # the role @everyone has its server's id
        return messages.everybody()
    planned = with_roles(rules, capability, role_ids)
    return None if allowed(interaction, planned, Capability.CONFIGURE) else messages.locks_out()


async def warning(interaction: "discord.Interaction[PointsBot]", before: Policy, after: Policy) -> str | None:
    """Return a warning if a change of quorum or approvers leaves requests that could never pass."""
    same = before.quorum == after.quorum and before.roles.get(Capability.APPROVE) == after.roles.get(
        Capability.APPROVE
    )
    guild = interaction.guild
    if same or guild is None or guild.default_role in approving_roles(guild, after):
        return None
    return messages.few_approvers(after.quorum, await most_approvers(guild, after))


class RoleMenu(
    ui.DynamicItem[ui.RoleSelect[ui.View]], template=rf"points:rights:(?P<capability>{'|'.join(Capability)})"
):
    """The menu of roles for one right; what is chosen replaces what was."""

    def __init__(self, capability: Capability, chosen: Sequence[discord.Role] = ()) -> None:
        super().__init__(
            ui.RoleSelect(
                custom_id=f"points:rights:{capability}",
                placeholder="No role chosen",
                min_values=0,
                max_values=MAX_ROLES,
                default_values=list(chosen),
            )
        )
        self.capability = capability

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the menu that was used."""
        return cls(Capability(match["capability"]))

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Take the choice over."""
        role_ids = [str(role.id) for role in self.item.values]
        await respond(interaction, **await choose(interaction, self.capability, role_ids))


def menu(guild: discord.Guild | None, rules: Policy, capability: Capability) -> Reply:
    """Return the question which roles have `capability`, with the menu to answer it."""
    role_ids = rules.roles.get(capability, ())
    known = [role for role_id in role_ids if guild and (role := guild.get_role(int(role_id)))]
    view = View(timeout=None)
    view.add_item(RoleMenu(capability, known))
    reply = messages.choose_roles(rules, capability)
    reply["view"] = view
    return reply
