"""The books kept safe while the bot runs: looked through, anchored outside, backed up.

After every start what is new is verified, each night everything; both in a thread of their own, so that
commands are answered meanwhile. Books that fail are closed, and whoever runs the bot is told in its log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from points_core import backup, verification
from points_core.database import aside
from points_core.errors import PointsError
from points_core.moments import SKEW
from points_core.verification import anchors, record

if TYPE_CHECKING:
    from bot.client import PointsBot

NIGHT = time(3)  # local time of POINTS_TIMEZONE: few people give points then
ANOTHER_TRY = timedelta(hours=1)  # after a verification or a backup that could not be made

LOOK_AGAIN = timedelta(minutes=10)  # at the directory of backups, in a thread: it may be far away

log = logging.getLogger(__name__)

Job = Callable[[datetime], Awaitable[None]]


class Keeping:
    """Begins what is due, one long job at a time; asked by the ticker."""

    def __init__(self, bot: "PointsBot") -> None:
        self._bot = bot
        self._job: asyncio.Task[None] | None = None
        self._started = False
        self._not_before: dict[Job, datetime] = {}

    async def tick(self, now: datetime) -> None:
        """Anchor what is due at `now` (aware), and begin one job that is; returns at once.

        Of several processes the one with shard 0 keeps the books.
        """
        shards = self._bot.settings.shards
        if shards is not None and not shards.first:
            return
        await self._bot.points.write(anchors.show_due, now)
        if self._job is not None and not self._job.done():
            return
        job = await self._due(now)
        if job is not None:
            self._job = asyncio.create_task(self._tried(job, now), name="keeping")

    async def idle(self) -> None:
        """Wait until the job under way is done."""
        if self._job is not None:
            await asyncio.wait([self._job])

    def stop(self) -> None:
        """Let go of the job under way; its thread only reads, and ends with the process."""
        if self._job is not None:
            self._job.cancel()

    async def _due(self, now: datetime) -> Job | None:
        if not self._started:
            self._started = True
            return self._verify_new
        if self._may(self._verify_all, now) and await self._night_has_passed(now):
            return self._verify_all
        if self._bot.settings.backup_directory is not None and self._may(self._back_up, now):
            return self._back_up
        return None

    def _may(self, job: Job, now: datetime) -> bool:
        wait = self._not_before.get(job, now) - now
        return not timedelta(0) < wait <= ANOTHER_TRY  # a clock that was ahead set a longer one

    async def _night_has_passed(self, now: datetime) -> bool:
        """Tell whether some books were last looked through before the last night."""
        oldest = await self._bot.points.read(record.full_since)
        return oldest is not None and not last_night(now, self._bot.settings.timezone) <= oldest <= now + SKEW

    async def _tried(self, job: Job, now: datetime) -> None:
        self._not_before[job] = now + ANOTHER_TRY
        try:
            await job(now)
        except PointsError as error:
            log.error("%s could not be done: %s", job.__name__.strip("_"), error)
        except Exception:
            log.exception("%s could not be done", job.__name__.strip("_"))

    async def _verify_new(self, now: datetime) -> None:
        await self._verify(now, incremental=True)

    async def _verify_all(self, now: datetime) -> None:
        await self._verify(now, incremental=False)

    async def _verify(self, now: datetime, *, incremental: bool) -> None:
        points = self._bot.points
        outcome = await points.study(verification.examine, incremental=incremental)
        closed = await points.write(verification.settle, now, outcome)
        for each in outcome.broken:
            log.error("BROKEN in %s: %s: %s", each.community, each.invariant, each.detail)
        for community in closed:
            log.error("the books of %s are closed until they are repaired: see `points doctor`", community)
        if closed:
            self._bot.courier.wake()

    async def _back_up(self, now: datetime) -> None:
        if not await aside(backup.due, self._bot.settings, now):
            self._not_before[self._back_up] = now + LOOK_AGAIN
            return
        made = await backup.make_due(self._bot.points, now)
        log.info("backed up to %s: %d bytes, verified", made.file, made.manifest.size)
        for each in made.manifest.broken:
            log.error("the backup holds broken books: %s", each)


def last_night(now: datetime, timezone: str) -> datetime:
    """Return the latest moment up to `now` at which a night's verification begins in `timezone`."""
    local = now.astimezone(ZoneInfo(timezone))
    tonight = datetime.combine(local.date(), NIGHT, local.tzinfo)
    return tonight if tonight <= local else tonight - timedelta(days=1)
