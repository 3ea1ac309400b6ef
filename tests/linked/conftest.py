"""A bot's Linked Roles with everything real but Discord, which is a stand-in on loopback; and browsers."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from bot.linked_roles.parts import CALLBACK, HERE, LinkedRoles
from points_core import links
from points_core.database import Points
from points_core.links import Account
from points_core.settings import Settings
from tests.conftest import Databases
from tests.core.posting import Move, post
from tests.http.conftest import served
from tests.linked.discord_side import CLIENT_ID, SECRET, DiscordSide, discord_side

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
TOWN = "77000000000000001"
ADA, GRACE = "81384788765712384", "81384788765712385"
ADDRESS = "https://points.example.org"
COOKIE = "__Host-points-visit"
PLACE = 'Open <i>Garden</i> & "friends"'


@dataclass
class Clock:
    """The time, which stands still unless a test moves it."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def passes(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Host:
    """Somebody's bot: its books, its pages, its clock, and the Discord it talks to."""

    points: Points
    linked: LinkedRoles
    http: httpx.AsyncClient
    side: DiscordSide
    clock: Clock
    cookies: list[str] = field(default_factory=list)

    async def give(self, user_id: str, amount: int, community: str = TOWN) -> None:
        await self.points.write(post, community, [Move(user_id, amount, at=self.clock())])

    async def shows(self) -> None:
        """Have everything shown that is due."""
        self.linked.showing.wake()
        await self.linked.showing.idle()

    async def begins(self) -> "Visit":
        """A browser opens the page."""
        answer = await self.http.get(HERE)
        assert answer.status_code == 302, answer.text
        return Visit(self, answer)

    async def links(self, user_id: str = ADA) -> httpx.Response:
        """Somebody opens the page, agrees at Discord, and comes back."""
        visit = await self.begins()
        return await visit.comes_back(code=self.side.permits(user_id))

    async def account(self, user_id: str = ADA) -> Account:
        account = await self.points.read(links.of, user_id)
        assert account is not None
        return account


@dataclass
class Visit:
    """A browser that was sent to Discord."""

    host: Host
    answer: httpx.Response

    @property
    def asked(self) -> dict[str, str]:
        """Return what Discord's page is told."""
        return dict(parse_qsl(urlsplit(self.answer.headers["Location"]).query))

    @property
    def cookie(self) -> str:
        """Return what the browser keeps."""
        jar: SimpleCookie = SimpleCookie(self.answer.headers["Set-Cookie"])
        return jar[COOKIE].value

    async def comes_back(self, *, cookie: str | None = None, **query: Any) -> httpx.Response:
        """The browser opens the address to which Discord sends it."""
        kept = self.cookie if cookie is None else cookie
        asked = {"state": self.asked["state"]} | query
        return await self.host.http.get(
            CALLBACK, params=asked, headers={"Cookie": f"{COOKIE}={kept}"} if kept else {}
        )


def settings_of(url: str, **more: object) -> Settings:
    given = {
        "POINTS_DATABASE_URL": url,
        "POINTS_PUBLIC_URL": ADDRESS,
        "DISCORD_CLIENT_ID": CLIENT_ID,
        "DISCORD_CLIENT_SECRET": SECRET,
        "POINTS_HTTP_PORT": 8080,
    }
    return Settings.model_validate(given | more)


@asynccontextmanager
async def hosting(settings: Settings, side: DiscordSide, clock: Clock) -> AsyncIterator[Host]:
    """Run a bot's Linked Roles and its pages."""
    async with Points.opened(settings) as opened:
        linked = LinkedRoles(
            opened, settings, clock, lambda community: PLACE, api=side.url, pause=timedelta(0)
        )
        async with served(opened, routers=[linked.router(lambda: 0.0)]) as api:
            yield Host(opened, linked, api.http, side, clock)
            await linked.stop()


@pytest.fixture
async def side() -> AsyncIterator[DiscordSide]:
    async with discord_side(ADDRESS + CALLBACK) as side:
        yield side
        assert side.violations == []


@pytest.fixture
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A fresh database: SQLite, unless a test says otherwise. The core's tests of links use both."""
    url = databases.new(getattr(request, "param", "sqlite"))
    yield url
    databases.drop(url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def host(
    database_url: str, side: DiscordSide, clock: Clock, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Host]:
    """A bot whose Linked Roles are set up; Ada has 120 points. Nothing secret may stand in its log."""
    for name in ("bot", "points_core", "aiohttp", "uvicorn", "sqlalchemy"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with hosting(settings_of(database_url), side, clock) as host:
        await host.give(ADA, 120)
        yield host
    records = [
        record for record in caplog.get_records("call") if record.name != "aiohttp.access"
    ]  # the stand-in's
    told = "\n".join(record.getMessage() + str(record.exc_info or "") for record in records)
    for secret in (SECRET, "access-token", "refresh-token", "code-"):
        assert secret not in told
