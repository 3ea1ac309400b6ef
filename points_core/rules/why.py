"""Why points were given, or not: what each rule looked at, which condition failed, when a cooldown or a cap ends.

why_fact          something that happened, whether any rule cared or not
why_message       what was kept about a message
why_transaction   what a transaction was given for
why_member        what happened to a member lately, and what each rule would give them now
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from points_core import communities, policy
from points_core.communities import Person
from points_core.models import Fact as FactRow
from points_core.models import Member, PointTransaction, RuleGrant
from points_core.policy import Policy
from points_core.rules import reading
from points_core.rules.conditions import Standing, asked
from points_core.rules.definition import Rule
from points_core.rules.facts import ASKED_FOR, Fact
from points_core.rules.keeping import FACTS, fact_of, key_of
from points_core.rules.limits import Decision, decide
from points_core.rules.matching import Explained, explain
from points_core.rules.outcomes import Decided, kept_in
from points_core.rules.standing import standings
from points_core.rules.usage import Known
from points_core.values import Mode, bounded

FACTS_TOLD = 5  # about one member, or one message


@dataclass(frozen=True, slots=True)
class Grant:
    """What a rule gave for a fact: its transaction, or the request it waits in; `standing` unless it was undone."""

    amount: int
    transaction: int | None
    request: int | None
    standing: bool
    undone_batch: int | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What one rule made of a fact: what it looked at, what it `decided` then, what it gave.

    The rule is the version that decided; the one of now where none did.
    """

    rule: Rule
    explained: Explained
    decided: Decided | None = None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """A fact and what each rule that waits for such things made of it; `kept` if some rule matched it then.

    `untracked` when somebody in it wants rules to take no notice of them: then they give nothing for it.
    """

    fact: Fact
    looked: tuple[Looked, ...]
    kept: bool = True
    untracked: bool = False


@dataclass(frozen=True, slots=True)
class Now:
    """What a rule would give a member at this moment, limits and all, if its conditions were met."""

    rule: Rule
    decision: Decision


@dataclass(frozen=True, slots=True)
class MemberWhy:
    """What happened to a member lately, newest first, and how each acting rule stands towards them.

    Since `untracked_since` rules take no notice of what the member does.
    """

    facts: tuple[Why, ...]
    now: tuple[Now, ...]
    untracked_since: datetime | None = None


def why_fact(tx: Connection, community: str, fact: Fact) -> Why:
    """Return what the community's rules make of a fact; what they decided about it, if it was told before."""
    community_id = communities.find(tx, community)
    if community_id is not None:
        row = _one(tx, community_id, FactRow.key == key_of(fact))
        if row is not None:
            return _kept(tx, community, community_id, row)
    rules = _waiting(tx, community, fact)
    looked = _looked(tx, community, community_id, fact, rules)
    return Why(fact, looked, kept=False, untracked=_is_untracked(tx, community_id, fact))


def _is_untracked(tx: Connection, community_id: int | None, fact: Fact) -> bool:
    people = {user for user in (fact.user_id, fact.other_id) if user}
    if community_id is None or fact.on in ASKED_FOR:
        return False
    return bool(communities.untracked(tx, community_id, people))


def why_message(tx: Connection, community: str, message: str) -> tuple[Why, ...]:
    """Return what rules made of a message and of reactions to it, newest first; nothing if none matched."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return ()
    return _several(tx, community, community_id, FactRow.message == message)


def why_transaction(tx: Connection, community: str, number: int) -> Why | None:
    """Return the fact that transaction `number` was given for; None if no rule gave it, or it is kept no more."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    this = (PointTransaction.community_id == community_id, PointTransaction.seq == bounded(number))
    request = select(PointTransaction.request_number).where(*this).scalar_subquery()
    grant = tx.execute(
        select(RuleGrant.fact_key)
        .where(
            RuleGrant.community_id == community_id,
            or_(RuleGrant.transaction_seq == bounded(number), RuleGrant.request_number == request),
        )
        .limit(1)
    ).first()
    row = _one(tx, community_id, FactRow.key == grant.fact_key) if grant else None
    return _kept(tx, community, community_id, row) if row is not None else None


