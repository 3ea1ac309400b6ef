"""How long an event loop is held: the beats of a task that does nothing but wait for a millisecond."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

BEAT_S = 0.001


@dataclass(slots=True)
class Pulse:
    """How late each beat came, in milliseconds."""

    late: list[float] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest time for which the loop was held, in milliseconds."""
        return max(self.late)

    @property
    def p99(self) -> float:
        """What only one beat in a hundred was later than, in milliseconds."""
        return quantile(self.late, 99)


def quantile(values: list[float], percent: int) -> float:
    """Return what `percent` of the values are at or below."""
    return (
        statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]
    )


@asynccontextmanager
async def felt() -> AsyncIterator[Pulse]:
    """Feel the pulse of the running loop meanwhile."""
    pulse = Pulse()

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            pulse.late.append((time.perf_counter() - began - BEAT_S) * 1_000)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(5 * BEAT_S)
    try:
        yield pulse
    finally:
        await asyncio.sleep(2 * BEAT_S)
        beating.cancel()
