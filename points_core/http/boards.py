"""The leaderboard: any window and date, page by page, around a member, with statistics."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import Response

from points_core import leaderboard, paging
from points_core.clients import Scope
from points_core.http.guard import Guarded, needs
from points_core.http.schemas import (
    AroundOut,
    CategoryName,
    Day,
    Given,
    Instant,
    LeaderboardOut,
    Limit,
    LineOut,
    SeasonName,
    StatisticsOut,
    UserId,
    WindowOut,
)
from points_core.http.seam import Asking, Caller
from points_core.leaderboard import Board
from points_core.paging import BoardPage, Line, Place, Statistics
from points_core.windows import WindowName

router = APIRouter(route_class=Guarded, tags=["reads"])

CURSOR = r"^[1-9][0-9]{0,14}\.[1-9][0-9]{0,14}$"
"""A place on a board: its points, and the transaction that reached them."""


class LeaderboardQuery(Given):
    """Which board, and which part of it."""

    window: Annotated[
        WindowName | None, Field(description="A span of time in the community's zone; `all` if not given.")
    ] = None
    first: Annotated[Day | None, Field(alias="from", description="The first day, included.")] = None
    last: Annotated[Day | None, Field(alias="to", description="The last day, included.")] = None
    season: Annotated[
        SeasonName | None, Field(description="The season of this name, instead of a window or days.")
    ] = None
    category: CategoryName | None = None
    as_of: Annotated[Instant | None, Field(description="The board as it stood then.")] = None
    corrected: Annotated[
        bool, Field(description="With `as_of`: of what counts by then, whenever it was written.")
    ] = False
    around: Annotated[
        UserId | None, Field(description="Also the line of this member, and its neighbours.")
    ] = None
    statistics: Annotated[bool, Field(description="Also members, total and median.")] = False
    compare: Annotated[
        bool, Field(description="Also how each rank moved since the window, or the season, before.")
    ] = False
    cursor: Annotated[str | None, Field(pattern=CURSOR, description="The `next` of the page before.")] = None
    limit: Limit = 10


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, in one snapshot; `before` are ranks in the window before, by members' numbers."""

    board: Board
    page: BoardPage
    statistics: Statistics | None
    before: Mapping[int, int] | None


def look(
    tx: Connection, community: str, asked: LeaderboardQuery, after: Place | None, now: datetime
) -> Looked:
    """Return the page that is asked for, and what surrounds it. Raises UnknownCategory, InvalidTime."""
    which: dict[str, Any] = {"category": asked.category, "as_of": asked.as_of, "corrected": asked.corrected}
    board = leaderboard.asked(
        tx,
        community,
        now,
        window=asked.window,
        first=asked.first,
        last=asked.last,
        season=asked.season,
        top=1,
        around=asked.around,
        compare=asked.compare,
        **which,
    )
    which |= {"window": board.window, "season": asked.season}
    page = paging.page(tx, community, after=after, limit=asked.limit, **which)
    counted = paging.statistics(tx, community, **which) if asked.statistics else None
    shown = {line.member_id for line in page.lines}
    before = leaderboard.ranks_before(tx, community, shown, **which) if asked.compare else None
    return Looked(board, page, counted, before)


@router.get(
    "/points/leaderboard",
    response_model=LeaderboardOut,
    response_model_exclude_none=False,
    responses={
        200: {"headers": {"ETag": {"description": "Names this answer.", "schema": {"type": "string"}}}},
        304: {"description": "The board is still the one that If-None-Match names."},
    },
)
@needs(Scope.READ)
async def get_leaderboard(
    asked: Annotated[LeaderboardQuery, Query()], request: Request, seam: Asking, client: Caller
) -> Response:
    """Return who stands where: in a named window, in days, or in a season; now or as of a date; with an ETag."""
    found = await seam.look(look, client.community, asked, _place(asked.cursor), seam.now())
    body = _told(asked, found).model_dump_json(exclude_none=False).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _told(asked: LeaderboardQuery, found: Looked) -> LeaderboardOut:
    window = found.board.window
    return LeaderboardOut(
        window=WindowOut(name=found.board.name, start=window.start, end=window.end),
        season=found.board.season,
        sealed=found.board.sealed,
        category=found.board.category,
        as_of=asked.as_of,
        corrected=asked.corrected,
        members=found.board.members,
        standings=[_line(line, found.before) for line in found.page.lines],
        next=_cursor(found.page.next),
        around=_around(found.board) if asked.around is not None else None,
        statistics=StatisticsOut.model_validate(found.statistics) if found.statistics else None,
    )


def _line(line: Line, before: Mapping[int, int] | None) -> LineOut:
    earlier = before.get(line.member_id) if before is not None else None
    return LineOut(
        rank=line.rank,
        user_id=line.user_id,
        name=line.name,
        points=line.points,
        moved=None if earlier is None else earlier - line.rank,
        new=before is not None and earlier is None,
    )


def _around(board: Board) -> AroundOut:
    return AroundOut(
        mine=LineOut.model_validate(board.mine) if board.mine else None,
        neighbours=[LineOut.model_validate(line) for line in board.neighbours],
    )


def _cursor(place: Place | None) -> str | None:
    return f"{place.points}.{place.reached_seq}" if place else None


def _place(cursor: str | None) -> Place | None:
    return Place(*map(int, cursor.split("."))) if cursor else None
