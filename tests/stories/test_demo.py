"""The demo as its visitor meets it: started by its command, used in a browser, stopped by a signal."""

import importlib.util
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.client import PointsBot
from bot.demo.world import running
from points_core.database import Points
from points_core.errors import SelfAward
from points_core.settings import Settings
from tests.stories.screenshot import CHROMIUM, REASON, ROOT, award_in_the_page

MISSING = [
    what
    for what, found in (
        ("Chromium", CHROMIUM),
        ("playwright", importlib.util.find_spec("playwright")),
    )
    if not found
]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(
    bool(MISSING) and os.environ.get("CI") != "true", reason=f"needs {' and '.join(MISSING)} on this machine"
)
def test_an_award_typed_on_the_demos_page_is_announced_there(tmp_path: Path) -> None:
    picture = tmp_path / "page.png"

    answer = award_in_the_page(picture)

    assert "+20" in answer
    assert REASON in answer
    assert "Undo" in answer
    assert picture.stat().st_size > 20_000


@pytest.mark.slow
def test_a_story_is_told_once_per_file_and_its_people_come_back(tmp_path: Path) -> None:
    database = tmp_path / "garden.db"

    first, again = _check(database), _check(database)

    assert "The story is told: " in first
    assert first.split(",")[0] == again.split(",")[0]


async def test_a_refusal_is_no_failure_of_the_bot_but_a_breakdown_is(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, POINTS_DATABASE_URL=f"sqlite:///{tmp_path / 'garden.db'}")
    begun = datetime(2026, 6, 1, 12, tzinfo=UTC)
    async with (
        Points.opened(settings) as points,
        running(lambda: PointsBot(points, settings), begun) as world,
    ):
        ada, square = world.people["ada"], world.channels["points"]

        refused = await ada.slash(square, "award", member=ada, amount=5, reason="for myself")

        assert refused.ephemeral
        assert world.env.errors == []
        assert [type(getattr(error, "original", error)) for error in world.refused] == [SelfAward]

        world.env.inject_error("POST", "/interactions/*/callback", status=400, code=0, times=2)
        await ada.slash(square, "balance")

        assert len(world.env.errors) == 1
        assert len(world.refused) == 1


def _check(database: Path) -> str:
    command = [sys.executable, "-m", "bot", "demo", "--check", "--database", str(database)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
