"""What members read: a balance, a page of the history, a leaderboard.

Everybody is called by name here, not by mention: Discord shows a mention of somebody it has not met, or who
has left, as a bare number.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import discord

from bot.messages import programme, text
from bot.messages.movements import MAX_SHOWN_NAME, by, inline, name_of, number
from bot.messages.text import Colour, Reply
from points_core.expiry import Going
from points_core.history import Balance, PendingPoints, Streaks
from points_core.leaderboard import Board, Standing
from points_core.values import MAX_CATEGORY_NAME, MAX_REASON, Receipt
from points_core.windows import WindowName

DESCRIPTION = 4_096  # characters Discord takes in an embed's description
FIELD = 1_024  # … and in one field
SHORT_REASON = 120  # characters of a reason where /history has the whole one
SHORTEST_REASON = 60  # … and where five of them would not fit otherwise: escaped they are twice as long

MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}  # beside the number, never instead of it
HIDDEN = "a hidden member"
INDENT = "\u2003"  # as wide as a medal

WINDOWS = {
    WindowName.ALL: "all time",
    WindowName.TODAY: "today",
    WindowName.WEEK: "this week",
    WindowName.MONTH: "this month",
    WindowName.QUARTER: "this quarter",
    WindowName.YEAR: "this year",
    WindowName.YESTERDAY: "yesterday",
    WindowName.LAST_WEEK: "last week",
    WindowName.LAST_MONTH: "last month",
    WindowName.LAST_QUARTER: "last quarter",
    WindowName.LAST_YEAR: "last year",
}
"""How each window is called, for choosing and for titles."""


# ── a balance ──


def balance(
    member: Balance,
    name: str,
    zone: ZoneInfo,
    streaks: Streaks | None = None,
    going: Sequence[Going] = (),
    level: str | None = None,
) -> discord.Embed:
    """Return what the member called `name` has or had, where it comes from, and what waits or waited.

    streaks: shown if there are any, or were; going: which points expire soon. level: in words, where there
    are levels.
    """
    embed = discord.Embed(
        title=f"{inline(name, MAX_SHOWN_NAME)} · {text.points(member.current)}", colour=Colour.BLUE
    )
    embed.add_field(name="Rank", value=_rank(member))
    embed.add_field(name="Earned", value=number(member.earned))
    embed.add_field(name="Spent", value=number(member.spent))
    if level is not None:
        embed.add_field(name="Level", value=level, inline=False)
    if member.categories:
        sums = [
            f"{inline(name, MAX_CATEGORY_NAME)} **{number(points)}**" for name, points in member.categories
        ]
        embed.add_field(name="By category", value=joined(sums, FIELD, " · "), inline=False)
    if streaks is not None and streaks.daily.best:
        embed.add_field(name="Streak", value=programme.streaks(streaks), inline=False)
    if going:
        embed.add_field(name="Expiring soon", value=programme.going(going), inline=False)
    embed.add_field(name="Latest", value=_latest(member.recent), inline=False)
    if member.pending:
        waiting = joined(map(_pending, member.pending), FIELD)
        embed.add_field(name="Waiting for approval", value=waiting, inline=False)
    if member.as_of is not None:
        embed.set_footer(text=_then(member.as_of, zone, corrected=member.corrected))
    return embed


def _rank(member: Balance) -> str:
    if member.rank is None:
        return "not on the board yet"
    return f"**{member.rank:,}** of {member.members:,}"


def _latest(receipts: Sequence[Receipt]) -> str:
    if not receipts:
        return "Nothing yet. What moderators award shows up here, with the reason."
    lines = [_latest_line(receipt, SHORT_REASON) for receipt in receipts]
    if len("\n".join(lines)) > FIELD:
        lines = [_latest_line(receipt, SHORTEST_REASON) for receipt in receipts]
    return joined(lines, FIELD)


def _latest_line(receipt: Receipt, limit: int) -> str:
    parts = [f"`#{receipt.number}` **{text.signed(receipt.amount)}**", inline(receipt.reason, limit)]
    return " · ".join([*parts, text.when(receipt.effective_at)])


def _pending(waiting: PendingPoints) -> str:
    reason = inline(waiting.reason, SHORT_REASON)
    return f"Request #{waiting.number} · **{text.signed(waiting.amount)}** · {reason}"


# ── the history ──


def history(
    receipts: Sequence[Receipt], title: str, filters: str, *, of_one: bool
) -> tuple[discord.Embed, int]:
    """Return a page that begins with the first of `receipts`, and how many of them found room on it.

    of_one: all are one member's, who need not be named on each.
    """
    entries = fitting((_entry(receipt, of_one=of_one) for receipt in receipts), DESCRIPTION)
    embed = discord.Embed(
        title=title,
        description="\n".join(entries) or "Nothing here. With fewer filters there may be more to see.",
        colour=Colour.BLUE,
    )
    if filters:
        embed.set_footer(text=filters)
    return embed, len(entries)


def _entry(receipt: Receipt, *, of_one: bool) -> str:
    """Return a transaction with everything that is known about it, in two lines."""
    parts = [f"`#{receipt.number}` **{text.signed(receipt.amount)}** → {number(receipt.after)}"]
    if not of_one:
        parts.append(name_of(receipt.user_id, receipt.name))
    if receipt.reverses is not None:
        parts.append(f"undoes #{receipt.reverses}")
    if receipt.category:
        parts.append(inline(receipt.category, MAX_CATEGORY_NAME))
    parts.append(text.when(receipt.effective_at))
    why = [inline(receipt.reason, MAX_REASON), f"by {by(receipt.actor)}"]
    if receipt.evidence:
        why.append(receipt.evidence)
    return f"{' · '.join(parts)}\n{INDENT}{' · '.join(why)}"


def history_title(member: str | None, giver: str | None) -> str:
    """Return the title of pages about the points of `member`, or those that `giver` gave or took."""
    if member is None:
        return f"Points given and taken by {inline(giver, MAX_SHOWN_NAME)}"
    title = f"Points history of {inline(member, MAX_SHOWN_NAME)}"
    return f"{title}, by {inline(giver, MAX_SHOWN_NAME)}" if giver else title


def not_your_page() -> Reply:
    """Return the private answer to somebody who pressed the button under another's page."""
    return Reply(
        content="This page belongs to who asked for it. `/history` opens one of your own.", ephemeral=True
    )


