"""Why a rule gave points, or not, read back from what was kept; what a rule has given in all."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from points_core import approvals, communities, policy
from points_core.database import Points
from points_core.models import ActiveDay, RuleGrant
from points_core.models import Fact as FactRow
from points_core.rules import keeping, reading, stored
from points_core.rules.conditions import Asked, Met, Standing
from points_core.rules.definition import (
    InChannels,
    IsReply,
    Limits,
    OnCheckIn,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.facts import Fact, On
from points_core.rules.limits import Cooling, Given, Limit
from points_core.rules.matching import failed
from points_core.rules.outcomes import Result
from points_core.rules.standing import standings
from points_core.rules.tally import Tally, tally
from points_core.rules.why import Grant, why_fact, why_member, why_message, why_transaction
from points_core.values import Kind, Mode, Receipt
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by
from tests.core.rule_facts import definition, message
from tests.core.test_rules_firing import fired, said


async def rule_made(points: Points, name: str = "talk", mode: Mode = Mode.LIVE, **changes: Any) -> int:
    view = await points.write(stored.create, by(MOD), name=name, definition=definition(**changes))
    if mode is not Mode.DRAFT:
        await points.write(stored.set_mode, by(MOD), view.rule.number, mode)
    return view.rule.number


async def awarded(
    points: Points, user_id: str, amount: int, reason: str, category: str | None = None
) -> Receipt:
    given = await points.write(
        approvals.request,
        by(MOD),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=amount,
        reason=reason,
        category=category,
    )
    assert isinstance(given, Receipt)
    return given


def put(
    tx: Connection,
    fact: Fact,
    outcomes: dict[str, Any],
    *,
    rule: int | None = None,
    amount: int = 2,
    seq: int | None = None,
    shadow: bool = False,
    undone: int | None = None,
) -> None:
    """Keep a fact, and a grant for it if a rule is named, as firing keeps them."""
    head, _ = policy.locked(tx, by(MOD))
    people = (communities.enrol(tx, head, fact.user_id, fact.name, NOON), None)
    communities.save(tx, head)
    key = keeping.key_of(fact)
    tx.execute(insert(FactRow).values(keeping.row(head.community_id, key, fact, people, outcomes, NOON)))
    if rule is not None:
        tx.execute(
            insert(RuleGrant).values(
                community_id=head.community_id,
                fact_key=key,
                rule_number=rule,
                version=2,
                shadow=shadow,
                member_id=people[0],
                channel=fact.channel,
                at=fact.at,
                amount=amount,
                transaction_seq=seq,
                standing=undone is None,
                undone_batch=undone,
            )
        )


def gave(version: int = 2, amount: int = 2) -> dict[str, Any]:
    return {"version": version, "result": "given", "amount": amount}


async def test_what_a_rule_gave_is_explained_by_the_version_that_gave_it(points: Points) -> None:
    number = await rule_made(points)
    await rule_made(points, "other", when=InChannels(channels=("99",)))
    given = await awarded(points, ADA, 2, "talk")
    fact = message(key="message:5", message="5", at=NOON)
    await points.write(put, fact, {"1": gave()}, rule=number, seq=given.number)
    await points.write(stored.edit, by(MOD), number, definition(when=IsReply()))

    why = await points.read(why_transaction, COMMUNITY, given.number)

    assert why is not None
    (mine, other) = why.looked
    assert (mine.rule.version, mine.explained.met) == (2, Met.YES)
    assert mine.decided is not None
    assert (mine.decided.result, mine.grant) == (Result.GIVEN, Grant(2, given.number, None, True, None))
    assert (other.decided, other.grant) == (None, None)
    assert [one.seen for one in failed(other.explained.condition)] == ["11"]
    assert await points.read(why_message, COMMUNITY, "5") == (why,)
    assert await points.read(why_fact, COMMUNITY, fact) == why


async def test_what_no_rule_gave_and_what_is_not_there_has_no_fact(points: Points) -> None:
    assert await points.read(why_transaction, COMMUNITY, 1) is None
    assert await points.read(why_message, COMMUNITY, "5") == ()
    given = await awarded(points, ADA, 2, "talk")
    for number in (given.number, 99, 2**70):
        assert await points.read(why_transaction, COMMUNITY, number) is None


async def test_a_fact_that_was_never_told_is_explained_by_the_rules_of_now(points: Points) -> None:
    await rule_made(points, when=TotalAtLeast(points=10))
    await rule_made(points, "check-in", trigger=OnCheckIn())
    nobody = await points.read(why_fact, "elsewhere", message())
    assert (nobody.looked, nobody.kept) == ((), False)

    why = await points.read(why_fact, COMMUNITY, message())
    assert [(each.rule.name, each.explained.met) for each in why.looked] == [("talk", Met.NO)]
    await awarded(points, "1001", 10, "roses")
    why = await points.read(why_fact, COMMUNITY, message())
    assert [each.explained.met for each in why.looked] == [Met.YES]


async def test_a_member_learns_what_happened_lately_and_when_a_cooldown_ends(points: Points) -> None:
    number = await rule_made(points, limits=Limits(member_cooldown=3_600, member_day=5))
    given = await awarded(points, ADA, 2, "talk")
    first = message(key="message:1", at=NOON - timedelta(minutes=10), user_id=ADA)
    refused = {"version": 2, "result": "cooldown", "limit": "member_cooldown", "until": NOON.isoformat()}
    await points.write(put, first, {"1": gave()}, rule=number, seq=given.number)
    await points.write(put, message(key="message:2", at=NOON, user_id=ADA), {"1": refused})

    found = await points.read(why_member, COMMUNITY, ADA, NOON)

    results = [each.decided.result for why in found.facts for each in why.looked if each.decided]
    assert results == [Result.COOLDOWN, Result.GIVEN]
    assert [each.decision for each in found.now] == [
        Cooling(Limit.MEMBER_COOLDOWN, first.at + timedelta(hours=1))
    ]
    later = await points.read(why_member, COMMUNITY, ADA, NOON + timedelta(hours=1))
    assert isinstance(later.now[0].decision, Given)
    other = await points.read(why_member, COMMUNITY, GRACE, NOON)
    assert (other.facts, other.now[0].decision) == ((), Given(2, 2))


async def test_a_rule_of_its_own_facts_is_not_explained_to_others(points: Points) -> None:
    await rule_made(points)
    await rule_made(points, "second")
    why = await points.read(why_fact, COMMUNITY, message(rule=2))
    assert [each.rule.number for each in why.looked] == [2]


async def test_a_tally_tells_what_stands_what_was_shadow_and_what_was_undone(points: Points) -> None:
    number = await rule_made(points)
    first, second = [await awarded(points, ADA, 2, f"talk {n}") for n in range(2)]
    facts = [message(key=f"message:{n}", at=NOON + timedelta(hours=n), user_id=ADA) for n in range(3)]
    await points.write(put, facts[0], {}, rule=number, seq=first.number)
    await points.write(put, facts[1], {}, rule=number, seq=second.number, undone=4)
    await points.write(put, facts[2], {}, rule=number, amount=7, shadow=True)

    found = await points.read(tally, COMMUNITY, number)

    assert found == Tally(1, 2, 1, 1, 7, 1, facts[2].at)
    assert await points.read(tally, COMMUNITY, number, until=facts[1].at) == Tally(1, 2, 1, 0, 0, 0, NOON)
    assert await points.read(tally, COMMUNITY, number, version=1) == Tally()
    assert await points.read(tally, "elsewhere", number) == Tally()


async def test_kept_facts_come_back_as_they_were_told_but_for_their_key(points: Points) -> None:
    told = message(
        key="message:1",
        message="5",
        parent="7",
        group="8",
        roles=frozenset({"21", "22"}),
        length=5,
        attachments=0,
        reply=True,
        at=NOON,
    )
    await points.write(put, told, {})

    def kept(tx: Connection, *, ons: tuple[On, ...]) -> list[Fact]:
        span: dict[str, Any] = {"since": NOON, "until": NOON + timedelta(seconds=1)}
        return list(keeping.kept(tx, COMMUNITY, ons=ons, **span))

    (found,) = await points.read(kept, ons=(On.MESSAGE,))
    assert replace(found, key=told.key) == told
    assert await points.read(kept, ons=(On.VOICE,)) == []


async def test_of_the_facts_that_are_kept_the_latest_are_told_oldest_first(points: Points) -> None:
    await rule_made(points)
    for n in (3, 1, 2, 0):
        await fired(points, said(n, after=timedelta(minutes=n)))

    def kept(tx: Connection, most: int | None) -> list[datetime]:
        found = keeping.kept(tx, COMMUNITY, since=NOON, until=NOON + timedelta(hours=1), most=most)
        return [fact.at for fact in found]

    every = [NOON + timedelta(minutes=n) for n in range(4)]
    assert [await points.read(kept, most) for most in (None, 9, 2)] == [every, every, every[2:]]


async def test_the_standing_of_members_holds_what_was_asked_for(points: Points) -> None:
    rules = await points.read(policy.of, COMMUNITY)
    category = rules.categories[0]
    await awarded(points, ADA, 10, "roses", category.name)
    await awarded(points, ADA, 5, "roses")

    def looked(tx: Connection, wanted: Asked) -> list[Standing]:
        community_id = communities.find(tx, COMMUNITY)
        assert community_id is not None
        ada = communities.people(tx, community_id, [ADA])[ADA].id
        return list(standings(tx, community_id, policy.of(tx, COMMUNITY), [ada], NOON, wanted).values())

    def active(tx: Connection) -> None:
        head, _ = policy.locked(tx, by(MOD))
        ada = communities.people(tx, head.community_id, [ADA])[ADA].id
        today = NOON.date().toordinal()
        days = [
            {"community_id": head.community_id, "member_id": ada, "day": today - n, "source": 0}
            for n in range(3)
        ]
        tx.execute(insert(ActiveDay), days)

    await points.write(active)
    wanted = Asked(frozenset({"day"}), frozenset({None, category.id}))
    (standing,) = await points.read(looked, wanted)
    assert (standing.streaks["day"], standing.totals) == (3, {None: 15, category.id: 10})
    assert await points.read(looked, Asked()) == [Standing()]
    assert StreakAtLeast(length=3).unit in standing.streaks


@pytest.mark.parametrize("mode", [Mode.PAUSED, Mode.DRAFT])
async def test_rules_that_do_not_act_are_nothing_to_a_member_now(points: Points, mode: Mode) -> None:
    number = await rule_made(points, mode=Mode.DRAFT if mode is Mode.DRAFT else Mode.LIVE)
    if mode is Mode.PAUSED:
        await points.write(stored.set_mode, by(MOD), number, mode)
    assert (await points.read(why_member, COMMUNITY, ADA, NOON)).now == ()
    assert (await points.read(reading.get, COMMUNITY, number)).rule.mode is mode
