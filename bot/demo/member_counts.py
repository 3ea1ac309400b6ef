"""How many members have each role: a question of Discord's that simcord does not answer by itself.

Importing this module teaches it to every simulation of the process; it needs simcord.
"""

from collections import Counter
from typing import Any

from simcord.http import RequestContext, route


@route("GET", "/guilds/{guild_id}/roles/member-counts")
def member_counts(ctx: RequestContext) -> Any:  # noqa: ANN401 - JSON
    """Return {role id: members}, as Discord does for those who may manage roles."""
    guild_id = ctx.int_arg("guild_id")
    ctx.require_guild_permissions(guild_id, "manage_roles")
    members = ctx.backend.get_guild(guild_id).members.values()
    counts = Counter(role_id for member in members for role_id in member.role_ids if role_id != guild_id)
    return {str(role_id): number for role_id, number in counts.items()}
