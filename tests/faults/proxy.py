"""A TCP door before PostgreSQL that can be cut: before a commit reaches the server, or after, without its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Any

from sqlalchemy import make_url

COMMIT = b"COMMIT\x00"  # as psycopg sends it
ANSWER = b"COMMIT\x00Z\x00\x00\x00\x05I"  # done, and ready for the next statement


class Cut(Enum):
    """When the connection breaks."""

    BEFORE = "the commit has not reached the server"
    AFTER = "the server has committed, and nobody hears of it"


class Proxy:
    """Passes everything on; `cuts` are done at the next commits, one each."""

    def __init__(self, host: str, port: int | None) -> None:
        self._host, self._port = host, port
        self.cuts: list[Cut] = []
        self.shut = False  # whether nobody comes in any more
        self.done: list[Cut] = []
        self._serving: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            if not self.shut:
                await self._pass_on(reader, writer)
        finally:
            await _close(writer)
            self._serving.discard(task)

    async def all_gone(self) -> None:
        """Wait until nobody is served any more."""
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._port is None:
            to_server = await asyncio.open_unix_connection(self._host)
        else:
            to_server = await asyncio.open_connection(self._host, self._port)
        asked = asyncio.Event()
        both = (self._asking(reader, to_server[1], asked), self._answering(to_server[0], writer, asked))
        tasks = [asyncio.create_task(each) for each in both]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _close(to_server[1])

    async def _asking(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        while data := await reader.read(65_536):
            if COMMIT in data and self.cuts and not asked.is_set():
                if self.cuts[0] is Cut.BEFORE:
                    self.done.append(self.cuts.pop(0))
                    return
                asked.set()
            server.write(data)
            await server.drain()

    async def _answering(
        self, server: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        heard = b""
        while data := await server.read(65_536):
            if asked.is_set():
                heard += data
                if ANSWER in heard:
                    self.done.append(self.cuts.pop(0))
                    return
                continue
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def before(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Open a door before the server of `url`; gives it and the address through it."""
    direct = make_url(url)
    folder = direct.query.get("host")
    if folder:
        proxy = Proxy(f"{folder}/.s.PGSQL.{direct.port or 5432}", None)
    else:
        proxy = Proxy(str(direct.host), direct.port or 5432)
    door = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    through = direct.set(host="127.0.0.1", port=port, query={"sslmode": "disable", "gssencmode": "disable"})
    async with door:
        yield proxy, through.render_as_string(hide_password=False)
        await proxy.all_gone()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
