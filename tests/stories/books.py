"""What the books say in a story, and who sees which command."""

import simcord

from points_core import history
from points_core.values import Receipt
from tests.stories.world import World

EMPTY: tuple[Receipt, ...] = ()


async def receipts(world: World) -> tuple[Receipt, ...]:
    """Return the server's transactions, newest first."""
    return (await world.points.read(history.page, world.community)).receipts


async def current(world: World, member: simcord.MemberActor) -> int:
    """Return how many points a member has."""
    return (await world.points.read(history.balance, world.community, str(member.id))).current


async def show_to(world: World, command: str, member: simcord.MemberActor) -> None:
    """Have the server's admin override who sees a command."""
    commands = {found.name: found for found in await world.bot.tree.fetch_commands()}
    world.guild.set_command_permissions(commands[command], {member: True})
