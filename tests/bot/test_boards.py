"""Balances, histories and leaderboards as messages: complete, harmless, within Discord's limits."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import discord
import pytest

from bot.messages import boards
from points_core.expiry import Going
from points_core.history import Balance, PendingPoints, Streaks
from points_core.leaderboard import Board, Standing
from points_core.streaks import Streak
from points_core.values import Kind
from points_core.windows import Window, WindowName
from tests.bot import discord_limits
from tests.bot.test_movements import AWARD, NASTY, NOON

UTC_ZONE = ZoneInfo("UTC")
PARIS = ZoneInfo("Europe/Paris")
LONG_LINK = "https://e/" + "x" * 490


def assert_fits(embed: discord.Embed) -> None:
    body = {"type": 4, "data": {"embeds": [embed.to_dict()]}}
    assert list(discord_limits.complaints("POST", "/interactions/1/t/callback", body, None)) == []


def field(embed: discord.Embed, name: str) -> str:
    return next(found.value or "" for found in embed.fields if found.name == name)


def names(embed: discord.Embed) -> list[str | None]:
    return [found.name for found in embed.fields]


# ── balances ──

BALANCE = Balance(
    user_id="20",
    name="Mia",
    current=1_042,
    earned=1_050,
    spent=8,
    rank=3,
    members=57,
    categories=(("events", 600), ("helping", 442)),
    recent=(AWARD,),
    pending=(PendingPoints(7, Kind.AWARD, 500, "ran the festival", NOON),),
)


def test_a_balance_has_current_earned_spent_rank_categories_recent_and_pending() -> None:
    embed = boards.balance(BALANCE, "Mia", PARIS)

    assert embed.title == "Mia · 1,042 points"
    assert field(embed, "Earned") == "1,050"
    assert field(embed, "Spent") == "8"
    assert field(embed, "Rank") == "**3** of 57"
    assert field(embed, "By category") == "events **600** · helping **442**"
    assert field(embed, "Latest").startswith("`#1042` **+10** · ran the evening · <t:")
    assert "Request #7 · **+500** · ran the festival" in field(embed, "Waiting for approval")


def test_who_has_nothing_is_told_so_kindly() -> None:
    embed = boards.balance(Balance("20", None, members=57), "Mia", PARIS)

    assert embed.title == "Mia · 0 points"
    assert field(embed, "Rank") == "not on the board yet"
    assert "Nothing yet" in field(embed, "Latest")
    assert names(embed) == ["Rank", "Earned", "Spent", "Latest"]


def test_streaks_and_points_that_expire_soon_stand_in_a_balance() -> None:
    daily = Streak(5, 12, 1, 6, 1, 0, done=True)
    going = [Going(date(2026, 4, 18), 40, "events"), *([Going(date(2026, 4, 20), 3, None)] * 6)]

    embed = boards.balance(BALANCE, "Mia", PARIS, Streaks(daily, Streak(2, 2, 1, 8, 0, 0, done=True)), going)

    assert field(embed, "Streak") == "🔥 5 days in a row (best: 12) · 1 day frozen\n📅 2 weeks in a row"
    lines = field(embed, "Expiring soon").splitlines()
    assert lines[:2] == [
        "**40 points** of events: kept until 18 April 2026",
        "**3 points**: kept until 20 April 2026",
    ]
    assert lines[-1] == "… and 6 points later"


def test_the_fullest_balance_fits() -> None:
    receipt = replace(AWARD, number=10**15, reason=NASTY, category="*" * 50, evidence=LONG_LINK)
    fullest = replace(
        BALANCE,
        current=-(2**53),
        earned=2**53,
        categories=tuple(("*" * 47 + f"{n:03}", 2**53) for n in range(200)),
        recent=(receipt,) * 5,
        pending=tuple(PendingPoints(n, Kind.AWARD, 10**12, NASTY, NOON) for n in range(100)),
    )

    streaks = Streaks(*([Streak(10**6, 10**7, 1, 2, 10**6, 31, done=True)] * 2))
    going = [Going(date(2026, 12, 30), 10**15, "*" * 50)] * 50
    embed = boards.balance(fullest, "*" * 100, PARIS, streaks, going)

    assert_fits(embed)
    assert field(embed, "Latest").count("`#1000000000000000`") == 5
    assert field(embed, "By category").endswith(" more")
    assert field(embed, "Waiting for approval").endswith(" more")


# ── histories ──


def test_a_page_shows_number_amount_reason_category_time_balance_giver_and_evidence() -> None:
    embed, shown = boards.history([AWARD], "Points history of Mia", "", of_one=True)

    assert shown == 1
    line = embed.description or ""
    for part in (
        "`#1042`",
        "**+10**",
        "ran the evening",
        "events",
        "<t:",
        "→ 1,042",
        "by Ada",
        AWARD.evidence,
    ):
        assert str(part) in line


def test_the_member_is_named_only_where_there_are_several() -> None:
    several, _ = boards.history([AWARD], "Points given and taken by Ada", "", of_one=False)
    alone, _ = boards.history([AWARD], "Points history of Mia", "", of_one=True)

    assert "Mia" in (several.description or "")
    assert "Mia" not in (alone.description or "")


def test_a_reversal_names_what_it_undoes() -> None:
    reversal = replace(AWARD, number=1043, kind=Kind.REVERSAL, amount=-10, reverses=1042)

    embed, _ = boards.history([reversal], "Points history of Mia", "", of_one=True)

    assert "undoes #1042" in (embed.description or "")


def test_ten_of_the_longest_transactions_become_a_page_of_fewer_whole_ones() -> None:
    longest = replace(AWARD, reason=NASTY, category="*" * 50, evidence=LONG_LINK)

    embed, shown = boards.history(
        [replace(longest, number=n) for n in range(20, 10, -1)], "*" * 80, "x", of_one=False
    )

    assert 1 <= shown < 10
    assert_fits(embed)
    assert f"`#{21 - shown}`" in (embed.description or "")
    assert f"`#{20 - shown}`" not in (embed.description or "")


def test_an_empty_page_says_so() -> None:
    embed, shown = boards.history([], "Points history of Mia", "only events", of_one=True)

    assert shown == 0
    assert "Nothing here" in (embed.description or "")
    assert embed.footer.text == "only events"


def test_filters_are_said_in_words_with_the_zone_their_days_are_in() -> None:
    said = boards.filters(
        category="events", since=date(2026, 1, 3), until=date(2026, 1, 31), as_of=None, zone=PARIS
    )

    assert said == "only events · from 3 January 2026 · until 31 January 2026 · Europe/Paris"
    assert boards.filters(category=None, since=None, until=None, as_of=None, zone=PARIS) == ""


def test_titles_say_whose_history_it_is() -> None:
    assert boards.history_title("Mia", None) == "Points history of Mia"
    assert boards.history_title("Mia", "Ada") == "Points history of Mia, by Ada"
    assert boards.history_title(None, "Ada") == "Points given and taken by Ada"


# ── leaderboards ──


def standing(rank: int, name: str, points: int) -> Standing:
    return Standing(rank, f"2{rank}{len(name)}", name, points)


BOARD = Board(
    window=Window.all_time(),
    name=WindowName.ALL,
    category=None,
    as_of=None,
    standings=(
        standing(1, "Mia", 50),
        standing(2, "Noah", 40),
        standing(2, "Zoë", 40),
        standing(4, "Ada", 9),
    ),
    members=4,
)


def test_a_board_numbers_its_lines_and_marks_ties_besides_the_medals() -> None:
    lines = (boards.leaderboard(BOARD, UTC_ZONE).description or "").splitlines()

    assert lines == [
        "🥇 **1.** Mia · **50 points**",
        "🥈 **2=** Noah · **40 points**",
        "🥈 **2=** Zoë · **40 points**",
        f"{boards.INDENT} **4.** Ada · **9 points**",
    ]


def test_ones_own_line_is_marked_and_summed_up() -> None:
    embed = boards.leaderboard(
        replace(BOARD, mine=BOARD.standings[1], neighbours=BOARD.standings[:3]), UTC_ZONE
    )

    assert "🥈 **2=** Noah · **40 points** ← you" in (embed.description or "")
    assert embed.footer.text == "You: rank 2 of 4"
    assert embed.fields == []


def test_who_is_below_the_top_sees_their_neighbours() -> None:
    near = (standing(13, "Li", 5), standing(14, "Noah", 4), standing(15, "Zoë", 3))

    embed = boards.leaderboard(replace(BOARD, members=57, mine=near[1], neighbours=near), UTC_ZONE)

    assert [line.split("**")[1] for line in field(embed, "Around you").splitlines()] == ["13.", "14.", "15."]
    assert "Noah · **4 points** ← you" in field(embed, "Around you")
    assert embed.footer.text == "You: rank 14 of 57"


def test_more_in_a_tie_than_fit_are_counted() -> None:
    embed = boards.leaderboard(replace(BOARD, more_tied=23, members=27), UTC_ZONE)

    lines = (embed.description or "").splitlines()
    assert lines[-1] == "… and 23 more with 9 points"
    assert "**4=**" in lines[-2]
    assert embed.footer.text == "27 members"


@pytest.mark.parametrize(
    "board, words",
    [
        (BOARD, "Nobody has points here yet. The first `/award`"),
        (replace(BOARD, category="events"), "still to be won"),
        (replace(BOARD, name=WindowName.WEEK, window=Window.week(NOON, UTC_ZONE)), "still to be won"),
        (replace(BOARD, as_of=NOON), "by then"),
    ],
)
def test_an_empty_board_is_kind(board: Board, words: str) -> None:
    empty = replace(board, standings=(), members=0)

    assert words in (boards.leaderboard(empty, UTC_ZONE).description or "")


def test_titles_name_window_and_category_and_the_footer_its_days() -> None:
    week = replace(BOARD, name=WindowName.WEEK, window=Window.week(NOON, UTC_ZONE), category="events")

    embed = boards.leaderboard(week, UTC_ZONE)

    assert embed.title == "Leaderboard · this week · events"
    assert embed.footer.text == "4 members · 26 January 2026 to 1 February 2026"


def test_a_board_of_days_and_one_as_of_a_date_say_which() -> None:
    days = replace(BOARD, name=None, window=Window.between(date(2026, 1, 3), date(2026, 1, 5), PARIS))
    as_of = datetime(2026, 1, 31, 23, 0, tzinfo=UTC) - timedelta(microseconds=1)  # 24:00 in Paris
    month = replace(BOARD, name=WindowName.MONTH, window=Window.month(as_of, PARIS), as_of=as_of)

    assert boards.leaderboard(days, PARIS).title == "Leaderboard · 3 January 2026 to 4 January 2026"
    embed = boards.leaderboard(month, PARIS)
    assert embed.title == "Leaderboard · 1 January 2026 to 31 January 2026"
    assert embed.footer.text == "4 members · as it stood at the end of 31 January 2026"


def test_members_are_shown_by_the_name_last_known_and_erased_ones_as_such() -> None:
    left = replace(
        BOARD,
        standings=(Standing(1, "20", "*Mia*", 9), Standing(2, "21", None, 8), Standing(3, None, None, 7)),
    )

    lines = (boards.leaderboard(left, UTC_ZONE).description or "").splitlines()

    assert r"\*Mia\*" in lines[0]
    assert "<@21>" in lines[1]
    assert "someone erased" in lines[2]


def test_the_longest_board_fits() -> None:
    lines = tuple(Standing(n, str(n), "*" * 100, 2**53) for n in range(1, 41))

    embed = boards.leaderboard(replace(BOARD, standings=lines, members=10**9, category="*" * 50), UTC_ZONE)

    assert_fits(embed)
    assert (
        "more" in (embed.description or "").splitlines()[-1]
        or len((embed.description or "").splitlines()) == 40
    )


@pytest.mark.parametrize("window", WindowName)
def test_every_window_has_a_name(window: WindowName) -> None:
    assert boards.WINDOWS[window]
