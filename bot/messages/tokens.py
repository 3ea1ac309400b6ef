"""Tokens for programs, as admins see them; the token itself is in one private answer and nowhere else."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot.messages import text
from bot.messages.text import Colour, Reply
from points_core.clients import Client, Scope

SHOWN = 15  # clients in one answer: their lines fit an embed's 4,096 characters
MEANS = {
    Scope.READ: "look things up",
    Scope.AWARD: "award",
    Scope.DEDUCT: "deduct",
    Scope.APPROVE: "tell people's decisions on requests",
    Scope.ADMIN: "everything",
}


def made(client: Client, token: str) -> Reply:
    """Return the answer that shows a new token, once."""
    if client.replayed:
        return Reply(
            content=f"Token #{client.number:,} was made already, and shown then. Revoke it if it was lost.",
            ephemeral=True,
        )
    return Reply(
        content=(
            f"Token #{client.number:,} for **{text.shown(client.name, 60)}**, which may {_may(client)}:\n"
            f"||`{token}`||\n"
            "I show it this once and keep only its hash. Whoever has it can do that in this server's name: "
            "give it to the program and to nobody else."
        ),
        ephemeral=True,
    )


def revoked(client: Client) -> Reply:
    """Return the answer to revoking a token."""
    name = text.shown(client.name, 60)
    said = "was revoked before" if client.replayed else "is revoked: it opens nothing from now on"
    return Reply(content=f"Token #{client.number:,} for **{name}** {said}.", ephemeral=True)


def listed(clients: Sequence[Client], now: datetime) -> Reply:
    """Return the tokens, those that work first, the newest first."""
    ordered = sorted(clients, key=lambda client: (not client.works(now), -client.number))
    lines = [_line(client, now) for client in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        lines.append(f"… and {len(ordered) - SHOWN:,} more; `points token list` shows all")
    embed = discord.Embed(
        title="Tokens for programs",
        description="\n".join(lines) or "There are none yet. `/points-tokens create` makes one.",
        colour=discord.Colour(Colour.BLUE),
    )
    return Reply(embed=embed, ephemeral=True)


def _line(client: Client, now: datetime) -> str:
    most = f", at most {text.points(client.max_amount)}" if client.max_amount else ""
    return (
        f"**#{client.number:,} {text.shown(client.name, 60)}**: {_may(client)}; "
        f"{client.per_minute:,} a minute{most}; {_state(client, now)}"
    )


def _may(client: Client) -> str:
    return ", ".join(words for scope, words in MEANS.items() if scope in client.scopes)


def _state(client: Client, now: datetime) -> str:
    used = f"last used {text.when(client.last_used_at)}" if client.last_used_at else "never used"
    if client.revoked_at is not None:
        return f"revoked {text.when(client.revoked_at)}, {used}"
    if client.expires_at is not None:
        word = "expires" if client.works(now) else "expired"
        return f"{word} {text.when(client.expires_at)}, {used}"
    return used
