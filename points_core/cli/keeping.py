"""Commands that keep the books safe: backup, restore."""

from pathlib import Path
from typing import Annotated

import typer

from points_core import backup as backups
from points_core.backup import Change, Made, Plan, Restored
from points_core.cli.running import AsJson, fail, now, run, say, say_json
from points_core.database import Opening, Points
from points_core.errors import PointsError
from points_core.settings import Settings
from points_core.values import one_line

SHOWN = 20  # members named in each community whose balances would change


def backup(
    directory: Annotated[
        Path | None, typer.Argument(help="Where to; POINTS_BACKUP_DIRECTORY if not given.")
    ] = None,
    second: Annotated[
        Path | None, typer.Option("--second", help="A second directory, better on another disk.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the database in one step, also under a running bot; verify the copy; drop what is too old."""

    async def work(points: Points) -> Made:
        return await backups.make_due(points, now(), directory, second)

    made = run(work, Opening.CURRENT)
    if as_json:
        say_json(made)
    else:
        found = made.manifest
        say(
            f"{made.file}: {found.number_of_transactions:,} transactions in {len(found.communities)} communities, "
            f"{found.size:,} bytes, verified"
        )
        if made.second:
            say(f"{made.second}: the same")
        if made.removed:
            say(f"{len(made.removed)} older removed")
        for each in found.broken:
            say(f"BROKEN in {each}")
    if made.manifest.broken:
        raise SystemExit(1)


def restore(
    file: Annotated[Path, typer.Argument(help="The backup, or its manifest.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also behind what was already shown outside the database.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Go back to a backup: check it, show what would change, keep the books of now, put it in place."""
    try:
        settings = Settings.load()
        plan = backups.preview(settings, file)
        if not as_json:
            _show(plan)
        elif dry_run:
            say_json(plan)
        if dry_run:
            return
        if not yes:
            typer.confirm("Go back?", abort=True, err=True)
        done = backups.restore(settings, file, now(), force=force)
    except PointsError as error:
        fail(error)
    if as_json:
        say_json(done)
    else:
        _told(done)


def _show(plan: Plan) -> None:
    say(f"{plan.backup}, made {plan.manifest.made_at.isoformat(timespec='seconds')}, is whole.")
    if plan.lost:
        say("There are no books now that could be read; what waited to be sent will not be sent.")
    for change in plan.changes:
        _show_change(change)
    for each in plan.behind:
        say(f"It lacks #{each.anchor} of {each.community}, which {each.place} knows: that takes --force.")


def _show_change(change: Change) -> None:
    ends = [f"#{number}" if number is not None else "not there" for number in (change.now, change.then)]
    say(f"{change.community}: {ends[0]} → {ends[1]}, {len(change.moved):,} balances change")
    for moved in change.moved[:SHOWN]:
        who = one_line(moved.name) or moved.user_id or "(erased)"
        say(f"  {who}: {moved.now} → {moved.then} ({moved.then - moved.now:+})")
    if len(change.moved) > SHOWN:
        say(f"  and {len(change.moved) - SHOWN:,} more")


def _told(done: Restored) -> None:
    say("The books are as they were in the backup.")
    if done.restore_point:
        say(f"Those of before are kept: {done.restore_point}")
    say("Run `points verify`, then start the bot.")
