"""Levels, badges and roles forged past every guard: verification finds each, and waits for what is due."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Connection, Engine, insert, text

from points_core import achievements, approvals, awards, levels, policy, verification
from points_core.achievements import badges
from points_core.achievements.goals import FirstAward, GivesTo, Points, Streak, Team
from points_core.database import writer_engine
from points_core.models import ActiveDay
from points_core.programme import Level, Programme
from points_core.settings import sync_url
from points_core.values import Kind
from points_core.verification.achieved import HELD, LEVELS, ROLES
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import ADA, GRACE, MOD, NOON, by, settings_for
from tests.core.forging import Forgery, strip

PROGRAMME = Programme(
    levels=(Level(name="Member", earned=10, role="701"), Level(name="Fellow", earned=100, role="702"))
)


def tell(tx: Connection) -> None:
    """Have members with levels, badges of every kind, one taken back, roles: MOD is 1, ADA 2, GRACE 3."""
    policy.change(tx, by(MOD), programme=PROGRAMME)
    for name, goal, role in (
        ("First", FirstAward(), "703"),  # 1
        ("Points", Points(steps=(10, 20)), None),  # 2
        ("Generous", GivesTo(steps=(2,)), None),  # 3
        ("Regular", Streak(steps=(2,)), None),  # 4
        ("Together", Team(points=30, each=10), None),  # 5
    ):
        badges.add(tx, by(MOD), name=name, goal=goal, role=role)
    give(tx, ADA, 25)
    give(tx, GRACE, 5)
    give(tx, "1003", 5)
    settle(tx)
    awards.reverse(tx, by(MOD), 3, reason="a mistake")
    head = 1
    days = [date(2026, 3, 17).toordinal(), date(2026, 3, 18).toordinal()]
    rows = [{"community_id": head, "member_id": 2, "day": day, "source": 0} for day in days]
    tx.execute(insert(ActiveDay), rows)
    levels.mark(tx, head, [2], NOON)
    settle(tx)


def give(tx: Connection, user_id: str, amount: int) -> None:
    approvals.request(
        tx, by(MOD), kind=Kind.AWARD, user_id=user_id, amount=amount, reason="because", again=True
    )


def settle(tx: Connection) -> None:
    while achievements.anything_due(tx, NOON):
        achievements.settle_due(tx, NOON)


@pytest.fixture(scope="module", params=BACKENDS)
def told(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """A database with the story, stripped of every guard, key and constraint."""
    url = databases.new(request.param)
    engine = writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url))
    with engine.begin() as tx:
        tell(tx)
    strip(url)
    yield engine
    engine.dispose()
    databases.drop(url)


HOLDINGS = "UPDATE badge_holdings SET"
GIVEN = (
    "INSERT INTO badge_holdings (community_id, badge_number, member_id, step, nth, earned_at, earned_seq) "
    "SELECT 1, {0}, {1}, {2}, {3}, created_at, {4} FROM members WHERE community_id = 1 AND id = 1"
)

FORGERIES = (
    Forgery(
        LEVELS,
        "a level given",
        "UPDATE point_balances SET level = 2, told_level = 2 WHERE member_id = 2",
        also=frozenset({ROLES}),
    ),
    Forgery(LEVELS, "a level untold", "UPDATE point_balances SET told_level = 0 WHERE member_id = 2"),
    Forgery(HELD, "a badge given", GIVEN.format(2, 3, 1, 1, 1)),
    Forgery(HELD, "a badge of giving given", GIVEN.format(3, 2, 1, 1, 1)),
    Forgery(HELD, "a streak given", GIVEN.format(4, 3, 1, 1, 1)),
    Forgery(HELD, "a team's badge given", GIVEN.format(5, 3, 1, 1, 1)),
    Forgery(HELD, "a step there is not", GIVEN.format(1, 2, 2, 1, 1)),
    Forgery(HELD, "a badge there is not", GIVEN.format(9, 2, 1, 1, 1)),
    Forgery(
        HELD, "the second time without a first", f"{HOLDINGS} nth = 2 WHERE badge_number = 2 AND step = 2"
    ),
    Forgery(HELD, "held twice", GIVEN.format(2, 2, 1, 2, 1)),
    Forgery(HELD, "in the future", f"{HOLDINGS} earned_seq = 99 WHERE badge_number = 2"),
    Forgery(HELD, "a badge lost", "DELETE FROM badge_holdings WHERE badge_number = 2 AND step = 1"),
    Forgery(HELD, "a team's badge lost", "DELETE FROM badge_holdings WHERE badge_number = 5"),
    Forgery(
        HELD,
        "a badge taken",
        f"{HOLDINGS} revoked_at = earned_at, revoked_because = 'envy' WHERE badge_number = 4",
    ),
    Forgery(
        HELD,
        "a goal made harder",
        """UPDATE badges SET goal = '{"kind": "points", "steps": [26, 27]}' WHERE number = 2""",
    ),
    Forgery(ROLES, "a role given", "UPDATE role_grants SET role = '799' WHERE role = '701'"),
    Forgery(ROLES, "a badge's role lost", "DELETE FROM role_grants WHERE role = '703' AND member_id = 2"),
    Forgery(ROLES, "another level's role", "UPDATE role_grants SET role = '702' WHERE role = '701'"),
    Forgery("numbers are dense", "a badge's number", "UPDATE ledger_heads SET badges = 6"),
    Forgery(
        "who and what is named is there",
        "a stranger's badge",
        GIVEN.format(1, 77, 1, 1, 1)
        + "; "
        + f"{HOLDINGS} revoked_at = earned_at, revoked_because = '' WHERE member_id = 77",
    ),
)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: f"{forgery.invariant}: {forgery.how}")
def test_a_forgery_is_found_and_called_by_its_name(told: Engine, forgery: Forgery) -> None:
    with told.connect() as tx, tx.begin() as undone:
        forgery.commit(tx)
        found = verification.verify(tx)
        undone.rollback()

    assert {broken.invariant for broken in found} == {forgery.invariant} | forgery.also


def test_what_is_earned_is_in_order(told: Engine) -> None:
    with told.connect() as tx:
        assert verification.verify(tx) == []


def test_who_waits_to_be_looked_at_is_not_wrong_yet(told: Engine) -> None:
    with told.connect() as tx, tx.begin() as undone:
        tx.execute(text("DELETE FROM badge_holdings WHERE badge_number = 2"))
        tx.execute(text("UPDATE point_balances SET told_level = 0 WHERE member_id = 2"))
        tx.execute(
            text(
                "INSERT INTO achievement_dues (community_id, member_id, due_at, quiet)"
                " SELECT 1, 2, created_at, false FROM members WHERE community_id = 1 AND id = 1"
            )
        )
        found = verification.verify(tx)
        undone.rollback()

    assert found == []
