"""Rules in words: the card on which one is changed, lists, versions, what becomes of a change. All private."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

import discord

from bot.messages import text
from bot.messages.text import Colour, Reply
from bot.refusals import ROWS_SHOWN, words
from bot.rule_editor.triggers import shown as shown_emoji
from points_core.errors import RowRefused, RowsRefused
from points_core.policy import Policy
from points_core.rules.beside import Beside
from points_core.rules.conditions import Need
from points_core.rules.definition import Definition, Rule
from points_core.rules.reading import RuleView, VersionView
from points_core.rules.sentences import Named, Names, sentence, stays
from points_core.rules.tally import Tally
from points_core.rules.undoing import Undone
from points_core.values import ActorKind, Mode

MAX_SENTENCE = 1_100  # characters of a rule on its card: a message holds 2,000
MAX_LINE = 260  # characters of a rule in a list
PAGE = 10  # rules, or versions, on one page

MODES: Final = {
    Mode.DRAFT: "draft: it does nothing yet",
    Mode.SHADOW: "shadow: it records what it would give",
    Mode.LIVE: "live",
    Mode.PAUSED: "paused",
    Mode.RETIRED: "retired for good",
}
"""How each mode is said."""

SWITCHES: Final = {
    Mode.DRAFT: "Back to draft",
    Mode.SHADOW: "Shadow",
    Mode.LIVE: "Switch on",
    Mode.PAUSED: "Pause",
    Mode.RETIRED: "Retire",
}
"""What the button says that switches a rule to each mode."""

_SURE: Final = {
    Mode.LIVE: "From then on it gives points by itself. What it gives can be taken back with `/rule undo`.",
    Mode.RETIRED: "It stops for good and cannot be switched on again. What it gave stays.",
}
ACTORS: Final = {
    ActorKind.CLIENT: "a program",
    ActorKind.OPERATOR: "the bot's host",
    ActorKind.RULE: "a rule",
    ActorKind.SYSTEM: "the bot",
}


def mentioning(rules: Policy) -> Names:
    """Return how a message names channels, roles, categories and emoji."""
    return _names(rules, lambda id_: f"<#{id_}>", lambda id_: f"<@&{id_}>")


def plainly(rules: Policy, guild: discord.Guild | None) -> Names:
    """Return how a menu names them, where Discord shows no mentions."""

    def channel(id_: str) -> str:
        found = guild.get_channel_or_thread(int(id_)) if guild and id_.isdigit() else None
        return f"#{found.name}" if found else "a channel that is gone"

    def role(id_: str) -> str:
        found = guild.get_role(int(id_)) if guild and id_.isdigit() else None
        return f"@{found.name}" if found else "a role that is gone"

    return _names(rules, channel, role)


def _names(rules: Policy, channel: Callable[[str], str], role: Callable[[str], str]) -> Names:
    categories = {str(each.id): each.name for each in rules.categories}

    def named(kind: Named, word: str) -> str:
        if kind is Named.CATEGORY:
            return text.shown(categories.get(word, "a category that is gone"), 50)
        if kind is Named.EMOJI:
            drawn = shown_emoji(word)
            return drawn if drawn != word else text.shown(word, 20)
        return channel(word) if kind is Named.CHANNEL else role(word)

    return named


def said(definition: Definition, rules: Policy, limit: int = MAX_SENTENCE) -> str:
    """Return what a rule does, in one sentence of at most `limit` characters."""
    whole = sentence(definition, mentioning(rules))
    return whole if len(whole) <= limit else whole[: limit - 1].rstrip() + "…"


def heading(rule: Rule) -> str:
    """Return a rule's number, name and mode."""
    return f"**#{rule.number} {text.shown(rule.name, 50)}** · {MODES[rule.mode]}"


def card(view: RuleView, rules: Policy, have: Collection[str], note: str = "") -> Reply:
    """Return the card on which a rule is seen and changed; `have` are the privileged intents that the bot has."""
    rule = view.rule
    lines = [note] if note else []
    lines += [heading(rule), f"> {said(rule.definition, rules)}"]
    lines += [lacking(need) for need in sorted(view.needs) if need.value not in have]
    if rule.mode is Mode.LIVE:
        lines.append("-# It is live: every change counts from then on, and never for what was before.")
    return _private("\n".join(lines))


def lacking(need: Need) -> str:
    """Return that a rule cannot see what it asks for, and who can help."""
    return (
        f"⚠️ It needs Discord's privileged intent `{need}`, which this bot has not: it sees nothing until the bot's "
        "host adds it to `POINTS_INTENTS`."
    )


def listed(found: Sequence[RuleView], rules: Policy, have: Collection[str]) -> Reply:
    """Return the rules of a server, in one sentence each."""
    if not found:
        return _private("There are no rules here. `/rule new` begins one.")
    embed = discord.Embed(title="Rules", colour=Colour.BLUE)
    for view in found[:PAGE]:
        lack = [f"`{need}`" for need in sorted(view.needs) if need.value not in have]
        asleep = f"\n⚠️ sees nothing without the intent {', '.join(lack)}" if lack else ""
        embed.add_field(
            name=f"#{view.rule.number} {text.shown(view.rule.name, 50)} · {view.rule.mode}",
            value=said(view.rule.definition, rules, MAX_LINE) + asleep,
            inline=False,
        )
    if len(found) > PAGE:
        rest = ", ".join(f"#{view.rule.number} {text.shown(view.rule.name, 50)}" for view in found[PAGE:])
        embed.set_footer(text=f"and {len(found) - PAGE}: {rest}"[:600])
    return Reply(embed=embed, ephemeral=True)


