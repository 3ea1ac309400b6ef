"""Commands for rules: rule list, show, recipes, create, edit, mode, history, try, undo, why."""

import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from points_core import policy, rules
from points_core.cli.running import (
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
from points_core.database import Opening, Points
from points_core.errors import InvalidSetting, UnreadableFile
from points_core.policy import Policy
from points_core.rules.keeping import TRIED
from points_core.rules.recipes import RECIPES, recipe
from points_core.rules.sentences import Named, sentence, stays
from points_core.rules.trial import Trial, play
from points_core.rules.why import Looked, Why, why_transaction
from points_core.values import Mode, one_line
from points_core.windows import midnight, parse_day

Number = Annotated[int, typer.Argument(help="The rule's number.", min=1)]
File = Annotated[Path, typer.Argument(help="A definition as JSON; - for standard input.")]
MAX_FILE = 1_000_000  # characters of a definition: far more than one may have


def list_(
    retired: Annotated[bool, typer.Option("--retired", help="Also those retired for good.")] = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """List the rules, each in one sentence."""

    async def work(points: Points) -> tuple[tuple[rules.RuleView, ...], Policy]:
        here = community_of(points, community)
        found = await points.read(rules.listed, here, retired=retired)
        return found, await points.read(policy.of, here)

    found, current = run(work, Opening.CURRENT)
    if as_json:
        say_json([_document(view) for view in found])
        return
    for view in found:
        say(_line(view, current))
    if not found:
        say("There are no rules.")


def show(number: Number, community: Community = None, as_json: AsJson = False) -> None:
    """Show a rule, what it has given, and its definition as JSON."""

    async def work(points: Points) -> tuple[rules.RuleView, rules.Tally, Policy]:
        here = community_of(points, community)
        view = await points.read(rules.get, here, number)
        return view, await points.read(rules.tally, here, number), await points.read(policy.of, here)

    view, given, current = run(work, Opening.CURRENT)
    if as_json:
        say_json(_document(view) | {"given": asdict(given)})
        return
    say(_line(view, current))
    say(f"It gave {given.points:,} points in {given.times:,} times to {given.members:,} members.")
    say(f"In shadow it would have given {given.shadow_points:,} in {given.shadow_times:,} times.")
    say(json.dumps(view.rule.definition.document, indent=2))


def recipes(as_json: AsJson = False) -> None:
    """List the ready-made rules to begin from."""
    if as_json:
        say_json([{"key": r.key, "name": r.name, "definition": r.definition.document} for r in RECIPES])
        return
    for each in RECIPES:
        say(f"{each.key:<12} {each.name}: {sentence(each.definition)}")


def create(
    name: Annotated[str, typer.Argument(help="How the rule is called.")],
    file: Annotated[Path | None, typer.Argument(help="A definition as JSON; - for standard input.")] = None,
    from_recipe: Annotated[str | None, typer.Option("--recipe", help="A ready-made one instead.")] = None,
    mode: Annotated[Mode, typer.Option(help="draft, shadow or live.")] = Mode.DRAFT,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a rule from a definition, or from a ready-made one; a draft unless said otherwise."""
    document = _begun(file, from_recipe)

    async def work(points: Points) -> tuple[rules.RuleView, Policy]:
        asked = origin(points, community, key)
        view = await points.write(rules.create, asked, name=name, definition=document, mode=mode)
        return view, await points.read(policy.of, asked.community)

    _told(*run(work), as_json)


def edit(
    number: Number, file: File, community: Community = None, key: Key = None, as_json: AsJson = False
) -> None:
    """Give a rule another definition; what it gave before stays as it is."""
    document = _read(file)

    async def work(points: Points) -> tuple[rules.RuleView, Policy]:
        asked = origin(points, community, key)
        view = await points.write(rules.edit, asked, number, document)
        return view, await points.read(policy.of, asked.community)

    _told(*run(work), as_json)


def mode(
    number: Number,
    to: Annotated[Mode, typer.Argument(help="draft, shadow, live, paused, or retired (for good).")],
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Switch a rule to another mode."""

    async def work(points: Points) -> tuple[rules.RuleView, Policy]:
        asked = origin(points, community, key)
        view = await points.write(rules.set_mode, asked, number, to)
        return view, await points.read(policy.of, asked.community)

    _told(*run(work), as_json)


def history(number: Number, community: Community = None, as_json: AsJson = False) -> None:
    """Show what a rule was before, newest first."""

    async def work(points: Points) -> tuple[tuple[rules.VersionView, ...], Policy]:
        here = community_of(points, community)
        return await points.read(rules.history, here, number), await points.read(policy.of, here)

    found, current = run(work, Opening.CURRENT)
    if as_json:
        say_json([_rule(each.rule) | {"made_at": each.made_at} for each in found])
        return
    for each in found:
        rule = each.rule
        said = sentence(rule.definition, _names(current))
        say(f"{rule.version:>3}. {each.made_at:%Y-%m-%d %H:%M} {rule.mode} {one_line(rule.name)}: {said}")


def try_(
    number: Number,
    days: Annotated[int, typer.Option(help="On how many of the last days.", min=1, max=90)] = 7,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show what a rule would have given for what rules saw lately; nothing is given."""

    def played(tx: Connection, here: str) -> Trial:
        rule, until = rules.get(tx, here, number).rule, now() + timedelta(seconds=1)
        since, ons = until - timedelta(days=days), (rule.definition.trigger.on,)
        seen = rules.kept(tx, here, since=since, until=until, ons=ons, most=TRIED)
        return play(rule.definition, seen, policy.of(tx, here).zone, number=number)

    async def work(points: Points) -> Trial:
        return await points.study(played, community_of(points, community))

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json(_trial(found))
        return
    say(f"{found.points:,} points to {found.members:,} members in {found.times:,} times.")
    say(f"Its conditions were met {found.matched:,} of {found.happened:,} times.")
    if found.facts == TRIED:
        say(f"Only the latest {TRIED:,} were looked at.")
    if found.times:
        say(f"The top tenth would have {found.top_tenth:.0%} of the points (Gini {found.gini:.2f}).")
    for each in found.gainers:
        say(f"  {one_line(each.name) or each.user_id}: {each.points:,}")


def undo(
    number: Number,
    reason: Annotated[str, typer.Argument(help="Why; it stands on every transaction.")],
    version: Annotated[int | None, typer.Option(help="Only what this version gave.", min=1)] = None,
    since: Annotated[str | None, typer.Option(help="From this day on, as 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to and with this day.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out what cannot be taken back.")] = False,
    community: Community = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take everything back that a rule gave, as one batch."""

    async def work(points: Points) -> rules.Undone:
        asked = origin(points, community, key)
        zone = (await points.read(policy.of, asked.community)).zone
        end = parse_day(until) + timedelta(days=1) if until else None
        return await points.write(
            rules.undo,
            asked,
            number,
            reason=reason,
            version=version,
            since=midnight(parse_day(since), zone) if since else None,
            until=midnight(end, zone) if end else None,
            partial=partial,
        )

    done = run(work)
    if as_json:
        say_json(
            {
                "batch": done.batch,
                "requests": done.requests,
                "days": done.days,
                "roles": done.roles,
                "streaks": done.streaks,
                "refused": len(done.refused),
                "beside": asdict(done.beside),
            }
        )
        return
    batch = done.batch
    say(
        f"Batch {batch.number:,}: {batch.points:,} points of {batch.members:,} members."
        if batch
        else "No points."
    )
    say(f"Requests cancelled: {len(done.requests):,}, days: {done.days:,}, roles: {done.roles:,}.")
    if done.streaks is not None:
        say(f"Batch {done.streaks.number:,}, for streaks that are no more: {done.streaks.points:,} points.")
    if done.refused:
        say(f"Not taken back: {len(done.refused):,} transactions.")
    for line in stays(done.beside):
        say(line)


def why(
    transaction: Annotated[int, typer.Argument(help="A transaction's number.", min=1)],
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Show what a transaction was given for, and what other rules saw in it."""

    async def work(points: Points) -> tuple[Why | None, Policy]:
        here = community_of(points, community)
        return await points.read(why_transaction, here, transaction), await points.read(policy.of, here)

    found, current = run(work, Opening.CURRENT)
    if as_json:
        say_json(
            None if found is None else {"fact": _plain(found), "rules": [_looked(x) for x in found.looked]}
        )
        return
    if found is None:
        say(f"No rule gave #{transaction:,}, or what it was for is kept no more.")
        return
    say(f"{found.fact.on} of {found.fact.user_id}, {found.fact.at:%Y-%m-%d %H:%M} UTC")
    for each in found.looked:
        decided = f"{each.decided.result} {each.decided.amount}" if each.decided else each.explained.met
        say(f"  {_called(each.rule)}: {decided} – {sentence(each.rule.definition, _names(current))}")


def _begun(file: Path | None, from_recipe: str | None) -> dict[str, Any]:
    if (file is None) == (from_recipe is None):
        fail(InvalidSetting("definition", "both or neither", "a file, or a recipe"))
    if file is not None:
        return _read(file)
    found = recipe(from_recipe or "")
    if found is None:
        fail(InvalidSetting("recipe", from_recipe, "one of " + ", ".join(each.key for each in RECIPES)))
    return found.definition.document


def _read(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read(MAX_FILE) if str(file) == "-" else _beginning(file)
        document = json.loads(text, object_pairs_hook=_named_once)
    except RecursionError:
        fail(UnreadableFile("it is nested too deeply"))
    except (OSError, ValueError) as error:
        fail(UnreadableFile(str(error)[:200]))
    if not isinstance(document, dict):
        fail(UnreadableFile("it holds no definition"))
    return document


def _beginning(file: Path) -> str:
    """Return as much of a file as a definition may be long: a device never ends."""
    with file.open(encoding="utf-8") as opened:
        return opened.read(MAX_FILE)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name is there twice in one object")
    return named


def _told(view: rules.RuleView, current: Policy, as_json: bool) -> None:
    if as_json:
        say_json(_document(view))
    else:
        say(_line(view, current))


def _line(view: rules.RuleView, current: Policy) -> str:
    rule = view.rule
    needs = "".join(f" [needs the intent {need}]" for need in sorted(view.needs))
    return f"{_called(rule)} ({rule.mode}): {sentence(rule.definition, _names(current))}{needs}"


def _called(rule: rules.Rule) -> str:
    return f"#{rule.number} {one_line(rule.name)}"


def _names(current: Policy) -> Any:  # noqa: ANN401 - Names
    categories = {str(each.id): each.name for each in current.categories}

    def named(kind: Named, word: str) -> str:
        if kind is Named.CATEGORY:
            return one_line(categories.get(word, f"category {word}"))
        return word if kind is Named.EMOJI else f"{kind} {word}"

    return named


def _rule(rule: rules.Rule) -> dict[str, Any]:
    return {
        "number": rule.number,
        "version": rule.version,
        "name": rule.name,
        "mode": rule.mode,
        "definition": rule.definition.document,
    }


def _document(view: rules.RuleView) -> dict[str, Any]:
    return _rule(view.rule) | {"updated_at": view.updated_at, "needs": sorted(view.needs)}


def _trial(found: Trial) -> dict[str, Any]:
    return {
        "facts": found.facts,
        "happened": found.happened,
        "matched": found.matched,
        "times": found.times,
        "points": found.points,
        "members": found.members,
        "top_tenth": round(found.top_tenth, 4),
        "gini": round(found.gini, 4),
        "limited": {limit.value: count for limit, count in found.limited},
        "gainers": [asdict(each) for each in found.gainers],
        "days": [{"day": each.day, "points": each.points, "times": each.times} for each in found.days],
    }


def _looked(each: Looked) -> dict[str, Any]:
    decided = each.decided
    return {
        "rule": each.rule.number,
        "version": each.rule.version,
        "met": each.explained.met,
        "result": decided.result if decided else None,
        "amount": decided.amount if decided else 0,
        "until": decided.until if decided else None,
    }


def _plain(found: Why) -> dict[str, datetime | str | None]:
    fact = found.fact
    return {"on": fact.on, "at": fact.at, "user_id": fact.user_id, "channel": fact.channel, "link": fact.link}
