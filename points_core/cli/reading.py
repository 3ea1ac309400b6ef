"""Commands that look things up: balance, history, leaderboard."""

from datetime import datetime
from typing import Annotated

import typer

from points_core import history as books
from points_core import leaderboard as boards
from points_core import policy
from points_core.cli.running import AsJson, Community, community_of, now, run, say, say_json
from points_core.database import Points
from points_core.history import Balance, Page
from points_core.leaderboard import Board
from points_core.values import Kind, Receipt
from points_core.windows import WindowName, parse_instant

User = Annotated[str, typer.Argument(help="The member's outside id (a Discord user id).")]
Category = Annotated[str | None, typer.Option(help="Only this category.")]
Day = "A day or instant in ISO 8601; without an offset in the community's time zone."


def balance(user: User, community: Community = None, as_json: AsJson = False) -> None:
    """Show what a member has."""

    async def work(points: Points) -> Balance:
        return await points.read(books.balance, community_of(points, community), user)

    found = run(work)
    if as_json:
        say_json(found)
        return
    place = f", rank {found.rank} of {found.members}" if found.rank else ""
    say(
        f"{found.name or found.user_id}: {found.current} points (earned {found.earned}, spent {found.spent}){place}"
    )
    for name, points in found.categories:
        say(f"  {name}: {points}")
    for waiting in found.pending:
        say(f"  request {waiting.number} waits: {waiting.amount:+}, {waiting.reason}")
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
    before: Annotated[int | None, typer.Option(help="Only numbers below this: the next page.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 20,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show transactions, newest first."""

    async def work(points: Points) -> Page:
        here = community_of(points, community)
        zone = (await points.read(policy.of, here)).zone

        def instant(text: str | None) -> datetime | None:
            return parse_instant(text, zone) if text else None

        return await points.read(
            books.page,
            here,
            user_id=user,
            category=category,
            kind=kind,
            since=instant(since),
            until=instant(until),
            before=before,
            limit=limit,
        )

    page = run(work)
    if as_json:
        say_json(page)
        return
    for receipt in page.receipts:
        say(line(receipt))
    if page.older is not None:
        say(f"Older ones: --before {page.older}")


def leaderboard(
    window: Annotated[WindowName, typer.Option(help="Which span of time.")] = WindowName.ALL,
    category: Category = None,
    top: Annotated[int, typer.Option(help="Down to which rank.", min=1, max=1_000)] = 10,
    as_of: Annotated[str | None, typer.Option(help=Day + " The board as it stood then.")] = None,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="With --as-of: with corrections made since.")
    ] = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show a leaderboard."""

    async def work(points: Points) -> Board:
        here = community_of(points, community)
        zone = (await points.read(policy.of, here)).zone
        return await points.read(
            boards.named,
            here,
            window,
            now(),
            category=category,
            top=top,
            as_of=parse_instant(as_of, zone) if as_of else None,
            corrected=corrected,
        )

    board = run(work)
    if as_json:
        say_json(board)
        return
    for standing in board.standings:
        nameless = "(hidden)" if standing.hidden else "(erased)"
        say(f"{standing.rank:>5}. {standing.points:>12} {standing.name or standing.user_id or nameless}")
    if board.more_tied:
        say(f"       and {board.more_tied} more with the same points")
    if not board.standings:
        say("Nobody has points here yet.")


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
    return " ".join([*parts, receipt.reason or ""]).rstrip()
