"""What the bot says of the programme and of check-ins: complete, harmless, within Discord's limits."""

from datetime import UTC, date, datetime

import discord
import pytest

from bot.messages import check_in, programme
from points_core.errors import UnknownCategory
from points_core.expiry import Going, Notice
from points_core.expiry.preview import Loss, Preview
from points_core.history import OtherFreezes
from points_core.policy import Policy
from points_core.rules import Definition, Fired, Outcome, Result, Rule
from points_core.rules.limits import Limit
from points_core.streaks import Streak
from points_core.values import Mode
from tests.bot import discord_limits

HOSTILE = "*_`~|[x](https://evil.example)<@1>@everyone"
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
RULE = Rule(
    1,
    1,
    HOSTILE,
    Mode.LIVE,
    Definition.model_validate({"trigger": {"on": "check-in"}, "amount": 5, "reason": "checked in"}),
)


def losing(count: int) -> Preview:
    losses = tuple(Loss(str(number), HOSTILE, 10**12, 2**53) for number in range(count))
    first = date(2026, 4, 1) if count else None
    return Preview(first, 10**15, 10**6, date(2026, 12, 30), 10**15, 10**6, 2**53, losses)


def said(embed: discord.Embed) -> str:
    body = {"type": 4, "data": {"embeds": [embed.to_dict()]}}
    assert list(discord_limits.complaints("POST", "/interactions/1/t/callback", body, None)) == []
    return "\n".join([embed.description or "", *(field.value or "" for field in embed.fields)])


def harmless(words: str) -> bool:
    return "[x](" not in words and "<@1>" not in words and "@everyone" not in words


@pytest.mark.parametrize("preview", [programme.expiry_preview, programme.decay_preview])
def test_the_fullest_preview_fits_and_names_stay_text(preview: object) -> None:
    full = preview(losing(10), "Points would go.")["embed"]  # type: ignore[operator]
    none = preview(losing(0), "Points would go.")["embed"]  # type: ignore[operator]

    assert harmless(said(full))
    assert said(full).count("1,000,000,000,000 points") == 10
    assert "nobody would lose anything" in said(none)


def test_streaks_that_end_are_counted_before_they_are_ended() -> None:
    words = said(programme.freezes_preview(OtherFreezes(1, 1, 0), "None.")["embed"])

    assert "Of 1 running streak, **1** would end or become shorter" in words


def test_a_notice_is_one_message_however_much_expires() -> None:
    going = tuple(Going(date(2026, 4, day), 10**12, HOSTILE) for day in range(1, 31))
    words = programme.notice(Notice("1", "Mia", going), HOSTILE * 3)

    assert len(words) <= 2_000
    assert harmless(words)
    assert words.endswith("… and 25,000,000,000,000 points later")


def test_the_programme_as_it_begins_is_all_off() -> None:
    words = said(programme.shown(Policy())["embed"])

    assert "Levels: **none**" in words
    assert "Check-ins: **only where a rule gives something for them**" in words


def test_a_check_in_says_what_limits_a_rule_and_nothing_of_shadows() -> None:
    outcomes = (
        Outcome(RULE, Result.CAPPED, limit=Limit.MEMBER_DAY, until=NOON),
        Outcome(RULE, Result.REFUSED, why=UnknownCategory("x", ())),
        Outcome(RULE, Result.SHADOW, amount=5),
        Outcome(RULE, Result.GIVEN, amount=5, replayed=True),
    )
    streak = Streak(8, 9, 1, 8, 2, 1, done=True)
    fired = Fired(
        outcomes, checked_in=True, streaks={"day": streak, "week": Streak(3, 3, 1, 8, 0, 0, done=True)}
    )

    reply = check_in.checked_in(fired, private=False)

    lines = reply["content"].splitlines()
    assert not reply["ephemeral"]
    assert lines[:5] == [
        "✅ You are checked in for today.",
        "🔥 **8 days in a row (best: 9)**",
        "❄️ 2 days that you missed did not break it.",
        "❄️ 1 day more of this month may be missed.",
        "📅 3 weeks in a row",
    ]
    assert "gives nothing more until <t:" in lines[5]
    assert "an admin can see why with `/why`" in lines[6]
    assert len(lines) == 7
    assert harmless(reply["content"])
