"""Commands for levels: programme levels, preset, preview."""

import re
from typing import Annotated

import typer

from points_core import achievements, policy
from points_core.achievements import DISTINGUISHED_MEMBERS, Curve, Preview, curves
from points_core.cli.running import AsJson, Community, Key, community_of, origin, run, say, say_json
from points_core.database import Opening, Points
from points_core.errors import InvalidSetting
from points_core.policy import Policy
from points_core.programme import Level, Programme
from points_core.values import one_line, parse_amount

Levels = Annotated[
    list[str] | None,
    typer.Argument(help="Levels, lowest first, as NAME=POINTS or NAME=POINTS@ROLE, a role's id."),
]
Rises = Annotated[Curve | None, typer.Option("--curve", help="Levels of a curve instead.")]
Count = Annotated[int, typer.Option("--count", help="Of a curve: how many levels.")]
First = Annotated[int, typer.Option("--first", help="Of a curve: the points that the first level takes.")]
Growth = Annotated[int, typer.Option(help="Of an exponential curve: percent from level to level.")]
Stack = Annotated[
    bool | None, typer.Option("--stack/--replace", help="Roles of lower levels are kept, or replaced.")
]
Keep = Annotated[
    bool | None, typer.Option("--keep-roles/--drop-roles", help="Who falls keeps the role, or not.")
]

_LEVEL = re.compile(r"(?P<name>.+)=(?P<points>[0-9]+)(?:@(?P<role>[A-Za-z0-9_.:-]+))?")


def levels(
    wanted: Levels = None,
    curve: Rises = None,
    count: Count = 10,
    first: First = 100,
    growth: Growth = 200,
    none: Annotated[bool, typer.Option("--none", help="Switch levels off.")] = False,
    stack: Stack = None,
    keep_roles: Keep = None,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show the levels and who has them, or switch on others and say who moved."""
    changes = bool(wanted or curve or none or stack is not None or keep_roles is not None)

    async def work(points: Points) -> tuple[Programme, Preview]:
        here = community_of(points, community)
        old = (await points.read(policy.of, here)).programme
        new = _changed(old, wanted, curve, (count, first, growth), none, stack, keep_roles)
        seen = await points.read(achievements.preview, here, new)
        if changes:
            await _switch_on(points, new, community, key)
        return new, seen

    _answer(run(work, Opening.MIGRATED if changes else Opening.CURRENT), as_json)


def preview(
    wanted: Levels = None,
    curve: Rises = None,
    count: Count = 10,
    first: First = 100,
    growth: Growth = 200,
    stack: Stack = None,
    keep_roles: Keep = None,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show who would move and which roles would change with other levels, and change nothing."""

    async def work(points: Points) -> tuple[Programme, Preview]:
        here = community_of(points, community)
        old = (await points.read(policy.of, here)).programme
        new = _changed(old, wanted, curve, (count, first, growth), False, stack, keep_roles)
        return new, await points.read(achievements.preview, here, new)

    _answer(run(work, Opening.CURRENT), as_json)


def preset(community: Community = None, key: Key = None, as_json: AsJson = False) -> None:
    """Switch the ready-made Distinguished Members programme on, and say who moved."""

    async def work(points: Points) -> tuple[Programme, Preview]:
        here = community_of(points, community)
        old = (await points.read(policy.of, here)).programme
        new = old.model_copy(update={"levels": DISTINGUISHED_MEMBERS})
        seen = await points.read(achievements.preview, here, new)
        await _switch_on(points, new, community, key)
        return new, seen

    _answer(run(work), as_json)


async def _switch_on(points: Points, new: Programme, community: str | None, key: str | None) -> Policy:
    return await points.write(
        policy.amend,
        origin(points, community, key),
        levels=new.levels,
        level_roles=new.level_roles,
        keep_roles=new.keep_roles,
    )


def _changed(
    old: Programme,
    wanted: list[str] | None,
    curve: Curve | None,
    shape: tuple[int, int, int],
    none: bool,
    stack: bool | None,
    keep_roles: bool | None,
) -> Programme:
    chosen = [bool(wanted), curve is not None, none]
    if sum(chosen) > 1:
        raise InvalidSetting("levels", "several", "either levels, a curve, or none")
    found = old.levels
    if wanted:
        found = tuple(map(_level, wanted))
    elif curve is not None:
        found = curves.named(curves.thresholds(curve, *shape))
    elif none:
        found = ()
    return old.amended(
        levels=found,
        level_roles=old.level_roles if stack is None else "stack" if stack else "replace",
        keep_roles=old.keep_roles if keep_roles is None else keep_roles,
    )


def _level(text: str) -> Level:
    match = _LEVEL.fullmatch(text)
    if match is None:
        raise InvalidSetting("level", text[:60], "NAME=POINTS or NAME=POINTS@ROLE")
    return Level(name=match["name"], earned=parse_amount(match["points"]), role=match["role"])


def _answer(answer: tuple[Programme, Preview], as_json: bool) -> None:
    programme, seen = answer
    if as_json:
        levels = [level.model_dump() for level in programme.levels]
        say_json({"levels": levels, "preview": seen})
        return
    if not programme.levels:
        say("There are no levels.")
    for number, level in enumerate(programme.levels, start=1):
        role = f", role {level.role}" if level.role else ""
        say(f"{number}. {level.name}: from {level.earned} points{role}; {seen.after[number]} members")
    if seen.up or seen.down:
        say(f"{seen.up} rise, {seen.down} fall.")
    for mover in seen.movers:
        who = one_line(mover.name) or mover.user_id or "someone erased"
        say(f"  {who} ({mover.earned} points): level {mover.before} to {mover.after}")
    for role, members in seen.gives.items():
        say(f"  role {role} for {members} more")
    for role, members in seen.takes.items():
        say(f"  role {role} for {members} fewer")
