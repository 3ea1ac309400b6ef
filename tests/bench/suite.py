"""What every part of the benchmarks shares: how a part is made known, how works take turns, what a figure says.

    @part("history")
    async def history(bench: Bench) -> AsyncIterator[Figure]:
        for size in bench.sizes:
            times = await bench.turns(ours=…, raw=…)  # functions, or coroutine functions, without arguments
            yield times.figure("a history page", size, against="raw", most=1.5)

Every module of this folder is imported; whatever is decorated with `part` is run. A ratio is our time over the
baseline's in the same round, the median over the rounds, so that smaller is better and a load that comes and
goes touches both sides. A goal is written down beside its figure and never asserted.
"""

import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from inspect import isawaitable
from pathlib import Path
from typing import Any

Work = Callable[[], object | Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one work took beside what its baseline took, in `unit`; `most` is the goal for `ratio`.

    `most_value` is the goal for `ours` itself, where the goal is no ratio.
    """

    work: str
    size: int
    ours: float
    baseline: str
    theirs: float
    ratio: float
    unit: str = "ms"
    most: float | None = None
    most_value: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.most is None and self.most_value is None:
            return None
        return (self.most is None or self.ratio <= self.most) and (
            self.most_value is None or self.ours <= self.most_value
        )

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self) | {"met": self.met}


@dataclass(frozen=True, slots=True)
class Times:
    """How long each of several works took, in milliseconds, round by round."""

    rounds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Return what a work usually took, in milliseconds."""
        return statistics.median(self.rounds[name])

    def figure(
        self,
        work: str,
        size: int,
        *,
        against: str,
        ours: str = "ours",
        most: float | None = None,
        most_value: float | None = None,
        baseline: str | None = None,
        note: str = "",
    ) -> Figure:
        """Return the figure of the work called `ours` against the one called `against`."""
        pairs = zip(self.rounds[ours], self.rounds[against], strict=True)
        return Figure(
            work=work,
            size=size,
            ours=self.median(ours),
            baseline=baseline or against,
            theirs=self.median(against),
            ratio=statistics.median(mine / theirs for mine, theirs in pairs),
            most=most,
            most_value=most_value,
            note=note,
        )


@dataclass(slots=True)
class Bench:
    """What a part may use.

    sizes: how many members, or transactions, to measure with, ascending. rounds: how often works take turns.
    postgresql: the URL of a server on which databases can be made, redis: the path of redis-server, pgledger:
    the path of its SQL; None where there is none, and then what needs it is left out.
    """

    folder: Path
    sizes: tuple[int, ...]
    rounds: int = 7
    postgresql: str | None = None
    redis: str | None = None
    pgledger: Path | None = None
    draw: random.Random = field(default_factory=lambda: random.Random(7))

    async def turns(
        self,
        many: Mapping[str, Work] | None = None,
        *,
        rounds: int | None = None,
        warm: int | None = None,
        **named: Work,
    ) -> Times:
        """Let works, `many` or `named`, take turns and return how long each took; the order is drawn anew each round.

        The first `warm` rounds do not count: caches fill and statements are compiled. By default that is one,
        or none where there is but one round, to see that everything works.
        """
        works = {**(many or {}), **named}
        rounds = rounds or self.rounds
        warm = int(rounds > 1) if warm is None else warm
        times: dict[str, list[float]] = {name: [] for name in works}
        with uncollected():
            for number in range(warm + rounds):
                for name in self.draw.sample(list(works), len(works)):
                    taken = await milliseconds(works[name])
                    if number >= warm:
                        times[name].append(taken)
        return Times(times)

    def new_folder(self) -> Path:
        """Return a folder of its own."""
        return Path(tempfile.mkdtemp(dir=self.folder))


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect garbage first and none meanwhile: one work would pay for another's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def milliseconds(work: Work) -> float:
    """Do `work` and return how long it took."""
    began = time.perf_counter()
    outcome = work()
    if isawaitable(outcome):
        await outcome
    return (time.perf_counter() - began) * 1_000


def load() -> float:
    """Return how many processes wanted to run during the last minute, for each processor."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


Part = Callable[[Bench], AsyncIterator[Figure]]
PARTS: dict[str, Part] = {}


def part(name: str) -> Callable[[Part], Part]:
    """Make a part of the benchmarks known as `name`."""

    def register(measure: Part) -> Part:
        assert name not in PARTS, name
        PARTS[name] = measure
        return measure

    return register
