"""Why points were given, or not, in words; every answer is private."""

from collections.abc import Sequence
from typing import Final

import discord

from bot.messages import text
from bot.messages.rules import ACTORS, mentioning
from bot.messages.text import Colour, Reply
from bot.messages.trials import LIMITS
from points_core.policy import Policy
from points_core.rules.conditions import Met
from points_core.rules.facts import Fact, On
from points_core.rules.limits import Capped, Cooling, Given
from points_core.rules.matching import Checked, failed
from points_core.rules.outcomes import Result
from points_core.rules.sentences import WEEKDAYS, Names, condition_words, triggered
from points_core.rules.why import Looked, MemberWhy, Now, Why
from points_core.values import Mode, Receipt

MAX_DESCRIPTION: Final = 4_000
MAX_LINE: Final = 380  # characters about one rule, so that ten of them fit
SHOWN: Final = 10  # rules about one fact

HAPPENED: Final = {
    On.MESSAGE: "a message",
    On.REACTION_RECEIVED: "a reaction that was received",
    On.REACTION_GIVEN: "a reaction that was given",
    On.SOLVED: "a solution",
    On.EVENT_ATTENDED: "an event that was attended",
    On.VOICE: "time in voice",
    On.BOOST: "a boost",
    On.ANNIVERSARY: "an anniversary",
    On.ROLE_GAINED: "a role that was gained",
    On.CHECK_IN: "a check-in",
    On.API_EVENT: "something that a program reported",
    On.SCHEDULE: "a turn of a schedule",
    On.STREAK: "a streak",
}
"""How each kind of fact is called."""


LEFT_ALONE: Final = (
    "Somebody in it asked rules to take no notice of them (`/privacy untrack`): "
    "nothing is recorded, and it earns nothing."
)


def about(whys: Sequence[Why], rules: Policy) -> Reply:
    """Return what rules made of one or several facts."""
    names = mentioning(rules)
    blocks = [
        f"{_happened(why.fact)}\n{LEFT_ALONE if why.untracked else _looked(why, names)}" for why in whys
    ]
    return _private("What the rules made of it", blocks)


def no_rules(fact: Fact) -> Reply:
    """Return that there is no rule to explain."""
    return Reply(
        content=f"It is {HAPPENED[fact.on]}, and no rule here waits for such things.", ephemeral=True
    )


def nothing_there() -> Reply:
    """Return that a message is nothing that rules wait for."""
    return Reply(
        content="Rules wait for what people write. That is a message of a bot or of Discord itself.",
        ephemeral=True,
    )


def unseen() -> Reply:
    """Return that there is no such message, or not for who asks, or not for the bot."""
    return Reply(
        content="There is no such message here that you and I may both read. Give me its link.",
        ephemeral=True,
    )


def by_hand(receipt: Receipt) -> Reply:
    """Return what a transaction was for that no rule gave."""
    actor = receipt.actor
    by = ACTORS.get(actor.kind) or text.who(actor.user_id, actor.name)
    reason = f": {text.shown(receipt.reason)}" if receipt.reason else "."
    words = f"No rule gave #{receipt.number:,} ({text.signed(receipt.amount)}); {by} did{reason}"
    return Reply(content=words, allowed_mentions=discord.AllowedMentions.none(), ephemeral=True)


def forgotten(receipt: Receipt) -> Reply:
    """Return what is still known of a rule's transaction whose fact is kept no more."""
    number, version = receipt.rule or (0, 0)
    words = (
        f"Rule #{number}, in its version {version}, gave #{receipt.number:,} ({text.signed(receipt.amount)}) "
        f"{text.when(receipt.effective_at)}. What it saw then is kept no more; `/rule history` shows the version."
    )
    return Reply(content=words, ephemeral=True)


def member(found: MemberWhy, user_id: str, name: str | None, rules: Policy) -> Reply:
    """Return what happened to a member lately and what each rule would give them now."""
    names = mentioning(rules)
    if not found.facts and not found.now and found.untracked_since is None:
        return Reply(content="No rule is on here, so nothing is given by itself.", ephemeral=True)
    blocks = [f"{_happened(why.fact)}\n{_looked(why, names)}" for why in found.facts]
    if not blocks:
        blocks = ["No rule has seen anything of them in the last 90 days."]
    if found.untracked_since is not None:
        blocks.insert(0, f"{LEFT_ALONE}\nSince {text.when(found.untracked_since, 'f')}.")
    if found.now:
        lines = [_now(each) for each in found.now[:SHOWN]]
        blocks.append("**Right now, if the conditions are met**\n" + "\n".join(lines))
    return _private(f"Rules and {text.shown(name or user_id, 40)}", blocks)


def _private(title: str, blocks: Sequence[str]) -> Reply:
    words = ""
    for block in blocks:
        if len(words) + len(block) + 2 > MAX_DESCRIPTION:
            words += "\n\n…"
            break
        words += ("\n\n" if words else "") + block
    embed = discord.Embed(title=title, description=words, colour=Colour.BLUE)
    return Reply(embed=embed, ephemeral=True)


