"""A story with one of everything, told to a database, and how to forge it past every guard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, NullPool, create_engine, select, text, update

from points_core import approvals, awards, policy, schedules
from points_core.communities import GENESIS
from points_core.ledger import chain
from points_core.models import ApprovalRequest, Base, LedgerHead, PointTransaction
from points_core.settings import sync_url
from points_core.values import Kind
from points_core.windows import WindowName
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, THIRD_MOD, by


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
    """One way to break one invariant; `forge` SQL or a function, `sealed` whether the chain is made to fit.

    `also` are the invariants that cannot hold either once this one is broken.
    """

    invariant: str
    how: str
    forge: str | Break
    sealed: bool = False
    also: frozenset[str] = frozenset()

    def commit(self, tx: Connection) -> None:
        if isinstance(self.forge, str):
            for statement in self.forge.split("; "):
                tx.execute(text(statement))
        else:
            self.forge(tx)
        if self.sealed:
            seal(tx)


ASKED = ("key", "kind", "member_id", "amount", "category_id", "reason", "evidence")


def seal(tx: Connection) -> None:
    """Compute every commitment and hash anew, as one would who wants a forgery to go unnoticed."""
    for row in tx.execute(select(ApprovalRequest.__table__)).all():
        commitment = chain.commitment(row.salt, **{name: row._mapping[name] for name in ASKED})
        this = (ApprovalRequest.community_id == row.community_id, ApprovalRequest.number == row.number)
        tx.execute(update(ApprovalRequest).where(*this).values(request_hash=commitment))
    for community_id in tx.execute(select(LedgerHead.community_id)).scalars().all():
        last = GENESIS
        ledger = select(PointTransaction.__table__).where(PointTransaction.community_id == community_id)
        for row in tx.execute(ledger.order_by(PointTransaction.seq)).all():
            sealed = {**row._mapping, "prev_hash": last}
            sealed["request_hash"] = chain.commitment(
                row.salt, **{name: row._mapping[name] for name in (*ASKED, "reverses")}
            )
            sealed["hash"] = last = chain.link(last, sealed)
            this = (PointTransaction.community_id == community_id, PointTransaction.seq == row.seq)
            hashes = {name: sealed[name] for name in ("prev_hash", "request_hash", "hash")}
            tx.execute(update(PointTransaction).where(*this).values(hashes))
        tx.execute(update(LedgerHead).where(LedgerHead.community_id == community_id).values(hash=last))
