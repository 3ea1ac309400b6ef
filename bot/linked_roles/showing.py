"""What members' accounts show, brought up to date: soon after points moved, a few at once, as Discord allows.

The books say which links show something else than they should (points_core/links). A permission is renewed a
day before it runs out, by whoever holds the link's lease, and kept before it is used: the one before is worth
nothing from then on.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.linked_roles.keys import Seal, Unreadable
from bot.linked_roles.oauth import Denied, DiscordOAuth, NotNow, Over, Permission, Stale, WrongClient
from points_core import links
from points_core.database import Points
from points_core.errors import DatabaseUnavailable
from points_core.links import Turn

AT_ONCE: Final = 4  # links under way: a tenth of what Discord lets an application ask in a second
LEASE_S: Final = 90  # longer than the longest turn: five requests of ten seconds
PAUSE: Final = timedelta(seconds=2)  # between two rounds: what moves meanwhile is shown together
BETWEEN: Final = timedelta(seconds=30)  # two changes of one account
FIRST_PAUSE: Final = timedelta(seconds=40)  # after a failed attempt, doubled each time
LONGEST_PAUSE: Final = timedelta(hours=6)
WRONG_CLIENT_PAUSE: Final = timedelta(minutes=10)  # Discord bans who is refused 10,000 times in ten minutes
ANOTHER_SECRET_PAUSE: Final = timedelta(hours=1)
KEEPING_S: Final = (0.2, 1.0, 5.0)  # a renewed permission is kept, if the books are there again so soon
PATIENCE_S: Final = 5.0  # of somebody in front of a page
STOP_S: Final = 3  # for what is under way when the bot stops

log = logging.getLogger(__name__)


class Superseded(Exception):
    """The member gave the permission anew meanwhile: this one is nobody's business any more."""


