"""Trying a rule out: what it would have given in the last days, without giving anything."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import discord
from sqlalchemy import Connection

from bot.checks import require
from bot.messages import rules as rule_messages
from bot.messages import trials as messages
from bot.replies import respond
from bot.rule_editor.history import READ, Progress, Read, asks_for_people, read
from points_core import privacy
from points_core.policy import Capability, Policy
from points_core.rules import keeping, reading
from points_core.rules.definition import Definition, Rule
from points_core.rules.facts import Fact, On
from points_core.rules.trial import Trial, play

if TYPE_CHECKING:
    from bot.client import PointsBot

USUAL_DAYS: Final = 7
MAX_DAYS: Final = 90  # as long as facts are kept
TOLD_EVERY_S: Final = 3.0  # progress, well within how often Discord takes an edit

_under_way: "WeakKeyDictionary[PointsBot, set[int]]" = WeakKeyDictionary()


async def begin(interaction: "discord.Interaction[PointsBot]", number: int, days: int = USUAL_DAYS) -> None:
    """Try rule `number` on the last `days`, one trial at a time in a server; only who asked sees what came of it.

    Raises NotAllowed, UnknownRule.
    """
    policy = await require(interaction, Capability.CONFIGURE)
    bot, guild = interaction.client, interaction.guild
    assert guild is not None
    rule = (await bot.points.read(reading.get, str(guild.id), number)).rule
    here = _under_way.setdefault(bot, set())
    if guild.id in here:
        await respond(interaction, **messages.busy())
        return
    here.add(guild.id)
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await _try(interaction, guild, rule, policy, days)
    finally:
        here.discard(guild.id)


async def _try(
    interaction: "discord.Interaction[PointsBot]",
    guild: discord.Guild,
    rule: Rule,
    policy: Policy,
    days: int,
) -> None:
    bot, on = interaction.client, rule.definition.trigger.on
    since = bot.now() - timedelta(days=days)
    if on in READ:
        seen = await read(bot, guild, rule.definition, since, _progress(interaction))
        facts, source = seen.facts, _source(seen, rule.definition)
    else:
        facts = await bot.points.read(_kept, str(guild.id), on, since)
        source = messages.kept(len(facts))
    facts = await _noticed(bot, str(guild.id), facts)
    if not facts and on not in READ:
        await interaction.edit_original_response(content=messages.no_facts(rule.definition))
        return
    trial = await asyncio.to_thread(_played, rule, facts, policy)
    names = rule_messages.mentioning(policy)
    reply = messages.result(rule.name, rule.definition, trial, policy, names, source, days)
    await interaction.edit_original_response(content=None, embed=reply["embed"])


def _kept(tx: Connection, community: str, on: On, since: datetime) -> list[Fact]:
    until = since + timedelta(days=MAX_DAYS + 1)
    return list(keeping.kept(tx, community, since=since, until=until, ons=(on,), most=keeping.TRIED))


async def _noticed(bot: "PointsBot", community: str, facts: list[Fact]) -> list[Fact]:
    """Return the facts that rules may notice: none of people who want to be left alone."""
    people = {user for fact in facts for user in (fact.user_id, fact.other_id) if user}
    alone = await bot.points.read(privacy.untracked, community, people)
    return [fact for fact in facts if not alone & {fact.user_id, fact.other_id}]


def _played(rule: Rule, facts: list[Fact], policy: Policy) -> Trial:
    return play(rule.definition, facts, policy.zone, number=rule.number)


def _source(seen: Read, definition: Definition) -> str:
    return messages.source(
        seen.messages,
        seen.channels,
        len(seen.unread),
        complete=seen.complete,
        reactions=definition.trigger.on in {On.REACTION_RECEIVED, On.REACTION_GIVEN},
        people=asks_for_people(definition),
    )


def _progress(interaction: "discord.Interaction[PointsBot]") -> Progress:
    told = time.monotonic()

    async def progress(seen: Read) -> None:
        nonlocal told
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            await interaction.edit_original_response(content=messages.reading(seen.messages, seen.channels))

    return progress
