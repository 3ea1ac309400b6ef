"""A clock that was a year ahead for a while holds nothing up once it is right again."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from points_core import (
    achievements,
    approvals,
    backup,
    communities,
    doctor,
    duties,
    expiry,
    history,
    links,
    outbox,
    policy,
    privacy,
    rules,
    schedules,
    streaks,
    verification,
    webhooks,
)
from points_core.achievements.goals import Streak as StreakGoal
from points_core.backup.manifest import Manifest, write_manifest
from points_core.backup.retention import Keep, prune
from points_core.database import Points
from points_core.doctor import Health
from points_core.models import AchievementDue, ExpiryMark, OutboxEntry, RuleSlot
from points_core.outbox import Topic
from points_core.programme import Decay, Expiry, Programme
from points_core.rules.definition import Definition, OnSchedule
from points_core.values import Duty, Kind, Mode, Receipt, Request
from points_core.verification import Known, anchors
from points_core.windows import WindowName
from tests.faults.jobs import BEGINNING, BIG, MOD, TOWN, by, found, settings

NOW = BEGINNING
AHEAD = NOW + timedelta(days=365)
SOON = NOW + timedelta(minutes=2)


@pytest.fixture
async def points(database_url: str) -> AsyncIterator[Points]:
    async with Points.opened(settings(database_url)) as points:
        await found(points)
        yield points


async def award(points: Points, at: datetime, key: str, amount: int = 5) -> Receipt | Request:
    return await points.write(
        approvals.request,
        by(MOD, key.replace(" ", "-"), at),
        kind=Kind.AWARD,
        user_id="1",
        amount=amount,
        reason=f"for {key}",
    )


async def test_what_a_clock_ahead_left_for_outside_goes_out_when_it_is_right(points: Points) -> None:
    await award(points, AHEAD, "ahead")

    assert [effect.topic for effect in await points.write(outbox.lease, SOON)].count(Topic.RECORDED) == 1
    assert len(await points.write(webhooks.lease, SOON)) >= 1


async def test_what_a_clock_ahead_leased_is_free_when_it_is_right(points: Points) -> None:
    await award(points, NOW, "award")
    taken = await points.write(outbox.lease, AHEAD)
    letters = await points.write(webhooks.lease, AHEAD)
    assert taken
    assert letters

    assert await points.write(outbox.lease, SOON)
    assert await points.write(webhooks.lease, SOON)
    assert not await points.write(outbox.lease, SOON)  # an honest lease holds


async def test_what_a_clock_ahead_put_off_is_tried_when_it_is_right(points: Points) -> None:
    await award(points, NOW, "award")
    for effect in await points.write(outbox.lease, AHEAD):
        await points.write(outbox.later, effect, AHEAD + timedelta(hours=11), "no answer")
    for letter in await points.write(webhooks.lease, AHEAD):
        await points.write(webhooks.later, letter.id, AHEAD + timedelta(hours=11), "no answer")

    assert await points.write(outbox.lease, SOON)
    assert await points.write(webhooks.lease, SOON)


async def test_what_was_put_off_by_half_a_day_waits_for_it(points: Points) -> None:
    await award(points, NOW, "award")
    for effect in await points.write(outbox.lease, NOW):
        await points.write(outbox.later, effect, NOW + timedelta(hours=12), "no answer")
    for letter in await points.write(webhooks.lease, NOW):
        await points.write(webhooks.later, letter.id, NOW + timedelta(hours=12), "no answer")

    assert not await points.write(outbox.lease, SOON)
    assert not await points.write(webhooks.lease, SOON)


async def test_achievements_that_fell_due_in_a_year_are_settled_now(points: Points) -> None:
    await points.write(achievements.badges.add, by(MOD, "badge"), name="Here", goal=StreakGoal(steps=(2,)))
    await achievements.settled(points, NOW)
    await award(points, AHEAD, "ahead")
    assert await points.read(lambda tx: tx.execute(select(AchievementDue.due_at)).first() is not None)

    assert await points.read(achievements.anything_due, SOON)
    await achievements.settled(points, SOON)
    assert not await points.read(lambda tx: tx.execute(select(AchievementDue.due_at)).all())


async def test_announcements_made_in_a_year_leave_the_hour_its_room(points: Points) -> None:
    await points.write(
        policy.change,
        by(MOD, "announce"),
        announcements_channel="78",
        programme=Programme(announcements_per_hour=1),
    )

    async def claimed(subject: str, at: datetime) -> object:
        def leave(tx: Connection) -> None:
            community_id = communities.find(tx, TOWN)
            assert community_id is not None
            outbox.add(tx, community_id, Topic.LEVEL, subject, at=at)

        await points.write(leave)
        (effect,) = [e for e in await points.write(outbox.lease, at, limit=99) if e.topic is Topic.LEVEL]
        claim = await points.write(achievements.announcing.claim, effect, at)
        await points.write(outbox.done, effect.id, at, achievements.announcing.ANNOUNCED)
        return type(claim)

    assert await claimed("1:0:1:1", AHEAD) is achievements.announcing.Claim
    assert await claimed("1:1:2:2", SOON) is achievements.announcing.Claim


async def test_a_board_posts_itself_on_the_day_although_a_clock_ahead_posted_it(points: Points) -> None:
    (ahead,) = await points.write(schedules.claim_due, AHEAD)
    await points.write(
        schedules.published, TOWN, ahead.number, ahead.slot, channel="77", message="1", now=AHEAD
    )
    assert not await points.write(schedules.claim_due, SOON)  # the hour has not come today

    tomorrow = NOW + timedelta(days=1, hours=2)
    (claim,) = await points.write(schedules.claim_due, tomorrow)
    assert date.fromisoformat(claim.slot) == tomorrow.date()
    later = tomorrow + timedelta(days=1)
    (again,) = await points.write(schedules.claim_due, later)
    assert date.fromisoformat(again.slot) == later.date()
    assert (await points.read(schedules.publication, TOWN, again.number, again.slot)).state == "claimed"
    boards = [e.subject for e in await points.write(outbox.lease, later, limit=99) if e.topic is Topic.BOARD]
    assert f"{again.number}:{again.slot}" in boards


async def test_a_monthly_board_that_a_clock_ahead_posted_is_posted_when_its_day_comes(points: Points) -> None:
    monthly = await points.write(
        schedules.add, by(MOD, "monthly"), channel="77", window=WindowName.MONTH, every="month", at="13:00"
    )
    (ahead,) = [
        each for each in await points.write(schedules.claim_due, AHEAD) if each.number == monthly.number
    ]
    for effect in await points.write(outbox.lease, AHEAD, limit=99):
        await points.write(outbox.done, effect.id, AHEAD)
    assert not await points.write(schedules.claim_due, SOON)
    its_day = datetime(2027, 3, 1, 14, tzinfo=UTC)

    (claim,) = [
        each for each in await points.write(schedules.claim_due, its_day) if each.number == monthly.number
    ]
    assert claim.slot == ahead.slot == "2027-03-01"
    left = await points.write(outbox.lease, its_day, limit=99)
    assert f"{claim.number}:{claim.slot}" in [each.subject for each in left]


async def test_a_clock_that_is_behind_undoes_nothing_that_was_right(points: Points) -> None:
    """A machine without a battery begins years ago, until it has asked for the time."""
    noon = NOW + timedelta(hours=2)
    (claim,) = await points.write(schedules.claim_due, noon)
    await points.write(
        schedules.published, TOWN, claim.number, claim.slot, channel="77", message="1", now=noon
    )
    await award(points, NOW, "award")
    wish = await points.write(privacy.ask, by("1", "wish", NOW), "1")
    await points.write(privacy.left, by(MOD, "left", NOW), "1")
    await points.write(outbox.lease, noon, limit=99)
    await points.write(webhooks.lease, noon, limit=99)
    definition = Definition(
        trigger=OnSchedule(every="day", at="09:00", roles=("55",)), amount=1, reason="each day"
    )
    await points.write(rules.create, by(MOD, "daily"), name="daily", definition=definition, mode=Mode.LIVE)

    for behind in (NOW - timedelta(days=2_000), NOW - timedelta(days=5)):
        assert await points.write(schedules.claim_due, behind) == []
        assert await points.write(rules.due_slots, behind, [TOWN]) == []
        assert await points.write(privacy.erase_due, behind) == []
        await points.write(privacy.left, by(MOD, "left-behind", behind), "1")

    assert await points.write(schedules.claim_due, noon) == []
    assert await points.write(privacy.erase_due, SOON) == []
    assert await points.read(privacy.wish, TOWN, "1") == wish
    (leaver,) = await points.read(privacy.to_look_up, TOWN)
    assert leaver.left_at == NOW


async def test_points_expire_on_their_day_although_a_clock_ahead_looked_for_them(points: Points) -> None:
    await points.write(
        policy.change, by(MOD, "expire"), programme=Programme(expiry=(Expiry(days=30, notice_days=3),))
    )

    async def taken(at: datetime) -> int:
        made = 0
        while (each := await points.write(expiry.take_due, at)) is not None:
            made += each.transactions
        return made

    assert await taken(NOW) == 0
    await award(points, NOW, "old")
    assert await taken(AHEAD) == 1
    await award(points, SOON, "new")
    assert await taken(SOON) == 0
    marks = await points.read(lambda tx: tx.execute(select(ExpiryMark.due_at)).scalars().all())
    assert max(marks) < NOW + timedelta(days=8)

    assert await taken(NOW + timedelta(days=29)) == 0
    assert await taken(NOW + timedelta(days=31)) == 1
    mark = await points.read(lambda tx: duties.find(tx, communities.find(tx, TOWN) or 0, Duty.EXPIRY))
    assert mark is not None
    assert mark.done == (NOW + timedelta(days=31)).date().toordinal()
    assert await points.read(verification.verify) == []


async def test_a_clock_that_is_behind_takes_and_tells_nothing_twice(points: Points) -> None:
    await award(points, NOW - timedelta(days=28), "old", 60)
    await award(points, NOW - timedelta(days=40), "older", 30)
    programme = Programme(
        expiry=(Expiry(days=30, notice_days=3),),
        decay=Decay(inactive_days=7, percent=10, every="week", keep=1),
    )
    await points.write(policy.change, by(MOD, "programme", NOW - timedelta(days=7)), programme=programme)

    async def carried_out(at: datetime) -> int:
        while await points.write(expiry.take_due, at) is not None:
            pass
        left = await points.read(
            lambda tx: tx.execute(select(OutboxEntry.id).where(OutboxEntry.topic == Topic.EXPIRING)).all()
        )
        return len(left)

    told = await carried_out(NOW)
    moved = await points.read(history.page, TOWN)
    assert told
    assert {receipt.kind for receipt in moved.receipts} == {Kind.AWARD, Kind.EXPIRY}
    for at in (NOW - timedelta(days=2_000), NOW + timedelta(hours=1), NOW - timedelta(days=40), SOON):
        assert await carried_out(at) == told
    assert await points.read(history.page, TOWN) == moved
    assert await points.read(verification.verify) == []


async def test_a_turn_of_a_rule_that_a_clock_ahead_leased_is_taken(points: Points) -> None:
    definition = Definition(
        trigger=OnSchedule(every="day", at="09:00", roles=("55",)), amount=1, reason="each day"
    )
    before = NOW - timedelta(days=2)
    made = await points.write(
        rules.create, by(MOD, "daily-rule", before), name="daily", definition=definition
    )
    await points.write(rules.set_mode, by(MOD, "daily-live", before), made.rule.number, Mode.LIVE)

    (turn,) = await points.write(rules.due_slots, SOON, [TOWN])
    assert not await points.write(rules.due_slots, SOON, [TOWN])
    await points.write(lambda tx: tx.execute(update(RuleSlot).values(leased_until=AHEAD)))
    assert [each.slot for each in await points.write(rules.due_slots, SOON, [TOWN])] == [turn.slot]


async def test_a_wish_to_be_erased_by_a_clock_ahead_is_told_and_mended_by_asking_again(
    points: Points,
) -> None:
    await award(points, NOW, "award")
    wish = await points.write(privacy.ask, by("1", "wish", AHEAD), "1")

    def told(tx: Connection) -> str:
        (one,) = [f for f in doctor.examine(tx, SOON) if f.what == "erasures"]
        return one.detail

    assert "1 wait too long" in await points.read(told)
    again = await points.write(privacy.ask, by("1", "again", SOON), "1")
    assert again.due_at == SOON + (wish.due_at - wish.asked_at)


async def test_books_anchored_by_a_clock_ahead_are_anchored_again_when_they_moved(points: Points) -> None:
    await award(points, NOW, "first")
    assert await points.write(anchors.show_due, AHEAD)
    await award(points, SOON, "second")

    assert len(await points.write(anchors.show_due, SOON)) == 1
    assert not await points.write(anchors.show_due, SOON)


async def test_the_doctor_says_which_requests_a_clock_ahead_lets_wait(points: Points) -> None:
    await award(points, NOW, "waits", BIG + 1)

    def requests(tx: Connection) -> tuple[Health, str]:
        (one,) = [f for f in doctor.examine(tx, SOON) if f.what == "requests that wait"]
        return one.health, one.detail

    assert (await points.read(requests))[0] is Health.OK
    asked = await award(points, AHEAD, "waits long", BIG + 1)
    assert isinstance(asked, Request)
    health, detail = await points.read(requests)
    assert health is Health.WARN
    assert detail.startswith("1 expire late")

    await points.write(approvals.cancel, by(MOD, "cancel", SOON), asked.number)
    assert (await points.read(requests))[0] is Health.OK


async def test_the_doctor_does_not_take_a_verification_or_a_backup_of_next_year_for_fresh(
    points: Points,
) -> None:
    await award(points, NOW, "award")

    async def verify(at: datetime) -> None:
        outcome = await points.read(verification.examine)
        await points.write(verification.settle, at, outcome)

    def back_up(tx: Connection) -> None:
        head = anchors.hash_at(tx, TOWN, 1)
        assert head is not None
        anchors.keep(tx, [Known(TOWN, 1, head, "backup x")], AHEAD)

    await verify(AHEAD)
    await points.write(back_up)
    stale = {"the last verify", "the last backup"}
    ill = await points.read(
        lambda tx: {f.what for f in doctor.examine(tx, SOON) if f.health is not Health.OK}
    )
    assert stale <= ill
    await verify(SOON)
    ill = await points.read(
        lambda tx: {f.what for f in doctor.examine(tx, SOON) if f.health is not Health.OK}
    )
    assert "the last verify" not in ill


async def test_an_account_shown_by_a_clock_ahead_is_shown_again_when_points_move(points: Points) -> None:
    await award(points, NOW, "award")
    number = await points.write(
        links.link, by("1", "link"), "1", name=None, sealed=b"sealed", expires_at=NOW + timedelta(days=7)
    )
    (turn,) = await points.write(links.lease, AHEAD, await points.read(links.due, AHEAD))
    assert await points.read(links.due, SOON)  # the lease of one that is ahead does not hold

    await points.write(links.shown, turn, AHEAD, AHEAD + timedelta(seconds=30))
    await award(points, SOON, "more")
    assert await points.read(links.due, SOON) == [number]


def test_days_that_a_clock_ahead_counted_are_no_streak_of_today() -> None:
    today = NOW.date().toordinal()

    for stands in (streaks.streak([today + 365], today), streaks.weekly([today + 365], today)):
        assert (stands.current, stands.done) == (0, False)
    standing = streaks.streak([today - 1, today, today + 365], today)
    assert (standing.current, standing.last_day, standing.done) == (2, today, True)


def manifest(folder: Path, at: datetime) -> str:
    name = f"points-{at:%Y%m%dT%H%M%SZ}.db"
    (folder / name).write_bytes(b"books")
    write_manifest(Manifest(name, "sqlite", 5, "0" * 64, "head", at, {}, ()), folder)
    return name


def test_backups_of_next_year_neither_count_for_today_nor_push_todays_out(tmp_path: Path) -> None:
    ahead, old, today = (manifest(tmp_path, at) for at in (AHEAD, NOW - timedelta(days=3), NOW))

    assert backup.latest(tmp_path, SOON) == NOW
    assert [file.name for file in prune(tmp_path, Keep(daily=1, weekly=0), SOON)] == [old]
    assert {ahead, today} <= {file.name for file in tmp_path.iterdir()}
