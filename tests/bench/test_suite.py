"""The benchmarks run, every part of them, so that nobody finds them broken on the day they are needed."""

import shutil
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.report import table
from tests.bench.running import names, run
from tests.bench.suite import PARTS, Bench, Figure
from tests.conftest import Databases

SMALL = 200
NEEDS_REDIS = "redis"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The smallest run."""
    return Bench(folder=tmp_path, sizes=(SMALL,), rounds=1, redis=shutil.which("redis-server"))


@pytest.mark.parametrize("name", names())
async def test_every_part_measures_something(name: str, bench: Bench, databases: Databases) -> None:
    if name == "postgresql":
        bench.postgresql = databases.server_url()
    if name == NEEDS_REDIS and bench.redis is None:
        pytest.skip("there is no redis-server (Debian: apt-get install redis-server)")

    figures = await run(bench, name)

    assert figures
    assert all(figure.theirs > 0 for figure in figures)
    assert said(name, figures[0])


def said(part: str, figure: Figure) -> str:
    """Return the table of one figure as it is printed."""
    console = Console(width=150)
    with console.capture() as capture:
        console.print(table([(part, figure)], {"load": 0.1}))
    return capture.get()


def test_a_figure_says_its_ratio_its_goal_and_whether_it_is_met() -> None:
    figure = Figure("an award", 10_000, ours=1.5, baseline="raw", theirs=1.0, ratio=1.5, most=2)

    line = said("alone", figure)

    assert all(part in line for part in ("an award", "10,000", "1.5 ms", "raw", "1.5 ×", "≤ 2 ×", "yes"))


def test_a_goal_that_is_missed_is_said_and_not_asserted() -> None:
    figure = Figure("an export", 1, ours=120, baseline="idle", theirs=60, ratio=2, unit="MB", most_value=100)

    assert figure.met is False
    assert "no" in said("export", figure)


def test_the_parts_have_names_of_their_own() -> None:
    assert names() == list(PARTS)
