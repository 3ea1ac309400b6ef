"""What a rule would have given, in words: the answer of /rule try, which only who asked can see."""

from collections.abc import Sequence
from typing import Final

import discord

from bot.messages import text
from bot.messages.rules import said
from bot.messages.text import Colour, Reply
from points_core.policy import Policy
from points_core.rules.definition import Condition, Definition
from points_core.rules.limits import Limit
from points_core.rules.sentences import Names, condition_words
from points_core.rules.trial import Trial

BAR: Final = 12  # squares of the fullest day
DAYS_SHOWN: Final = 14
REFUSALS_SHOWN: Final = 6
WORDS: Final = 110  # characters of one condition

LIMITS: Final = {
    Limit.MEMBER_COOLDOWN: "the member's cooldown",
    Limit.PAIR_COOLDOWN: "the cooldown of the same two people",
    Limit.CHANNEL_COOLDOWN: "the channel's cooldown",
    Limit.MEMBER_DAY: "the cap of a member's day",
    Limit.MEMBER_WEEK: "the cap of a member's week",
    Limit.RULE_DAY: "the rule's cap of a day",
    Limit.RULE_WEEK: "the rule's cap of a week",
    Limit.COMMUNITY_DAY: "the server's cap of a day",
    Limit.COMMUNITY_WEEK: "the server's cap of a week",
    Limit.EVERY_RULE_MEMBER_DAY: "the cap of a member's day by all rules",
}
"""How each limit is called where it refused something."""


def reading(messages: int, channels: int) -> str:
    """Return how far the reading has come."""
    return f"Reading what was written … {_messages(messages)} in {_channels(channels)} so far."


def busy() -> Reply:
    """Return that only one trial runs at a time in a server."""
    return Reply(content="A trial is under way here already. It takes a few minutes at most.", ephemeral=True)


def no_facts(definition: Definition) -> str:
    """Return that nothing is known to try a rule on."""
    return (
        "There is nothing to try it on: Discord does not tell later of such things, and I keep only what a rule "
        f"saw. Switch the rule to **shadow**: it then records what it would give.\n> {definition.reason}"
    )


def result(
    name: str, definition: Definition, trial: Trial, rules: Policy, names: Names, source: str, days: int
) -> Reply:
    """Return what would have been given in the last `days`; `source` says what was looked at."""
    span = "the last day" if days == 1 else f"the last {days} days"
    embed = discord.Embed(
        title=f"{text.shown(name, 50)}: what it would have given in {span}",
        description=f"{said(definition, rules, 900)}\n\n{_totals(trial)}",
        colour=Colour.BLUE,
    )
    if trial.gainers:
        embed.add_field(name="Most would have gone to", value=_gainers(trial), inline=False)
        embed.add_field(name="How evenly", value=_evenly(trial), inline=False)
        embed.add_field(name="By day", value=_by_day(trial), inline=False)
    if refused := _refused(trial, names):
        embed.add_field(name="What was refused", value=refused, inline=False)
    if trial.assumed:
        embed.add_field(name="Taken as met", value=_listed(trial.assumed, names), inline=False)
    embed.set_footer(text=f"{source} Nothing was given."[:2_000])
    return Reply(embed=embed, ephemeral=True)


def source(
    messages: int, channels: int, unread: int, *, complete: bool, reactions: bool, people: bool
) -> str:
    """Return what was read of Discord's history, and what was not; `people` when their roles or joining count."""
    words = f"Read: {_messages(messages)} in {_channels(channels)}; archived threads are not read."
    if not complete:
        words += " There was more than can be read at once: the newest were."
    if unread:
        words += f" I may not read {_channels(unread)}."
    if reactions:
        words += " A reaction counts at the time of its message; Discord does not tell when it was given."
    if people:
        words += " Roles, and since when people are here, are those of today: history does not tell them."
    return words


def kept(facts: int) -> str:
    """Return what was looked at where Discord's history tells nothing."""
    return f"Looked at: {facts:,} things that rules saw and that are kept for 90 days."


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count:,} channels"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"


def _totals(trial: Trial) -> str:
    met = f"Its conditions were met {trial.matched:,} of {_times(trial.happened)}."
    if not trial.times:
        return f"**Nothing.** {met}"
    members = "1 member" if trial.members == 1 else f"{trial.members:,} members"
    return f"**{text.points(trial.points)}** to **{members}**, {_times(trial.times)}. {met}"


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count:,} times"


def _gainers(trial: Trial) -> str:
    lines = [
        f"{place}. {text.who(each.user_id, each.name)} {text.shown(each.name, 32) if each.name else ''} · "
        f"{text.points(each.points)}"
        for place, each in enumerate(trial.gainers[:5], 1)
    ]
    return "\n".join(lines)


def _evenly(trial: Trial) -> str:
    return (
        f"The top tenth would have {trial.top_tenth:.0%} of the points (Gini {trial.gini:.2f}: "
        "0 is all alike, 1 is all to one)."
    )


def _by_day(trial: Trial) -> str:
    fullest = max(day.points for day in trial.days)
    lines = [
        f"`{day.day:%d %b}` {'▇' * max(1, round(BAR * day.points / fullest))} {day.points:,}"
        for day in trial.days[-DAYS_SHOWN:]
    ]
    return "\n".join(lines)


def _refused(trial: Trial, names: Names) -> str:
    refusals = [(count, f"not so: {condition_words(one, names)[:WORDS]}") for one, count in trial.failed]
    refusals += [(count, f"{LIMITS[limit]} refused or cut") for limit, count in trial.limited]
    if trial.nothing:
        refusals.append((trial.nothing, "the multipliers left nothing"))
    refusals.sort(key=lambda each: -each[0])
    return "\n".join(f"{count:,} × {words}" for count, words in refusals[:REFUSALS_SHOWN])[:1_000]


def _listed(conditions: Sequence[Condition], names: Names) -> str:
    return "\n".join(condition_words(one, names)[:WORDS] for one in conditions[:5])
