"""Who wants to be left alone by rules: nothing of what they do is recorded or rewarded, until they take part again."""

from datetime import timedelta

from points_core import approvals, audit, privacy, rules
from points_core.database import Points
from points_core.rules import Fired, why
from points_core.rules.definition import OnCheckIn, OnReactionReceived, OnStreak
from points_core.rules.facts import Fact, On
from points_core.values import Kind
from points_core.verification import verify
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by, row_counts
from tests.core.test_rules_firing import balance, fired, rule_made, said


async def untrack(points: Points, user_id: str = ADA) -> bool:
    return await points.write(privacy.untrack, by(user_id), user_id)


async def test_what_they_do_is_neither_recorded_nor_rewarded(points: Points) -> None:
    await rule_made(points)
    assert await untrack(points)
    before = await row_counts(points)

    assert await fired(points, said(1)) == Fired()

    assert await row_counts(points) == before
    assert await balance(points) == 0


async def test_nor_is_what_others_do_with_them(points: Points) -> None:
    await rule_made(points, trigger=OnReactionReceived())
    await untrack(points)
    before = await row_counts(points)

    for user_id, other_id in ((ADA, GRACE), (GRACE, ADA)):
        fact = Fact(
            on=On.REACTION_RECEIVED, key=f"reaction:{user_id}", at=NOON, user_id=user_id, other_id=other_id
        )
        assert await fired(points, fact) == Fired()

    assert await row_counts(points) == before


async def test_facts_of_others_that_wait_with_theirs_count(points: Points) -> None:
    await rule_made(points)
    await untrack(points)

    await fired(points, said(1))
    await fired(points, said(2, user_id=GRACE))

    assert (await balance(points), await balance(points, GRACE)) == (0, 2)


async def test_what_they_ask_for_and_what_people_give_them_still_comes(points: Points) -> None:
    await rule_made(points, "check-in", trigger=OnCheckIn(), counts_for_streak=True)
    await rule_made(points, "streak", trigger=OnStreak(length=2), amount=20)
    await untrack(points)

    for day in range(2):
        at = NOON + timedelta(days=day)
        await fired(points, Fact(on=On.CHECK_IN, key=f"check-in:{day}", at=at, user_id=ADA))
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=10, reason="because")

    assert await balance(points) == 2 + 2 + 20 + 10
    assert await points.read(verify) == []


async def test_who_takes_part_again_is_noticed_from_then_on(points: Points) -> None:
    await rule_made(points)
    await untrack(points)
    await fired(points, said(1))

    assert await points.write(privacy.track, by(ADA), ADA)
    await fired(points, said(2))

    assert await balance(points) == 2


async def test_it_is_on_record_once_and_in_their_copy(points: Points) -> None:
    assert [await untrack(points), await untrack(points)] == [True, False]
    copy = await points.read(privacy.copy, COMMUNITY, ADA, NOON)
    told = await points.read(privacy.text, copy)
    assert copy.untracked_since == NOON
    assert "Rules take: no notice of you since 2026-03-18" in told

    await points.write(privacy.track, by(ADA), ADA)
    assert not await points.write(privacy.track, by(ADA), ADA)

    actions = [entry.action for entry in await points.read(audit.recent, COMMUNITY)]
    assert actions == ["privacy.track", "privacy.untrack"]
    assert (await points.read(privacy.copy, COMMUNITY, ADA, NOON)).untracked_since is None


async def test_why_says_that_they_are_left_alone(points: Points) -> None:
    await rule_made(points)
    await rule_made(points, "check-in", trigger=OnCheckIn())
    await untrack(points)

    fact = await points.read(why.why_fact, COMMUNITY, said(1))
    member = await points.read(why.why_member, COMMUNITY, ADA, NOON)

    assert (fact.untracked, fact.kept) == (True, False)
    assert member.untracked_since == NOON
    assert [one.rule.name for one in member.now] == ["check-in"]


async def test_who_is_erased_and_comes_back_begins_anew(points: Points) -> None:
    await rule_made(points)
    await untrack(points)
    await points.write(privacy.ask, by(ADA), ADA, at_once=True)
    await points.write(privacy.erase_due, NOON)

    await fired(points, said(1))

    assert await balance(points) == 2


async def test_another_community_goes_by_its_own_members(points: Points) -> None:
    await rule_made(points)
    await points.write(privacy.untrack, by(ADA, community="village"), ADA)

    await fired(points, said(1))

    assert await balance(points) == 2
    assert await points.read(privacy.untracked, "village", [ADA, GRACE]) == {ADA}
    assert await points.read(privacy.untracked, "nowhere", [ADA]) == frozenset()
    assert len(await points.read(rules.listed, "village")) == 0
