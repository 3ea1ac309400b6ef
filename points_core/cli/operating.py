"""Commands for the operator: bring the tables up to date, verify the books, examine the installation."""

from typing import Annotated

import typer

from points_core import doctor as examination
from points_core import migrations, verification
from points_core.cli.running import AsJson, Community, fail, now, run, say, say_json
from points_core.database import Points, migrate
from points_core.doctor import Finding, Health
from points_core.errors import PointsError
from points_core.settings import Settings, sync_url
from points_core.verification import Broken


def upgrade() -> None:
    """Create the tables, or bring them to this version's."""
    try:
        settings = Settings.load()
        migrate(sync_url(settings.database_url), settings.restore_points)
    except PointsError as error:
        fail(error)
    say(f"The tables are at revision {migrations.HEAD}.")


def verify(community: Community = None, as_json: AsJson = False) -> None:
    """Recompute the books of one community, or all, and compare. Ends with 1 if anything is broken."""

    async def work(points: Points) -> list[Broken]:
        broken = await points.read(verification.verify, community)
        await points.write(verification.record, now(), broken, community)
        return broken

    broken = run(work)
    if as_json:
        say_json(broken)
    else:
        for each in broken:
            say(f"BROKEN in {each.community}: {each.invariant}: {each.detail}")
        if not broken:
            say("The books are in order.")
    if broken:
        raise SystemExit(1)


def doctor(
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what is ill.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what reads the whole file.")] = False,
) -> None:
    """Examine the installation: database, triggers, file, clock, last verify. Ends with 1 if anything is ill."""

    async def work(points: Points) -> list[Finding]:
        return await points.read(examination.examine, now(), quick=quick)

    findings = run(work)
    ill = [finding for finding in findings if finding.health is Health.ILL]
    if as_json:
        say_json(findings)
    else:
        for finding in ill if quiet else findings:
            say(f"{finding.health.upper():4} {finding.what}: {finding.detail}")
    if ill:
        raise SystemExit(1)
