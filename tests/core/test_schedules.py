import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, event, func, select

from points_core import outbox, policy, schedules
from points_core.database import Points
from points_core.errors import InvalidSetting, InvalidText, UnknownCategory, UnknownSchedule
from points_core.models import OutboxEntry, Publication
from points_core.models import Schedule as ScheduleRow
from points_core.outbox import Topic
from points_core.settings import Settings
from points_core.values import Actor, Origin
from points_core.windows import WindowName

GARDEN = "9001"
ADA = Actor.member("100", "Ada")
MONDAY = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
async def points(database_url: str) -> AsyncIterator[Points]:
    async with Points.opened(Settings(POINTS_DATABASE_URL=database_url)) as opened:
        yield opened


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def origin(key: str, when: datetime = MONDAY, community: str = GARDEN) -> Origin:
    return Origin(community, ADA, when, key)


def slots_of(tx: Connection, state: str) -> list[str]:
    return list(
        tx.execute(
            select(Publication.slot).where(Publication.state == state).order_by(Publication.slot)
        ).scalars()
    )


def board_effects(tx: Connection) -> list[str]:
    boards = select(OutboxEntry.subject).where(OutboxEntry.topic == Topic.BOARD.value)
    return list(tx.execute(boards.order_by(OutboxEntry.id)).scalars())


def counted(tx: Connection, table: type[Any]) -> int:
    return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


@dataclass
class Garden:
    """One community whose schedules are watched."""

    points: Points

    async def schedule(self, when: str = "2026-06-01T00:00", **changes: Any) -> schedules.ScheduleView:
        wanted: dict[str, Any] = {"channel": "55", "window": "week", "every": "day", "at": "09:00"}
        return await self.points.write(
            schedules.add, origin(f"add:{when}:{abs(hash(str(changes)))}", at(when)), **(wanted | changes)
        )

    async def zone(self, name: str, when: str = "2026-01-01T00:00") -> None:
        change = partial(policy.change, timezone=name)
        await self.points.write(change, origin(f"zone:{name}:{when}", at(when)))

    async def tick(self, when: str) -> list[str]:
        return [claim.slot for claim in await self.points.write(schedules.claim_due, at(when))]

    async def posted(self, slot: str, when: str, message: str = "77", number: int = 1) -> None:
        await self.points.write(
            schedules.published, GARDEN, number, slot, channel="55", message=message, now=at(when)
        )

    async def post(self, slot: str, number: int = 1) -> schedules.Post:
        return await self.points.read(schedules.publication, GARDEN, number, slot)


@pytest.fixture
def garden(points: Points) -> Garden:
    return Garden(points)


# What a schedule is


async def test_a_schedule_is_listed_with_its_next_moment(garden: Garden, points: Points) -> None:
    made = await garden.schedule(
        "2026-06-01T12:00", every="monday", at="18:30", categories=("Helping",), top=5
    )

    assert made == schedules.ScheduleView(
        number=1,
        channel="55",
        window=WindowName.WEEK,
        every="monday",
        at="18:30",
        categories=("helping",),
        top=5,
        live=False,
        next_due_at=at("2026-06-01T18:30"),
    )
    assert await points.read(schedules.listed, GARDEN) == (made,)


async def test_asking_twice_with_one_key_makes_one_schedule(garden: Garden, points: Points) -> None:
    first, second = await garden.schedule(), await garden.schedule()

    assert second == first
    assert await points.read(counted, ScheduleRow) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"window": "fortnight"},
        {"every": "fullmoon"},
        {"at": "24:00"},
        {"at": "9:00"},
        {"at": "０９:00"},
        {"at": "09:00:00"},
        {"top": 0},
        {"top": 26},
        {"top": True},
        {"categories": ("helping", "Helping")},
        {"categories": ("events", "helping", "content", "moderation", "events", "helping")},
    ],
)
async def test_a_schedule_that_cannot_be_is_refused_and_nothing_is_kept(
    garden: Garden, points: Points, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSetting):
        await garden.schedule(**changes)

    assert await points.read(schedules.listed, GARDEN) == ()