def shown(view: RuleView, given: Tally, rules: Policy, have: Collection[str]) -> Reply:
    """Return one rule and what it has given."""
    reply = card(view, rules, have)
    lines = [reply["content"], *tallied(given)]
    lines.append(f"-# Version {view.rule.version:,}, changed {text.when(view.updated_at)}.")
    return _private("\n".join(lines))


def tallied(given: Tally) -> list[str]:
    """Return what a rule gave, and would have given, in lines."""
    lines = []
    if given.times:
        members = "1 member" if given.members == 1 else f"{given.members:,} members"
        times = "once" if given.times == 1 else f"in {given.times:,} times"
        lines.append(f"It has given {text.points(given.points)} to {members}, {times}.")
    if given.shadow_times:
        times = "once" if given.shadow_times == 1 else f"{given.shadow_times:,} times"
        lines.append(f"In shadow it would have given {text.points(given.shadow_points)}, {times}.")
    if given.undone:
        lines.append(f"Taken back as a whole: {given.undone:,}.")
    return lines or ["It has given nothing yet."]


def versions(found: Sequence[VersionView], rules: Policy) -> Reply:
    """Return the versions of a rule, newest first."""
    latest = found[0].rule
    embed = discord.Embed(
        title=f"#{latest.number} {text.shown(latest.name, 50)}: versions", colour=Colour.BLUE
    )
    for version in found[:PAGE]:
        actor = version.actor
        by = ACTORS.get(actor.kind) or text.shown(actor.name or "somebody erased", 50)
        embed.add_field(
            name=f"Version {version.rule.version} · {version.rule.mode} · by {by}",
            value=f"{text.when(version.made_at, 'f')} {text.shown(version.rule.name, 50)}\n"
            f"{said(version.rule.definition, rules, MAX_LINE)}",
            inline=False,
        )
    if len(found) > PAGE:
        embed.set_footer(text=f"and {len(found) - PAGE:,} earlier ones")
    return Reply(embed=embed, ephemeral=True)


def sure(view: RuleView, mode: Mode, rules: Policy) -> Reply:
    """Return the question before a step that matters."""
    question = f"{SWITCHES[mode]} {heading(view.rule)}?"
    return _private(f"{question}\n> {said(view.rule.definition, rules)}\n{_SURE[mode]}")


def undo_question(
    rule: Rule,
    given: Tally,
    beside: Beside,
    version: int | None,
    since: datetime | None,
    until: datetime | None,
) -> Reply:
    """Return the question before everything that a rule, or a version of it, gave in a span is taken back."""
    return _private(
        f"Take back what {heading(rule)} gave{_part(version, since, until)}?\n{' '.join(tallied(given))}\n"
        "It becomes one batch. Balances, badges and roles will be as if it had never been given, apart from the "
        "record; what waits for approval is cancelled. The rule itself stays as it is." + _stays(beside)
    )


def nothing_to_undo(rule: Rule, version: int | None, since: datetime | None, until: datetime | None) -> Reply:
    """Return that there is nothing to take back."""
    return _private(f"{heading(rule)} gave nothing{_part(version, since, until)} that still stands.")


def undone(done: Undone) -> Reply:
    """Return what the undo of a rule did, and what stays."""
    lines = [f"What {heading(done.rule)} gave is taken back."]
    if done.batch is not None:
        lines.append(
            f"**Batch {done.batch.number:,}**: {text.signed(done.batch.points)} points, "
            f"{_counted(done.batch.transactions, 'transaction')} of {_counted(done.batch.members, 'member')}."
        )
    if done.refused:
        lines.append(f"Not taken back: {_counted(len(done.refused), 'transaction')}.")
        lines += _refused(done.refused)
    if done.requests:
        lines.append(f"Cancelled: {_counted(len(done.requests), 'request')}.")
    if done.days:
        lines.append(f"No longer active: {_counted(done.days, 'day')}.")
    if done.roles:
        lines.append(f"Roles that will be taken: {done.roles:,}.")
    if done.streaks is not None:
        lines.append(
            f"Batch {done.streaks.number:,} took back what rules gave for streaks of these days: "
            f"{text.points(-done.streaks.points)}."
        )
    return _private(("\n".join(lines) + _stays(done.beside))[:2_000])


def _stays(beside: Beside) -> str:
    said = " ".join(stays(beside))
    return f"\n{said}" if said else ""


def cannot_undo(refused: RowsRefused) -> Reply:
    """Return why what a rule gave cannot be taken back whole."""
    lines = [
        f"{len(refused.rows):,} of the {_counted(refused.total, 'transaction')} cannot be taken back, so nothing "
        "was changed:",
        *_refused(refused.rows),
    ]
    return _private("\n".join(lines)[:2_000])


def _refused(rows: Sequence[RowRefused]) -> list[str]:
    return [f"- #{row.row:,}: {words(row.error)[:200]}" for row in rows[:ROWS_SHOWN]]


def _part(version: int | None, since: datetime | None, until: datetime | None) -> str:
    by = f" in version {version:,}" if version is not None else ""
    begin = f" from {text.when(since, 'f')}" if since is not None else ""
    return by + begin + (f" until {text.when(until, 'f')}" if until is not None else "")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _private(content: str) -> Reply:
    return Reply(content=content, allowed_mentions=discord.AllowedMentions.none(), ephemeral=True)
