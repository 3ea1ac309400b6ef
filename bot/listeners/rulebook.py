"""Each server's rules in memory, and what is done about a fact that they care about."""

import asyncio
import logging
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from points_core import rules
from points_core.changes import Change
from points_core.errors import DatabaseUnavailable, Refused
from points_core.rules import Compiled, Fact, Fired, On, Rule
from points_core.values import Actor, ActorKind, Origin

if TYPE_CHECKING:
    from bot.client import PointsBot

KEPT: Final = 10_000  # facts that wait for books that cannot be reached: some minutes of a busy server

log = logging.getLogger(__name__)


class Rulebook:
    """The rules that listen in each server; compiled when first asked for, again when they change.

    Changes are told by the books, wherever they were made; what is kept is only a hint all the same: the
    operation that gives points reads the rules once more.
    """

    def __init__(self, bot: "PointsBot") -> None:
        self._bot = bot
        self._kept: dict[str, Compiled] = {}
        self._reading: dict[str, asyncio.Lock] = {}
        self._heard = 0
        self._waiting: deque[tuple[Origin, Fact]] = deque(maxlen=KEPT)

    def forget(self, change: Change) -> None:
        """Read the rules of the community that changed anew when they are next asked for."""
        self._heard += 1
        if change.community is None:
            self._kept.clear()
        else:
            self._kept.pop(change.community, None)

    async def listening(self, community: str, on: On) -> tuple[Rule, ...]:
        """Return the rules that listen to such events in a community; from memory but for the first time."""
        return (await self.compiled(community)).of(on)

    async def compiled(self, community: str) -> Compiled:
        """Return a community's acting rules; from memory but for the first time."""
        kept = self._kept.get(community)
        return kept if kept is not None else await self._read(community)

    async def watched(self, community: str, on: On, **place: str | None) -> bool:
        """Return whether a rule might care about such a thing there; so while the rules cannot be read."""
        try:
            return (await self.compiled(community)).watched(on, **place)
        except DatabaseUnavailable:
            return True

    async def hear(self, community: str, fact: Fact) -> Fired | None:
        """Act on a fact if any rule cares about it; return what came of it, None if none did.

        While the books cannot be reached it waits, in memory, for the ticker.
        """
        try:
            return await self.act(community, fact)
        except DatabaseUnavailable as fault:
            log.warning("%s waits for the books: %s", fact.key, fault.why)
            self._waiting.append((self._origin(community, fact), fact))
        except Refused as refusal:
            log.warning("%s came to nothing: %r", fact.key, refusal)
        return None

    async def act(self, community: str, fact: Fact) -> Fired | None:
        """Act on a fact that will be told of again if this fails. Raises DatabaseUnavailable, Refused."""
        if not (await self.compiled(community)).caring(fact):
            return None
        fired = await self._bot.points.write(rules.fire, self._origin(community, fact), fact)
        await self._bot.returning.see(community, fact.user_id, fact.joined_at)
        self._bot.courier.wake()
        return fired

    def _origin(self, community: str, fact: Fact) -> Origin:
        return Origin(community, Actor(ActorKind.SYSTEM), self._bot.now(), _key(fact))

    async def tick(self) -> None:
        """Act on what waited for the books, in order. Raises DatabaseUnavailable."""
        while self._waiting:
            origin, fact = self._waiting[0]
            try:
                await self._bot.points.write(rules.fire, origin, fact)
            except DatabaseUnavailable:
                raise
            except Refused as refusal:
                log.warning("%s came to nothing: %r", fact.key, refusal)
            except Exception:  # it holds up nothing that came after it
                log.exception("%s could not be acted on", fact.key)
            self._waiting.popleft()

    async def _read(self, community: str) -> Compiled:
        """Read a community's rules; they are kept unless something changed meanwhile."""
        async with self._reading.setdefault(community, asyncio.Lock()):
            if community in self._kept:
                return self._kept[community]
            heard = self._heard
            _, compiled = await self._bot.points.read(rules.compiled, community)
            if heard == self._heard:
                self._kept[community] = compiled
            return compiled


def _key(fact: Fact) -> str:
    """Return an idempotency key for telling of a fact, whatever letters its own key holds (an emoji's, say)."""
    return f"fact:{sha256(fact.key.encode()).hexdigest()[:40]}"
