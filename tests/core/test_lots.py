"""Lots: what is left of each gain when losses take the oldest first, in their category and beyond."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from points_core.duties import lot_of_key
from points_core.expiry.lots import Entry, Lot, lots
from points_core.values import Kind

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
EVENTS, HELPING = 1, 2


def gain(seq: int, amount: int, category: int | None = None, day: int | None = None) -> Entry:
    return Entry(seq, amount, category, NOON + timedelta(days=seq if day is None else day), Kind.AWARD)


def loss(seq: int, amount: int, category: int | None = None, lot: int | None = None) -> Entry:
    kind = Kind.DEDUCTION if lot is None else Kind.EXPIRY
    return Entry(seq, -amount, category, NOON + timedelta(days=seq), kind, lot=lot)


def undo(seq: int, of: Entry) -> Entry:
    return Entry(seq, -of.amount, of.category_id, of.at, Kind.REVERSAL, reverses=of.seq)


def left(entries: Sequence[Entry]) -> dict[int, int]:
    return {lot.seq: lot.left for lot in lots(entries)}


def test_a_gain_is_a_lot_of_its_own() -> None:
    (found,) = lots([gain(1, 5, EVENTS)])

    assert found == Lot(1, EVENTS, NOON + timedelta(days=1), 5, 5)


def test_a_loss_takes_from_the_oldest_lot_of_its_category_first() -> None:
    history = [gain(1, 5, EVENTS), gain(2, 5, HELPING), gain(3, 5, EVENTS), loss(4, 7, EVENTS)]

    assert left(history) == {1: 0, 2: 5, 3: 3}


def test_a_loss_beyond_its_category_takes_from_the_others() -> None:
    assert left([gain(1, 5, HELPING), gain(2, 5, EVENTS), loss(3, 7, EVENTS)]) == {1: 3, 2: 0}


def test_a_loss_without_a_category_takes_from_the_oldest_of_all() -> None:
    assert left([gain(1, 5, HELPING), gain(2, 5), gain(3, 5, EVENTS), loss(4, 11)]) == {1: 0, 2: 0, 3: 4}


def test_the_oldest_is_who_counts_from_earliest_not_who_was_written_first() -> None:
    assert left([gain(1, 5, day=9), gain(2, 5, day=3), loss(3, 6)]) == {1: 4, 2: 0}


def test_a_gain_dated_back_after_a_loss_does_not_bear_it() -> None:
    assert left([gain(1, 5, day=9), loss(2, 3), gain(3, 5, day=1)]) == {1: 2, 3: 5}


def test_a_gain_taken_back_has_no_lot_and_its_losses_fall_on_others() -> None:
    first = gain(1, 5)

    assert left([first, gain(2, 5), loss(3, 3), undo(4, first)]) == {2: 2}


def test_a_loss_taken_back_gives_back_what_it_took() -> None:
    spent = loss(3, 7)

    assert left([gain(1, 5), gain(2, 5), spent, undo(4, spent)]) == {1: 5, 2: 5}


def test_an_expiry_takes_from_its_own_lot() -> None:
    assert left([gain(1, 5, EVENTS), gain(2, 5, EVENTS), loss(3, 4, EVENTS, lot=2)]) == {1: 5, 2: 1}


def test_a_lot_whose_expiry_was_taken_back_is_there_again_and_remembers_it() -> None:
    expired = loss(2, 5, lot=1)
    (found,) = lots([gain(1, 5), expired, undo(3, expired)])

    assert (found.left, found.expired) == (5, True)


def test_what_is_lost_beyond_all_lots_is_made_up_for_by_later_gains() -> None:
    assert left([gain(1, 5), loss(2, 8), gain(3, 2), gain(4, 4)]) == {1: 0, 3: 0, 4: 3}


def test_only_the_key_of_an_expiry_names_a_lot() -> None:
    assert lot_of_key("expiry:42") == 42
    for other in (None, "", "expiry:", "expiry:-1", "expiry:x", "decay:2026-03-01:4", "expiry:٣"):
        assert lot_of_key(other) is None


# ── by chance ──

categories = st.sampled_from([None, EVENTS, HELPING])
asked = st.tuples(st.integers(-12, 12).filter(bool), categories, st.integers(0, 30), st.booleans())


def history(wishes: Sequence[tuple[int, int | None, int, bool]], *, negative: bool) -> list[Entry]:
    """Return what books would hold after `wishes`: some take an earlier transaction back, if balances allow."""
    entries: list[Entry] = []
    balance = 0
    numbers = count(1)
    for amount, category, day, takes_back in wishes:
        undone = {entry.reverses for entry in entries}
        standing = [e for e in entries if e.kind is not Kind.REVERSAL and e.seq not in undone]
        original = standing[day % len(standing)] if takes_back and standing else None
        moved = -original.amount if original else amount
        if moved < 0 and balance + moved < 0 and not negative:
            continue
        seq = next(numbers)
        entries.append(
            undo(seq, original)
            if original
            else gain(seq, amount, category, day)
            if amount > 0
            else loss(seq, -amount, category)
        )
        balance += moved
    return entries


def point_by_point(entries: Sequence[Entry]) -> dict[int, int]:
    """Return what is left of each lot when every single point is looked for anew."""
    undone = {entry.reverses for entry in entries}
    kept: list[Entry] = [e for e in entries if e.kind is not Kind.REVERSAL and e.seq not in undone]
    found: dict[int, int] = {}
    by_seq = {entry.seq: entry for entry in kept}
    debt = 0
    for entry in kept:
        if entry.amount > 0:
            found[entry.seq] = entry.amount
            while debt and found[entry.seq]:
                found[entry.seq] -= 1
                debt -= 1
            continue
        for _ in range(-entry.amount):
            there = [by_seq[seq] for seq, points in found.items() if points]
            own = [lot for lot in there if entry.category_id in {None, lot.category_id}]
            oldest = min(own or there, key=lambda lot: (lot.at, lot.seq), default=None)
            if oldest is None:
                debt += 1
            else:
                found[oldest.seq] -= 1
    return found


@given(st.lists(asked, max_size=40), st.booleans())
def test_what_is_left_of_all_lots_is_the_balance(
    wishes: list[tuple[int, int | None, int, bool]], negative: bool
) -> None:
    entries = history(wishes, negative=negative)
    found = lots(entries)

    assert sum(lot.left for lot in found) == max(0, sum(entry.amount for entry in entries))
    assert all(0 <= lot.left <= lot.amount for lot in found)


@given(st.lists(asked, max_size=30), st.booleans())
def test_lots_are_what_looking_for_each_point_says(
    wishes: list[tuple[int, int | None, int, bool]], negative: bool
) -> None:
    entries = history(wishes, negative=negative)

    assert left(entries) == point_by_point(entries)
