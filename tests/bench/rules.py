"""Rules: what a message costs that none cares about, that one refuses, and that one gives points for.

Messages come as Discord's gateway sends them and go through discord.py; an empty handler is what any bot pays
that hears of messages at all.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import discord

from bot.facts import of_message
from bot.listeners.people import whereabouts
from points_core.database import Points
from points_core.rules import firing, reading, stored
from points_core.rules.definition import (
    AccountAge,
    Definition,
    InChannels,
    Limits,
    OnMessage,
    OnVoice,
    Rule,
)
from points_core.rules.facts import Fact, On
from points_core.rules.limits import Given, Usage, decide
from points_core.rules.matching import Compiled
from points_core.rules.tally import tally
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Mode, Origin
from points_core.verification import verify
from tests.bench.suite import Bench, Figure, milliseconds, part

MESSAGES = 1_000  # in one round
RULES = 20  # in the server
GUILD, CHANNEL, AUTHOR = 77 << 22, 88 << 22, 99 << 22
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")

Heard = Callable[[discord.Message], Any]


class Gateway:
    """A client that is told of messages as if Discord's gateway had sent them."""

    def __init__(self, heard: Heard) -> None:
        self.client = discord.Client(
            intents=discord.Intents(guilds=True, guild_messages=True), max_messages=None
        )
        self.state = self.client._connection
        guild = discord.Guild(data=guild_payload(), state=self.state)
        self.state._add_guild(guild)
        self.heard, self.waiting, self.done = heard, 0, asyncio.Event()

        async def on_message(message: discord.Message) -> None:
            await self.heard(message)
            self.waiting -= 1
            if not self.waiting:
                self.done.set()

        self.client.event(on_message)

    async def tell(self, payloads: list[dict[str, Any]]) -> None:
        """Tell of messages and wait until each was heard."""
        self.client.loop = asyncio.get_running_loop()
        self.waiting = len(payloads)
        self.done.clear()
        for payload in payloads:
            self.state.parsers["MESSAGE_CREATE"](payload)
        await self.done.wait()


def guild_payload() -> Any:
    """Return a server with one channel, as Discord describes it."""
    channel = {"id": str(CHANNEL), "type": 0, "name": "general", "position": 0, "permission_overwrites": []}
    return {
        "id": str(GUILD),
        "name": "bench",
        "channels": [channel],
        "roles": [],
        "members": [],
        "emojis": [],
    }


