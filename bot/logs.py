"""What the host reads: one line per event, coloured on a terminal, plain elsewhere; never the token."""

import logging
import sys
from typing import Final

from rich.console import Console
from rich.logging import RichHandler

QUIET: Final = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "discord.gateway",
    "discord.http",
    "psycopg",
    "sqlalchemy",
    "uvicorn",
)
"""Libraries that talk to their own developers: heard from warnings upward, unless all is wanted."""

HIDDEN: Final = "[hidden]"


class Discreet(logging.Formatter):
    """A formatter that writes `[hidden]` where a secret stood, in messages and tracebacks alike."""

    def __init__(self, fmt: str, secrets: tuple[str, ...]) -> None:
        super().__init__(fmt)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`."""
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line


def begin(level: str, *secrets: str) -> None:
    """Log to standard error from `level` (DEBUG, INFO, …) upward, without the `secrets`."""
    handler: logging.Handler
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=False, omit_repeated_times=False)
        form = "%(name)s: %(message)s"
    else:
        handler = logging.StreamHandler()
        form = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    handler.setFormatter(Discreet(form, tuple(secret for secret in secrets if secret)))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
