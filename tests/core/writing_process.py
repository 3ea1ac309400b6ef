"""A process that awards points until it is killed, and says each receipt once it has it."""

import asyncio
import sys
from datetime import UTC, datetime
from random import Random

from points_core import approvals
from points_core.database import Points
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Kind, Origin, Receipt

BEGINNING = datetime(2026, 3, 18, 12, tzinfo=UTC)


async def award(points: Points, key: str) -> Receipt:
    """Award what belongs to a key: whoever asks with it again asks for the same."""
    chosen = Random(key)
    receipt = await points.write(
        approvals.request,
        Origin("town", Actor(ActorKind.CLIENT), BEGINNING, key),
        kind=Kind.AWARD,
        user_id=f"member-{chosen.randrange(50)}",
        amount=chosen.randint(1, 100),
        reason=f"for {key}",
        category=chosen.choice(["events", "helping", None]),
    )
    assert isinstance(receipt, Receipt)
    return receipt


async def until_killed(url: str, prefix: str) -> None:
    """Award from several tasks at once, so that commits are shared."""
    async with Points.opened(Settings.model_validate({"POINTS_DATABASE_URL": url})) as points:
        await asyncio.gather(*[one_after_another(points, f"{prefix}:{task}") for task in range(4)])


async def one_after_another(points: Points, prefix: str) -> None:
    number = 0
    while True:
        key = f"{prefix}:{number}"
        print("asking", key, flush=True)
        receipt = await award(points, key)
        print("received", key, receipt.number, receipt.after, flush=True)
        number += 1


if __name__ == "__main__":
    asyncio.run(until_killed(sys.argv[1], sys.argv[2]))
