"""`points serve`, and the bot with a port for programs, as processes."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.stories.loopback import bot_process, discord_on_loopback

SECONDS = 60  # for one step; a loaded machine starts Python slowly
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def points_command(database: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "POINTS_DATABASE_URL": f"sqlite:///{database}", "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "points_core", *arguments),
        cwd=database.parent,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(database: Path, *arguments: str) -> tuple[str, str]:
    """Return what a command writes to standard output and standard error."""
    async with points_command(database, *arguments) as process, asyncio.timeout(SECONDS):
        output, errors = await process.communicate()
        assert process.returncode == 0, errors
        return output.decode(), errors.decode()


async def test_a_token_made_at_the_host_opens_what_is_served_there(tmp_path: Path) -> None:
    database = tmp_path / "points.db"
    output, errors = await said(database, "token", "create", "shop", "--scope", "read", "--scope", "award")
    token = output.strip()
    assert re.fullmatch(r"pts_[A-Za-z0-9_-]{43}", token)
    assert "Token 1 for shop" in errors
    async with points_command(database, "serve", "--port", "0") as process, asyncio.timeout(SECONDS):
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        port = int(re.search(r":(\d+)/", first)[1])  # type: ignore[index]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            answer = await http.post(
                "/points/award",
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "one"},
                json={"user_id": "1", "amount": 5, "reason": "x"},
            )
        assert answer.status_code == 201
        process.send_signal(signal.SIGTERM)
        _, log = await process.communicate()
        assert process.returncode == 0
    assert "POST /points/award 201" in log.decode()
    assert token not in log.decode()
    listed, _ = await said(database, "token", "list")
    assert re.search(r"1\. shop: read, award; 120 a minute; valid; last used \d{4}-", listed)
    revoked, _ = await said(database, "token", "revoke", "1")
    assert revoked == "Token 1 for shop is revoked.\n"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_the_bot_serves_programs_where_it_is_given_a_port(tmp_path: Path) -> None:
    port = free_port()
    async with (
        discord_on_loopback() as discord_here,
        bot_process(discord_here.port, tmp_path / "points.db", POINTS_HTTP_PORT=str(port)) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        async with asyncio.timeout(SECONDS):
            await discord_here.ready.wait()
            assert (await http.get("/readyz")).status_code == 200
            assert (await http.get("/points/client")).status_code == 401
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        assert b"Traceback" not in errors


async def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with (
            discord_on_loopback() as discord_here,
            bot_process(discord_here.port, tmp_path / "points.db", POINTS_HTTP_PORT=port) as process,
            asyncio.timeout(SECONDS),
        ):
            _, errors = await process.communicate()
            assert process.returncode == 2
            assert errors.decode().splitlines()[-1].startswith("POINTS_HTTP_PORT cannot be used: ")


async def test_a_port_that_is_taken_from_the_command_line_too(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with points_command(tmp_path / "points.db", "serve", "--port", port) as process:
            async with asyncio.timeout(SECONDS):
                _, errors = await process.communicate()
        said = errors.decode()
    assert process.returncode == 2
    assert said == f"--port cannot be used: nobody can listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.parametrize("port", ["0", "65536", "http"])
async def test_a_port_that_cannot_be_is_said_in_one_sentence(tmp_path: Path, port: str) -> None:
    async with bot_process(9, tmp_path / "points.db", POINTS_HTTP_PORT=port) as process:
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
        assert process.returncode == 2
        assert errors.decode().startswith("POINTS_HTTP_PORT cannot be used: ")
