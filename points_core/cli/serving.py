"""`points serve`: the HTTP API as a process of its own, until it is told to stop."""

import asyncio
import logging
import signal
from typing import Annotated

import typer

from points_core import process
from points_core.achievements import Clerk
from points_core.cli.running import now, run, say
from points_core.database import Points
from points_core.errors import InvalidSetting

PORT = 8080


def serve(
    host: Annotated[
        str,
        typer.Option(help="Where to listen; 0.0.0.0 for every network, behind something that speaks https."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 for any free one.")] = PORT,
) -> None:
    """Serve the HTTP API until stopped by Ctrl-C or SIGTERM."""
    if not host.strip():  # asyncio would listen on every network
        raise InvalidSetting("--host", host, "an address of this machine")

    async def work(points: Points) -> None:
        from points_core.http.app import create_app  # heavy, and only needed here
        from points_core.http.server import serving
        from points_core.webhooks.postman import Postman

        logging.basicConfig(
            level=points.settings.log_level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
        )
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        postman = Postman(points, now)
        clerk = Clerk(points, now)

        def wake() -> None:
            postman.wake()
            clerk.wake()

        postman.start()
        clerk.wake()
        try:
            app = create_app(points, after_write=wake)
            async with serving(app, host, port, named="--port") as served:
                process.give_way()
                process.keep_what_is_loaded()
                say(f"Serving on http://{host}:{served}/docs")
                await stop.wait()
        finally:
            await asyncio.gather(postman.stop(), clerk.idle())

    run(work)