async def test_a_channel_and_a_category_must_be_real_ones(garden: Garden, points: Points) -> None:
    with pytest.raises(InvalidText):
        await garden.schedule(channel="no such thing")
    with pytest.raises(UnknownCategory):
        await garden.schedule(categories=("juggling",))

    assert await points.read(counted, ScheduleRow) == 0


async def test_the_number_of_schedules_has_a_limit_and_a_removed_one_makes_room(
    garden: Garden, points: Points
) -> None:
    for number in range(schedules.MAX_SCHEDULES):
        await garden.schedule(channel=str(number))
    with pytest.raises(InvalidSetting):
        await garden.schedule(channel="one-more")

    await points.write(schedules.remove, origin("remove"), 1)

    assert (await garden.schedule(channel="one-more")).number == schedules.MAX_SCHEDULES + 1


async def test_a_removed_schedule_posts_no_more_and_is_gone_from_the_list(
    garden: Garden, points: Points
) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")

    await points.write(schedules.remove, origin("remove"), 1)

    assert await points.read(schedules.listed, GARDEN) == ()
    assert await garden.tick("2026-06-09T09:00") == []
    with pytest.raises(UnknownSchedule):
        await garden.post("2026-06-01")
    with pytest.raises(UnknownSchedule):
        await points.write(schedules.remove, origin("remove-again"), 1)
    assert (await points.write(schedules.remove, origin("remove"), 1)).number == 1


async def test_a_renamed_category_keeps_its_board(garden: Garden, points: Points) -> None:
    await garden.schedule(categories=("events",))
    await points.write(policy.rename_category, origin("rename"), "events", "meetups")

    assert (await points.read(schedules.listed, GARDEN))[0].categories == ("meetups",)


async def test_adding_and_removing_are_on_record(garden: Garden, points: Points) -> None:
    from points_core import audit

    await garden.schedule()
    await points.write(schedules.remove, origin("remove"), 1)
    removed, added = await points.read(audit.recent, GARDEN)

    assert (added.action, removed.action) == ("schedule.add", "schedule.remove")
    assert added.actor.user_id == "100"
    assert added.before is None
    assert added.after is not None
    assert added.after == removed.before
    assert added.after["at"] == "09:00"


async def test_schedules_of_another_community_are_out_of_reach(garden: Garden, points: Points) -> None:
    await garden.schedule()

    assert await points.read(schedules.listed, "elsewhere") == ()
    with pytest.raises(UnknownSchedule):
        await points.write(schedules.remove, origin("x", community="elsewhere"), 1)
    with pytest.raises(UnknownSchedule):
        await points.read(schedules.publication, "elsewhere", 1, "2026-06-01")
    assert len(await points.read(schedules.listed, GARDEN)) == 1


# One post per slot


async def test_a_slot_is_claimed_once_however_often_it_is_looked_at(garden: Garden, points: Points) -> None:
    await garden.schedule()

    assert await garden.tick("2026-06-01T08:59:59") == []
    assert await garden.tick("2026-06-01T09:00:00") == ["2026-06-01"]
    assert await garden.tick("2026-06-01T09:00:00") == []
    assert await garden.tick("2026-06-01T23:59:00") == []
    assert await garden.tick("2026-06-02T09:00:15") == ["2026-06-02"]
    assert await points.read(board_effects) == ["1:2026-06-01", "1:2026-06-02"]


async def test_a_schedule_made_at_its_own_moment_starts_with_the_next_slot(garden: Garden) -> None:
    await garden.schedule("2026-06-01T09:00")

    assert await garden.tick("2026-06-01T09:00") == []
    assert await garden.tick("2026-06-02T09:00") == ["2026-06-02"]


async def test_a_clock_that_steps_back_posts_nothing_twice(garden: Garden) -> None:
    await garden.schedule()
    await garden.tick("2026-06-03T09:00")

    assert await garden.tick("2026-06-02T09:00") == []
    assert await garden.tick("2026-06-03T09:00") == []
    assert await garden.tick("2026-06-04T09:00") == ["2026-06-04"]


