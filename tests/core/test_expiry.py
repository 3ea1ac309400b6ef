"""Expiry and decay on SQLite and PostgreSQL: when points go, which, how often, and what people hear before."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select

from points_core import expiry, history, leaderboard, policy, privacy, verification
from points_core.database import writer_engine
from points_core.errors import AlreadyReversed, InvalidSetting, Refused, UnknownCategory
from points_core.expiry import Going
from points_core.expiry.preview import Loss
from points_core.models import ExpiryMark, OutboxEntry, PointTransaction
from points_core.outbox import Topic
from points_core.programme import Decay, Expiry, Programme
from points_core.settings import sync_url
from points_core.values import ActorKind, Kind, Receipt
from points_core.windows import Window, WindowName
from tests.core.conftest import by
from tests.core.posting import NOON, Move, Town

DAY = timedelta(days=1)
TODAY = NOON.date()
ADA, GRACE = "1001", "1002"
_towns = count(1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = writer_engine(sync_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    return Town(engine)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def expire_after(town: Town, days: int, at: datetime = NOON, **more: object) -> None:
    kept = Expiry.model_validate({"days": days, **more})
    town.write(policy.change, town.origin(at), programme=Programme(expiry=(kept,)))


def melt(town: Town, at: datetime = NOON, **terms: object) -> None:
    town.write(policy.change, town.origin(at), programme=Programme(decay=Decay.model_validate(terms)))


def run(town: Town, now: datetime) -> int:
    """Carry out all that is due and return how many transactions that made."""
    made = 0
    while taken := town.write(expiry.take_due, now, town.community):
        made += taken.transactions
    return made


def balance(town: Town, user_id: str = ADA) -> int:
    return town.read(history.balance, user_id).current


def expiries(town: Town, user_id: str = ADA) -> list[Receipt]:
    found = town.read(history.page, user_id=user_id, kind=Kind.EXPIRY).receipts
    return sorted(found, key=lambda receipt: receipt.number)


def problems(town: Town) -> list[str]:
    return town.write(lambda tx: [broken.detail for broken in verification.verify(tx, town.community)])


def notices(town: Town) -> list[str]:
    found = select(OutboxEntry.subject).where(OutboxEntry.topic == Topic.EXPIRING.value)
    return town.write(lambda tx: list(tx.execute(found.order_by(OutboxEntry.id)).scalars()))


# ── when and which ──


def test_nothing_expires_unless_it_is_switched_on(town: Town) -> None:
    town.award(ADA, 10)

    assert run(town, NOON + 9_000 * DAY) == 0
    assert balance(town) == 10


def test_points_are_kept_for_whole_local_days_after_the_one_they_count_on(town: Town) -> None:
    town.award(ADA, 10)
    expire_after(town, 30)

    assert run(town, midnight(TODAY + 31 * DAY) - timedelta(seconds=1)) == 0
    assert run(town, midnight(TODAY + 31 * DAY)) == 1
    assert balance(town) == 0


def test_days_are_those_of_the_communitys_zone(town: Town) -> None:
    town.set(timezone="America/Los_Angeles")
    town.award(ADA, 10, at=datetime(2026, 3, 19, 2, tzinfo=UTC))  # still the 18th there
    expire_after(town, 30)

    assert run(town, datetime(2026, 4, 18, 6, 59, tzinfo=UTC)) == 0
    assert run(town, datetime(2026, 4, 18, 7, 0, tzinfo=UTC)) == 1  # midnight of the 18th of April


def test_an_expiry_is_a_transaction_of_the_passing_of_time_that_names_its_lot(town: Town) -> None:
    awarded = town.award(ADA, 10, "events")
    expire_after(town, 30)
    run(town, NOON + 31 * DAY)

    (receipt,) = expiries(town)
    assert (receipt.kind, receipt.amount, receipt.category) == (Kind.EXPIRY, -10, "events")
    assert receipt.actor.kind is ActorKind.SYSTEM
    assert receipt.reason == f"expired: what was left of #{awarded.number} from {TODAY}"
    assert _keys(town) == [f"expiry:{awarded.number}"]
    assert problems(town) == []


def _keys(town: Town) -> list[str]:
    found = select(PointTransaction.key).where(PointTransaction.kind == Kind.EXPIRY.value)
    return town.write(lambda tx: list(tx.execute(found.order_by(PointTransaction.seq)).scalars()))


def test_old_points_that_expire_leave_this_months_board_alone(town: Town) -> None:
    town.award(ADA, 100)
    town.award(ADA, 7, at=NOON + 31 * DAY)
    expire_after(town, 30)
    run(town, NOON + 31 * DAY)

    def points(name: WindowName) -> list[int]:
        window = Window.named(name, NOON + 31 * DAY, ZoneInfo("UTC"))
        return [line.points for line in town.read(leaderboard.standings, window=window).standings]

    assert (points(WindowName.ALL), points(WindowName.MONTH), points(WindowName.LAST_MONTH)) == ([7], [7], [])


def test_only_what_is_left_of_a_lot_expires(town: Town) -> None:
    town.award(ADA, 10)
    town.award(ADA, 5, at=NOON + DAY)
    town.post([Move(ADA, -12, at=NOON + 2 * DAY)])
    expire_after(town, 30)

    assert run(town, NOON + 31 * DAY) == 0, "the older lot was spent"
    assert run(town, NOON + 32 * DAY) == 1
    assert [receipt.amount for receipt in expiries(town)] == [-3]


def test_each_lot_expires_in_a_transaction_of_its_own_once(town: Town) -> None:
    town.award(ADA, 10)
    town.award(ADA, 5)
    town.award(GRACE, 7)
    expire_after(town, 30)

    assert run(town, NOON + 40 * DAY) == 3
    assert run(town, NOON + 400 * DAY) == 0
    assert [receipt.amount for receipt in expiries(town)] == [-10, -5]
    assert problems(town) == []


def test_a_category_keeps_its_points_by_its_own_days_and_the_rest_by_the_general_ones(town: Town) -> None:
    town.award(ADA, 1, "events")
    town.award(ADA, 2, "helping")
    town.award(ADA, 4)
    terms = (Expiry(category_id=1, days=10), Expiry(days=20))
    town.write(policy.change, town.origin(), programme=Programme(expiry=terms))

    run(town, NOON + 11 * DAY)
    assert balance(town) == 6
    run(town, NOON + 21 * DAY)
    assert balance(town) == 0


def test_points_of_a_category_without_an_expiry_stay(town: Town) -> None:
    town.award(ADA, 1, "events")
    town.award(ADA, 2, "helping")
    town.write(policy.change, town.origin(), programme=Programme(expiry=(Expiry(category_id=1, days=10),)))

    run(town, NOON + 100 * DAY)

    assert balance(town) == 2


def test_points_of_a_retired_category_expire_too(town: Town) -> None:
    town.award(ADA, 3, "events")
    expire_after(town, 10)
    town.write(policy.retire_category, town.origin(), "events")

    assert run(town, NOON + 11 * DAY) == 1
    assert balance(town) == 0


def test_an_expiry_of_a_category_that_is_not_there_is_refused(town: Town) -> None:
    with pytest.raises(InvalidSetting):
        expire_after(town, 10, category_id=7)


def test_nothing_expires_before_the_day_on_which_it_begins(town: Town) -> None:
    town.award(ADA, 10, effective_at=NOON - 100 * DAY)
    expire_after(town, 30, begins=(TODAY + 8 * DAY).isoformat())

    assert run(town, NOON) == 0
    assert run(town, midnight(TODAY + 8 * DAY) - timedelta(seconds=1)) == 0
    assert run(town, midnight(TODAY + 8 * DAY)) == 1


def test_fewer_days_take_more_at_once_and_more_days_bring_nothing_back(town: Town) -> None:
    town.award(ADA, 10)
    town.award(ADA, 5, at=NOON + 20 * DAY)
    expire_after(town, 30)
    run(town, NOON + 25 * DAY)

    expire_after(town, 10, at=NOON + 25 * DAY)
    assert run(town, NOON + 25 * DAY) == 1
    expire_after(town, 1_000, at=NOON + 26 * DAY)
    run(town, NOON + 100 * DAY)
    assert balance(town) == 5


def test_switched_off_and_on_again_the_same_lots_do_not_expire_twice(town: Town) -> None:
    town.award(ADA, 10)
    expire_after(town, 10)
    run(town, NOON + 11 * DAY)
    town.write(policy.change, town.origin(NOON + 11 * DAY), programme=Programme())
    assert run(town, NOON + 12 * DAY) == 0
    expire_after(town, 10, at=NOON + 12 * DAY)

    assert run(town, NOON + 13 * DAY) == 0
    assert balance(town) == 0


def test_a_change_of_zone_leaves_no_lot_out(town: Town) -> None:
    expire_after(town, 10)
    late = datetime(2026, 3, 18, 23, 30, tzinfo=UTC)
    town.award(ADA, 10, at=late)
    run(town, datetime(2026, 3, 29, 0, tzinfo=UTC))
    town.write(policy.change, town.origin(late + 9 * DAY), timezone="Pacific/Kiritimati")

    assert run(town, datetime(2026, 3, 30, 12, tzinfo=UTC)) + len(expiries(town)) >= 1
    assert balance(town) == 0


# ── what is written or taken back later ──


def test_an_undone_expiry_keeps_its_points_for_good(town: Town) -> None:
    town.award(ADA, 10)
    expire_after(town, 10)
    run(town, NOON + 11 * DAY)
    (expired,) = expiries(town)

    town.reverse(expired.number, at=NOON + 12 * DAY)

    assert balance(town) == 10
    assert run(town, NOON + 13 * DAY) == 0
    assert run(town, NOON + 1_000 * DAY) == 0
    with pytest.raises(AlreadyReversed):
        town.reverse(expired.number, at=NOON + 14 * DAY)
    assert problems(town) == []


def test_points_dated_back_expire_at_the_next_look(town: Town) -> None:
    expire_after(town, 30)
    run(town, NOON)
    town.award(ADA, 10, at=NOON, effective_at=NOON - 40 * DAY)

    assert run(town, NOON + timedelta(minutes=30)) == 0
    assert run(town, NOON + timedelta(minutes=61)) == 1


def test_points_that_a_loss_gives_back_expire_if_their_time_has_come(town: Town) -> None:
    town.award(ADA, 10)
    expire_after(town, 10)
    (spent,) = town.post([Move(ADA, -10, at=NOON + DAY)])
    assert run(town, NOON + 20 * DAY) == 0

    town.reverse(spent.number, at=NOON + 20 * DAY)

    assert balance(town) == 10
    assert run(town, NOON + 21 * DAY) == 1
    assert balance(town) == 0


def test_points_whose_award_was_taken_back_do_not_expire(town: Town) -> None:
    awarded = town.award(ADA, 10)
    town.award(ADA, 4)
    expire_after(town, 10)
    town.reverse(awarded.number)

    run(town, NOON + 11 * DAY)

    assert [receipt.amount for receipt in expiries(town)] == [-4]
    assert balance(town) == 0


def test_a_debt_is_not_made_deeper(town: Town) -> None:
    town.set(allow_negative=True)
    town.award(ADA, 10)
    town.post([Move(ADA, -25)])
    expire_after(town, 10)

    assert run(town, NOON + 11 * DAY) == 0
    assert balance(town) == -15


def test_points_of_who_was_erased_stay_in_the_totals(town: Town) -> None:
    town.award(ADA, 10)
    town.award(GRACE, 5)
    town.set(erasure_days=0)
    town.write(privacy.ask, by(ADA), ADA)
    town.write(privacy.erase_due, NOON)
    expire_after(town, 10)

    assert run(town, NOON + 11 * DAY) == 1
    assert problems(town) == []


def test_a_day_of_expiries_is_one_batch_and_one_line_in_the_log(town: Town) -> None:
    town.award(ADA, 10)
    town.award(GRACE, 5)
    expire_after(town, 10)
    town.set(log_channel="777")

    run(town, NOON + 11 * DAY)

    effects = select(OutboxEntry.topic).where(OutboxEntry.created_at > NOON + DAY)
    assert town.write(lambda tx: list(tx.execute(effects).scalars())) == [Topic.CHANGED.value]
    assert {receipt.batch for receipt in [*expiries(town), *expiries(town, GRACE)]} == {1}


# ── many ──


def test_a_thousand_members_are_gone_through_in_portions(town: Town) -> None:
    town.post([Move(f"{2_000 + number}", 1 + number % 3) for number in range(1_100)])
    expire_after(town, 10)
    portions: list[int] = []
    while taken := town.write(expiry.take_due, NOON + 11 * DAY):
        portions.append(taken.transactions)

    assert sum(portions) == 1_100
    assert max(portions) == 500
    assert problems(town) == []


def test_two_processes_let_each_lot_expire_once(database_url: str, engine: Engine) -> None:
    town = Town(engine)
    town.post([Move(f"{2_000 + number}", 5) for number in range(60)])
    expire_after(town, 10)
    failures: list[BaseException] = []

    def work() -> None:
        own = writer_engine(sync_url(database_url))
        try:
            run(Town(own), NOON + 11 * DAY)
        except BaseException as error:
            failures.append(error)
        finally:
            own.dispose()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert failures == []
    assert len(_keys(town)) == 60
    assert problems(town) == []


@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from([ADA, GRACE]),
            st.integers(-9, 9).filter(bool),
            st.sampled_from([None, "events"]),
            st.integers(0, 25),
            st.integers(0, 15),
            st.booleans(),
        ),
        max_size=18,
    ),
    days=st.integers(1, 12),
    looks=st.lists(st.integers(0, 40), max_size=4),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_every_look_nothing_is_left_that_is_due(
    engine: Engine,
    moves: list[tuple[str, int, str | None, int, int, bool]],
    days: int,
    looks: list[int],
) -> None:
    town = Town(engine, f"town-{next(_towns)}")
    expire_after(town, days, at=NOON)
    at = NOON
    for user_id, amount, category, back, later, takes_back in moves:
        at += timedelta(hours=later)
        numbers = [receipt.number for receipt in town.read(history.page, user_id=user_id).receipts]
        if takes_back and numbers:
            with suppress(Refused):
                town.reverse(numbers[0], at)
        elif amount > 0:
            town.award(user_id, amount, category, at=at, effective_at=at - back * DAY)
        elif balance(town, user_id) >= -amount:
            town.post([Move(user_id, amount, category, at)])
        run(town, at)
    for hours in sorted(looks):
        at = max(at, NOON + timedelta(hours=hours))
        run(town, at)
    run(town, at + timedelta(hours=2))

    kept = (Expiry(days=days),)
    left = town.read(expiry.preview.expiry, kept, at + timedelta(hours=2), days=0)
    assert left.points == 0
    assert balance(town) >= 0 <= balance(town, GRACE)
    assert problems(town) == []


# ── decay ──


def test_decay_waits_for_its_next_turn(town: Town) -> None:
    town.award(ADA, 100, effective_at=NOON - 100 * DAY)
    melt(town, percent=10, inactive_days=30)

    assert run(town, NOON) == 0
    assert run(town, datetime(2026, 3, 22, 23, 59, tzinfo=UTC)) == 0
    assert run(town, datetime(2026, 3, 23, 0, 0, tzinfo=UTC)) == 1  # Monday
    assert balance(town) == 90
    assert problems(town) == []


def test_decay_takes_a_share_of_what_is_above_the_kept_rounded_down(town: Town) -> None:
    town.award(ADA, 59, effective_at=NOON - 100 * DAY)
    town.award(GRACE, 24, effective_at=NOON - 100 * DAY)
    melt(town, percent=10, inactive_days=30, keep=20)

    run(town, NOON + 7 * DAY)

    assert (balance(town), balance(town, GRACE)) == (56, 24)


def test_decay_leaves_who_earned_something_alone(town: Town) -> None:
    town.award(ADA, 100, effective_at=NOON - 100 * DAY)
    town.award(ADA, 1, at=NOON)
    back = town.award(GRACE, 100, effective_at=NOON - 100 * DAY)
    taken = town.award(GRACE, 1, at=NOON)
    town.reverse(taken.number)
    melt(town, percent=10, inactive_days=30)

    assert run(town, NOON + 7 * DAY) == 1, "what was taken back is no activity"
    assert (balance(town), balance(town, GRACE)) == (101, 90)
    assert back.amount == 100


def test_decay_happens_once_a_turn_and_missed_turns_are_not_made_up_for(town: Town) -> None:
    town.award(ADA, 1_000, effective_at=NOON - 100 * DAY)
    melt(town, percent=10, inactive_days=30)

    assert run(town, NOON + 30 * DAY) == 1
    assert run(town, NOON + 30 * DAY) == 0
    assert run(town, NOON + 31 * DAY) == 0
    assert balance(town) == 900
    assert run(town, NOON + 37 * DAY) == 1
    assert balance(town) == 810


def test_monthly_decay_has_its_turn_on_the_first(town: Town) -> None:
    town.award(ADA, 100, effective_at=NOON - 100 * DAY)
    melt(town, percent=50, inactive_days=30, every="month")

    assert run(town, datetime(2026, 3, 31, 23, tzinfo=UTC)) == 0
    assert run(town, datetime(2026, 4, 1, 0, tzinfo=UTC)) == 1
    assert [receipt.reason for receipt in expiries(town)] == [
        "inactive: 50 % after 30 days without new points"
    ]


def test_an_undone_decay_does_not_come_again_in_its_turn(town: Town) -> None:
    town.award(ADA, 100, effective_at=NOON - 100 * DAY)
    melt(town, percent=10, inactive_days=30)
    run(town, NOON + 7 * DAY)
    (melted,) = expiries(town)

    town.reverse(melted.number, at=NOON + 8 * DAY)

    assert run(town, NOON + 9 * DAY) == 0
    assert balance(town) == 100


def test_decay_and_expiry_go_together(town: Town) -> None:
    town.award(ADA, 100, effective_at=NOON - 60 * DAY)
    both = Programme(expiry=(Expiry(days=90),), decay=Decay(percent=10, inactive_days=30))
    town.write(policy.change, town.origin(), programme=both)

    assert run(town, NOON + 7 * DAY) == 1
    assert run(town, NOON + 32 * DAY) == 2, "one more turn of decay, then the rest is too old"
    assert balance(town) == 0
    assert problems(town) == []


# ── what people hear ──


def test_expiring_soon_is_what_is_left_by_day_and_category(town: Town) -> None:
    town.award(ADA, 10, "events")
    town.award(ADA, 3, at=NOON + DAY)
    town.award(ADA, 5, at=NOON + 20 * DAY)
    town.post([Move(ADA, -4, "events", NOON + 20 * DAY)])
    expire_after(town, 30)

    found = town.read(expiry.soon, ADA, NOON + 20 * DAY)

    assert found == (
        Going(TODAY + 30 * DAY, 6, "events"),
        Going(TODAY + 31 * DAY, 3, None),
        Going(TODAY + 50 * DAY, 5, None),
    )
    assert town.read(expiry.soon, ADA, NOON + 20 * DAY, days=9) == ()
    assert town.read(expiry.soon, "4242", NOON) == ()


def test_a_member_is_told_at_least_so_many_days_before_and_once(town: Town) -> None:
    town.award(ADA, 10)  # gone on the 18th of April, a Saturday
    expire_after(town, 30, notice_days=7)
    told: list[date] = []
    for day in range(31):
        before = len(notices(town))
        run(town, NOON + day * DAY)
        told += [TODAY + day * DAY] * (len(notices(town)) - before)

    assert told == [date(2026, 4, 6)]  # Monday, eleven days before the last one


def test_a_member_who_earns_daily_is_told_once_a_week(town: Town) -> None:
    expire_after(town, 10, notice_days=3)
    for day in range(40):
        town.award(ADA, 1, at=NOON + day * DAY)
        run(town, NOON + day * DAY)

    mondays = [date.fromisoformat(subject.split(":")[1]) for subject in notices(town)]
    assert all(monday.weekday() == 0 for monday in mondays)
    assert len(mondays) == len(set(mondays)) == 5


def test_a_notice_says_what_is_left_when_it_is_delivered(town: Town) -> None:
    town.award(ADA, 10)
    expire_after(town, 30, notice_days=7)
    run(town, datetime(2026, 4, 6, 8, tzinfo=UTC))
    (subject,) = notices(town)

    told = town.read(expiry.notice, subject)
    assert told is not None
    assert (told.user_id, told.points) == (ADA, 10)
    town.post([Move(ADA, -10, at=datetime(2026, 4, 6, 9, tzinfo=UTC))])
    assert town.read(expiry.notice, subject) is None


def test_old_points_are_told_of_before_an_expiry_begins(town: Town) -> None:
    town.award(ADA, 10, effective_at=NOON - 100 * DAY)
    expire_after(town, 30, notice_days=7, begins=(TODAY + 8 * DAY).isoformat())

    run(town, NOON)

    assert notices(town) == ["1:2026-03-16:1"]


def test_harder_terms_are_told_of_in_the_same_week(town: Town) -> None:
    town.award(ADA, 10, effective_at=NOON - 100 * DAY)
    keep_for(town, 90)
    run(town, NOON)
    keep_for(town, 60)
    run(town, NOON)
    town.set(announcements_channel="77")
    run(town, NOON + DAY)

    assert notices(town) == ["1:2026-03-16:1", "1:2026-03-16:2"]


def test_without_notice_days_nobody_is_told(town: Town) -> None:
    town.award(ADA, 10)
    expire_after(town, 10, notice_days=0)
    for day in range(12):
        run(town, NOON + day * DAY)

    assert notices(town) == []
    assert balance(town) == 0


# ── before it is switched on ──


def test_a_preview_tells_what_then_happens(town: Town) -> None:
    town.award(ADA, 10, effective_at=NOON - 50 * DAY, name="Ada")
    town.award(ADA, 4, effective_at=NOON - 10 * DAY)
    town.award(GRACE, 20, effective_at=NOON - 40 * DAY, name="Grace")
    town.award(GRACE, 9, at=NOON)
    kept = (Expiry(days=30),)

    found = town.read(expiry.preview.expiry, kept, NOON, days=25)

    assert (found.first_day, found.first_points, found.first_members) == (TODAY, 30, 2)
    assert (found.points, found.members, found.total) == (34, 2, 43)
    assert found.most == (Loss(GRACE, "Grace", 20, 29), Loss(ADA, "Ada", 14, 14))
    assert run(town, NOON) == 0, "a preview switches nothing on"
    town.write(policy.change, town.origin(), programme=Programme(expiry=kept))
    run(town, NOON)
    assert balance(town) + balance(town, GRACE) == 43 - 30
    run(town, NOON + 25 * DAY)
    assert balance(town) + balance(town, GRACE) == 43 - 34


def test_a_preview_of_decay_tells_its_next_turn(town: Town) -> None:
    town.award(ADA, 100, effective_at=NOON - 50 * DAY)
    town.award(GRACE, 100, at=NOON)

    found = town.read(expiry.preview.decay, Decay(percent=10, inactive_days=30), NOON)

    assert (found.first_day, found.points, found.members) == (date(2026, 3, 23), 10, 1)
    nobody = town.read(expiry.preview.decay, Decay(percent=10, inactive_days=60), NOON)
    assert (nobody.first_day, nobody.points, nobody.most) == (None, 0, ())


def test_a_community_that_nobody_knows_loses_nothing(town: Town) -> None:
    nowhere = town.elsewhere("nowhere")

    assert nowhere.read(expiry.preview.expiry, (Expiry(days=1),), NOON).points == 0
    assert nowhere.read(expiry.soon, ADA, NOON) == ()
    assert nowhere.read(expiry.notice, "1:2026-03-16:1") is None


def test_communities_expire_apart(town: Town) -> None:
    other = town.elsewhere("other")
    town.award(ADA, 10)
    other.award(ADA, 10)
    expire_after(town, 10)

    run(town, NOON + 11 * DAY)

    assert (balance(town), balance(other)) == (0, 10)


def test_a_mark_is_kept_while_a_duty_is_on(town: Town) -> None:
    def marks(tx: Connection) -> list[str]:
        return sorted(tx.execute(select(ExpiryMark.duty)).scalars())

    expire_after(town, 10)
    assert town.write(marks) == ["expiry", "notice"]
    melt(town, percent=1, inactive_days=1)
    assert town.write(marks) == ["decay"]
    town.set(programme=Programme())
    assert town.write(marks) == []


# ── switched on ──


def keep_for(town: Town, days: int | None, category: str | None = None, **more: int) -> tuple[Expiry, ...]:
    return town.write(expiry.keep_for, town.origin(), days=days, category=category, **more).programme.expiry


def test_switching_it_on_leaves_time_for_the_notice(town: Town) -> None:
    (kept,) = keep_for(town, 30)

    assert kept == Expiry(days=30, notice_days=7, begins=TODAY + 8 * DAY)
    assert keep_for(town, 30) == (kept,), "the same again changes nothing"


def test_longer_begins_no_later_and_shorter_leaves_time_again(town: Town) -> None:
    keep_for(town, 30, notice_days=3)

    (longer,) = keep_for(town, 60)
    assert (longer.days, longer.notice_days, longer.begins) == (60, 3, TODAY + 4 * DAY)
    (shorter,) = keep_for(town, 10, notice_days=5)
    assert (shorter.days, shorter.notice_days, shorter.begins) == (10, 5, TODAY + 6 * DAY)
    (at_once,) = keep_for(town, 5, notice_days=0)
    assert at_once.begins is None


def test_each_category_is_switched_by_itself(town: Town) -> None:
    keep_for(town, 30)
    both = keep_for(town, 10, "Events")

    assert [(each.category_id, each.days) for each in both] == [(None, 30), (1, 10)]
    assert [each.category_id for each in keep_for(town, None)] == [1]
    assert keep_for(town, None, "events") == ()
    with pytest.raises(UnknownCategory):
        keep_for(town, 10, "nonsense")


@pytest.mark.parametrize("days, notice", [(0, 7), (3_651, 7), (10, -1), (10, 91)])
def test_terms_out_of_range_are_refused(town: Town, days: int, notice: int) -> None:
    with pytest.raises(InvalidSetting):
        keep_for(town, days, notice_days=notice)


def test_parts_of_the_programme_change_apart(town: Town) -> None:
    town.write(policy.amend, town.origin(), streak_freezes=2)
    town.write(expiry.melt, town.origin(), Decay(percent=5, inactive_days=30))
    keep_for(town, 30)

    programme = town.read(policy.of).programme
    assert (programme.streak_freezes, programme.decay is not None, len(programme.expiry)) == (2, True, 1)
    for wrong in ({"streak_freezes": 99}, {"nonsense": 1}):
        with pytest.raises(InvalidSetting):
            town.write(policy.amend, town.origin(), **wrong)
    assert town.write(expiry.melt, town.origin(), None).programme.decay is None
