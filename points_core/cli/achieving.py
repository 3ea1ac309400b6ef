"""Commands for what members achieve: achievements, badge list, add, preset, retire."""

from typing import Annotated, Any

import typer

from points_core import achievements, policy
from points_core.achievements import (
    PRESETS,
    Achievements,
    Badge,
    BadgeProgress,
    badges,
    document_of,
    goals,
    sentence,
)
from points_core.cli.reading import User
from points_core.cli.running import AsJson, Community, Key, community_of, now, origin, run, say, say_json
from points_core.database import Opening, Points
from points_core.errors import InvalidSetting
from points_core.policy import Policy
from points_core.values import one_line
from points_core.windows import parse_day

Number = Annotated[int, typer.Argument(help="The badge's number.")]


def of(user: User, community: Community = None, as_json: AsJson = False) -> None:
    """Show a member's level and badges, and how far the next ones are."""

    async def work(points: Points) -> Achievements:
        return await points.read(achievements.of, community_of(points, community), user, now())

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json(found)
        return
    say(f"{one_line(found.name) or found.user_id}: {_level(found)}")
    for badge in found.held:
        say(f"  {badge.name}{_steps(badge)}, {_day(badge)}{_next(badge)}")
    for badge in found.open:
        say(f"  to be earned: {badge.name}{_next(badge)}")
    for lost in found.revoked:
        say(f"  taken back: {lost.name}, {lost.revoked_at.date().isoformat()}: {lost.because}")


def listed(community: Community = None, as_json: AsJson = False) -> None:
    """List the badges, and how many members hold each."""

    async def work(points: Points) -> tuple[Policy, tuple[Badge, ...], dict[int, int]]:
        here = community_of(points, community)
        return (
            await points.read(policy.of, here),
            await points.read(badges.listed, here),
            await points.read(badges.holders, here),
        )

    rules, found, holders = run(work, Opening.CURRENT)
    if as_json:
        say_json([{**_document(badge), "holders": holders.get(badge.number, 0)} for badge in found])
        return
    for badge in found:
        say(f"{_line(badge, rules)}; held by {holders.get(badge.number, 0)}")
    if not found:
        say("There are no badges yet.")


def add(
    name: Annotated[str, typer.Argument(help="What the badge is called.")],
    kind: Annotated[str, typer.Argument(help=f"What it is given for: {', '.join(goals.KINDS)}.")],
    steps: Annotated[
        list[int] | None, typer.Argument(help="How much of it, one number for each step.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Only points of this category.")] = None,
    unit: Annotated[str | None, typer.Option(help="Of a streak: day or week.")] = None,
    each: Annotated[int | None, typer.Option(help="Of a team: what one has to earn to take part.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Of a team: the first day that counts.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Of a team: the last day that counts.")] = None,
    description: Annotated[str | None, typer.Option(help="A sentence about it.")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Nobody sees it before they earn it.")] = False,
    role: Annotated[str | None, typer.Option(help="The id of a role that comes with it.")] = None,
    role_days: Annotated[int | None, typer.Option(help="For so many days; else while it is held.")] = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a badge; who has reached its goal already gets it at once."""

    async def work(points: Points) -> tuple[Policy, Badge]:
        rules = await points.read(policy.of, community_of(points, community))
        heading = rules.category(category)
        goal = goals.made(
            kind,
            steps or (),
            category_id=heading.id if heading else None,
            unit=unit,
            each=each,
            first=parse_day(first) if first else None,
            last=parse_day(last) if last else None,
        )
        made = await points.write(
            badges.add,
            origin(points, community, key),
            name=name,
            goal=goal,
            description=description,
            hidden=hidden,
            role=role,
            role_days=role_days,
        )
        return rules, made

    _answer(run(work), as_json)


def preset(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(PRESETS)}.")],
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a ready-made badge."""

    async def work(points: Points) -> tuple[Policy, Badge]:
        ready = PRESETS.get(name)
        if ready is None:
            raise InvalidSetting("preset", name, "one of " + ", ".join(PRESETS))
        made = await points.write(
            badges.add,
            origin(points, community, key),
            name=ready.name,
            description=ready.description,
            goal=ready.goal,
            hidden=ready.hidden,
        )
        return await points.read(policy.of, community_of(points, community)), made

    _answer(run(work), as_json)


def retire(number: Number, community: Community = None, key: Key = None, as_json: AsJson = False) -> None:
    """Have a badge earned by nobody any more; who holds it keeps it."""

    async def work(points: Points) -> tuple[Policy, Badge]:
        gone = await points.write(badges.retire, origin(points, community, key), number)
        return await points.read(policy.of, community_of(points, community)), gone

    _answer(run(work), as_json)


def _answer(answer: tuple[Policy, Badge], as_json: bool) -> None:
    rules, badge = answer
    if as_json:
        say_json(_document(badge))
    else:
        say(_line(badge, rules))


def _line(badge: Badge, rules: Policy) -> str:
    notes = ["hidden"] if badge.hidden else []
    if badge.role:
        notes.append(f"role {badge.role}" + (f" for {badge.role_days} days" if badge.role_days else ""))
    if badge.retired:
        notes.append("retired")
    return f"#{badge.number} {badge.name}: {sentence(badge.goal, rules)}" + "".join(f", {n}" for n in notes)


def _document(badge: Badge) -> dict[str, Any]:
    return {
        "number": badge.number,
        "name": badge.name,
        "description": badge.description,
        "goal": document_of(badge.goal),
        "hidden": badge.hidden,
        "role": badge.role,
        "role_days": badge.role_days,
        "created_at": badge.created_at,
        "retired_at": badge.retired_at,
    }


def _level(found: Achievements) -> str:
    level = found.level
    if level is None:
        return "no levels here"
    following = f"; {level.missing} points to {level.next_name}" if level.next_name else ""
    return f"{level.name or 'no level yet'}{following}"


def _steps(badge: BadgeProgress) -> str:
    return f" ({badge.step} of {badge.steps})" if badge.steps > 1 else ""


def _day(badge: BadgeProgress) -> str:
    return badge.earned_at.date().isoformat() if badge.earned_at else ""


def _next(badge: BadgeProgress) -> str:
    return "" if badge.need is None else f": {badge.have} of {badge.need} ({badge.goal})"