@pytest.mark.parametrize(
    "every, expected",
    [
        ("day", [f"2026-06-{day:02}" for day in range(1, 31)]),
        ("monday", ["2026-06-01", "2026-06-08", "2026-06-15", "2026-06-22", "2026-06-29"]),
        ("sunday", ["2026-06-07", "2026-06-14", "2026-06-21", "2026-06-28"]),
        ("month", ["2026-06-01"]),
    ],
)
async def test_every_names_its_days(garden: Garden, points: Points, every: str, expected: list[str]) -> None:
    await garden.schedule(every=every)
    claimed: list[str] = []
    for day in range(30):
        now = at("2026-06-01T09:00") + timedelta(days=day)
        claimed += [claim.slot for claim in await points.write(schedules.claim_due, now)]

    assert claimed == expected


async def test_after_an_outage_the_latest_slot_is_posted_and_older_ones_are_skipped_and_said(
    garden: Garden, points: Points
) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")
    await garden.posted("2026-06-01", "2026-06-01T09:00:01")

    (claim,) = await points.write(schedules.claim_due, at("2026-06-05T21:00"))

    assert claim == schedules.Claim(
        GARDEN, 1, "2026-06-05", at("2026-06-05T09:00"), ("2026-06-02", "2026-06-03", "2026-06-04")
    )
    post = await garden.post("2026-06-05")
    assert (post.skipped, post.late, post.state) == (claim.skipped, True, "claimed")
    assert await points.read(slots_of, "skipped") == list(claim.skipped)
    assert await garden.tick("2026-06-05T21:00") == []
    assert await garden.tick("2026-06-06T09:00") == ["2026-06-06"]


async def test_a_post_on_time_is_not_called_late(garden: Garden) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00:14")

    post = await garden.post("2026-06-01")

    assert (post.late, post.skipped) == (False, ())


async def test_a_claimed_slot_whose_post_never_got_out_is_overtaken_by_the_next(
    garden: Garden, points: Points
) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")

    await garden.tick("2026-06-02T09:00")

    assert (await garden.post("2026-06-01")).state == "skipped"
    assert (await garden.post("2026-06-02")).skipped == ("2026-06-01",)


async def test_what_was_posted_stays_posted(garden: Garden, points: Points) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")
    await garden.posted("2026-06-01", "2026-06-01T09:00:01", message="77")
    await garden.posted("2026-06-01", "2026-06-01T09:00:09", message="78")
    await points.write(schedules.failed, GARDEN, 1, "2026-06-01", now=at("2026-06-01T09:01"))
    await garden.tick("2026-06-02T09:00")

    assert await points.read(slots_of, "posted") == ["2026-06-01"]
    assert await points.read(slots_of, "skipped") == []


async def test_a_failed_post_is_not_tried_again_and_the_next_slot_comes(
    garden: Garden, points: Points
) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")
    await points.write(schedules.failed, GARDEN, 1, "2026-06-01", now=at("2026-06-01T09:01"))

    assert (await garden.post("2026-06-01")).state == "failed"
    assert await garden.tick("2026-06-01T10:00") == []
    assert await garden.tick("2026-06-02T09:00") == ["2026-06-02"]


async def test_at_most_the_asked_number_is_claimed_at_once_and_the_rest_comes_next(garden: Garden) -> None:
    for number in range(5):
        await garden.schedule(channel=str(number))
    await garden.schedule(channel="later", at="23:00")

    first = await garden.points.write(schedules.claim_due, at("2026-06-01T10:00"), limit=3)
    rest = await garden.points.write(schedules.claim_due, at("2026-06-01T10:00"), limit=3)

    assert [[claim.number for claim in found] for found in (first, rest)] == [[1, 2, 3], [4, 5]]


# Clocks


async def test_a_time_that_spring_skips_is_posted_once_an_hour_later(garden: Garden) -> None:
    await garden.zone("Europe/Berlin")
    await garden.schedule("2026-03-28T12:00", at="02:30")

    assert await garden.tick("2026-03-29T01:29:59") == []
    assert await garden.tick("2026-03-29T01:30") == ["2026-03-29"]  # 03:30 in Berlin
    assert await garden.tick("2026-03-29T23:00") == []
    assert await garden.tick("2026-03-30T00:29") == []
    assert await garden.tick("2026-03-30T00:30") == ["2026-03-30"]


