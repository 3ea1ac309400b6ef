"""The way in for programs: await one function, get values back.

    from points_core.api import award_points, get_balance

    await award_points(user_id="123", amount=10, reason="Event participation")
    balance = await get_balance(user_id="123")
    print(f"Current balance: {balance}")

The functions below use one database for as long as the event loop runs, the one POINTS_DATABASE_URL names
(by default a file beside the process). For a lifetime of your own, or other settings, use `Points.opened`
and the operations themselves.

Arguments of a wrong type are refused as other wrong values are: InvalidSetting, InvalidText or InvalidTime, whose
fields say of which argument, and what it has to be.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, date, datetime
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from points_core import achievements, approvals, awards, history, leaderboard
from points_core.achievements import Achievements
from points_core.database import Points
from points_core.errors import InvalidSetting
from points_core.given import checked
from points_core.history import Page
from points_core.leaderboard import Board
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Kind, Origin, Receipt, Request, clean_instant, outside_key
from points_core.windows import WindowName

P = ParamSpec("P")
T = TypeVar("T")

__all__ = [
    "Points",
    "award_points",
    "deduct_points",
    "get_achievements",
    "get_balance",
    "get_history",
    "get_leaderboard",
    "reverse_transaction",
]


@checked
async def award_points(
    *,
    user_id: str,
    amount: int,
    reason: str,
    category: str | None = None,
    evidence: str | None = None,
    effective_at: datetime | None = None,
    community_id: str | None = None,
    idempotency_key: str | None = None,
) -> Receipt | Request:
    """Give a member points.

    user_id: the member's outside id. amount: points, a positive whole number. evidence: a link. effective_at:
    an aware datetime, when it counts, if not now. community_id: the settings' community if None.
    idempotency_key: the same key moves points once; made up if None.
    Returns the receipt, or the approval request it waits in when the community wants other people to agree.
    Raises InvalidAmount, InvalidText, InvalidTime, UnknownCategory, BalanceOutOfRange, DuplicateTransaction.
    """
    points = await _opened()
    return await _write(
        points,
        approvals.request,
        _origin(points, community_id, idempotency_key),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=amount,
        reason=reason,
        category=category,
        evidence=evidence,
        effective_at=effective_at,
    )


@checked
async def deduct_points(
    *,
    user_id: str,
    amount: int,
    reason: str,
    category: str | None = None,
    evidence: str | None = None,
    effective_at: datetime | None = None,
    community_id: str | None = None,
    idempotency_key: str | None = None,
) -> Receipt | Request:
    """Take points from a member; arguments and answer as for `award_points`, `amount` positive.

    Raises InsufficientBalance too, where balances may not go negative.
    """
    points = await _opened()
    return await _write(
        points,
        approvals.request,
        _origin(points, community_id, idempotency_key),
        kind=Kind.DEDUCTION,
        user_id=user_id,
        amount=amount,
        reason=reason,
        category=category,
        evidence=evidence,
        effective_at=effective_at,
    )


@checked
async def get_balance(
    *,
    user_id: str,
    as_of: datetime | None = None,
    corrected: bool = False,
    community_id: str | None = None,
) -> int:
    """Return a member's current balance in points; 0 for someone who never had any.

    as_of: an aware datetime, the balance as it stood then; `corrected`: as corrected since.
    """
    points = await _opened()
    balance = await points.read(
        history.balance,
        community_id or points.settings.community,
        user_id,
        as_of=_aware(as_of),
        corrected=corrected,
    )
    return balance.current


@checked
async def get_achievements(*, user_id: str, community_id: str | None = None) -> Achievements:
    """Return a member's level, how far the next one is, and badges: held, still open with progress, taken back.

    The level is None where the community has no levels; nothing is held by someone never seen.
    """
    points = await _opened()
    return await points.read(achievements.of, community_id or points.settings.community, user_id, _now())


@checked
async def get_leaderboard(
    *,
    window: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    season: str | None = None,
    category: str | None = None,
    top: int = 10,
    as_of: datetime | None = None,
    corrected: bool = False,
    compare: bool = False,
    community_id: str | None = None,
) -> Board:
    """Return a leaderboard: of a window, of days, or of a season; of all time if none of them is given.

    window: a name of `WindowName` (all, today, week, month, …). first_day, last_day: both included; None for
    the first day with points, and for today. Days are those of the community's time zone. as_of: an aware
    datetime, the board as it stood then; `corrected`: as corrected since. compare: say of each line how many
    ranks it moved since the window before. top: down to which rank.
    Raises UnknownCategory, UnknownSeason, InvalidTime, InvalidSetting.
    """
    points = await _opened()
    return await points.read(
        leaderboard.asked,
        community_id or points.settings.community,
        _now(),
        window=None if window is None else _window(window),
        first=first_day,
        last=last_day,
        season=season,
        category=category,
        top=top,
        as_of=_aware(as_of),
        corrected=corrected,
        compare=compare,
    )


@checked
async def get_history(
    *,
    user_id: str | None = None,
    category: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 10,
    community_id: str | None = None,
) -> Page:
    """Return transactions, newest first: a member's, or everyone's; `before` is the last page's `older`.

    since, until: aware datetimes, until not included.
    Raises UnknownCategory, InvalidTime, InvalidSetting.
    """
    points = await _opened()
    return await points.read(
        history.page,
        community_id or points.settings.community,
        user_id=user_id,
        category=category,
        since=_aware(since),
        until=_aware(until),
        before=before,
        limit=limit,
    )


@checked
async def reverse_transaction(
    *, number: int, reason: str, community_id: str | None = None, idempotency_key: str | None = None
) -> Receipt:
    """Take transaction `number` back with a linked one, dated like it.

    Raises UnknownTransaction, AlreadyReversed, NotReversible, InsufficientBalance, DuplicateTransaction.
    """
    points = await _opened()
    return await _write(
        points, awards.reverse, _origin(points, community_id, idempotency_key), number, reason=reason
    )


async def _write(
    points: Points,
    operation: Callable[Concatenate[Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a write, then settle what members achieved by it."""
    done = await points.write(operation, *args, **kwargs)
    await achievements.follow_up(points, _now())
    return done


