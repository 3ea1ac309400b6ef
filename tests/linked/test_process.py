"""The bot as a process, with Linked Roles set up whole, half, or not at all, and with another application's id."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.linked_roles.metadata import RECORDS
from bot.linked_roles.parts import CALLBACK, HERE
from points_core.database import Points
from tests.core.posting import Move, post
from tests.linked.conftest import ADDRESS, COOKIE, settings_of
from tests.linked.discord_side import CLIENT_ID, SECRET, DiscordSide
from tests.stories.loopback import APPLICATION, GUILD, MIA, TOKEN, Discord, bot_process, discord_on_loopback

SECONDS = 60
METADATA = f"/applications/{CLIENT_ID}/role-connections/metadata"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running(
    side: DiscordSide, database: Path, **environment: str
) -> AsyncIterator[tuple[Discord, httpx.AsyncClient, list[str]]]:
    """Run the bot's process until the end of the block; yields its Discord, a browser, and then what it logged."""
    said: list[str] = []
    port = free_port()
    async with (
        discord_on_loopback(more=side.routes()) as served,
        bot_process(
            served.port, database, POINTS_HTTP_PORT=str(port), POINTS_LOG_LEVEL="DEBUG", **environment
        ) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as browser,
    ):
        async with asyncio.timeout(SECONDS):
            await served.ready.wait()
        yield served, browser, said
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
        said += errors.decode().splitlines()
        assert process.returncode == 0


@pytest.fixture
def side() -> DiscordSide:
    return DiscordSide(ADDRESS + CALLBACK, bot_token=TOKEN)


WHOLE = {"POINTS_PUBLIC_URL": ADDRESS, "DISCORD_CLIENT_ID": CLIENT_ID, "DISCORD_CLIENT_SECRET": SECRET}


async def until_shown(side: DiscordSide, user_id: str, points: str) -> None:
    async with asyncio.timeout(SECONDS):
        while side.shown.get(user_id, {}).get("points") != points:  # noqa: ASYNC110 - the stand-in tells nobody
            await asyncio.sleep(0.05)


async def until_there_are_points(browser: httpx.AsyncClient) -> None:
    async with asyncio.timeout(SECONDS):
        while (await browser.get(HERE)).status_code == 503:  # noqa: ASYNC110 - the process tells nobody
            await asyncio.sleep(0.05)


async def linked(side: DiscordSide, browser: httpx.AsyncClient, user_id: str) -> httpx.Response:
    begun = await browser.get(HERE)
    jar: SimpleCookie = SimpleCookie(begun.headers["Set-Cookie"])
    (state,) = parse_qs(urlsplit(begun.headers["Location"]).query)["state"]
    return await browser.get(
        CALLBACK,
        params={"state": state, "code": side.permits(user_id)},
        headers={"Cookie": f"{COOKIE}={jar[COOKIE].value}"},
    )


async def test_a_member_links_and_the_award_of_a_moderator_reaches_discord(
    side: DiscordSide, tmp_path: Path
) -> None:
    assert CLIENT_ID == APPLICATION
    async with running(side, tmp_path / "points.db", **WHOLE) as (served, browser, said):
        assert (await browser.get(HERE)).status_code == 503  # no points, no community
        await served.award(5)
        await until_there_are_points(browser)

        answered = await linked(side, browser, MIA)
        assert "5 points and level 0" in answered.text
        assert side.shown[MIA] == {"points": "5", "level": "0"}
        grant = side.grants[0]

    assert side.metadata == list(RECORDS)
    assert side.violations == []
    told = "\n".join(said)
    assert "told Discord what linked roles can ask for: Points, Level" in told
    for secret in (SECRET, TOKEN, grant.access, grant.refresh, "code-1"):
        assert secret not in told


async def test_points_given_while_it_was_away_are_shown_after_the_start(
    side: DiscordSide, tmp_path: Path
) -> None:
    database = tmp_path / "points.db"
    async with running(side, database, **WHOLE) as (served, browser, _):
        await served.award(5)
        await until_there_are_points(browser)
        await linked(side, browser, MIA)
    async with Points.opened(settings_of(f"sqlite:///{database}")) as points:
        await points.write(post, GUILD, [Move(MIA, 6, at=datetime.now(UTC))])
    async with running(side, database, **WHOLE):
        await until_shown(side, MIA, "11")

    assert len(side.said(f"PUT {METADATA}")) == 1
    assert len(side.said(f"GET {METADATA}")) == 2


@pytest.mark.parametrize("left_out", ["DISCORD_CLIENT_SECRET", "all of it"])
async def test_set_up_half_or_not_at_all_there_are_no_pages_and_discord_is_asked_nothing(
    side: DiscordSide, tmp_path: Path, left_out: str
) -> None:
    some = {name: value for name, value in WHOLE.items() if name != left_out and left_out != "all of it"}
    async with running(side, tmp_path / "points.db", **some) as (_, browser, said):
        for path in (HERE, CALLBACK):
            assert (await browser.get(path)).status_code == 404
        assert (await browser.get("/healthz")).status_code == 200

    assert side.asked == []
    warned = [line for line in said if "Linked Roles are off" in line]
    assert bool(warned) is (left_out != "all of it")
    assert all(left_out in line for line in warned)


async def test_the_id_of_another_application_is_refused_in_words(side: DiscordSide, tmp_path: Path) -> None:
    wrong = WHOLE | {"DISCORD_CLIENT_ID": "1456074443980899999"}
    async with running(side, tmp_path / "points.db", **wrong) as (_, _, said):
        pass

    assert side.asked == []
    assert [line for line in said if f"not the bot's own application, {APPLICATION}" in line]


async def test_a_discord_that_does_not_take_what_roles_can_ask_for_does_not_keep_the_bot_from_starting(
    side: DiscordSide, tmp_path: Path
) -> None:
    side.fails(f"GET {METADATA}", 403)
    async with running(side, tmp_path / "points.db", **WHOLE) as (served, browser, _):
        assert served.ready.is_set()
        assert (await browser.get("/healthz")).status_code == 200
