"""Many movements as one batch, and one undo for all of them."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from points_core import audit, awards, bulk, history, outbox, policy, verification
from points_core.bulk import BatchKind, Entry
from points_core.database import Points
from points_core.errors import (
    BatchNotUndoable,
    BatchUndone,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    InvalidSetting,
    InvalidText,
    NotAllowed,
    PointsError,
    RowsRefused,
    SelfAward,
    UnknownBatch,
    UnknownCategory,
    UnknownTransaction,
)
from points_core.values import Kind
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, row_counts
from tests.core.test_proof import without_guards


def award(row: int, user_id: str, amount: int, **more: object) -> Entry:
    given = {
        "row": row,
        "user_id": user_id,
        "amount": amount,
        "reason": "the fair",
        "kind": Kind.AWARD,
        **more,
    }
    return Entry(**given)  # type: ignore[arg-type]


def deduct(row: int, user_id: str, amount: int) -> Entry:
    return award(row, user_id, -amount, kind=Kind.DEDUCTION)


async def balances(points: Points, *user_ids: str) -> list[tuple[int, int, int]]:
    found = [await points.read(history.balance, COMMUNITY, user_id) for user_id in user_ids]
    return [(balance.current, balance.earned, balance.spent) for balance in found]


async def everything(points: Points) -> list[verification.Broken]:
    return await points.read(verification.verify, COMMUNITY)


async def test_a_batch_moves_the_points_of_many_in_one_commit(points: Points) -> None:
    receipt = await points.write(
        bulk.post, by(MOD), [award(1, ADA, 10), award(2, GRACE, 5), deduct(3, ADA, 4)]
    )

    assert (receipt.number, receipt.kind, receipt.transactions) == (1, BatchKind.BULK, 3)
    assert (receipt.members, receipt.points, receipt.refused) == (2, 11, ())
    assert await balances(points, ADA, GRACE) == [(6, 10, 4), (5, 5, 0)]
    page = await points.read(history.page, COMMUNITY)
    assert {made.batch for made in page.receipts} == {1}
    assert {made.actor.user_id for made in page.receipts} == {MOD}
    assert await everything(points) == []


async def test_one_row_that_cannot_be_refuses_the_whole_batch(points: Points) -> None:
    await points.write(bulk.post, by(MOD), [award(1, ADA, 1)])
    before = await row_counts(points)

    with pytest.raises(RowsRefused) as refused:
        await points.write(bulk.post, by(MOD), [award(1, GRACE, 5), deduct(2, ADA, 4), deduct(3, GRACE, 9)])

    assert [(row.row, row.user_id, type(row.error)) for row in refused.value.rows] == [
        (2, ADA, InsufficientBalance),
        (3, GRACE, InsufficientBalance),
    ]
    assert refused.value.total == 3
    assert await row_counts(points) == before
    assert await balances(points, GRACE) == [(0, 0, 0)]


async def test_asked_for_in_part_a_batch_leaves_out_what_cannot_be_and_says_so(points: Points) -> None:
    receipt = await points.write(
        bulk.post, by(MOD), [award(1, ADA, 5), deduct(2, GRACE, 9), award(3, GRACE, 2)], partial=True
    )

    assert (receipt.transactions, [row.row for row in receipt.refused]) == (2, [2])
    assert await balances(points, ADA, GRACE) == [(5, 5, 0), (2, 2, 0)]
    assert await everything(points) == []


async def test_a_batch_of_which_nothing_is_left_is_refused_even_in_part(points: Points) -> None:
    before = await row_counts(points)

    with pytest.raises(RowsRefused):
        await points.write(bulk.post, by(MOD), [deduct(1, ADA, 5)], partial=True)

    assert await row_counts(points) == before


@pytest.mark.parametrize(
    "entry, refusal",
    [
        (award(1, "not an id", 5), InvalidText),
        (award(1, ADA, 0), InvalidAmount),
        (award(1, ADA, 10**12 + 1), InvalidAmount),
        (award(1, ADA, 5, reason=" "), InvalidText),
        (award(1, ADA, 5, evidence="javascript:alert(1)"), InvalidText),
        (award(1, ADA, 5, category="nonsense"), UnknownCategory),
        (award(1, ADA, -5, takes_back=7), UnknownTransaction),
    ],
)
async def test_each_row_is_checked(points: Points, entry: Entry, refusal: type[PointsError]) -> None:
    with pytest.raises(RowsRefused) as refused:
        await points.write(bulk.post, by(MOD), [entry])

    assert [type(row.error) for row in refused.value.rows] == [refusal]


async def test_a_batch_has_rows_and_not_too_many(points: Points) -> None:
    for rows in (0, bulk.MAX_ROWS + 1):
        with pytest.raises(InvalidSetting):
            await points.write(bulk.post, by(MOD), [award(1, ADA, 1)] * rows)


async def test_the_same_key_posts_a_batch_once(points: Points) -> None:
    origin = by(MOD)
    rows = [award(1, ADA, 10), award(2, GRACE, 5)]
    first = await points.write(bulk.post, origin, rows)

    assert await points.write(bulk.post, origin, rows) == replace(first, replayed=True)
    assert await balances(points, ADA, GRACE) == [(10, 10, 0), (5, 5, 0)]


@pytest.mark.parametrize(
    "other",
    [[award(1, ADA, 11), award(2, GRACE, 5)], [award(1, ADA, 10)], [award(1, ADA, 10), award(3, GRACE, 5)]],
)
async def test_the_same_key_with_other_rows_is_refused(points: Points, other: list[Entry]) -> None:
    origin = by(MOD)
    await points.write(bulk.post, origin, [award(1, ADA, 10), award(2, GRACE, 5)])
    before = await row_counts(points)

    with pytest.raises(DuplicateTransaction):
        await points.write(bulk.post, origin, other)

    assert await row_counts(points) == before


async def test_a_batch_larger_than_one_read_is_still_one_batch(points: Points) -> None:
    rows = [award(n, str(10_000 + n % 700), 1 + n % 3) for n in range(1, 10_501)]

    receipt = await points.write(bulk.post, by(MOD), rows)

    assert (receipt.transactions, receipt.members) == (10_500, 700)
    assert receipt.points == sum(row.amount for row in rows)
    assert await everything(points) == []


async def test_a_row_can_take_back_an_earlier_row_of_its_batch(points: Points) -> None:
    await points.write(
        bulk.post, by(MOD), [award(1, ADA, 10), award(2, ADA, 3), award(3, ADA, -10, takes_back=1)]
    )

    assert await balances(points, ADA) == [(3, 3, 0)]
    assert (await points.read(history.transaction, COMMUNITY, 3)).reverses == 1
    assert await everything(points) == []


async def test_undoing_a_batch_leaves_every_balance_as_it_was(points: Points) -> None:
    await points.write(bulk.post, by(MOD), [award(1, ADA, 7)])
    batch = await points.write(
        bulk.post,
        by(MOD),
        [award(1, ADA, 10), deduct(2, ADA, 4), award(3, GRACE, 5), award(4, GRACE, -5, takes_back=3)],
    )

    undone = await points.write(bulk.undo, by(MOD), batch.number, reason="wrong list")

    assert (undone.number, undone.kind, undone.undoes, undone.transactions) == (3, BatchKind.UNDO, 2, 2)
    assert undone.points == -6
    assert await balances(points, ADA, GRACE) == [(7, 7, 0), (0, 0, 0)]
    assert (await points.read(bulk.get, COMMUNITY, batch.number)).undone_by == undone.number
    assert await everything(points) == []


async def test_a_batch_is_undone_at_most_once(points: Points) -> None:
    batch = await points.write(bulk.post, by(MOD), [award(1, ADA, 10)])
    origin = by(MOD)
    undone = await points.write(bulk.undo, origin, batch.number, reason="wrong list")

    assert await points.write(bulk.undo, origin, batch.number, reason="wrong list") == replace(
        undone, replayed=True
    )
    with pytest.raises(BatchUndone) as refused:
        await points.write(bulk.undo, by(MOD), batch.number, reason="again")
    assert (refused.value.number, refused.value.by) == (batch.number, undone.number)
    with pytest.raises(BatchNotUndoable):
        await points.write(bulk.undo, by(MOD), undone.number, reason="redo")
    with pytest.raises(UnknownBatch):
        await points.write(bulk.undo, by(MOD), 9, reason="no such batch")
    with pytest.raises(DuplicateTransaction):
        await points.write(bulk.undo, origin, 9, reason="the key was used")
    assert await balances(points, ADA) == [(0, 0, 0)]


async def test_what_was_taken_back_one_by_one_is_left_alone(points: Points) -> None:
    batch = await points.write(bulk.post, by(MOD), [award(1, ADA, 10), award(2, GRACE, 5)])
    await points.write(awards.reverse, by(MOD), 1, reason="not Ada")

    undone = await points.write(bulk.undo, by(MOD), batch.number, reason="wrong list")

    assert (undone.transactions, undone.refused) == (1, ())
    assert await balances(points, ADA, GRACE) == [(0, 0, 0), (0, 0, 0)]


async def test_nothing_is_undone_where_everything_was_taken_back(points: Points) -> None:
    batch = await points.write(bulk.post, by(MOD), [award(1, ADA, 10)])
    await points.write(awards.reverse, by(MOD), 1, reason="not Ada")

    with pytest.raises(InvalidSetting):
        await points.write(bulk.undo, by(MOD), batch.number, reason="wrong list")


async def test_points_already_spent_keep_a_batch_from_being_undone_unless_in_part(points: Points) -> None:
    batch = await points.write(bulk.post, by(MOD), [award(1, ADA, 10), award(2, GRACE, 5)])
    await points.write(bulk.post, by(MOD), [deduct(1, ADA, 3)])
    before = await row_counts(points)

    with pytest.raises(RowsRefused) as refused:
        await points.write(bulk.undo, by(MOD), batch.number, reason="wrong list")

    assert [(row.row, row.user_id) for row in refused.value.rows] == [(1, ADA)]
    assert await row_counts(points) == before
    undone = await points.write(bulk.undo, by(MOD), batch.number, reason="wrong list", partial=True)
    assert (undone.transactions, [row.row for row in undone.refused]) == (1, [1])
    assert await balances(points, ADA, GRACE) == [(7, 10, 3), (0, 0, 0)]
    assert await everything(points) == []


async def test_nobody_takes_a_deduction_from_themselves_back_with_its_batch(points: Points) -> None:
    await points.write(bulk.post, by(MOD), [award(1, ADA, 9), award(2, GRACE, 9)])
    batch = await points.write(
        bulk.post, by(MOD), [award(1, ADA, 10), deduct(2, ADA, 4), deduct(3, GRACE, 5)]
    )
    before = await row_counts(points)

    with pytest.raises(RowsRefused) as refused:
        await points.write(bulk.undo, by(ADA), batch.number, reason="wrong list")
    assert [(row.row, row.user_id, type(row.error)) for row in refused.value.rows] == [
        (4, ADA, SelfAward),
        (3, ADA, SelfAward),
    ]
    assert refused.value.total == 3
    assert await row_counts(points) == before

    undone = await points.write(bulk.undo, by(ADA), batch.number, reason="wrong list", partial=True)
    assert (undone.transactions, [row.row for row in undone.refused]) == (1, [4, 3])
    assert await balances(points, ADA, GRACE) == [(15, 19, 4), (9, 9, 0)]
    assert await everything(points) == []


async def test_what_a_batch_gave_its_undoer_is_taken_back(points: Points) -> None:
    batch = await points.write(bulk.post, by(MOD), [award(1, ADA, 10), deduct(2, ADA, 4)])
    await points.write(awards.reverse, by(MOD), 2, reason="too strict")

    undone = await points.write(bulk.undo, by(ADA), batch.number, reason="wrong list")
    assert (undone.transactions, undone.refused) == (1, ())
    assert await balances(points, ADA) == [(0, 0, 0)]


async def test_who_may_undo_only_their_own_undoes_only_their_own_batches(points: Points) -> None:
    batch = await points.write(bulk.post, by(MOD), [award(1, ADA, 10)])

    with pytest.raises(NotAllowed):
        await points.write(bulk.undo, by(OTHER_MOD), batch.number, reason="wrong list", own_only=True)
    assert await balances(points, ADA) == [(10, 10, 0)]
    await points.write(bulk.undo, by(MOD), batch.number, reason="wrong list", own_only=True)
    assert await balances(points, ADA) == [(0, 0, 0)]


async def test_a_batch_is_on_record_and_is_one_line_of_the_log(points: Points) -> None:
    await points.write(policy.change, by(MOD), log_channel="77")
    waiting = await points.read(outbox.waiting, COMMUNITY)
    await points.write(bulk.post, by(MOD), [award(n, ADA, 10) for n in range(1, 51)])

    entry = (await points.read(audit.recent, COMMUNITY))[0]
    assert (entry.action, entry.target, entry.actor.user_id) == ("batch.bulk", "1", MOD)
    assert entry.after == {"transactions": 50, "members": 1, "points": 500}
    assert await points.read(outbox.waiting, COMMUNITY) == waiting + 1


async def test_batches_are_listed_newest_first(points: Points) -> None:
    for n in range(1, 4):
        await points.write(bulk.post, by(MOD, at=NOON), [award(1, ADA, n)])

    assert [batch.number for batch in await points.read(bulk.recent, COMMUNITY, limit=2)] == [3, 2]
    assert [batch.number for batch in await points.read(bulk.recent, COMMUNITY, before=2)] == [1]
    assert await points.read(bulk.recent, "elsewhere") == ()


@pytest.mark.parametrize(
    "statement, invariant",
    [
        (
            "UPDATE batches SET transactions = transactions + 1 WHERE number = 1",
            "a batch counts its transactions",
        ),
        ("UPDATE point_transactions SET batch = 2 WHERE seq = 1", "a batch counts its transactions"),
        ("UPDATE point_transactions SET batch = 7 WHERE seq = 1", "a batch counts its transactions"),
        ("UPDATE point_transactions SET batch = NULL WHERE seq = 1", "a batch counts its transactions"),
        ("DELETE FROM batches WHERE number = 2", "a batch counts its transactions"),
        ("UPDATE batches SET undoes = 2 WHERE number = 3", "an undo takes back its batch"),
        ("UPDATE batches SET undoes = 3 WHERE number = 3", "an undo takes back its batch"),
    ],
)
async def test_verify_notices_a_batch_that_was_tampered_with(
    points: Points, statement: str, invariant: str
) -> None:
    first = await points.write(bulk.post, by(MOD), [award(1, ADA, 10), award(2, GRACE, 5)])
    await points.write(bulk.post, by(MOD), [award(1, ADA, 1)])
    await points.write(bulk.undo, by(MOD), first.number, reason="wrong list")

    def broken(tx: Connection) -> set[str]:
        with tx.begin_nested() as trial:
            without_guards(tx)
            tx.execute(text(statement))
            found = {each.invariant for each in verification.verify(tx, COMMUNITY)}
            trial.rollback()
        return found

    assert invariant in await points.write(broken)
    assert await everything(points) == []
