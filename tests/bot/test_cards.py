from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.messages import cards
from bot.messages.text import Colour
from points_core.policy import Policy
from points_core.values import Actor, ActorKind, Kind, Request, RequestState, Vote

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
POLICY = Policy(approval_threshold=100, quorum=2)
WAITING = Request(
    number=7,
    state=RequestState.PENDING,
    kind=Kind.AWARD,
    user_id="300",
    name="Mia",
    amount=500,
    category="events",
    reason="ran the *harvest*",
    evidence=None,
    requester=Actor.member("100", "Ada"),
    quorum=2,
    opened_at=NOW,
    expires_at=NOW + timedelta(hours=72),
    decided_at=None,
    transaction=None,
    place="55",
    card=("66", "77"),
)
NO = Vote("200", "Grace", approve=False, at=NOW)
REJECTED = replace(WAITING, state=RequestState.REJECTED, decided_at=NOW, votes=(NO,), note="not [yet](x)")


def fields(request: Request, rules: Policy = POLICY) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in cards.card(request, rules).fields}


@pytest.mark.parametrize(
    "threshold, amount, quorum, said",
    [
        (100, 500, 2, "More than 100 points wait until 2 other moderators agree; one no rejects."),
        (1, 500, 1, "More than 1 point wait until another moderator agrees; one no rejects."),
        (0, 5, 1, "Every award waits until another moderator agrees; one no rejects."),
        (None, 500, 1, "This award waits until another moderator agrees; one no rejects."),
        (1_000, 500, 3, "This award waits until 3 other moderators agree; one no rejects."),
    ],
)
def test_a_card_says_why_it_waits_by_the_policy_of_today(
    threshold: int | None, amount: int, quorum: int, said: str
) -> None:
    rules = Policy(approval_threshold=threshold)

    assert fields(replace(WAITING, amount=amount, quorum=quorum), rules)["Why it waits"].startswith(said)


def test_a_deduction_is_called_one() -> None:
    card = cards.card(replace(WAITING, kind=Kind.DEDUCTION, amount=-500), POLICY)

    assert card.title == "Request #7 · deduction waits for approval"
    assert "−500 points" in str(card.fields[1].value)


@pytest.mark.parametrize(
    "request_, colour, outcome",
    [
        (
            replace(WAITING, state=RequestState.APPROVED, decided_at=NOW, transaction=12),
            Colour.GREEN,
            "Approved: transaction **#12**.",
        ),
        (REJECTED, Colour.RED, "Rejected by <@200>: not \\[yet\\](x)"),
        (replace(REJECTED, note=None), Colour.RED, "Rejected by <@200>."),
        (
            replace(WAITING, state=RequestState.EXPIRED, decided_at=NOW),
            Colour.GREY,
            "Expired: too few moderators agreed in time. No points moved.",
        ),
        (
            replace(WAITING, state=RequestState.CANCELLED, decided_at=NOW),
            Colour.GREY,
            "Cancelled. No points moved.",
        ),
    ],
)
def test_a_card_says_how_the_request_ended(request_: Request, colour: Colour, outcome: str) -> None:
    card = cards.card(request_, POLICY)

    assert card.colour is not None
    assert card.colour.value == colour
    assert fields(request_)["Outcome"] == outcome
    assert "Why it waits" not in fields(request_)


def test_a_card_with_every_vote_of_the_largest_quorum_fits() -> None:
    votes = tuple(Vote(str(10**18 + n), "x" * 100, approve=True, at=NOW) for n in range(26))

    card = cards.card(
        replace(WAITING, votes=votes, reason="*" * 300, evidence="https://e.example/" + "x" * 480), POLICY
    )

    assert all(len(str(field.value)) <= 1_024 for field in card.fields)
    assert len(card) <= 6_000


def test_news_ring_who_asked_and_who_it_is_for_and_nobody_else() -> None:
    told = cards.closed(REJECTED)

    assert told["content"] == "Request #7 by <@100>, **+500 points** for <@300>, is rejected."
    assert dict(told["allowed_mentions"].to_dict()) == {
        "parse": [],
        "users": [100, 300],
    }


def test_news_of_a_programs_request_ring_the_member_alone() -> None:
    told = cards.closed(replace(REJECTED, requester=Actor(ActorKind.CLIENT)))

    assert told["content"].startswith("Request #7 by a program, ")
    assert dict(told["allowed_mentions"].to_dict()) == {"parse": [], "users": [300]}


def test_somebody_erased_can_still_be_shown() -> None:
    erased = replace(
        REJECTED,
        user_id=None,
        name=None,
        requester=Actor(ActorKind.MEMBER),
        votes=(Vote(None, None, False, NOW),),
        reason=None,
    )

    assert fields(erased)["For"] == "someone erased"
    assert fields(erased)["Asked by"] == "someone erased"
    assert cards.closed(erased)["allowed_mentions"].to_dict()["users"] == []


def test_the_list_has_the_way_to_each_card_and_says_where_there_is_none() -> None:
    listed = cards.pending((WAITING, replace(WAITING, number=8, card=None)), 99, more=True)

    said = str(listed["embed"].description)
    assert "**[#7](https://discord.com/channels/99/66/77)**" in said
    assert "#8 (its card cannot be shown)" in said
    assert "by <@100> · 0 of 2 agree · expires <t:" in said
    assert listed["embed"].footer.text == "More wait: /pending after:8"


def test_a_list_of_the_longest_requests_fits() -> None:
    longest = [replace(WAITING, number=10**12 + n, user_id="9" * 19, reason="*" * 300) for n in range(10)]

    assert len(str(cards.pending(longest, 10**18, more=False)["embed"].description)) <= 4_096
