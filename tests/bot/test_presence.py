"""Presence in voice channels is counted as the rules ask, whatever comes between two looks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.listeners.presence import LONGEST, Meter, Occupant, Presence, Reached, Rooms

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADA, BOB = Occupant("ada", "s1", heard=True), Occupant("bob", "s2", heard=True)
MUTED = Occupant("bob", "s2", heard=False)
TEN = Meter(rule=1, minutes=10, people=2)


def watched(meter: Meter, *looks: tuple[float, Rooms]) -> list[tuple[str, float]]:
    """Return who reached the meter, and after how many minutes; `looks` are minutes and who was where from then on."""
    presence = Presence()
    found: list[tuple[str, float]] = []
    for minutes, rooms in looks:
        reached = presence.look(NOON + timedelta(minutes=minutes), rooms, [meter])
        found += [(each.occupant.user_id, minutes) for each in reached]
    return found


def minutely(last: int, rooms: Rooms, first: int = 0) -> list[tuple[float, Rooms]]:
    return [(minute, rooms) for minute in range(first, last + 1)]


def test_two_people_reach_ten_minutes_after_ten_minutes_and_again_after_twenty() -> None:
    found = watched(TEN, *minutely(25, {"v": (ADA, BOB)}))

    assert sorted(found) == [("ada", 10), ("ada", 20), ("bob", 10), ("bob", 20)]


def test_alone_counts_for_nobody() -> None:
    assert watched(TEN, *minutely(60, {"v": (ADA,), "w": (BOB,)})) == []


def test_who_is_muted_does_not_count_and_still_keeps_the_other_company() -> None:
    assert watched(TEN, *minutely(10, {"v": (ADA, MUTED)})) == [("ada", 10)]


def test_the_grace_of_a_stay_does_not_count() -> None:
    patient = Meter(rule=1, minutes=10, grace=timedelta(minutes=3), people=2)

    assert watched(patient, *minutely(13, {"v": (ADA, BOB)})) == [("ada", 13), ("bob", 13)]


def test_coming_back_begins_a_new_stay() -> None:
    there, gone = {"v": (ADA, BOB)}, {"v": (BOB,)}

    found = watched(TEN, *minutely(8, there), (9, gone), *minutely(20, there, 10))

    assert found == [("bob", 11), ("ada", 20)]  # bob was alone for a minute, ada began anew


def test_one_stay_counts_up_to_its_most() -> None:
    capped = Meter(rule=1, minutes=10, people=2, most=timedelta(minutes=25))

    found = watched(capped, *minutely(90, {"v": (ADA, BOB)}))

    assert [minute for who, minute in found if who == "ada"] == [10, 20]


def test_an_event_is_attended_once_over_several_stays_in_its_channel_alone_heard_or_not() -> None:
    event = Meter(rule=2, minutes=15, channel="stage", event="7")
    there, elsewhere = {"stage": (MUTED,)}, {"v": (MUTED,)}

    found = watched(event, *minutely(10, there), *minutely(20, elsewhere, 11), *minutely(60, there, 21))

    assert found == [("bob", 25)]  # up to 11, when he left, and four more from 21 on


def test_a_silence_counts_for_two_minutes_at_most() -> None:
    assert watched(TEN, (0, {"v": (ADA, BOB)}), (60, {"v": (ADA, BOB)})) == []


def test_a_stretch_is_reached_at_its_own_moment_however_late_somebody_looks() -> None:
    presence, at = Presence(), []
    for minutes in (0, 2, 4, 6, 8, 9.5, 10.4, 12, 14, 16, 18, 19.9, 20.1):
        now = NOON + timedelta(minutes=minutes)
        at += [each.at for each in presence.look(now, {"v": (ADA, BOB)}, [TEN]) if each.occupant == ADA]

    assert at == [NOON + timedelta(minutes=minutes) for minutes in (10, 20)]


def test_two_short_stretches_between_two_looks_are_two() -> None:
    every_minute = Meter(rule=1, minutes=1, people=2)

    found = watched(every_minute, (0, {"v": (ADA, BOB)}), (2, {"v": (ADA, BOB)}))

    assert [who for who, _ in found] == ["ada", "ada", "bob", "bob"]


def test_a_move_to_another_channel_goes_on_with_the_stay() -> None:
    capped = Meter(rule=1, minutes=10, people=2, grace=timedelta(minutes=1), most=timedelta(minutes=20))
    here, there = {"v": (ADA, BOB)}, {"w": (ADA, BOB)}
    moving = [(float(minute), here if minute // 7 % 2 else there) for minute in range(60)]

    assert [minute for who, minute in watched(capped, *moving) if who == "ada"] == [11, 21]


@given(
    steps=st.lists(
        st.tuples(st.integers(-300, 300), st.sampled_from([(), (ADA,), (ADA, BOB), (ADA, MUTED)])),
        max_size=40,
    )
)
def test_never_more_than_the_time_that_passed_and_backwards_clocks_give_nothing(
    steps: list[tuple[int, tuple[Occupant, ...]]],
) -> None:
    meter, presence, now = Meter(rule=1, minutes=1, people=1), Presence(), NOON
    forward, told = timedelta(0), 0
    for seconds, here in steps:
        now += timedelta(seconds=seconds)
        forward += min(max(timedelta(seconds=seconds), timedelta(0)), LONGEST)
        reached: list[Reached] = presence.look(now, {"v": here}, [meter])
        told += sum(each.occupant.user_id == "ada" for each in reached)

    assert told <= forward // timedelta(minutes=1)
