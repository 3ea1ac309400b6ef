"""The command that writes the books to a file for other programs and people."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from points_core import exports, policy
from points_core.cli.reading import Category, Day
from points_core.cli.running import UNUSABLE, Community, Key, community_of, now, origin, run
from points_core.copies import settle
from points_core.database import Opening, Points
from points_core.exports import Format, Scope
from points_core.portable import Table
from points_core.windows import Window, WindowName, parse_instant

EVERYTHING = "everything"
STDOUT = "-"

What = Annotated[
    str, typer.Argument(help=f"One of {', '.join(Table)}, or {EVERYTHING} for all of them in a zip.")
]
To = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="The file; - for standard output; points-TABLE-COMMUNITY if not given."
    ),
]


def export(
    what: What = EVERYTHING,
    output: To = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="Parquet needs the extra `parquet`.")
    ] = Format.CSV,
    since: Annotated[str | None, typer.Option(help=Day)] = None,
    until: Annotated[str | None, typer.Option(help=Day + " Not included.")] = None,
    category: Category = None,
    window: Annotated[WindowName | None, typer.Option(help="Which board.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    community: Community = None,
    key: Key = None,
) -> None:
    """Write transactions, balances, a board, the audit record, the policy, or everything to a file."""
    table = _table(what)

    async def work(points: Points) -> tuple[str, int]:
        here = community_of(points, community)
        zone = (await points.read(policy.of, here)).zone

        def instant(text: str | None) -> datetime | None:
            return parse_instant(text, zone) if text else None

        scope = Scope(
            since=instant(since),
            until=instant(until),
            category=category,
            window=Window.named(window, now(), zone) if window else None,
        )
        name = output or f"points-{what}-{here}.{'zip' if table is None else format}"
        counted = (Table.TRANSACTIONS, Scope()) if table is None else (table, scope)
        total = await points.read(exports.count, here, *counted)
        with _written(name, force=force) as file, _progress(what, total) as told:
            rows = await exports.export(
                points, here, table, file, at=now(), format=format, scope=scope, progress=told.advance_to
            )
        await points.write(
            exports.noted, origin(points, here, key), what=what, format=format.value, rows=rows
        )
        return name, rows

    name, rows = run(work, Opening.CURRENT)
    typer.echo(f"{rows:,} rows in {'standard output' if name == STDOUT else name}", err=True)


def _table(what: str) -> Table | None:
    if what == EVERYTHING:
        return None
    try:
        return Table(what)
    except ValueError:
        typer.echo(f"{what!r} cannot be exported; there are {', '.join(Table)} and {EVERYTHING}.", err=True)
        raise SystemExit(UNUSABLE) from None


@contextmanager
def _written(name: str, *, force: bool) -> Iterator[BinaryIO]:
    """Open the file that is to be written; it has its name once it is whole, and its owner alone can read it."""
    if name == STDOUT:
        yield sys.stdout.buffer
        return
    path = Path(name)
    part = path.with_name(path.name + ".part")
    if path.exists() and not force:
        typer.echo(f"{path} is there already; --force writes over it.", err=True)
        raise SystemExit(UNUSABLE)
    try:
        with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            yield file
        settle(part, path)
    except OSError as error:
        typer.echo(f"{path} cannot be written: {error.strerror}.", err=True)
        raise SystemExit(UNUSABLE) from error
    finally:
        part.unlink(missing_ok=True)


class _Bar:
    """A bar on standard error that follows the rows written; silent where nobody looks."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def advance_to(self, rows: int) -> None:
        """Show how many rows are written."""
        self._progress.update(self._task, completed=rows)


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress, what, total)
