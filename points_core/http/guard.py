"""The door: who comes in, with which token, for what; every address behind it is closed unless it says a scope.

needs       the scopes of which a token must have one; an endpoint without them cannot be made
Guarded     a route that lets nobody in without a token
Door        authentication, rate limit, scope, content type; and every error becomes a problem document
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from points_core import clients
from points_core.clients import TOKEN_LENGTH, TOKEN_PREFIX, Client, Scope
from points_core.errors import PointsError
from points_core.http import problems
from points_core.http.limits import STRANGERS_PER_MINUTE, Limiter
from points_core.http.problems import Stopped
from points_core.http.seam import Seam

Serve = Callable[[Request], Awaitable[Response]]
E = TypeVar("E", bound=Callable[..., Any])

SCOPES: Final = "__points_scopes__"
WORTH_NOTING: Final = timedelta(minutes=1)  # a token's last use is shown to the minute, and costs a write

log = logging.getLogger(__name__)


def needs(*scopes: Scope) -> Callable[[E], E]:
    """Say which scopes open an endpoint: a token needs one of them, or `admin`."""

    def marked(endpoint: E) -> E:
        setattr(endpoint, SCOPES, scopes)
        return endpoint

    return marked


class Guarded(APIRoute):
    """A route behind the door."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint as it is served: through the door."""
        inside = super().get_route_handler()
        scopes: tuple[Scope, ...] = getattr(self.endpoint, SCOPES)
        path, takes_body = self.path, self.body_field is not None

        async def through_the_door(request: Request) -> Response:
            door: Door = request.app.state.door
            return await door.serve(request, path, scopes, inside, takes_body=takes_body)

        return through_the_door


class Door:
    """Lets requests in, counts them, and notes when tokens were used."""

    def __init__(self, seam: Seam, limiter: Limiter) -> None:
        self._seam = seam
        self._limiter = limiter
        self._noted: dict[tuple[str, int], Any] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def serve(
        self, request: Request, path: str, scopes: tuple[Scope, ...], inside: Serve, *, takes_body: bool
    ) -> Response:
        """Serve one request, or say why not; never raises."""
        began = time.perf_counter()
        client: Client | None = None
        limits: dict[str, str] = {}
        try:
            client = await self._admit(request)
            limits = self._limiter.take(f"{client.community}/{client.number}", client.per_minute).headers
            _check(client, scopes)
            if takes_body and not _is_json(request.headers.get("Content-Type", "")):
                raise Stopped("unsupported-media-type")
            request.state.client = client
            answer = await inside(request)
        except Exception as error:
            answer = problems.response(error)
        answer.headers.update(limits)
        answer.headers.setdefault("Cache-Control", "no-store")
        seconds = time.perf_counter() - began
        self._seam.metrics.served(request.method, path, answer.status_code, seconds)
        who = client.number if client else "-"
        log.info("%s %s %d %.1f ms client %s", request.method, path, answer.status_code, seconds * 1000, who)
        return answer

    async def close(self) -> None:
        """Finish the notes under way."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _admit(self, request: Request) -> Client:
        token = _presented(request)
        client = (
            await self._seam.read(clients.authenticate, token, self._seam.now())
            if token and len(token) == TOKEN_LENGTH and token.startswith(TOKEN_PREFIX)
            else None
        )
        if client is None:
            address = request.client.host if request.client else "?"
            self._limiter.take(f"stranger {address}", STRANGERS_PER_MINUTE)
            raise Stopped("unauthorized", {"WWW-Authenticate": "Bearer"})
        self._note(client)
        return client

    def _note(self, client: Client) -> None:
        """Remember that a token was used, once a minute and without letting anyone wait for it."""
        now = self._seam.now()
        known = self._noted.get((client.community, client.number), client.last_used_at)
        if known is not None and abs(now - known) < WORTH_NOTING:
            return
        self._noted[client.community, client.number] = now
        task = asyncio.create_task(self._write_note(client))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_note(self, client: Client) -> None:
        try:
            await self._seam.points.write(clients.used, client.community, client.number, self._seam.now())
        except PointsError as error:
            log.warning("a token's last use could not be noted: %s", error)


def _presented(request: Request) -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _check(client: Client, scopes: tuple[Scope, ...]) -> None:
    if not any(client.may(scope) for scope in scopes):
        raise Stopped("missing-scope", needs=[scope.value for scope in scopes])


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"
