"""The first steps in a server, and what the bot lacks there."""

from collections.abc import Sequence
from typing import Final

import discord

from bot.messages.changes import CAPABILITIES, CHANNELS, fitting
from bot.messages.settings import COMMANDS, sections
from bot.messages.text import Colour, Reply
from bot.self_check import Finding
from points_core.policy import Policy

MAX_FIELD = 1_024  # Discord's limit for an embed's field

SUBJECTS: Final[dict[str, str]] = CHANNELS | {str(right): label for right, label in CAPABILITIES.items()}
"""What the self-check calls the channels' settings and the capabilities."""

INTRODUCTION = (
    "Five minutes, and everything here is safe as it is: `/award` works already.\n"
    "**1.** Choose the channels with the menus below; I refuse one that I cannot use.\n"
    "**2.** Look through what follows; each heading names the command that changes it.\n"
    "**3.** Read the check at the end, put right what it finds, and press **Check again**."
)


def page(rules: Policy, findings: Sequence[Finding], notice: str | None = None) -> Reply:
    """Return the page of /points-setup; `notice` says what was just done or refused."""
    embed = discord.Embed(title="Points in this server", description=INTRODUCTION, colour=_colour(findings))
    for name, value in sections(rules).items():
        embed.add_field(name=f"{name} · {COMMANDS[name]}", value=value, inline=name != "Rights")
    embed.add_field(name=_verdict(findings), value=check(findings), inline=False)
    return Reply(content=notice or "", embed=embed, ephemeral=True)


def check(findings: Sequence[Finding]) -> str:
    """Return the self-check as a list: what is wrong with its fix in one line each, then what is right."""
    return fitting([_line(finding) for finding in findings], MAX_FIELD)


def _line(finding: Finding) -> str:
    if finding.fix is None:
        return f"✅ {finding.subject}: {finding.place}"
    return f"❌ {finding.subject}, {finding.place}: {finding.wrong}. **Fix**: {finding.fix}."


def _verdict(findings: Sequence[Finding]) -> str:
    wrong = sum(finding.fix is not None for finding in findings)
    return f"Check: {wrong} to put right" if wrong else "Check: all is right"


def _colour(findings: Sequence[Finding]) -> Colour:
    return Colour.AMBER if any(finding.fix for finding in findings) else Colour.GREEN
