"""What changed, told to whoever keeps something in memory: other operations, other processes.

notify      inside an operation: this changed; told once it is committed, to every process
Changes     whom to tell in this process
Kept        what was read, kept until it is told to have changed

What is heard here is a hint, soon but not at once: it spares a read of the database, and nothing more. An
operation that decides reads what it decides by in its own transaction.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Self, TypeVar

from sqlalchemy import Connection, select, text

from points_core.models import Community

CHANNEL = "points_changed"
"""The channel of PostgreSQL's LISTEN and NOTIFY."""

_PENDING = "points_changes"

T = TypeVar("T")

log = logging.getLogger(__name__)


class What(StrEnum):
    """What a community changed."""

    POLICY = "policy"  # its own numbers, categories among them
    RULES = "rules"  # what moves points by itself, badges among them


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `community` (an outside id) is None where anything may have changed anywhere."""

    community: str | None
    what: What | None

    @property
    def payload(self) -> str:
        """Return the change as a notification carries it."""
        return f"{self.what}:{self.community}"

    @classmethod
    def parsed(cls, payload: str) -> Self:
        """Return the change that a notification carries; what cannot be read may mean anything."""
        what, _, community = payload.partition(":")
        try:
            return cls(community, What(what)) if community else cls(None, None)
        except ValueError:  # of a newer version
            return cls(None, None)


ANYTHING = Change(None, None)
"""Something may have changed while nobody listened."""

Callback = Callable[[Change], object]


def notify(tx: Connection, community_id: int, what: What) -> None:
    """Say, inside an operation, that a community changed; told after the commit, not at all without one.

    An operation that is refused after this may still be told in its own process: it is a hint.
    """
    community = tx.execute(select(Community.key).where(Community.id == community_id)).scalar_one()
    change = Change(community, what)
    tx.info.setdefault(_PENDING, []).append(change)
    if tx.dialect.name == "postgresql":
        tx.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": change.payload}
        )


def begun(tx: Connection) -> None:
    """Forget what was said in a transaction that came to nothing; the writer begins with this."""
    tx.info.pop(_PENDING, None)


def said(tx: Connection) -> list[Change]:
    """Return what was said in the transaction, once each; the writer asks before it commits."""
    pending: list[Change] = tx.info.pop(_PENDING, [])
    return list(dict.fromkeys(pending))


class Changes:
    """Whom to tell in this process; every callback is called in the event loop from which it subscribed."""

    def __init__(self) -> None:
        self._subscribers: dict[object, tuple[asyncio.AbstractEventLoop, Callback]] = {}
        self.on_first: Callable[[], object] = lambda: None
        """Called in the loop of the first subscriber: from then on other processes are to be heard."""

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Have `callback(change)` called after each change, in the running loop; returns how to end that."""
        first = not self._subscribers
        ticket = object()
        self._subscribers[ticket] = (asyncio.get_running_loop(), callback)
        if first:
            self.on_first()
        return lambda: self._subscribers.pop(ticket, None) and None

    def tell(self, changes: Iterable[Change]) -> None:
        """Tell every subscriber, each in its own loop; from any thread."""
        for change in changes:
            for loop, callback in list(self._subscribers.values()):
                with suppress(RuntimeError):  # its loop is closed
                    loop.call_soon_threadsafe(_called, callback, change)


def _called(callback: Callback, change: Change) -> None:
    try:
        callback(change)
    except Exception:
        log.exception("a change of %s could not be taken in", change.community or "anything")


class Kept(Generic[T]):
    """What was read of each community, kept until it changes; at most `most` communities, the last used.

    `whats` are the changes that make it old.
    """

    def __init__(self, changes: Changes, whats: Iterable[What], most: int = 10_000) -> None:
        self._whats = frozenset(whats)
        self._most = most
        self._values: OrderedDict[str, T] = OrderedDict()
        self._heard = 0
        self._end = changes.subscribe(self._forget)

    def close(self) -> None:
        """Keep nothing any more."""
        self._end()
        self._values.clear()

    async def of(self, community: str, load: Callable[[], Awaitable[T]]) -> T:
        """Return what is kept of `community`, or what `load` returns.

        That is kept only if nothing changed while it was read.
        """
        if community in self._values:
            self._values.move_to_end(community)
            return self._values[community]
        heard = self._heard
        value = await load()
        if heard == self._heard:
            self._values[community] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value

    def _forget(self, change: Change) -> None:
        if change.what is not None and change.what not in self._whats:
            return
        self._heard += 1
        if change.community is None:
            self._values.clear()
        else:
            self._values.pop(change.community, None)
