"""What was decided about facts before: who tells of one again gets the first answer."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from points_core.approvals import stored as requests
from points_core.ledger.loading import Entry
from points_core.models import Fact as FactRow
from points_core.models import RuleGrant
from points_core.prepared import Prepared
from points_core.rules import reading
from points_core.rules.definition import Rule
from points_core.rules.outcomes import Decided, Outcome, Result, kept_in
from points_core.values import Request

_GRANTS = Prepared(
    select(
        RuleGrant.fact_key,
        RuleGrant.rule_number,
        RuleGrant.version,
        RuleGrant.shadow,
        RuleGrant.amount,
        RuleGrant.transaction_seq,
        RuleGrant.request_number,
    ).where(
        RuleGrant.community_id == bindparam("community"),
        RuleGrant.fact_key.in_(bindparam("keys", expanding=True)),
    )
)
_FACTS = Prepared(
    select(FactRow.key, FactRow.outcomes).where(
        FactRow.community_id == bindparam("community"), FactRow.key.in_(bindparam("keys", expanding=True))
    )
)


@dataclass(slots=True)
class Earlier:
    """What is kept of some facts: decisions, grants, and the facts that followed, by the key of each."""

    decided: dict[str, tuple[Decided, ...]] = field(default_factory=dict)
    then: dict[str, tuple[str, ...]] = field(default_factory=dict)
    grants: dict[tuple[str, int], Any] = field(default_factory=dict)
    rules: dict[tuple[int, int], Rule] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)

    @property
    def transactions(self) -> frozenset[int]:
        """Return the numbers of the transactions that were made of them."""
        return frozenset(row.transaction_seq for row in self.grants.values() if row.transaction_seq)

    def outcomes(self, key: str, entries: Mapping[int, Entry]) -> tuple[Outcome, ...] | None:
        """Return what was decided about the fact kept as `key`, and about those that followed; None if nothing."""
        if key not in self.decided:
            return None
        own = tuple(self._outcome(key, one, entries) for one in self.decided[key])
        followed = (self.outcomes(each, entries) or () for each in self.then.get(key, ()))
        return own + tuple(outcome for each in followed for outcome in each)

    def _outcome(self, key: str, decided: Decided, entries: Mapping[int, Entry]) -> Outcome:
        grant = self.grants.get((key, decided.rule))
        entry = entries.get(grant.transaction_seq) if grant else None
        return Outcome(
            rule=self.rules[decided.rule, decided.version],
            result=decided.result,
            amount=decided.amount,
            receipt=entry.receipt if entry else None,
            request=self.requests.get(grant.request_number) if grant and grant.request_number else None,
            limit=decided.limit,
            until=decided.until,
        )


def load(tx: Connection, community_id: int, keys: Collection[str]) -> Earlier:
    """Read what was decided about the facts kept as `keys`; grants outlive the facts that they were for."""
    found = Earlier()
    add(tx, community_id, found, keys)
    return found


def add(tx: Connection, community_id: int, found: Earlier, keys: Collection[str]) -> None:
    """Read that of other facts too."""
    _add(tx, community_id, found, keys)
    _add(tx, community_id, found, {each for key in keys for each in found.then.get(key, ())})
    wanted = {(one.rule, one.version) for each in found.decided.values() for one in each}
    found.rules |= reading.versions(tx, community_id, wanted - found.rules.keys())
    numbers = {row.request_number for row in found.grants.values() if row.request_number}
    found.requests |= {
        number: requests.load(tx, community_id, number) for number in sorted(numbers - found.requests.keys())
    }


def _add(tx: Connection, community_id: int, found: Earlier, keys: Iterable[str]) -> None:
    asked = {"community": community_id, "keys": sorted(keys)}
    if not asked["keys"]:
        return
    for key, outcomes in _FACTS.rows(tx, asked):
        kept = kept_in(outcomes)
        found.decided[key], found.then[key] = kept.decided, kept.then
    alone: dict[str, list[Decided]] = defaultdict(list)
    for row in _GRANTS.rows(tx, asked):
        found.grants[row.fact_key, row.rule_number] = row
        if row.fact_key not in found.decided:
            alone[row.fact_key].append(Decided(row.rule_number, row.version, _result(row), row.amount))
    found.decided |= {key: tuple(decided) for key, decided in alone.items()}


def _result(grant: Any) -> Result:  # noqa: ANN401 - a row of _GRANTS
    if grant.shadow:
        return Result.SHADOW
    return Result.WAITING if grant.request_number else Result.GIVEN
