"""What goes through the rules' hands, whole: facts as they are cleaned and kept, outcomes as they are read back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest

from points_core.errors import InvalidText, InvalidTime, UnknownCategory
from points_core.rules import keeping
from points_core.rules.conditions import Met, Standing, all_of, any_of, met, none_of, parts, seen
from points_core.rules.definition import (
    AccountAge,
    AllOf,
    AnyOf,
    BetweenHours,
    Condition,
    HasAttachment,
    HasRole,
    InChannels,
    IsReply,
    Limits,
    MembershipAge,
    MinimumLength,
    Multiplier,
    NoneOf,
    OnEventAttended,
    OnVoice,
    OnWeekdays,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.facts import Fact, On
from points_core.rules.limits import (
    CapOn,
    Capped,
    Cooldown,
    Cooling,
    Given,
    Limit,
    Nothing,
    Usage,
    Use,
    Watch,
    caps,
    cooldowns,
    counted,
    decide,
)
from points_core.rules.matching import Checked, Compiled, Explained, explain, failed, matches, places
from points_core.rules.outcomes import Decided, Fired, Kept, Outcome, Result, document, kept_in
from points_core.values import Actor, ActorKind, Kind, Mode, Origin, Receipt, Request, RequestState
from points_core.windows import Span
from tests.core.rule_facts import BERLIN, WEDNESDAY, message, rule

SYSTEM = Actor(ActorKind.SYSTEM)
TOLD = Origin("town", SYSTEM, WEDNESDAY + timedelta(minutes=1), "told")
LATE = WEDNESDAY.replace(hour=23, minute=30)
"""Half past eleven in Greenwich on a Wednesday: Thursday in Berlin."""
SUNDAY = datetime(2026, 3, 22, 23, 30, tzinfo=UTC)
"""The last half hour of a week in Greenwich: in Berlin the next one has begun."""

EVERYTHING = Fact(
    on=On.MESSAGE,
    key="message:1",
    at=WEDNESDAY,
    user_id="1001",
    name="Ada",
    other_id="1002",
    other_name="Grace",
    channel="11",
    parent="12",
    group="13",
    message="14",
    link="https://example.org/1",
    roles=frozenset({"22", "21"}),
    account_created_at=WEDNESDAY - timedelta(days=900),
    joined_at=WEDNESDAY - timedelta(days=90),
    length=5,
    attachments=0,
    reply=True,
    minutes=6,
    people=7,
    years=8,
    days=9,
    what="👍",
    rule=4,
)


# ── facts ──


def test_a_clean_fact_stays_as_it_is_and_an_unclean_one_is_tidied() -> None:
    assert keeping.cleaned(TOLD, EVERYTHING) == EVERYTHING
    bare = Fact(on=On.BOOST, key="boost:1", at=WEDNESDAY, user_id="1001")
    assert keeping.cleaned(TOLD, bare) == bare
    ahead = WEDNESDAY.astimezone(timezone(timedelta(hours=2))) + timedelta(days=1)
    untidy = replace(
        EVERYTHING, key="  message:1 ", at=ahead, name=" Ada\x00 ", other_name=" ", link="", what=" 👍 "
    )
    assert keeping.cleaned(TOLD, untidy) == replace(EVERYTHING, at=TOLD.at, other_name=None, link=None)


@pytest.mark.parametrize(
    "field, value, limit",
    [
        *((name, "a b", 64) for name in ("channel", "parent", "group", "message", "user_id", "other_id")),
        ("channel", "", 64),
        ("other_id", "", 64),
        ("roles", frozenset({"a b"}), 64),
        ("key", "k" * 151, 150),
        ("key", " ", 150),
        ("what", "w" * 101, 100),
        ("what", "", 100),
        ("link", "javascript:alert(1)", 500),
    ],
)
def test_a_fact_that_cannot_be_kept_is_refused_by_name(field: str, value: Any, limit: int) -> None:
    with pytest.raises(InvalidText) as refused:
        keeping.cleaned(TOLD, replace(EVERYTHING, **{field: value}))
    assert (refused.value.field, refused.value.limit) == ("role" if field == "roles" else field, limit)


def test_the_longest_names_of_things_can_be_kept_and_a_time_has_a_zone() -> None:
    longest = replace(EVERYTHING, key="k" * 150, what="w" * 100)
    assert keeping.cleaned(TOLD, longest) == longest
    for field in ("at", "joined_at", "account_created_at"):
        anywhere: dict[str, Any] = {field: WEDNESDAY.replace(tzinfo=None)}
        with pytest.raises(InvalidTime):
            keeping.cleaned(TOLD, replace(EVERYTHING, **anywhere))


def test_a_key_is_kept_as_a_digest_behind_what_happened() -> None:
    digest = sha256(b"message:1").hexdigest()
    assert keeping.key_of(EVERYTHING) == f"message:{digest[:40]}"


def test_the_row_of_a_fact_holds_all_of_it_but_names_and_its_own_key() -> None:
    row = keeping.row(7, "message:abc", EVERYTHING, (1, 2), {"1": {}}, TOLD.at)
    assert row == {
        "community_id": 7,
        "key": "message:abc",
        "trigger_name": "message",
        "at": WEDNESDAY,
        "recorded_at": TOLD.at,
        "member_id": 1,
        "other_id": 2,
        "channel": "11",
        "message": "14",
        "data": {
            "parent": "12",
            "group": "13",
            "link": "https://example.org/1",
            "length": 5,
            "attachments": 0,
            "minutes": 6,
            "people": 7,
            "years": 8,
            "days": 9,
            "what": "👍",
            "rule": 4,
            "account_created_at": "2023-09-30T12:00:00+00:00",
            "joined_at": "2025-12-18T12:00:00+00:00",
            "roles": ["21", "22"],
            "reply": True,
        },
        "outcomes": {"1": {}},
    }
    bare = Fact(on=On.BOOST, key="boost:1", at=WEDNESDAY, user_id="1001")
    assert keeping.row(7, "k", bare, (1, None), {}, TOLD.at)["data"] == {}


# ── outcomes ──


def receipt(number: int = 5) -> Receipt:
    return Receipt(
        number=number,
        kind=Kind.AWARD,
        user_id="1001",
        name="Ada",
        amount=2,
        before=0,
        after=2,
        reason="wrote",
        category=None,
        evidence=None,
        actor=SYSTEM,
        effective_at=WEDNESDAY,
        recorded_at=WEDNESDAY,
    )


def request(number: int = 3) -> Request:
    return Request(
        number=number,
        state=RequestState.PENDING,
        kind=Kind.AWARD,
        user_id="1001",
        name="Ada",
        amount=2,
        category=None,
        reason="wrote",
        evidence=None,
        requester=SYSTEM,
        quorum=1,
        opened_at=WEDNESDAY,
        expires_at=WEDNESDAY,
        decided_at=None,
        transaction=None,
        place=None,
        card=None,
    )


def test_outcomes_are_kept_as_short_as_can_be_and_come_back_whole() -> None:
    until = WEDNESDAY + timedelta(hours=1)
    outcomes = (
        Outcome(rule(12), Result.GIVEN, 2, limit=Limit.MEMBER_DAY),
        Outcome(replace(rule(3), version=4), Result.COOLDOWN, limit=Limit.PAIR_COOLDOWN, until=until),
        Outcome(rule(100), Result.REFUSED, why=UnknownCategory("x", ())),
    )
    kept = document(outcomes, ("streak:a", "streak:b"))
    assert kept == {
        "12": {"version": 1, "result": "given", "amount": 2, "limit": "member_day"},
        "3": {
            "version": 4,
            "result": "cooldown",
            "limit": "pair_cooldown",
            "until": "2026-03-18T13:00:00+00:00",
        },
        "100": {"version": 1, "result": "refused"},
        "then": ["streak:a", "streak:b"],
    }
    assert kept_in(kept) == Kept(
        (
            Decided(3, 4, Result.COOLDOWN, 0, Limit.PAIR_COOLDOWN, until),
            Decided(12, 1, Result.GIVEN, 2, Limit.MEMBER_DAY),
            Decided(100, 1, Result.REFUSED),
        ),
        ("streak:a", "streak:b"),
    )
    assert document((), ()) == {}
    assert kept_in({}) == Kept()


def test_who_tells_of_a_fact_again_is_answered_the_same_but_as_before() -> None:
    given = Outcome(rule(1), Result.GIVEN, 2, receipt=receipt())
    waits = Outcome(rule(2), Result.WAITING, 2, request=request())
    capped = Outcome(rule(3), Result.CAPPED, limit=Limit.RULE_DAY, until=WEDNESDAY)
    fired = Fired((given, waits, capped), checked_in=True, streaks={})
    assert fired.receipts == (receipt(),)
    assert fired.again == Fired(
        (
            replace(given, replayed=True, receipt=replace(receipt(), replayed=True)),
            replace(waits, replayed=True, request=replace(request(), replayed=True)),
            replace(capped, replayed=True),
        ),
        checked_in=False,
        streaks={},
    )
    assert fired.again.receipts == ()


# ── conditions ──


@pytest.mark.parametrize(
    "condition, looked_at",
    [
        (InChannels(channels=("1",)), "11"),
        (HasRole(roles=("1",)), ("21", "22")),
        (AccountAge(days=1), 900),
        (MembershipAge(days=1), 90),
        (HasAttachment(), 0),
        (IsReply(), 1),
        (MinimumLength(characters=1), 5),
        (OnWeekdays(days=(1,)), 4),
        (BetweenHours(start="01:00", end="02:00"), "00:30"),
        (StreakAtLeast(length=1), 5),
        (StreakAtLeast(length=1, unit="week"), 0),
        (TotalAtLeast(points=1), 40),
        (TotalAtLeast(points=1, category_id=3), 10),
        (TotalAtLeast(points=1, category_id=4), 0),
        (AllOf(of=(IsReply(),)), None),
    ],
    ids=lambda each: getattr(each, "kind", None),
)
def test_what_a_condition_looked_at_is_told(condition: Condition, looked_at: object) -> None:
    fact = replace(EVERYTHING, at=LATE)
    standing = Standing(streaks={"day": 5}, totals={None: 40, 3: 10})
    assert seen(condition, fact, BERLIN, standing) == looked_at


def test_what_nobody_said_was_not_seen() -> None:
    silent = Fact(on=On.MESSAGE, key="k", at=WEDNESDAY, user_id="1001")
    unsaid: tuple[Condition, ...] = (
        InChannels(channels=("1",)),
        AccountAge(days=1),
        MembershipAge(days=1),
        HasAttachment(),
        MinimumLength(characters=1),
        StreakAtLeast(length=1),
        TotalAtLeast(points=1),
    )
    assert [seen(each, silent, BERLIN) for each in unsaid] == [None] * 7
    assert met(AccountAge(days=1), silent, BERLIN) is Met.UNKNOWN


YES, NO, OPEN, UNKNOWN = Met.YES, Met.NO, Met.OPEN, Met.UNKNOWN


@pytest.mark.parametrize(
    "outcomes, each, one, not_one",
    [
        ((), YES, NO, YES),
        ((YES, NO), NO, YES, NO),
        ((UNKNOWN, OPEN), OPEN, OPEN, OPEN),
        ((OPEN, UNKNOWN), OPEN, OPEN, OPEN),
        ((YES, UNKNOWN, YES), UNKNOWN, YES, NO),
        ((UNKNOWN, NO), NO, UNKNOWN, UNKNOWN),
        ((NO, UNKNOWN, NO), NO, UNKNOWN, UNKNOWN),
        ((OPEN, NO), NO, OPEN, OPEN),
        ((NO, OPEN), NO, OPEN, OPEN),
        ((NO, NO), NO, NO, YES),
    ],
    ids=str,
)
def test_a_group_comes_to_what_its_parts_leave_possible(
    outcomes: tuple[Met, ...], each: Met, one: Met, not_one: Met
) -> None:
    assert (all_of(iter(outcomes)), any_of(iter(outcomes)), none_of(iter(outcomes))) == (each, one, not_one)


def test_the_parts_of_a_condition_come_in_the_order_in_which_they_are_written() -> None:
    inner = AnyOf(of=(IsReply(), HasAttachment()))
    whole = AllOf(of=(inner, NoneOf(of=(MembershipAge(days=1),)), AccountAge(days=2)))
    assert list(parts(whole)) == [
        whole,
        inner,
        IsReply(),
        HasAttachment(),
        NoneOf(of=(MembershipAge(days=1),)),
        MembershipAge(days=1),
        AccountAge(days=2),
    ]
    assert list(parts(None)) == []


def test_a_presence_of_unsaid_length_or_company_is_none() -> None:
    attended, voice = OnEventAttended(minutes=1), OnVoice(minutes=1, people=1)
    for trigger, said in ((attended, {"minutes": 1}), (voice, {"minutes": 1, "people": 1})):
        compiled = Compiled([rule(trigger=trigger)], BERLIN)
        assert len(compiled.caring(message(on=trigger.on, **said))) == 1
        for missing in said:
            assert compiled.caring(message(on=trigger.on, **said | {missing: None})) == ()


# ── matching ──


def test_an_explanation_holds_everything_that_was_looked_at() -> None:
    here, long = InChannels(channels=("11",)), MinimumLength(characters=9)
    rich = TotalAtLeast(points=50)
    when = AllOf(of=(here, NoneOf(of=(long, rich))))
    one = rule(when=when, expires_at=WEDNESDAY + timedelta(days=1))
    standing = Standing(totals={None: 40})
    fact = message(length=3, what="👍")
    assert explain(one, fact, BERLIN, standing) == Explained(
        rule=one,
        met=YES,
        trigger=Checked(one.definition.trigger, YES, "👍"),
        expired=False,
        condition=Checked(
            when,
            YES,
            None,
            (
                Checked(here, YES, "11"),
                Checked(when.of[1], YES, None, (Checked(long, NO, 3), Checked(rich, NO, 40))),
            ),
        ),
    )
    night = AnyOf(of=(BetweenHours(start="00:00", end="01:00"), OnWeekdays(days=(3,))))
    assert matches(rule(when=night.of[0]), message(at=LATE), BERLIN) is YES
    assert matches(rule(when=night.of[1]), message(at=LATE), BERLIN) is NO
    at_night = explain(rule(when=night), message(at=LATE), BERLIN).condition
    assert at_night == Checked(
        night, YES, None, (Checked(night.of[0], YES, "00:30"), Checked(night.of[1], NO, 4))
    )
    late = explain(one, replace(fact, at=WEDNESDAY + timedelta(days=1)), BERLIN, standing)
    assert (late.met, late.expired, late.trigger.met) == (NO, True, YES)
    other = explain(one, message(rule=2), BERLIN)
    assert (other.met, other.trigger.met, other.condition) == (NO, NO, None)


def test_of_a_none_that_failed_the_whole_is_named_and_of_others_the_innermost() -> None:
    none = NoneOf(of=(IsReply(),))
    either = AnyOf(of=(HasAttachment(), MinimumLength(characters=9)))
    explained = explain(rule(when=AllOf(of=(none, either, InChannels(channels=("11",))))), EVERYTHING, BERLIN)
    assert explained.trigger.met is NO  # its fact is another rule's
    own = explain(explained.rule, replace(EVERYTHING, rule=None), BERLIN)
    assert [each.what for each in failed(own.condition)] == [none, *either.of]
    assert failed(None) == ()
    assert failed(explain(rule(when=StreakAtLeast(length=1)), message(), BERLIN).condition) == ()


def test_a_condition_can_only_be_met_in_certain_places_or_anywhere() -> None:
    one, two = InChannels(channels=("1",)), InChannels(channels=("2", "3"))
    both = frozenset({"1", "2", "3"})
    assert places(None) is places(IsReply()) is places(NoneOf(of=(one,))) is None
    assert places(two) == frozenset({"2", "3"})
    assert places(AllOf(of=(IsReply(), two, one))) == frozenset({"1"})
    assert places(AllOf(of=(IsReply(),))) is None
    assert places(AnyOf(of=(one, two))) == both
    assert places(AnyOf(of=(one, IsReply()))) is None


def test_rules_of_a_place_and_rules_of_everywhere_come_together_by_number() -> None:
    here = InChannels(channels=("11",))
    rules = [rule(3), rule(2, when=here), rule(1, when=AnyOf(of=(here, InChannels(channels=("12",)))))]
    compiled = Compiled(rules, BERLIN)
    numbers = [
        [each.number for each in compiled.caring(message(**place))]
        for place in (
            {"channel": "11"},
            {"channel": "99", "parent": "12"},
            {"channel": "99", "group": "11"},
            {"channel": "99"},
            {"channel": None},
        )
    ]
    assert numbers == [[1, 2, 3], [1, 3], [1, 2, 3], [3], [3]]
    only = Compiled(rules[1:2], BERLIN)
    asked = [only.watched(On.MESSAGE, *ids) for ids in (("11",), ("9", "11"), ("9", "9", "11"), ("9",), ())]
    assert asked == [True, True, True, False, False]
    assert (compiled.watched(On.MESSAGE), compiled.of(On.BOOST), compiled.rules[0].number) == (True, (), 1)


# ── limits ──

EVERY_LIMIT = Limits(
    member_cooldown=1,
    pair_cooldown=2,
    channel_cooldown=3,
    member_day=11,
    member_week=12,
    rule_day=13,
    rule_week=14,
    community_day=15,
    community_week=16,
    every_rule_member_day=17,
)
THURSDAY, MONDAY = 739_694, 739_691
"""The ordinals of 2026-03-19 and of the Monday before."""


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.SHADOW])
def test_every_limit_looks_at_its_own_grants_in_the_days_and_weeks_of_the_zone(mode: Mode) -> None:
    one, shadow = rule(5, mode=mode, limits=EVERY_LIMIT), mode is Mode.SHADOW
    fact = message(at=LATE, other_id="1002")
    assert cooldowns(one, fact) == (
        Cooldown(Limit.MEMBER_COOLDOWN, Watch(5, shadow, member="1001"), 1),
        Cooldown(Limit.PAIR_COOLDOWN, Watch(5, shadow, member="1001", other="1002"), 2),
        Cooldown(Limit.CHANNEL_COOLDOWN, Watch(5, shadow, channel="11"), 3),
    )
    assert cooldowns(one, message(channel=None)) == cooldowns(one, fact)[:1]
    tomorrow = datetime(2026, 3, 20, tzinfo=BERLIN)
    next_week = datetime(2026, 3, 23, tzinfo=BERLIN)

    def cap(limit: Limit, number: int, member: str | None, span: Span, most: int) -> CapOn:
        start, until = (THURSDAY, tomorrow) if span is Span.DAY else (MONDAY, next_week)
        return CapOn(limit, Use(number, member, shadow, span, start), most, until)

    assert caps(one, fact, BERLIN) == (
        cap(Limit.MEMBER_DAY, 5, "1001", Span.DAY, 11),
        cap(Limit.MEMBER_WEEK, 5, "1001", Span.WEEK, 12),
        cap(Limit.RULE_DAY, 5, None, Span.DAY, 13),
        cap(Limit.RULE_WEEK, 5, None, Span.WEEK, 14),
        cap(Limit.COMMUNITY_DAY, 0, None, Span.DAY, 15),
        cap(Limit.COMMUNITY_WEEK, 0, None, Span.WEEK, 16),
        cap(Limit.EVERY_RULE_MEMBER_DAY, 0, "1001", Span.DAY, 17),
    )
    uses = [
        Use(number, member, shadow, span, start)
        for number in (5, 0)
        for member in ("1001", None)
        for span, start in ((Span.DAY, THURSDAY), (Span.WEEK, MONDAY))
    ]
    assert list(counted(one, fact, BERLIN)) == uses
    usage = Usage()
    for amount in (2, 3):
        usage.note(one, fact, BERLIN, amount)
    assert usage.points == dict.fromkeys(uses, 5)
    assert usage.times == {each.watch: [LATE, LATE] for each in cooldowns(one, fact)}


def test_the_last_half_hour_of_a_week_in_greenwich_is_of_the_next_week_in_berlin() -> None:
    one, usage = rule(limits=Limits(rule_week=2, rule_day=2)), Usage()
    usage.note(one, message(at=SUNDAY - timedelta(hours=1)), BERLIN, 2)
    assert decide(one, message(2, at=SUNDAY), BERLIN, usage) == Given(2, 2)
    usage.note(one, message(2, at=SUNDAY), BERLIN, 2)
    capped = decide(one, message(3, at=SUNDAY), BERLIN, usage)
    assert capped == Capped(Limit.RULE_WEEK, datetime(2026, 3, 30, tzinfo=BERLIN))


def test_a_cooldown_is_over_when_it_is_over_for_every_grant_that_is_too_near() -> None:
    one, usage = rule(limits=Limits(member_cooldown=600)), Usage()
    for second in (-600, -30, 90, 300, 600):  # nearer to each other than now: the cooldown was shorter then
        usage.note(one, message(at=WEDNESDAY + timedelta(seconds=second)), BERLIN, 2)
    until = WEDNESDAY + timedelta(seconds=900)
    assert decide(one, message(2), BERLIN, usage) == Cooling(Limit.MEMBER_COOLDOWN, until)
    alone = Usage()
    for second in (-600, 600):
        alone.note(one, message(at=WEDNESDAY + timedelta(seconds=second)), BERLIN, 2)
    assert decide(one, message(2), BERLIN, alone) == Given(2, 2)


def test_the_tightest_cap_is_told_and_of_several_empty_ones_the_last_to_begin_anew() -> None:
    one, usage = rule(amount=9, limits=Limits(member_day=8, member_week=5, rule_day=20)), Usage()
    assert decide(one, message(), BERLIN, usage) == Given(5, 9, Limit.MEMBER_WEEK)
    usage.note(one, message(), BERLIN, 30)
    assert decide(one, message(2), BERLIN, usage) == Capped(
        Limit.MEMBER_WEEK, datetime(2026, 3, 23, tzinfo=BERLIN)
    )
    exact = rule(amount=8, limits=Limits(member_day=8))
    assert decide(exact, message(), BERLIN, Usage()) == Given(8, 8)


def test_a_multiplier_of_a_channel_counts_in_threads_and_groups_and_one_alone_in_nothing_else() -> None:
    tripled = rule(amount=1, multipliers=(Multiplier(channel="12", percent=300),))
    amounts = [
        decide(tripled, message(**place), BERLIN, Usage())
        for place in ({"channel": "12"}, {"parent": "12"}, {"group": "12"}, {"channel": None})
    ]
    assert amounts == [Given(3, 3), Given(3, 3), Given(3, 3), Given(1, 1)]
    nowhere = rule(amount=1, multipliers=(Multiplier(role="21", percent=0),))
    assert decide(nowhere, message(channel=None), BERLIN, Usage()) == Given(1, 1)
    assert decide(nowhere, message(roles=frozenset({"21"})), BERLIN, Usage()) == Nothing()
