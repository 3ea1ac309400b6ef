"""Boards: who stands where, in which window and category, now or as of any date.

Ranks are 1, 2, 2, 4: equal points share a rank and the next is skipped. Among equals, who got there first
stands first. Only members with more than 0 points stand on a board. A board is cut by rank, so that a tie
is never split; past TIED further lines `more_tied` says how many were left out.

board.py     a board and its lines: values
stored.py    one stored span, now: read off the index in the order of the board
summed.py    any other days, any date: each member's points are summed up, then ranked
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TypedDict

from sqlalchemy import Connection

from points_core import communities, policy, seasons, sums
from points_core.errors import InvalidSetting, InvalidTime
from points_core.leaderboard import stored, summed
from points_core.leaderboard.board import MAX_TOP, TIED, Board, Line, Standing
from points_core.leaderboard.stored import Scores
from points_core.policy import Policy
from points_core.ranks import rank
from points_core.scores import EVERY_CATEGORY
from points_core.seasons import Season
from points_core.sums import Sums, Wanted
from points_core.values import clean_day
from points_core.windows import Window, WindowName

__all__ = [
    "MAX_TOP",
    "TIED",
    "Board",
    "Standing",
    "asked",
    "between",
    "named",
    "of_season",
    "rank",
    "ranks_before",
    "standings",
]

Source = Scores | Sums


class _About(TypedDict):
    category: str | None
    top: int
    around: str | None
    as_of: datetime | None
    corrected: bool
    compare: bool


def asked(
    tx: Connection,
    community: str,
    now: datetime,
    *,
    window: WindowName | None = None,
    first: date | None = None,
    last: date | None = None,
    season: str | None = None,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
    compare: bool = False,
) -> Board:
    """Return the board of a named window, of the local days from `first` to `last`, or of a season.

    All time if none of them is given. The rest is as for `named`, `between` and `of_season`.
    Raises InvalidSetting for more than one of them, and what those raise.
    """
    days = first is not None or last is not None
    if (window is not None) + days + (season is not None) > 1:
        raise InvalidSetting("window", season or window, "the only one of window, days and season")
    about: _About = {
        "category": category,
        "top": top,
        "around": around,
        "as_of": as_of,
        "corrected": corrected,
        "compare": compare,
    }
    if season is not None:
        return of_season(tx, community, season, **about)
    if days:
        return between(tx, community, first, last, now, **about)
    return named(tx, community, window or WindowName.ALL, now, **about)


def named(
    tx: Connection,
    community: str,
    name: WindowName,
    now: datetime,
    *,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
    compare: bool = False,
) -> Board:
    """Return the board of the window called `name`, as seen in the community's zone at `as_of`, or `now`.

    As it stood then, days begin where they began then. The rest is as for `standings`.
    Raises UnknownCategory, InvalidSetting.
    """
    board = standings(
        tx,
        community,
        window=Window.named(name, as_of or now, policy.zone_at(tx, community, None if corrected else as_of)),
        category=category,
        top=top,
        around=around,
        as_of=as_of,
        corrected=corrected,
        compare=compare,
    )
    return replace(board, name=name)


def between(
    tx: Connection,
    community: str,
    first: date | None,
    last: date | None,
    now: datetime,
    *,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
    compare: bool = False,
) -> Board:
    """Return the board of the local days from `first` to `last`, both included.

    None: from the day of the community's first points, to the day of `as_of` or `now`.
    The rest is as for `standings`. Raises InvalidTime for an empty range and for days beyond the calendar,
    UnknownCategory, InvalidSetting.
    """
    for day in (first, last):
        if day is not None:
            clean_day(day)
    then = None if corrected else as_of
    zone = policy.zone_at(tx, community, then)
    last = last or (as_of or now).astimezone(zone).date()
    if first is None:
        community_id = communities.find(tx, community)
        earliest = sums.first_effective(tx, community_id, then) if community_id is not None else None
        first = min(earliest.astimezone(zone).date(), last) if earliest else last
    if last < first:
        raise InvalidTime(f"{first.isoformat()} to {last.isoformat()}")
    return standings(
        tx,
        community,
        window=Window.between(first, last + timedelta(days=1), zone),
        category=category,
        top=top,
        around=around,
        as_of=as_of,
        corrected=corrected,
        compare=compare,
    )


def standings(
    tx: Connection,
    community: str,
    *,
    window: Window,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
    compare: bool = False,
) -> Board:
    """Return the board of `window`, up to rank `top`.

    community: its outside id; a community never seen has an empty board. category: its name, retired ones
    included; None for all points. around: the outside id of the member whose line is wanted too.
    as_of: an instant (aware) at which to look. The board is as it stood: of what was written by then;
    if `corrected`, of what counts by then, whenever it was written.
    compare: say of each line how it moved since the window before; nothing is before all time.
    Raises UnknownCategory, and InvalidSetting for a `top` outside 1 to 1,000.
    """
    rules = policy.of(tx, community)
    board = _empty(rules, window, category, top, as_of, corrected=corrected)
    community_id = communities.find(tx, community)
    if community_id is None:
        return board
    wanted = Wanted(community_id, _category_id(rules, category), window, rules.zone, as_of, corrected)
    before = _source_before(tx, community, wanted) if compare else None
    return _filled(tx, board, community_id, _source(tx, wanted), before, top, around)


def of_season(
    tx: Connection,
    community: str,
    name: str,
    *,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
    compare: bool = False,
) -> Board:
    """Return the board of the season called `name`: once it is sealed its result, before that how it stands.

    corrected: what the season would be with what has been dated into it since. compare: with the season
    before. The rest is as for `standings`. Raises UnknownSeason, UnknownCategory, InvalidSetting.
    """
    rules = policy.of(tx, community)
    season = seasons.named(tx, community, name)
    empty = _empty(rules, season.window, category, top, as_of, corrected=corrected)
    community_id = communities.find(tx, community)
    assert community_id is not None
    wanted = Wanted(community_id, _category_id(rules, category), season.window, rules.zone, as_of, corrected)
    before = _season_source_before(tx, community, wanted, season) if compare else None
    sealed = season.sealed_at is not None and as_of is None and not corrected
    return _filled(
        tx,
        replace(empty, season=season.name, sealed=sealed),
        community_id,
        _season_source(tx, wanted, season),
        before,
        top,
        around,
    )


def ranks_before(
    tx: Connection,
    community: str,
    member_ids: Collection[int],
    *,
    window: Window,
    season: str | None = None,
    category: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
) -> dict[int, int] | None:
    """Return which ranks members (by their numbers) had in the window before, None where nothing is before.

    The board is the one of `standings` with the same arguments, or of `of_season`. Who is missing in the answer
    stood on no board there. Raises UnknownCategory, UnknownSeason.
    """
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    rules = policy.of(tx, community)
    wanted = Wanted(community_id, _category_id(rules, category), window, rules.zone, as_of, corrected)
    if season is None:
        before = _source_before(tx, community, wanted)
    else:
        before = _season_source_before(tx, community, wanted, seasons.named(tx, community, season))
    return None if before is None else _ranks(tx, before, member_ids)


def _source_before(tx: Connection, community: str, wanted: Wanted) -> Source | None:
    then = None if wanted.corrected else wanted.as_of
    before = wanted.window.previous(policy.zone_at(tx, community, then))
    return _source(tx, replace(wanted, window=before)) if before else None


def _season_source_before(tx: Connection, community: str, wanted: Wanted, season: Season) -> Source | None:
    before = seasons.before(tx, community, season)
    return _season_source(tx, replace(wanted, window=before.window), before) if before else None


def _season_source(tx: Connection, wanted: Wanted, season: Season) -> Source:
    if season.sealed_at is None or wanted.corrected or wanted.as_of is not None:
        return _source(tx, wanted)
    return seasons.result(wanted.community_id, season.number, wanted.category_id)


def _empty(
    rules: Policy, window: Window, category: str | None, top: int, as_of: datetime | None, *, corrected: bool
) -> Board:
    if not 1 <= top <= MAX_TOP:
        raise InvalidSetting("top", top, f"from 1 to {MAX_TOP:,}")
    heading = rules.category(category, retired=True)
    return Board(window, None, heading.name if heading else None, as_of, corrected=corrected)


def _category_id(rules: Policy, category: str | None) -> int:
    heading = rules.category(category, retired=True)
    return heading.id if heading else EVERY_CATEGORY


def _source(tx: Connection, wanted: Wanted) -> Source:
    """Return the stored scores if they are what is wanted, else the sums."""
    wanted = sums.settled(tx, wanted)
    span = wanted.stored
    if span is None:
        return sums.of(tx, wanted)
    return Scores(wanted.community_id, span, wanted.window.ordinal, wanted.category_id)


def _filled(
    tx: Connection,
    board: Board,
    community_id: int,
    source: Source,
    before: Source | None,
    top: int,
    around: str | None,
) -> Board:
    person = communities.people(tx, community_id, [around]).get(around) if around is not None else None
    member_id = person.id if person else None
    if isinstance(source, Scores):
        found = stored.found(tx, source, top, member_id)
    else:
        found = summed.found(tx, community_id, source, top, member_id)
    earlier = None if before is None else _ranks(tx, before, found.member_ids)
    return replace(
        board,
        standings=tuple(_standing(line, earlier) for line in found.lines),
        more_tied=found.more_tied,
        members=found.members,
        mine=_standing(found.mine, earlier) if found.mine else None,
        neighbours=tuple(_standing(line, earlier) for line in found.neighbours),
    )


def _ranks(tx: Connection, source: Source, member_ids: Collection[int]) -> dict[int, int]:
    if isinstance(source, Scores):
        return source.ranks(tx, member_ids)
    return summed.ranks(tx, source, member_ids)


def _standing(line: Line, earlier: Mapping[int, int] | None) -> Standing:
    standing = Standing(line.rank, line.user_id, line.name, line.points, hidden=line.hidden)
    if earlier is None:
        return standing
    rank = earlier.get(line.member_id)
    return replace(standing, moved=None if rank is None else rank - line.rank, new=rank is None)
