"""Commands for seasons: start, list, show, end."""

from datetime import datetime
from typing import Annotated

import typer

from points_core import leaderboard, seasons
from points_core.cli.reading import standings
from points_core.cli.running import AsJson, Community, Key, community_of, now, origin, run, say, say_json
from points_core.database import Opening, Points
from points_core.leaderboard import Board
from points_core.seasons import Season
from points_core.windows import parse_day

Name = Annotated[str, typer.Argument(help="What the season is called.")]


def start(
    name: Name,
    last: Annotated[str, typer.Option("--to", help="The last day, as 2026-03-31.")],
    first: Annotated[str | None, typer.Option("--from", help="The first day; today if not given.")] = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Have a season run; when it is over it is sealed."""

    async def work(points: Points) -> Season:
        return await points.write(
            seasons.start,
            origin(points, community, key),
            name=name,
            first=parse_day(first) if first else None,
            last=parse_day(last),
        )

    _answer(run(work), as_json)


def end(name: Name, community: Community = None, key: Key = None, as_json: AsJson = False) -> None:
    """End a season now, and seal it."""

    async def work(points: Points) -> Season:
        return await points.write(seasons.end, origin(points, community, key), name)

    _answer(run(work), as_json)


def listed(community: Community = None, as_json: AsJson = False) -> None:
    """List the seasons; those that are over are sealed first."""

    async def work(points: Points) -> tuple[Season, ...]:
        await points.write(seasons.seal_due, now())
        return await points.read(seasons.listed, community_of(points, community))

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json(found)
        return
    moment = now()
    for season in found:
        say(line(season, moment))
    if not found:
        say("There are no seasons yet.")


def show(
    name: Name,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    top: Annotated[int, typer.Option(help="Down to which rank.", min=1, max=1_000)] = 10,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="With what was dated into it since it was sealed.")
    ] = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show a season and its result."""

    async def work(points: Points) -> tuple[Season, Board]:
        here = community_of(points, community)
        await points.write(seasons.seal_due, now())
        board = await points.read(
            leaderboard.of_season, here, name, category=category, top=top, corrected=corrected
        )
        return await points.read(seasons.named, here, name), board

    season, board = run(work, Opening.CURRENT)
    if as_json:
        say_json({"season": season, "board": board})
        return
    say(line(season, now()))
    if season.checksum:
        say(f"Checksum {season.checksum}, after #{season.sealed_seq}")
    standings(board, compare=False)


def line(season: Season, moment: datetime) -> str:
    """Return a season as one line, as it is at `moment`."""
    days = f"{season.first.isoformat()} to {season.last.isoformat()} ({season.timezone})"
    if season.sealed_at is not None:
        return f"{season.name}: {days}, sealed {season.sealed_at.isoformat()}"
    if season.ends_at <= moment:
        return f"{season.name}: {days}, over, to be sealed"
    return f"{season.name}: {days}, {'running' if season.starts_at <= moment else 'to come'}"


def _answer(season: Season, as_json: bool) -> None:
    if as_json:
        say_json(season)
    else:
        say(line(season, now()))
