"""What members achieve: badges by goals, given and taken back; levels told once; team goals."""

import io
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, insert, make_url, select

from points_core import (
    achievements,
    approvals,
    audit,
    awards,
    communities,
    exports,
    levels,
    policy,
    privacy,
    verification,
)
from points_core.achievements import Achievements, Badge, Settled, badges, roles, teams
from points_core.achievements.goals import (
    FirstAward,
    GivesTo,
    Goal,
    LevelReached,
    RecognisedBy,
    Streak,
    Team,
    goal_of,
)
from points_core.achievements.goals import Points as PointsGoal
from points_core.database import Points, writer_engine
from points_core.errors import InvalidSetting, UnknownBadge
from points_core.models import ActiveDay, BadgeHolding, OutboxEntry
from points_core.outbox import Topic
from points_core.portable import Table
from points_core.programme import Level, Programme
from points_core.values import Kind, Receipt
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, THIRD_MOD, by, row_counts
from tests.core.test_rules_firing import fired, rule_made, said

LEVELS = (
    Level(name="Member", earned=10),
    Level(name="Contributor", earned=100),
    Level(name="Fellow", earned=200),
)


async def give(
    points: Points, user_id: str = ADA, amount: int = 10, *, giver: str = MOD, category: str | None = None
) -> Receipt:
    """Award points and settle what follows."""
    receipt = await points.write(
        approvals.request,
        by(giver),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=amount,
        reason="because",
        category=category,
        again=True,
    )
    assert isinstance(receipt, Receipt)
    await settle(points)
    return receipt


async def take_back(points: Points, number: int) -> Receipt:
    receipt = await points.write(awards.reverse, by(MOD), number, reason="a mistake")
    await settle(points)
    return receipt


async def settle(points: Points) -> Settled:
    return await achievements.settled(points, NOON)


async def badge(points: Points, goal: Goal, name: str = "Badge", **others: object) -> Badge:
    made = await points.write(badges.add, by(MOD), name=name, goal=goal, **others)  # type: ignore[arg-type]
    await settle(points)
    return made


async def switch_on(points: Points, **changes: object) -> None:
    """Have levels, and say where they are announced."""
    programme = Programme(**{"levels": LEVELS, **changes})  # type: ignore[arg-type]
    await points.write(policy.change, by(MOD), programme=programme)
    await settle(points)


async def announce(points: Points) -> None:
    await points.write(policy.change, by(MOD), announcements_channel="55")


async def of(points: Points, user_id: str = ADA) -> Achievements:
    return await points.read(achievements.of, COMMUNITY, user_id, NOON)


async def holds(points: Points, user_id: str = ADA) -> list[tuple[str, int]]:
    """Return the names of the badges somebody holds, each with how many steps of it."""
    return sorted((each.name, each.step) for each in (await of(points, user_id)).held)


async def told(points: Points, topic: Topic) -> list[str]:
    """Return the subjects of the effects left under a topic, in order."""

    def subjects(tx: Connection) -> list[str]:
        left = select(OutboxEntry.subject).where(OutboxEntry.topic == topic.value)
        return list(tx.execute(left.order_by(OutboxEntry.id)).scalars())

    return await points.read(subjects)


async def be_active(points: Points, user_id: str, days: list[date]) -> None:
    """Have somebody check in on these days."""

    def write(tx: Connection) -> None:
        head = communities.lock(tx, COMMUNITY)
        assert head is not None
        member_id = communities.people(tx, head.community_id, [user_id])[user_id].id
        rows = [
            {"community_id": head.community_id, "member_id": member_id, "day": d.toordinal(), "source": 0}
            for d in days
        ]
        tx.execute(insert(ActiveDay), rows)
        levels.mark(tx, head.community_id, [member_id], NOON)

    await points.write(write)
    await settle(points)


# ── goals ──


async def test_the_first_award_earns_a_badge(points: Points) -> None:
    made = await badge(points, FirstAward(), "First Steps")
    before = await of(points)

    await give(points)

    after = await of(points)
    assert (before.held, [(b.have, b.need) for b in before.open]) == ((), [(0, 1)])
    assert [(b.number, b.name, b.step, b.earned_at, b.need) for b in after.held] == [
        (made.number, "First Steps", 1, NOON, None)
    ]


