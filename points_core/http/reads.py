"""What is looked up: a balance, one transaction, history as pages of JSON or as a stream of rows."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BeforeValidator, Field
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from points_core import achievements, expiry, history, policy
from points_core.clients import Scope
from points_core.history import Streaks
from points_core.http import streams
from points_core.http.balances import (
    AchievementsOut,
    BalanceOut,
    CategoryPointsOut,
    GoingOut,
    LevelOut,
    PendingOut,
    StreakOut,
    StreaksOut,
)
from points_core.http.guard import Guarded, needs
from points_core.http.schemas import (
    MAX_NUMBER,
    CategoryName,
    Given,
    HistoryOut,
    Instant,
    Limit,
    Number,
    TransactionOut,
    UserId,
    plain_digits,
)
from points_core.http.seam import Asking, Caller
from points_core.streaks import Streak
from points_core.values import Kind

PAGE = 50  # transactions, where nothing else is asked for

router = APIRouter(route_class=Guarded, tags=["reads"])


class BalanceQuery(Given):
    """Whose balance."""

    user_id: UserId
    recent: Annotated[
        int,
        Field(ge=0, le=100, description="How many of the latest transactions come with it."),
        BeforeValidator(plain_digits),
    ] = 5
    as_of: Annotated[Instant | None, Field(description="What the member had then.")] = None
    corrected: Annotated[
        bool, Field(description="With `as_of`: of what counts by then, whenever it was written.")
    ] = False


@router.get("/points/balance")
@needs(Scope.READ)
async def get_balance(asked: Annotated[BalanceQuery, Query()], seam: Asking, client: Caller) -> BalanceOut:
    """Return what a member has: current, earned, spent, what waits, the latest transactions, level, badges."""
    return await seam.read(_balance, client.community, asked, seam.now())


def _balance(tx: Connection, community: str, asked: BalanceQuery, now: datetime) -> BalanceOut:
    found = history.balance(
        tx, community, asked.user_id, recent=asked.recent, as_of=asked.as_of, corrected=asked.corrected
    )
    programme = policy.of(tx, community).programme
    level = achievements.level_progress(programme, found.earned)
    is_now = asked.as_of is None
    badges = achievements.of(tx, community, asked.user_id, now) if is_now else None
    going = expiry.soon(tx, community, asked.user_id, now) if is_now else ()
    return BalanceOut(
        user_id=found.user_id,
        name=found.name,
        current=found.current,
        earned=found.earned,
        spent=found.spent,
        rank=found.rank,
        members=found.members,
        categories=[CategoryPointsOut(category=name, points=points) for name, points in found.categories],
        pending=[PendingOut.model_validate(each) for each in found.pending],
        recent=[TransactionOut.model_validate(each) for each in found.recent],
        level=LevelOut.model_validate(level) if level else None,
        achievements=AchievementsOut.model_validate(badges) if badges else None,
        streaks=_streaks(history.streaks(tx, community, asked.user_id, now)) if is_now else None,
        expiring=[GoingOut.model_validate(each) for each in going],
    )


def _streaks(found: Streaks) -> StreaksOut:
    return StreaksOut(daily=_streak(found.daily), weekly=_streak(found.weekly))


def _streak(streak: Streak) -> StreakOut:
    return StreakOut(
        current=streak.current,
        best=streak.best,
        last_day=date.fromordinal(streak.last_day) if streak.last_day else None,
        frozen=streak.frozen,
        freezes_left=streak.freezes_left,
        done=streak.done,
    )


@router.get("/points/transactions/{number}")
@needs(Scope.READ)
async def get_transaction(number: Annotated[Number, Path()], seam: Asking, client: Caller) -> TransactionOut:
    """Return one transaction."""
    return TransactionOut.model_validate(await seam.read(history.transaction, client.community, number))


class HistoryQuery(Given):
    """Which transactions; what is left out does not matter."""

    user_id: Annotated[UserId | None, Field(description="Who got or lost points.")] = None
    kind: Kind | None = None
    category: CategoryName | None = None
    actor: Annotated[UserId | None, Field(description="The member who saw to it.")] = None
    client: Annotated[Number | None, Field(description="The API client that did, by its number.")] = None
    batch: Annotated[Number | None, Field(description="The batch they were made in.")] = None
    since: Annotated[Instant | None, Field(description="From when the points count.")] = None
    until: Annotated[Instant | None, Field(description="Before when they count.")] = None
    before: Annotated[
        Number | None, Field(description="Only smaller numbers: the next page, newest first.")
    ] = None
    after: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_NUMBER,
            description="Only greater numbers, oldest first: everything since the last one you have.",
        ),
        BeforeValidator(plain_digits),
    ] = None
    limit: Annotated[
        Limit | None, Field(description=f"At most so many; {PAGE} in JSON, without end as a stream.")
    ] = None

    @property
    def filters(self) -> dict[str, Any]:
        """Return what `history.page` and `history.following` call by the same names."""
        return {name: value for name, value in self if name not in {"before", "after", "limit"}}


@router.get(
    "/points/history",
    response_model=HistoryOut,
    responses={
        200: {
            "description": "A page as JSON; all of it as CSV or JSON Lines where `Accept` asks for those.",
            "content": {
                streams.CSV: {"schema": {"type": "string"}},
                streams.LINES: {"schema": {"type": "string"}},
            },
        }
    },
)
@needs(Scope.READ)
async def get_history(
    asked: Annotated[HistoryQuery, Query()], request: Request, seam: Asking, client: Caller
) -> Response | HistoryOut:
    """Return transactions, newest first, or with `after` oldest first; with `Accept: text/csv` as a stream."""
    pages = streams.Pages(
        seam, client.community, asked.filters, before=asked.before, after=asked.after, left=asked.limit
    )
    media_type = streams.wanted(request.headers.get("Accept", ""))
    if media_type is not None:
        first = await pages.next()  # before the status is out, so that a refusal still has one
        return StreamingResponse(
            streams.rendered(media_type, first, pages), media_type=media_type, headers={"Vary": "Accept"}
        )
    pages.left = asked.limit or PAGE
    found = await pages.next()
    return HistoryOut(
        transactions=[TransactionOut.model_validate(each) for each in found],
        older=pages.before if asked.after is None and not pages.ended else None,
        newest=max((each.number for each in found), default=asked.after),
    )
