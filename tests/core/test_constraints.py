"""What the tables refuse of themselves becomes the refusal that the core would have given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from points_core.constraints import REFUSALS, constraint_name, refusal_for
from points_core.database import Points, writer_engine
from points_core.errors import (
    AlreadyReversed,
    AlreadyVoted,
    BalanceOutOfRange,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    LedgerCorrupt,
    PointsError,
    RequestClosed,
)
from points_core.models import (
    ApprovalRequest,
    ApprovalVote,
    Base,
    Community,
    Member,
    PointBalance,
    PointTransaction,
    ScoreBucket,
)
from points_core.settings import sync_url
from points_core.values import MAX_AMOUNT, MAX_BALANCE
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import NOON, settings_for
from tests.core.forging import tell

Change = Callable[[Connection], object]


def row(model: type[Base], **found_by: object) -> Callable[[Connection], dict[str, Any]]:
    """Return what reads one row of the town's as a dictionary."""
    table: Any = model.__table__
    conditions = [table.c[name] == value for name, value in {"community_id": 1, **found_by}.items()]
    return lambda tx: dict(tx.execute(select(table).where(*conditions)).one()._mapping)


def another(model: type[Base], found_by: dict[str, object], **changes: object) -> Change:
    """Return what inserts a row like an existing one, with changes."""
    return lambda tx: tx.execute(insert(model).values(row(model, **found_by)(tx) | changes))


def transaction(like: int, **changes: object) -> Change:
    """Return what inserts a transaction like the town's `like`, under the next numbers and a key of its own."""
    fresh = {"seq": 100, "member_seq": 100, "key": "fresh", "reverses": None, "request_number": None}
    return another(PointTransaction, {"seq": like}, **(fresh | changes))


def request(**changes: object) -> Change:
    """Return what inserts a request like the town's rejected one."""
    return another(ApprovalRequest, {"number": 2}, **({"number": 100, "key": "fresh"} | changes))


def first_key(tx: Connection) -> str:
    key: str = row(PointTransaction, seq=1)(tx)["key"]
    return key


@dataclass(frozen=True)
class Violation:
    """A change that a constraint forbids, and what the caller is to see."""

    constraint: str
    change: Change
    refusal: type[PointsError]


LISTED = (
    Violation(
        "uq_point_transactions_community_id_key",
        lambda tx: transaction(1, key=first_key(tx))(tx),
        DuplicateTransaction,
    ),
    Violation(
        "uq_approval_requests_community_id_key",
        lambda tx: request(key=row(ApprovalRequest, number=1)(tx)["key"])(tx),
        DuplicateTransaction,
    ),
    Violation(
        "uq_point_transactions_community_id_reverses",
        transaction(3, reverses=2),
        AlreadyReversed,
    ),
    Violation(
        "uq_approval_requests_community_id_transaction_seq",
        request(state="approved", transaction_seq=8),
        RequestClosed,
    ),
    Violation(
        "pk_approval_votes",
        lambda tx: tx.execute(
            insert(ApprovalVote).values(row(ApprovalVote, request_number=2)(tx) | {"key": "fresh"})
        ),
        AlreadyVoted,
    ),
    Violation("ck_point_transactions_floor", transaction(7, balance_after=-1), InsufficientBalance),
    Violation("ck_point_transactions_amount_moves", transaction(3, reverses=1, amount=0), InvalidAmount),
    Violation("ck_point_transactions_amount_range", transaction(1, amount=MAX_AMOUNT + 1), InvalidAmount),
    Violation(
        "ck_point_transactions_balance_range",
        transaction(1, balance_after=MAX_BALANCE + 1),
        BalanceOutOfRange,
    ),
)

