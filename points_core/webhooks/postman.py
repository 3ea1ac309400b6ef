"""The worker that delivers: leases what is due, sends side by side, tries again with doubling pauses.

The bot and `points serve` each run one; leases keep them from delivering the same thing at once.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from points_core import webhooks
from points_core.database import Points
from points_core.errors import DatabaseUnavailable
from points_core.webhooks.deliveries import GIVEN_UP, MAX_ATTEMPTS, Letter
from points_core.webhooks.sending import NotTaken, Sender

SLOTS: Final = 20  # deliveries under way at once
LEASE_S: Final = 60  # if this process dies, another takes its deliveries over after this
PERIOD_S: Final = 15.0  # between two looks at what is due, unless woken
PAUSE: Final = timedelta(seconds=40)  # before the second attempt, doubled each time: twelve take about a day
TICKS_TO_FORGET: Final = 240  # once an hour
STOP_S: Final = 3  # for the deliveries under way when the process stops

log = logging.getLogger(__name__)


class Postman:
    """Delivers until nothing is due; `wake` after a write, or `start`, has it look."""

    def __init__(
        self, points: Points, clock: Callable[[], datetime], *, sender: Callable[[], Sender] = Sender
    ) -> None:
        self._points = points
        self._now = clock
        self._sender = sender
        self._woken = False
        self._stopping = False
        self._round: asyncio.Task[None] | None = None
        self._clockwork: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at what is due now and then, without being woken, and forget what is old; where nothing else does."""
        if self._clockwork is None:
            self._clockwork = asyncio.create_task(self._now_and_then(), name="postman's clock")

    def wake(self) -> None:
        """Look soon at what is due; returns at once."""
        if self._stopping:
            return
        self._woken = True
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._rounds(), name="postman")

    async def stop(self) -> None:
        """Take nothing new, finish what is under way; what remains comes again after its lease."""
        self._stopping = True
        if self._clockwork is not None:
            self._clockwork.cancel()
        if self._round is not None and not self._round.done():
            await asyncio.wait([self._round], timeout=STOP_S)
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def deliver_due(self, sender: Sender) -> None:
        """Deliver until nothing is due. Raises DatabaseUnavailable; leases then run out by themselves."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                for letter in await self._leased(SLOTS - len(under_way)):
                    under_way.add(asyncio.create_task(self._deliver(sender, letter)))
                if not under_way:
                    return
                finished, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _now_and_then(self) -> None:
        for tick in count():
            self.wake()
            if tick % TICKS_TO_FORGET == 0:
                await self._forget()
            await asyncio.sleep(PERIOD_S)

    async def _forget(self) -> None:
        try:
            await self._points.write(webhooks.forget, self._now())
        except DatabaseUnavailable as fault:
            log.warning("old deliveries are kept a little longer: %s", fault.why)

    async def _rounds(self) -> None:
        while self._woken and not self._stopping:
            self._woken = False
            try:
                if await self._points.read(webhooks.waits, self._now()):
                    async with self._sender() as sender:
                        await self.deliver_due(sender)
            except DatabaseUnavailable as fault:
                log.warning("deliveries wait for the books: %s", fault.why)
            except Exception:
                log.exception("what is due could not be delivered")

    async def _leased(self, free: int) -> list[Letter]:
        if self._stopping or not free or not await self._points.read(webhooks.waits, self._now()):
            return []
        return await self._points.write(webhooks.lease, self._now(), limit=free, seconds=LEASE_S)

    async def _deliver(self, sender: Sender, letter: Letter) -> None:
        try:
            outcome = await sender.send(letter, self._now())
        except NotTaken as error:
            await self._put_off(letter, str(error))
        except Exception as error:
            log.exception("delivery %d failed", letter.id)
            await self._put_off(letter, type(error).__name__)
        else:
            await self._points.write(webhooks.done, letter.id, self._now(), outcome)

    async def _put_off(self, letter: Letter, why: str) -> None:
        if letter.attempts >= MAX_ATTEMPTS:
            log.error("delivery %d (%s) is given up: %s", letter.id, letter.topic, why)
            given_up = f"{GIVEN_UP}: {letter.attempts} attempts failed, the last with {why}"
            await self._points.write(webhooks.done, letter.id, self._now(), given_up)
            return
        log.warning("delivery %d (%s) is put off: %s", letter.id, letter.topic, why)
        until = self._now() + PAUSE * 2 ** (letter.attempts - 1)
        await self._points.write(webhooks.later, letter.id, until, why)