async def test_points_in_a_category_count_step_by_step(points: Points) -> None:
    rules = await points.read(policy.of, COMMUNITY)
    helping = rules.category("helping")
    assert helping is not None
    await badge(points, PointsGoal(category_id=helping.id, steps=(10, 50, 100)), "Helper")

    await give(points, amount=7, category="helping")
    await give(points, amount=100, category="events")
    seven = await of(points)
    await give(points, amount=5, category="helping")
    await give(points, amount=45, category="helping")

    assert [(b.have, b.need, b.goal) for b in seven.open] == [(7, 10, "earn 10 points in helping")]
    assert [(b.step, b.steps, b.have, b.need) for b in (await of(points)).held] == [(2, 3, 57, 100)]


async def test_what_is_spent_stays_earned(points: Points) -> None:
    await badge(points, PointsGoal(steps=(10,)))
    await give(points, amount=10)

    await points.write(
        approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=ADA, amount=10, reason="a prize"
    )
    await settle(points)

    assert await holds(points) == [("Badge", 1)]


async def test_a_deduction_taken_back_is_nothing_earned(points: Points) -> None:
    rules = await points.read(policy.of, COMMUNITY)
    helping = rules.category("helping")
    assert helping is not None
    await badge(points, PointsGoal(category_id=helping.id, steps=(15,)))
    await give(points, amount=10, category="helping")
    spent = await points.write(
        approvals.request,
        by(MOD),
        kind=Kind.DEDUCTION,
        user_id=ADA,
        amount=10,
        reason="a prize",
        category="helping",
    )
    assert isinstance(spent, Receipt)

    await take_back(points, spent.number)

    assert [(b.have, b.need) for b in (await of(points)).open] == [(10, 15)]


async def test_awards_from_different_people_count_once_each(points: Points) -> None:
    await badge(points, RecognisedBy(steps=(3,)), "Appreciated")
    for giver in (MOD, MOD, OTHER_MOD):
        await give(points, giver=giver)
    before = await of(points)

    await give(points, giver=THIRD_MOD)

    assert [(b.have, b.need) for b in before.open] == [(2, 3)]
    assert await holds(points) == [("Appreciated", 1)]


async def test_giving_to_different_people_counts_for_the_giver(points: Points) -> None:
    await badge(points, GivesTo(steps=(2,)), "Generous")
    await give(points, ADA)
    await give(points, ADA)
    one = await holds(points, MOD)

    await give(points, GRACE)

    assert (one, await holds(points, MOD)) == ([], [("Generous", 1)])


async def test_the_longest_streak_counts_for_good_and_the_current_one_shows_as_progress(
    points: Points,
) -> None:
    await badge(points, Streak(steps=(3, 7)), "Regular")
    await give(points)
    today = NOON.date()

    await be_active(points, ADA, [today - timedelta(days=n) for n in (10, 9, 8)])
    await be_active(points, ADA, [today - timedelta(days=1), today])

    assert [(b.step, b.have, b.need) for b in (await of(points)).held] == [(1, 2, 7)]


async def test_weeks_in_a_row_are_weeks_with_anything_in_them(points: Points) -> None:
    await badge(points, Streak(unit="week", steps=(3,)), "Loyal")
    await give(points)

    await be_active(points, ADA, [NOON.date() - timedelta(weeks=n) for n in range(3)])

    assert await holds(points) == [("Loyal", 1)]


async def test_a_level_reached_earns_a_badge(points: Points) -> None:
    await switch_on(points)
    await badge(points, LevelReached(steps=(1, 3)), "Risen")

    await give(points, amount=20)

    held = (await of(points)).held
    assert [(b.step, b.have, b.need, b.goal) for b in held] == [(1, 1, 3, "reach Fellow")]


async def test_a_team_earns_a_badge_for_all_who_took_part(points: Points) -> None:
    await badge(points, Team(points=100, each=20), "Barn Raising")
    await give(points, ADA, 60)
    await give(points, GRACE, 10)
    before = await of(points, GRACE)

    await give(points, GRACE, 30)
    await give(points, OTHER_MOD, 5)

    assert [(b.have, b.need) for b in before.open] == [(70, 100)]
    assert [await holds(points, user) for user in (ADA, GRACE, OTHER_MOD)] == [
        [("Barn Raising", 1)],
        [("Barn Raising", 1)],
        [],
    ]


