"""A process that takes effects under lease, says which, and is done with them, until none is left."""

import asyncio
import sys
from datetime import datetime

from points_core import outbox
from points_core.database import Points
from points_core.settings import Settings

TOGETHER = 7


async def until_none_is_left(url: str, now: datetime) -> None:
    """Lease, say, finish; begin once told on standard input, and after the first lease wait to be told again."""
    async with Points.opened(Settings.model_validate({"POINTS_DATABASE_URL": url})) as points:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        misses, first = 0, True
        while misses < 3:  # a row that the other process has locked is passed over
            effects = await points.write(outbox.lease, now, limit=TOGETHER)
            misses = 0 if effects else misses + 1
            print(*[effect.id for effect in effects], flush=True)
            if first:
                await asyncio.to_thread(sys.stdin.readline)
                first = False
            await asyncio.gather(*[points.write(outbox.done, effect.id, now) for effect in effects])


if __name__ == "__main__":
    asyncio.run(until_none_is_left(sys.argv[1], datetime.fromisoformat(sys.argv[2])))
