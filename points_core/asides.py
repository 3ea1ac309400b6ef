"""Work that does not stand in anybody's way, and does not end halfway because nobody waits for it any more."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


class Unbroken:
    """What runs whole though whoever waits for it is cancelled.

    A driver's call that is broken off leaves its connection open, and on SQLite the connection's thread with it.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` does; a caller that is cancelled stops waiting. Raises what it raises."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def through(self) -> None:
        """Wait until what runs is through."""
        if self._running:
            await asyncio.wait(self._running)


async def aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a thread of its own and return its value; for what takes seconds or minutes.

    A daemon, unlike asyncio's threads: a process that stops does not wait until a verification is through.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(cast(T, value))

    def work() -> None:
        value, failed = None, None
        try:
            value = function(*args, **kwargs)
        except Exception as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(settle, value, failed)

    Thread(target=work, name="points-aside", daemon=True).start()
    return await outcome
