"""Facts are told, rules decide, points move: once, within every limit, whoever tells of them and how often."""

import random
from asyncio import gather
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, select

from points_core import achievements, approvals, history, policy, rules, uses
from points_core.achievements.goals import Streak as StreakGoal
from points_core.database import Points, writer_engine
from points_core.errors import InvalidText
from points_core.models import ActiveDay, RoleGrant, RuleGrant, RuleUse
from points_core.models import Fact as FactRow
from points_core.policy import Policy
from points_core.rules import Fact, Fired, On, Result
from points_core.rules.definition import (
    IsReply,
    Limits,
    Multiplier,
    OnCheckIn,
    OnMessage,
    OnSchedule,
    OnStreak,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.limits import Limit
from points_core.values import Actor, ActorKind, Kind, Mode, Origin, RequestState
from points_core.verification import verify
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, row_counts
from tests.core.plans import plans
from tests.core.rule_facts import check_in, definition, message


async def rule_made(points: Points, name: str = "talk", mode: Mode = Mode.LIVE, **changes: Any) -> int:
    view = await points.write(rules.create, by(MOD), name=name, definition=definition(**changes))
    if mode is not Mode.DRAFT:
        await points.write(rules.set_mode, by(MOD), view.rule.number, mode)
    return view.rule.number


def told(fact: Fact, at: datetime | None = None) -> Origin:
    return Origin(COMMUNITY, Actor(ActorKind.SYSTEM), max(at or NOON, fact.at), f"told:{fact.key}")


async def fired(points: Points, fact: Fact) -> Fired:
    return await points.write(rules.fire, told(fact), fact)


def said(number: int, *, after: timedelta = timedelta(0), **changes: Any) -> Fact:
    return message(number, at=NOON + after, user_id=changes.pop("user_id", ADA), **changes)


def results(one: Fired) -> list[Result]:
    return [outcome.result for outcome in one.outcomes]


async def balance(points: Points, user_id: str = ADA) -> int:
    return (await points.read(history.balance, COMMUNITY, user_id)).current


async def test_a_live_rule_gives_points_and_names_itself_and_what_set_it_off(points: Points) -> None:
    number = await rule_made(points)
    link = "https://discord.com/channels/1/2/3"

    one = await fired(points, said(1, link=link, name="Ada"))

    (outcome,) = one.outcomes
    assert (outcome.result, outcome.amount, outcome.replayed) == (Result.GIVEN, 2, False)
    assert outcome.receipt is not None
    assert one.receipts == (outcome.receipt,)
    stored = await points.read(history.transaction, COMMUNITY, outcome.receipt.number)
    assert stored == outcome.receipt
    assert (stored.amount, stored.rule, stored.evidence, stored.name) == (2, (number, 2), link, "Ada")
    assert (stored.actor.kind, stored.actor.name) == (ActorKind.RULE, "talk")
    assert await points.read(verify) == []


async def test_a_fact_told_again_moves_nothing_and_gets_the_first_answer(points: Points) -> None:
    await rule_made(points, limits=Limits(member_cooldown=60))
    first = await fired(points, said(1))
    refused = await fired(points, said(2))
    before = await row_counts(points)

    again = await fired(points, said(1))
    same = await points.write(rules.fire, told(said(2), NOON + timedelta(days=3)), said(2))

    assert again == first.again
    assert again.receipts == ()
    assert again.outcomes[0].receipt == replace(first.outcomes[0].receipt, replayed=True)  # type: ignore[type-var]
    assert same == refused.again
    assert (results(same), same.outcomes[0].limit) == ([Result.COOLDOWN], Limit.MEMBER_COOLDOWN)
    assert await row_counts(points) == before


async def test_a_fact_that_was_forgotten_is_still_not_given_for_twice(points: Points) -> None:
    await rule_made(points)
    await fired(points, said(1))
    await points.write(rules.forget, NOON + timedelta(days=91))

    again = await fired(points, said(1))

    assert [(outcome.result, outcome.replayed) for outcome in again.outcomes] == [(Result.GIVEN, True)]
    assert await balance(points) == 2


async def test_what_is_to_be_forgotten_is_found_without_reading_what_is_kept(points: Points) -> None:
    if points.settings.database_url.startswith("postgresql"):
        pytest.skip("the plan is SQLite's")
    engine = writer_engine(make_url(points.settings.database_url))

    def forget() -> None:
        with engine.begin() as tx:
            rules.forget(tx, NOON)

    (plan,) = plans(engine, forget)
    assert "SEARCH facts USING" in plan
    assert "SCAN facts" not in plan
    engine.dispose()


async def test_what_no_rule_matches_leaves_nothing(points: Points) -> None:
    await rule_made(points, when=IsReply())
    await rule_made(points, "draft", mode=Mode.DRAFT)
    before = await row_counts(points)

    assert await fired(points, said(1)) == Fired()
    nobody = Origin("elsewhere", Actor(ActorKind.SYSTEM), NOON, "k")
    assert await points.write(rules.fire, nobody, said(1)) == Fired()

    assert await row_counts(points) == before


async def test_a_shadow_rule_records_what_it_would_give_and_moves_nothing(points: Points) -> None:
    number = await rule_made(points, mode=Mode.SHADOW, limits=Limits(member_day=3))

    outcomes = [(await fired(points, said(n))).outcomes[0] for n in range(3)]

    assert [(each.result, each.amount, each.limit) for each in outcomes] == [
        (Result.SHADOW, 2, None),
        (Result.SHADOW, 1, Limit.MEMBER_DAY),
        (Result.CAPPED, 0, Limit.MEMBER_DAY),
    ]
    assert await balance(points) == 0
    found = await points.read(rules.tally, COMMUNITY, number)
    assert (found.times, found.shadow_times, found.shadow_points) == (0, 2, 3)


async def test_caps_and_cooldowns_hold_between_two_programs_on_one_database(points: Points) -> None:
    capped = await rule_made(points, "capped", amount=3, limits=Limits(rule_day=20))
    cooled = await rule_made(points, "cooled", amount=1, limits=Limits(member_cooldown=3_600))
    facts = [said(n, after=timedelta(seconds=n), user_id=(ADA, GRACE)[n % 2]) for n in range(40)]

    async with Points.opened(points.settings) as other:
        await gather(*(fired(each, fact) for fact in facts for each in (points, other)))

    given = {capped: 0, cooled: 0}
    for view in (ADA, GRACE):
        page = await points.read(history.page, COMMUNITY, user_id=view, limit=100)
        for receipt in page.receipts:
            assert receipt.rule is not None
            given[receipt.rule[0]] += receipt.amount
    assert given == {capped: 20, cooled: 2}
    assert await points.read(verify) == []


async def test_caps_hold_exactly_under_parallel_delivery(points: Points) -> None:
    limits = Limits(member_day=5, rule_day=8)
    await rule_made(points, amount=3, limits=limits)
    facts = [said(n, user_id=user) for n, user in enumerate([ADA, GRACE] * 10)]

    await gather(*(fired(points, fact) for fact in facts * 2))

    assert await balance(points) + await balance(points, GRACE) == 8
    assert max(await balance(points), await balance(points, GRACE)) == 5
    assert await points.read(_used) == await points.read(_recounted)
    assert await points.read(verify) == []


def _used(tx: Connection) -> dict[Any, Any]:
    return uses.stored(tx, 1)


def _recounted(tx: Connection) -> dict[Any, Any]:
    return uses.summed(uses.standing(tx, 1), policy.by_number(tx, 1).zone)


async def test_a_rule_may_ask_for_approval_and_a_no_gives_its_caps_back(points: Points) -> None:
    await rule_made(points, approval=True, limits=Limits(member_day=2))
    waiting = (await fired(points, said(1, channel="11"))).outcomes[0]
    assert waiting.result is Result.WAITING
    assert waiting.request is not None
    assert (await fired(points, said(2))).outcomes[0].result is Result.CAPPED

    await points.write(approvals.vote, by(OTHER_MOD), waiting.request.number, approve=False)
    assert await balance(points) == 0

    anew = (await fired(points, said(3))).outcomes[0]
    assert anew.request is not None
    decided = await points.write(approvals.vote, by(OTHER_MOD), anew.request.number, approve=True)
    assert (decided.state, await balance(points)) == (RequestState.APPROVED, 2)
    replay = (await fired(points, said(3))).outcomes[0]
    assert (replay.result, replay.replayed) == (Result.WAITING, True)
    assert await points.read(verify) == []


async def test_a_rule_in_a_retired_category_gives_nothing_and_says_why(points: Points) -> None:
    current: Policy = await points.read(policy.of, COMMUNITY)
    category = current.categories[0]
    await rule_made(points, category_id=category.id)
    await points.write(policy.retire_category, by(MOD), category.name)

    (outcome,) = (await fired(points, said(1))).outcomes

    assert (outcome.result, outcome.why.__class__.__name__) == (Result.REFUSED, "UnknownCategory")
    assert await balance(points) == 0


async def test_conditions_of_the_books_see_what_was_given_a_moment_ago(points: Points) -> None:
    await rule_made(points)
    await rule_made(points, "rich", when=TotalAtLeast(points=4))

    several = await gather(*(fired(points, said(n)) for n in range(3)))

    assert [len(one.outcomes) for one in several] == [
        1,
        2,
        2,
    ]  # the second fact made it four, its own rule's first
    assert await balance(points) == 2 * 3 + 2 * 2


async def test_a_fact_of_the_future_happens_now_and_one_of_the_past_then(points: Points) -> None:
    await rule_made(points)
    late = said(1, after=timedelta(days=-3))
    early = said(2, after=timedelta(days=3))

    past = (await points.write(rules.fire, told(late), late)).outcomes[0].receipt
    future = (
        (await points.write(rules.fire, Origin(COMMUNITY, Actor(ActorKind.SYSTEM), NOON, "k"), early))
        .outcomes[0]
        .receipt
    )

    assert past is not None
    assert future is not None
    assert (past.effective_at, future.effective_at) == (late.at, NOON)


async def test_a_check_in_makes_its_day_active_whether_a_rule_cares_or_not(points: Points) -> None:
    days = [check_in(number) for number in range(3)]

    alone = await fired(points, days[0])
    await rule_made(points, trigger=OnCheckIn())
    given = await fired(points, days[1])
    again = await fired(points, days[1])

    assert (alone.checked_in, alone.outcomes) == (True, ())
    assert (given.checked_in, results(given), again.checked_in) == (True, [Result.GIVEN], False)
    assert given.streaks is not None
    assert again.streaks == given.streaks
    assert given.streaks["day"].current == 2


async def test_a_streak_that_reaches_its_length_is_a_fact_of_its_own_once(points: Points) -> None:
    await rule_made(points, trigger=OnCheckIn())
    await rule_made(points, "three", trigger=OnStreak(length=3), amount=50)
    await rule_made(points, "weeks", trigger=OnStreak(length=2, unit="week"), amount=100)

    several = [await fired(points, check_in(day)) for day in range(7)]

    assert [results(one) for one in several] == [
        [Result.GIVEN],
        [Result.GIVEN],
        [Result.GIVEN, Result.GIVEN],
        [Result.GIVEN],
        [Result.GIVEN],
        [Result.GIVEN, Result.GIVEN],  # Monday: the second week
        [Result.GIVEN],
    ]
    assert await balance(points) == 7 * 2 + 50 + 100
    again = await fired(points, check_in(2))
    assert [(each.result, each.replayed) for each in again.outcomes] == [(Result.GIVEN, True)] * 2
    assert await balance(points) == 7 * 2 + 50 + 100


async def test_a_day_that_is_told_late_joins_two_runs_and_passes_every_length_between(points: Points) -> None:
    for length in (2, 3, 4, 5):
        await rule_made(points, f"{length}", trigger=OnStreak(length=length), amount=length)
    for day in (0, 1, 3, 4):
        await fired(points, check_in(day))
    before = await balance(points)

    late = await points.write(rules.fire, told(check_in(4)), check_in(2))

    assert before == 2 + 2
    assert [outcome.amount for outcome in late.outcomes] == [3, 4, 5]


async def test_a_streak_gives_in_a_category_in_which_its_member_has_points(points: Points) -> None:
    await points.write(policy.add_category, by(MOD), "habits")
    current = await points.read(policy.of, COMMUNITY)
    habits = current.category("habits")
    assert habits is not None
    await points.write(
        approvals.request,
        by(MOD),
        kind=Kind.AWARD,
        user_id=ADA,
        amount=90,
        reason="before",
        category="habits",
    )
    await rule_made(points, trigger=OnStreak(length=2), amount=7, category_id=habits.id)
    for day in range(2):
        fact = said(day, on=On.CHECK_IN, after=timedelta(days=day))
        await fired(points, fact)

    assert await balance(points) == 97
    assert await points.read(verify) == []


async def test_a_check_in_is_one_also_on_a_day_that_a_message_made_active(points: Points) -> None:
    await rule_made(points, counts_for_streak=True)
    await fired(points, said(1))

    first = await fired(points, said(2, on=On.CHECK_IN))
    again = await fired(points, said(3, on=On.CHECK_IN))

    assert (first.checked_in, again.checked_in) == (True, False)
    assert first.streaks is not None
    assert first.streaks["day"].current == 1


async def test_a_rule_that_counts_for_the_streak_makes_the_day_active_when_it_is_met(points: Points) -> None:
    number = await rule_made(
        points,
        counts_for_streak=True,
        limits=Limits(member_day=2),
        multipliers=(Multiplier(role="9", percent=0),),
    )
    await rule_made(points, "streak", trigger=OnMessage(), when=StreakAtLeast(length=2))

    await fired(points, said(1, roles=frozenset({"9"})))
    assert await points.read(_days) == []
    await fired(points, said(2))
    assert await points.read(_days) == [(NOON.date().toordinal(), number)]
    capped = await fired(points, said(3, after=timedelta(hours=1)))
    assert results(capped) == [Result.CAPPED]
    await fired(points, said(4, after=timedelta(days=1)))
    third = await fired(points, said(5, after=timedelta(days=1, hours=1)))
    assert results(third) == [Result.CAPPED, Result.GIVEN]


def _days(tx: Connection) -> list[tuple[int, int]]:
    return [tuple(row) for row in tx.execute(select(ActiveDay.day, ActiveDay.source))]  # type: ignore[misc]


async def test_a_rule_gives_its_role_too(points: Points) -> None:
    await rule_made(points, role="55", role_days=7)
    await fired(points, said(1))

    def roles(tx: Connection) -> list[Any]:
        return [tuple(row) for row in tx.execute(select(RoleGrant.role, RoleGrant.source, RoleGrant.until))]

    assert await points.read(roles) == [("55", "rule:1", NOON + timedelta(days=7))]


async def test_a_fact_that_cannot_be_is_refused_alone(points: Points) -> None:
    await rule_made(points)
    good, bad = said(1), said(2, channel="no channel")
    answers = await gather(fired(points, good), fired(points, bad), return_exceptions=True)
    assert isinstance(answers[0], Fired)
    assert isinstance(answers[1], InvalidText)
    assert await balance(points) == 2


async def test_who_reacted_is_kept_as_the_other_person(points: Points) -> None:
    await rule_made(points)
    await fired(points, said(1, other_id=GRACE, other_name="Grace"))

    def kept(tx: Connection) -> list[Any]:
        facts = tx.execute(select(FactRow.member_id, FactRow.other_id)).all()
        grants = tx.execute(select(RuleGrant.member_id, RuleGrant.other_id)).all()
        return [tuple(row) for row in (*facts, *grants)]

    assert len(set(await points.read(kept))) == 1


async def test_a_busy_day_told_twice_shuffled_and_doubled_comes_to_the_same(points: Points) -> None:
    """A small one of the days that the bench tells; the second telling changes no row."""
    draw = random.Random(7)
    await rule_made(points, amount=3, limits=Limits(member_cooldown=60, member_day=30, rule_day=400))
    await rule_made(points, "shadow", mode=Mode.SHADOW, limits=Limits(channel_cooldown=5, community_day=99))
    await rule_made(points, "reply", when=IsReply(), counts_for_streak=True, limits=Limits(member_week=40))
    await rule_made(points, "three", trigger=OnStreak(length=2), amount=7)
    facts = [
        said(
            n,
            after=timedelta(seconds=draw.randrange(2 * 86_400)),
            user_id=str(1_000 + draw.randrange(20)),
            reply=draw.random() < 0.3,
            channel=str(draw.randrange(10, 14)),
        )
        for n in range(600)
    ]
    day = facts + draw.sample(facts, 150)
    draw.shuffle(day)

    await gather(*(points.write(rules.fire, told(fact, NOON + timedelta(days=3)), fact) for fact in day))
    before, rows = await points.read(_everything), await row_counts(points)
    draw.shuffle(day)
    await gather(*(points.write(rules.fire, told(fact, NOON + timedelta(days=4)), fact) for fact in day))

    assert await points.read(_everything) == before
    assert await row_counts(points) == rows
    assert await points.read(_used) == await points.read(_recounted)
    assert await points.read(verify) == []


def _everything(tx: Connection) -> list[Any]:
    uses_ = [tuple(row) for row in tx.execute(select(*RuleUse.__table__.columns))]
    grants = [tuple(row) for row in tx.execute(select(*RuleGrant.__table__.columns))]
    return sorted(uses_), sorted(grants, key=str)  # type: ignore[return-value]


# ── turns of a schedule ──

HERE = (COMMUNITY,)


async def test_a_turn_is_claimed_once_and_done_once(points: Points) -> None:
    await rule_made(points, trigger=OnSchedule(every="day", at="09:00", roles=("21",)))
    tomorrow = NOON + timedelta(days=1)
    assert await points.write(rules.due_slots, NOON, HERE) == []  # nine o'clock was before it was switched on

    (turn,) = await points.write(rules.due_slots, tomorrow, HERE)
    assert (turn.slot, turn.due_at, turn.community) == (
        "2026-03-19",
        datetime(2026, 3, 19, 9, tzinfo=NOON.tzinfo),
        COMMUNITY,
    )
    assert await points.write(rules.due_slots, tomorrow + timedelta(minutes=9), HERE) == []
    assert await points.write(rules.due_slots, tomorrow + timedelta(minutes=11), HERE) == [turn]

    await points.write(rules.slot_done, turn, tomorrow + timedelta(minutes=12))
    assert await points.write(rules.due_slots, tomorrow + timedelta(hours=3), HERE) == []
    (latest,) = await points.write(rules.due_slots, NOON + timedelta(days=9), HERE)
    assert latest.slot == "2026-03-27"


@pytest.mark.parametrize(
    "every, first, then",
    [("week", date(2026, 3, 23), date(2026, 3, 30)), ("month", date(2026, 4, 1), date(2026, 5, 1))],
)
async def test_turns_of_weeks_and_months_keep_to_local_time(
    points: Points, every: str, first: date, then: date
) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    await rule_made(points, trigger=OnSchedule(every=every, at="09:00", roles=("21",)))  # type: ignore[arg-type]
    for day in (first, then):
        due = datetime(day.year, day.month, day.day, 7 if day > date(2026, 3, 28) else 8, tzinfo=NOON.tzinfo)
        assert await points.write(rules.due_slots, due - timedelta(seconds=1), HERE) == []
        (turn,) = await points.write(rules.due_slots, due, HERE)
        assert (turn.slot, turn.due_at) == (day.isoformat(), due)
        await points.write(rules.slot_done, turn, due)


async def test_turns_of_servers_that_another_process_looks_after_are_left_to_it(points: Points) -> None:
    await rule_made(points, trigger=OnSchedule(every="day", at="09:00", roles=("21",)))
    tomorrow = NOON + timedelta(days=1)

    assert await points.write(rules.due_slots, tomorrow, ("another",)) == []
    assert len(await points.write(rules.due_slots, tomorrow, HERE)) == 1


async def test_a_rule_that_is_paused_or_over_has_no_turns(points: Points) -> None:
    trigger = OnSchedule(every="day", roles=("21",))
    paused = await rule_made(points, trigger=trigger)
    await rule_made(points, "over", trigger=trigger, expires_at=NOON + timedelta(hours=2))
    await points.write(rules.set_mode, by(MOD), paused, Mode.PAUSED)
    assert await points.write(rules.due_slots, NOON + timedelta(days=1), HERE) == []


async def test_a_day_has_one_check_in_whatever_it_is_called(points: Points) -> None:
    await rule_made(points, trigger=OnCheckIn())
    facts = [Fact(on=On.CHECK_IN, key=f"check-in:{n}", at=NOON, user_id=ADA) for n in range(2)]

    first, second = await gather(*(fired(points, fact) for fact in facts))

    assert (first.checked_in, results(first)) == (True, [Result.GIVEN])
    assert (second.checked_in, second.outcomes, second.streaks) == (False, (), first.streaks)
    assert await balance(points) == 2


async def test_a_fact_told_late_sees_the_streak_of_its_own_day(points: Points) -> None:
    await points.write(policy.amend, by(MOD), check_ins=True)
    await rule_made(points, when=StreakAtLeast(length=3))
    for day in (0, 1, 2, 20):
        at = NOON + timedelta(days=day)
        await fired(points, Fact(on=On.CHECK_IN, key=f"check-in:{day}", at=at, user_id=ADA))

    for day, given in ((1, []), (2, [Result.GIVEN]), (20, [])):
        late = said(day, after=timedelta(days=day))
        outcome = await points.write(rules.fire, told(late, NOON + timedelta(days=20)), late)
        assert results(outcome) == given


async def test_only_a_new_day_has_badges_looked_at_anew(points: Points) -> None:
    await points.write(achievements.badges.add, by(MOD), name="Here", goal=StreakGoal(steps=(2,)))
    await rule_made(points, counts_for_streak=True, limits=Limits(member_day=2))
    await fired(points, said(1))
    await achievements.settled(points, NOON)

    assert results(await fired(points, said(2))) == [Result.CAPPED]
    assert not await points.read(achievements.anything_due, NOON)

    later = NOON + timedelta(days=1)
    await points.write(rules.fire, told(said(3), later), said(3, after=-timedelta(days=1)))
    assert not await points.read(achievements.anything_due, NOON)  # it is due when it was told
    assert (await achievements.settled(points, later)).earned == 1
