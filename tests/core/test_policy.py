"""A community's own numbers: what they may be, that every change is on record, and what follows from one."""

from typing import Any

import pytest

from points_core import approvals, audit, leaderboard, outbox, policy, verification
from points_core.database import Points
from points_core.errors import InvalidSetting, InvalidText, UnknownCategory
from points_core.outbox import Topic
from points_core.policy import Capability
from points_core.values import Kind
from points_core.windows import WindowName
from tests.core.conftest import ADA, COMMUNITY, MOD, NOON, by, row_counts, settings_for


async def test_a_new_community_begins_with_the_settings(database_url: str) -> None:
    settings = settings_for(
        database_url, POINTS_MAX_AWARD=50, POINTS_CATEGORIES="art, music", POINTS_TIMEZONE="Asia/Tokyo"
    )
    async with Points.opened(settings) as points:
        unseen = await points.read(policy.of, COMMUNITY)
        begun = await points.write(policy.change, by(MOD), quorum=2)

    assert (unseen.max_award, unseen.open_categories, unseen.timezone) == (50, ("art", "music"), "Asia/Tokyo")
    assert (begun.max_award, begun.open_categories, begun.quorum) == (50, ("art", "music"), 2)


async def test_every_change_is_on_record_with_before_and_after(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2, daily_limit=500)

    (entry,) = await points.read(audit.recent, COMMUNITY)
    assert (entry.action, entry.target, entry.actor.user_id) == ("policy.change", "daily_limit,quorum", MOD)
    assert (entry.before, entry.after) == (
        {"daily_limit": None, "quorum": 1},
        {"daily_limit": 500, "quorum": 2},
    )


async def test_the_same_change_delivered_again_is_recorded_once(points: Points) -> None:
    for _ in range(3):
        await points.write(policy.change, by(MOD, "interaction:1"), quorum=2)
    assert len(await points.read(audit.recent, COMMUNITY)) == 1


async def test_a_change_to_what_already_is_changes_nothing(points: Points) -> None:
    changed = await points.write(policy.change, by(MOD), quorum=1)
    assert (changed.version, await points.read(audit.recent, COMMUNITY)) == (0, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"quorum": 0},
        {"quorum": "2"},
        {"max_award": 10**12 + 1},
        {"min_award": 2_000},
        {"min_award": True},
        {"daily_limit": 0},
        {"approval_threshold": -1},
        {"request_hours": 24 * 31},
        {"timezone": "Mars/Olympus"},
        {"allow_negative": "yes"},
        {"log_channel": "not an id"},
        {"roles": {"dance": ("1",)}},
        {"version": 7},
        {"quorums": 2},
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused_and_changes_nothing(points: Points, changes: dict[str, Any]) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    before = await row_counts(points)
    with pytest.raises(InvalidSetting):
        await points.write(policy.change, by(MOD), **changes)
    assert await row_counts(points) == before
    assert (await points.read(policy.of, COMMUNITY)).quorum == 2


async def test_roles_are_kept_by_capability(points: Points) -> None:
    changed = await points.write(policy.change, by(MOD), roles={Capability.AWARD: ("77", "78")})
    assert changed.roles == {Capability.AWARD: ("77", "78")}
    assert (await points.read(policy.of, COMMUNITY)).roles == changed.roles


async def test_a_retired_category_keeps_its_past_and_takes_no_new_points(points: Points) -> None:
    award: dict[str, Any] = {
        "kind": Kind.AWARD,
        "user_id": ADA,
        "amount": 5,
        "reason": "x",
        "category": "events",
    }
    await points.write(approvals.request, by(MOD), **award)
    await points.write(policy.retire_category, by(MOD), "events")

    with pytest.raises(UnknownCategory):
        await points.write(approvals.request, by(MOD), **award)
    board = await points.read(leaderboard.named, COMMUNITY, WindowName.ALL, NOON, category="events")
    assert [standing.points for standing in board.standings] == [5]

    await points.write(policy.add_category, by(MOD), "events")
    assert "events" in (await points.read(policy.of, COMMUNITY)).open_categories


async def test_a_renamed_category_is_the_same_one(points: Points) -> None:
    await points.write(
        approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason="x", category="events"
    )
    await points.write(policy.rename_category, by(MOD), "events", "gatherings")
    board = await points.read(leaderboard.named, COMMUNITY, WindowName.ALL, NOON, category="gatherings")
    assert [standing.points for standing in board.standings] == [5]


@pytest.mark.parametrize("name", ["", "  ", "x" * 51, "nul\0"])
async def test_a_category_needs_a_name(points: Points, name: str) -> None:
    with pytest.raises(InvalidText):
        await points.write(policy.add_category, by(MOD), name)


@pytest.mark.parametrize("name", ["", "nul\0", "lone \ud800"])
async def test_a_name_that_nothing_can_have_is_refused_wherever_it_is_given(
    points: Points, name: str
) -> None:
    before = await row_counts(points)
    with pytest.raises(InvalidText):
        await points.write(policy.retire_category, by(MOD), name)
    with pytest.raises(InvalidText):
        await points.write(policy.rename_category, by(MOD), name, "gatherings")
    with pytest.raises(InvalidText):
        await points.write(policy.rename_category, by(MOD), "events", name)
    assert await row_counts(points) == before


async def test_a_category_has_no_comma_for_commas_stand_between_categories(points: Points) -> None:
    with pytest.raises(InvalidSetting, match="commas"):
        await points.write(policy.add_category, by(MOD), "arts, crafts")
    with pytest.raises(InvalidSetting, match="commas"):
        await points.write(policy.rename_category, by(MOD), "events", "arts, crafts")
    assert "events" in (await points.read(policy.of, COMMUNITY)).open_categories


async def test_a_name_in_another_case_is_taken(points: Points) -> None:
    with pytest.raises(InvalidSetting):
        await points.write(policy.add_category, by(MOD), "EVENTS")
    with pytest.raises(InvalidSetting):
        await points.write(policy.rename_category, by(MOD), "helping", "Events")


async def test_a_menu_of_discord_holds_every_open_category(points: Points) -> None:
    for n in range(25 - 4):
        await points.write(policy.add_category, by(MOD), f"category {n}")
    with pytest.raises(InvalidSetting):
        await points.write(policy.add_category, by(MOD), "one too many")


async def test_a_new_time_zone_counts_the_days_anew(points: Points) -> None:
    late = NOON.replace(hour=23, minute=30)
    await points.write(
        approvals.request, by(MOD, at=late), kind=Kind.AWARD, user_id=ADA, amount=5, reason="x"
    )
    tomorrow = NOON.replace(day=19)
    before = await points.read(leaderboard.named, COMMUNITY, WindowName.TODAY, tomorrow)
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    after = await points.read(leaderboard.named, COMMUNITY, WindowName.TODAY, tomorrow)

    assert (len(before.standings), len(after.standings)) == (0, 1)
    assert await points.read(verification.verify) == []


async def test_a_change_is_told_to_the_log_channel_once_there_is_one(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    assert await points.write(outbox.lease, NOON) == []
    await points.write(policy.change, by(MOD), log_channel="77")
    await points.write(policy.change, by(MOD), quorum=3)
    assert {(e.topic, e.place) for e in await points.write(outbox.lease, NOON)} == {(Topic.CHANGED, "77")}