async def test_who_takes_part_later_gets_the_teams_badge_too_and_a_reversal_takes_it_from_all(
    points: Points,
) -> None:
    await announce(points)
    made = await badge(points, Team(points=50, each=20), "Barn Raising")
    first = await give(points, ADA, 50)
    await give(points, GRACE, 20)
    both = [await holds(points, ADA), await holds(points, GRACE)]

    await take_back(points, first.number)

    assert both == [[("Barn Raising", 1)]] * 2
    assert [await holds(points, ADA), await holds(points, GRACE)] == [[], []]
    assert [r.because for r in (await of(points, GRACE)).revoked] == ["#3 took back #1"]
    assert await told(points, Topic.BADGE) == [f"{made.number}:0:1:1", f"{made.number}:3:1:1"]


async def test_who_is_looked_at_after_the_team_was_gains_or_loses_the_badge_alone(points: Points) -> None:
    await badge(points, Team(points=50, each=20), "Barn Raising")
    await give(points, amount=60)
    await announce(points)
    users = [f"3{n}" for n in range(5)]
    for user in users:
        await points.write(
            approvals.request,
            by(MOD),
            kind=Kind.AWARD,
            user_id=user,
            amount=20 + int(user[1]) // 4 - 1,
            reason="helped",
            again=True,
        )

    while (await points.write(achievements.settle_due, NOON, limit=1)).more:
        assert await points.read(verification.verify) == []

    assert [await holds(points, user) for user in users] == [[]] * 4 + [[("Barn Raising", 1)]]
    assert await told(points, Topic.BADGE) == [f"1:{await number_of(points, '34')}:1:1"]
    lost = await give(points, user_id="30", amount=1)
    assert await holds(points, "30") == [("Barn Raising", 1)]
    await take_back(points, lost.number)
    assert await holds(points, "30") == []
    assert await holds(points) == [("Barn Raising", 1)]


async def number_of(points: Points, user_id: str) -> int:
    def read(tx: Connection) -> int:
        community_id = communities.find(tx, COMMUNITY)
        assert community_id is not None
        return communities.people(tx, community_id, [user_id])[user_id].id

    return await points.read(read)


async def test_what_a_team_has_reached_is_not_what_came_to_nothing(points: Points) -> None:
    goal = Team(points=50, category_id=1)
    await give(points, amount=5, category="events")
    engine = writer_engine(make_url(points.settings.database_url))

    def reached(tx: Connection) -> int:
        head, rules = policy.locked(tx, by(MOD))
        return teams.points(tx, head, rules, goal)

    def gives(tx: Connection, amount: int) -> None:
        approvals.request(
            tx, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=amount, reason="x", category="events"
        )

    with engine.connect() as tx:
        assert reached(tx) == 5
        tx.rollback()
        gives(tx, 7)
        assert reached(tx) == 12
        tx.rollback()
        gives(tx, 30)
        gives(tx, 1)
        assert reached(tx) == 36
        tx.commit()
        assert reached(tx) == 36
    engine.dispose()


