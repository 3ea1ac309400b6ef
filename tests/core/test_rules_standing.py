"""What conditions are told of a member: streaks on the local day of a fact, points now, the member's own only."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select

from points_core import approvals, communities, policy
from points_core.database import Points
from points_core.models import ActiveDay
from points_core.models import Fact as FactRow
from points_core.rules import keeping
from points_core.rules.conditions import Asked, Standing
from points_core.rules.standing import standings
from points_core.values import Kind, Receipt
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by
from tests.core.rule_facts import message

VILLAGE = "village"
DAY = timedelta(days=1)
TODAY = NOON.date().toordinal()


async def known(points: Points, user_id: str = ADA, community: str = COMMUNITY) -> int:
    """Give the member a point, so that they are known, and return their number."""
    given = await points.write(
        approvals.request,
        by(MOD, community=community),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=1,
        reason="hello",
        again=True,
    )
    assert isinstance(given, Receipt)

    def number(tx: Connection) -> int:
        community_id = communities.find(tx, community)
        assert community_id is not None
        return communities.people(tx, community_id, [user_id])[user_id].id

    return await points.read(number)


def active(tx: Connection, community: str, member: int, days: list[int]) -> None:
    community_id = communities.find(tx, community)
    rows = [{"community_id": community_id, "member_id": member, "day": day, "source": 0} for day in days]
    tx.execute(insert(ActiveDay), rows)


def looked(tx: Connection, member: int, at: datetime, wanted: Asked) -> Standing:
    community_id = communities.find(tx, COMMUNITY)
    assert community_id is not None
    return standings(tx, community_id, policy.of(tx, COMMUNITY), [member, member], at, wanted)[member]


STREAKS = Asked(frozenset({"day", "week"}), frozenset())


async def test_a_streak_is_the_one_of_the_local_day_of_the_fact(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Pacific/Auckland")
    ada = await known(points)
    await points.write(active, COMMUNITY, ada, [TODAY - n for n in range(1, 9)])

    async def days_and_weeks(at: datetime) -> dict[str, int]:
        return dict((await points.read(looked, ada, at, STREAKS)).streaks)

    assert await days_and_weeks(NOON.replace(hour=10)) == {"day": 8, "week": 2}  # still Wednesday in Auckland
    assert await days_and_weeks(NOON.replace(hour=11)) == {"day": 0, "week": 2}  # Thursday
    assert await days_and_weeks(NOON + 12 * DAY) == {"day": 0, "week": 0}


async def test_frozen_days_do_not_break_the_streak_that_a_condition_sees(points: Points) -> None:
    ada = await known(points)
    await points.write(active, COMMUNITY, ada, [TODAY, TODAY - 2, TODAY - 3])

    assert (await points.read(looked, ada, NOON, STREAKS)).streaks["day"] == 1
    rules = await points.read(policy.of, COMMUNITY)
    programme = rules.programme.model_copy(update={"streak_freezes": 1})
    await points.write(policy.change, by(MOD), programme=programme)
    assert (await points.read(looked, ada, NOON, STREAKS)).streaks["day"] == 3


async def test_what_others_did_and_have_is_not_told(points: Points) -> None:
    ada, grace = await known(points), await known(points, GRACE)
    there = await known(points, community=VILLAGE)
    for _ in range(3):
        await known(points, GRACE)
        await known(points, community=VILLAGE)
    await points.write(active, COMMUNITY, grace, [TODAY])
    await points.write(active, VILLAGE, there, [TODAY])
    categories = (await points.read(policy.of, COMMUNITY)).categories
    for community, category, amount in (
        (COMMUNITY, categories[0].name, 5),
        (COMMUNITY, categories[1].name, 7),
        (VILLAGE, categories[0].name, 50),
    ):
        await points.write(
            approvals.request,
            by(MOD, at=NOON - 40 * DAY if amount == 5 else NOON, community=community),
            kind=Kind.AWARD,
            user_id=ADA,
            amount=amount,
            reason="roses",
            category=category,
        )
    wanted = Asked(frozenset({"day"}), frozenset({None, categories[0].id, categories[1].id}))

    standing = await points.read(looked, ada, NOON, wanted)

    assert standing.streaks.get("day", 0) == 0
    assert standing.totals == {None: 13, categories[0].id: 5, categories[1].id: 7}
    only = await points.read(looked, ada, NOON, Asked(frozenset(), frozenset({categories[1].id})))
    assert only == Standing({}, {categories[1].id: 7})
    assert await points.read(looked, ada, NOON, Asked(frozenset(), frozenset({None}))) == Standing(
        {}, {None: 13}
    )


@pytest.mark.parametrize("limit, left", [(2, 2), (5_000, 1)])
async def test_facts_are_forgotten_once_they_were_kept_long_enough(
    points: Points, limit: int, left: int
) -> None:
    ada = await known(points)

    def put(tx: Connection) -> None:
        community_id = communities.find(tx, COMMUNITY)
        assert community_id is not None
        for n, at in enumerate([NOON, NOON - timedelta(seconds=1), NOON - DAY, NOON - 2 * DAY]):
            fact = message(n, at=at, user_id=ADA)
            row = keeping.row(community_id, keeping.key_of(fact), fact, (ada, None), {}, at)
            tx.execute(insert(FactRow).values(row))

    def kept(tx: Connection) -> list[datetime]:
        return list(tx.execute(select(FactRow.at).order_by(FactRow.at.desc())).scalars())

    await points.write(put)
    forgotten = await points.write(keeping.forget, NOON + keeping.KEPT, limit)

    assert forgotten == 4 - left if limit > 2 else 2
    times = await points.read(kept)
    assert (times[0], len(times)) == (NOON, 4 - forgotten)
    assert await points.write(keeping.forget, NOON + keeping.KEPT) == len(times) - 1
    assert await points.read(kept) == [NOON]
