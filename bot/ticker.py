"""What time brings: requests and points expire, boards fall due, seasons are over, failed effects come again."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from discord.ext import tasks

from bot import health
from bot.forgetting import Forgetting
from bot.keeping import Keeping
from points_core import approvals, expiry, links, outbox, rules, schedules, seasons, webhooks
from points_core.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from bot.client import PointsBot

PERIOD_S = 15  # a scheduled board may be this late; one small query each time
PORTIONS = 20  # of expiring points at one tick: the rest waits for the next, and nobody waits for all of it

log = logging.getLogger(__name__)


class Ticker:
    """Asks the books four times a minute what is due; what is due is decided and claimed there."""

    def __init__(self, bot: "PointsBot") -> None:
        self._bot = bot
        self._forgetting = Forgetting(bot)
        self.keeping = Keeping(bot)

    def start(self) -> None:
        """Begin to tick, at once when the bot is ready."""
        self._loop.start()

    def stop(self) -> None:
        """End without a further tick."""
        self._loop.cancel()
        self.keeping.stop()

    async def tick(self, now: datetime) -> None:
        """Do what is due at `now` (aware). Never raises: what failed is due again at the next tick."""
        for duty in (self._decide, self._listen, self._take, self._forgetting.tick, self.keeping.tick):
            try:
                await duty(now)
            except DatabaseUnavailable as fault:
                log.warning("the books could not be asked what is due: %s", fault.why)
            except Exception:
                log.exception("what is due could not be done")
        self._bot.courier.wake()
        await self._bot.sync_commands()
        if self._bot.linked_roles is not None:
            await self._bot.linked_roles.register(self._bot)
        if self._bot.is_ready():
            health.beat()

    async def _decide(self, now: datetime) -> None:
        await self._bot.points.write(approvals.expire_due, now)
        await self._bot.points.write(schedules.claim_due, now)
        await self._bot.points.write(seasons.seal_due, now)
        await self._bot.points.write(outbox.forget, now)
        await self._bot.points.write(webhooks.forget, now)
        await self._bot.points.write(rules.forget, now)
        await self._bot.points.write(links.forget, now)

    async def _listen(self, now: datetime) -> None:
        await self._bot.rulebook.tick()

    async def _take(self, now: datetime) -> None:
        for _ in range(PORTIONS):
            if await self._bot.points.write(expiry.take_due, now) is None:
                return

    @tasks.loop(seconds=PERIOD_S)
    async def _loop(self) -> None:
        await self.tick(self._bot.now())

    @_loop.before_loop
    async def _until_ready(self) -> None:
        await self._bot.wait_until_ready()