async def test_a_time_that_autumn_repeats_is_posted_once_the_first_time(garden: Garden) -> None:
    await garden.zone("Europe/Berlin")
    await garden.schedule("2026-10-24T12:00", at="02:30")

    assert await garden.tick("2026-10-25T00:29:59") == []
    assert await garden.tick("2026-10-25T00:30") == ["2026-10-25"]
    assert await garden.tick("2026-10-25T01:30") == []
    assert await garden.tick("2026-10-26T01:29") == []
    assert await garden.tick("2026-10-26T01:30") == ["2026-10-26"]


async def test_nine_o_clock_stays_nine_o_clock_through_the_year(garden: Garden) -> None:
    await garden.zone("Europe/Berlin")
    await garden.schedule("2026-01-31T12:00", every="month")

    assert await garden.tick("2026-02-01T07:59") == []
    assert await garden.tick("2026-02-01T08:00") == ["2026-02-01"]
    assert await garden.tick("2026-07-01T06:59") == ["2026-06-01"]
    assert await garden.tick("2026-07-01T07:00") == ["2026-07-01"]


async def test_a_zone_further_east_brings_the_next_slot_forward(garden: Garden, points: Points) -> None:
    await garden.zone("America/New_York")
    await garden.schedule()
    assert await garden.tick("2026-06-01T13:00") == ["2026-06-01"]

    await garden.zone("Asia/Tokyo", "2026-06-01T14:00")

    assert (await points.read(schedules.listed, GARDEN))[0].next_due_at == at("2026-06-02T00:00")
    assert await garden.tick("2026-06-01T23:59") == []
    assert await garden.tick("2026-06-02T00:00") == ["2026-06-02"]
    assert await garden.tick("2026-06-02T13:00") == []


async def test_a_zone_further_west_posts_no_day_twice_and_leaves_none_out(garden: Garden) -> None:
    await garden.zone("Pacific/Kiritimati")
    await garden.schedule()
    assert await garden.tick("2026-06-01T19:00") == ["2026-06-02"]

    await garden.zone("Pacific/Pago_Pago", "2026-06-01T20:00")

    assert await garden.tick("2026-06-02T19:00") == []
    assert await garden.tick("2026-06-02T20:00") == []  # 09:00 of the 2nd over there: posted already
    assert await garden.tick("2026-06-03T19:59") == []
    assert await garden.tick("2026-06-03T20:00") == ["2026-06-03"]


async def questions(points: Points, now: datetime) -> int:
    """How often the database is asked to find that nothing is due."""
    asked: list[str] = []

    def counting(tx: Connection) -> list[schedules.Claim]:
        event.listen(tx, "before_cursor_execute", lambda *call: asked.append(call[2]))
        return schedules.claim_due(tx, now)

    assert await points.read(counting) == []
    return len([statement for statement in asked if statement.startswith("SELECT")])


async def test_nothing_due_costs_one_question_however_many_schedules_wait(
    garden: Garden, points: Points
) -> None:
    for number in range(10):
        await garden.schedule(channel=str(number))

    assert await questions(points, at("2026-06-01T08:59:59")) == 1


async def test_after_a_change_of_zone_every_schedule_is_counted_anew_once(
    garden: Garden, points: Points
) -> None:
    await garden.schedule()
    await garden.zone("Asia/Tokyo", "2026-06-01T05:00")

    assert await garden.tick("2026-06-01T05:00") == []

    assert await questions(points, at("2026-06-01T23:59:59")) == 1
    assert await garden.tick("2026-06-02T00:00") == ["2026-06-02"]


async def test_the_widest_change_of_zone_does_not_make_a_slot_late(garden: Garden) -> None:
    await garden.zone("Etc/GMT+12")
    await garden.schedule("2026-06-01T22:00")  # the 1st, 10:00 over there: next is the 2nd, 21:00 UTC
    await garden.zone("Pacific/Kiritimati", "2026-06-01T22:01")

    assert await garden.tick("2026-06-01T22:02") == []
    assert await garden.tick("2026-06-02T18:59") == []
    assert await garden.tick("2026-06-02T19:00") == ["2026-06-03"]


