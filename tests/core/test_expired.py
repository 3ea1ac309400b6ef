"""Expiries and their marks forged past every guard: verification finds each and calls it by its name."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, insert

from points_core import approvals, expiry, policy, verification
from points_core.database import writer_engine
from points_core.models import ActiveDay
from points_core.programme import Decay, Expiry, Programme
from points_core.settings import sync_url
from points_core.values import Kind
from points_core.verification.expired import LOT, TURN
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import ADA, GRACE, MOD, NOON, by, settings_for
from tests.core.forging import Forgery, strip


def tell(tx: Connection) -> None:
    """Have Ada's #1 and #2 and Grace's #3 expire as #4, #5 and #6, and Grace's #7 melt as #8."""
    for user_id, amount in ((ADA, 10), (ADA, 4), (GRACE, 5)):
        give(tx, user_id, amount, day=0)
    policy.change(tx, by(MOD), programme=Programme(expiry=(Expiry(days=10),)))
    run(tx, day=11)
    give(tx, GRACE, 100, day=11)
    both = Programme(expiry=(Expiry(days=90, notice_days=0),), decay=Decay(percent=10, inactive_days=5))
    policy.change(tx, by(MOD, at=NOON + timedelta(days=11)), programme=both)
    run(tx, day=30)
    tx.execute(insert(ActiveDay), [{"community_id": 1, "member_id": 2, "day": 1, "source": 0}])


def give(tx: Connection, user_id: str, amount: int, *, day: int) -> None:
    at = NOON + timedelta(days=day)
    approvals.request(
        tx, by(MOD, at=at), kind=Kind.AWARD, user_id=user_id, amount=amount, reason="because", again=True
    )


def run(tx: Connection, day: int) -> None:
    while expiry.take_due(tx, NOON + timedelta(days=day)):
        pass


@pytest.fixture(scope="module", params=BACKENDS)
def told(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """A database with the story, stripped of every guard, key and constraint."""
    url = databases.new(request.param)
    engine = writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url))
    with engine.begin() as tx:
        tell(tx)
    strip(url)
    yield engine
    engine.dispose()
    databases.drop(url)


def keyed(seq: int, key: str) -> str:
    return f"UPDATE point_transactions SET key = '{key}' WHERE seq = {seq}"


MARK = "UPDATE expiry_marks SET"
A_NOTICE = (
    "INSERT INTO expiry_marks (community_id, duty, due_at, done, goal, member, seq) "
    "SELECT 1, 'notice', due_at, 1, NULL, 0, 0 FROM expiry_marks WHERE duty = 'decay'"
)

FORGERIES = (
    Forgery(LOT, "somebody else's lot", keyed(4, "expiry:3"), sealed=True),
    Forgery(LOT, "a lot there is not", keyed(4, "expiry:99"), sealed=True),
    Forgery(LOT, "a lot after it", keyed(4, "expiry:7"), sealed=True),
    Forgery(LOT, "a loss", keyed(6, "expiry:5"), sealed=True),
    Forgery(LOT, "no lot", keyed(4, "spite"), sealed=True),
    Forgery(LOT, "a number in other words", keyed(4, "expiry:01"), sealed=True),
    Forgery(LOT, "a lot twice", keyed(5, "expiry:1"), sealed=True),
    Forgery(LOT, "more than its lot", f"{keyed(4, 'expiry:2')}; {keyed(5, 'expiry:1')}", sealed=True),
    Forgery(
        LOT,
        "another category",
        "UPDATE point_transactions SET category_id = 1 WHERE seq = 4",
        sealed=True,
        also=frozenset({"scores equal the transactions"}),
    ),
    Forgery(
        LOT, "by hand", "UPDATE point_transactions SET actor_kind = 'operator' WHERE seq = 8", sealed=True
    ),
    Forgery(TURN, "a mark lost", "DELETE FROM expiry_marks WHERE duty = 'expiry'"),
    Forgery(TURN, "a mark of what is off", A_NOTICE),
    Forgery(TURN, "transactions to come", f"{MARK} seq = 99 WHERE duty = 'expiry'"),
    Forgery(TURN, "members to come", f"{MARK} member = 99 WHERE duty = 'decay'"),
    Forgery(TURN, "back in time", f"{MARK} goal = done WHERE duty = 'decay'"),
    Forgery("who and what is named is there", "a stranger's day", "UPDATE active_days SET member_id = 77"),
)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: f"{forgery.invariant}: {forgery.how}")
def test_a_forgery_is_found_and_called_by_its_name(told: Engine, forgery: Forgery) -> None:
    with told.connect() as tx, tx.begin() as undone:
        forgery.commit(tx)
        found = verification.verify(tx)
        undone.rollback()

    assert {broken.invariant for broken in found} == {forgery.invariant} | forgery.also


def test_what_time_took_is_in_order(told: Engine) -> None:
    with told.connect() as tx:
        assert verification.verify(tx) == []
