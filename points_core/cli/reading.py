"""Commands that look things up: balance, history, leaderboard."""

import dataclasses
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from points_core import expiry, policy, seasons
from points_core import history as books
from points_core import leaderboard as boards
from points_core.cli.expiring import going_lines, streak_lines
from points_core.cli.running import AsJson, Community, community_of, now, run, say, say_json
from points_core.database import Opening, Points
from points_core.expiry import Going
from points_core.history import Balance, Page, Streaks
from points_core.leaderboard import Board, Standing
from points_core.values import Kind, Receipt, one_line
from points_core.windows import Window, WindowName, parse_day, parse_instant

User = Annotated[str, typer.Argument(help="The member's outside id (a Discord user id).")]
Category = Annotated[str | None, typer.Option(help="Only this category.")]
Corrected = Annotated[bool, typer.Option("--corrected", help="With --as-of: with corrections made since.")]
Day = "A day (its beginning) or an instant in ISO 8601; without an offset in the community's time zone."


def balance(
    user: User,
    as_of: Annotated[str | None, typer.Option(help=Day + " The balance as it stood then.")] = None,
    corrected: Corrected = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show what a member has, or had at a date."""

    async def work(points: Points) -> tuple[Balance, Streaks, tuple[Going, ...]]:
        here = community_of(points, community)
        zone = (await points.read(policy.of, here)).zone
        return (
            await points.read(books.balance, here, user, as_of=_instant(as_of, zone), corrected=corrected),
            await points.read(books.streaks, here, user, now()),
            await points.read(expiry.soon, here, user, now()),
        )

    found, streaks, going = run(work, Opening.CURRENT)
    if as_json:
        kept = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        say_json(kept if as_of else {**kept, "streaks": streaks, "expiring": going})
        return
    place = f", rank {found.rank} of {found.members}" if found.rank else ""
    sums = f"{found.current} points (earned {found.earned}, spent {found.spent})"
    say(f"{one_line(found.name) or found.user_id}: {sums}{place}")
    for name, points in found.categories:
        say(f"  {name}: {points}")
    for waiting in found.pending:
        say(f"  request {waiting.number} waits: {waiting.amount:+}, {one_line(waiting.reason)}")
    if as_of is None:
        for told in (*streak_lines(streaks), *going_lines(going)):
            say(f"  {told}")
    for receipt in found.recent:
        say("  " + line(receipt))


def history(
    user: Annotated[
        str | None, typer.Argument(help="The member's outside id; everyone's if not given.")
    ] = None,
    category: Category = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    since: Annotated[str | None, typer.Option(help=Day)] = None,
    until: Annotated[str | None, typer.Option(help=Day + " Not included.")] = None,
    season: Annotated[str | None, typer.Option(help="Only the days of this season.")] = None,
    as_of: Annotated[str | None, typer.Option(help=Day + " Only what was recorded by then.")] = None,
    before: Annotated[int | None, typer.Option(help="Only numbers below this: the next page.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 20,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show transactions, newest first."""

    async def work(points: Points) -> Page:
        here = community_of(points, community)
        zone = (await points.read(policy.of, here)).zone
        window = (await points.read(seasons.named, here, season)).window if season else Window.all_time()
        return await points.read(
            books.page,
            here,
            user_id=user,
            category=category,
            kind=kind,
            since=_instant(since, zone) or window.start,
            until=_instant(until, zone) or window.end,
            as_of=_instant(as_of, zone),
            before=before,
            limit=limit,
        )

    page = run(work, Opening.CURRENT)
    if as_json:
        say_json(page)
        return
    for receipt in page.receipts:
        say(line(receipt))
    if page.older is not None:
        say(f"Older ones: --before {page.older}")


def leaderboard(
    window: Annotated[WindowName | None, typer.Option(help="Which span of time; all if none.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first day, as 2026-01-31.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day, included.")] = None,
    season: Annotated[str | None, typer.Option(help="A season's result, or how it stands.")] = None,
    category: Category = None,
    top: Annotated[int, typer.Option(help="Down to which rank.", min=1, max=1_000)] = 10,
    as_of: Annotated[str | None, typer.Option(help=Day + " The board as it stood then.")] = None,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="With --as-of or --season: with corrections made since.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="How each rank moved since the window before.")
    ] = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show a leaderboard: of a window, of days from – to, or of a season."""

    async def work(points: Points) -> Board:
        here = community_of(points, community)
        zone = (await points.read(policy.of, here)).zone
        return await points.read(
            boards.asked,
            here,
            now(),
            window=window,
            first=parse_day(first) if first else None,
            last=parse_day(last) if last else None,
            season=season,
            category=category,
            top=top,
            as_of=_instant(as_of, zone),
            corrected=corrected,
            compare=compare,
        )

    board = run(work, Opening.CURRENT)
    if as_json:
        say_json(board)
        return
    standings(board, compare=compare)


def standings(board: Board, *, compare: bool) -> None:
    """Print the lines of a board; `compare` shows how each rank moved."""
    for standing in board.standings:
        say(_place(standing, compare=compare))
    if board.more_tied:
        say(f"       and {board.more_tied} more with the same points")
    if not board.standings:
        say("Nobody has points here yet.")


def _place(standing: Standing, *, compare: bool) -> str:
    nameless = "(hidden)" if standing.hidden else "(erased)"
    name = one_line(standing.name) or standing.user_id or nameless
    return f"{standing.rank:>5}. {_movement(standing) if compare else ''}{standing.points:>12} {name}"


def _movement(standing: Standing) -> str:
    """Return how a rank moved, in six columns."""
    if standing.new:
        return "   new"
    if not standing.moved:
        return f"{'=':>6}" if standing.moved == 0 else " " * 6
    return f"{'▲' if standing.moved > 0 else '▼'}{abs(standing.moved)}".rjust(6)


def _instant(text: str | None, zone: ZoneInfo) -> datetime | None:
    return parse_instant(text, zone) if text else None


def line(receipt: Receipt) -> str:
    """Return one transaction as one line."""
    parts = [
        f"#{receipt.number}",
        receipt.effective_at.strftime("%Y-%m-%d %H:%M"),
        f"{receipt.kind}",
        f"{receipt.amount:+}",
        f"→ {receipt.after}",
        f"for {receipt.user_id or '(erased)'}",
    ]
    if receipt.category:
        parts.append(f"[{receipt.category}]")
    if receipt.reverses:
        parts.append(f"takes back #{receipt.reverses}:")
    return " ".join([*parts, one_line(receipt.reason)]).rstrip()
