"""Boards and ranks as members grow, against raw SQL on the same file and a Redis over loopback."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from points_core import leaderboard, seasons
from points_core.database import study_engine, writer_engine
from points_core.leaderboard import rank
from points_core.windows import WindowName
from tests.bench.filling import NOW, TOWN, origin, shaped_books
from tests.bench.redis import Redis
from tests.bench.suite import Bench, Figure, Work, part

REPEATED = 10  # times in one round: a single question takes less than a scheduler's tick
NEXT_TO_ALL_TIME = (WindowName.TODAY, WindowName.WEEK, WindowName.MONTH, WindowName.YEAR)
SEASON = "Autumn"

BOARD = "community_id = 1 AND span = 0 AND start = 0 AND category_id = ?"
RAW_TOP = (
    f"SELECT s.member_id, points, user_id, name FROM point_scores s JOIN members m "
    f"ON m.community_id = 1 AND m.id = s.member_id WHERE s.{BOARD.replace(' AND ', ' AND s.')} "
    "ORDER BY points DESC, reached_seq LIMIT 10"
)
RAW_RANK = f"SELECT 1 + count(*) FROM point_scores WHERE {BOARD} AND points > ?"
PLACED = f"SELECT member_id, points FROM point_scores WHERE {BOARD} AND points > 0 ORDER BY points DESC, reached_seq"


@dataclass(frozen=True, slots=True)
class Placed:
    """A member at a known place of the all-time board."""

    member_id: int
    points: int

    @property
    def user_id(self) -> str:
        """The member's outside id."""
        return f"u{self.member_id}"


def places(tx: Connection) -> dict[str, Placed]:
    """Return the first, the median and the last member of the all-time board."""
    order = tx.exec_driver_sql(PLACED, (0,)).all()
    return {
        name: Placed(*order[place])
        for name, place in (("first", 0), ("median", len(order) // 2), ("last", len(order) - 1))
    }


def often(work: Callable[[], object], times: int = REPEATED) -> Work:
    """Return what does `work` several times."""

    def repeated() -> None:
        for _ in range(times):
            work()

    return repeated


@contextmanager
def towns(bench: Bench, per_member: int = 1) -> Iterator[dict[int, Connection]]:
    """Hold one community of each size open to be read, with so many transactions for each member."""
    with ExitStack() as held:
        opened = {}
        for size in bench.sizes:
            url = shaped_books(bench, size, per_member * size)
            writer = writer_engine(url)
            with writer.begin() as tx:
                days = {"first": (NOW - timedelta(days=50)).date(), "last": (NOW + timedelta(days=40)).date()}
                seasons.start(tx, origin("season"), name=SEASON, **days)
            writer.dispose()
            engine = study_engine(url)
            held.callback(engine.dispose)
            opened[size] = held.enter_context(engine.connect())
        yield opened


@part("boards")
async def boards(bench: Bench) -> AsyncIterator[Figure]:
    """All-time boards and ranks, at every size in turns."""
    with towns(bench) as opened:
        found = {size: places(tx) for size, tx in opened.items()}
        for work, ours, raw in questions():
            works: dict[str, Work] = {}
            for size, tx in opened.items():
                works[f"ours {size}"] = often(partial(ours, tx, found[size]))
                works[f"raw {size}"] = often(partial(raw, tx, found[size]), 1 if "rank" in work else REPEATED)
            times = await bench.turns(works)
            for size in bench.sizes:
                yield times.figure(
                    work, size, ours=f"ours {size}", against=f"raw {size}", baseline=baseline(work)
                )
            first, last = bench.sizes[0], bench.sizes[-1]
            if last > first:
                yield times.figure(
                    work,
                    last,
                    ours=f"ours {last}",
                    against=f"ours {first}",
                    baseline=f"ours at {first:,}",
                    most=3,
                )


def baseline(work: str) -> str:
    """Return what a question is measured against, in words."""
    return f"COUNT(*) over the index, once for our {REPEATED}" if "rank" in work else "raw SQL, names joined"


Asking = Callable[[Connection, dict[str, Placed]], object]


def ranked(tx: Connection, who: dict[str, Placed], name: str) -> object:
    """Return a member's rank."""
    return rank(tx, 1, 0, who[name].points)


def raw_ranked(tx: Connection, who: dict[str, Placed], name: str) -> object:
    """Count the members with more points."""
    return tx.exec_driver_sql(RAW_RANK, (0, who[name].points)).all()


def questions() -> Iterator[tuple[str, Asking, Asking]]:
    """Yield each question, how the core answers it, and how raw SQL does."""

    def raw_top(tx: Connection, who: dict[str, Placed], category: int = 0) -> object:
        return tx.exec_driver_sql(RAW_TOP, (category,)).all()

    yield "top ten", lambda tx, who: leaderboard.named(tx, TOWN, WindowName.ALL, NOW), raw_top
    yield (
        "top ten of a category",
        lambda tx, who: leaderboard.named(tx, TOWN, WindowName.ALL, NOW, category="helping"),
        partial(raw_top, category=2),
    )
    for name in ("first", "median", "last"):
        yield f"rank of the {name}", partial(ranked, name=name), partial(raw_ranked, name=name)
    yield (
        "top ten, and the page around the median",
        lambda tx, who: leaderboard.named(tx, TOWN, WindowName.ALL, NOW, around=who["median"].user_id),
        raw_top,
    )


@part("windows")
async def windows(bench: Bench) -> AsyncIterator[Figure]:
    """Today's, this week's, this month's and a season's top ten beside all time's."""
    with towns(bench, per_member=10) as opened:
        for size, tx in opened.items():
            works: dict[str, Callable[[], object]] = {
                name.value: partial(leaderboard.named, tx, TOWN, name, NOW - timedelta(minutes=1))
                for name in (WindowName.ALL, *NEXT_TO_ALL_TIME)
            }
            works["season"] = partial(leaderboard.of_season, tx, TOWN, SEASON)
            times = await bench.turns({name: often(work) for name, work in works.items()})
            for name in works:
                if name != WindowName.ALL:
                    work, note = f"top ten, {name}", f"{10 * size:,} transactions"
                    yield times.figure(
                        work, size, ours=name, against="all", baseline="all time's", most=3, note=note
                    )


@part("redis")
async def against_redis(bench: Bench) -> AsyncIterator[Figure]:
    """Ranks and the top ten beside a Redis that syncs each change, as members grow."""
    if bench.redis is None:
        return
    with towns(bench) as opened, Redis.running(bench.redis, bench.new_folder()) as redis:
        for size, tx in opened.items():
            redis.call("DEL", "board")
            redis.fill("board", tx.exec_driver_sql(PLACED, (0,)).all())
            for name, placed in places(tx).items():
                times = await bench.turns(
                    ours=often(partial(rank, tx, 1, 0, placed.points)),
                    redis=often(partial(redis.call, "ZREVRANK", "board", str(placed.member_id))),
                )
                yield times.figure(
                    f"rank of the {name}", size, against="redis", baseline="Redis ZREVRANK", most=1
                )
            top: Any = partial(leaderboard.named, tx, TOWN, WindowName.ALL, NOW)
            times = await bench.turns(
                ours=often(top),
                redis=often(partial(redis.call, "ZREVRANGE", "board", "0", "9", "WITHSCORES")),
            )
            yield times.figure("top ten, with names", size, against="redis", baseline="Redis ZREVRANGE, ids")
