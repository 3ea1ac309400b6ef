"""A real server on loopback over open books, and programs that talk to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pytest

from points_core import clients
from points_core.clients import Client, Scope
from points_core.database import Points
from points_core.http.app import create_app
from points_core.http.server import serving
from points_core.values import Actor, ActorKind, Origin
from tests.core.conftest import settings_for

TOWN, VILLAGE = "1456074443980800010", "1456074443980800011"
ADA, GRACE, MOD = "81384788765712384", "81384788765712385", "81384788765712399"

_keys = count(1)


def new_key() -> str:
    return f"test-{next(_keys)}"


@dataclass
class Program:
    """A program with a token."""

    http: httpx.AsyncClient
    token: str
    client: Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def get(self, path: str, headers: dict[str, str] | None = None, /, **query: Any) -> httpx.Response:
        params = {name.rstrip("_"): value for name, value in query.items()}
        return await self.http.get(path, params=params, headers=self.headers | (headers or {}))

    async def post(
        self, path: str, body: object | None = None, key: str | None = None, **headers: str
    ) -> httpx.Response:
        given = self.headers | {"Idempotency-Key": key or new_key()} | headers
        return await self.http.post(path, json={} if body is None else body, headers=given)

    async def award(self, user_id: str, amount: int, reason: str = "helped", **more: Any) -> httpx.Response:
        key = more.pop("key", None)
        return await self.post(
            "/points/award", {"user_id": user_id, "amount": amount, "reason": reason, **more}, key
        )

    async def deduct(self, user_id: str, amount: int, reason: str = "spent", **more: Any) -> httpx.Response:
        key = more.pop("key", None)
        return await self.post(
            "/points/deduct", {"user_id": user_id, "amount": amount, "reason": reason, **more}, key
        )


@dataclass
class Api:
    """A server, its books, and tokens for it."""

    points: Points
    url: str
    http: httpx.AsyncClient
    made: list[Program] = field(default_factory=list)

    async def program(self, *scopes: Scope, community: str = TOWN, **limits: Any) -> Program:
        token = clients.new_token()
        client = await self.points.write(
            clients.create,
            operator(community),
            token=token,
            name=limits.pop("name", "shop"),
            scopes=scopes or tuple(Scope),
            **{"per_minute": 6_000, **limits},
        )
        self.made.append(Program(self.http, token, client))
        return self.made[-1]


def operator(community: str = TOWN) -> Origin:
    return Origin(community, Actor(ActorKind.OPERATOR), datetime.now(UTC), f"operator:{next(_keys)}")


@asynccontextmanager
async def served(points: Points, **options: Any) -> AsyncIterator[Api]:
    """Serve open books; `options` are those of `create_app`."""
    async with (
        serving(create_app(points, **options), "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http,
    ):
        yield Api(points, f"http://127.0.0.1:{port}", http)


@pytest.fixture
async def points(database_url: str) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(database_url)) as opened:
        yield opened


@pytest.fixture
async def api(points: Points) -> AsyncIterator[Api]:
    async with served(points) as api:
        yield api


@pytest.fixture
async def program(api: Api) -> Program:
    return await api.program()
