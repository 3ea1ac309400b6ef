"""What the bot says about settings: in full words, within Discord's limits, harmless."""

import dataclasses
from datetime import UTC, date, datetime
from typing import Any

import discord
import pytest

from bot.messages import changes, log, programme, settings, setup
from bot.policy_changes import Change
from bot.self_check import NEEDS, PERMISSIONS, Finding
from points_core.audit import AuditEntry
from points_core.policy import STORED, Capability, Category, Policy
from points_core.programme import Decay, Expiry, Level, Programme
from points_core.values import Actor, ActorKind, Kind, Receipt

HOSTILE = "*_`~|[x](https://evil.example)<@1>@everyone"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL = Policy(
    roles={right: tuple(str(2**63 + number) for number in range(25)) for right in Capability},
    categories=tuple(Category(number, (HOSTILE + "|" * 50)[:50], False) for number in range(1, 26)),
    announcements_channel="9" * 20,
    approvals_channel="9" * 20,
    log_channel="9" * 20,
    daily_limit=10**12,
    max_award=10**12,
    timezone="America/Argentina/ComodRivadavia",
    programme=Programme(
        levels=tuple(Level(name=f"{n}{HOSTILE}"[:50], earned=10**11 + n) for n in range(25)),
        expiry=tuple(
            Expiry(category_id=number, days=3_650, notice_days=90, begins=date(2026, 12, 30))
            for number in range(1, 26)
        ),
        decay=Decay(percent=99, inactive_days=3_650, every="month", keep=10**12),
        streak_freezes=31,
    ),
)


def entry(
    action: str, before: dict[str, Any] | None, after: dict[str, Any] | None, target: str = "7"
) -> AuditEntry:
    return AuditEntry(12, AT, Actor.member("42", "Olivia"), action, target, before, after)


def length(embed: discord.Embed) -> int:
    """Return Discord's own count of an embed, with every field within its limit."""
    assert len(embed.description or "") <= 4_096
    assert all(0 < len(field.value or "") <= 1_024 and len(field.name or "") <= 256 for field in embed.fields)
    return len(embed)


def test_every_setting_and_every_right_has_a_name_and_its_values_have_words() -> None:
    assert set(changes.SETTINGS) | {"roles", "programme"} == STORED
    assert set(programme.PARTS) == set(Programme.model_fields)
    assert set(changes.CAPABILITIES) == set(changes.PERMISSION) == set(Capability)
    assert set(changes.CHANNELS) == set(NEEDS) == {name for name in STORED if name.endswith("_channel")}
    assert {name for names in settings.SECTIONS.values() for name in names} | {"roles", "programme"} == STORED
    assert settings.sections(FULL).keys() == settings.COMMANDS.keys()
    assert all(permission in discord.Permissions.VALID_FLAGS for permission in PERMISSIONS)


def test_a_change_of_the_programme_is_said_part_by_part_with_the_names_of_categories() -> None:
    helping = (Category(1, "events", False), Category(2, "helping", False))
    before = Policy(categories=helping)
    kept = Expiry(category_id=2, days=90, begins=date(2026, 4, 1))
    after = before.model_copy(update={"programme": Programme(expiry=(kept,), streak_freezes=1), "version": 1})
    line = (
        "**Streak freezes**: none → 1 missed day of a month\n"
        "**Expiry**: off → helping after 90 days (told 7 days before, from 1 April 2026 on)"
    )

    assert settings.changed(Change(before, after))["content"] == line
    recorded = entry(
        "policy.change",
        before.model_dump(mode="json", include={"programme"}),
        after.model_dump(mode="json", include={"programme"}),
        "programme",
    )
    assert changes.did(recorded, after) == "changed " + line.replace("\n", "; ")
    assert "category no. 2 after 90 days" in changes.did(recorded)


def test_a_change_is_said_for_what_changed_and_nothing_else() -> None:
    before = Policy()
    after = before.model_copy(update={"quorum": 3, "roles": {Capability.UNDO: ("5",)}, "version": 4})

    reply = settings.changed(Change(before, after))

    assert reply["content"] == (
        "**Quorum**: 1 person → 3 people\n**May undo**: who has **Timeout Members** → <@&5>"
    )
    assert reply["ephemeral"]


