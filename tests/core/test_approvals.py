"""Limits, and points that wait: requests, votes, quorum, expiry."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from points_core import approvals, awards, history, outbox, policy, verification
from points_core.database import Points
from points_core.errors import (
    AlreadyVoted,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    LimitExceeded,
    LooksRepeated,
    NotAllowed,
    NotReversible,
    OwnRequest,
    RequestClosed,
    SelfAward,
    UnknownCategory,
    UnknownRequest,
)
from points_core.outbox import Topic
from points_core.policy import Capability
from points_core.values import Kind, Origin, Receipt, Request, RequestState
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, THIRD_MOD, by, row_counts


async def ask(
    points: Points, origin: Origin | None = None, amount: int = 500, **more: Any
) -> Receipt | Request:
    asked: dict[str, Any] = {"kind": Kind.AWARD, "user_id": ADA, "amount": amount, "reason": "gave a talk"}
    return await points.write(approvals.request, origin or by(MOD), **(asked | more))


async def waiting(points: Points, origin: Origin | None = None, **more: Any) -> Request:
    outcome = await ask(points, origin, **more)
    assert isinstance(outcome, Request)
    return outcome


async def current(points: Points, user_id: str = ADA) -> int:
    return (await points.read(history.balance, COMMUNITY, user_id)).current


# --- limits


@pytest.mark.parametrize("amount", [1_001, 10**12])
async def test_an_amount_outside_the_communitys_limits_is_refused(points: Points, amount: int) -> None:
    before = await row_counts(points)
    with pytest.raises(InvalidAmount) as refusal:
        await ask(points, amount=amount)
    assert (refusal.value.minimum, refusal.value.maximum) == (1, 1_000)
    assert await row_counts(points) == before


@pytest.mark.parametrize("amount", [0, -5, True, 1.0, "5", 10**12 + 1, 2**63, None])
async def test_what_is_no_amount_anywhere_is_refused_before_the_books_are_opened(
    points: Points, amount: Any
) -> None:
    before = await row_counts(points)
    with pytest.raises(InvalidAmount):
        await ask(points, amount=amount)
    assert await row_counts(points) == before


async def test_nobody_awards_points_to_themselves(points: Points) -> None:
    with pytest.raises(SelfAward):
        await ask(points, user_id=MOD)


async def test_a_right_is_asked_with_the_policy_in_force_when_the_points_would_move(points: Points) -> None:
    def right(rules: policy.Policy) -> None:
        if not rules.roles.get(Capability.AWARD):
            raise NotAllowed(Capability.AWARD.value)

    before = await row_counts(points)
    with pytest.raises(NotAllowed):
        await ask(points, amount=10, right=right)
    assert await row_counts(points) == before  # not even the new community stays

    roles = {Capability.AWARD: ("7",)}
    refused, _, moved, free = await asyncio.gather(
        ask(points, by(MOD), amount=10, right=right),
        points.write(policy.change, by(MOD), roles=roles),
        ask(points, by(MOD), amount=11, right=right),
        ask(points, by(MOD), amount=12),
        return_exceptions=True,
    )
    assert isinstance(refused, NotAllowed)
    assert isinstance(moved, Receipt)
    assert isinstance(free, Receipt)
    assert await current(points) == 23


async def test_who_has_no_right_is_told_nothing_of_what_the_same_key_did_before(points: Points) -> None:
    def right(rules: policy.Policy) -> None:
        raise NotAllowed(Capability.AWARD.value)

    origin = by(MOD)
    await ask(points, origin, amount=10)
    with pytest.raises(NotAllowed):
        await ask(points, origin, amount=10, right=right)


async def test_an_unknown_category_is_refused_with_those_there_are(points: Points) -> None:
    with pytest.raises(UnknownCategory) as refusal:
        await ask(points, category="evnts")
    assert refusal.value.known == ("events", "helping", "content", "moderation")


async def test_a_category_is_found_whatever_its_case(points: Points) -> None:
    outcome = await ask(points, amount=5, category="Events")
    assert outcome.category == "events"


async def test_retyping_the_same_award_within_a_minute_is_questioned(points: Points) -> None:
    first = await ask(points, amount=5)
    with pytest.raises(LooksRepeated) as refusal:
        await ask(points, by(MOD, at=NOON + timedelta(seconds=59)), amount=5)
    assert refusal.value.number == first.number

    assert isinstance(
        await ask(points, by(MOD, at=NOON + timedelta(seconds=59)), amount=5, again=True), Receipt
    )
    assert isinstance(await ask(points, by(MOD, at=NOON + timedelta(seconds=120)), amount=5), Receipt)


@pytest.mark.parametrize(
    "other",
    [{"amount": 6}, {"user_id": GRACE}, {"reason": "another"}, {"category": "events"}],
    ids=lambda o: next(iter(o)),
)
async def test_another_award_is_not_questioned(points: Points, other: dict[str, Any]) -> None:
    await ask(points, amount=5)
    assert isinstance(await ask(points, **{"amount": 5, **other}), Receipt)


async def test_an_award_that_was_taken_back_may_be_given_again_at_once(points: Points) -> None:
    first = await ask(points, amount=5)
    await points.write(awards.reverse, by(MOD), first.number, reason="typo")
    assert isinstance(await ask(points, amount=5), Receipt)


async def test_somebody_elses_same_award_is_not_questioned(points: Points) -> None:
    await ask(points, amount=5)
    assert isinstance(await ask(points, by(OTHER_MOD), amount=5), Receipt)


async def test_a_large_award_retyped_is_questioned_too(points: Points) -> None:
    request = await waiting(points)
    with pytest.raises(LooksRepeated) as refusal:
        await ask(points)
    assert (refusal.value.number, refusal.value.pending) == (request.number, True)


async def test_a_daily_limit_counts_what_a_giver_gave_today_and_begins_again_at_midnight(
    points: Points,
) -> None:
    await points.write(policy.change, by(MOD), daily_limit=10, timezone="Europe/Paris")
    first = await ask(points, amount=8)
    with pytest.raises(LimitExceeded) as refusal:
        await ask(points, amount=3)
    assert (refusal.value.used, refusal.value.limit) == (8, 10)
    assert refusal.value.resets_at == NOON.replace(hour=23)

    assert isinstance(await ask(points, by(OTHER_MOD), amount=8), Receipt)
    assert isinstance(await ask(points, by(MOD, at=refusal.value.resets_at), amount=8), Receipt)
    await points.write(awards.reverse, by(MOD), first.number, reason="typo")


async def test_an_award_taken_back_the_same_day_is_free_again(points: Points) -> None:
    await points.write(policy.change, by(MOD), daily_limit=10)
    first = await ask(points, amount=8)
    await points.write(awards.reverse, by(MOD), first.number, reason="typo")
    assert isinstance(await ask(points, amount=9), Receipt)


async def test_only_its_own_giver_undoes_where_the_right_is_missing(points: Points) -> None:
    first = await ask(points, amount=5)
    with pytest.raises(NotAllowed):
        await points.write(awards.reverse, by(OTHER_MOD), first.number, reason="x", own_only=True)
    receipt = await points.write(awards.reverse, by(MOD), first.number, reason="x", own_only=True)
    assert receipt.reverses == first.number


async def test_nobody_undoes_what_others_approved_without_the_right_to(points: Points) -> None:
    request = await waiting(points)
    await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    with pytest.raises(NotAllowed) as refusal:
        await points.write(awards.reverse, by(MOD), 1, reason="x", own_only=True)
    assert refusal.value.capability == "undo"
    assert await current(points) == 500

    assert (await points.write(awards.reverse, by(MOD), 1, reason="x")).reverses == 1


async def test_nobody_undoes_a_deduction_from_themselves(points: Points) -> None:
    await ask(points, user_id=MOD, origin=by(OTHER_MOD), amount=9)
    await ask(points, user_id=MOD, origin=by(OTHER_MOD), amount=5, kind=Kind.DEDUCTION)
    with pytest.raises(SelfAward):
        await points.write(awards.reverse, by(MOD), 2, reason="unfair")
    assert await current(points, MOD) == 4

    await points.write(awards.reverse, by(OTHER_MOD), 2, reason="a mistake")
    await points.write(awards.reverse, by(MOD), 1, reason="I did not earn it")
    assert await current(points, MOD) == 0
    with pytest.raises(NotReversible):
        await points.write(awards.reverse, by(MOD), 4, reason="x")


# --- a clock that was wrong


async def test_a_clock_that_was_once_ahead_dates_nothing_that_comes_after(points: Points) -> None:
    await ask(points, by(THIRD_MOD, at=NOON + timedelta(days=300)), amount=1)

    receipt = await ask(points, amount=5)

    assert isinstance(receipt, Receipt)
    assert (receipt.effective_at, receipt.recorded_at) == (NOON, NOON + timedelta(days=300))
    assert await points.read(verification.verify) == []


@pytest.mark.parametrize("later", [timedelta(days=1), timedelta(days=300)], ids=["then", "on that day"])
async def test_a_clock_that_was_once_ahead_does_not_use_up_daily_limits(
    points: Points, later: timedelta
) -> None:
    await points.write(policy.change, by(MOD), daily_limit=10)
    await ask(points, by(THIRD_MOD, at=NOON + timedelta(days=300)), amount=1)
    await ask(points, amount=8)
    with pytest.raises(LimitExceeded) as refusal:
        await ask(points, amount=3)
    assert refusal.value.used == 8

    assert isinstance(await ask(points, by(MOD, at=NOON + later), amount=9), Receipt)


async def test_a_clock_that_was_once_ahead_lets_awards_be_given_again_after_a_minute(points: Points) -> None:
    await ask(points, by(THIRD_MOD, at=NOON + timedelta(days=300)), amount=1)
    await ask(points, amount=5)
    with pytest.raises(LooksRepeated) as refusal:
        await ask(points, by(MOD, at=NOON + timedelta(seconds=59)), amount=5)
    assert refusal.value.at == NOON

    assert isinstance(await ask(points, by(MOD, at=NOON + timedelta(seconds=60)), amount=5), Receipt)


async def test_a_clock_set_back_a_little_still_sees_an_award_retyped(points: Points) -> None:
    first = await ask(points, amount=5)
    with pytest.raises(LooksRepeated) as refusal:
        await ask(points, by(MOD, at=NOON - timedelta(seconds=2)), amount=5)
    assert refusal.value.number == first.number


async def test_asks_around_midnight_that_wait_together_each_count_in_their_own_day(points: Points) -> None:
    await points.write(policy.change, by(MOD), daily_limit=10)
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    await ask(points, by(MOD, at=midnight - timedelta(hours=1)), amount=8, reason="first")

    late, early, more = await asyncio.gather(
        ask(points, by(MOD, at=midnight - timedelta(seconds=1)), amount=8, reason="late"),
        ask(points, by(MOD, at=midnight + timedelta(seconds=1)), amount=8, reason="early"),
        ask(points, by(MOD, at=midnight + timedelta(seconds=2)), amount=8, reason="more"),
        return_exceptions=True,
    )

    assert isinstance(late, LimitExceeded)
    assert (late.used, late.resets_at) == (8, midnight)
    assert isinstance(early, Receipt)
    assert isinstance(more, LimitExceeded)
    assert more.used == 8


# --- requests


async def test_an_award_over_the_threshold_waits_and_moves_nothing(points: Points) -> None:
    request = await waiting(points)

    assert (request.state, request.amount, request.quorum) == (RequestState.PENDING, 500, 1)
    assert await current(points) == 0
    assert await points.read(approvals.pending, COMMUNITY) == (request,)
    effects = await points.write(outbox.lease, NOON)
    assert [(e.topic, e.subject) for e in effects] == [(Topic.OPENED, "1")]


async def test_a_deduction_over_the_threshold_waits_too(points: Points) -> None:
    await ask(points, amount=100)
    await ask(points, amount=99)
    request = await waiting(points, amount=150, kind=Kind.DEDUCTION)
    assert request.amount == -150
    await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    assert await current(points) == 49


async def test_exactly_the_threshold_does_not_wait(points: Points) -> None:
    assert isinstance(await ask(points, amount=100), Receipt)
    assert isinstance(await ask(points, amount=101), Request)


async def test_the_vote_that_reaches_the_quorum_moves_the_points_once(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    request = await waiting(points, by(MOD, "interaction:1", place="55"))

    first = await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    assert (first.state, first.approvals) == (RequestState.PENDING, 1)
    assert await current(points) == 0
    second = await points.write(approvals.vote, by(THIRD_MOD), request.number, approve=True)

    assert (second.state, second.transaction, second.place) == (RequestState.APPROVED, 1, "55")
    receipt = await points.read(history.transaction, COMMUNITY, 1)
    assert (receipt.amount, receipt.actor.user_id, receipt.request) == (500, MOD, request.number)
    assert await points.read(verification.verify) == []


async def test_one_no_rejects(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    request = await waiting(points)
    await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    decided = await points.write(
        approvals.vote, by(THIRD_MOD), request.number, approve=False, note="too much"
    )

    assert (decided.state, decided.note) == (RequestState.REJECTED, "too much")
    assert await current(points) == 0
    with pytest.raises(RequestClosed):
        await points.write(approvals.vote, by("9004"), request.number, approve=True)


@pytest.mark.parametrize("voter", [MOD, ADA], ids=["requester", "receiver"])
async def test_the_requester_and_the_receiver_do_not_vote(points: Points, voter: str) -> None:
    request = await waiting(points)
    before = await row_counts(points)
    with pytest.raises(OwnRequest):
        await points.write(approvals.vote, by(voter), request.number, approve=True)
    assert await row_counts(points) == before


async def test_a_moderator_votes_once(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    request = await waiting(points)
    first = await points.write(approvals.vote, by(OTHER_MOD, "reaction:1"), request.number, approve=True)
    again = await points.write(approvals.vote, by(OTHER_MOD, "reaction:1"), request.number, approve=True)
    assert again == replace(first, replayed=True)
    for approve in (True, False):
        with pytest.raises(AlreadyVoted):
            await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=approve)


async def test_a_deciding_vote_delivered_again_gives_the_same_answer(points: Points) -> None:
    request = await waiting(points)
    first = await points.write(approvals.vote, by(OTHER_MOD, "reaction:1"), request.number, approve=True)
    again = await points.write(approvals.vote, by(OTHER_MOD, "reaction:1"), request.number, approve=True)
    assert again == replace(first, replayed=True)
    assert await current(points) == 500


async def test_a_deduction_that_the_balance_cannot_bear_opens_no_request(points: Points) -> None:
    await ask(points, amount=100)
    before = await row_counts(points)
    with pytest.raises(InsufficientBalance) as refusal:
        await ask(points, amount=101, kind=Kind.DEDUCTION)
    assert (refusal.value.balance, refusal.value.amount) == (100, 101)
    assert await row_counts(points) == before
    assert await points.read(approvals.pending, COMMUNITY) == ()


async def test_a_vote_for_what_the_balance_cannot_bear_is_not_kept(points: Points) -> None:
    await ask(points, amount=100)
    await ask(points, amount=100, reason="another")
    request = await waiting(points, kind=Kind.DEDUCTION, amount=150)
    await ask(points, kind=Kind.DEDUCTION, amount=60)
    with pytest.raises(InsufficientBalance):
        await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    now = await points.read(approvals.get, COMMUNITY, request.number)
    assert (now.state, now.votes) == (RequestState.PENDING, ())


async def test_a_request_expires_once_its_time_is_over(points: Points) -> None:
    request = await waiting(points)
    assert await points.write(approvals.expire_due, request.expires_at - timedelta(seconds=1)) == []
    with pytest.raises(RequestClosed):
        await points.write(approvals.vote, by(OTHER_MOD, at=request.expires_at), request.number, approve=True)

    assert await points.write(approvals.expire_due, request.expires_at) == [(COMMUNITY, request.number)]
    assert await points.write(approvals.expire_due, request.expires_at) == []
    assert (await points.read(approvals.get, COMMUNITY, request.number)).state is RequestState.EXPIRED


async def test_a_requester_cancels_their_own_and_nobody_elses(points: Points) -> None:
    request = await waiting(points)
    with pytest.raises(NotAllowed):
        await points.write(approvals.cancel, by(OTHER_MOD), request.number)
    cancelled = await points.write(approvals.cancel, by(MOD), request.number)
    assert cancelled.state is RequestState.CANCELLED
    with pytest.raises(RequestClosed):
        await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)


async def test_asking_twice_with_one_key_opens_one_request(points: Points) -> None:
    first = await waiting(points, by(MOD, "interaction:1"))
    again = await waiting(points, by(MOD, "interaction:1"))
    assert again == replace(first, replayed=True)
    with pytest.raises(DuplicateTransaction):
        await waiting(points, by(MOD, "interaction:1"), amount=501)


async def test_the_first_delivery_after_approval_still_answers_with_its_request(points: Points) -> None:
    request = await waiting(points, by(MOD, "interaction:1"))
    await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    again = await waiting(points, by(MOD, "interaction:1"))
    assert (again.state, again.replayed) == (RequestState.APPROVED, True)
    assert await current(points) == 500


async def test_a_request_of_another_community_is_unknown(points: Points) -> None:
    request = await waiting(points)
    with pytest.raises(UnknownRequest):
        await points.write(approvals.vote, by(OTHER_MOD, community="village"), request.number, approve=True)
    with pytest.raises(UnknownRequest):
        await points.read(approvals.get, "village", request.number)


async def test_a_changed_policy_does_not_change_what_waits(points: Points) -> None:
    request = await waiting(points)
    await points.write(policy.change, by(MOD), quorum=3, max_award=10, min_award=1, approval_threshold=5)
    decided = await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    assert decided.state is RequestState.APPROVED


async def test_an_approved_award_leaves_the_givers_own_limit_alone(points: Points) -> None:
    await points.write(policy.change, by(MOD), daily_limit=10)
    request = await waiting(points)
    await points.write(approvals.vote, by(OTHER_MOD), request.number, approve=True)
    assert isinstance(await ask(points, amount=10, reason="another"), Receipt)


async def test_a_card_leads_back_to_its_request(points: Points) -> None:
    request = await waiting(points)
    await points.write(approvals.set_card, by(MOD), request.number, channel="7", message="8")
    found = await points.read(approvals.by_card, COMMUNITY, "8")
    assert found is not None
    assert (found.number, found.card) == (request.number, ("7", "8"))
    assert await points.read(approvals.by_card, "village", "8") is None
