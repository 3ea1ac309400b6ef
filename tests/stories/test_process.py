"""The bot as a process: what the host sees when it starts, stops, and when its connection is bad."""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.loopback import TOKEN, Discord, bot_process, discord_on_loopback

SECONDS = 60  # for one step; a loaded machine starts Python slowly


@pytest.fixture
async def discord_here() -> AsyncIterator[Discord]:
    async with discord_on_loopback() as served:
        yield served


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Return the exit code and what was written to standard error."""
    async with asyncio.timeout(SECONDS):
        _, errors = await process.communicate()
    assert TOKEN not in errors.decode()
    return process.returncode, errors.decode()


async def ready(served: Discord) -> None:
    async with asyncio.timeout(SECONDS):
        await served.ready.wait()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_bot_in_order(
    discord_here: Discord, tmp_path: Path, how: signal.Signals
) -> None:
    async with bot_process(discord_here.port, tmp_path / "points.db") as process:
        await ready(discord_here)

        process.send_signal(how)

        code, errors = await ended(process)
        assert code == 0
        assert "stopped" in errors
        assert "Traceback" not in errors


async def test_an_award_asked_before_the_stop_is_written_and_answered(tmp_path: Path) -> None:
    database = tmp_path / "points.db"
    async with (
        discord_on_loopback(slow_callbacks_s=0.5) as served,
        bot_process(served.port, database) as process,
    ):
        await ready(served)
        await served.award(5)
        await _rows(database)

        process.send_signal(signal.SIGTERM)

        code, errors = await ended(process)
        assert (code, len(served.answers)) == (0, 1), errors


async def _rows(database: Path) -> None:
    """Wait until a transaction is in the file."""
    async with asyncio.timeout(SECONDS):
        while True:
            with sqlite3.connect(database) as connection:
                (found,) = connection.execute("SELECT count(*) FROM point_transactions").fetchone()
            connection.close()
            if found:
                return
            await asyncio.sleep(0.01)


async def test_an_event_that_nobody_can_read_is_left_out_and_the_next_is_heard(
    discord_here: Discord, tmp_path: Path
) -> None:
    database = tmp_path / "points.db"
    async with bot_process(discord_here.port, database) as process:
        await ready(discord_here)

        await discord_here.emit("GUILD_CREATE", {"id": "not a number"})
        await discord_here.award(5)

        await _rows(database)
        assert discord_here.identified == 1
        process.send_signal(signal.SIGTERM)
        code, errors = await ended(process)
        assert code == 0
        assert "GUILD_CREATE cannot be read" in errors


async def test_a_connection_that_breaks_is_made_again(discord_here: Discord, tmp_path: Path) -> None:
    async with bot_process(discord_here.port, tmp_path / "points.db") as process:
        await ready(discord_here)

        await discord_here.hang_up(4007)  # "invalid sequence": the session cannot be resumed

        await ready(discord_here)
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == 0


async def test_a_discord_that_cannot_be_reached_is_waited_for(tmp_path: Path) -> None:
    async with discord_on_loopback() as served:
        port = served.port
    async with bot_process(port, tmp_path / "points.db") as process:
        assert process.stderr is not None
        async with asyncio.timeout(SECONDS):
            for _ in range(3):
                while b"connecting again" not in await process.stderr.readline():
                    pass

        process.send_signal(signal.SIGTERM)

        code, errors = await ended(process)
        assert code == 0
        assert "ERROR" not in errors  # no session is left open


async def test_a_discord_that_comes_back_is_connected_to(tmp_path: Path) -> None:
    async with discord_on_loopback() as served:
        port = served.port
    async with bot_process(port, tmp_path / "points.db") as process:
        assert process.stderr is not None
        async with asyncio.timeout(SECONDS):
            while b"connecting again" not in await process.stderr.readline():
                pass

        async with discord_on_loopback(port=port) as served:
            await ready(served)
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == 0


async def test_a_wrong_token_is_said_in_one_sentence(tmp_path: Path) -> None:
    database = tmp_path / "points.db"
    async with (
        discord_on_loopback(known_token="another") as served,
        bot_process(served.port, database) as process,
    ):
        code, errors = await ended(process)

    assert code == 1
    assert errors.splitlines()[-1].startswith("Discord does not know this token")
    assert "Traceback" not in errors


async def test_a_token_that_is_withdrawn_later_ends_the_process_in_one_sentence(
    discord_here: Discord, tmp_path: Path
) -> None:
    async with bot_process(discord_here.port, tmp_path / "points.db") as process:
        await ready(discord_here)

        await discord_here.hang_up(4004)

        code, errors = await ended(process)
        assert code == 1
        assert errors.splitlines()[-1].startswith("Discord does not know this token")


@pytest.mark.parametrize(
    "environment, sentence",
    [
        ({"DISCORD_TOKEN": ""}, "DISCORD_TOKEN cannot be used: "),
        ({"POINTS_QUORUM": "none"}, "POINTS_QUORUM cannot be used: "),
        ({"POINTS_DATABASE_URL": "mysql://localhost/x"}, "POINTS_DATABASE_URL cannot be used: "),
        ({"POINTS_DATABASE_URL": "sqlite:////no/such/folder/points.db"}, "The database cannot be used: "),
    ],
)
async def test_what_is_wrong_with_the_settings_is_said_in_one_sentence(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    async with bot_process(9, tmp_path / "points.db", **environment) as process:
        code, errors = await ended(process)

        assert code == 2
        assert errors.count("\n") == 1
        assert errors.startswith(sentence)