class Showing:
    """Brings accounts up to date; `wake` after each write, the ticker does as well.

    platform: how a community is called on the accounts, by its id.
    """

    def __init__(
        self,
        points: Points,
        oauth: DiscordOAuth,
        seal: Seal,
        now: Callable[[], datetime],
        platform: Callable[[str], str],
        *,
        pause: timedelta = PAUSE,
    ) -> None:
        self._points = points
        self._oauth = oauth
        self._seal = seal
        self._now = now
        self._platform = platform
        self._pause = pause
        self._began: datetime | None = None
        self._stopping = False
        self._round: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[None]] = set()
        self._held: tuple[datetime, datetime] | None = None

    def wake(self) -> None:
        """Look now at what is due, unless that was done a moment ago: the ticker then wakes it again."""
        now = self._now()
        under_way = self._round is not None and not self._round.done()
        # a clock that was set back must not make it rest for hours
        rests = self._began is not None and timedelta(0) <= now - self._began < self._pause
        if self._stopping or under_way or rests:
            return
        self._began = now
        self._round = asyncio.create_task(self._do_round(), name="linked roles")

    async def idle(self) -> None:
        """Wait until what was due is shown or put off."""
        if self._round is not None:
            await asyncio.wait([self._round])

    async def stop(self) -> None:
        """Take nothing new, finish what is under way; what remains comes again after its lease."""
        self._stopping = True
        under_way = [*self._asked, *([self._round] if self._round is not None else [])]
        if under_way:
            _, slow = await asyncio.wait(under_way, timeout=STOP_S)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    async def at_once(self, which: links.Number) -> None:
        """Bring one account up to date now, unless Discord asked to wait; somebody waits, but not for long.

        What takes longer goes on by itself.
        """
        if self._is_held() or self._stopping:
            return
        task = asyncio.create_task(self._one(which), name="linked role")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        await asyncio.wait([task], timeout=PATIENCE_S)

    async def _one(self, which: links.Number) -> None:
        try:
            for turn in await self._points.write(links.lease, self._now(), [which], seconds=LEASE_S):
                await self._take(turn)
        except DatabaseUnavailable as fault:
            log.warning("linked roles wait for the books: %s", fault.why)
        except Exception:
            log.exception("a linked role could not be brought up to date")

    async def _do_round(self) -> None:
        try:
            await self._all_due()
        except DatabaseUnavailable as fault:
            log.warning("linked roles wait for the books: %s", fault.why)
        except Exception:
            log.exception("linked roles could not be brought up to date")

    async def _all_due(self) -> None:
        while not self._stopping and not self._is_held():
            found = await self._points.read(links.due, self._now(), limit=AT_ONCE)
            if not found:
                return
            turns = await self._points.write(links.lease, self._now(), found, seconds=LEASE_S)
            if not turns:
                return  # another process has them
            outcomes = await asyncio.gather(*map(self._take, turns), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome

    def _is_held(self) -> bool:
        # one that was held by a clock which was ahead is free when that is right again
        return self._held is not None and self._held[0] <= self._now() < self._held[1]

    async def _take(self, turn: Turn) -> None:
        """Do what a turn asks for, and record how it went. Raises DatabaseUnavailable; its lease then runs out."""
        try:
            await self._carry_out(turn, self._seal.opened(turn.sealed, turn.user_id))
        except Superseded:
            log.info("member %d of %s linked anew meanwhile", turn.member, turn.community)
        except Unreadable:
            log.warning("member %d of %s: %s", turn.member, turn.community, links.LOST_KEY)
            await self._points.write(links.unreadable, turn, self._now() + ANOTHER_SECRET_PAUSE)
        except NotNow as refusal:
            if refusal.everything:
                self._hold(timedelta(seconds=refusal.seconds), str(refusal))
            await self._put_off(turn, str(refusal), timedelta(seconds=refusal.seconds))
        except WrongClient as refusal:
            self._hold(WRONG_CLIENT_PAUSE, str(refusal))
            await self._put_off(turn, str(refusal), WRONG_CLIENT_PAUSE)
        except Denied as refusal:
            await self._put_off(turn, str(refusal))

    async def _carry_out(self, turn: Turn, permission: Permission) -> None:
        try:
            if turn.stale and not turn.ended:
                permission, turn = await self._renewed(permission, turn)
            try:
                await self._act(turn, permission)
            except Stale:
                permission, turn = await self._renewed(permission, turn)
                await self._act(turn, permission)
        except (Over, Stale) as over:
            await self._lose(turn, permission, str(over) or "Discord does not take the permission any more")

    async def _renewed(self, permission: Permission, turn: Turn) -> tuple[Permission, Turn]:
        given = await self._oauth.renewed(permission)
        fresh = Permission(permission.user_id, given.access, given.refresh)
        sealed = self._seal.closed(fresh)
        expires_at = self._now() + timedelta(seconds=given.seconds)
        if not await self._kept(turn, sealed, expires_at):
            raise Superseded
        return fresh, replace(turn, sealed=sealed, stale=False)

    async def _kept(self, turn: Turn, sealed: bytes, expires_at: datetime) -> bool:
        for pause in KEEPING_S:
            try:
                return await self._points.write(links.kept, turn, sealed, expires_at)
            except DatabaseUnavailable as fault:
                log.warning("a renewed permission waits for the books: %s", fault.why)
                await asyncio.sleep(pause)
        return await self._points.write(links.kept, turn, sealed, expires_at)

    async def _act(self, turn: Turn, permission: Permission) -> None:
        if turn.ended:
            await self._oauth.clear(permission)
            await self._oauth.revoke(permission)
            await self._points.write(links.gone, turn)
            return
        if turn.same:
            await self._points.write(links.later, turn, self._now(), None)
            return
        if turn.points is None or turn.level is None:
            wait = await self._oauth.clear(permission)
        else:
            values = {"points": turn.points, "level": turn.level}
            wait = await self._oauth.show(permission, self._platform(turn.community), values)
        now = self._now()
        await self._points.write(links.shown, turn, now, now + max(BETWEEN, timedelta(seconds=wait)))

    async def _lose(self, turn: Turn, permission: Permission, why: str) -> None:
        log.info("the link of member %d of %s broke off: %s", turn.member, turn.community, why)
        try:
            # where only the renewal failed the access token still serves: nobody will correct what it shows
            await self._oauth.clear(permission)
        except (Stale, NotNow, Denied, WrongClient) as error:
            log.debug("what it showed could not be taken away: %r", error)
        await self._points.write(links.lost, turn, self._now(), why)

    async def _put_off(self, turn: Turn, why: str, at_least: timedelta = timedelta(0)) -> None:
        pause = min(FIRST_PAUSE * 2 ** min(turn.attempts - 1, 20), LONGEST_PAUSE)
        log.warning("linked roles: member %d of %s is put off: %s", turn.member, turn.community, why)
        await self._points.write(links.later, turn, self._now() + max(pause, at_least), why)

    def _hold(self, pause: timedelta, why: str) -> None:
        if not self._is_held():
            log.error("linked roles ask Discord nothing for %d seconds: %s", pause.total_seconds(), why)
        now = self._now()
        self._held = now, now + pause
