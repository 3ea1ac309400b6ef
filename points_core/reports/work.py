"""What moderators did in a window, and how long approval took."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from points_core.models import ApprovalRequest, ApprovalVote, PointTransaction
from points_core.reports.about import Person, Place, by_people, within
from points_core.values import Kind, RequestState

DECIDED = (RequestState.APPROVED.value, RequestState.REJECTED.value)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the requests that people decided in the window had waited, in seconds; None where there are none.

    decided: approved or rejected. lapsed: expired or cancelled in the window. waiting: open now.
    """

    decided: int
    median_s: float | None
    p90_s: float | None
    lapsed: int
    waiting: int


@dataclass(slots=True)
class Done:
    """What the member of a number did."""

    member_id: int
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return how many things that were."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Load:
    """One moderator's work in a window: how many awards, deductions, reversals and votes, and all together."""

    moderator: Person
    awards: int
    deductions: int
    reversals: int
    votes: int
    total: int

    @classmethod
    def of(cls, done: Done, moderator: Person) -> "Load":
        """Return the work of `done`, by its name."""
        return cls(
            moderator,
            awards=done.counts.get(Kind.AWARD.value, 0),
            deductions=done.counts.get(Kind.DEDUCTION.value, 0),
            reversals=done.counts.get(Kind.REVERSAL.value, 0),
            votes=done.counts.get("vote", 0),
            total=done.total,
        )


def workload(tx: Connection, where: Place) -> list[Done]:
    """Return what each member did, the busiest first: transactions recorded and votes given in the window."""
    done: dict[int, Done] = {}

    def count(rows: Iterable[Any]) -> None:
        for member_id, name, times in rows:
            done.setdefault(member_id, Done(member_id)).counts[name] = times

    kinds = (Kind.AWARD.value, Kind.DEDUCTION.value, Kind.REVERSAL.value)
    count(
        tx.execute(
            select(PointTransaction.actor_id, PointTransaction.kind, func.count())
            .where(
                *within(where, PointTransaction.recorded_at), by_people(), PointTransaction.kind.in_(kinds)
            )
            .group_by(PointTransaction.actor_id, PointTransaction.kind)
        )
    )
    votes = tx.execute(
        select(ApprovalVote.voter_id, func.count())
        .where(*within(where, ApprovalVote.voted_at))
        .group_by(ApprovalVote.voter_id)
    )
    count((voter, "vote", times) for voter, times in votes)
    return sorted(done.values(), key=lambda each: (-each.total, each.member_id))


def latency(tx: Connection, where: Place) -> Latency:
    """Return how long approval took."""
    import pandas as pd

    decided = within(where, ApprovalRequest.decided_at)
    rows = tx.execute(
        select(ApprovalRequest.opened_at, ApprovalRequest.decided_at).where(
            *decided, ApprovalRequest.state.in_(DECIDED)
        )
    ).all()
    lapsed = (RequestState.EXPIRED.value, RequestState.CANCELLED.value)
    waited = [(until - since).total_seconds() for since, until in rows if until is not None]
    median, p90 = pd.Series(waited, dtype="float64").quantile([0.5, 0.9]) if waited else (None, None)
    return Latency(
        decided=len(rows),
        median_s=None if median is None else round(float(median), 3),
        p90_s=None if p90 is None else round(float(p90), 3),
        lapsed=_count(tx, *decided, ApprovalRequest.state.in_(lapsed)),
        waiting=_count(
            tx,
            ApprovalRequest.community_id == where.community_id,
            ApprovalRequest.state == RequestState.PENDING.value,
        ),
    )


def _count(tx: Connection, *conditions: Any) -> int:  # noqa: ANN401 - conditions
    return tx.execute(select(func.count()).select_from(ApprovalRequest).where(*conditions)).scalar_one()
