"""What the bot needs in a server, what of it is missing, and where each is put right.

findings             one for each place and role that the policy or a schedule names
most_approvers       how many people may approve, as far as Discord says
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import discord

from bot.checks import may
from bot.granting import Obstacle, obstacle
from bot.replies import BROKEN
from points_core.policy import Capability, Policy

COUNT_S: Final = 1.5  # half of the time in which Discord wants an answer

WRITE: Final = ("view_channel", "send_messages")
POST: Final = (*WRITE, "embed_links")
VOTE: Final = (*POST, "read_message_history", "add_reactions")

NEEDS: Final = {"announcements_channel": POST, "approvals_channel": VOTE, "log_channel": WRITE}
"""What the bot needs in the channel of each setting."""

PERMISSIONS: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
    "add_reactions": "Add Reactions",
}
"""How Discord's own pages call them."""

GIVEN: Final = "Roles that points give"
NAMED: Final = 5  # roles in one line

ANOTHER: Final = "choose another with `/points-settings channels`"
ELSEWHERE: Final = "`/schedule remove` it and add it in another channel"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the bot uses: `subject` (Log, May award …) at `place` (a mention); all is right without a `fix`.

    `wrong` says what is missing, `fix` how to put it right, each in a few words.
    """

    subject: str
    place: str
    wrong: str | None = None
    fix: str | None = None


def findings(
    guild: discord.Guild,
    rules: Policy,
    subjects: dict[str, str],
    boards: Iterable[str],
    given: Iterable[str] = (),
) -> list[Finding]:
    """Look at everything the bot uses in `guild`; what is wrong comes first.

    `subjects` names the channels' settings and the capabilities for people, `boards` are the ids of the
    channels in which schedules post, `given` those of the roles that levels, badges and rules give.
    """
    found = [
        *(
            at_channel(guild, subjects[name], chosen, needs)
            for name, needs in NEEDS.items()
            if (chosen := getattr(rules, name)) is not None
        ),
        *(
            at_channel(guild, "Scheduled leaderboards", board, POST, ELSEWHERE)
            for board in sorted(set(boards))
        ),
        *_anywhere(guild, rules),
        *_roles(guild, rules, subjects),
        *_blind_approvers(guild, rules),
        *_given(guild, given),
    ]
    return sorted(found, key=lambda finding: finding.fix is None)


def at_channel(
    guild: discord.Guild, subject: str, channel_id: str, needs: tuple[str, ...], elsewhere: str = ANOTHER
) -> Finding:
    """Return whether the bot has what it needs in one channel; `elsewhere` is the fix if that is gone."""
    channel = guild.get_channel_or_thread(int(channel_id)) if channel_id.isdecimal() else None
    place = f"<#{channel_id}>"
    if channel is None:
        return Finding(subject, place, "the channel is gone", elsewhere)
    if isinstance(channel, discord.Thread):
        needs = tuple(need.replace("send_messages", "send_messages_in_threads") for need in needs)
    missing = _missing(channel.permissions_for(guild.me), needs)
    if not missing:
        return Finding(subject, place)
    fix = f"Edit Channel → Permissions → {_me(guild)} → allow {_named(missing)}"
    return Finding(subject, place, f"I lack {_named(missing)}", fix)


def _anywhere(guild: discord.Guild, rules: Policy) -> Iterator[Finding]:
    """Without a channel for them, requests are shown wherever they were asked for."""
    if rules.approvals_channel is not None:
        return
    missing = _missing(guild.me.guild_permissions, VOTE)
    place = "where they are asked for"
    if missing:
        fix = f"Server Settings → Roles → {_me(guild)} → allow {_named(missing)}, or choose a channel for requests"
        yield Finding("Approval requests", place, f"I lack {_named(missing)}", fix)
    else:
        yield Finding("Approval requests", place)


def _missing(granted: discord.Permissions, needs: tuple[str, ...]) -> list[str]:
    return [need for need in needs if not getattr(granted, need)]


def _named(permissions: list[str]) -> str:
    return ", ".join(f"**{PERMISSIONS[permission]}**" for permission in permissions)


def _me(guild: discord.Guild) -> str:
    return guild.self_role.mention if guild.self_role else guild.me.mention


def _roles(guild: discord.Guild, rules: Policy, subjects: dict[str, str]) -> Iterator[Finding]:
    """Each role with a right has to exist."""
    for capability, role_ids in rules.roles.items():
        for role_id in role_ids:
            subject, place = subjects[capability], f"<@&{role_id}>"
            if role_id.isdecimal() and guild.get_role(int(role_id)):
                yield Finding(subject, place)
            else:
                fix = f"choose the roles again with `/points-settings roles right:{capability}`"
                yield Finding(subject, place, f"the role {role_id} is gone", fix)


def _given(guild: discord.Guild, role_ids: Iterable[str]) -> Iterator[Finding]:
    """Each role that points give has to be one that the bot can give; what ails several is said once."""
    found: dict[Obstacle | None, list[str]] = {}
    for role_id in dict.fromkeys(role_ids):
        found.setdefault(obstacle(guild, role_id), []).append(f"<@&{role_id}>")
    for wrong, mentions in found.items():
        more = f" and {len(mentions) - NAMED} more" if len(mentions) > NAMED else ""
        place = ", ".join(mentions[:NAMED]) + more
        yield Finding(GIVEN, place, wrong.wrong, wrong.fix) if wrong else Finding(GIVEN, place)


def approving_roles(guild: discord.Guild, rules: Policy) -> list[discord.Role]:
    """Return the roles whose holders may approve; bots' own roles are left out."""
    return [
        role
        for role in guild.roles
        if not role.managed and may(role.permissions, [str(role.id)], rules, Capability.APPROVE)
    ]


def _blind_approvers(guild: discord.Guild, rules: Policy) -> Iterator[Finding]:
    """Who may approve has to see the requests."""
    if rules.approvals_channel is None or not rules.approvals_channel.isdecimal():
        return
    channel = guild.get_channel(int(rules.approvals_channel))
    if channel is None:
        return
    for role in approving_roles(guild, rules):
        if not channel.permissions_for(role).view_channel:
            fix = f"Edit Channel → Permissions → {role.mention} → allow **View Channel**"
            yield Finding("May approve", role.mention, f"cannot see {channel.mention}", fix)


async def most_approvers(guild: discord.Guild, rules: Policy) -> int | None:
    """Return how many people may approve at most, None if Discord does not say (it asks for Manage Roles).

    Somebody with two of the roles counts twice, and the owner counts beside them: fewer may be able to.
    """
    asking = asyncio.ensure_future(guild.role_member_counts())
    try:
        async with asyncio.timeout(COUNT_S):
            counts = await asyncio.shield(asking)  # cancelled, it might hold back every request (see courier)
    except (discord.HTTPException, *BROKEN):
        return None
    return 1 + sum(counts.get(role, 0) for role in approving_roles(guild, rules))
