"""Killed at any moment, a process loses nothing that it has said, and what it asked may be asked again.

POINTS_TEST_KILLS=500 kills more often than the usual 25 times, POINTS_TEST_SEED repeats the moments.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from points_core import history, verification
from points_core.database import Points
from tests.core.conftest import settings_for
from tests.core.writing_process import award

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("POINTS_TEST_KILLS", "25"))
SEED = os.environ.get("POINTS_TEST_SEED", "moments")
LONGEST_S = 0.25  # from the first receipt to the kill: some dozens of commits


@dataclass
class Told:
    """What the processes said before they were killed."""

    asked: set[str] = field(default_factory=set)
    received: dict[str, tuple[int, int]] = field(default_factory=dict)

    def hear(self, line: bytes) -> None:
        """Note one whole line; the last one may be cut off."""
        if not line.endswith(b"\n"):
            return
        match line.decode().split():
            case ["asking", key]:
                self.asked.add(key)
            case ["received", key, number, after]:
                self.received[key] = int(number), int(after)
            case other:
                raise AssertionError(other)


async def start(url: str, prefix: str) -> asyncio.subprocess.Process:
    """Start a process that writes."""
    arguments = ("-m", "tests.core.writing_process", url, prefix)
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )


async def kill_while_writing(url: str, prefix: str, seconds: float) -> Told:
    """Let a process write for so long after its first receipt, kill it, and return what it has said."""
    process = await start(url, prefix)
    assert process.stdout is not None
    told = Told()
    while not told.received:
        line = await process.stdout.readline()
        assert line, "the process ended by itself"
        told.hear(line)
    try:
        async with asyncio.timeout(seconds):
            while True:
                told.hear(await process.stdout.readline())
    except TimeoutError:
        process.kill()
    for line in (await process.stdout.read()).splitlines(keepends=True):
        told.hear(line)
    assert await process.wait() < 0
    return told


async def test_what_was_acknowledged_before_a_kill_is_there_and_keys_replay(database_url: str) -> None:
    moments = Random(SEED)
    acknowledged: dict[str, tuple[int, int]] = {}
    unheard = 0
    for kill in range(KILLS):
        told = await kill_while_writing(database_url, f"{kill}", moments.uniform(0, LONGEST_S))
        acknowledged |= told.received
        async with Points.opened(settings_for(database_url)) as points:
            unheard += await ask_again(points, told)
            assert await points.read(verification.verify) == [], f"POINTS_TEST_SEED={SEED}, kill {kill}"

    async with Points.opened(settings_for(database_url)) as points:
        for key, (number, after) in acknowledged.items():
            receipt = await points.read(history.transaction, "town", number)
            assert (receipt.reason, receipt.after) == (f"for {key}", after)
    assert len(acknowledged) > KILLS
    print(f"{len(acknowledged)} acknowledged, {unheard} written and not heard of")


async def ask_again(points: Points, told: Told) -> int:
    """Send every key again: the acknowledged ones give their receipts, the others theirs or new ones."""
    keys = sorted(told.asked)
    receipts = await asyncio.gather(*[award(points, key) for key in keys])
    replayed = {key: receipt for key, receipt in zip(keys, receipts, strict=True) if receipt.replayed}

    assert {key: (replayed[key].number, replayed[key].after) for key in told.received} == told.received
    assert len({receipt.number for receipt in receipts}) == len(keys)
    return len(replayed) - len(told.received)