async def test_a_teams_days_are_those_of_the_community(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Pacific/Auckland")
    yesterday = NOON.date()  # there it is the 19th already
    await badge(points, Team(points=10, first=yesterday, last=yesterday), "Yesterday")
    await badge(points, Team(points=10, first=yesterday + timedelta(days=1)), "Since then")

    await give(points, amount=10)

    assert await holds(points) == [("Since then", 1)]


# ── taken back, given again ──


async def test_a_reversal_takes_a_badge_back_and_says_so(points: Points) -> None:
    await announce(points)
    made = await badge(points, FirstAward(), "First Steps")
    await give(points)

    await take_back(points, 1)

    now = await of(points)
    assert (now.held, [b.have for b in now.open]) == ((), [0])
    assert [(r.name, r.because, r.revoked_at) for r in now.revoked] == [
        ("First Steps", "#2 took back #1", NOON)
    ]
    assert await told(points, Topic.BADGE_REVOKED) == [f"{made.number}:2:1:1"]
    revoked = await points.read(achievements.badge_told, COMMUNITY, f"{made.number}:2:1:1")
    assert (revoked.user_id, revoked.badge.name, revoked.because) == (ADA, "First Steps", "#2 took back #1")


async def test_a_giver_loses_a_badge_when_what_they_gave_is_taken_back_from_somebody_else(
    points: Points,
) -> None:
    await badge(points, GivesTo(steps=(2,)), "Generous")
    await give(points, ADA)
    second = await give(points, GRACE)

    await take_back(points, second.number)

    assert await holds(points, MOD) == []
    assert [r.because for r in (await of(points, MOD)).revoked] == ["#3 took back #2"]


async def test_a_badge_is_earned_again_as_another_one(points: Points) -> None:
    await announce(points)
    await badge(points, FirstAward())
    await give(points)
    await take_back(points, 1)

    await give(points)

    assert [(len(a.held), len(a.revoked)) for a in [await of(points)]] == [(1, 0)]
    assert await told(points, Topic.BADGE) == ["1:2:1:1", "1:2:1:2"]


async def test_a_streak_whose_days_are_taken_back_takes_its_badge_along(points: Points) -> None:
    await badge(points, Streak(steps=(2,)))
    await give(points)
    await be_active(points, ADA, [NOON.date(), NOON.date() - timedelta(days=1)])

    def undo(tx: Connection) -> None:
        tx.execute(ActiveDay.__table__.delete())  # type: ignore[attr-defined]
        levels.mark(tx, 1, [2], NOON)

    await points.write(undo)
    await settle(points)

    assert [r.because for r in (await of(points)).revoked] == ["days that counted were taken back"]


async def test_settling_again_changes_nothing(points: Points) -> None:
    await announce(points)
    await switch_on(points)
    await badge(points, PointsGoal(steps=(10, 50)), role="700")
    await give(points, amount=60)
    before = await row_counts(points)

    def mark(tx: Connection) -> None:
        levels.mark_everyone(tx, 1, NOON)
        levels.mark(tx, 1, [0, 1, 2], NOON)

    await points.write(mark)
    again = await settle(points)

    assert (again.members, again.levels, again.earned, again.revoked, again.roles) == (3, 0, 0, 0, 0)
    assert await row_counts(points) == before


async def test_an_award_and_its_reversal_before_anybody_looks_leave_nothing(points: Points) -> None:
    await badge(points, FirstAward())
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason="oops")
    await points.write(awards.reverse, by(MOD), 1, reason="a mistake")

    await settle(points)

    assert (await of(points)).revoked == ()


# ── made, changed, retired ──


async def test_a_new_badge_is_theirs_who_earned_it_before_without_a_fanfare(points: Points) -> None:
    await announce(points)
    await give(points)

    await badge(points, FirstAward())

    assert await holds(points) == [("Badge", 1)]
    assert await told(points, Topic.BADGE) == []


async def test_a_hidden_badge_shows_once_it_is_earned(points: Points) -> None:
    await badge(points, FirstAward(), "Secret", hidden=True)
    before = await of(points)

    await give(points)

    assert (before.open, before.held) == ((), ())
    assert await holds(points) == [("Secret", 1)]


async def test_a_retired_badge_is_kept_and_earned_by_nobody(points: Points) -> None:
    made = await badge(points, FirstAward())
    await give(points, ADA)

    await points.write(badges.retire, by(MOD), made.number)
    await give(points, GRACE)

    assert (await holds(points, ADA), await holds(points, GRACE)) == ([("Badge", 1)], [])
    assert (await of(points, GRACE)).open == ()


async def test_a_goal_changes_only_while_nobody_earned_it(points: Points) -> None:
    made = await badge(points, PointsGoal(steps=(50,)))
    easier = await points.write(badges.change, by(MOD), made.number, goal=PointsGoal(steps=(10,)))
    await give(points)

    with pytest.raises(InvalidSetting, match="retire it"):
        await points.write(badges.change, by(MOD), made.number, goal=PointsGoal(steps=(100,)))
    renamed = await points.write(badges.change, by(MOD), made.number, name="Ten", hidden=True)

    assert (easier.goal.steps, renamed.name, renamed.hidden) == ((10,), "Ten", True)
    assert await holds(points) == [("Ten", 1)]


async def test_every_change_of_a_badge_is_on_record(points: Points) -> None:
    made = await badge(points, FirstAward(), "One")
    await points.write(badges.change, by(MOD), made.number, name="First")
    await points.write(badges.retire, by(MOD), made.number)

    entries = await points.read(audit.recent, COMMUNITY)

    assert [(e.action, e.target, e.before, e.after) for e in reversed(entries)] == [
        (
            "badge.add",
            "1",
            None,
            {
                "name": "One",
                "description": None,
                "goal": {"kind": "first-award"},
                "hidden": False,
                "role": None,
                "role_days": None,
            },
        ),
        ("badge.change", "1", {"name": "One"}, {"name": "First"}),
        ("badge.retire", "1", {"name": "First"}, None),
    ]


