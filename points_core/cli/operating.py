"""Commands for the operator: bring the tables up to date, verify the books, examine the installation."""

from pathlib import Path
from typing import Annotated

import typer

from points_core import backup, migrations, verification
from points_core import doctor as examination
from points_core.cli.running import AsJson, Community, community_of, fail, now, run, say, say_json
from points_core.communities import GENESIS
from points_core.database import Opening, Points, aside, migrate
from points_core.doctor import Finding, Health
from points_core.errors import InvalidSetting, PointsError
from points_core.settings import Settings, sync_url
from points_core.values import MAX_NUMBER
from points_core.verification import Known, Outcome


def upgrade(
    partitions: Annotated[
        int | None,
        typer.Option(
            help="On an empty PostgreSQL: divide the tables that grow into so many parts, by community."
        ),
    ] = None,
) -> None:
    """Create the tables, or bring them to this version's."""
    try:
        settings = Settings.load()
        migrate(sync_url(settings.database_url), settings.restore_points, partitions)
    except PointsError as error:
        fail(error)
    say(f"The tables are at revision {migrations.HEAD}.")


def verify(
    community: Community = None,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Only what is new since the books were last in order.")
    ] = False,
    manifest: Annotated[
        list[Path] | None, typer.Option("--manifest", help="A backup's manifest to compare with.")
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option("--anchor", help="NUMBER:HASH as the log channel shows it, to compare with."),
    ] = None,
    reopen: Annotated[
        str | None, typer.Option("--reopen", help="Open this community's books again if they are in order.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the books of one community, or all, and compare. Ends with 1 if anything is broken."""

    async def work(points: Points) -> tuple[Outcome, list[str]]:
        known = [head for file in manifest or () for head in backup.known(backup.read_manifest(file))]
        known += [_anchor(community_of(points, community), text) for text in anchor or ()]
        outcome = await points.study(
            verification.examine, reopen or community, incremental=incremental and not reopen, known=known
        )
        opened: list[str] = []
        if reopen:
            opened = await points.write(verification.reopen, now(), outcome)
        if not known:  # a hash mistyped here closes no books
            await points.write(verification.settle, now(), outcome)
        return outcome, opened

    outcome, opened = run(work, Opening.CURRENT)
    if as_json:
        say_json(outcome.broken)
    else:
        for each in outcome.broken:
            say(f"BROKEN in {each.community}: {each.invariant}: {each.detail}")
        for name in opened:
            say(f"The books of {name} are open again.")
        if not outcome.broken:
            say("The books are in order.")
    if outcome.broken:
        raise SystemExit(1)


def _anchor(community: str, text: str) -> Known:
    number, _, digest = text.removeprefix("#").partition(":")
    try:
        known = Known(community, int(number), bytes.fromhex(digest), "the anchor given")
    except ValueError:
        known = None
    if known is None or len(known.hash) != len(GENESIS) or not 1 <= known.seq <= MAX_NUMBER:
        raise InvalidSetting("anchor", text[:100], "NUMBER:HASH, as the log channel shows it")
    return known


def doctor(
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what is ill.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what reads the whole file.")] = False,
) -> None:
    """Examine the installation: database, triggers, file, clock, last verify. Ends with 1 if anything is ill."""

    async def work(points: Points) -> list[Finding]:
        beside = await aside(examination.connections, points.settings)
        return [*await points.read(examination.examine, now(), quick=quick), *beside]

    findings = run(work, Opening.ANY)
    ill = [finding for finding in findings if finding.health is Health.ILL]
    if as_json:
        say_json(findings)
    else:
        for finding in ill if quiet else findings:
            say(f"{finding.health.upper():4} {finding.what}: {finding.detail}")
    if ill:
        raise SystemExit(1)
