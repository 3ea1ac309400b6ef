"""The heartbeat: there while the bot ticks, stale when it stopped."""

import os
import time

import pytest
from typer.testing import CliRunner

from bot import health
from bot.__main__ import main


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("heart")))


def test_a_bot_that_never_ran_is_not_alive() -> None:
    assert CliRunner().invoke(main, ["health"]).exit_code == 1


def test_a_bot_that_ticked_a_moment_ago_is_alive() -> None:
    health.beat()
    assert CliRunner().invoke(main, ["health"]).exit_code == 0


def test_a_bot_that_fell_silent_is_not_alive() -> None:
    health.beat()
    then = time.time() - health.STALE_S - 1
    os.utime(health.heartbeat_file(), (then, then))

    ran = CliRunner().invoke(main, ["health"])

    assert ran.exit_code == 1
    assert "121 s ago" in ran.output or "122 s ago" in ran.output