@pytest.mark.parametrize(
    "findings",
    [[Finding("Log", "<#1>", wrong, wrong)] * many for wrong in (None, "x" * 90) for many in (1, 160)],
)
def test_the_fullest_policy_fits_into_discords_limits(findings: list[Finding]) -> None:
    for reply in (settings.shown(FULL), setup.page(FULL, findings)):
        assert length(reply["embed"]) <= 6_000
    changed = settings.changed(Change(Policy(), FULL), "w" * 300, "w" * 300)
    assert len(changed["content"]) <= 2_000
    assert len(settings.category(settings.renamed(HOSTILE, HOSTILE), FULL)["content"]) <= 2_000
    assert len(settings.choose_roles(FULL, Capability.APPROVE)["content"]) <= 2_000


def test_ten_of_the_longest_changes_fit_on_a_page_and_one_in_a_line() -> None:
    everything = entry("policy.change", Policy().model_dump(mode="json"), FULL.model_dump(mode="json"))
    strange = entry("x" * 64, {"y" * 200: HOSTILE * 100}, {"z": ["1"] * 1_000}, "t" * 200)

    assert length(settings.audit([everything, strange] * 5, FULL)["embed"]) <= 6_000
    for change in (everything, strange):
        assert len(log.change(change)) <= 2_000
        assert "\n" not in log.change(change)


def test_names_from_people_stay_text() -> None:
    said = [
        changes.did(entry("category.add", None, {"name": HOSTILE})),
        changes.did(entry("schedule.add", None, {"categories": [HOSTILE], "window": "week"}, HOSTILE)),
        changes.did(entry("something.new", {HOSTILE: HOSTILE}, {HOSTILE: None}, HOSTILE)),
        settings.opened(HOSTILE),
        settings.retired(HOSTILE),
        settings.renamed(HOSTILE, HOSTILE),
    ]
    for line in said:
        assert "[x](" not in line
        assert "<@1>" not in line
        assert "@everyone" not in line


@pytest.mark.parametrize(
    "quorum, most, warned",
    [
        (1, 2, False),
        (1, 1, True),
        (2, 2, True),
        (2, 3, False),
        (5, 0, True),
        (1, None, False),
        (2, None, True),
    ],
)
def test_a_quorum_is_warned_of_when_too_few_may_approve(quorum: int, most: int | None, warned: bool) -> None:
    warning = settings.few_approvers(quorum, most)

    assert (warning is not None) is warned


def test_the_check_lists_what_is_wrong_with_its_fix_in_one_line_each() -> None:
    findings = [Finding("Log", "<#1>", "I lack **Send Messages**", "allow it"), Finding("May undo", "<@&2>")]

    assert setup.check(findings).split("\n") == [
        "❌ Log, <#1>: I lack **Send Messages**. **Fix**: allow it.",
        "✅ May undo: <@&2>",
    ]


RECEIPT = Receipt(
    number=1042,
    kind=Kind.AWARD,
    user_id="43",
    name="Mia",
    amount=1_000,
    before=-5,
    after=995,
    category="helping",
    reason="moved the *heap*\nof compost",
    evidence="https://garden.example/heap",
    actor=Actor.member("42", "Olivia"),
    effective_at=AT,
    recorded_at=AT,
    request=7,
)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_movement_of_any_kind_is_one_line(kind: Kind) -> None:
    reverses = 1_000 if kind is Kind.REVERSAL else None
    line = log.movement(dataclasses.replace(RECEIPT, kind=kind, reverses=reverses))

    assert line.startswith("**#1042** <@42> ")
    assert "<@43>: **+1,000** (−5 → 995) · helping · moved the \\*heap\\* of compost" in line
    assert line.endswith("<https://garden.example/heap> · approved as request #7")
    assert "\n" not in line


def test_a_movement_by_nobody_in_particular_says_what_moved_the_points() -> None:
    line = log.movement(
        dataclasses.replace(RECEIPT, actor=Actor(ActorKind.OPERATOR), reason=None, evidence=None)
    )

    assert line.startswith("**#1042** the operator awarded <@43>")


def test_the_longest_movement_fits_into_a_message() -> None:
    longest = dataclasses.replace(
        RECEIPT,
        reason="|" * 300,
        evidence="https://" + "x" * 492,
        category="|" * 50,
        before=-(2**53),
        after=2**53,
    )
    assert len(log.movement(longest)) <= 2_000


@pytest.mark.parametrize("limit", [20, 30, 45, 1_000])
def test_lines_that_do_not_fit_are_counted(limit: int) -> None:
    lines = ["a" * 10, "b" * 10, "c" * 10, "d" * 10]

    text = changes.fitting(lines, limit)

    kept = [line for line in text.split("\n") if line in lines]
    assert len(text) <= limit
    assert text == "\n".join([*kept, f"… and {4 - len(kept)} more"] if len(kept) < 4 else kept)
