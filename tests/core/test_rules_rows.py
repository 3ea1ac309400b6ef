"""What rules write, whole: grants, receipts, requests, records; and what is told of it together."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select

from points_core import (
    achievements,
    approvals,
    audit,
    awards,
    clients,
    communities,
    expiry,
    history,
    policy,
    rules,
    uses,
)
from points_core.achievements.goals import Streak as StreakGoal
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
from points_core.models import ActiveDay, Batch, RuleGrant
from points_core.models import Fact as FactRow
from points_core.programme import Decay, Programme
from points_core.rules import Fact, Fired, On, Result, keeping, reading
from points_core.rules.beside import Beside
from points_core.rules.conditions import Need
from points_core.rules.definition import (
    BetweenHours,
    HasRole,
    IsReply,
    Limits,
    MinimumLength,
    NoneOf,
    OnCheckIn,
    OnReactionReceived,
    OnStreak,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.limits import Cooling, Given, Limit, decide
from points_core.rules.outcomes import Outcome
from points_core.rules.usage import Known
from points_core.rules.why import MemberWhy, why_fact, why_member, why_message, why_transaction
from points_core.values import Actor, ActorKind, Kind, Mode, Origin, RequestState
from points_core.verification import verify
from points_core.writer import Call, run_together
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, settings_for
from tests.core.rule_facts import definition
from tests.core.test_rules_firing import balance, fired, results, rule_made, said, told

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
async def points(databases: Databases) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(databases.new("sqlite"))) as opened:
        yield opened


def _grants(tx: Connection) -> list[dict[str, Any]]:
    columns = [each for each in RuleGrant.__table__.columns if each.name != "community_id"]
    rows = tx.execute(select(*columns).order_by(RuleGrant.fact_key, RuleGrant.rule_number))
    return [dict(row._mapping) for row in rows]


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
    assert await points.read(_grants) == [
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
    before = await points.read(_grants), await points.read(_days)

    (outcome,) = (await fired(points, said(1))).outcomes

    assert outcome == Outcome(outcome.rule, Result.REFUSED, why=outcome.why)
    assert isinstance(outcome.why, UnknownCategory)
    assert (outcome.why.category, outcome.why.known) == (
        category.name,
        tuple(each.name for each in others),
    )
    assert (await points.read(_grants), await points.read(_days)) == before == ([], [])
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


# ── taken back ──


async def undone(points: Points, number: int = 1, **part: Any) -> rules.Undone:
    origin = part.pop("origin", None) or by(MOD)
    return await points.write(rules.undo, origin, number, reason="was wrong", **part)


def check_in(day: int, user_id: str = ADA) -> Fact:
    return Fact(on=On.CHECK_IN, key=f"check-in:{user_id}:{day}", at=NOON + day * DAY, user_id=user_id)


async def test_an_undo_goes_on_record_with_its_part_and_all_that_it_took(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True, role="77")
    await rule_made(points, "reward", amount=20, trigger=OnStreak(length=2))
    asks = await rule_made(points, "asks", approval=True, when=IsReply())
    for day in range(2):
        await fired(points, said(day, after=day * DAY, reply=not day))
    span = {"version": 2, "since": NOON, "until": NOON + 2 * DAY}

    done = await undone(points, number, partial=True, origin=by(MOD, "k" * 200), **span)
    asked = await undone(points, asks)

    assert (done.days, done.roles, done.requests, done.refused) == (2, 1, (), ())
    assert done.batch is not None
    assert done.streaks is not None
    assert (done.batch.points, done.streaks.points, asked.requests) == (-2, -20, (1,))
    on_record = {
        each.number: (each.action, each.target, each.before, each.after)
        for each in await points.read(audit.recent, COMMUNITY, limit=50)
        if each.action == "rule.undo"
    }
    assert [on_record[number] for number in sorted(on_record)] == [
        (
            "rule.undo",
            "1",
            None,
            {
                "version": 2,
                "since": "2026-03-18T12:00:00+00:00",
                "until": "2026-03-20T12:00:00+00:00",
                "partial": True,
                "batch": 1,
                "days": 2,
                "roles": 1,
                "streaks": 2,
            },
        ),
        ("rule.undo", "3", None, {"requests": [1]}),
    ]
    batches = await points.read(_batches)
    assert batches == [(1, "k" * 200), (2, "k" * 180 + ":streaks")]
    why = [
        (each.after or {}).get("why")
        for each in await points.read(audit.recent, COMMUNITY, limit=50)
        if each.action == "batch.bulk"
    ]
    assert sorted(filter(None, why)) == ["rule 1 taken back", "streaks that are no more"]
    reasons = [(await points.read(history.transaction, COMMUNITY, n)).reason for n in (4, 5, 6)]
    assert reasons == ["was wrong", "was wrong", "the streak is no more"]
    again = await undone(points, number, partial=True, origin=by(MOD, "k" * 200), **span)
    assert again == replace(done, replayed=True, beside=Beside())
    assert await points.read(verify) == []


def _batches(tx: Connection) -> list[tuple[int, str]]:
    return [
        (row.number, row.key) for row in tx.execute(select(Batch.number, Batch.key).order_by(Batch.number))
    ]


async def test_rewards_for_weeks_in_a_row_go_with_the_week_and_stay_with_another_day_of_it(
    points: Points,
) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "weeks", amount=20, trigger=OnStreak(length=2, unit="week"))
    for day, user in ((0, ADA), (0, GRACE), (11, ADA), (11, GRACE)):  # the second one is a Sunday
        await fired(points, said(10 * day + int(user), after=day * DAY, user_id=user))
    await points.write(rules.fire, told(check_in(11), NOON + 11 * DAY), check_in(6))  # Ada's, in that week
    assert (await balance(points), await balance(points, GRACE)) == (22, 22)

    done = await undone(points, number, since=NOON + 11 * DAY)

    assert done.streaks is not None
    assert (done.days, done.streaks.transactions) == (2, 1)
    assert (await balance(points), await balance(points, GRACE)) == (21, 1)


@pytest.mark.parametrize(
    "since, until, gone",
    [
        (MIDNIGHT + DAY, MIDNIGHT + 2 * DAY, 1),
        (MIDNIGHT + DAY + timedelta(microseconds=1), MIDNIGHT + 2 * DAY, 0),
        (MIDNIGHT + DAY, MIDNIGHT + 2 * DAY - timedelta(microseconds=1), 0),
        (MIDNIGHT + DAY, None, 2),
        (None, MIDNIGHT + 2 * DAY, 3),
        (None, None, 4),
    ],
)
async def test_of_forgotten_facts_the_days_go_that_lie_in_the_span_from_midnight_to_midnight(
    points: Points, since: datetime | None, until: datetime | None, gone: int
) -> None:
    await rule_made(points, counts_for_streak=True, limits=Limits(member_cooldown=20 * 86_400))
    await fired(points, said(0, after=-DAY))
    for day in range(1, 4):
        await fired(points, said(day, after=(day - 1) * DAY))
    await points.write(rules.forget, NOON + 200 * DAY)
    assert len(await points.read(_days)) == 4

    done = await undone(points, 1, since=since, until=until)

    assert (done.days, len(await points.read(_days))) == (gone, 4 - gone)


def _days(tx: Connection) -> list[int]:
    return list(tx.execute(select(ActiveDay.day)).scalars())


@pytest.mark.parametrize(
    "since, until, gone",
    [(HOUR, 2 * HOUR, 1), (HOUR + timedelta(seconds=1), 2 * HOUR, 0), (HOUR, HOUR, 0), (0 * HOUR, HOUR, 0)],
)
async def test_a_fact_belongs_to_a_span_from_its_first_second_to_before_its_end(
    points: Points, since: timedelta, until: timedelta, gone: int
) -> None:
    await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    await fired(points, said(0, after=-DAY))
    await fired(points, said(1, after=HOUR))  # capped: only the fact is kept, and its day

    done = await undone(points, 1, since=NOON + since, until=NOON + until)

    assert (done.batch, done.days) == (None, gone)


async def test_days_that_no_rule_made_are_passed_over_on_the_way_to_those_that_it_did(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_day=2, member_week=2))
    await rule_made(points, "asked", trigger=OnReactionReceived())
    for n in range(12):
        await fired(points, said(n, on=On.REACTION_RECEIVED, after=-n * DAY))
    await fired(points, said(20))
    await points.write(rules.edit, by(MOD), number, definition(amount=3, counts_for_streak=True))
    await points.write(
        rules.edit, by(MOD), number, definition(amount=4, counts_for_streak=True, limits=Limits(rule_week=1))
    )
    for day in (1, 2):  # Thursday and Friday: the cap of the week was reached on Wednesday
        await fired(points, said(20 + day, after=day * DAY))

    done = await undone(points, number, version=4)

    assert (done.batch, done.days, await points.read(_days)) == (None, 2, [NOON.date().toordinal()])


async def test_a_badge_for_days_goes_with_days_on_which_nothing_was_given(points: Points) -> None:
    await points.write(achievements.badges.add, by(MOD), name="Here", goal=StreakGoal(steps=(2,)))
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    for day in range(2):
        await fired(points, said(day, after=day * DAY))
    assert (await achievements.settled(points, NOON + DAY)).earned == 1

    origin = by(MOD, at=NOON + 2 * DAY)
    done = await undone(points, number, since=NOON + HOUR, origin=origin)

    assert (done.batch, done.days) == (None, 1)
    assert not await points.read(achievements.anything_due, NOON + 2 * DAY - HOUR)
    assert (await achievements.settled(points, NOON + 2 * DAY)).revoked == 1


async def test_who_never_had_points_has_none_for_a_rule_that_asks(points: Points) -> None:
    await rule_made(points, when=TotalAtLeast(points=1))
    assert await fired(points, said(1)) == Fired()
    await rule_made(points, "gives", when=IsReply())
    await rule_made(points, "asks for more", when=TotalAtLeast(points=3))
    first, second = [await fired(points, said(n, reply=True)) for n in (2, 3)]
    assert [each.rule.name for each in first.outcomes] == ["gives"]
    assert [each.rule.name for each in second.outcomes] == ["talk", "gives", "asks for more"]


async def test_a_streak_that_ended_shortly_before_makes_up_for_none_that_is_gone(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "three", trigger=OnStreak(length=3), amount=20)
    for day in range(3):
        await fired(points, check_in(day))
    for day in range(5, 8):
        await fired(points, said(day, after=day * DAY))
    assert await balance(points) == 3 + 2 * 20

    done = await undone(points, number)

    assert done.streaks is not None
    assert (done.streaks.transactions, await balance(points)) == (1, 20)


async def test_a_day_is_not_kept_by_what_another_rule_left_out_on_it(points: Points) -> None:
    number = await rule_made(points, when=NoneOf(of=(IsReply(),)), counts_for_streak=True)
    await rule_made(points, "other", when=IsReply(), limits=Limits(member_week=2))
    await fired(points, said(1, after=-DAY, reply=True))
    await fired(points, said(2))
    assert results(await fired(points, said(3, after=3 * HOUR, reply=True))) == [Result.CAPPED]

    assert (await undone(points, number, until=NOON + HOUR)).days == 1


async def test_a_reward_for_a_streak_that_was_taken_back_by_hand_is_left_alone(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    for day in range(2):
        await fired(points, said(day, after=day * DAY))
    await points.write(awards.reverse, by(MOD), 3, reason="by hand")

    done = await undone(points, number)

    assert (done.streaks, done.refused, await balance(points)) == (None, (), 0)
    assert await points.read(verify) == []


async def test_a_streak_that_a_freeze_held_together_goes_with_its_days(points: Points) -> None:
    await points.write(policy.amend, by(MOD), streak_freezes=1)
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    for day in (0, 2):
        await fired(points, said(day, after=day * DAY))
    assert await balance(points) == 22

    await undone(points, number)

    assert await balance(points) == 0


async def test_a_day_is_not_kept_by_what_the_rule_would_have_given_in_shadow(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True)
    await fired(points, said(1))
    await points.write(rules.set_mode, by(MOD), number, Mode.SHADOW)
    assert results(await fired(points, said(2, after=HOUR))) == [Result.SHADOW]

    assert (await undone(points, number)).days == 1


async def test_an_expiry_that_was_taken_back_by_hand_is_not_taken_back_again(points: Points) -> None:
    number = await rule_made(points, amount=10)
    await fired(points, said(1, after=-40 * DAY))
    await points.write(expiry.keep_for, by(MOD, at=NOON - 41 * DAY), days=30, notice_days=0)
    while await points.write(expiry.take_due, NOON) is not None:
        pass
    assert await balance(points) == 0
    await points.write(awards.reverse, by(MOD), 2, reason="not yet")
    assert await balance(points) == 10

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points, await balance(points)) == (1, -10, 0)
    assert await points.read(verify) == []


async def test_what_expired_in_another_town_is_nothing_to_this_one(points: Points) -> None:
    origin = by(MOD, at=NOON - 40 * DAY, community="village")
    await points.write(
        approvals.request, origin, kind=Kind.AWARD, user_id=ADA, amount=5, reason="roses", again=True
    )
    await points.write(expiry.keep_for, replace(origin, key="keep"), days=30, notice_days=0)
    while await points.write(expiry.take_due, NOON) is not None:
        pass
    await rule_made(points)
    for n in range(2):
        await fired(points, said(n, after=n * HOUR))

    done = await undone(points, 1, until=NOON + HOUR)

    assert done.batch is not None
    assert (done.batch.transactions, await balance(points)) == (1, 2)


async def test_caps_of_streaks_are_given_back_on_the_days_of_the_zone(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    number = await rule_made(points, amount=1, counts_for_streak=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    for day in range(2):
        await fired(points, said(day, after=day * DAY + 11.5 * HOUR))
    assert await balance(points) == 22

    await undone(points, number)

    assert (await points.read(uses.stored, 1), await balance(points)) == ({}, 0)
    assert await points.read(verify) == []


async def test_what_melted_meanwhile_may_have_been_part_of_what_is_taken_back(points: Points) -> None:
    number = await rule_made(points, amount=100)
    await fired(points, said(1))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside()
    decay = Programme(decay=Decay(percent=10, inactive_days=5))
    await points.write(policy.change, by(MOD), programme=decay)
    while await points.write(expiry.take_due, NOON + 40 * DAY) is not None:
        pass
    assert await balance(points) < 100
    late = await rule_made(points, "late", amount=5)
    (melted,) = await points.read(_melted)
    await points.write(rules.set_mode, by(MOD), late, Mode.PAUSED)
    at_once = await rule_made(points, "at once", amount=5)
    await points.write(rules.set_mode, by(MOD), number, Mode.PAUSED)
    await fired(points, said(2, after=melted - NOON))
    await points.write(rules.set_mode, by(MOD), at_once, Mode.PAUSED)
    await points.write(rules.set_mode, by(MOD), late, Mode.LIVE)
    await fired(points, said(3, after=melted - NOON + timedelta(seconds=1)))

    assert await points.read(rules.leaves, COMMUNITY, number) == Beside(decayed=True)
    assert await points.read(rules.leaves, COMMUNITY, number, since=NOON + HOUR) == Beside(decayed=False)
    assert await points.read(rules.leaves, COMMUNITY, at_once) == Beside(decayed=True)
    assert await points.read(rules.leaves, COMMUNITY, late) == Beside()
    assert await points.read(rules.leaves, "elsewhere", number) == Beside()


def _melted(tx: Connection) -> list[datetime]:
    return list(tx.execute(select(Batch.created_at)).scalars())


async def test_a_rule_that_asked_until_the_very_moment_is_not_named_and_one_that_still_asks_is(
    points: Points,
) -> None:
    number = await rule_made(points)
    total = await rule_made(points, "total", when=TotalAtLeast(points=2))
    shared = await rule_made(points, "shared", limits=Limits(community_week=9))
    await points.write(rules.edit, by(MOD, at=NOON + HOUR), total, definition())
    await points.write(rules.edit, by(MOD, at=NOON + 2 * HOUR), shared, definition())
    for n, at in enumerate((HOUR, 1.5 * HOUR)):
        await fired(points, said(n, after=at))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside(capped=(shared,))
    assert await points.read(
        rules.leaves, COMMUNITY, number, until=NOON + HOUR + timedelta(seconds=1)
    ) == Beside(capped=(shared,))
    await points.write(rules.fire, told(said(9), NOON + 3 * HOUR), said(9, after=59 * timedelta(minutes=1)))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside(asked=(total,), capped=(shared,))


async def test_what_rules_were_before_the_part_began_is_not_named(points: Points) -> None:
    number = await rule_made(points)
    for name in ("total", "other"):
        asks = await rule_made(points, name, when=TotalAtLeast(points=2))
        await points.write(rules.edit, by(MOD), asks, definition())
    await fired(points, said(1, after=HOUR))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside()


async def test_of_what_was_approved_and_taken_back_by_hand_nothing_is_taken_twice(points: Points) -> None:
    number = await rule_made(points, approval=True)
    for n in range(3):
        await fired(points, said(n))
    for request in (1, 2):
        await points.write(approvals.vote, by(OTHER_MOD), request, approve=True)
    await points.write(approvals.vote, by(OTHER_MOD), 3, approve=False)
    await points.write(awards.reverse, by(MOD), 1, reason="by hand")

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points, done.requests) == (1, -2, ())
    assert await balance(points) == 0
    stands = [(row["standing"], row["undone_batch"]) for row in await points.read(_grants)]
    assert sorted(stands, key=str) == [(False, 1), (False, 1), (False, None)]


async def test_a_check_in_that_no_rule_met_is_kept_once_and_its_member_known(points: Points) -> None:
    first = await fired(points, check_in(0))
    again = await fired(points, check_in(0))

    assert first.streaks is not None
    assert (first.checked_in, again.checked_in, again.streaks) == (True, False, first.streaks)
    assert await points.read(_days) == [NOON.date().toordinal()]
    facts = select(FactRow.key)

    def kept(tx: Connection) -> int:
        return len(tx.execute(facts).all())

    before = await points.read(kept)
    await rule_made(points, trigger=OnCheckIn())
    assert (await fired(points, check_in(0))).outcomes == ()
    assert await points.read(kept) <= before + 1