_Lifetime = tuple[AsyncGenerator[Points, None], "asyncio.Task[Points]"]
_lifetimes: dict[asyncio.AbstractEventLoop, _Lifetime] = {}


async def _opened() -> Points:
    """Return the running loop's own Points, opened by whoever asks first."""
    loop = asyncio.get_running_loop()
    if loop not in _lifetimes:
        lifetime = _lifetime(loop)
        _lifetimes[loop] = (lifetime, loop.create_task(_first(lifetime)))
    mine = _lifetimes[loop]
    try:
        return await asyncio.shield(mine[1])
    except Exception:
        if _lifetimes.get(loop) is mine:  # someone may have opened anew since
            del _lifetimes[loop]
        raise


async def _first(lifetime: AsyncGenerator[Points, None]) -> Points:
    return await anext(lifetime)


async def _lifetime(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[Points, None]:
    """Hold the database open until the event loop ends: asyncio.run closes the generators left open."""
    points = await Points.open(Settings.load())
    try:
        yield points
    finally:
        _lifetimes.pop(loop, None)
        await points.close()


def _origin(points: Points, community_id: str | None, key: str | None) -> Origin:
    actor = Actor(ActorKind.CLIENT)
    kept = outside_key("python", key) if key else f"python:{uuid4()}"
    return Origin(community_id or points.settings.community, actor, _now(), kept)


def _window(name: str) -> WindowName:
    try:
        return WindowName(name)
    except ValueError:
        raise InvalidSetting("window", name[:40], "one of " + ", ".join(WindowName)) from None


def _now() -> datetime:
    return datetime.now(UTC)


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else clean_instant(moment)
