"""One command, one open database: settings in, exit codes out."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import uuid4

import typer

from points_core import achievements
from points_core.cli.words import words
from points_core.database import Opening, Points
from points_core.errors import PointsError, Refused
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Origin, outside_key

T = TypeVar("T")

REFUSED, UNUSABLE = 1, 2

Community = Annotated[
    str | None, typer.Option("--community", "-c", help="The community's id; POINTS_COMMUNITY if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, one document on standard output.")]
Key = Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key moves points once.")]


def now() -> datetime:
    """Return the time: the command line is an entry point, the core below it never asks a clock."""
    return datetime.now(UTC)


def run(work: Callable[[Points], Coroutine[Any, Any, T]], opening: Opening = Opening.MIGRATED) -> T:
    """Open the database, do the work, close it. Errors of the core end the command with words and a code.

    What only looks asks for an `opening` that makes no database where a path was mistyped.
    """

    async def opened() -> T:
        async with Points.opened(Settings.load(), opening) as points:
            done = await work(points)
            if opening is Opening.MIGRATED:  # it may have moved points, and no bot may run
                await achievements.follow_up(points, now())
            return done

    try:
        return asyncio.run(opened())
    except PointsError as error:
        fail(error)


def fail(error: PointsError) -> NoReturn:
    """Say on standard error what is wrong, and end: 1 for a refusal, 2 for a fault."""
    typer.echo(words(error), err=True)
    raise SystemExit(REFUSED if isinstance(error, Refused) else UNUSABLE) from error


def community_of(points: Points, named: str | None) -> str:
    """Return the community a command means."""
    return named or points.settings.community


def origin(points: Points, community: str | None, key: str | None) -> Origin:
    """Return the origin of a command typed at the host."""
    kept = outside_key("cli", key) if key else f"cli:{uuid4()}"
    return Origin(community_of(points, community), Actor(ActorKind.OPERATOR), now(), kept)


def say(line: str) -> None:
    """Print one line of the answer."""
    typer.echo(line)


def say_json(value: Any) -> None:  # noqa: ANN401 - anything made of the core's values
    """Print the answer as JSON: ids are strings, times ISO 8601 in UTC."""
    typer.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path | bytes):
        return str(value) if isinstance(value, Path) else value.hex()
    return value if isinstance(value, str | int | float | bool | None) else str(value.isoformat())
