"""Effects that must happen: taken from the outbox, handed to whoever knows how, at least once.

What is delivered twice shows once: Discord drops a message with a nonce it saw minutes ago, and handlers
keep the numbers of the messages they sent.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

import aiohttp
import discord

from bot.messages.text import shown
from bot.refusals import words
from bot.replies import BROKEN, may_pass
from points_core import achievements, outbox, policy
from points_core.errors import DatabaseUnavailable, Refused
from points_core.moments import LONGEST_PAUSE
from points_core.outbox import Effect, Topic

if TYPE_CHECKING:
    from bot.client import PointsBot

LEASE_S = 60  # if this process dies, another takes its effects over after this
DELIVERY_S = 20  # that one effect is waited for: it may hold up the others of its community so long
PAUSE = timedelta(seconds=40)  # before the second attempt, doubled each time: twelve take about a day
STOP_S = 4  # for the effects under way when the bot stops; Docker grants ten in all

RESET: Final = (aiohttp.ClientConnectionError, ConnectionError)

Handler = Callable[[Effect], Awaitable[str]]

SHOWING: Final = {
    Topic.OPENED: "show approval request #{subject}",
    Topic.DECIDED: "tell how approval request #{subject} was decided",
    Topic.SEASON: "name the winners of season #{subject}",
    Topic.UNSAID: "announce transaction #{subject}",
    Topic.BOARD: "post the scheduled leaderboard {subject}",
}
"""What was tried, for the log channel. Lines of the log channel itself are missing there: nothing to tell."""

log = logging.getLogger(__name__)


class Later(Exception):
    """An effect is not to be delivered before `until` (aware); that is no failed attempt."""

    def __init__(self, until: datetime, why: str) -> None:
        super().__init__(why)
        self.until = until
        self.why = why


class Courier:
    """Delivers until nothing is due; `wake` starts it after each write, the ticker does as well."""

    def __init__(self, bot: "PointsBot") -> None:
        self._bot = bot
        self._handlers: dict[Topic, Handler] = {}
        self._round: asyncio.Task[None] | None = None
        self._woken = False
        self._stopping = False
        self._under_way: dict[int, asyncio.Future[str]] = {}

    def on(self, topic: Topic, handler: Handler) -> None:
        """Have effects of `topic` delivered by `handler`.

        `await handler(effect)` returns the outcome in a word or two. Raising discord.Forbidden, NotFound or
        another rejection, or a refusal, gives the effect up; anything else tries it again later.
        """
        self._handlers[topic] = handler

    def wake(self) -> None:
        """Settle what members achieved and deliver what is due, soon; returns at once.

        Nothing is delivered before the bot is ready. The postman is woken as well: webhooks are told without
        Discord; and linked roles, which need no connection of the bot's.
        """
        self._bot.postman.wake()
        if self._bot.linked_roles is not None:
            self._bot.linked_roles.showing.wake()
        if not self._bot.is_ready():
            return
        self._woken = True
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._rounds(), name="courier")

    async def idle(self) -> None:
        """Wait until everything that was due is delivered or put off."""
        if self._round is not None:
            await asyncio.wait([self._round])

    async def stop(self) -> None:
        """Take nothing new, finish what is under way; what remains comes again after its lease."""
        self._stopping = True
        if self._round is not None and not self._round.done():
            await asyncio.wait([self._round], timeout=STOP_S)
            self._round.cancel()
        for delivery in self._under_way.values():
            delivery.cancel()

    async def _rounds(self) -> None:
        while self._woken and not self._stopping:
            self._woken = False
            await achievements.follow_up(self._bot.points, self._bot.now())  # it leaves effects of its own
            try:
                while await self._deliver_due():
                    pass
            except DatabaseUnavailable as fault:
                log.warning("effects wait for the books: %s", fault.why)

    async def _deliver_due(self) -> int:
        """Deliver one lease of effects, each community's in order, and return how many."""
        leased_until = self._bot.now() + timedelta(seconds=LEASE_S)
        shards = self._bot.settings.shards
        effects = await self._bot.points.write(outbox.lease, self._bot.now(), seconds=LEASE_S, shards=shards)
        by_community = groupby(sorted(effects, key=_community), _community)
        last_start = leased_until - timedelta(seconds=DELIVERY_S)
        async with asyncio.TaskGroup() as side_by_side:
            for _, same in by_community:
                side_by_side.create_task(self._deliver_in_order(list(same), last_start))
        if effects:
            self._bot.postman.wake()  # a board that was posted is told as well
        return len(effects)

    async def _deliver_in_order(self, effects: Sequence[Effect], last_start: datetime) -> None:
        for effect in effects:
            if self._stopping or self._bot.now() > last_start:
                return  # the lease runs out by itself
            try:
                await self._deliver(effect)
            except DatabaseUnavailable as fault:
                log.warning("effect %d comes again after its lease: %s", effect.id, fault.why)

    async def _deliver(self, effect: Effect) -> None:
        try:
            outcome = await self._twice(effect)
        except Later as later:
            await self._bot.points.write(outbox.later, effect, later.until, later.why, failed=False)
        except discord.RateLimited as limit:
            until = self._bot.now() + min(timedelta(seconds=limit.retry_after), LONGEST_PAUSE)
            await self._bot.points.write(outbox.later, effect, until, str(limit), failed=False)
        except (discord.HTTPException, Refused) as error:
            if may_pass(error):
                await self._put_off(effect, repr(error))
            else:
                await self._give_up(effect, words(error) if isinstance(error, Refused) else error.text)
        except (*BROKEN, DatabaseUnavailable) as error:
            await self._put_off(effect, repr(error))
        except Exception as error:
            log.exception("effect %d (%s %s) failed", effect.id, effect.topic, effect.subject)
            await self._put_off(effect, repr(error))
        else:
            await self._bot.points.write(outbox.done, effect.id, self._bot.now(), outcome)

    async def _twice(self, effect: Effect) -> str:
        """Hand an effect over; after a reset once more at once, as most connections are then whole."""
        try:
            return await self._outcome(effect)
        except RESET:
            return await self._outcome(effect)

    async def _outcome(self, effect: Effect) -> str:
        """Return what came of handing an effect over, or raise it; TimeoutError when that takes too long.

        It is left to end by itself then, and the next attempt waits for the same: discord.py holds back every
        request while one waits for a limit on everything to end, and would for ever if that one was cancelled.
        """
        delivery = self._under_way.get(effect.id)
        if delivery is None:
            delivery = asyncio.ensure_future(self._handlers[effect.topic](effect))
            self._under_way[effect.id] = delivery
        done, _ = await asyncio.wait([delivery], timeout=DELIVERY_S)
        if not done:
            delivery.add_done_callback(_looked_at)
            raise TimeoutError(f"no answer from Discord for {DELIVERY_S} s")
        del self._under_way[effect.id]
        return delivery.result()

    async def _put_off(self, effect: Effect, why: str) -> None:
        if effect.attempts >= outbox.MAX_ATTEMPTS:
            await self._give_up(effect, f"{effect.attempts} attempts failed, the last with {why}")
            return
        log.warning("effect %d (%s %s) is put off: %s", effect.id, effect.topic, effect.subject, why)
        until = self._bot.now() + PAUSE * 2 ** (effect.attempts - 1)
        await self._bot.points.write(outbox.later, effect, until, why)

    async def _give_up(self, effect: Effect, why: str) -> None:
        log.error("effect %d (%s %s) is given up: %s", effect.id, effect.topic, effect.subject, why)
        await self._bot.points.write(outbox.done, effect.id, self._bot.now(), f"given up: {why}")
        if effect.topic in SHOWING:
            await self._complain(effect, why)

    async def _complain(self, effect: Effect, why: str) -> None:
        """Say in the community's log channel what could not be shown, so that an admin can repair it."""
        rules = await self._bot.points.read(policy.of, effect.community)
        if rules.log_channel is None:
            return
        what = SHOWING[effect.topic].format(subject=shown(effect.subject.replace(":", ", "), 60))
        where = f" in <#{effect.place}>" if effect.place else ""
        sentence = f"⚠️ I could not {what}{where}: {shown(why, 200)} `/points-setup` shows what I lack."
        try:
            channel = self._bot.get_partial_messageable(int(rules.log_channel))
            await channel.send(sentence, nonce=f"pts{effect.id}gone")
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("the log channel of %s took no word of it: %r", effect.community, error)


def _community(effect: Effect) -> str:
    return effect.community


def _looked_at(delivery: "asyncio.Future[str]") -> None:
    """Take what a delivery raised that nobody may come back for; else asyncio complains of it."""
    if not delivery.cancelled():
        delivery.exception()
