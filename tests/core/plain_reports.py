"""Reports over a plain list of receipts, counted one by one: slow, obvious, to compare with."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from points_core.reports import Totals
from points_core.values import ActorKind, Kind, Receipt
from points_core.windows import Window


def totals(receipts: Iterable[Receipt]) -> Totals:
    counted = list(receipts)

    def points(kind: Kind) -> int:
        return sum(r.amount for r in counted if r.kind is kind)

    def times(kind: Kind) -> int:
        return sum(r.kind is kind for r in counted)

    net = sum(r.amount for r in counted)
    awarded, deducted, back = (points(kind) for kind in (Kind.AWARD, Kind.DEDUCTION, Kind.REVERSAL))
    return Totals(
        transactions=len(counted),
        awards=times(Kind.AWARD),
        awarded=awarded,
        deductions=times(Kind.DEDUCTION),
        deducted=-deducted,
        reversals=times(Kind.REVERSAL),
        reversed=back,
        other=net - awarded - deducted - back,
        net=net,
    )


def members(receipts: Iterable[Receipt]) -> int:
    return len({r.user_id for r in receipts})


def givers(receipts: Iterable[Receipt]) -> int:
    return len({r.actor.user_id for r in receipts if r.kind is Kind.AWARD and by_member(r)})


def by_member(receipt: Receipt) -> bool:
    return receipt.actor.kind is ActorKind.MEMBER


def held(receipts: Iterable[Receipt], window: Window) -> list[Receipt]:
    return [r for r in receipts if window.holds(r.effective_at)]


def standing(receipts: Iterable[Receipt]) -> list[Receipt]:
    every = list(receipts)
    taken_back = {r.reverses for r in every}
    return [r for r in every if r.kind is Kind.AWARD and r.number not in taken_back]


def local_day(receipt: Receipt, zone: ZoneInfo) -> date:
    return receipt.effective_at.astimezone(zone).date()


STARTS: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
    "year": lambda day: day.replace(month=1, day=1),
}


def by_period(receipts: Iterable[Receipt], every: str, zone: ZoneInfo) -> dict[date, list[Receipt]]:
    found = defaultdict(list)
    for receipt in receipts:
        found[STARTS[every](local_day(receipt, zone))].append(receipt)
    return dict(found)


def given(receipts: Iterable[Receipt]) -> dict[tuple[str, str], int]:
    """Return how many points each person gave each other one, in awards that stand."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for receipt in standing(receipts):
        if by_member(receipt):
            found[str(receipt.actor.user_id), str(receipt.user_id)] += receipt.amount
    return dict(found)


def shares(points: Iterable[int]) -> list[float]:
    every = list(points)
    return [each / sum(every) for each in every]


def middle(amounts: Sequence[int]) -> float:
    return float(median(amounts))


def p90(amounts: Sequence[int]) -> float:
    """Return the 90th percentile, between its neighbours in proportion."""
    ordered = sorted(amounts)
    place = 0.9 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
