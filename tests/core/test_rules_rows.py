"""What rules write, whole: grants, receipts, requests, records; and what is told of it together."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select

from points_core import (
    approvals,
    clients,
    communities,
    history,
    policy,
    rules,
)
from points_core.clients import Scope
from points_core.database import Points
from points_core.errors import (
    BooksClosed,
    InvalidSetting,
    InvalidText,
    InvalidTime,
    RuleMode,
    UnknownCategory,
    UnknownRule,
)
from points_core.models import Fact as FactRow
from points_core.rules import Fact, Fired, On, Result, keeping, reading
from points_core.rules.conditions import Need
from points_core.rules.definition import (
    BetweenHours,
    HasRole,
    Limits,
    MinimumLength,
    OnReactionReceived,
    OnStreak,
    StreakAtLeast,
)
from points_core.rules.limits import Cooling, Given, Limit, decide
from points_core.rules.outcomes import Outcome
from points_core.rules.usage import Known
from points_core.rules.why import MemberWhy, why_fact, why_member, why_message, why_transaction
from points_core.values import Actor, ActorKind, Kind, Mode, Origin, RequestState
from points_core.writer import Call, run_together
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, settings_for
from tests.core.rule_facts import check_in, days, definition, grants
from tests.core.test_rules_firing import balance, fired, results, rule_made, said, told

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
async def points(databases: Databases) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(databases.new("sqlite"))) as opened:
        yield opened


# ── fired ──


async def test_what_is_given_asked_for_and_only_recorded_is_written_whole(points: Points) -> None:
    category = (await points.read(policy.of, COMMUNITY)).categories[0]
    await rule_made(points, "gives", category_id=category.id, limits=Limits(member_day=5), amount=7)
    await rule_made(points, "asks", approval=True, amount=3, reason="helped")
    await rule_made(points, "shadow", mode=Mode.SHADOW, amount=4)
    link = "https://example.org/1"
    fact = said(1, after=-HOUR, name="Ada", other_id=GRACE, other_name="Grace", link=link)
    origin = Origin(COMMUNITY, Actor(ActorKind.SYSTEM), NOON, "told", place="55")

    fired_ = await points.write(rules.fire, origin, fact)

    given, asked, shadow = fired_.outcomes
    key = keeping.key_of(fact)
    receipt = given.receipt
    assert (given.result, given.amount, given.limit, given.until) == (Result.GIVEN, 5, "member_day", None)
    assert receipt == await points.read(history.transaction, COMMUNITY, 1)
    assert receipt is not None
    assert (receipt.kind, receipt.user_id, receipt.name, receipt.amount) == (Kind.AWARD, ADA, "Ada", 5)
    assert (receipt.reason, receipt.category, receipt.evidence) == ("wrote", category.name, link)
    assert (receipt.actor, receipt.rule) == (Actor(ActorKind.RULE, name="gives"), (1, 2))
    assert (receipt.effective_at, receipt.recorded_at) == (NOON - HOUR, NOON)
    request = asked.request
    assert (asked.result, asked.amount, asked.receipt) == (Result.WAITING, 3, None)
    assert request == await points.read(approvals.get, COMMUNITY, 1)
    assert request is not None
    assert (request.user_id, request.name, request.amount, request.reason) == (ADA, "Ada", 3, "helped")
    assert (request.place, request.evidence, request.rule) == ("55", link, (2, 2))
    assert (request.opened_at, request.state) == (NOON, RequestState.PENDING)
    assert (shadow.result, shadow.amount, shadow.receipt, shadow.request) == (Result.SHADOW, 4, None, None)
    same = {
        "fact_key": key,
        "version": 2,
        "member_id": 2,
        "other_id": 3,
        "channel": "11",
        "at": NOON - HOUR,
        "standing": True,
        "undone_batch": None,
    }
    nothing = {"transaction_seq": None, "request_number": None}
    assert await points.read(grants) == [
        same | nothing | {"rule_number": 1, "shadow": False, "amount": 5, "transaction_seq": 1},
        same | nothing | {"rule_number": 2, "shadow": False, "amount": 3, "request_number": 1},
        same | nothing | {"rule_number": 3, "shadow": True, "amount": 4},
    ]
    elsewhere = await fired(points, said(2, user_id=GRACE))
    assert elsewhere.outcomes[1].request is not None
    assert elsewhere.outcomes[1].request.place == "11"  # where nobody says another place, that of the fact


async def test_facts_that_wait_together_are_decided_together_each_with_its_own_outcome(
    points: Points,
) -> None:
    await rule_made(points, limits=Limits(member_day=3))
    facts = [said(1), said(2, channel="no channel"), said(3), said(4, user_id=GRACE)]
    village = replace(told(facts[0]), community="village")
    calls = [Call((told(fact), fact), {}) for fact in facts] + [Call((village, facts[0]), {})]

    def together(tx: Connection) -> list[Any]:
        return run_together(tx, rules.fire, calls)

    first, bad, second, other, nobody = await points.write(together)

    assert isinstance(bad, InvalidText)
    assert [each.outcomes[0].amount for each in (first, second, other)] == [2, 1, 2]
    assert nobody == Fired()
    again = await points.write(together)
    assert [again[0], again[2], again[3]] == [first.again, second.again, other.again]
    assert (await balance(points), await balance(points, GRACE)) == (3, 2)


async def test_a_fact_told_to_closed_books_is_refused_to_everyone_who_waits(points: Points) -> None:
    await rule_made(points)

    def close(tx: Connection) -> None:
        head, _ = policy.locked(tx, by(MOD))
        head.closed_because = "damaged"
        communities.save(tx, head)

    def together(tx: Connection) -> list[Any]:
        return run_together(tx, rules.fire, [Call((told(said(n)), said(n)), {}) for n in range(2)])

    await points.write(close)
    with pytest.raises(BooksClosed):
        await fired(points, said(1))
    assert [type(each) for each in await points.write(together)] == [BooksClosed, BooksClosed]


async def test_a_pair_that_is_no_pair_cools_nobody_down(points: Points) -> None:
    await rule_made(points, trigger=OnReactionReceived(), limits=Limits(pair_cooldown=3_600))
    # MOD was here first and is number 1
    told_ = [
        (ADA, MOD, 0),
        (ADA, None, 0),
        (ADA, MOD, 59),
        (ADA, MOD, 60),
        (GRACE, None, 60),
        (GRACE, MOD, 60),
    ]
    found = [
        results(
            await fired(
                points,
                said(n, on=On.REACTION_RECEIVED, user_id=user, other_id=other, after=minutes * HOUR / 60),
            )
        )
        for n, (user, other, minutes) in enumerate(told_)
    ]
    assert found == [[Result.COOLDOWN if n == 2 else Result.GIVEN] for n in range(6)]


async def test_the_channel_of_another_member_cools_down_too_and_only_this_channel(points: Points) -> None:
    await rule_made(points, limits=Limits(channel_cooldown=60))
    found = [
        results(await fired(points, said(n, after=second * DAY / 86_400, user_id=user, channel=channel)))
        for n, (second, user, channel) in enumerate(
            [(0, ADA, "11"), (59, GRACE, "11"), (59, GRACE, "12"), (60, GRACE, "11"), (1, GRACE, None)]
        )
    ]
    assert found == [[Result.COOLDOWN if n == 1 else Result.GIVEN] for n in range(5)]


async def test_a_member_cools_down_whoever_else_took_part(points: Points) -> None:
    await rule_made(points, trigger=OnReactionReceived(), limits=Limits(member_cooldown=60))
    found = [
        results(await fired(points, said(n, on=On.REACTION_RECEIVED, user_id=user, other_id=other)))
        for n, (user, other) in enumerate([(ADA, GRACE), (ADA, GRACE), (ADA, MOD), (ADA, None), (GRACE, ADA)])
    ]
    assert found == [[Result.COOLDOWN if n in (1, 2, 3) else Result.GIVEN] for n in range(5)]


async def test_what_is_read_later_of_earlier_grants_counts_as_well(points: Points) -> None:
    number = await rule_made(points, limits=Limits(member_cooldown=60))
    for n, second in enumerate((0, 100)):
        await fired(points, said(n, after=timedelta(seconds=second)))
    one = (await points.read(rules.get, COMMUNITY, number)).rule

    def decided(tx: Connection) -> list[Any]:
        community_id = communities.find(tx, COMMUNITY)
        assert community_id is not None
        people = communities.people(tx, community_id, [ADA])
        known = Known(tx, community_id, policy.of(tx, COMMUNITY).zone, people)
        found: list[Any] = []
        for second in (130, 30, 70):
            fact = said(second, after=timedelta(seconds=second))
            for _ in range(2):
                known.load([(one, fact)])
            found.append(decide(one, fact, ZoneInfo("UTC"), known.usage))
        return [*found, list(known.usage.times.values())]

    until = [NOON + timedelta(seconds=second) for second in (160, 60, 160)]
    assert await points.read(decided) == [
        *(Cooling(Limit.MEMBER_COOLDOWN, each) for each in until),
        [[NOON, NOON + timedelta(seconds=100)]],
    ]


async def test_a_cap_of_a_member_and_one_of_the_rule_look_at_their_own_sums(points: Points) -> None:
    await rule_made(points, limits=Limits(member_day=3, rule_week=7))
    given = [
        (await fired(points, said(n, user_id=user))).outcomes[0].amount
        for n, user in enumerate((ADA, ADA, ADA, GRACE, GRACE, MOD, MOD))
    ]
    assert given == [2, 1, 0, 2, 1, 1, 0]


async def test_a_fact_that_was_forgotten_is_answered_from_what_it_was_given(points: Points) -> None:
    await rule_made(points, amount=7)
    await rule_made(points, "asks", approval=True, amount=3)
    await rule_made(points, "shadow", mode=Mode.SHADOW, amount=4)
    first = await fired(points, said(1))
    await points.write(rules.forget, NOON + 91 * DAY)
    again = await fired(points, said(1))
    assert (again, len(again.outcomes)) == (first.again, 3)


async def test_the_fact_of_a_streak_is_its_members_alone(points: Points) -> None:
    await rule_made(points, amount=1, counts_for_streak=True)
    await rule_made(points, "three", trigger=OnStreak(length=2), amount=5, when=HasRole(roles=("21",)))
    there: dict[str, Any] = {"other_id": GRACE, "other_name": "Grace", "roles": frozenset({"21"})}
    await fired(points, said(0, **there))
    fact = said(1, after=DAY, **there)
    one = await fired(points, fact)
    assert [outcome.amount for outcome in one.outcomes] == [1, 5]
    assert await fired(points, fact) == one.again
    first_day = NOON.date().toordinal()
    reached = replace(fact, on=On.STREAK, key=f"streak:day:2:{ADA}:{first_day}")
    facts = {row["trigger_name"]: row for row in await points.read(_facts)}
    assert facts["streak"] == {
        "key": keeping.key_of(reached),
        "trigger_name": "streak",
        "at": NOON + DAY,
        "recorded_at": NOON + DAY,
        "member_id": 2,
        "other_id": None,
        "channel": "11",
        "message": None,
        "data": {
            "what": "day",
            "days": 2,
            "roles": ["21"],
            "account_created_at": "2021-03-19T12:00:00+00:00",
            "joined_at": "2025-03-18T12:00:00+00:00",
        },
        "outcomes": {"2": {"version": 2, "result": "given", "amount": 5}},
    }
    assert facts["message"]["outcomes"]["then"] == [keeping.key_of(reached)]


def _facts(tx: Connection) -> list[dict[str, Any]]:
    columns = [each for each in FactRow.__table__.columns if each.name != "community_id"]
    return [dict(row._mapping) for row in tx.execute(select(*columns).order_by(FactRow.at))]


async def test_a_fact_that_is_told_on_a_later_day_in_the_zone_sees_the_streak_of_its_own(
    points: Points,
) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    await rule_made(points, when=StreakAtLeast(length=3))
    late = DAY + 11.25 * HOUR  # the third day has begun in Berlin
    for n, after in enumerate((0 * HOUR, DAY, late)):
        check = Fact(on=On.CHECK_IN, key=f"check-in:{n}", at=NOON + after, user_id=ADA)
        await points.write(rules.fire, told(check), check)

    noon, now = said(1, after=DAY), said(2, after=late)
    assert (await points.write(rules.fire, told(noon, NOON + late), noon)).outcomes == ()
    assert results(await points.write(rules.fire, told(now, NOON + late), now)) == [Result.GIVEN]


async def test_a_rule_whose_category_takes_no_more_says_which_ones_do(points: Points) -> None:
    category, *others = (await points.read(policy.of, COMMUNITY)).categories
    await rule_made(points, category_id=category.id, counts_for_streak=True, role="77")
    await points.write(policy.retire_category, by(MOD), category.name)
    before = await points.read(grants), await points.read(days)

    (outcome,) = (await fired(points, said(1))).outcomes

    assert outcome == Outcome(outcome.rule, Result.REFUSED, why=outcome.why)
    assert isinstance(outcome.why, UnknownCategory)
    assert (outcome.why.category, outcome.why.known) == (
        category.name,
        tuple(each.name for each in others),
    )
    assert (await points.read(grants), await points.read(days)) == before == ([], [])
    assert await fired(points, said(1)) == Fired((replace(outcome, why=None, replayed=True),))


async def test_an_hour_of_the_day_is_the_one_that_the_towns_clocks_show(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    await rule_made(points, when=BetweenHours(start="13:00", end="14:00"))
    assert [len((await fired(points, said(n, after=n * HOUR / 2))).outcomes) for n in range(-1, 3)] == [
        0,
        1,
        1,
        0,
    ]


async def test_who_waits_with_a_fact_that_makes_a_streak_is_answered_as_before(points: Points) -> None:
    await rule_made(points, approval=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    first = await fired(points, said(1))
    await fired(points, check_in(0))
    facts = [check_in(1), said(1)]

    def together(tx: Connection) -> list[Any]:
        return run_together(tx, rules.fire, [Call((told(fact, NOON + DAY), fact), {}) for fact in facts])

    streak, again = await points.write(together)
    assert [outcome.amount for outcome in streak.outcomes] == [20]
    assert again == first.again
    assert again.outcomes[0].request is not None


# ── read back ──


async def test_who_made_a_version_is_told_whoever_they_are(points: Points) -> None:
    made = await points.write(clients.create, by(MOD), token="t" * 43, name="shop", scopes=[Scope.READ])
    program = Actor(ActorKind.CLIENT, name="shop", client=made.number)
    people = (Actor.member(MOD, "Mo"), program, Actor(ActorKind.OPERATOR))
    for n, actor in enumerate(people):
        origin = Origin(COMMUNITY, actor, NOON + n * HOUR, f"v:{n}")
        if not n:
            await points.write(rules.create, origin, name="talk", definition=definition())
        else:
            await points.write(rules.rename, origin, 1, f"talk {n}")
    found = await points.read(rules.history, COMMUNITY, 1)
    assert [view.actor for view in found] == list(reversed(people))
    assert [view.made_at for view in found] == [NOON + n * HOUR for n in (2, 1, 0)]


async def test_rules_are_kept_ready_until_one_of_them_or_the_zone_changes(points: Points) -> None:
    await rule_made(points)

    def ready(tx: Connection) -> Any:
        head, current = policy.locked(tx, by(MOD))
        return reading.ready(tx, head, current.zone)

    def changed_and_undone(tx: Connection) -> Any:
        with tx.begin_nested() as savepoint:
            rules.rename(tx, by(MOD), 1, "other")
            inside = ready(tx)
            savepoint.rollback()
        return [rule.name for rule in inside.rules]

    first = await points.write(ready)
    assert await points.write(ready) is first
    assert await points.write(changed_and_undone) == ["other"]
    assert await points.write(ready) is first
    await rule_made(points, "second")
    second = await points.write(ready)
    assert [rule.name for rule in second.rules] == ["talk", "second"]
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    third = await points.write(ready)
    assert (third.zone.key, third.rules) == ("Europe/Berlin", second.rules)


async def test_a_rule_says_which_intents_it_needs_and_one_that_cannot_begin_so_has_no_number(
    points: Points,
) -> None:
    wanted = definition(when=MinimumLength(characters=5))
    made = await points.write(rules.create, by(MOD), name="long", definition=wanted)
    assert made.needs == {Need.MESSAGE_CONTENT}
    with pytest.raises(RuleMode) as refused:
        await points.write(rules.create, by(MOD), name="x", definition=wanted, mode=Mode.PAUSED)
    assert refused.value.number == 0
    for name in ("get", "history"):
        with pytest.raises(UnknownRule) as unknown:
            await points.read(getattr(rules, name), COMMUNITY, 7)
        assert unknown.value.number == 7
    with pytest.raises(UnknownRule) as unknown:
        await points.read(rules.get, "elsewhere", 1)
    assert unknown.value.number == 1


async def test_what_a_rule_would_give_now_goes_by_the_days_of_the_zone(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    await rule_made(points, limits=Limits(member_day=2))
    await rule_made(points, "draft", mode=Mode.DRAFT)
    await fired(points, said(1, after=10 * HOUR))  # eleven in the evening in Berlin

    full = await points.read(why_member, COMMUNITY, ADA, NOON + 10.5 * HOUR)
    anew = await points.read(why_member, COMMUNITY, ADA, NOON + 11 * HOUR)

    assert [one.rule.name for one in full.now] == ["talk"]
    assert not isinstance(full.now[0].decision, Given)
    assert anew.now[0].decision == Given(2, 2)
    assert [each.rule.name for each in (await points.read(why_fact, COMMUNITY, said(9))).looked] == [
        "talk",
        "draft",
    ]
    kept = await points.read(why_fact, COMMUNITY, said(1, after=10 * HOUR))
    assert ([each.rule.name for each in kept.looked], kept.kept) == (["talk"], True)


async def test_of_a_member_and_of_a_message_the_latest_five_facts_are_told(points: Points) -> None:
    await rule_made(points)
    seconds = (3, 1, 6, 2, 5, 4, 6)
    for n, second in enumerate(seconds):
        await fired(points, said(n, after=timedelta(seconds=second), message="5"))
    both = sorted(keeping.key_of(said(n)) for n in (2, 6))
    others = [keeping.key_of(said(n)) for n in (4, 5, 0)]
    found = (await points.read(why_member, COMMUNITY, ADA, NOON)).facts
    assert [why.fact.key for why in found] == [*both, *others]
    assert await points.read(why_message, COMMUNITY, "5") == found
    assert await points.read(why_member, "elsewhere", ADA, NOON) == MemberWhy((), ())

    def kept(tx: Connection, most: int | None = None) -> list[str]:
        return [fact.key for fact in keeping.kept(tx, COMMUNITY, since=NOON, until=NOON + HOUR, most=most)]

    oldest_first = [keeping.key_of(said(n)) for n in (1, 3, 0, 5, 4)] + both
    assert await points.read(kept) == oldest_first
    assert await points.read(kept, 1) == both[1:]


async def test_the_fact_of_a_transaction_is_found_through_its_request(points: Points) -> None:
    await rule_made(points, approval=True)
    for n in range(2):
        await fired(points, said(n))
    for request in (2, 1):
        await points.write(approvals.vote, by(OTHER_MOD), request, approve=True)
    found = [await points.read(why_transaction, COMMUNITY, number) for number in (1, 2)]
    assert [why.fact.key for why in found if why is not None] == [keeping.key_of(said(n)) for n in (1, 0)]


async def test_a_rule_that_is_over_is_neither_made_nor_made_of_another(points: Points) -> None:
    await rule_made(points)
    over = definition(expires_at=NOON)
    for change in (
        points.write(rules.edit, by(MOD), 1, over),
        points.write(rules.create, by(MOD), name="over", definition=over),
    ):
        with pytest.raises(InvalidSetting) as refused:
            await change
        assert refused.value.name == "expires_at"
    for part in ("since", "until"):
        clock: dict[str, Any] = {part: NOON.replace(tzinfo=None)}
        with pytest.raises(InvalidTime):
            await points.read(rules.leaves, COMMUNITY, 1, **clock)
