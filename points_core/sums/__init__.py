"""Each member's points in any window: as they are now, as they stood then, as corrected since.

Scores are kept per span. What they cannot say by themselves is put together in the way that reads least:

from_ledger   the transactions, summed up
from_spans    now or as corrected: scores of the largest spans up to the date, and the rest of its day
taken_back    a stored span as it stood or as corrected: today's scores less what came after the date

Every way says the same of a member: the points, and `reached_seq`, the last transaction that counts.

wanted.py     which points
ways.py       the three ways
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection, case, func, select

from points_core import ranks
from points_core.models import PointTransaction
from points_core.scores import RANKED
from points_core.sums.wanted import Conditions, Sums, Wanted
from points_core.sums.ways import from_ledger, from_spans, how_many, of_span, spans_of, taken_back
from points_core.windows import Span

__all__ = ["Sums", "Wanted", "first_effective", "last_recorded", "of", "place", "settled"]

LOOK_UP = 4  # a transaction taken back is read, sorted in, and its member's last one before it looked up


def settled(tx: Connection, wanted: Wanted) -> Wanted:
    """Return what is wanted without its date, if nothing that came after it changes the answer."""
    as_of, window = wanted.as_of, wanted.window
    if as_of is None:
        return wanted
    if wanted.corrected and window.end is not None and window.end <= as_of:
        return replace(wanted, as_of=None)
    clock = PointTransaction.effective_at if wanted.corrected else PointTransaction.recorded_at
    later = select(PointTransaction.seq).where(
        PointTransaction.community_id == wanted.community_id, clock > as_of
    )
    return wanted if tx.execute(later.limit(1)).first() else replace(wanted, as_of=None)


def of(tx: Connection, wanted: Wanted) -> Sums:
    """Return the SELECT that sums up what is `wanted`; some of its members have 0 points or fewer."""
    wanted = settled(tx, wanted)
    if wanted.stored is not None:
        return of_span(wanted, wanted.stored, [wanted.window.ordinal])
    return min(_ways(tx, wanted), key=lambda way: way[0])[1]()


def place(tx: Connection, wanted: Wanted, points: int) -> tuple[int, int]:
    """Return the rank that `points` have among what is wanted, and how many members have more than 0."""
    wanted = settled(tx, wanted)
    if wanted.stored in RANKED:
        whose, board = (wanted.community_id, wanted.category_id), (wanted.stored, wanted.window.ordinal)
        return ranks.rank(tx, *whose, max(points, 0), *board), ranks.count(tx, *whose, *board)
    summed = of(tx, wanted).subquery("summed")
    above = func.coalesce(func.sum(case((summed.c.points > points, 1), else_=0)), 0)
    row = tx.execute(select(above, func.count()).where(summed.c.points > 0)).one()
    return 1 + int(row[0]), int(row[1])


def last_recorded(tx: Connection, community_id: int, as_of: datetime) -> int:
    """Return the number of the last transaction recorded by `as_of`, 0 if there is none."""
    latest = (
        select(PointTransaction.seq)
        .where(PointTransaction.community_id == community_id, PointTransaction.recorded_at <= as_of)
        .order_by(PointTransaction.recorded_at.desc(), PointTransaction.seq.desc())
        .limit(1)
    )
    return tx.execute(latest).scalar() or 0


def first_effective(tx: Connection, community_id: int, as_of: datetime | None = None) -> datetime | None:
    """Return when the earliest of the community's points count, None if it has none.

    as_of: an instant (aware); of what was recorded by then.
    """
    earliest = (
        select(PointTransaction.effective_at)
        .where(PointTransaction.community_id == community_id)
        .order_by(PointTransaction.effective_at)
        .limit(1)
    )
    if as_of is not None:
        earliest = earliest.where(PointTransaction.recorded_at <= as_of)
    return tx.execute(earliest).scalar()


# ── which way reads least ──


@dataclass(frozen=True, slots=True)
class _Split:
    """The window's transactions at the date: those that count, about how many, and those that came after."""

    counted: Conditions
    count: int
    later: Conditions
    later_count: int


def _ways(tx: Connection, wanted: Wanted) -> list[tuple[int, Callable[[], Sums]]]:
    """Return each way that is open, with about how many rows it reads."""
    members = ranks.count(tx, wanted.community_id, wanted.category_id) + 1
    split = _split(tx, wanted, most=LOOK_UP * members)
    ways: list[tuple[int, Callable[[], Sums]]] = [(split.count, lambda: from_ledger(wanted, split.counted))]
    if wanted.whole and (wanted.as_of is None or wanted.corrected):
        spans = _spans(tx, wanted)
        rows = sum(map(len, spans.values())) * min(members, split.count)
        ways.append((rows, lambda: from_spans(wanted, spans)))
    span = wanted.span
    if wanted.as_of is not None and span is not None:
        rows = min(members, split.count + split.later_count) + LOOK_UP * split.later_count
        ways.append((rows, lambda: taken_back(wanted, span, split.counted, split.later)))
    return ways


def _spans(tx: Connection, wanted: Wanted) -> dict[Span, list[date]]:
    days = [wanted.window.after, wanted.as_of.astimezone(wanted.zone).date() if wanted.as_of else None]
    after = min(day for day in days if day is not None)
    return spans_of(wanted, after, first_effective(tx, wanted.community_id))


def _split(tx: Connection, wanted: Wanted, most: int) -> _Split:
    """Split the window's transactions at the date; counting ends at `most`."""
    if wanted.as_of is None:
        return _Split((), how_many(tx, wanted.in_window(), most), (), 0)
    head = select(func.max(PointTransaction.seq)).where(PointTransaction.community_id == wanted.community_id)
    every = tx.execute(head).scalar() or 0
    if wanted.corrected:
        counted, later = (
            PointTransaction.effective_at <= wanted.as_of,
            PointTransaction.effective_at > wanted.as_of,
        )
        after = how_many(tx, (*wanted.in_window(), later), most)
        endless = wanted.window.start is None and wanted.window.end is None
        by_then = every - after if endless else how_many(tx, (*wanted.in_window(), counted), most)
        return _Split((counted,), by_then, (later,), after)
    return _split_by_number(tx, wanted, every, most)


def _split_by_number(tx: Connection, wanted: Wanted, every: int, most: int) -> _Split:
    assert wanted.as_of is not None
    last = last_recorded(tx, wanted.community_id, wanted.as_of)
    since = every - last
    endless = wanted.window.start is None and wanted.window.end is None
    within = every if endless else how_many(tx, wanted.in_window(), most)
    # + 0: where the window's transactions are fewer, they are read by their date, not by their number
    counted = PointTransaction.seq + 0 <= last if within < last else PointTransaction.seq <= last
    later = PointTransaction.seq + 0 > last if within < since else PointTransaction.seq > last
    return _Split((counted,), min(within, last), (later,), min(within, since))