def test_slots_go_on_through_years_of_clock_changes_one_per_day() -> None:
    for at_time in ("00:00", "02:00", "02:30", "03:00", "23:59"):
        day, seen = date(2026, 1, 1), []
        while day < date(2028, 1, 1):
            slot = schedules.next_slot("day", at_time, BERLIN, last=day, since=at("2020-01-01T00:00"))
            assert slot.day == day + timedelta(days=1)
            assert slot.due_at.astimezone(BERLIN).date() == slot.day
            seen.append(slot.due_at)
            day = slot.day
        assert seen == sorted(set(seen))


# Two processes, and posts by hand


async def test_two_processes_on_one_database_post_each_slot_once(database_url: str, points: Points) -> None:
    async with Points.opened(Settings(POINTS_DATABASE_URL=database_url)) as other:
        for number in range(8):
            await points.write(
                schedules.add,
                origin(f"add{number}", at("2026-06-01T00:00")),
                channel=str(number),
                window="all",
                every="day",
                at="09:00",
            )
        claims: list[schedules.Claim] = []
        for day in range(5):
            now = at("2026-06-01T09:00") + timedelta(days=day)
            rounds = [side.write(schedules.claim_due, now) for side in (points, other) * 4]
            claims += [claim for found in await asyncio.gather(*rounds) for claim in found]
            # a row that the other side held is left for the next look
            claims += await other.write(schedules.claim_due, now)

    assert len(claims) == 40
    assert len({(claim.number, claim.slot) for claim in claims}) == 40
    assert len(await points.read(board_effects)) == 40


async def test_post_now_posts_beside_the_slots_and_once_per_key(garden: Garden, points: Points) -> None:
    await garden.schedule()
    slot = await points.write(schedules.post_now, origin("now"), 1)

    assert await points.write(schedules.post_now, origin("now"), 1) == slot
    assert await points.write(schedules.post_now, origin("again"), 1) != slot
    assert len(await points.read(board_effects)) == 2
    assert (await garden.post(slot)).skipped == ()
    assert await garden.tick("2026-06-01T13:00") == ["2026-06-01"]
    with pytest.raises(UnknownSchedule):
        await points.write(schedules.post_now, origin("third"), 2)


async def test_a_post_asked_for_by_hand_is_not_overtaken_by_a_slot(garden: Garden, points: Points) -> None:
    await garden.schedule()
    slot = await points.write(schedules.post_now, origin("now"), 1)
    await garden.tick("2026-06-02T09:00")

    assert (await garden.post(slot)).state == "claimed"


async def test_a_live_schedule_knows_the_message_it_edits(garden: Garden, points: Points) -> None:
    made = await garden.schedule(live=True)
    await garden.tick("2026-06-01T09:00")
    assert (await garden.post("2026-06-01")).live is None
    await garden.posted("2026-06-01", "2026-06-01T09:00:01", message="77")
    await garden.tick("2026-06-02T09:00")
    assert (await garden.post("2026-06-02")).live == ("55", "77")
    await garden.posted("2026-06-02", "2026-06-02T09:00:01", message="78")  # 77 was deleted

    await garden.tick("2026-06-03T09:00")
    post = await garden.post("2026-06-03")

    assert post.live == ("55", "78")
    assert replace(post.schedule, next_due_at=None) == replace(made, next_due_at=None)


async def test_a_schedule_that_is_not_live_edits_nothing(garden: Garden) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")
    await garden.posted("2026-06-01", "2026-06-01T09:00:01")
    await garden.tick("2026-06-02T09:00")

    assert (await garden.post("2026-06-02")).live is None


async def test_the_effect_of_a_claim_can_be_leased(garden: Garden, points: Points) -> None:
    await garden.schedule()
    await garden.tick("2026-06-01T09:00")

    (effect,) = await points.write(outbox.lease, at("2026-06-01T09:00"))

    assert (effect.topic, effect.subject, effect.place) == (Topic.BOARD, "1:2026-06-01", "55")
