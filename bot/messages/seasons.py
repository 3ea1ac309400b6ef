"""Seasons: how they are spoken of, and the post that names the winners."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import discord

from bot.messages import boards, text
from bot.messages.movements import inline, name_of
from bot.messages.text import Colour, Post, Reply
from points_core.leaderboard import Board, Standing
from points_core.seasons import Season
from points_core.values import MAX_CATEGORY_NAME

WINNERS_SHOWN = 5  # who share a first place, by name


# ── the post ──


def winners(season: Season, board: Board, categories: Sequence[Board]) -> Post:
    """Return the post that ends a season: its board, and who won each category."""
    embed = boards.leaderboard(board, ZoneInfo(season.timezone))
    embed.title = f"Season {_name(season)} is over"
    embed.colour = discord.Colour(Colour.GREEN)
    first = [line for line in board.standings if line.rank == 1]
    lines = [f"{text.category(each.category)}: {_won(each)}" for each in categories if each.standings]
    if lines:
        embed.add_field(name="By category", value=boards.joined(lines, boards.FIELD), inline=False)
    footer = f"{embed.footer.text} · " if embed.footer.text else ""
    embed.set_footer(text=f"{footer}{marker(season)}")
    return Post(
        content=f"🏆 {_congratulations(season, first)}",
        embeds=[embed],
        allowed_mentions=discord.AllowedMentions.none(),
    )


def marker(season: Season) -> str:
    """Return the end of the line by which the bot recognises the post of a season."""
    return f"Season #{season.number} · checksum {(season.checksum or '')[:16]}"


def _congratulations(season: Season, first: Sequence[Standing]) -> str:
    if not first:
        return f"Season **{_name(season)}** is over; nobody got points in it."
    winners = _people(first)
    return f"Season **{_name(season)}** is over: {winners} won with **{text.points(first[0].points)}**."


def _won(board: Board) -> str:
    first = [line for line in board.standings if line.rank == 1]
    return f"{_people(first)}, {text.points(first[0].points)}"


def _people(lines: Sequence[Standing]) -> str:
    names = [
        boards.HIDDEN if line.hidden else name_of(line.user_id, line.name) for line in lines[:WINNERS_SHOWN]
    ]
    if len(lines) > WINNERS_SHOWN:
        names.append(f"{len(lines) - WINNERS_SHOWN:,} more")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ── the seasons ──


def started(season: Season, now: datetime) -> Reply:
    """Return the private answer to who started a season."""
    if season.ends_at <= now:
        return Reply(
            content=f"Season **{_name(season)}** is over already: "
            "in a moment its result is sealed and the winners are named.",
            ephemeral=True,
        )
    begins = "runs" if season.starts_at <= now else f"begins {text.when(season.starts_at)} and runs"
    until = f"until the end of {boards.long_day(season.last)} ({season.timezone})"
    return Reply(
        content=f"Season **{_name(season)}** {begins} {until}. "
        "Then its result is sealed and the winners are named.",
        ephemeral=True,
    )


def ended(season: Season) -> Reply:
    """Return the private answer to who ended a season."""
    if season.starts_at == season.ends_at:
        return Reply(content=f"Season **{_name(season)}** is called off.", ephemeral=True)
    return Reply(
        content=f"Season **{_name(season)}** is over and sealed; the winners are named in a moment.",
        ephemeral=True,
    )


def listed(seasons: Sequence[Season], now: datetime) -> Reply:
    """Return the private list of a server's seasons, the latest first."""
    if not seasons:
        return Reply(
            content="There are no seasons yet. An admin begins one with `/season start`.", ephemeral=True
        )
    embed = discord.Embed(
        title="Seasons",
        description=boards.joined((_line(each, now) for each in reversed(seasons)), boards.DESCRIPTION),
        colour=Colour.BLUE,
    )
    return Reply(embed=embed, ephemeral=True)


def shown(season: Season, board: Board, now: datetime) -> Reply:
    """Return the private answer to who wants to see a season, with its seal."""
    embed = boards.leaderboard(board, ZoneInfo(season.timezone))
    embed.add_field(name="Season", value=_line(season, now), inline=False)
    if season.checksum is not None:
        seal = f"`{season.checksum}`\nafter #{season.sealed_seq}"
        embed.add_field(name="Checksum", value=seal, inline=False)
    return Reply(embed=embed, ephemeral=True)


def _line(season: Season, now: datetime) -> str:
    days = f"{boards.long_day(season.first)} to {boards.long_day(season.last)}"
    if season.starts_at == season.ends_at:
        state = "called off"
    elif season.sealed_at is not None:
        state = f"sealed {text.when(season.sealed_at)}"
    else:
        state = "to come" if season.starts_at > now else f"ends {text.when(season.ends_at)}"
        state = "over, to be sealed" if season.ends_at <= now else state
    return f"**{_name(season)}** · {days} · {state}"


def _name(season: Season) -> str:
    return inline(season.name, MAX_CATEGORY_NAME)