async def test_asking_twice_with_one_key_makes_one_badge(points: Points) -> None:
    origin = by(MOD, key="once")
    first = await points.write(badges.add, origin, name="One", goal=FirstAward())

    assert await points.write(badges.add, origin, name="One", goal=FirstAward()) == first
    assert await points.read(badges.listed, COMMUNITY) == (first,)


@pytest.mark.parametrize(
    "fields, refusal",
    [
        ({"name": "taken"}, InvalidSetting),
        ({"goal": PointsGoal(category_id=9, steps=(1,))}, InvalidSetting),
        ({"goal": LevelReached(steps=(2,))}, InvalidSetting),
        ({"role_days": 0}, InvalidSetting),
    ],
)
async def test_what_cannot_be_a_badge_is_refused(
    points: Points, fields: dict[str, object], refusal: type[Exception]
) -> None:
    await points.write(badges.add, by(MOD), name="Taken", goal=FirstAward())
    before = await row_counts(points)
    asked = {"name": "New", "goal": FirstAward(), **fields}

    with pytest.raises(refusal):
        await points.write(badges.add, by(MOD), **asked)  # type: ignore[arg-type]

    assert await row_counts(points) == before


async def test_a_badge_nobody_made_is_unknown(points: Points) -> None:
    with pytest.raises(UnknownBadge):
        await points.write(badges.retire, by(MOD), 7)
    with pytest.raises(UnknownBadge):
        await points.read(badges.numbered, "elsewhere", 1)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "points", "steps": [50, 10]},
        {"kind": "points", "steps": []},
        {"kind": "points", "steps": [True]},
        {"kind": "points", "steps": [1], "script": "1+1"},
        {"kind": "team", "points": 10, "each": 11},
        {"kind": "team", "points": 10, "first": "2026-02-01", "last": "2026-01-01"},
        {"kind": "wish"},
        {},
        [],
    ],
)
def test_what_is_no_goal_is_refused(document: object) -> None:
    with pytest.raises(InvalidSetting):
        goal_of(document)


# ── levels ──


async def test_a_level_is_told_once_in_the_commit_that_settles_it(points: Points) -> None:
    await announce(points)
    await switch_on(points)
    await give(points, amount=10)
    await give(points, amount=10)
    await give(points, amount=90)

    assert await told(points, Topic.LEVEL) == ["2:0:1:1", "2:1:2:3"]
    rose = await points.read(achievements.level_told, COMMUNITY, "2:1:2:3")
    assert rose is not None
    assert (rose.user_id, rose.before, rose.after, rose.rose) == (ADA, "Member", "Contributor", True)


async def test_a_level_says_what_the_next_one_takes(points: Points) -> None:
    await switch_on(points)
    await give(points, amount=70)

    level = (await of(points)).level

    assert level is not None
    assert (level.number, level.name, level.next_name, level.missing) == (1, "Member", "Contributor", 30)


async def test_a_reversal_takes_a_level_back(points: Points) -> None:
    await announce(points)
    await switch_on(points)
    await give(points, amount=10)

    await take_back(points, 1)

    level = (await of(points)).level
    assert level is not None
    assert (level.number, level.name) == (0, None)
    assert await told(points, Topic.LEVEL) == ["2:0:1:1", "2:1:0:2"]


async def test_switching_levels_on_tells_nobody_of_what_they_had(points: Points) -> None:
    await announce(points)
    await give(points, amount=50)

    await switch_on(points)

    level = (await of(points)).level
    assert level is not None
    assert (level.name, await told(points, Topic.LEVEL)) == ("Member", [])


async def test_nothing_is_announced_where_no_channel_is_chosen(points: Points) -> None:
    await switch_on(points)
    await badge(points, FirstAward())

    await give(points)

    assert (await told(points, Topic.LEVEL), await told(points, Topic.BADGE)) == ([], [])


async def test_more_than_one_commit_holds_is_settled_in_turns(points: Points) -> None:
    await switch_on(points)
    for number in range(5):
        await points.write(
            approvals.request, by(MOD), kind=Kind.AWARD, user_id=f"20{number}", amount=10, reason="because"
        )

    rounds = [await points.write(achievements.settle_due, NOON, limit=2) for _ in range(3)]

    assert [(r.members, r.levels, r.more) for r in rounds] == [(2, 2, True), (2, 2, True), (1, 1, False)]