UNLISTED = (
    Violation("ck_point_transactions_award_adds", transaction(1, amount=-1), LedgerCorrupt),
    Violation("ck_point_transactions_deduction_takes", transaction(7, amount=1), LedgerCorrupt),
    Violation("ck_point_transactions_reversal_names_original", transaction(3), LedgerCorrupt),
    Violation("ck_point_transactions_kind", transaction(1, kind="gift"), LedgerCorrupt),
    Violation("pk_point_transactions", transaction(1, seq=1), LedgerCorrupt),
    Violation(
        "uq_point_transactions_community_id_member_id_member_seq", transaction(1, member_seq=1), LedgerCorrupt
    ),
    Violation(
        "ck_point_balances_current_is_earned_less_spent",
        lambda tx: tx.execute(update(PointBalance).values(current=PointBalance.current + 1)),
        LedgerCorrupt,
    ),
    Violation(
        "ck_score_buckets_members_counted",
        lambda tx: tx.execute(update(ScoreBucket).values(members=-1)),
        LedgerCorrupt,
    ),
    Violation("ck_approval_requests_approved_moves_points", request(state="approved"), LedgerCorrupt),
    Violation("ck_approval_requests_decided_once", request(decided_at=None), LedgerCorrupt),
    Violation("ck_approval_requests_quorum_counts", request(quorum=0), LedgerCorrupt),
    Violation("uq_members_community_id_user_id", another(Member, {"id": 1}, id=100), LedgerCorrupt),
    Violation(
        "uq_communities_key",
        lambda tx: tx.execute(insert(Community).values(id=100, key="town", created_at=NOON)),
        LedgerCorrupt,
    ),
)

FOREIGN = (
    Violation("fk_point_transactions_community_id_member_id", transaction(1, member_id=999), LedgerCorrupt),
    Violation(
        "fk_point_transactions_community_id_category_id", transaction(1, category_id=99), LedgerCorrupt
    ),
    Violation(
        "fk_approval_votes_community_id_request_number",
        another(ApprovalVote, {"request_number": 2}, request_number=99, voted_at=NOON + timedelta(hours=1)),
        LedgerCorrupt,
    ),
)


@pytest.fixture(scope="module", params=BACKENDS)
def told(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """A database with a story, guarded as it always is."""
    url = databases.new(request.param)
    engine = writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url))
    with engine.begin() as tx:
        tell(tx)
    yield engine
    engine.dispose()
    databases.drop(url)


def refused(engine: Engine, change: Change) -> IntegrityError:
    """Return the error with which the database refuses a change."""
    with engine.connect() as tx, tx.begin() as undone:
        with pytest.raises(IntegrityError) as error:
            change(tx)
        undone.rollback()
    return error.value


@pytest.mark.parametrize("violation", [*LISTED, *UNLISTED], ids=lambda violation: violation.constraint)
def test_a_violated_constraint_is_known_by_name_and_becomes_its_refusal(
    told: Engine, violation: Violation
) -> None:
    error = refused(told, violation.change)

    assert constraint_name(error) == violation.constraint
    assert type(refusal_for(error)) is violation.refusal


@pytest.mark.parametrize("violation", FOREIGN, ids=lambda violation: violation.constraint)
def test_what_belongs_to_nothing_means_corrupt_books(told: Engine, violation: Violation) -> None:
    error = refused(told, violation.change)

    assert isinstance(refusal_for(error), LedgerCorrupt)
    if told.dialect.name == "postgresql":  # SQLite says only that some foreign key failed
        assert constraint_name(error) == violation.constraint


def test_every_listed_constraint_is_violated_and_every_unlisted_one_is_not_listed() -> None:
    assert {violation.constraint for violation in LISTED} == set(REFUSALS)
    assert not {violation.constraint for violation in (*UNLISTED, *FOREIGN)} & set(REFUSALS)


def test_every_listed_constraint_is_one_of_the_tables() -> None:
    named = {str(each.name) for table in Base.metadata.sorted_tables for each in table.constraints}
    assert set(REFUSALS) <= named


@pytest.mark.parametrize("violation", [*LISTED, UNLISTED[0]], ids=lambda violation: violation.constraint)
async def test_the_writer_tells_the_caller_the_refusal(points: Points, violation: Violation) -> None:
    await points.write(tell)
    with pytest.raises(violation.refusal):
        await points.write(violation.change)


def test_a_sick_database_is_no_refusal(told: Engine) -> None:
    with told.connect() as tx, pytest.raises(DBAPIError) as error:
        tx.exec_driver_sql("SELECT * FROM nowhere")
    assert not isinstance(error.value, IntegrityError)
