"""Two communities on one database, with the same numbers for everything: neither sees or changes the other's."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from points_core import approvals, policy, rules
from points_core.database import Points
from points_core.errors import AlreadyVoted, UnknownRequest
from points_core.models import RuleSlot
from points_core.rules import reading, stored
from points_core.rules.definition import OnCheckIn, OnSchedule
from points_core.values import Kind, Mode, Request, RequestState
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, THIRD_MOD, by
from tests.core.rule_facts import definition

VILLAGE = "village"
BOTH = (VILLAGE, COMMUNITY)
DAY = timedelta(days=1)


async def request_in(points: Points, community: str, amount: int = 500, user_id: str = ADA) -> Request:
    opened = await points.write(
        approvals.request,
        by(MOD, community=community),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=amount,
        reason=f"a talk in {community}",
        again=True,
    )
    assert isinstance(opened, Request)
    return opened


# ── requests ──


async def test_a_card_belongs_to_one_request_of_one_community(points: Points) -> None:
    for community in (COMMUNITY, VILLAGE):
        for user_id in (ADA, GRACE):
            await request_in(points, community, user_id=user_id)
    await points.write(approvals.set_card, by(MOD), 2, channel="7", message="8")
    await points.write(approvals.set_card, by(MOD, community=VILLAGE), 1, channel="9", message="10")

    def cards(found: tuple[Request, ...]) -> list[tuple[str, str] | None]:
        return [one.card for one in found]

    assert cards(await points.read(approvals.pending, COMMUNITY)) == [None, ("7", "8")]
    assert cards(await points.read(approvals.pending, VILLAGE)) == [("9", "10"), None]
    found = await points.read(approvals.by_card, COMMUNITY, "8")
    assert found is not None
    assert found.number == 2
    assert await points.read(approvals.by_card, COMMUNITY, "10") is None
    assert await points.read(approvals.by_card, COMMUNITY, "11") is None


async def test_what_is_pending_comes_in_pages_of_one_community(points: Points) -> None:
    for _ in range(12):
        await request_in(points, COMMUNITY)
        await request_in(points, VILLAGE)
    await points.write(approvals.cancel, by(MOD), 3)

    async def numbers(**more: Any) -> list[int]:
        return [one.number for one in await points.read(approvals.pending, COMMUNITY, **more)]

    assert await numbers() == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert await numbers(after=10) == [11, 12]
    assert await numbers(after=2, limit=2) == [4, 5]
    assert await numbers(after=12) == []
    assert {one.reason for one in await points.read(approvals.pending, VILLAGE, limit=99)} == {
        "a talk in village"
    }
    assert await points.read(approvals.pending, "nowhere") == ()


async def test_a_vote_told_again_is_known_by_its_own_request_voter_and_community(points: Points) -> None:
    for community in (COMMUNITY, VILLAGE):
        await points.write(policy.change, by(MOD, community=community), quorum=3)
    for community in (COMMUNITY, VILLAGE):
        for _ in range(2):
            await request_in(points, community)
    # The village's and the neighbouring request's votes come first and under other keys.
    for origin, number in (
        (by(OTHER_MOD, "v1", community=VILLAGE), 1),
        (by(THIRD_MOD, "v2", community=VILLAGE), 1),
        (by(THIRD_MOD, "t1"), 1),
        (by(OTHER_MOD, "t2"), 2),
        (by(OTHER_MOD, "t3"), 1),
    ):
        await points.write(approvals.vote, origin, number, approve=True)

    for origin, number in ((by(OTHER_MOD, "t3"), 1), (by(OTHER_MOD, "t2"), 2), (by(THIRD_MOD, "t1"), 1)):
        again = await points.write(approvals.vote, origin, number, approve=True)
        assert again.replayed
    for key, number in (("t2", 1), ("t3", 2), ("v1", 1), ("t1", 1)):
        with pytest.raises(AlreadyVoted):
            await points.write(approvals.vote, by(OTHER_MOD, key), number, approve=True)


async def test_requests_expire_community_by_community_oldest_first_and_a_hundred_at_a_time(
    points: Points,
) -> None:
    for _ in range(53):
        for community in (VILLAGE, COMMUNITY):
            await request_in(points, community)
    cancelled = await points.write(approvals.cancel, by(MOD, community=VILLAGE), 2)
    assert cancelled.state is RequestState.CANCELLED
    over = (await points.read(approvals.get, COMMUNITY, 1)).expires_at
    waiting = [(VILLAGE, n) for n in range(1, 54) if n != 2] + [(COMMUNITY, n) for n in range(1, 54)]

    assert await points.write(approvals.expire_due, over, 3) == waiting[:3]
    assert await points.write(approvals.expire_due, over) == waiting[3:103]
    assert await points.write(approvals.expire_due, over) == waiting[103:]
    assert await points.write(approvals.expire_due, over) == []
    assert (await points.read(approvals.get, VILLAGE, 2)).state is RequestState.CANCELLED


async def test_a_requests_number_outside_what_can_be_is_unknown(points: Points) -> None:
    await request_in(points, COMMUNITY)
    for number in (0, -1, 2, 2**63, 2**70):
        with pytest.raises(UnknownRequest):
            await points.read(approvals.get, COMMUNITY, number)


# ── turns of rules ──


async def scheduled(points: Points, community: str, name: str, **changes: Any) -> int:
    trigger = changes.pop("trigger", OnSchedule(every="day", at="09:00", roles=("21",)))
    made = await points.write(
        stored.create,
        by(MOD, community=community),
        name=name,
        definition=definition(trigger=trigger, **changes),
    )
    await points.write(stored.set_mode, by(MOD, community=community), made.rule.number, Mode.LIVE)
    return made.rule.number


async def test_turns_are_claimed_in_order_of_community_and_rule_up_to_the_limit(points: Points) -> None:
    for community in (VILLAGE, COMMUNITY):
        await scheduled(points, community, "talk", trigger=OnCheckIn())
        for name in ("first", "second"):
            await scheduled(points, community, name)

    tomorrow = NOON + DAY
    turns = await points.write(rules.due_slots, tomorrow, BOTH, 3)
    assert [(turn.community, turn.rule.name) for turn in turns] == [
        (VILLAGE, "first"),
        (VILLAGE, "second"),
        (COMMUNITY, "first"),
    ]
    (last,) = await points.write(rules.due_slots, tomorrow, BOTH)
    assert (last.community, last.rule.number) == (COMMUNITY, 3)
    assert await points.write(rules.due_slots, tomorrow, BOTH) == []


async def test_no_more_than_twenty_turns_are_claimed_at_once(points: Points) -> None:
    for n in range(21):
        await scheduled(points, COMMUNITY, f"rule {n}")
    assert len(await points.write(rules.due_slots, NOON + DAY, BOTH)) == 20
    assert len(await points.write(rules.due_slots, NOON + DAY, BOTH)) == 1


async def test_a_done_turn_is_let_go_and_is_its_own_rules_in_its_own_community(points: Points) -> None:
    for community in (VILLAGE, COMMUNITY):
        for name in ("first", "second"):
            await scheduled(points, community, name)
    turns = await points.write(rules.due_slots, NOON + DAY, BOTH)
    await points.write(rules.slot_done, turns[2], NOON + DAY)

    def rows(tx: Connection) -> list[tuple[int, bool, bool]]:
        columns = (RuleSlot.rule_number, RuleSlot.done_at, RuleSlot.leased_until)
        told = tx.execute(select(*columns).order_by(RuleSlot.community_id, RuleSlot.rule_number))
        return [(number, done is not None, leased is not None) for number, done, leased in told]

    assert await points.read(rows) == [(1, False, True), (2, False, True), (1, True, False), (2, False, True)]
    later = NOON + DAY + timedelta(minutes=11)
    again = await points.write(rules.due_slots, later, BOTH)
    assert [(turn.community, turn.rule.number) for turn in again] == [
        (VILLAGE, 1),
        (VILLAGE, 2),
        (COMMUNITY, 2),
    ]


async def test_turns_from_before_a_rule_acted_are_not_made_up_for(points: Points) -> None:
    number = await scheduled(points, COMMUNITY, "ours")
    await scheduled(points, VILLAGE, "theirs")

    async def change(mode: Mode, at: Any, community: str = COMMUNITY) -> None:
        await points.write(stored.set_mode, by(MOD, at=at, community=community), number, mode)

    nine = (NOON + DAY).replace(hour=9)
    await change(Mode.PAUSED, nine - timedelta(hours=2))
    await change(Mode.LIVE, nine + timedelta(hours=1))
    (theirs,) = await points.write(rules.due_slots, nine + timedelta(hours=2), BOTH)
    assert theirs.community == VILLAGE  # ours was paused at nine

    # From shadow to live it has been acting all along: the turn between is made up for.
    await change(Mode.SHADOW, nine + timedelta(hours=3))
    await change(Mode.LIVE, nine + DAY + timedelta(hours=1))
    turns = await points.write(rules.due_slots, nine + DAY + timedelta(hours=2), BOTH)
    assert {(turn.community, turn.slot) for turn in turns} == {
        (COMMUNITY, "2026-03-20"),
        (VILLAGE, "2026-03-20"),
    }


async def test_a_rules_number_leads_to_the_communitys_own_rule(points: Points) -> None:
    ours = await scheduled(points, COMMUNITY, "ours")
    theirs = await scheduled(points, VILLAGE, "theirs")
    assert ours == theirs
    assert (await points.read(reading.get, COMMUNITY, ours)).rule.name == "ours"
    assert (await points.read(reading.get, VILLAGE, theirs)).rule.name == "theirs"
