"""What can go wrong between a bot and Discord's REST API: each a way to treat one request."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from aiohttp import web

Act = Callable[[], Awaitable[web.Response]]
Trouble = Callable[[web.Request, Act], Awaitable[web.StreamResponse]]

HTML = "<!doctype html><title>502 Bad Gateway</title><h1>Bad gateway</h1>"
TRICKLE = 32  # bytes
VIA = {"Via": "1.1 google"}  # by which discord.py tells Discord from Cloudflare


@dataclass
class Fault:
    """`trouble` for the next `times` requests of `method` to paths like `path` (fnmatch)."""

    method: str
    path: str
    trouble: Trouble
    times: int = 1
    met: int = 0

    def concerns(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (method, "*") and fnmatch(path, self.path)


def answer(content: object, status: int = 200, **headers: str) -> web.Response:
    """A response whose type is exactly what discord.py takes for JSON, without a charset."""
    return web.Response(
        body=json.dumps(content).encode(),
        status=status,
        content_type="application/json",
        headers={**VIA, **headers},
    )


def limited(
    seconds: float, *, scope: str = "user", everywhere: bool = False, via: bool = True, html: bool = False
) -> Trouble:
    """429: too many requests, for `seconds`; nothing is done."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        headers = {"Retry-After": str(seconds), "X-RateLimit-Scope": scope}
        if everywhere:
            headers["X-RateLimit-Global"] = "true"
        if html:
            return web.Response(text="<h1>error 1015</h1>", status=429, content_type="text/html")
        said: dict[str, Any] = {
            "message": "You are being rate limited.",
            "retry_after": seconds,
            "global": everywhere,
        }
        response = answer(said, 429, **headers)
        if not via:
            del response.headers["Via"]
        return response

    return trouble


def ill(status: int, *, acted: bool = False) -> Trouble:
    """Answer with a proxy's HTML page and a 5xx; with `acted` what was asked is done all the same."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        if acted:
            await act()
        return web.Response(text=HTML, status=status, content_type="text/html")

    return trouble


def reset(*, acted: bool = False) -> Trouble:
    """Break the connection with a TCP reset, before or after what was asked is done."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        if acted:
            await act()
        assert request.transport is not None
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return web.Response()

    return trouble


def late(seconds: float, *, acted_first: bool = True) -> Trouble:
    """Answer after `seconds`, having acted at once or only then."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        response = await act() if acted_first else None
        await asyncio.sleep(seconds)
        return response or await act()

    return trouble


def trickling(seconds: float) -> Trouble:
    """Act, then send the answer a few bytes at a time, some each `seconds` (a slow loris)."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        whole = await act()
        slow = web.StreamResponse(headers={**VIA, "Content-Type": "application/json"})
        await slow.prepare(request)
        assert isinstance(whole.body, bytes)
        for start in range(0, len(whole.body), TRICKLE):
            await slow.write(whole.body[start : start + TRICKLE])
            await asyncio.sleep(seconds)
        return slow

    return trouble


def garbled(body: str, *, status: int = 200, kind: str = "application/json") -> Trouble:
    """Act, then answer with something else."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        await act()
        return web.Response(body=body.encode(), status=status, content_type=kind, headers=VIA)

    return trouble


def refused(status: int, code: int, message: str = "no") -> Trouble:
    """Answer with one of Discord's own errors; nothing is done."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        return answer({"code": code, "message": message}, status)

    return trouble


def held(until: asyncio.Event) -> Trouble:
    """Act only when `until` is set."""

    async def trouble(request: web.Request, act: Act) -> web.StreamResponse:
        await until.wait()
        return await act()

    return trouble
