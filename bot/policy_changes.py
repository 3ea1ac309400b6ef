"""Changes of a community's policy, with what it was before, in one commit.

carried_out          what every command, menu and button that changes the policy goes through
change, amend, end_expiry, choose_roles, add_and_remove_role    the operations
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import discord
from sqlalchemy import Connection

from bot.checks import require
from bot.origin import origin_of
from points_core import expiry, policy
from points_core.errors import InvalidSetting
from points_core.policy import Capability, Policy
from points_core.values import Origin

if TYPE_CHECKING:
    from bot.client import PointsBot

P = ParamSpec("P")
T = TypeVar("T")

MAX_ROLES = 25  # of one capability: what one of Discord's menus can offer


@dataclass(frozen=True, slots=True)
class Change:
    """The policy before and after a change."""

    before: Policy
    after: Policy


async def carried_out(
    interaction: "discord.Interaction[PointsBot]",
    operation: Callable[Concatenate[Connection, Origin, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run an operation for the person who asked, if they may configure, and return its value.

    Raises NotAllowed, and what the operation raises.
    """
    await require(interaction, Capability.CONFIGURE)
    bot = interaction.client
    done = await bot.points.write(operation, origin_of(interaction), *args, **kwargs)
    bot.courier.wake()
    return done


def change(tx: Connection, origin: Origin, /, **changes: Any) -> Change:  # noqa: ANN401 - each field has its own type
    """Change fields of the community's policy. Raises InvalidSetting."""
    _, before = policy.locked(tx, origin)
    return Change(before, policy.change(tx, origin, **changes))


def amend(tx: Connection, origin: Origin, /, **parts: Any) -> Change:  # noqa: ANN401 - each part has its own type
    """Change parts of the community's programme. Raises InvalidSetting."""
    _, before = policy.locked(tx, origin)
    return Change(before, policy.amend(tx, origin, **parts))


def end_expiry(tx: Connection, origin: Origin, /, category: str | None) -> Change:
    """Keep points of a category (None: of all others) for good. Raises UnknownCategory."""
    _, before = policy.locked(tx, origin)
    return Change(before, expiry.keep_for(tx, origin, category=category, days=None))


def choose_roles(
    tx: Connection, origin: Origin, /, capability: Capability, role_ids: Sequence[str]
) -> Change:
    """Give `capability` to these roles and no others; none for Discord's own permission. Raises InvalidSetting."""
    _, before = policy.locked(tx, origin)
    return Change(before, policy.change(tx, origin, roles=with_roles(before, capability, role_ids).roles))


def add_and_remove_role(
    tx: Connection, origin: Origin, /, capability: Capability, *, add: str | None, remove: str | None
) -> Change:
    """Give `capability` to the role `add` and take it from the role `remove`. Raises InvalidSetting."""
    _, before = policy.locked(tx, origin)
    listed = changed_list(before, capability, add=add, remove=remove)
    return Change(before, policy.change(tx, origin, roles=with_roles(before, capability, listed).roles))


def changed_list(before: Policy, capability: Capability, *, add: str | None, remove: str | None) -> list[str]:
    """Return the roles of `capability` once `add` is among them and `remove` is not."""
    listed = [role for role in before.roles.get(capability, ()) if role not in {add, remove}]
    return [*listed, add] if add else listed


def with_roles(before: Policy, capability: Capability, role_ids: Sequence[str]) -> Policy:
    """Return the policy as it would be with these roles. Raises InvalidSetting if they are too many."""
    if len(role_ids) > MAX_ROLES:
        raise InvalidSetting("roles", len(role_ids), f"at most {MAX_ROLES} roles for one right")
    roles = {**before.roles, capability: tuple(role_ids)}
    return before.model_copy(update={"roles": {key: ids for key, ids in roles.items() if ids}})
