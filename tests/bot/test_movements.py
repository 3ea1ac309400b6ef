"""What is said about movements: whatever people wrote, it is harmless, complete, and fits."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.messages import movements
from points_core.errors import LooksRepeated
from points_core.policy import Policy
from points_core.values import Actor, ActorKind, Kind, Receipt, Request, RequestState
from tests.bot import discord_limits

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

AWARD = Receipt(
    number=1042,
    kind=Kind.AWARD,
    user_id="20",
    name="Mia",
    amount=10,
    before=1_032,
    after=1_042,
    category="events",
    reason="ran the evening",
    evidence="https://example.org/1",
    actor=Actor.member("10", "Ada"),
    effective_at=NOON,
    recorded_at=NOON,
)

WAITING = Request(
    number=7,
    state=RequestState.PENDING,
    kind=Kind.AWARD,
    user_id="20",
    name="Mia",
    amount=500,
    category=None,
    reason="ran the festival",
    evidence=None,
    requester=Actor.member("10", "Ada"),
    quorum=2,
    opened_at=NOON,
    expires_at=NOON,
    decided_at=None,
    transaction=None,
    place="30",
    card=None,
)

NASTY = ("*_~`|<>[]\\" * 30)[:300]


def fields(receipt: Receipt) -> dict[str | None, str | None]:
    return {field.name: field.value for field in movements.moved(receipt)["embed"].fields}


def test_an_announcement_has_the_number_giver_before_and_after_category_and_evidence() -> None:
    reply = movements.moved(AWARD)

    assert reply["content"] == "<@20> received **+10 points** from Ada"
    assert reply["embed"].title == "#1042"
    assert reply["embed"].description == "ran the evening"
    assert fields(AWARD) == {
        "Balance": "1,032 → **1,042**",
        "Category": "events",
        "Evidence": "https://example.org/1",
    }
    assert "ephemeral" not in reply


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_movement_has_a_headline_with_the_member_and_the_amount(kind: Kind) -> None:
    reply = movements.moved(replace(AWARD, kind=kind, amount=-1, reverses=3))

    assert "<@20>" in reply["content"]
    assert "1 point**" in reply["content"]


@pytest.mark.parametrize("kind", [kind for kind in ActorKind if kind is not ActorKind.MEMBER])
def test_what_is_no_member_is_named_in_words(kind: ActorKind) -> None:
    said = movements.moved(replace(AWARD, actor=Actor(kind)))["content"]

    assert movements.by(Actor(kind)) in said
    assert "erased" not in said


def test_a_name_that_runs_from_right_to_left_leaves_the_line_in_order() -> None:
    assert movements.inline("يوسف", 32) == "\u2068يوسف\u2069"
    assert movements.inline("\u202eevil", 32) == "evil"
    assert movements.inline("李明", 32) == "李明"


def test_what_has_no_category_or_evidence_has_no_empty_lines() -> None:
    assert list(fields(replace(AWARD, category=None, evidence=None))) == ["Balance"]


def test_only_the_member_may_be_pinged() -> None:
    allowed = movements.moved(replace(AWARD, reason="@everyone <@99>"))["allowed_mentions"]

    assert allowed.to_dict().items() == {"parse": [], "users": [20]}.items()


@pytest.mark.parametrize("user_id", [None, "client:alice", "²"])
def test_who_has_no_discord_id_is_not_pinged(user_id: str | None) -> None:
    assert movements.pinging(user_id).to_dict().items() == {"parse": [], "users": []}.items()


def test_the_longest_and_nastiest_announcement_fits() -> None:
    longest = replace(
        AWARD,
        number=10**15,
        amount=10**12,
        before=-(2**53),
        after=2**53,
        reason=NASTY,
        category="*" * 50,
        evidence="https://e/" + "x" * 490,
        actor=Actor.member("9" * 20, "*" * 100),
    )

    reply = movements.moved(longest)
    embed = reply["embed"].to_dict()

    assert len(reply["content"]) <= discord_limits.CONTENT
    body = {"type": 4, "data": {"content": reply["content"], "embeds": [embed]}}
    assert not list(discord_limits.complaints("POST", "/interactions/1/t/callback", body, None))


def test_an_undone_announcement_says_by_which_transaction() -> None:
    announced = movements.moved(AWARD)["embed"]

    marked = movements.taken_back(announced, 1043)

    assert marked.footer.text == "Taken back by #1043"
    assert marked.description == announced.description
    assert announced.footer.text is None
    assert marked.colour != announced.colour


def test_a_request_is_told_privately_with_where_its_card_will_be() -> None:
    reply = movements.waits(WAITING, Policy(approvals_channel="40"), guild_id=1)

    assert reply["ephemeral"]
    assert "wait for 2 other moderators: **request #7**" in reply["content"]
    assert "<#40>" in reply["content"]
    assert "<#30>" in movements.waits(WAITING, Policy(), guild_id=1)["content"]
    assert "another moderator" in movements.waits(replace(WAITING, quorum=1), Policy(), guild_id=1)["content"]


def test_a_request_with_a_card_links_to_it() -> None:
    reply = movements.waits(replace(WAITING, card=("40", "50")), Policy(), guild_id=1)

    assert "https://discord.com/channels/1/40/50" in reply["content"]


def test_the_question_about_the_same_again_names_the_first() -> None:
    moved = movements.repeated(LooksRepeated(1042, NOON), Kind.AWARD)
    waits = movements.repeated(LooksRepeated(7, NOON, pending=True), Kind.DEDUCTION)

    assert moved["ephemeral"]
    assert "exactly this award" in moved["content"]
    assert "#1042" in moved["content"]
    assert "exactly this deduction" in waits["content"]
    assert "request #7" in waits["content"]


def test_the_amount_one_types_is_offered_first_then_round_ones() -> None:
    rules = Policy(min_award=5, max_award=1_000)

    assert movements.suggested_amounts("", rules)[:3] == [5, 10, 15]
    assert movements.suggested_amounts("7", rules) == [7]
    assert movements.suggested_amounts("2", rules) == [20, 25, 200, 250]
    assert movements.suggested_amounts("25", rules) == [25, 250]


@pytest.mark.parametrize("typed", ["1e3", "-5", "１２", "1_000", "9" * 40, "x"])
def test_what_is_no_amount_is_not_offered(typed: str) -> None:
    assert movements.suggested_amounts(typed, Policy()) == []


def test_offered_amounts_say_when_they_wait() -> None:
    rules = Policy(approval_threshold=100)

    assert movements.suggestion(100, rules) == "100 points"
    assert movements.suggestion(101, rules) == "101 points · waits for approval"
    assert movements.suggestion(101, Policy(approval_threshold=None)) == "101 points"


def test_offered_transactions_fit_their_line() -> None:
    line = movements.entry(replace(AWARD, number=10**15, amount=10**12, reason=NASTY))

    assert len(line) <= 100
    assert line.startswith("#1000000000000000 · +1,000,000,000,000")


@pytest.mark.parametrize(
    "rules, line",
    [
        (Policy(), "From 1 to 1,000; more than 100 waits for approval."),
        (Policy(approval_threshold=None), "From 1 to 1,000."),
        (Policy(approval_threshold=5_000), "From 1 to 1,000."),
    ],
)
def test_the_form_says_what_amounts_it_takes(rules: Policy, line: str) -> None:
    assert movements.limits(rules) == line


def test_the_largest_amounts_fit_the_line_under_a_forms_field() -> None:
    largest = Policy(min_award=10**12, max_award=10**12, approval_threshold=10**12 - 1)

    assert len(movements.limits(largest)) <= 100