def _happened(fact: Fact) -> str:
    link = f" · [to it]({fact.link})" if fact.link else ""
    who = text.who(fact.user_id or None, fact.name)
    return f"**{HAPPENED[fact.on].capitalize()}** of {who}, {text.when(fact.at)}{link}"


def _looked(why: Why, names: Names) -> str:
    if not why.looked:
        return "No rule waits for such things."
    lines = [_line(each, why, names) for each in why.looked[:SHOWN]]
    more = len(why.looked) - SHOWN
    return "\n".join([*lines, f"… and {more:,} more rules."] if more > 0 else lines)


def _line(looked: Looked, why: Why, names: Names) -> str:
    rule = looked.rule
    words = _decided(looked) if looked.decided else _undecided(looked, names)
    line = f"{_mark(looked)} **#{rule.number} {text.shown(rule.name, 50)}** ({rule.mode}): {words}"
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def _mark(looked: Looked) -> str:
    if looked.decided is None:
        return "➖"
    if looked.grant is not None and not looked.grant.standing:
        return "↩️"
    return {Result.GIVEN: "✅", Result.WAITING: "⏳", Result.SHADOW: "👁️"}.get(looked.decided.result, "❌")


def _decided(looked: Looked) -> str:
    decided, grant = looked.decided, looked.grant
    assert decided is not None
    limit = LIMITS[decided.limit] if decided.limit else "a limit"
    until = f" until {text.when(decided.until, 'f')} ({text.when(decided.until)})" if decided.until else ""
    said = {
        Result.GIVEN: f"gave {text.points(decided.amount)}{_number(looked)}",
        Result.WAITING: f"asked for {text.points(decided.amount)}{_number(looked)}",
        Result.SHADOW: f"would have given {text.points(decided.amount)}",
        Result.COOLDOWN: f"refused by {limit}{until}",
        Result.CAPPED: f"refused by {limit}{until}",
        Result.NOTHING: "its multipliers left less than one point",
        Result.REFUSED: "its category is retired, or the balance can hold no more",
    }[decided.result]
    if decided.result is Result.GIVEN and decided.limit:
        said += f", all that {limit} left"
    if grant is not None and not grant.standing:
        by = f" by batch {grant.undone_batch:,}" if grant.undone_batch else ""
        said += f"; taken back{by}"
    return f"{said}."


def _number(looked: Looked) -> str:
    if looked.grant is None:
        return ""
    if looked.grant.transaction is not None:
        return f" (#{looked.grant.transaction:,})"
    return f" (request #{looked.grant.request:,})" if looked.grant.request is not None else ""


def _undecided(looked: Looked, names: Names) -> str:
    explained, rule = looked.explained, looked.rule
    if explained.trigger.met is not Met.YES:
        return f"it is for {triggered(rule.definition.trigger, names)}."
    if explained.expired:
        return "it was over by then."
    if why := failed(explained.condition):
        return "not so: " + "; ".join(f"{condition_words(one.what, names)}{_seen(one)}" for one in why) + "."  # type: ignore[arg-type]
    return {
        Mode.DRAFT: "it would match, and is a draft.",
        Mode.PAUSED: "it would match, and is paused.",
        Mode.RETIRED: "it would match, and is retired.",
    }.get(rule.mode, "it would match today; it was not on then, or I did not hear of this.")


def _seen(one: Checked) -> str:
    kind = getattr(one.what, "kind", "")
    if one.met is Met.UNKNOWN:
        blind = "I may not read messages here" if kind in {"attachment", "length"} else "nobody told me"
        return f" ({blind})"
    said = {
        "channels": f"it was in <#{one.seen}>" if one.seen else "it was in no channel",
        "roles": "they have other ones" if one.seen else "they have none",
        "account-age": f"{one.seen} days",
        "membership-age": f"{one.seen} days",
        "length": f"it has {one.seen}",
        "weekdays": f"it was a {WEEKDAYS[one.seen - 1]}"
        if isinstance(one.seen, int) and 0 < one.seen < 8
        else "",
        "hours": f"it was {one.seen}",
        "streak": f"it is {one.seen}",
        "total": f"they have {one.seen:,}" if isinstance(one.seen, int) else "",
    }.get(kind, "")
    return f" ({said})" if said else ""


def _now(each: Now) -> str:
    return f"**#{each.rule.number} {text.shown(each.rule.name, 50)}** ({each.rule.mode}): {_would(each)}."


def _would(each: Now) -> str:
    match each.decision:
        case Given(amount=amount, by=by):
            return f"{text.points(amount)}{f', all that {LIMITS[by]} leaves' if by else ''}"
        case Cooling(limit=limit, until=until) | Capped(limit=limit, until=until):
            return f"nothing before {text.when(until, 't')} ({text.when(until)}): {LIMITS[limit]}"
        case _:
            return "nothing, by its multipliers"
