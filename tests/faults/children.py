"""Processes that can be killed at any moment: forked from a warm one, so that a round takes milliseconds."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any, Self

WARM = "tests.faults.jobs"
"""What the warm process has imported when it forks."""

SECONDS = 60.0  # nothing here takes as long; a test that waits longer says so

Say = Callable[[object], None]
"""How a child tells what it knows; what was said before a kill is heard after it."""

Job = Callable[..., object]

_context = multiprocessing.get_context("forkserver")


def prepare(preload: Path | None) -> None:
    """Start the warm process, with the library `preload` in it if that is given; once in a test run."""
    _context.set_forkserver_preload([WARM])
    if preload is not None:
        os.environ["LD_PRELOAD"] = str(preload)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("LD_PRELOAD", None)


class Child:
    """A process that runs `job(say, *arguments)`, a function of a module; use it in a `with` block."""

    def __init__(self, job: Job, *arguments: object) -> None:
        self._heard, said = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_work, args=(job, said, arguments), daemon=True)
        self._process.start()
        said.close()
        self.said: list[Any] = []

    def __enter__(self) -> Self:
        """Nothing is needed: it runs already."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let nothing of it remain."""
        self._process.kill()
        self._process.join()
        self._heard.close()

    @property
    def pid(self) -> int:
        """Return its number."""
        assert self._process.pid is not None
        return self._process.pid

    def hear(self, seconds: float = SECONDS) -> Any:
        """Return the next thing it says. Raises EOFError once it has ended, TimeoutError."""
        if not self._heard.poll(seconds):
            raise TimeoutError(f"nothing was heard for {seconds:g} s")
        self.said.append(self._heard.recv())
        return self.said[-1]

    def listen(self, seconds: float) -> None:
        """Keep hearing for so long, or until it has ended."""
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0 and self._heard.poll(left):
                self.said.append(self._heard.recv())
        except EOFError:
            return

    def kill(self) -> list[Any]:
        """Kill it as `kill -9` does, and return all that it has said."""
        self._process.kill()
        self._process.join()
        self.listen(SECONDS)
        ended = self._process.exitcode
        assert ended in {0, -signal.SIGKILL}, f"it ended by itself with {ended}"
        return self.said

    def end(self) -> bool:
        """Wait until it ends, and return whether it did its job; else it was killed."""
        self.listen(SECONDS)
        self._process.join(SECONDS)
        assert self._process.exitcode in {0, -signal.SIGKILL}, f"it ended with {self._process.exitcode}"
        return self._process.exitcode == 0

    def finish(self, seconds: float = SECONDS) -> list[Any]:
        """Wait until it has done its job, and return all that it has said."""
        self.listen(seconds)
        self._process.join(SECONDS)
        assert self._process.exitcode == 0, f"it ended with {self._process.exitcode}"
        return self.said


def _work(job: Job, said: "connection.Connection[object, object]", arguments: tuple[object, ...]) -> None:
    job(said.send, *arguments)
    said.close()