def filters(
    *, category: str | None, since: date | None, until: date | None, as_of: date | None, zone: ZoneInfo
) -> str:
    """Return in words what a page of the history leaves out."""
    parts = [f"only {category}"] if category else []
    if since:
        parts.append(f"from {long_day(since)}")
    if until:
        parts.append(f"until {long_day(until)}")
    if as_of:
        parts.append(f"recorded by {long_day(as_of)}")
    if since or until or as_of:
        parts.append(zone.key)
    return " · ".join(parts)


def long_day(day: date) -> str:
    """Return a day in words: "31 January 2026"."""
    return f"{day.day} {day:%B %Y}"


# ── a leaderboard ──


def leaderboard(board: Board, zone: ZoneInfo) -> discord.Embed:
    """Return a board with its ties and, if it was asked for around somebody, their place."""
    embed = discord.Embed(title=_title(board), description=_standings(board), colour=Colour.BLUE)
    if board.neighbours and board.mine not in board.standings:
        lines = [_standing(board, standing) for standing in board.neighbours]
        embed.add_field(name="Around you", value="\n".join(lines), inline=False)
    if footer := _footer(board, zone):
        embed.set_footer(text=footer)
    return embed


def _title(board: Board) -> str:
    named = board.name is not None and board.as_of is None
    parts = ["Leaderboard", WINDOWS[board.name] if board.name and named else _days(board)]
    if board.season is not None:
        parts[1] = f"season {inline(board.season, MAX_CATEGORY_NAME)}"
    if board.category:
        parts.append(inline(board.category, MAX_CATEGORY_NAME))
    return " · ".join(parts)


