"""Is the bot alive? It leaves a heartbeat at each tick while it is connected; `points-bot health` reads it.

A file, not a row: the health check runs every minute and must neither open the books nor wait for them.
"""

import os
import tempfile
import time
from pathlib import Path

STALE_S = 120  # eight ticks: a slow one is no illness


def heartbeat_file() -> Path:
    """Return where the heartbeat of this account's bot is."""
    return Path(tempfile.gettempdir()) / f"points-bot-{os.getuid() if hasattr(os, 'getuid') else 0}.heartbeat"


def beat() -> None:
    """Leave a heartbeat now."""
    heartbeat_file().touch()


def seconds_since_beat() -> float | None:
    """Return how long ago the last heartbeat was, None if there never was one."""
    try:
        return max(0.0, time.time() - heartbeat_file().stat().st_mtime)
    except FileNotFoundError:
        return None
