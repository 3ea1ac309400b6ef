"""Each invariant broken on purpose, past every guard, by someone who also knows how to seal the chain again."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text, update

from points_core import verification
from points_core.database import writer_engine
from points_core.models import ApprovalVote, PointTransaction
from points_core.settings import sync_url
from points_core.verification import chained, projections, waiting
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import COMMUNITY, NOON, OTHER_MOD, settings_for
from tests.core.forging import Break, Forgery, seal, strip, tell


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


def transaction(seq: int, **values: object) -> Break:
    """Return what changes columns of the town's transaction `seq`."""
    this = (PointTransaction.community_id == 1, PointTransaction.seq == seq)
    return lambda tx: tx.execute(update(PointTransaction).where(*this).values(values))


def late_vote(tx: Connection) -> None:
    votes = update(ApprovalVote).where(ApprovalVote.request_number == 1)
    tx.execute(votes.values(voted_at=NOON + timedelta(hours=1)))


TOWN = "WHERE community_id = 1"
LEDGER = "UPDATE point_transactions SET"
REQUEST = "UPDATE approval_requests SET"
ANOTHER_REVERSAL = (
    f"UPDATE point_balances SET earned = earned - 5, spent = spent - 5 {TOWN} AND member_id = "
    f"(SELECT member_id FROM point_transactions {TOWN} AND seq = 4); {LEDGER} kind = 'reversal', reverses"
)
RENUMBERED = (
    "UPDATE point_transactions SET seq = 2 WHERE community_id = 2; "
    "UPDATE ledger_heads SET seq = 2 WHERE community_id = 2; "
    "UPDATE point_balances SET last_seq = 2 WHERE community_id = 2; "
    "UPDATE point_scores SET reached_seq = 2 WHERE community_id = 2"
)