async def test_who_moved_points_is_settled_before_who_did_not(points: Points) -> None:
    await announce(points)
    for number in range(3):
        await give(points, f"20{number}")
    await points.write(badges.add, by(MOD), name="First", goal=FirstAward())
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=GRACE, amount=5, reason="because")

    await points.write(achievements.settle_due, NOON, limit=3)

    assert await holds(points, GRACE) == [("First", 1)]


async def test_nothing_is_settled_while_books_are_closed(points: Points) -> None:
    await badge(points, FirstAward())
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason="because")

    def close(tx: Connection) -> None:
        head = communities.lock(tx, COMMUNITY)
        assert head is not None
        head.closed_because = "a test"
        communities.save(tx, head)

    await points.write(close)

    assert await settle(points) == Settled()
    assert await points.read(count_holdings) == 0


# ── exports ──


async def exported(points: Points, table: Table) -> list[dict[str, object]]:
    file = io.BytesIO()
    await exports.export(points, COMMUNITY, table, file, at=NOON, format=exports.Format.JSONL)
    return [json.loads(line) for line in file.getvalue().splitlines()]


async def test_badges_and_who_holds_them_can_be_exported(points: Points) -> None:
    await switch_on(points)
    await badge(points, PointsGoal(steps=(10, 50)), "Collector", role="703", role_days=7)
    await give(points, amount=20)

    assert await exported(points, Table.BADGES) == [
        {
            "number": 1,
            "name": "Collector",
            "description": None,
            "goal": {"kind": "points", "category_id": None, "steps": [10, 50]},
            "hidden": False,
            "role": "703",
            "role_days": 7,
            "created_at": NOON.isoformat(),
            "retired_at": None,
        }
    ]
    assert await exported(points, Table.HOLDINGS) == [
        {
            "badge": 1,
            "user_id": ADA,
            "name": None,
            "step": 1,
            "time": 1,
            "earned_at": NOON.isoformat(),
            "earned_number": 1,
            "revoked_at": None,
            "revoked_because": None,
        }
    ]
    assert [row["level"] for row in await exported(points, Table.BALANCES)] == [1]


# ── personal data ──


async def test_a_members_copy_has_their_level_badges_and_roles(points: Points) -> None:
    await switch_on(points)
    await badge(points, FirstAward(), "First", role="703")
    await give(points)
    await take_back(points, 1)
    await give(points)

    copy = await points.read(privacy.copy, COMMUNITY, ADA, NOON)

    assert copy.level == "Member"
    assert [(b.name, b.step, b.revoked_because) for b in copy.badges] == [
        ("First", 1, "#2 took back #1"),
        ("First", 1, None),
    ]
    assert [(r.role, r.source, r.wanted) for r in copy.roles] == [("703", "badge:1", True)]
    assert "First, step 1" in await points.read(privacy.text, copy)


async def test_who_is_erased_is_to_have_no_role_and_is_congratulated_on_nothing(points: Points) -> None:
    await announce(points)
    await badge(points, PointsGoal(steps=(10, 20)), "First", role="703")
    await give(points)
    await points.write(privacy.ask, by(ADA), ADA)
    await points.write(awards.reverse, by(MOD), 1, reason="a mistake")

    await points.write(privacy.erase_due, NOON + timedelta(days=8))
    await settle(points)

    assert await points.read(roles.due) == ()
    assert await told(points, Topic.BADGE_REVOKED) == []
    assert await points.read(verification.verify) == []


def count_holdings(tx: Connection) -> int:
    return len(tx.execute(select(BadgeHolding.member_id)).all())


async def test_a_role_that_a_rule_gave_stays_when_the_level_or_badge_that_wants_it_too_goes(
    points: Points,
) -> None:
    await rule_made(points, role="77")
    await fired(points, said(1))
    await switch_on(points, levels=(Level(name="Member", earned=10, role="77"),))
    passing = await badge(points, FirstAward(), role="77", role_days=1)
    assert passing.role_days == 1

    risen = await give(points)
    assert [(each.source, each.until) for each in await wanted(points)] == [("level:1", None)]
    await take_back(points, risen.number)

    assert [(each.role, each.source, each.until) for each in await wanted(points)] == [("77", "rule:1", None)]
    await achievements.settled(points, NOON + timedelta(days=2))
    assert [each.source for each in await wanted(points)] == ["rule:1"]
    assert await points.read(verification.verify) == []


async def wanted(points: Points) -> list[roles.Grant]:
    return [each for each in await points.read(roles.of, COMMUNITY, ADA) if each.wanted]
