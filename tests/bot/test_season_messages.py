"""Seasons in words: winners, lists, seals; and how boards say who rose and fell."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import discord
import pytest

from bot.messages import boards, movements
from bot.messages import seasons as messages
from points_core.leaderboard import Board, Standing
from points_core.seasons import Season
from points_core.windows import Window, WindowName
from tests.bot import discord_limits
from tests.bot.test_movements import AWARD, NASTY

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)
SPRING = Season(
    3,
    "Spring",
    date(2026, 3, 1),
    date(2026, 3, 31),
    "UTC",
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 4, 1, tzinfo=UTC),
    datetime(2026, 4, 1, tzinfo=UTC),
    42,
    "ab" * 32,
)
RUNNING = replace(
    SPRING, name="Summer", ends_at=NOW + timedelta(days=3), sealed_at=None, sealed_seq=None, checksum=None
)
RESULT = Board(
    SPRING.window,
    None,
    None,
    None,
    (Standing(1, "20", "Mia", 30), Standing(2, "21", "Noah", 20)),
    members=2,
    season="Spring",
    sealed=True,
)


def embed_of(post: object) -> discord.Embed:
    assert isinstance(post, dict)
    (embed,) = post.get("embeds") or [post["embed"]]
    assert isinstance(embed, discord.Embed)
    return embed


# ── winners ──


def test_the_post_names_the_winner_and_who_won_each_category() -> None:
    events = replace(RESULT, category="events", standings=(Standing(1, "21", "Noah", 12),))
    nobody = replace(RESULT, category="talks", standings=())

    post = messages.winners(SPRING, RESULT, [events, nobody])

    assert post["content"] == "🏆 Season **Spring** is over: Mia won with **30 points**."
    embed = embed_of(post)
    assert embed.title == "Season Spring is over"
    assert [(field.name, field.value) for field in embed.fields] == [
        ("By category", "events: Noah, 12 points")
    ]
    assert (embed.footer.text or "").endswith(messages.marker(SPRING))


def test_who_shares_the_first_place_is_named_together_and_hidden_ones_are_not_named() -> None:
    two = (
        Standing(1, "20", "Mia", 30),
        Standing(1, None, None, 30, hidden=True),
        Standing(3, "21", "Noah", 2),
    )
    many = tuple(Standing(1, str(n), f"Member {n}", 30) for n in range(9))

    assert "Mia and a hidden member won" in str(
        messages.winners(SPRING, replace(RESULT, standings=two), [])["content"]
    )
    said = str(messages.winners(SPRING, replace(RESULT, standings=many), [])["content"])
    assert "Member 0, Member 1, Member 2, Member 3, Member 4 and 4 more won" in said


def test_a_season_without_points_ends_all_the_same() -> None:
    post = messages.winners(SPRING, replace(RESULT, standings=(), members=0), [])

    assert post["content"] == "🏆 Season **Spring** is over; nobody got points in it."
    assert embed_of(post).description == "Nobody got points in this season."


def test_the_longest_post_fits_and_rings_nobody() -> None:
    lines = tuple(Standing(1, str(n), NASTY[:100], 2**53) for n in range(40))
    result = replace(RESULT, standings=lines, members=10**9, more_tied=10**6)
    categories = [replace(result, category="*" * 50) for _ in range(25)]
    season = replace(SPRING, name=NASTY[:50])

    post = messages.winners(season, result, categories)

    assert len(str(post["content"])) <= 2_000
    embed = embed_of(post)
    assert len(embed) <= 6_000
    body = {"content": post["content"], "embeds": [embed.to_dict()]}
    assert list(discord_limits.complaints("POST", "/channels/1/messages", body, None)) == []
    assert post["allowed_mentions"].to_dict() == discord.AllowedMentions.none().to_dict()


# ── answers ──


@pytest.mark.parametrize(
    "season, words",
    [
        (SPRING, "**Spring** · 1 March 2026 to 31 March 2026 · sealed <t:"),
        (RUNNING, "**Summer** · 1 March 2026 to 31 March 2026 · ends <t:"),
        (replace(RUNNING, starts_at=NOW + timedelta(days=1)), "· to come"),
        (replace(SPRING, starts_at=SPRING.ends_at), "· called off"),
        (replace(RUNNING, ends_at=NOW), "· over, to be sealed"),
    ],
)
def test_a_list_says_how_each_season_stands(season: Season, words: str) -> None:
    reply = messages.listed([season], NOW)

    assert reply["ephemeral"]
    assert words in str(embed_of(reply).description)


def test_a_season_of_days_gone_by_is_said_to_be_over() -> None:
    assert "is over already" in messages.started(replace(RUNNING, ends_at=NOW), NOW)["content"]
    assert "runs until the end of 31 March 2026" in messages.started(RUNNING, NOW)["content"]


def test_without_seasons_the_list_says_how_to_begin_one() -> None:
    assert "`/season start`" in messages.listed([], NOW)["content"]


def test_a_season_is_shown_with_its_seal() -> None:
    fields = {field.name: field.value for field in embed_of(messages.shown(SPRING, RESULT, NOW)).fields}

    assert fields["Checksum"] == f"`{SPRING.checksum}`\nafter #42"
    running = replace(RESULT, sealed=False, season="Summer")
    assert "Checksum" not in {field.name for field in embed_of(messages.shown(RUNNING, running, NOW)).fields}


def test_a_correction_says_which_sealed_season_it_is_dated_into() -> None:
    told = movements.moved(replace(AWARD, season="Sp*ring"))

    fields = {field.name: field.value for field in told["embed"].fields}
    assert fields["Sealed season"] == (
        "This is dated into **Sp\\*ring**. Its sealed result stays; only its corrected view changes."
    )
    assert "Sealed season" not in {field.name for field in movements.moved(AWARD)["embed"].fields}


# ── boards ──


def test_a_seasons_board_is_called_so_with_its_days() -> None:
    sealed = boards.leaderboard(RESULT, UTC_ZONE)
    corrected = boards.leaderboard(replace(RESULT, sealed=False, corrected=True), UTC_ZONE)

    assert sealed.title == "Leaderboard · season Spring"
    assert sealed.footer.text == "2 members · 1 March 2026 to 31 March 2026 · sealed"
    assert str(corrected.footer.text).endswith("with what was corrected since it ended")


def test_a_board_shows_who_rose_fell_stayed_and_is_new() -> None:
    lines = (
        Standing(1, "20", "Mia", 9, moved=2),
        Standing(2, "21", "Noah", 8, moved=-1),
        Standing(3, "22", "Zoë", 7, moved=0),
        Standing(4, "23", "Li", 6, new=True),
    )
    week = Board(Window.week(NOW, UTC_ZONE), WindowName.WEEK, None, None, lines, members=4)

    embed = boards.leaderboard(week, UTC_ZONE)

    assert [line.split("· ", 1)[1] for line in str(embed.description).splitlines()] == [
        "**9 points** ▲2",
        "**8 points** ▼1",
        "**7 points**",
        "**6 points** · new",
    ]
    assert str(embed.footer.text).endswith("▲ ▼ against the time before")


def test_where_nobody_stood_before_nobody_is_called_new() -> None:
    lines = (Standing(1, "20", "Mia", 9, new=True),)
    week = Board(Window.week(NOW, UTC_ZONE), WindowName.WEEK, None, None, lines, members=1)

    embed = boards.leaderboard(week, UTC_ZONE)

    assert "new" not in str(embed.description)
    assert "▲" not in str(embed.footer.text)