def _days(board: Board) -> str:
    first, after = board.window.first, board.window.after
    if first is None or after is None:
        return WINDOWS[WindowName.ALL]
    last = after - timedelta(days=1)
    return long_day(first) if first == last else f"{long_day(first)} to {long_day(last)}"


def _then(as_of: datetime, zone: ZoneInfo, *, corrected: bool) -> str:
    day = f"the end of {long_day(as_of.astimezone(zone).date())}"
    return f"up to {day}, with what was corrected since" if corrected else f"as it stood at {day}"


def _standings(board: Board) -> str:
    if not board.standings:
        return _empty(board)
    lines = [_standing(board, standing) for standing in board.standings]
    if board.more_tied:
        lines.append(f"… and {board.more_tied:,} more with {text.points(board.standings[-1].points)}")
    return joined(lines, DESCRIPTION)


def _standing(board: Board, standing: Standing) -> str:
    """Return a line; an equals sign beside the rank says that it is shared."""
    shared = "=" if _is_shared(board, standing) else "."
    rank = f"{MEDALS.get(standing.rank, INDENT)} **{standing.rank:,}{shared}**"
    name = HIDDEN if standing.hidden else name_of(standing.user_id, standing.name)
    line = f"{rank} {name} · **{text.points(standing.points)}**"
    line += _movement(board, standing)
    return f"{line} ← you" if standing == board.mine else line


def _compared(board: Board) -> bool:
    """Return whether movements are worth showing: where nobody stood before, all would be new."""
    return any(line.moved is not None for line in (*board.standings, *board.neighbours))


def _movement(board: Board, standing: Standing) -> str:
    """Return how many ranks a line rose or fell since the window before, nothing where it stayed."""
    if standing.new and _compared(board):
        return " · new"
    if not standing.moved:
        return ""
    return f" {'▲' if standing.moved > 0 else '▼'}{abs(standing.moved):,}"


def _is_shared(board: Board, standing: Standing) -> bool:
    if board.more_tied and standing.rank == board.standings[-1].rank:
        return True
    ranks = ([other.rank for other in lines] for lines in (board.standings, board.neighbours))
    return any(shown.count(standing.rank) > 1 for shown in ranks)


def _empty(board: Board) -> str:
    if board.as_of is not None:
        return "Nobody had points here by then."
    if board.season is not None:
        return "Nobody got points in this season." if board.sealed else "Nobody has points in it yet."
    if board.name in {None, WindowName.ALL} and board.category is None:
        return "Nobody has points here yet. The first `/award` puts somebody on top."
    return "Nobody has points here yet: this board is still to be won."


def _footer(board: Board, zone: ZoneInfo) -> str:
    parts = []
    if board.mine:
        parts.append(f"You: rank {board.mine.rank:,} of {board.members:,}")
    elif board.members:
        parts.append(f"{board.members:,} {'member' if board.members == 1 else 'members'}")
    if board.season is not None or (board.as_of is None and board.name not in {None, WindowName.ALL}):
        parts.append(_days(board))
    if board.as_of is not None:
        parts.append(_then(board.as_of, zone, corrected=board.corrected))
    elif board.season is not None and (board.sealed or board.corrected):
        parts.append("sealed" if board.sealed else "with what was corrected since it ended")
    if _compared(board):
        parts.append("▲ ▼ against the season before" if board.season else "▲ ▼ against the time before")
    return " · ".join(parts)


# ── what fits ──


def fitting(lines: Iterable[str], room: int, between: int = 1) -> list[str]:
    """Return the first lines that have at most `room` characters with `between` more from one to the next."""
    found: list[str] = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        room -= between
        found.append(line)
    return found


def joined(lines: Iterable[str], room: int, between: str = "\n") -> str:
    """Return the lines that have `room`, and how many have not."""
    every = list(lines)
    shown = fitting(every, room, len(between))
    if len(shown) < len(every):
        shown = fitting(every, room - len(f"{between}… and {len(every):,} more"), len(between))
        shown.append(f"… and {len(every) - len(shown):,} more")
    return between.join(shown)
