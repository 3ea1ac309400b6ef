"""Each invariant broken on purpose, past every guard, by someone who also knows how to seal the chain again."""

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, select, text, update

from points_core import approvals, audit, awards, policy, schedules, verification
from points_core.communities import GENESIS
from points_core.database import Points, writer_engine
from points_core.ledger import chain
from points_core.models import ApprovalVote, Base, LedgerHead, PointTransaction
from points_core.settings import sync_url
from points_core.values import Kind
from points_core.windows import WindowName
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, THIRD_MOD, by, settings_for


def tell(tx: Connection) -> None:
    """Write a story that has one of everything: who breaks it finds the numbers below."""
    give(tx, Kind.AWARD, ADA, 10, category="events")  # 1
    give(tx, Kind.AWARD, GRACE, 5)  # 2
    awards.reverse(tx, by(MOD), 2, reason="a mistake")  # 3, takes 2 back
    give(tx, Kind.AWARD, GRACE, 5)  # 4
    give(tx, Kind.AWARD, GRACE, 20, category="helping")  # 5
    give(tx, Kind.DEDUCTION, GRACE, 5)  # 6
    give(tx, Kind.DEDUCTION, ADA, 3)  # 7
    policy.change(tx, by(MOD), approval_threshold=50, quorum=2)
    for reason in ("a talk", "too much", "not yet"):  # requests 1, 2 and 3
        give(tx, Kind.AWARD, ADA, 100, reason=reason)
    for number, voter, approve in (
        (1, OTHER_MOD, True),
        (1, THIRD_MOD, True),  # 8
        (2, OTHER_MOD, False),
        (3, OTHER_MOD, True),
    ):
        approvals.vote(tx, by(voter, at=NOON + timedelta(minutes=number)), number, approve=approve)
    post_boards(tx)
    give(tx, Kind.AWARD, ADA, 7, community="village")


def give(
    tx: Connection,
    kind: Kind,
    user_id: str,
    amount: int,
    *,
    reason: str = "because",
    category: str | None = None,
    community: str = COMMUNITY,
) -> None:
    approvals.request(
        tx,
        by(MOD, community=community),
        kind=kind,
        user_id=user_id,
        amount=amount,
        reason=reason,
        category=category,
        again=True,
    )


def post_boards(tx: Connection) -> None:
    """Post one schedule's board on two days."""
    schedules.add(tx, by(MOD), channel="77", window=WindowName.WEEK, every="day", at="13:00")
    for day in (1, 2):
        now = NOON + timedelta(days=day, hours=2)
        for claim in schedules.claim_due(tx, now):
            schedules.published(
                tx, COMMUNITY, claim.number, claim.slot, channel="77", message=f"90{day}", now=now
            )


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


def strip(url: str) -> None:
    """Put a bare copy in each table's place: rows, and nothing that protects them."""
    engine = create_engine(sync_url(url), poolclass=NullPool)
    drop = "DROP TABLE {0}" if url.startswith("sqlite") else "DROP TABLE {0} CASCADE"
    with engine.begin() as tx:
        for table in reversed(Base.metadata.sorted_tables):
            for statement in (
                "CREATE TABLE bare AS SELECT * FROM {0}",
                drop,
                "ALTER TABLE bare RENAME TO {0}",
            ):
                tx.execute(text(statement.format(table.name)))


Break = Callable[[Connection], object]


@dataclass(frozen=True)
class Forgery:
    """One way to break one invariant; `forge` SQL or a function, `sealed` whether the chain is made to fit."""

    invariant: str
    how: str
    forge: str | Break
    sealed: bool = False

    def commit(self, tx: Connection) -> None:
        if isinstance(self.forge, str):
            for statement in self.forge.split("; "):
                tx.execute(text(statement))
        else:
            self.forge(tx)
        if self.sealed:
            seal(tx)