FORGERIES = (
    Forgery("numbers are dense", "a number left out", RENUMBERED, sealed=True),
    Forgery(
        "numbers are dense",
        "a member's count",
        f"{LEDGER} member_seq = 9 {TOWN} AND seq = 8",
        sealed=True,
        also=frozenset({"balance_after is the running sum", "balances equal the transactions"}),
    ),
    *(
        Forgery(
            "numbers are dense", f"the count of {name}", f"UPDATE ledger_heads SET {name} = {name} + 1 {TOWN}"
        )
        for name in ("members", "requests", "schedules", "audit_events")
    ),
    Forgery("numbers are dense", "a request deleted", f"DELETE FROM approval_requests {TOWN} AND number = 2"),
    Forgery(
        "points belong to a member",
        "a member deleted",
        f"DELETE FROM members {TOWN} AND id = 1",
        also=frozenset({"numbers are dense", "who and what is named is there"}),
    ),
    Forgery("numbers end at the head", "the head set back", f"UPDATE ledger_heads SET seq = 7 {TOWN}"),
    Forgery("the chain recomputes", "an actor exchanged", f"{LEDGER} actor_id = 1 {TOWN} AND seq = 7"),
    Forgery("the chain recomputes", "a hash exchanged", f"{LEDGER} hash = request_hash {TOWN} AND seq = 8"),
    Forgery("the chain recomputes", "a link cut", f"{LEDGER} prev_hash = request_hash {TOWN} AND seq = 8"),
    Forgery(
        "the chain recomputes",
        "the head's hash",
        "UPDATE ledger_heads SET hash = (SELECT prev_hash FROM "
        f"point_transactions {TOWN} AND seq = 8) {TOWN}",
    ),
    Forgery(
        "recorded times never go back",
        "a later time",
        transaction(3, recorded_at=NOON + timedelta(days=9)),
        sealed=True,
    ),
    Forgery("texts are what was asked", "another reason", f"{LEDGER} reason = 'nicer' {TOWN} AND seq = 1"),
    Forgery("texts are what was asked", "another key", f"{LEDGER} key = 'nicer' {TOWN} AND seq = 1"),
    Forgery(
        "texts are what was asked",
        "new evidence",
        f"{LEDGER} evidence = 'https://a.example' {TOWN} AND seq = 1",
    ),
    Forgery("texts are what was asked", "of a request", f"{REQUEST} reason = 'nicer' {TOWN} AND number = 3"),
    Forgery(
        "a reversal mirrors its original",
        "another date",
        transaction(3, effective_at=NOON + timedelta(hours=1)),
        sealed=True,
    ),
    Forgery(
        "a reversal is never reversed", "an award", f"{ANOTHER_REVERSAL} = 3 {TOWN} AND seq = 4", sealed=True
    ),
    Forgery(
        "a transaction is reversed once",
        "a deduction",
        f"{ANOTHER_REVERSAL} = 2 {TOWN} AND seq = 6",
        sealed=True,
    ),
    Forgery(
        "balance_after is the running sum",
        "one more",
        f"{LEDGER} balance_after = balance_after + 1 {TOWN} AND seq = 5",
        sealed=True,
    ),
    Forgery("a floor is respected", "a higher floor", f"{LEDGER} floor = 8 {TOWN} AND seq = 7", sealed=True),
    Forgery(
        "balances equal the transactions",
        "more",
        f"UPDATE point_balances SET current = current + 1 {TOWN}",
        also=frozenset({"scores equal the transactions"}),
    ),
    Forgery(
        "balances equal the transactions",
        "earned and spent",
        f"UPDATE point_balances SET earned = earned + 1, spent = spent + 1 {TOWN}",
    ),
    Forgery("balances equal the transactions", "a row lost", f"DELETE FROM point_balances {TOWN}"),
    Forgery(
        "scores equal the transactions",
        "more",
        f"UPDATE point_scores SET points = points + 1 {TOWN} AND span = 4",
    ),
    Forgery("scores equal the transactions", "sooner", f"UPDATE point_scores SET reached_seq = 1 {TOWN}"),
    Forgery(
        "scores equal the transactions",
        "a row lost",
        f"DELETE FROM point_scores {TOWN} AND category_id = 1",
        also=frozenset({"buckets equal the transactions"}),
    ),
    Forgery(
        "buckets equal the transactions", "more", f"UPDATE score_buckets SET members = members + 1 {TOWN}"
    ),
    Forgery(
        "buckets equal the transactions", "a row lost", f"DELETE FROM score_buckets {TOWN} AND level = 2"
    ),
    Forgery(
        "buckets equal the transactions",
        "one more in a year",
        f"UPDATE score_buckets SET members = members + 1 {TOWN} AND span = 1 AND level = 0",
    ),
    Forgery(
        "buckets equal the transactions",
        "one more on a day",
        f"UPDATE score_buckets SET members = members + 1 {TOWN} AND span = 5",
    ),
    Forgery(
        "buckets equal the transactions",
        "a bucket of a span that has none",
        "INSERT INTO score_buckets (community_id, span, start, category_id, level, bucket, members)"
        " VALUES (1, 5, 1, 0, 0, 3, 1)",
    ),
    Forgery(
        "scores equal the transactions",
        "a season that never was",
        "INSERT INTO point_scores (community_id, member_id, span, start, category_id, points, reached_seq)"
        " VALUES (1, 1, 6, 1, 0, -1, 1)",
    ),
    Forgery(
        "approved means one transaction", "none", f"{REQUEST} transaction_seq = NULL {TOWN} AND number = 1"
    ),
    Forgery(
        "approved means one transaction", "another's", f"{REQUEST} transaction_seq = 5 {TOWN} AND number = 1"
    ),
    Forgery(
        "approved means one transaction", "rejected", f"{REQUEST} state = 'rejected' {TOWN} AND number = 1"
    ),
    Forgery(
        "approved means one transaction",
        "less asked",
        f"{REQUEST} amount = 90 {TOWN} AND number = 1",
        sealed=True,
    ),
    Forgery(
        "approved means one transaction",
        "a second",
        f"{LEDGER} request_number = 1 {TOWN} AND seq = 5",
        sealed=True,
    ),
    Forgery("approval needs its quorum", "more were needed", f"{REQUEST} quorum = 3 {TOWN} AND number = 1"),
    Forgery("approval needs its quorum", "fewer were needed", f"{REQUEST} quorum = 1 {TOWN} AND number = 3"),
    Forgery(
        "approval needs its quorum",
        "a no",
        "UPDATE approval_votes SET approve = false WHERE request_number = 1 AND "
        f"voter_id = (SELECT id FROM members WHERE community_id = 1 AND user_id = '{OTHER_MOD}')",
    ),
    Forgery(
        "nobody votes on their own request",
        "the requester",
        "UPDATE approval_votes SET voter_id = "
        "(SELECT actor_id FROM approval_requests WHERE number = 3) WHERE request_number = 3",
    ),
    Forgery(
        "nobody votes on their own request",
        "the receiver",
        "UPDATE approval_votes SET voter_id = "
        "(SELECT member_id FROM approval_requests WHERE number = 3) WHERE request_number = 3",
    ),
    Forgery("no vote comes late", "an hour later", late_vote),
    Forgery("one publication per slot", "one message", "UPDATE publications SET message = '901'"),
)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: f"{forgery.invariant}: {forgery.how}")
def test_a_forgery_is_found_and_called_by_its_name(told: Engine, forgery: Forgery) -> None:
    with told.connect() as tx, tx.begin() as undone:
        forgery.commit(tx)
        found = verification.verify(tx)
        undone.rollback()

    assert {broken.invariant for broken in found} == {forgery.invariant} | forgery.also
    assert all(broken.detail for broken in found)


def test_sealing_again_what_nobody_forged_changes_nothing(told: Engine) -> None:
    with told.connect() as tx, tx.begin() as undone:
        assert verification.verify(tx) == []
        seal(tx)
        assert verification.verify(tx) == []
        undone.rollback()


def test_only_the_community_asked_about_is_verified(told: Engine) -> None:
    with told.connect() as tx, tx.begin() as undone:
        tx.execute(text("UPDATE point_balances SET current = current + 1 WHERE community_id = 2"))
        assert verification.verify(tx, COMMUNITY) == []
        found = verification.verify(tx, "village")
        undone.rollback()

    assert {(broken.invariant, broken.community) for broken in found} == {
        ("balances equal the transactions", "village"),
        ("scores equal the transactions", "village"),
    }


def test_every_invariant_is_forged_at_least_once() -> None:
    assert {forgery.invariant for forgery in FORGERIES} == invariants()


def invariants() -> set[str]:
    """Return the names that the rooms yield which know the ledger itself, read from their source.

    What batches, anchors and seasons promise is forged where they are tested.
    """
    kept = {projections.BALANCES, projections.SCORES, projections.BUCKETS}
    named = {*kept, *(invariant for invariant, _, _ in chained._PAIRS)}
    found: set[ast.expr] = set()
    for room in (chained, projections, waiting):
        for node in ast.walk(ast.parse(Path(str(room.__file__)).read_text())):
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                found.add(node.value.elts[0])
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_differ":
                found.add(node.args[0])
    return named | {str(name.value) for name in found if isinstance(name, ast.Constant)}
