"""Commands for what comes in as a batch: import a file, list batches, take one back."""

from pathlib import Path
from typing import Annotated

import typer

from points_core import backup, bulk, imports
from points_core.bulk import BatchReceipt
from points_core.cli.moving import Reason
from points_core.cli.running import (
    REFUSED,
    UNUSABLE,
    AsJson,
    Community,
    Key,
    community_of,
    fail,
    now,
    origin,
    run,
    say,
    say_json,
)
from points_core.cli.words import words
from points_core.database import Opening, Points
from points_core.errors import PointsError, RowRefused, RowsRefused
from points_core.imports import Change, Mode, Opened, Options, Preview, Source
from points_core.values import one_line

SHOWN = 20  # balances and rows: what one screen holds; --json tells all


def import_(
    file: Annotated[Path, typer.Argument(help="CSV, JSON or JSON Lines, in UTF-8.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, write nothing.")] = False,
    source: Annotated[Source | None, typer.Option(help="Whose file it is; guessed if not given.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Balances become what the file says, instead of growing by it.")
    ] = False,
    category: Annotated[str | None, typer.Option(help="For rows that name no category.")] = None,
    add_categories: Annotated[
        bool, typer.Option("--add-categories", help="Open categories that the community lacks.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out rows that cannot be, instead of refusing all.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Import anew a file whose batch was undone.")
    ] = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Bring balances or transactions along from a file, as one batch that can be undone as a unit."""
    opened = _opened(file, source)
    options = Options(
        mode=Mode.REPLACE if replace else Mode.ADD,
        category=category,
        add_categories=add_categories,
        partial=partial,
        again=again,
    )

    async def work(points: Points) -> Preview:
        act = imports.preview if dry_run else imports.run
        if not dry_run:
            await backup.before(points, "import", now())
        return await points.write(act, origin(points, community, None), opened, options)

    done = run(work)
    if as_json:
        say_json(_document(done))
    else:
        _say(done, dry_run=dry_run)


def _opened(file: Path, source: Source | None) -> Opened:
    try:
        with file.open("rb") as content:
            # a device never ends
            return imports.opened(content.read(imports.MAX_BYTES + 1), source=source)
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}.", err=True)
        raise SystemExit(UNUSABLE) from error
    except PointsError as error:
        fail(error)


def _say(done: Preview, *, dry_run: bool) -> None:
    batch = done.batch
    if batch is not None and batch.replayed:
        undone = f", undone by batch {batch.undone_by}; --again imports it anew" if batch.undone_by else ""
        say(f"This file was imported before: it is batch {batch.number}{undone}. Nothing was written.")
        return
    for change in done.changes[:SHOWN]:
        say(f"  {change.user_id} {one_line(change.name)}: {change.before} → {change.after}")
    if len(done.changes) > SHOWN:
        say(f"  and {len(done.changes) - SHOWN} more")
    for row in done.refused[:SHOWN]:
        say(f"  row {row.row} cannot be: {words(row.error)}")
    if len(done.refused) > SHOWN:
        say(f"  and {len(done.refused) - SHOWN} more rows that cannot be")
    if done.opened:
        say(f"  categories opened: {', '.join(done.opened)}")
    moved = f"{batch.transactions} transactions, {batch.points:+} points" if batch else "nothing moves"
    counts = f"{done.rows} rows, {done.unchanged} that change nothing, {len(done.refused)} that cannot be"
    if dry_run:
        say(f"Would be: {moved} ({counts}). Nothing was written.")
    else:
        name = f"Batch {batch.number}" if batch else "No batch"
        say(f"{name}: {moved} ({counts}).")


def _document(done: Preview) -> dict[str, object]:
    return {
        "source": done.source.value,
        "rows": done.rows,
        "unchanged": done.unchanged,
        "opened": list(done.opened),
        "changes": [_change(change) for change in done.changes],
        "refused": [_row(row) for row in done.refused],
        "batch": _batch(done.batch) if done.batch else None,
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "user_id": change.user_id,
        "name": change.name,
        "before": change.before,
        "after": change.after,
    }


def _row(row: RowRefused) -> dict[str, object]:
    return {"row": row.row, "user_id": row.user_id, "why": words(row.error)}


def _batch(batch: BatchReceipt) -> dict[str, object]:
    return {
        "number": batch.number,
        "kind": batch.kind.value,
        "transactions": batch.transactions,
        "members": batch.members,
        "points": batch.points,
        "created_at": batch.created_at,
        "undoes": batch.undoes,
        "undone_by": batch.undone_by,
        "refused": [_row(row) for row in batch.refused],
        "replayed": batch.replayed,
    }


def batches(
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 20,
    before: Annotated[int | None, typer.Option(help="Only numbers below this: the next page.")] = None,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """List the batches, newest first."""

    async def work(points: Points) -> tuple[BatchReceipt, ...]:
        return await points.read(bulk.recent, community_of(points, community), limit=limit, before=before)

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json([_batch(batch) for batch in found])
        return
    for batch in found:
        say(_line(batch))
    if not found:
        say("There are no batches here yet.")


def undo_batch(
    number: Annotated[int, typer.Argument(help="The batch's number.", min=1)],
    reason: Reason,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Leave alone what cannot be taken back, instead of refusing all."),
    ] = False,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take all of a batch back, as one batch."""

    async def work(points: Points) -> BatchReceipt:
        try:
            return await points.write(
                bulk.undo, origin(points, community, key), number, reason=reason, partial=partial
            )
        except RowsRefused as refused:
            kept = f"{len(refused.rows)} of {refused.total} transactions cannot be taken back"
            typer.echo(f"{kept}, so nothing was; --partial takes back the others.", err=True)
            for row in refused.rows[:SHOWN]:
                typer.echo(f"  #{row.row}: {words(row.error)}", err=True)
            raise SystemExit(REFUSED) from refused

    done = run(work)
    if as_json:
        say_json(_batch(done))
        return
    say(_line(done) + (" (done before, nothing new was written)" if done.replayed else ""))
    for row in done.refused:
        say(f"  #{row.row} stays: {words(row.error)}")


def _line(batch: BatchReceipt) -> str:
    what = f"takes back batch {batch.undoes}" if batch.undoes else batch.kind.value
    undone = f", undone by batch {batch.undone_by}" if batch.undone_by else ""
    return (
        f"Batch {batch.number} {batch.created_at:%Y-%m-%d %H:%M} {what}: {batch.transactions} transactions, "
        f"{batch.members} members, {batch.points:+} points{undone}"
    )