def seal(tx: Connection) -> None:
    """Compute every commitment and hash anew, as one would who wants a forgery to go unnoticed."""
    for community_id in tx.execute(select(LedgerHead.community_id)).scalars().all():
        last = GENESIS
        ledger = select(PointTransaction.__table__).where(PointTransaction.community_id == community_id)
        for row in tx.execute(ledger.order_by(PointTransaction.seq)).all():
            names = ("key", "kind", "member_id", "amount", "category_id", "reason", "evidence", "reverses")
            sealed = {**row._mapping, "prev_hash": last}
            sealed["request_hash"] = chain.commitment(
                row.salt, **{name: row._mapping[name] for name in names}, effective_at=None
            )
            sealed["hash"] = last = chain.link(last, sealed)
            this = (PointTransaction.community_id == community_id, PointTransaction.seq == row.seq)
            hashes = {name: sealed[name] for name in ("prev_hash", "request_hash", "hash")}
            tx.execute(update(PointTransaction).where(*this).values(hashes))
        tx.execute(update(LedgerHead).where(LedgerHead.community_id == community_id).values(hash=last))


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
        "numbers are dense", "a member's count", f"{LEDGER} member_seq = 9 {TOWN} AND seq = 8", sealed=True
    ),
    *(
        Forgery(
            "numbers are dense", f"the count of {name}", f"UPDATE ledger_heads SET {name} = {name} + 1 {TOWN}"
        )
        for name in ("members", "requests", "schedules", "audit_events")
    ),
    Forgery("numbers are dense", "a request deleted", f"DELETE FROM approval_requests {TOWN} AND number = 2"),
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
        "balances equal the transactions", "more", f"UPDATE point_balances SET current = current + 1 {TOWN}"
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
        "scores equal the transactions", "a row lost", f"DELETE FROM point_scores {TOWN} AND category_id = 1"
    ),
    Forgery(
        "buckets equal the transactions", "more", f"UPDATE score_buckets SET members = members + 1 {TOWN}"
    ),
    Forgery(
        "buckets equal the transactions", "a row lost", f"DELETE FROM score_buckets {TOWN} AND level = 2"
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
    Forgery("approved means one transaction", "less asked", f"{REQUEST} amount = 90 {TOWN} AND number = 1"),
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

    assert {broken.invariant for broken in found} == {forgery.invariant}
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
        assert verification.verify(tx, "nowhere") == []
        found = verification.verify(tx, "village")
        undone.rollback()

    assert [(broken.invariant, broken.community) for broken in found] == [
        ("balances equal the transactions", "village")
    ]
    assert "7 stored" not in found[0].detail
    assert "current=8" in found[0].detail
    assert "current=7" in found[0].detail


def test_every_invariant_is_forged_at_least_once() -> None:
    assert {forgery.invariant for forgery in FORGERIES} == invariants()


def invariants() -> set[str]:
    """Return the names that verification.py yields, read from its source."""
    tree = ast.parse(inspect.getsource(verification))
    found: set[Any] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            found.add(node.value.elts[0])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_differences":
            found.add(node.args[0])
    return {name.value for name in found if isinstance(name, ast.Constant)}


async def test_a_verification_goes_on_record_with_what_it_found(points: Points) -> None:
    await points.write(give, Kind.AWARD, ADA, 5)
    await points.write(give, Kind.AWARD, ADA, 5, community="village")
    broken = [
        verification.Broken(invariant, COMMUNITY, "somewhere")
        for invariant in ("scores equal the transactions", "a floor is respected", "a floor is respected")
    ]

    await points.write(verification.record, NOON, broken)
    await points.write(verification.record, NOON + timedelta(hours=1), [], "village")

    town = await points.read(audit.recent, COMMUNITY)
    village = await points.read(audit.recent, "village")
    names = {"broken": ["a floor is respected", "scores equal the transactions"]}
    assert [(e.action, e.target, e.after, e.at) for e in town] == [(verification.VERIFIED, "#1", names, NOON)]
    assert [e.after for e in village] == [{"broken": []}, {"broken": []}]
    assert await points.read(verification.verify) == []
