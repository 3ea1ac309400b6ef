"""Discord's gateway as a bot meets it: sessions that outlive their sockets, RESUME with what was missed."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import discord
from aiohttp import WSMsgType, web
from simcord.backend import Backend, serializers
from simcord.gateway import FakeGateway

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
Event = tuple[str, dict[str, Any]]


@dataclass
class Declared:
    """What simcord's own gateway asks of a client: its intents, and where an event of a name goes."""

    intents: discord.Intents
    send: Callable[[str, dict[str, Any]], None]

    @property
    def parsers(self) -> "Declared":
        return self

    def __getitem__(self, event: str) -> Callable[[dict[str, Any]], None]:
        return lambda payload: self.send(event, payload)


@dataclass
class Session:
    """One identified bot: everything it was sent, and the socket it listens at now, if any."""

    id: str
    sent: list[Event] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None
    written: int = 0  # events that went out on the socket
    gate: FakeGateway | None = None
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, event: str, payload: dict[str, Any]) -> None:
        self.sent.append((event, payload))
        self.more.set()


class Gateway:
    """Every session hears every event, as when two processes use one token.

    `invalid`: how the next RESUME is answered: None as it should be, False or True with an invalid session.
    `replay`: events that a RESUME repeats although they had arrived. `held`: events are on their way, and have
    not arrived.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.sessions: dict[str, Session] = {}
        self.url = ""
        self.identified = self.resumed = 0
        self.invalid: bool | None = None
        self.replay = 0
        self.held = False
        self.heartbeat_ms = 41_250
        self._mute: set[web.WebSocketResponse] = set()
        self.unavailable: set[int] = set()
        self._numbers = itertools.count(1)
        self._quiet = False
        backend.subscribers.append(self._emitted)

    def _emitted(self, event: str, payload: Mapping[str, Any]) -> None:
        if self._quiet:
            return
        for session in self.sessions.values():
            assert session.gate is not None
            session.gate.feed(event, payload)

    @contextmanager
    def nobody_hears(self) -> Iterator[None]:
        """Lose every event of the block for good, as between two sessions."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def say(self, event: str, payload: Any) -> None:
        """Send an event as it stands, whatever it is, to every session."""
        for session in self.sessions.values():
            session.send(event, payload)

    async def drop(self, code: int = 4000) -> None:
        """Close every socket; the sessions stay and go on collecting."""
        for session in list(self.sessions.values()):
            if session.socket is not None:
                socket, session.socket = session.socket, None
                await socket.close(code=code)

    def fall_silent(self) -> None:
        """Say nothing any more on the sockets that are open, not even that they are closed."""
        self._mute |= {session.socket for session in self.sessions.values() if session.socket is not None}

    async def forget(self) -> None:
        """Close every socket and end every session: who resumes is told that it is invalid."""
        await self.drop()
        self.sessions.clear()

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await _say(socket, HELLO, {"heartbeat_interval": self.heartbeat_ms})
        writer: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                said = json.loads(message.data)
                if socket in self._mute:
                    continue
                if said["op"] == HEARTBEAT:
                    await _say(socket, ACK, None)
                elif said["op"] in (IDENTIFY, RESUME):
                    session = await self._session(socket, said)
                    if session is not None:
                        writer = asyncio.create_task(self._write(session, socket))
        finally:
            if writer is not None:
                writer.cancel()
        return socket

    async def _session(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> Session | None:
        if said["op"] == IDENTIFY:
            return self._identify(socket, said["d"])
        session = self.sessions.get(said["d"]["session_id"])
        if session is None or self.invalid is not None:
            resumable, self.invalid = bool(self.invalid), None
            if session is not None and not resumable:
                del self.sessions[session.id]
            await _say(socket, INVALID, resumable)
            return None
        self.resumed += 1
        session.socket = socket
        session.written = max(0, said["d"]["seq"] - self.replay)
        session.send("RESUMED", {})
        return session

    def _identify(self, socket: web.WebSocketResponse, identity: dict[str, Any]) -> Session:
        self.identified += 1
        session = Session(f"session-{next(self._numbers)}", socket=socket)
        intents = discord.Intents._from_value(identity["intents"])
        session.gate = FakeGateway(self.backend, Declared(intents, session.send))
        self.sessions[session.id] = session
        session.send("READY", self._ready(session))
        for guild in self.backend.guilds.values():
            if guild.id not in self.unavailable and self.backend.bot_user.id in guild.members:
                payload = serializers.guild_create_payload(self.backend, guild)
                session.gate.feed("GUILD_CREATE", {**payload, "unavailable": False})
        return session

    def _ready(self, session: Session) -> dict[str, Any]:
        ours = (g for g in self.backend.guilds.values() if self.backend.bot_user.id in g.members)
        return {
            "v": 10,
            "user": dict(serializers.user_payload(self.backend.bot_user)),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in ours],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": str(self.backend.application_id), "flags": 0},
        }

    async def _write(self, session: Session, socket: web.WebSocketResponse) -> None:
        while session.socket is socket:
            session.more.clear()
            while session.written < len(session.sent) and session.socket is socket:
                if self.held or socket in self._mute:
                    await asyncio.sleep(0.005)
                    continue
                event, payload = session.sent[session.written]
                session.written += 1
                await _say(socket, DISPATCH, payload, event, session.written)
            await session.more.wait()


async def _say(
    socket: web.WebSocketResponse, op: int, payload: Any, event: str | None = None, seq: int | None = None
) -> None:
    if not socket.closed:
        await socket.send_json({"op": op, "d": payload, "s": seq, "t": event})
