"""What the bot says about rules: in full words, within Discord's limits, harmless."""

from datetime import UTC, date, datetime, timedelta

import discord
import pytest

from bot.messages import rules, trials
from points_core.policy import Category, Policy
from points_core.rules.beside import Beside
from points_core.rules.definition import (
    AllOf,
    AnyOf,
    Definition,
    HasRole,
    InChannels,
    Limits,
    MembershipAge,
    MinimumLength,
    Multiplier,
    NoneOf,
    OnAnniversary,
    OnReactionReceived,
    Rule,
    StreakAtLeast,
)
from points_core.rules.limits import Limit
from points_core.rules.reading import RuleView, VersionView
from points_core.rules.sentences import Named
from points_core.rules.tally import Tally
from points_core.rules.trial import Day, Gainer, Trial
from points_core.values import Actor, ActorKind, Mode

HOSTILE = "*_`~|[x](https://evil.example)<@1>@everyone"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDS = tuple(str(2**63 + number) for number in range(25))
POLICY = Policy(categories=(Category(3, HOSTILE, False),))
EMPTY = Trial(
    facts=0,
    happened=0,
    matched=0,
    failed=(),
    limited=(),
    nothing=0,
    times=0,
    points=0,
    members=0,
    gainers=(),
    top_tenth=0.0,
    gini=0.0,
    days=(),
    assumed=(),
)

LONG = Definition(
    trigger=OnReactionReceived(emoji=IDS),
    when=AllOf(
        of=(
            *(AnyOf(of=(InChannels(channels=IDS), HasRole(roles=IDS))) for _ in range(6)),
            NoneOf(of=(MinimumLength(characters=5),)),
        )
    ),
    amount=10**12,
    category_id=3,
    reason="x" * 300,
    limits=Limits(member_cooldown=3_599, pair_cooldown=3_599, channel_cooldown=3_599, member_day=10**12),
    multipliers=tuple(Multiplier(role=id_, percent=99) for id_ in IDS),
)


def view(definition: Definition, number: int = 1, mode: Mode = Mode.LIVE) -> RuleView:
    return RuleView(Rule(number, 9, HOSTILE[:50], mode, definition), AT, AT)


def size(embed: discord.Embed) -> int:
    assert len(embed.title or "") <= 256
    assert len(embed.description or "") <= 4_096
    assert len(embed.fields) <= 25
    assert all(len(field.name or "") <= 256 and 0 < len(field.value or "") <= 1_024 for field in embed.fields)
    return len(embed)


def test_the_longest_rule_fits_on_its_card_and_in_lists() -> None:
    given = Tally(10**6, 10**15, 10**6, 10**6, 10**15, 10**6, AT)
    anniversary = LONG.model_copy(update={"trigger": OnAnniversary()})
    for mode in (Mode.LIVE, Mode.RETIRED):
        one = view(anniversary, mode=mode)
        assert len(rules.shown(one, given, POLICY, ())["content"]) <= 2_000
        assert len(rules.card(one, POLICY, (), "note " * 20)["content"]) <= 2_000
        assert len(rules.sure(one, Mode.LIVE, POLICY)["content"]) <= 2_000
        beside = Beside(tuple(range(1, 101)), tuple(range(1, 101)), decayed=True)
        assert len(rules.undo_question(one.rule, given, beside, 9, AT, AT)["content"]) <= 2_000
    listed = rules.listed([view(anniversary, number) for number in range(1, 101)], POLICY, ())
    assert size(listed["embed"]) <= 6_000
    versions = [VersionView(view(LONG).rule, Actor(ActorKind.MEMBER, "1", "x" * 100), AT)] * 30
    assert size(rules.versions(versions, POLICY)["embed"]) <= 6_000


def test_names_of_people_and_categories_are_shown_as_text_only() -> None:
    words = rules.card(view(LONG), POLICY, ())["content"]
    assert HOSTILE[:20] not in words
    assert "@everyone" not in words.replace("@\u200beveryone", "")


@pytest.mark.parametrize("have, lacks", [((), 1), (("message_content",), 0)])
def test_an_intent_that_the_bot_has_is_not_asked_for(have: tuple[str, ...], lacks: int) -> None:
    one = Definition.model_validate(
        {
            "trigger": {"on": "message"},
            "amount": 1,
            "reason": "x",
            "when": {"kind": "length", "characters": 5},
        }
    )
    assert (
        rules.card(view(one), POLICY, have)["content"].count("privileged intent `message_content`") == lacks
    )


def test_the_fullest_trial_fits_into_one_message() -> None:
    trial = Trial(
        facts=10**6,
        happened=10**6,
        matched=10**6,
        failed=tuple((HasRole(roles=IDS), count) for count in range(10**6, 10**6 - 20, -1)),
        limited=tuple((limit, 10**6) for limit in Limit),
        nothing=10**6,
        times=10**6,
        points=10**15,
        members=10**6,
        gainers=tuple(Gainer(id_, "x" * 100, 10**15, 10**6) for id_ in IDS[:10]),
        top_tenth=0.987,
        gini=0.876,
        days=tuple(Day(date(2026, 1, 1) + timedelta(days=n), 10**15 + n, 10**6) for n in range(90)),
        assumed=(StreakAtLeast(length=3), MembershipAge(days=4)),
    )
    source = trials.source(10_000, 500, 50, complete=False, reactions=True, people=True)
    names = rules.mentioning(POLICY)
    reply = trials.result(HOSTILE, LONG, trial, POLICY, names, source, 90)
    assert size(reply["embed"]) <= 6_000
    fields = {str(field.name): str(field.value) for field in reply["embed"].fields}
    assert fields["How evenly"].startswith("The top tenth would have 99% of the points (Gini 0.88")
    assert fields["By day"].splitlines()[-1] == f"`31 Mar` {'▇' * 12} 1,000,000,000,000,089"
    assert "their streak is at least 3 days" in fields["Taken as met"]


def test_a_trial_of_nothing_says_so() -> None:
    reply = trials.result("x", LONG, EMPTY, POLICY, rules.mentioning(POLICY), trials.kept(0), 1)
    assert "**Nothing.** Its conditions were met 0 of 0 times." in str(reply["embed"].description)
    assert reply["embed"].fields == []


def test_a_menu_names_what_is_gone() -> None:
    names = rules.plainly(POLICY, None)
    assert names(Named.CHANNEL, "1") == "a channel that is gone"
    assert names(Named.ROLE, "x") == "a role that is gone"
    assert names(Named.CATEGORY, "9") == "a category that is gone"
    assert names(Named.EMOJI, "👍") == "👍"
