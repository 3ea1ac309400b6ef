"""As much of Discord as Linked Roles ask for, over a real socket on this machine's loopback.

Tokens and codes work as Discord's do: a code once, a refresh token once, an access token until it runs out;
whoever takes the permission back ends all of them. Every request is held against Discord's published
description where that is at hand.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web
from simcord import HttpLogEntry

from tests.bot.discord_api import violations

CLIENT_ID = "1456074443980800000"
SECRET = "client-secret-that-nobody-may-see"
BOT_TOKEN = "MTQ1NjA3NDQ0Mzk4MDgwMDAwMA.linked.bot-token"
WEEK_S = 604_800

Answer = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


def answer(content: object, status: int = 200, **headers: str) -> web.Response:
    """Return a JSON response."""
    body = json.dumps(content).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


@dataclass
class Asked:
    """One request: what for, with which token, with which body."""

    what: str
    access: str | None
    body: Any


@dataclass
class Grant:
    """Somebody's permission: the tokens that work now."""

    user_id: str
    access: str
    refresh: str


@dataclass
class DiscordSide:
    """Who permitted what, what their accounts show, and what was asked."""

    redirect: str
    asked: list[Asked] = field(default_factory=list)
    shown: dict[str, dict[str, str]] = field(default_factory=dict)
    platforms: dict[str, str] = field(default_factory=dict)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    scope: str = "identify role_connections.write"
    application: str = CLIENT_ID
    bot_token: str = BOT_TOKEN
    url: str = ""
    faults: list[tuple[str, Answer]] = field(default_factory=list)
    """What is answered instead, once each: the beginning of a request, and the answer (None: the usual one)."""
    violations: list[str] = field(default_factory=list)
    """What Discord's description has against what was asked."""
    most_at_once: int = 0
    _under_way: int = 0
    _numbers: Any = field(default_factory=lambda: count(1))

    def permits(self, user_id: str) -> str:
        """Somebody agrees on Discord's page; return the code that their browser brings back."""
        code = f"code-{next(self._numbers)}"
        self.codes[code] = user_id
        return code

    def takes_back(self, user_id: str) -> None:
        """Somebody removes the application under Authorized Apps."""
        self.grants = [grant for grant in self.grants if grant.user_id != user_id]
        self.shown.pop(user_id, None)

    def expire(self, user_id: str) -> None:
        """Somebody's access token runs out."""
        for grant in self.grants:
            if grant.user_id == user_id:
                grant.access = "run out"

    def next(self, beginning: str, reply: Answer) -> None:
        """Answer the next request that begins so with `reply`."""
        self.faults.append((beginning, reply))

    def fails(self, beginning: str, status: int, body: object = None, **headers: str) -> None:
        """Answer the next request that begins so with an error."""

        async def failing(request: web.Request) -> web.Response:
            return answer(body if body is not None else {"message": "no", "code": 0}, status, **headers)

        self.next(beginning, failing)

    def said(self, beginning: str) -> list[Asked]:
        """Return the requests that begin so."""
        return [each for each in self.asked if each.what.startswith(beginning)]

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/api/v10/{path:.*}", self._any)]

    async def _any(self, request: web.Request) -> web.StreamResponse:
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return await self._one(request)
        finally:
            self._under_way -= 1

    async def _one(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        what = f"{request.method} {path}"
        form = request.content_type == "application/x-www-form-urlencoded"
        body: Any = (
            dict(await request.post()) if form else (await request.json() if request.can_read_body else None)
        )
        credentials = request.headers.get("Authorization", "")
        access = credentials.removeprefix("Bearer ") if credentials.startswith("Bearer ") else None
        self.asked.append(Asked(what, access, body))
        if not form:
            entry = HttpLogEntry(method=request.method, path=path, params={}, json=body, reason=None)
            self.violations += violations([entry])
        for fault in self.faults:
            if what.startswith(fault[0]):
                self.faults.remove(fault)
                replied = await fault[1](request)
                if replied is not None:
                    return replied
                break
        if form:
            return self._token(path, body, credentials)
        if path.endswith("/role-connections/metadata"):
            return self._metadata(request, body, credentials)
        return self._bearer(what, access, body)

    def _token(self, path: str, form: dict[str, str], credentials: str) -> web.Response:
        if credentials != "Basic " + _basic():
            return answer({"error": "invalid_client"}, 401)
        if path == "/oauth2/token/revoke":
            grant = next((g for g in self.grants if form["token"] in (g.access, g.refresh)), None)
            if grant is not None:
                self.takes_back(grant.user_id)
            return answer({})
        if form["grant_type"] == "authorization_code":
            if form["redirect_uri"] != self.redirect:
                return answer({"error": "invalid_request"}, 400)
            user_id = self.codes.pop(form["code"], None)
        else:
            old = next((g for g in self.grants if g.refresh == form["refresh_token"]), None)
            user_id = old.user_id if old is not None else None
            if old is not None:
                self.grants.remove(old)
        if user_id is None:
            return answer({"error": "invalid_grant", "error_description": 'Invalid "code" in request.'}, 400)
        return self._granted(user_id)

    def _granted(self, user_id: str) -> web.Response:
        number = next(self._numbers)
        grant = Grant(user_id, f"access-token-{number}", f"refresh-token-{number}")
        self.grants.append(grant)
        return answer(
            {
                "access_token": grant.access,
                "refresh_token": grant.refresh,
                "token_type": "Bearer",
                "expires_in": WEEK_S,
                "scope": self.scope,
            }
        )

    def _metadata(self, request: web.Request, body: Any, credentials: str) -> web.Response:
        if credentials != f"Bot {self.bot_token}":
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        if request.method == "PUT":
            self.metadata = body
        return answer([{**record, "name_localizations": None} for record in self.metadata])

    def _bearer(self, what: str, access: str | None, body: Any) -> web.Response:
        grant = next((grant for grant in self.grants if grant.access == access), None)
        if grant is None:
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        if what == "GET /oauth2/@me":
            user = {"id": grant.user_id, "username": "ada", "global_name": "Ada <b>Lovelace</b>"}
            return answer(
                {"application": {"id": self.application}, "scopes": self.scope.split(), "user": user}
            )
        if what == f"PUT /users/@me/applications/{CLIENT_ID}/role-connection":
            self.shown[grant.user_id] = body["metadata"]
            self.platforms[grant.user_id] = body["platform_name"]
            return answer(body)
        if what == f"DELETE /users/@me/applications/{CLIENT_ID}/role-connection":
            self.shown.pop(grant.user_id, None)
            return web.Response(status=204)
        return answer({"message": "404: Not Found", "code": 0}, 404)


def _basic() -> str:
    return b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()


@asynccontextmanager
async def discord_side(redirect: str) -> AsyncIterator[DiscordSide]:
    """Serve such a Discord for the length of the block."""
    side = DiscordSide(redirect)
    application = web.Application()
    application.add_routes(side.routes())
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    side.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    try:
        yield side
    finally:
        await runner.cleanup()
