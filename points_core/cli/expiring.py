"""Commands for what time does to points: programme show, expiry, decay, streaks, run."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal

import typer

from points_core import expiry as lots
from points_core import policy
from points_core.cli.running import AsJson, Community, Key, community_of, now, origin, run, say, say_json
from points_core.database import Opening, Points
from points_core.expiry import Going, Taken
from points_core.expiry.preview import Preview
from points_core.history import Streaks
from points_core.policy import Policy
from points_core.programme import MAX_DAYS, MAX_NOTICE, Decay, Expiry
from points_core.streaks import Streak
from points_core.values import MAX_AMOUNT, one_line

OFF = 0  # how an argument says "off"

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show who would lose what.")]


def show(community: Community = None, as_json: AsJson = False) -> None:
    """Show which points expire and melt away, and what keeps a streak."""

    async def work(points: Points) -> Policy:
        return await points.read(policy.of, community_of(points, community))

    _shown(run(work, Opening.CURRENT), as_json)


def expiry(
    days: Annotated[int, typer.Argument(help="Days to keep points; 0 for good.", min=OFF, max=MAX_DAYS)],
    category: Annotated[str | None, typer.Option(help="Of this category; of all others if none.")] = None,
    notice_days: Annotated[
        int | None, typer.Option(help="Tell people so many days before.", min=0, max=MAX_NOTICE)
    ] = None,
    dry_run: DryRun = False,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Let points expire some days after they were earned."""

    async def look(points: Points) -> Preview:
        here = community_of(points, community)
        rules = await points.read(policy.of, here)
        wanted = lots.terms(rules, now(), category=category, days=days or None, notice_days=notice_days)
        return await points.study(lots.preview.expiry, here, wanted, now())

    async def work(points: Points) -> Policy:
        asked = origin(points, community, key)
        return await points.write(
            lots.keep_for, asked, category=category, days=days or None, notice_days=notice_days
        )

    if dry_run:
        _previewed(run(look, Opening.CURRENT), as_json)
    else:
        _shown(run(work), as_json)


def decay(
    percent: Annotated[
        int, typer.Argument(help="How much melts away each time; 0 to stop.", min=OFF, max=100)
    ],
    inactive_days: Annotated[
        int, typer.Option(help="After so many days without new points.", min=1, max=MAX_DAYS)
    ] = 30,
    every: Annotated[Literal["week", "month"], typer.Option(help="How often.")] = "week",
    keep: Annotated[int, typer.Option(help="Points that are never taken.", min=0, max=MAX_AMOUNT)] = 0,
    dry_run: DryRun = False,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Let points of inactive members melt away."""

    def wanted() -> Decay | None:
        if percent == OFF:
            return None
        return Decay(percent=percent, inactive_days=inactive_days, every=every, keep=keep)

    async def look(points: Points) -> Preview:
        here = community_of(points, community)
        terms = wanted() or Decay(percent=1, inactive_days=MAX_DAYS, keep=MAX_AMOUNT)
        return await points.study(lots.preview.decay, here, terms, now())

    async def work(points: Points) -> Policy:
        return await points.write(lots.melt, origin(points, community, key), wanted())

    if dry_run:
        _previewed(run(look, Opening.CURRENT), as_json)
    else:
        _shown(run(work), as_json)


def streaks(
    freezes: Annotated[
        int | None, typer.Option(help="Missed days of a month that break no streak.", min=0, max=31)
    ] = None,
    check_ins: Annotated[
        bool | None,
        typer.Option("--check-ins/--no-check-ins", help="Whether members can check in without a rule."),
    ] = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Change what keeps a streak, and whether members can check in."""
    given = {"streak_freezes": freezes, "check_ins": check_ins}

    async def work(points: Points) -> Policy:
        parts = {name: value for name, value in given.items() if value is not None}
        return await points.write(policy.amend, origin(points, community, key), **parts)

    _shown(run(work), as_json)


def carry_out(community: Community = None, as_json: AsJson = False) -> None:
    """Let expire and melt what is due, in all communities or one (a running bot does so by itself)."""

    async def work(points: Points) -> list[Taken]:
        return [taken async for taken in _taken(points, community)]

    done = run(work)
    if as_json:
        say_json(done)
        return
    made: dict[tuple[str, str], int] = {}
    for taken in done:
        what = (taken.community, taken.duty.value)
        made[what] = made.get(what, 0) + taken.transactions
    for (where, duty), transactions in made.items():
        say(f"{where}: {duty}, {transactions} transactions")
    if not made:
        say("Nothing is due.")


async def _taken(points: Points, community: str | None) -> AsyncIterator[Taken]:
    while taken := await points.write(lots.take_due, now(), community):
        yield taken


def going_lines(going: tuple[Going, ...]) -> Iterator[str]:
    """Yield a line for each day and category of points that expire soon."""
    for each in going:
        of = f" of {each.category}" if each.category else ""
        yield f"{each.points}{of} kept until {each.last_day.isoformat()}"


def streak_lines(found: Streaks) -> Iterator[str]:
    """Yield a line for each streak that there is, or was."""
    for unit, streak in (("days", found.daily), ("weeks", found.weekly)):
        if streak.best:
            yield f"{streak.current} {unit} in a row (best: {streak.best}){_frozen(streak)}"


def _frozen(streak: Streak) -> str:
    return f", {streak.frozen} frozen" if streak.frozen else ""


def _shown(rules: Policy, as_json: bool) -> None:
    if as_json:
        say_json(rules.programme.model_dump(mode="json"))
        return
    for each in rules.programme.expiry:
        say(_kept(each, rules))
    if not rules.programme.expiry:
        say("Points do not expire.")
    say(_melting(rules.programme.decay))
    say(f"Streak freezes: {rules.programme.streak_freezes} a month")
    say(f"Check-ins: {'on' if rules.programme.check_ins else 'only where a rule gives something for them'}")


def _kept(expiry: Expiry, rules: Policy) -> str:
    what = rules.category_name(expiry.category_id) or "other points"
    told = f"told {expiry.notice_days} days before" if expiry.notice_days else "nobody is told"
    begins = f", from {expiry.begins.isoformat()} on" if expiry.begins else ""
    return f"Expiry: {what} after {expiry.days} days, {told}{begins}"


def _melting(decay: Decay | None) -> str:
    if decay is None:
        return "Points do not melt away."
    kept = f", never the last {decay.keep}" if decay.keep else ""
    return f"Decay: {decay.percent} % every {decay.every} after {decay.inactive_days} days without new points{kept}"


def _previewed(found: Preview, as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    if found.first_day is None:
        say(f"Until {found.last_day.isoformat()} nobody would lose anything.")
        return
    say(f"{found.first_day.isoformat()}: {found.first_points} points of {found.first_members} members")
    say(
        f"until {found.last_day.isoformat()}: {found.points} of all {found.total} points, "
        f"of {found.members} members"
    )
    for loss in found.most:
        say(f"  {one_line(loss.name) or loss.user_id}: {loss.points} of {loss.of}")