def message_payload(number: int) -> dict[str, Any]:
    """Return a message as Discord's gateway sends it."""
    user = {"id": str(AUTHOR), "username": "ada", "discriminator": "0", "avatar": None, "global_name": "Ada"}
    member = {"roles": [], "joined_at": "2025-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}
    return {
        "id": str((100 << 22) + number),
        "channel_id": str(CHANNEL),
        "guild_id": str(GUILD),
        "author": user,
        "member": member,
        "content": "",
        "timestamp": "2026-03-18T12:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
    }


def elsewhere() -> list[Rule]:
    """Return rules of which none looks at messages in this channel."""
    voice = Definition(trigger=OnVoice(), amount=1, reason="voice")
    there = Definition(trigger=OnMessage(), amount=1, reason="message", when=InChannels(channels=("1", "2")))
    return [Rule(n, 1, "", Mode.LIVE, there if n % 2 else voice) for n in range(1, RULES + 1)]


def refusing() -> list[Rule]:
    """Return rules that all look at every message, and are all refused by a condition."""
    young = Definition(trigger=OnMessage(), amount=1, reason="message", when=AccountAge(days=36_500))
    return [Rule(n, 1, "", Mode.LIVE, young) for n in range(1, RULES + 1)]


def asking(compiled: Compiled) -> Heard:
    """Return what the bot does about a message before it asks the books."""

    async def heard(message: discord.Message) -> None:
        if not compiled.watched(On.MESSAGE, **whereabouts(message.channel)):
            return
        fact = of_message(message)
        if fact is not None:
            compiled.caring(fact)

    return heard


async def nothing(message: discord.Message) -> None:
    """Do nothing about a message."""


@part("rules")
async def rules(bench: Bench) -> AsyncIterator[Figure]:
    """A message that no rule cares about, and one that every rule refuses, against an empty handler."""
    payloads = [message_payload(number) for number in range(min(MESSAGES, bench.sizes[0]))]
    empty = Gateway(nothing)
    none, away, refused = (
        Gateway(asking(Compiled(those, UTC_ZONE))) for those in ([], elsewhere(), refusing())
    )
    times = await bench.turns(
        empty=lambda: empty.tell(payloads),
        none=lambda: none.tell(payloads),
        away=lambda: away.tell(payloads),
        refused=lambda: refused.tell(payloads),
    )
    told = f"{len(payloads):,} messages"
    works = (
        ("none", f"{told} where there is no rule", 1.5),
        ("away", f"{told} that none of {RULES} rules cares about", 1.5),
        ("refused", f"{told} that each of {RULES} rules refuses", None),
    )
    for ours, work, most in works:
        yield times.figure(
            work,
            len(payloads),
            ours=ours,
            against="empty",
            baseline="an empty handler of discord.py",
            most=most,
            note=f"{len(payloads) / times.median(ours) * 1_000:,.0f} a second",
        )


@part("limits")
async def limits(bench: Bench) -> AsyncIterator[Figure]:
    """A decision in memory under every limit, against matching alone."""
    size = min(10_000, bench.sizes[0])
    every = Limits(
        member_cooldown=60, channel_cooldown=1, member_day=10**6, rule_week=10**9, community_day=10**9
    )
    rule = Rule(
        1, 1, "", Mode.LIVE, Definition(trigger=OnMessage(), amount=1, reason="message", limits=every)
    )
    facts = [
        Fact(on=On.MESSAGE, key=f"m:{n}", at=NOON + timedelta(seconds=n), user_id=str(n % 500), channel="1")
        for n in range(size)
    ]
    compiled = Compiled([rule], UTC_ZONE)

    def matching() -> None:
        for fact in facts:
            compiled.caring(fact)

    def deciding() -> None:
        usage = Usage()
        for fact in facts:
            for one in compiled.caring(fact):
                decision = decide(one, fact, UTC_ZONE, usage)
                if isinstance(decision, Given):
                    usage.note(one, fact, UTC_ZONE, decision.amount)

    times = await bench.turns(ours=deciding, matching=matching)
    yield times.figure(
        f"{size:,} messages matched and decided in memory",
        size,
        against="matching",
        baseline="matched only",
        note=f"{size / times.median('ours') * 1_000:,.0f} a second",
    )


EVENTS = 100_000  # of a busy server's day
WAITING = 500  # told at once, as a busy gateway does


def busy_day(size: int, draw: random.Random) -> list[Fact]:
    """Return a day of messages: one in twenty told twice, some late, clocks that step back and forth."""
    facts = [
        Fact(
            on=On.MESSAGE,
            key=f"message:{n}",
            at=NOON + timedelta(seconds=n * 86_400 / size + draw.choice((0, 0, 0, -90, 45))),
            user_id=str(1_000 + int(draw.paretovariate(1.1)) % 2_000),
            channel=str(10 + draw.randrange(20)),
            message=str(n),
            reply=draw.random() < 0.3,
        )
        for n in range(size)
    ]
    return [fact for fact in facts for _ in range(1 + (draw.random() < 0.05))]


async def made(points: Points, name: str, **definition: Any) -> None:
    """Make a live rule about messages."""
    asked: dict[str, Any] = {"trigger": OnMessage(), "amount": 1, "reason": "message"} | definition
    origin = Origin("bench", Actor(ActorKind.OPERATOR), NOON, f"rule:{name}")
    view = await points.write(stored.create, origin, name=name, definition=Definition(**asked))
    origin = Origin("bench", Actor(ActorKind.OPERATOR), NOON, f"live:{name}")
    await points.write(stored.set_mode, origin, view.rule.number, Mode.LIVE)


async def tell(points: Points, facts: list[Fact], at: datetime) -> int:
    """Tell facts as a listener does, so many at once, and return how many were acted on."""
    _, compiled = await points.read(reading.compiled, "bench")
    acted = 0
    for begin in range(0, len(facts), WAITING):
        some = [fact for fact in facts[begin : begin + WAITING] if compiled.caring(fact)]
        told = (
            points.write(firing.fire, Origin("bench", Actor(ActorKind.SYSTEM), at, "told"), fact)
            for fact in some
        )
        acted += sum(bool(fired.outcomes) for fired in await asyncio.gather(*told))
    return acted


@part("firing")
async def fired(bench: Bench) -> AsyncIterator[Figure]:
    """A day of a busy server, told to live rules; then told again, when nothing may change."""
    size = min(EVENTS, bench.sizes[-1] * (10 if bench.sizes[-1] >= 1_000 else 1))
    works: tuple[tuple[str, dict[str, Any]], ...] = (
        ("no match", {"when": AccountAge(days=1)}),
        ("match without award", {"limits": Limits(rule_day=1)}),
        ("award", {"limits": Limits(member_day=10**6)}),
        ("a day under every limit", {"limits": Limits(member_cooldown=60, member_day=60, rule_week=10**9)}),
    )
    for work, definition in works:
        url = f"sqlite:///{bench.new_folder() / 'points.db'}"
        facts = busy_day(size, random.Random(7))
        async with Points.opened(Settings.model_validate({"POINTS_DATABASE_URL": url})) as points:
            await made(points, "bench", **definition)
            first = await milliseconds(partial(tell, points, facts, NOON + timedelta(days=2)))
            before = await points.read(tally, "bench", 1)
            second = await milliseconds(partial(tell, points, facts, NOON + timedelta(days=3)))
            assert await points.read(tally, "bench", 1) == before
            assert not await points.study(verify)
        yield Figure(
            work=f"{len(facts):,} events: {work}",
            size=size,
            ours=first,
            baseline="the same day told again",
            theirs=second,
            ratio=first / second,
            note=f"{len(facts) / first * 1_000:,.0f} a second, {before.times:,} awards",
        )
