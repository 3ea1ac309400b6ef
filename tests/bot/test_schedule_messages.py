from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.messages import schedules as messages
from points_core.leaderboard import Board, Standing
from points_core.schedules import EVERY, Post, ScheduleView
from points_core.windows import Window, WindowName

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 6, 1, 7, tzinfo=UTC)
SCHEDULE = ScheduleView(3, "55", WindowName.LAST_WEEK, "monday", "09:00", (), 10, False, DUE)
POST = Post(SCHEDULE, "2026-06-01", "claimed", DUE, late=False, skipped=(), live=None)
BOARD = Board(Window.all_time(), WindowName.ALL, None, None, (Standing(1, "300", "Mia", 30),), members=1)


@pytest.mark.parametrize("every", EVERY)
def test_every_rhythm_has_words(every: str) -> None:
    assert messages.EVERY[every] in messages.line(replace(SCHEDULE, every=every), BERLIN)


def test_a_schedule_is_told_in_a_line() -> None:
    assert messages.line(SCHEDULE, BERLIN) == (
        "last week, top 10, in <#55> every Monday at 09:00 (Europe/Berlin)"
    )
    live = replace(SCHEDULE, live=True, categories=("events", "help*ing"), every="month")
    assert messages.line(live, BERLIN) == (
        "last week, top 10, for events, help\\*ing, kept up to date in one message in <#55> "
        "on the 1st at 09:00 (Europe/Berlin)"
    )


def test_the_longest_choice_fits() -> None:
    longest = replace(SCHEDULE, number=10**15, window=WindowName.LAST_QUARTER, every="wednesday")

    assert len(messages.choice(longest)) <= 100


def test_a_list_of_as_many_schedules_as_there_can_be_fits() -> None:
    one = replace(SCHEDULE, channel="9" * 19, categories=("*" * 50,) * 5, live=True)

    listed = messages.listed([replace(one, number=n) for n in range(25)], BERLIN)

    assert len(str(listed["embed"].description)) <= 4_096


def test_a_post_on_time_says_nothing_but_the_board() -> None:
    post = messages.board_post(POST, [BOARD], BERLIN)

    assert post["content"] == ""
    assert str(post["embeds"][0].footer.text).endswith("Schedule #3 · 2026-06-01")
    assert dict(post["allowed_mentions"].to_dict()) == {"parse": []}


def test_a_late_post_says_when_it_was_due_and_names_the_days_left_out() -> None:
    skipped = tuple(f"2026-05-{day:02}" for day in range(1, 15))

    said = messages.board_post(replace(POST, late=True, skipped=skipped), [BOARD], BERLIN)["content"]

    assert said.startswith(f"This board was due <t:{int(DUE.timestamp())}:f>.\n")
    assert "4 earlier ones, 5 May 2026, 6 May 2026" in said
    assert said.endswith("14 May 2026.")


def test_a_post_by_hand_has_a_mark_of_its_own() -> None:
    first, second = (replace(POST, slot=f"now-{digit * 24}") for digit in "ab")

    assert messages.marker(first) == "Schedule #3 · by hand aaaaaa"
    assert messages.marker(first) != messages.marker(second)
