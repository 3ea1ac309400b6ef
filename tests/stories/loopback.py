"""As much of Discord as a start and a stop need, over real sockets on this machine's loopback.

simcord takes the network's place inside the process; here the process is another one, so that signals,
exit codes and broken connections are real. `python -m tests.stories.loopback PORT` is that process: the
bot's own command, with Discord's address replaced.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

APPLICATION = "1456074443980800000"
GUILD = "1456074443980800001"
CHANNEL = "1456074443980800002"
ADA, MIA = "1456074443980800003", "1456074443980800004"
TOKEN = "MTQ1NjA3NDQ0Mzk4MDgwMDAwMA.loopback.secret"
ROOT = Path(__file__).parents[2]
MODERATE_MEMBERS = 1 << 40


def person(user_id: str, name: str, *, bot: bool = False) -> dict[str, Any]:
    """Return a user as Discord sends it."""
    return {
        "id": user_id,
        "username": name,
        "discriminator": "0",
        "avatar": None,
        "bot": bot,
        "global_name": name,
    }


def answer(content: object, status: int = 200) -> web.Response:
    """Return a response whose type is exactly what discord.py takes for JSON, without a charset."""
    return web.Response(body=json.dumps(content).encode(), status=status, content_type="application/json")


@dataclass
class Discord:
    """What this Discord was asked, and its open connection to the bot."""

    known_token: str = TOKEN
    slow_callbacks_s: float = 0
    asked: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    identified: int = 0
    shards: list[Any] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _socket: web.WebSocketResponse | None = None
    _sequence: int = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes a start needs."""
        return [
            web.get("/", self.gateway),
            web.get("/api/v10/gateway/bot", self.recommended),
            web.get("/api/v10/users/@me", self.me),
            web.get("/api/v10/oauth2/applications/@me", self.application),
            web.get("/api/v10/applications/{id}/commands", self.commands),
            web.put("/api/v10/applications/{id}/commands", self.commands),
            web.post("/api/v10/interactions/{id}/{token}/callback", self.callback),
        ]

    async def me(self, request: web.Request) -> web.Response:
        """The first thing a bot asks: whether its token is good."""
        if request.headers["Authorization"] != f"Bot {self.known_token}":
            return answer({"message": "401: Unauthorized", "code": 0}, status=401)
        return answer(person(APPLICATION, "Points", bot=True))

    async def application(self, request: web.Request) -> web.Response:
        """Describe the bot's application."""
        return answer(
            {
                "id": APPLICATION,
                "name": "Points",
                "icon": None,
                "description": "",
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": "",
                "flags": 0,
                "owner": person(ADA, "ada"),
                "team": None,
            }
        )

    async def commands(self, request: web.Request) -> web.Response:
        """List or replace the application's commands; a new application has none."""
        self.asked.append(f"{request.method} commands")
        return answer([])

    async def callback(self, request: web.Request) -> web.Response:
        """Take the answer to an interaction."""
        await asyncio.sleep(self.slow_callbacks_s)
        self.answers.append(await request.json())
        self.answered.set()
        interaction = {"id": request.match_info["id"], "type": 2, "response_message_id": "9"}
        return answer({"interaction": interaction})

    async def recommended(self, request: web.Request) -> web.Response:
        """Say on how many connections such a bot should be."""
        limit = {"total": 1000, "remaining": 999, "reset_after": 1, "max_concurrency": 16}
        url = f"ws://127.0.0.1:{self.port}"
        return answer({"url": url, "shards": 1, "session_start_limit": limit})

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        """Greet, say READY, acknowledge heartbeats."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._socket = socket
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            said = json.loads(message.data)
            op = said["op"]
            if op == 1:
                await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
            elif op == 2:
                self.identified += 1
                self.shards.append(said["d"].get("shard"))
                async with self._heard:
                    self._heard.notify_all()
                await self.emit("READY", self._ready_event(said["d"]))
                self.ready.set()
            elif op == 6:  # a session to resume: it is gone
                await socket.send_json({"op": 9, "d": False, "s": None, "t": None})
        return socket

    def _ready_event(self, identity: dict[str, Any]) -> dict[str, Any]:
        return {
            **({"shard": identity["shard"]} if "shard" in identity else {}),
            "v": 10,
            "user": person(APPLICATION, "Points", bot=True),
            "guilds": [],
            "session_id": "s",
            "resume_gateway_url": f"ws://127.0.0.1:{self.port}",
            "application": {"id": APPLICATION, "flags": 0},
        }

    async def asked_to_identify(self, times: int) -> None:
        """Wait until the bot has identified itself so often."""
        async with asyncio.timeout(60), self._heard:
            await self._heard.wait_for(lambda: self.identified >= times)

    async def emit(self, name: str, event: object) -> None:
        """Send the bot an event."""
        assert self._socket is not None
        self._sequence += 1
        await self._socket.send_json({"op": 0, "t": name, "s": self._sequence, "d": event})

    async def award(self, amount: int) -> None:
        """Ada types /award member:Mia amount:… reason:watering."""
        options = [
            {"name": "member", "type": 6, "value": MIA},
            {"name": "amount", "type": 4, "value": amount},
            {"name": "reason", "type": 3, "value": "watering"},
        ]
        member = {
            "roles": [],
            "joined_at": "2026-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        data = {
            "id": "5",
            "name": "award",
            "type": 1,
            "options": options,
            "resolved": {
                "users": {MIA: person(MIA, "mia")},
                "members": {MIA: {**member, "permissions": "0"}},
            },
        }
        asker = {**member, "permissions": str(MODERATE_MEMBERS), "user": person(ADA, "ada")}
        await self.emit(
            "INTERACTION_CREATE",
            {
                "id": "1456074443980800009",
                "application_id": APPLICATION,
                "type": 2,
                "token": "t",
                "version": 1,
                "guild_id": GUILD,
                "channel_id": CHANNEL,
                "channel": {"id": CHANNEL, "type": 0, "guild_id": GUILD, "name": "general", "position": 0},
                "member": asker,
                "data": data,
                "locale": "en-US",
                "entitlements": [],
                "authorizing_integration_owners": {},
                "attachment_size_limit": 1,
            },
        )

    async def hang_up(self, code: int) -> None:
        """Close the gateway connection."""
        assert self._socket is not None
        self.ready.clear()
        await self._socket.close(code=code)


@asynccontextmanager
async def discord_on_loopback(
    *,
    known_token: str = TOKEN,
    slow_callbacks_s: float = 0,
    port: int = 0,
    more: Sequence[web.RouteDef] = (),
) -> AsyncIterator[Discord]:
    """Serve such a Discord for the length of the block; at any free port unless one is given.

    more: what else it serves, where nothing of its own fits.
    """
    served = Discord(known_token, slow_callbacks_s)
    application = web.Application()
    application.add_routes([*served.routes(), *more])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    served.port = runner.addresses[0][1]
    try:
        yield served
    finally:
        await runner.cleanup()


@asynccontextmanager
async def bot_process(
    port: int, database: Path, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the bot's process, with this Discord's address; its standard error is piped."""
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("POINTS_", "DISCORD_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.stories.loopback",
        str(port),
        cwd=ROOT,
        env={
            **outside,
            "DISCORD_TOKEN": TOKEN,
            "POINTS_DATABASE_URL": f"sqlite:///{database}",
            **environment,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:  # the test failed
            process.kill()
            await process.communicate()


if __name__ == "__main__":
    import yarl
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

    Route.BASE = f"http://127.0.0.1:{sys.argv[1]}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://127.0.0.1:{sys.argv[1]}/")
    sys.argv[1:] = ["run"]

    from bot.__main__ import main

    main()