def why_member(tx: Connection, community: str, user_id: str, now: datetime) -> MemberWhy:
    """Return what happened to a member lately and what rules would give them at `now` (aware)."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return MemberWhy((), ())
    facts = _several(tx, community, community_id, Member.user_id == user_id)
    zone = policy.of(tx, community).zone
    known = Known(tx, community_id, zone, communities.people(tx, community_id, [user_id]))
    acting = [view.rule for view in reading.listed(tx, community) if view.rule.mode in reading.ACTING]
    pairs = [
        (rule, Fact(on=rule.definition.trigger.on, key=f"now:{rule.number}", at=now, user_id=user_id))
        for rule in acting
    ]
    known.load(pairs)
    now_given = tuple(Now(rule, decide(rule, fact, zone, known.usage)) for rule, fact in pairs)
    since = communities.untracked(tx, community_id, [user_id]).get(user_id)
    if since is not None:
        now_given = tuple(one for one in now_given if one.rule.definition.trigger.on in ASKED_FOR)
    return MemberWhy(facts, now_given, since)


def _waiting(tx: Connection, community: str, fact: Fact) -> list[Rule]:
    """Return the rules of now, retired ones aside, that wait for such things."""
    every = (view.rule for view in reading.listed(tx, community))
    return [
        rule for rule in every if rule.definition.trigger.on is fact.on and fact.rule in (None, rule.number)
    ]


def _looked(
    tx: Connection, community: str, community_id: int | None, fact: Fact, rules: Iterable[Rule]
) -> tuple[Looked, ...]:
    """Return what each rule looks at, with what the books say of the member today."""
    current = policy.of(tx, community)
    person = _person(tx, community_id, fact.user_id)
    return tuple(Looked(rule, _explained(tx, community_id, current, person, rule, fact)) for rule in rules)


def _explained(
    tx: Connection,
    community_id: int | None,
    current: Policy,
    person: Person | None,
    rule: Rule,
    fact: Fact,
) -> Explained:
    wanted, standing = asked(rule.definition), Standing()
    if community_id is not None and person is not None and (wanted.streaks or wanted.totals):
        standing = standings(tx, community_id, current, [person.id], fact.at, wanted)[person.id]
    return explain(rule, fact, current.zone, standing)


def _person(tx: Connection, community_id: int | None, user_id: str) -> Person | None:
    if community_id is None or not user_id:
        return None
    return communities.people(tx, community_id, [user_id]).get(user_id)


def _one(tx: Connection, community_id: int, condition: Any) -> Any | None:  # noqa: ANN401 - a clause, a row
    return tx.execute(FACTS.where(FactRow.community_id == community_id, condition)).first()


def _several(tx: Connection, community: str, community_id: int, condition: Any) -> tuple[Why, ...]:  # noqa: ANN401
    found = FACTS.where(FactRow.community_id == community_id, condition)
    rows = tx.execute(found.order_by(FactRow.at.desc(), FactRow.key).limit(FACTS_TOLD)).all()
    return tuple(_kept(tx, community, community_id, row) for row in rows)


def _kept(tx: Connection, community: str, community_id: int, row: Any) -> Why:  # noqa: ANN401 - a row of FACTS
    """Return a kept fact: what was decided by those who matched it, and what others look at in it now."""
    fact = fact_of(row)
    decided = {each.rule: each for each in kept_in(row.outcomes).decided}
    then = reading.versions(tx, community_id, [(each.rule, each.version) for each in decided.values()])
    grants = _grants(tx, community_id, row.key)
    rules = [rule for rule in _waiting(tx, community, fact) if rule.number not in decided]
    rules += list(then.values())
    looked = _looked(tx, community, community_id, fact, sorted(rules, key=lambda rule: rule.number))
    return Why(
        fact,
        tuple(
            Looked(each.rule, each.explained, decided.get(each.rule.number), grants.get(each.rule.number))
            for each in looked
            if each.rule.number in decided or each.rule.mode is not Mode.DRAFT
        ),
    )


def _grants(tx: Connection, community_id: int, key: str) -> dict[int, Grant]:
    found = select(RuleGrant).where(RuleGrant.community_id == community_id, RuleGrant.fact_key == key)
    return {
        row.rule_number: Grant(
            row.amount, row.transaction_seq, row.request_number, row.standing, row.undone_batch
        )
        for row in tx.execute(found.with_only_columns(*RuleGrant.__table__.columns))
    }
