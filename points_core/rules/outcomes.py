"""What became of a fact: one outcome for each rule that matched it; and how that is kept beside the fact."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from points_core.errors import Refused
from points_core.rules.definition import Rule
from points_core.rules.limits import Limit
from points_core.streaks import Streak
from points_core.values import Receipt, Request


class Result(StrEnum):
    """What a rule did about a fact that it matched."""

    GIVEN = "given"
    WAITING = "waiting"  # for approval
    SHADOW = "shadow"  # would have been given
    COOLDOWN = "cooldown"
    CAPPED = "capped"
    NOTHING = "nothing"  # the multipliers left less than a point
    REFUSED = "refused"  # the category is retired, or the balance can hold no more


GAVE = frozenset({Result.GIVEN, Result.WAITING, Result.SHADOW})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule (in the version that decided) did about a fact.

    `amount` in points; `receipt` of what was given, `request` in which it waits. `limit` is what refused it
    (until `until`), or the cap that left no more. `why` is the books' refusal, not kept for a replay.
    `replayed` when this fact was decided before and nothing new was done.
    """

    rule: Rule
    result: Result
    amount: int = 0
    receipt: Receipt | None = None
    request: Request | None = None
    limit: Limit | None = None
    until: datetime | None = None
    why: Refused | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of a fact, streaks that it made longer included; no outcomes when no rule matched it.

    `checked_in` when it was a check-in and the first of its local day. `streaks` is how the member's streaks
    stand on the day of a check-in, by unit (day, week); None for other facts.
    """

    outcomes: tuple[Outcome, ...] = ()
    checked_in: bool = False
    streaks: Mapping[str, Streak] | None = None

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Return the receipts of what was given just now."""
        return tuple(one.receipt for one in self.outcomes if one.receipt is not None and not one.replayed)

    @property
    def again(self) -> "Fired":
        """Return this as whoever tells of the fact again is answered."""
        outcomes = tuple(_again(outcome) for outcome in self.outcomes)
        return replace(self, outcomes=outcomes, checked_in=False)


def _again(outcome: Outcome) -> Outcome:
    return replace(
        outcome,
        replayed=True,
        receipt=replace(outcome.receipt, replayed=True) if outcome.receipt else None,
        request=replace(outcome.request, replayed=True) if outcome.request else None,
    )


@dataclass(frozen=True, slots=True)
class Decided:
    """An outcome as it is kept: by rule, in which version, with which result."""

    rule: int
    version: int
    result: Result
    amount: int = 0
    limit: Limit | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What was decided about a fact, and the keys of the streaks' facts that followed from it."""

    decided: tuple[Decided, ...] = ()
    then: tuple[str, ...] = field(default=())


def document(outcomes: tuple[Outcome, ...], then: tuple[str, ...]) -> dict[str, Any]:
    """Return what is kept of a fact's own outcomes, as JSON values; `then` are the facts that followed."""
    kept: dict[str, Any] = {str(outcome.rule.number): _document(outcome) for outcome in outcomes}
    return {**kept, **({"then": list(then)} if then else {})}


def _document(outcome: Outcome) -> dict[str, Any]:
    said: dict[str, Any] = {"version": outcome.rule.version, "result": outcome.result.value}
    if outcome.amount:
        said["amount"] = outcome.amount
    if outcome.limit is not None:
        said["limit"] = outcome.limit.value
    if outcome.until is not None:
        said["until"] = outcome.until.isoformat()
    return said


def kept_in(stored: Mapping[str, Any]) -> Kept:
    """Return what a document of `document` says."""
    decided = tuple(
        Decided(
            rule=int(number),
            version=said["version"],
            result=Result(said["result"]),
            amount=said.get("amount", 0),
            limit=Limit(said["limit"]) if "limit" in said else None,
            until=datetime.fromisoformat(said["until"]) if "until" in said else None,
        )
        for number, said in sorted(stored.items(), key=lambda item: item[0].zfill(20))
        if number != "then"
    )
    return Kept(decided, tuple(stored.get("then", ())))
