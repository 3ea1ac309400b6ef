"""A process that tells rules of the same facts as others do, at once, and says what it was answered."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from random import Random

from points_core import rules
from points_core.database import Points
from points_core.rules import Fact, On
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Origin

BEGINNING = datetime(2026, 3, 18, 12, tzinfo=UTC)
FACTS = 120
MEMBERS = 4
TOGETHER = 3
PAUSE_S = 0.02  # at most, between some and the next: who writes without one keeps SQLite's lock to itself


def facts(seed: int) -> list[Fact]:
    """Return messages of a few members, a second apart, in an order of this process's own."""
    told = [
        Fact(
            on=On.MESSAGE,
            key=f"message:{number}",
            at=BEGINNING + timedelta(seconds=number),
            user_id=f"{1_000 + number % MEMBERS}",
            channel=f"{number % 3}",
        )
        for number in range(FACTS)
    ]
    Random(seed).shuffle(told)
    return told


async def tell(url: str, seed: int) -> None:
    """Tell of everything once the sign is given, some at a time; print what was given, by rule."""
    async with Points.opened(Settings.model_validate({"POINTS_DATABASE_URL": url})) as points:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        given: dict[int, int] = {}
        told = facts(seed)
        pause = Random(seed)
        for start in range(0, len(told), TOGETHER):
            await asyncio.sleep(pause.uniform(0, PAUSE_S))
            fired = await asyncio.gather(
                *(points.write(rules.fire, _origin(fact), fact) for fact in told[start : start + TOGETHER])
            )
            for receipt in (receipt for one in fired for receipt in one.receipts):
                assert receipt.rule is not None
                given[receipt.rule[0]] = given.get(receipt.rule[0], 0) + receipt.amount
        print(json.dumps(given), flush=True)


def _origin(fact: Fact) -> Origin:
    return Origin("town", Actor(ActorKind.SYSTEM), BEGINNING + timedelta(hours=1), f"told:{fact.key}")


if __name__ == "__main__":
    asyncio.run(tell(sys.argv[1], int(sys.argv[2])))
