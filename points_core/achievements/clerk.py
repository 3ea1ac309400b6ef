"""Settles what is due, soon after it became so, where programs move points and no bot looks after it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from points_core.achievements.settling import follow_up
from points_core.database import Points


class Clerk:
    """Works when woken, one round at a time; a wake during a round is answered by one more."""

    def __init__(self, points: Points, clock: Callable[[], datetime]) -> None:
        self._points = points
        self._now = clock
        self._round: asyncio.Task[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """Settle what is due, soon; returns at once."""
        self._woken = True
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._rounds(), name="clerk")

    async def idle(self) -> None:
        """Wait until everything that was due is settled, or could not be."""
        if self._round is not None:
            await self._round

    async def _rounds(self) -> None:
        while self._woken:
            self._woken = False
            await follow_up(self._points, self._now())
