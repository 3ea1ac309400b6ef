"""An event of Discord's that cannot be read is left out; those after it are heard.

discord.py lets what the reading of an event raises end the connection. What happens until there is another
session would not be heard, and an event that comes again would end that one as well.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import discord

VITAL: Final = frozenset({"READY", "RESUMED"})  # without them there is no connection: it is made anew

log = logging.getLogger(__name__)

Reading = Callable[[Any], Any]


def survive_unreadable_events(client: discord.Client) -> None:
    """Have `client` leave out what it cannot read."""
    readers: dict[str, Reading] = client._connection.parsers
    for event in readers.keys() - VITAL:
        readers[event] = _survived(event, readers[event])


def _survived(event: str, read: Reading) -> Reading:
    @wraps(read)
    def reading(payload: Any) -> Any:  # noqa: ANN401 - as Discord sent it
        try:
            return read(payload)
        except Exception:
            log.exception("an event %s cannot be read and is left out", event)

    return reading
