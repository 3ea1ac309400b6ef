"""Serving the application on a port: by itself (`points serve`), or inside the bot's process."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from points_core.errors import SettingsInvalid

STOP_S: Final = 5  # for answers under way
BACKLOG: Final = 256
IDLE_S: Final = 30  # a connection may stay open without a request


class Server(uvicorn.Server):
    """uvicorn's, without its signal handlers: whoever runs it stops it. `ready` is set once it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@asynccontextmanager
async def serving(
    app: FastAPI, host: str, port: int, *, named: str = "POINTS_HTTP_PORT"
) -> AsyncIterator[int]:
    """Serve an application for the length of an `async with` block; yields the port, a free one for 0.

    Raises SettingsInvalid if nobody can listen there; `named` is where the port was said.
    """
    with _listening(host, port, named) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
            timeout_keep_alive=IDLE_S,
            ws="none",
            lifespan="on",
        )
        logging.getLogger("uvicorn.access").disabled = True  # the door's own lines hold no queries
        server = Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.ready.wait()
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


@contextlib.contextmanager
def _listening(host: str, port: int, named: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with its protocol named, or asyncio leaves Nagle's algorithm on, which costs 40 ms an answer
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SettingsInvalid(named, f"nobody can listen on {host}:{port}: {why}") from error
        listener.listen(BACKLOG)
        listener.setblocking(False)
        yield listener
