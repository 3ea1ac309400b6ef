"""Lots: what is left of each of a member's gains, when losses take the oldest first. No database here.

A transaction that was taken back, and the one that took it back, count as if neither had been: a reversal
removes a gain's lot, or gives back what a loss took from others.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from points_core.values import Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """One of a member's transactions, as far as lots go; `at` is when it counts, `lot` what an expiry is of."""

    seq: int
    amount: int
    category_id: int | None
    at: datetime
    kind: Kind
    reverses: int | None = None
    lot: int | None = None


@dataclass(slots=True)
class Lot:
    """A gain of `amount` points by transaction `seq`, of which `left` are there; `expired`: it was its turn once."""

    seq: int
    category_id: int | None
    at: datetime
    amount: int
    left: int
    expired: bool = False

    @property
    def age(self) -> tuple[datetime, int]:
        """Return what lots are sorted by, the oldest first."""
        return self.at, self.seq


def lots(entries: Iterable[Entry]) -> list[Lot]:
    """Return the lots that a member's transactions (all of them, in order) leave, oldest first, used up ones too.

    A loss in a category takes from its lots first, then from the others; one without a category from all. What
    is lost beyond all lots, where balances may be negative, later gains make up for.
    """
    known = list(entries)
    undone = {entry.reverses for entry in known if entry.reverses is not None}
    expired = {entry.lot for entry in known if entry.lot is not None}
    pool = _Pool()
    for entry in known:
        if entry.kind is Kind.REVERSAL or entry.seq in undone:
            continue
        if entry.amount < 0:
            pool.lose(entry)
        else:
            gained = Lot(entry.seq, entry.category_id, entry.at, entry.amount, entry.amount)
            gained.expired = entry.seq in expired
            pool.gain(gained)
    return sorted(pool.lots.values(), key=lambda lot: lot.age)


@dataclass(slots=True)
class _Pool:
    """The lots so far, and by category those that may have something left, oldest first."""

    lots: dict[int, Lot] = field(default_factory=dict)
    left: dict[int | None, list[Lot]] = field(default_factory=dict)
    debt: int = 0

    def gain(self, lot: Lot) -> None:
        self.lots[lot.seq] = lot
        paid = min(self.debt, lot.left)
        self.debt -= paid
        lot.left -= paid
        if lot.left:
            insort(self.left.setdefault(lot.category_id, []), lot, key=_youngest_first)

    def lose(self, entry: Entry) -> None:
        rest = -entry.amount
        own = self.lots.get(entry.lot) if entry.lot is not None else None
        if own is not None:
            rest -= _take(own, rest)
        while rest and (oldest := self._oldest(entry.category_id) or self._oldest_of_all()):
            rest -= _take(oldest, rest)
        self.debt += rest

    def _oldest(self, category_id: int | None) -> Lot | None:
        """Return the oldest lot of a category that has something left; None for no category, too."""
        if category_id is None:
            return None
        return self._last(self.left.get(category_id, []))

    def _oldest_of_all(self) -> Lot | None:
        found = (lot for each in self.left.values() if (lot := self._last(each)) is not None)
        return min(found, key=lambda lot: lot.age, default=None)

    @staticmethod
    def _last(waiting: list[Lot]) -> Lot | None:
        while waiting and not waiting[-1].left:
            waiting.pop()
        return waiting[-1] if waiting else None


def _youngest_first(lot: Lot) -> tuple[float, int]:
    return -lot.at.timestamp(), -lot.seq  # the oldest is then the one that is cheap to take off a list


def _take(lot: Lot, wanted: int) -> int:
    taken = min(lot.left, wanted)
    lot.left -= taken
    return taken
