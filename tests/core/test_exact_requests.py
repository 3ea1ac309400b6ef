"""Requests and votes whole: every field that is kept, answered, left for the courier or refused."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from points_core import approvals, clients, history, policy, rules, webhooks
from points_core.approvals import asking
from points_core.clients import Scope
from points_core.database import writer_engine
from points_core.errors import (
    AlreadyVoted,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    InvalidText,
    NotAllowed,
    OwnRequest,
    Refused,
    RequestClosed,
    UnknownRequest,
)
from points_core.models import (
    ApprovalRequest,
    ApprovalVote,
    Base,
    Community,
    LedgerHead,
    Member,
    OutboxEntry,
    PointTransaction,
    RoleGrant,
    RuleGrant,
    RuleUse,
    WebhookDelivery,
)
from points_core.policy import Policy
from points_core.settings import sync_url
from points_core.values import Actor, ActorKind, Kind, Mode, Origin, Receipt, Request, RequestState, Vote
from points_core.writer import Call
from tests.conftest import Databases
from tests.core.posting import Move, Town
from tests.core.rule_facts import definition, message

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MO, NAN, OLI = Actor.member("mo", "Mo"), Actor.member("nan", "Nan"), Actor.member("oli")
OPERATOR, SYSTEM = Actor(ActorKind.OPERATOR), Actor(ActorKind.SYSTEM)


def of(
    actor: Actor, key: str, at: datetime = NOON, place: str | None = None, community: str = "town"
) -> Origin:
    return Origin(community, actor, at, key, place)


@pytest.fixture
def town(databases: Databases) -> Iterator[Town]:
    engine = writer_engine(sync_url(databases.new("sqlite")))
    yield Town(engine)
    engine.dispose()


def ask(town: Town, origin: Origin, **more: Any) -> Receipt | Request:
    asked: dict[str, Any] = {"kind": Kind.AWARD, "user_id": "ada", "amount": 500, "reason": "gave a talk"}
    return town.write(approvals.request, origin, **asked | more)


def opened(town: Town, origin: Origin | None = None, **more: Any) -> Request:
    request = ask(town, origin or of(MO, "ask:1"), **more)
    assert isinstance(request, Request)
    return request


def vote(town: Town, origin: Origin, number: int = 1, *, approve: bool = True, **more: Any) -> Request:
    return town.write(approvals.vote, origin, number, approve=approve, **more)


def refused(kind: type[Refused], call: Callable[..., object], /, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the fields of the refusal."""
    with pytest.raises(kind) as refusal:
        call(*args, **kwargs)
    return vars(refusal.value)


def rows(town: Town, model: type[Base], *columns: str) -> list[dict[str, Any]]:
    """Return what a table holds, whole or some of its columns."""
    table = model.__table__
    assert isinstance(table, Table)
    with town.engine.begin() as tx:
        found = tx.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        return [{name: row[name] for name in columns or row} for row in found]


def left(town: Town) -> dict[str, list[dict[str, Any]]]:
    """Return all that a refusal must leave as it was."""
    return {
        model.__tablename__: rows(town, model)
        for model in (
            ApprovalRequest,
            ApprovalVote,
            Community,
            LedgerHead,
            Member,
            OutboxEntry,
            PointTransaction,
            WebhookDelivery,
        )
    }


def told(town: Town) -> list[tuple[Any, ...]]:
    """Return the effects left for the courier."""
    columns = ("topic", "subject", "place", "created_at")
    return [tuple(row.values()) for row in rows(town, OutboxEntry, *columns)]


def events(town: Town) -> list[tuple[str, Any]]:
    """Return what webhooks are told."""
    return [(row["topic"], row["body"]["data"]) for row in rows(town, WebhookDelivery, "topic", "body")]


ASKED = Request(
    number=1,
    state=RequestState.PENDING,
    kind=Kind.DEDUCTION,
    user_id="ada",
    name="Ada",
    amount=-500,
    category="events",
    reason="gave a talk",
    evidence="https://example.com/1",
    requester=MO,
    quorum=2,
    opened_at=NOON,
    expires_at=NOON + 5 * HOUR,
    decided_at=None,
    transaction=None,
    place="55",
    card=None,
)


def bare(town: Town, **more: Any) -> Request:
    """Open a request in a town where two votes are needed within five hours."""
    town.set(quorum=2, request_hours=5)
    return opened(town, **more)


def full(town: Town) -> Request:
    """Open a request of which everything is said."""
    town.award("ada", 600)
    town.set(quorum=2, request_hours=5)
    return opened(
        town,
        of(MO, "ask:1", place="55"),
        kind=Kind.DEDUCTION,
        name="Ada",
        category="Events",
        evidence="https://example.com/1",
        effective_at=NOON - 3 * DAY,
    )


# ── opened ──


def test_a_request_with_everything_said_is_kept_and_answered_whole(town: Town) -> None:
    assert full(town) == ASKED

    (row,) = rows(town, ApprovalRequest)
    salt = row["salt"]
    micros = f"{(NOON - 3 * DAY).timestamp() * 1_000_000:.0f}"
    asked = ["ask:1", "deduction", 1, -500, 1, "gave a talk", "https://example.com/1", None, micros]
    assert len(salt) == 16
    assert row == {
        "community_id": 1,
        "number": 1,
        "state": "pending",
        "kind": "deduction",
        "member_id": 1,
        "amount": -500,
        "category_id": 1,
        "reason": "gave a talk",
        "evidence": "https://example.com/1",
        "salt": salt,
        "actor_kind": "member",
        "actor_id": 2,
        "key": "ask:1",
        "request_hash": hashlib.sha256(salt + json.dumps(asked).encode()).digest(),
        "quorum": 2,
        "place": "55",
        "effective_at": NOON - 3 * DAY,
        "opened_at": NOON,
        "expires_at": NOON + 5 * HOUR,
        "decided_at": None,
        "note": None,
        "transaction_seq": None,
        "card_channel": None,
        "card_message": None,
        "rule_number": None,
        "rule_version": None,
    }
    assert told(town) == [("request.opened", "1", "55", NOON)]
    assert town.read(approvals.get, 1) == ASKED
    assert town.read(approvals.pending) == (ASKED,)


def test_a_request_with_nothing_more_said_is_for_now_and_shown_where_requests_are(town: Town) -> None:
    town.set(approvals_channel="77")
    plain = opened(town, of(OLI, "ask:1", place="55"))

    assert plain == replace(
        ASKED,
        kind=Kind.AWARD,
        name=None,
        amount=500,
        category=None,
        evidence=None,
        requester=OLI,
        quorum=1,
        expires_at=NOON + 72 * HOUR,
    )
    (row,) = rows(
        town, ApprovalRequest, "category_id", "evidence", "effective_at", "rule_number", "rule_version"
    )
    assert set(row.values()) == {None}
    assert told(town) == [("request.opened", "1", "77", NOON)]
    assert town.read(approvals.get, 1) == plain
    assert opened(town, of(NAN, "ask:2"), again=True).number == 2


def test_who_asks_is_read_back_as_what_they_are(town: Town) -> None:
    village = town.elsewhere("village")  # has members, programs, rules and categories of the same numbers
    village.post([Move(f"v{n}", 1, name="Not here") for n in range(9)])
    village.write(policy.rename_category, village.origin(), "events", "not here")
    asked_by_a_rule(village)
    opened(town, of(MO, "ask:0", community="village"))
    by_a_rule = asked_by_a_rule(town)
    for there, names in ((village, ("not here", "nor here")), (town, ("shop", "kiosk"))):
        for name in names:
            new: dict[str, Any] = {"token": clients.new_token(), "name": name, "scopes": [Scope.AWARD]}
            there.write(clients.create, there.origin(), **new)
    everyone = [
        OLI,  # nameless, and of the same number as the kiosk
        MO,
        Actor(ActorKind.CLIENT, name="shop", client=1),
        Actor(ActorKind.CLIENT, name="kiosk", client=2),
        OPERATOR,
        Actor(ActorKind.SYSTEM),
    ]
    asked = [opened(town, of(actor, f"ask:{n}"), category="events") for n, actor in enumerate(everyone)]
    named = [replace(one, name="Ada") for one in asked]
    assert rows(town, ApprovalRequest, "community_id", "actor_id")[3] == {"community_id": 2, "actor_id": 2}
    assert town.read(approvals.pending) == (by_a_rule, *named)
    for n, (actor, one) in enumerate(zip(everyone, named, strict=True)):
        assert opened(town, of(actor, f"ask:{n}"), category="events") == replace(one, replayed=True)


def test_asked_again_with_its_key_a_request_answers_as_it_stands_now(town: Town) -> None:
    first = bare(town, reason="thanks")
    assert opened(town, reason="thanks") == replace(first, replayed=True)
    seen = vote(town, of(NAN, "vote:1"))
    assert opened(town, of(OLI, "ask:1"), reason="thanks") == replace(seen, replayed=True)

    before = left(town)
    others: list[dict[str, Any]] = [{"user_id": "bo"}, {"user_id": "mo"}, {"amount": 501}, {"reason": "x"}]
    for other in others:
        assert refused(DuplicateTransaction, opened, town, **{"reason": "thanks"} | other) == {"key": "ask:1"}
    assert left(town) == before


def test_of_an_erased_request_what_is_left_must_agree(town: Town) -> None:
    first = bare(town)
    with town.engine.begin() as tx:
        tx.execute(update(ApprovalRequest).values(reason=None, evidence=None, salt=None))

    erased = replace(first, reason=None, evidence=None, replayed=True)
    assert opened(town, reason="another") == erased
    others: list[dict[str, Any]] = [{"user_id": "bo"}, {"user_id": "mo"}, {"amount": 501}]
    for other in others:
        assert refused(DuplicateTransaction, opened, town, **other) == {"key": "ask:1"}
    town.award("ada", 900)
    assert refused(DuplicateTransaction, opened, town, kind=Kind.DEDUCTION) == {"key": "ask:1"}

    vote(town, of(NAN, "vote:1"))
    approved = vote(town, of(OLI, "vote:2"))
    assert opened(town, reason="another") == replace(approved, replayed=True)
    assert refused(DuplicateTransaction, opened, town, amount=501) == {"key": "ask:1"}
    assert town.read(history.transaction, 2).reason == ""


def test_the_key_of_a_movement_answers_with_its_receipt_whatever_the_threshold_is_now(town: Town) -> None:
    receipt = ask(town, of(MO, "ask:1"), amount=100)
    town.set(approval_threshold=0)
    assert isinstance(receipt, Receipt)
    assert ask(town, of(MO, "ask:1"), amount=100) == replace(receipt, replayed=True)
    assert opened(town, of(MO, "ask:2"), amount=1, again=True).amount == 1


# ── several at once ──


def together(town: Town, *asks: tuple[Origin, dict[str, Any]]) -> list[Any]:
    plain: dict[str, Any] = {"kind": Kind.AWARD, "user_id": "ada", "amount": 5, "reason": "thanks"}
    calls = [Call((origin,), plain | more) for origin, more in asks]
    return town.write(asking._request_many, calls)


def test_asks_that_wait_together_are_decided_in_order_each_with_its_own_outcome(town: Town) -> None:
    first, bad, waits, elsewhere, again, refused_one = together(
        town,
        (of(MO, "a"), {}),
        (of(MO, "b"), {"amount": 0}),
        (of(MO, "c"), {"amount": 500, "user_id": "bo"}),
        (of(MO, "d", community="village"), {"user_id": "cy"}),
        (of(MO, "c"), {"amount": 500, "user_id": "bo"}),
        (of(MO, "e"), {"kind": Kind.DEDUCTION, "amount": 6}),
    )
    assert (type(first), first.number, first.user_id, first.after) == (Receipt, 1, "ada", 5)
    assert (type(bad), vars(bad)) == (InvalidAmount, {"amount": 0, "minimum": 1, "maximum": 10**12})
    assert (type(waits), waits.number, waits.user_id) == (Request, 1, "bo")
    assert (type(elsewhere), elsewhere.number, elsewhere.user_id) == (Receipt, 1, "cy")
    assert again == replace(waits, replayed=True)
    assert vars(refused_one) == {"balance": 5, "amount": 6, "floor": 0}
    later = together(town, (of(MO, "f"), {"kind": Kind.DEDUCTION, "amount": 6}), (of(MO, "g"), {"amount": 4}))
    assert [type(later[0]), later[1].after] == [InsufficientBalance, 9]
    keys = [row["key"] for row in rows(town, PointTransaction, "key")]
    assert (keys, len(rows(town, ApprovalRequest))) == (["a", "g", "d"], 1)


def test_asks_that_wait_together_know_of_each_other(town: Town) -> None:
    large = {"amount": 500}
    first, twice, waits, again, meant = together(
        town,
        (of(MO, "a"), {}),
        (of(MO, "b"), {}),
        (of(MO, "c"), large),
        (of(MO, "d"), large),
        (of(NAN, "e"), large),
    )
    assert (first.number, vars(twice)) == (1, {"number": 1, "at": NOON, "pending": False})
    assert (waits.number, vars(again)) == (1, {"number": 1, "at": NOON, "pending": True})
    assert meant.number == 2


def test_not_even_a_new_community_stays_of_asks_that_are_all_refused(town: Town) -> None:
    (outcome, other) = together(
        town,
        (of(MO, "a"), {"kind": Kind.DEDUCTION}),
        (of(MO, "b", community="village"), {"user_id": "mo"}),
    )
    assert (type(outcome), vars(outcome)) == (InsufficientBalance, {"balance": 0, "amount": 5, "floor": 0})
    assert vars(other) == {"user_id": "mo"}
    assert rows(town, Community) == []


def test_a_right_is_asked_with_the_policy_in_force_before_anything_else(town: Town) -> None:
    town.set(quorum=4)
    asked_with: list[int] = []

    def may(rules: Policy) -> None:
        asked_with.append(rules.quorum)

    def may_not(rules: Policy) -> None:
        raise NotAllowed("award")

    assert opened(town, right=may).quorum == 4
    assert asked_with == [4]
    before = left(town)
    for key in ("ask:1", "ask:2"):
        assert refused(NotAllowed, ask, town, of(MO, key), right=may_not) == {"capability": "award"}
    first, second = together(
        town, (of(MO, "a"), {"right": may_not}), (of(MO, "b"), {"amount": 0, "right": may})
    )
    assert (vars(first), type(second)) == ({"capability": "award"}, InvalidAmount)
    assert (left(town), asked_with) == (before, [4])


# ── votes ──


def test_votes_and_what_they_decide_are_kept_and_answered_whole(town: Town) -> None:
    asked = full(town)
    another = opened(town, of(MO, "ask:2", community="village"), reason="another #1")
    before = len(told(town))
    first, second = Vote("nan", "Nan", True, NOON + HOUR), Vote("oli", None, True, NOON + 2 * HOUR)

    pending = replace(asked, votes=(first,))
    assert vote(town, of(NAN, "vote:1", NOON + HOUR)) == pending
    assert vote(town, of(NAN, "vote:1", NOON + 3 * HOUR)) == replace(pending, replayed=True)
    assert len(told(town)) == before
    approved = replace(
        asked,
        state=RequestState.APPROVED,
        votes=(first, second),
        decided_at=NOON + 2 * HOUR,
        transaction=2,
    )
    assert vote(town, of(OLI, "vote:2", NOON + 2 * HOUR)) == approved
    assert vote(town, of(OLI, "vote:2", NOON + 3 * HOUR)) == replace(approved, replayed=True)
    assert town.read(approvals.get, 1) == approved
    assert town.read(approvals.pending) == ()
    assert town.elsewhere("village").read(approvals.get, 1) == another

    assert rows(town, ApprovalVote) == [
        {
            "community_id": 1,
            "request_number": 1,
            "voter_id": voter,
            "approve": True,
            "key": key,
            "voted_at": at,
        }
        for voter, key, at in ((3, "vote:1", NOON + HOUR), (4, "vote:2", NOON + 2 * HOUR))
    ]
    assert told(town)[before:] == [("request.decided", "1", "55", NOON + 2 * HOUR)]
    assert town.read(history.transaction, 2) == Receipt(
        number=2,
        kind=Kind.DEDUCTION,
        user_id="ada",
        name="Ada",
        amount=-500,
        before=600,
        after=100,
        category="events",
        reason="gave a talk",
        evidence="https://example.com/1",
        actor=MO,
        effective_at=NOON - 3 * DAY,
        recorded_at=NOON + 2 * HOUR,
        request=1,
    )
    moved = rows(town, PointTransaction, "key", "validator_id", "request_number", "rule_number")[1]
    assert moved == {"key": "ask:1", "validator_id": 4, "request_number": 1, "rule_number": None}
    assert ask(
        town,
        of(MO, "ask:1"),
        kind=Kind.DEDUCTION,
        category="events",
        evidence="https://example.com/1",
        effective_at=NOON - 3 * DAY,
    ) == replace(approved, replayed=True)


def test_what_waited_without_a_date_or_category_counts_when_it_is_approved(town: Town) -> None:
    opened(town)
    approved = vote(town, of(NAN, "vote:1", NOON + HOUR))
    assert (approved.state, approved.transaction) == (RequestState.APPROVED, 1)
    receipt = town.read(history.transaction, 1)
    assert (receipt.effective_at, receipt.recorded_at) == (NOON + HOUR, NOON + HOUR)
    assert (receipt.category, receipt.evidence, receipt.reason) == (None, None, "gave a talk")


def test_a_no_is_kept_with_its_note_and_decides_whatever_was_said_before(town: Town) -> None:
    asked = bare(town, origin=of(MO, "ask:1", place="55"))
    yes, no = Vote("nan", "Nan", True, NOON), Vote("oli", None, False, NOON + HOUR)
    vote(town, of(NAN, "vote:1"), note="a yes needs none")
    assert rows(town, ApprovalRequest, "note") == [{"note": None}]
    rejected = replace(
        asked,
        state=RequestState.REJECTED,
        votes=(yes, no),
        decided_at=NOON + HOUR,
        note="not ours",
    )
    assert vote(town, of(OLI, "vote:2", NOON + HOUR), approve=False, note="  not ours ") == rejected
    assert town.read(approvals.get, 1) == rejected
    assert told(town)[1:] == [("request.decided", "1", "55", NOON + HOUR)]
    assert rows(town, PointTransaction) == []


def test_a_no_needs_no_note_and_one_of_three_hundred_characters_is_kept(town: Town) -> None:
    opened(town)
    opened(town, of(MO, "ask:2"), again=True)
    assert refused(InvalidText, vote, town, of(NAN, "v"), approve=False, note="x" * 301) == {
        "field": "note",
        "limit": 300,
    }
    assert vote(town, of(NAN, "v:1"), 1, approve=False, note="").note is None
    assert vote(town, of(NAN, "v:2"), 2, approve=False, note="x" * 300).note == "x" * 300


def test_a_vote_that_may_not_be_is_refused_with_its_fields_and_not_kept(town: Town) -> None:
    bare(town)
    vote(town, of(NAN, "vote:1"))
    over = NOON + 5 * HOUR
    before = left(town)
    for approve, key in ((True, "vote:2"), (False, "vote:1"), (False, "vote:2")):
        assert refused(AlreadyVoted, vote, town, of(NAN, key, over), approve=approve) == {
            "number": 1,
            "approve": True,
        }
    assert refused(OwnRequest, vote, town, of(MO, "vote:2")) == {"number": 1}
    assert refused(OwnRequest, vote, town, of(Actor.member("ada"), "vote:2"), approve=False) == {"number": 1}
    assert refused(RequestClosed, vote, town, of(OLI, "vote:2", over)) == {"number": 1, "state": "expired"}
    assert refused(UnknownRequest, vote, town, of(OLI, "vote:2"), 2) == {"number": 2}
    nobody = (OPERATOR, Actor(ActorKind.SYSTEM), Actor(ActorKind.MEMBER), Actor(ActorKind.CLIENT, client=4))
    for actor in nobody:  # not even the program that has a member's number
        assert refused(NotAllowed, vote, town, of(actor, "vote:2")) == {"capability": "approve"}
    assert left(town) == before

    done = vote(town, of(OLI, "vote:2", over - timedelta(microseconds=1)))
    assert done.state is RequestState.APPROVED
    late = of(Actor.member("pam"), "vote:3")
    assert refused(RequestClosed, vote, town, late) == {"number": 1, "state": "approved"}


def test_a_vote_for_what_the_balance_no_longer_bears_is_refused_and_not_kept(town: Town) -> None:
    town.award("ada", 500)
    opened(town, kind=Kind.DEDUCTION)
    town.award("ada", -1)
    before = left(town)
    assert refused(InsufficientBalance, vote, town, of(NAN, "vote:1")) == {
        "balance": 499,
        "amount": 500,
        "floor": 0,
    }
    assert left(town) == before


def test_a_clock_set_back_between_two_votes_decides_no_earlier_than_the_first(town: Town) -> None:
    bare(town)
    vote(town, of(NAN, "vote:1", NOON + 2 * HOUR))
    done = vote(town, of(OLI, "vote:2", NOON + HOUR))
    assert (done.decided_at, told(town)[-1][-1]) == (NOON + 2 * HOUR, NOON + HOUR)


def test_votes_are_read_back_in_the_order_they_were_given(town: Town) -> None:
    town.set(quorum=9)
    opened(town)
    for at, user_id in ((2, "nan"), (1, "oli"), (1, "pam"), (0, "quin")):
        vote(town, of(Actor.member(user_id), f"vote:{user_id}", NOON + at * HOUR))
    votes = town.read(approvals.get, 1).votes
    assert [one.user_id for one in votes] == ["quin", "oli", "pam", "nan"]


# ── taken back, expired ──


def test_a_request_is_taken_back_whole_by_who_asked_or_who_may(town: Town) -> None:
    first, second = opened(town), opened(town, of(MO, "ask:2", place="55"), again=True)
    opened(town, of(Actor(ActorKind.CLIENT, client=3), "ask:3"))
    before = left(town)
    other_program = Actor(ActorKind.CLIENT, client=4)
    may_not: list[tuple[Actor, int]] = [(NAN, 1), (OPERATOR, 1), (MO, 3), (OPERATOR, 3), (other_program, 3)]
    for actor, number in may_not:
        assert refused(NotAllowed, town.write, approvals.cancel, of(actor, "undo"), number) == {
            "capability": "undo"
        }
    assert refused(UnknownRequest, town.write, approvals.cancel, of(MO, "undo"), 4) == {"number": 4}
    assert left(town) == before

    at = NOON + HOUR
    renamed = replace(MO, name="Maurice")
    cancelled = replace(first, state=RequestState.CANCELLED, decided_at=at)
    assert town.write(approvals.cancel, of(renamed, "undo:1", at), 1) == cancelled
    again = town.write(approvals.cancel, of(renamed, "undo:1", at + HOUR), 1)
    assert again == replace(cancelled, replayed=True)
    by_another = town.write(approvals.cancel, of(NAN, "undo:2", at), 2, any_request=True)
    assert by_another == replace(second, state=RequestState.CANCELLED, decided_at=at)
    assert told(town)[-2:] == [("request.decided", "1", None, at), ("request.decided", "2", "55", at)]

    vote(town, of(NAN, "vote:3"), 3, approve=False)
    assert refused(RequestClosed, town.write, approvals.cancel, of(MO, "undo:3"), 3, any_request=True) == {
        "number": 3,
        "state": "rejected",
    }


def test_what_nobody_decided_expires_whole_and_what_is_in_closed_books_waits(town: Town) -> None:
    asked = full(town)
    opened(town, of(MO, "ask:9", community="village"))
    with town.engine.begin() as tx:
        in_village = select(Community.id).where(Community.key == "village").scalar_subquery()
        tx.execute(
            update(LedgerHead).where(LedgerHead.community_id == in_village).values(closed_because="a test")
        )
    over = NOON + 5 * HOUR
    assert town.write(approvals.expire_due, over - timedelta(microseconds=1)) == []
    assert town.write(approvals.expire_due, over) == [("town", 1)]
    assert town.read(approvals.get, 1) == replace(asked, state=RequestState.EXPIRED, decided_at=over)
    assert told(town)[-1] == ("request.decided", "1", "55", over)
    assert town.write(approvals.expire_due, over + 30 * DAY) == []


def test_requests_expire_in_the_order_they_were_asked(town: Town) -> None:
    for hours, key in ((72, "ask:1"), (5, "ask:2")):
        town.set(request_hours=hours)
        opened(town, of(MO, key), again=True)
    assert town.write(approvals.expire_due, NOON + 4 * DAY) == [("town", 1), ("town", 2)]


def test_what_an_erased_member_waited_for_is_unknown_though_it_still_stands(town: Town) -> None:
    opened(town)
    with town.engine.begin() as tx:
        erased = {"user_id": None, "name": None, "erased_at": NOON}
        tx.execute(update(Member).where(Member.id == 1).values(**erased))
    assert refused(UnknownRequest, vote, town, of(NAN, "vote:1")) == {"number": 1}
    assert (rows(town, ApprovalVote), rows(town, PointTransaction)) == ([], [])


# ── cards ──


def test_a_card_needs_both_its_channel_and_its_message(town: Town) -> None:
    asked = opened(town)
    opened(town, of(MO, "ask:2"), again=True)
    town.write(approvals.set_card, of(OPERATOR, "card"), 1, channel="7", message="8")
    assert town.read(approvals.get, 1) == replace(asked, card=("7", "8"))
    assert town.read(approvals.by_card, "8") == replace(asked, card=("7", "8"))
    assert (town.read(approvals.get, 2).card, town.read(approvals.by_card, "7")) == (None, None)
    for half in ({"card_channel": None, "card_message": "8"}, {"card_channel": "7", "card_message": None}):
        with town.engine.begin() as tx:
            tx.execute(update(ApprovalRequest).values(**half))
        assert town.read(approvals.get, 1).card is None


def test_what_is_pending_comes_oldest_first_whatever_expires_first(town: Town) -> None:
    for hours, key in ((72, "ask:1"), (5, "ask:2"), (24, "ask:3")):
        town.set(request_hours=hours)
        opened(town, of(MO, key), again=True)
    assert [one.number for one in town.read(approvals.pending)] == [1, 2, 3]
    assert [one.number for one in town.read(approvals.pending, after=1)] == [2, 3]
    assert [one.number for one in town.read(approvals.pending, limit=1)] == [1]


def test_nothing_is_known_of_a_request_that_was_never_opened(town: Town) -> None:
    assert refused(UnknownRequest, town.read, approvals.get, 1) == {"number": 1}
    assert town.read(approvals.by_card, "8") is None
    opened(town)
    card = (approvals.set_card, of(OPERATOR, "card"), 2)
    assert refused(UnknownRequest, town.write, *card, channel="7", message="8") == {"number": 2}
    for number in (0, -1, 2, 2**63, 2**70):
        assert refused(UnknownRequest, town.read, approvals.get, number) == {"number": number}


# ── what a rule asks for ──

ROLE = {"role": "55", "role_days": 7}


def asked_by_a_rule(town: Town, **changes: Any) -> Request:
    """Have the community's second rule, in its third version, ask for two points for a message of ada's."""

    def create(name: str) -> int:
        made = town.write(rules.create, town.origin(), name=name, definition=definition())
        return made.rule.number

    town.set(timezone="Pacific/Auckland")  # where it is the 19th already
    first, number = create("first"), create("talk")
    for amount in (8, 7):
        town.write(rules.edit, town.origin(), first, definition(amount=amount))
    talk = definition(approval=True, amount=3, category_id=1, **changes)
    town.write(rules.edit, town.origin(), number, talk)
    town.write(rules.set_mode, town.origin(), number, Mode.LIVE)
    fact = message(1, at=NOON, user_id="ada", name="Ada")
    (outcome,) = town.write(rules.fire, of(SYSTEM, "told:1", community=town.community), fact).outcomes
    assert outcome.request is not None
    return outcome.request


def test_what_a_rule_asks_for_is_kept_and_moved_whole_with_its_role(town: Town) -> None:
    asked = asked_by_a_rule(town, **ROLE)
    by_the_rule = Actor(ActorKind.RULE, name="talk")
    assert asked == replace(
        ASKED,
        kind=Kind.AWARD,
        amount=3,
        reason="wrote",
        evidence=None,
        requester=by_the_rule,
        quorum=1,
        expires_at=NOON + 72 * HOUR,
        place="11",
        rule=(2, 3),
    )
    assert town.read(approvals.get, 1) == asked
    waits = rows(town, ApprovalRequest, "rule_number", "rule_version", "actor_kind", "actor_id")
    assert waits == [{"rule_number": 2, "rule_version": 3, "actor_kind": "rule", "actor_id": None}]
    assert rows(town, RoleGrant) == []
    assert refused(NotAllowed, vote, town, of(OPERATOR, "vote:0")) == {"capability": "approve"}

    at = NOON + HOUR
    approved = vote(town, of(NAN, "vote:1", at))
    yes = Vote("nan", "Nan", True, at)
    assert approved == replace(asked, state=RequestState.APPROVED, votes=(yes,), decided_at=at, transaction=1)
    receipt = town.read(history.transaction, 1)
    assert (receipt.rule, receipt.actor, receipt.request) == ((2, 3), by_the_rule, 1)
    (grant,) = rows(town, RoleGrant)
    assert grant == {
        "community_id": 1,
        "member_id": 1,
        "role": "55",
        "source": "rule:2",
        "wanted": True,
        "until": at + 7 * DAY,
        "state": "due",
        "why": None,
        "attempts": 0,
        "changed_at": at,
    }
    assert rows(town, RuleGrant, "standing", "transaction_seq", "request_number") == [
        {"standing": True, "transaction_seq": None, "request_number": 1}
    ]
    assert len(rows(town, RuleUse)) == 8


@pytest.mark.parametrize("end", ["no", "cancel", "expire"])
def test_what_a_rule_asked_for_and_did_not_get_counts_for_nothing(town: Town, end: str) -> None:
    asked = asked_by_a_rule(town, **ROLE)
    if end == "no":
        vote(town, of(NAN, "vote:1"), approve=False)
    elif end == "cancel":
        town.write(approvals.cancel, of(NAN, "undo:1"), 1, any_request=True)
    else:
        town.write(approvals.expire_due, asked.expires_at)
    assert rows(town, RuleGrant, "standing") == [{"standing": False}]
    assert (rows(town, RuleUse), rows(town, RoleGrant), rows(town, PointTransaction)) == ([], [], [])


def test_a_rule_without_a_role_gives_its_points_alone(town: Town) -> None:
    asked_by_a_rule(town)
    assert vote(town, of(NAN, "vote:1")).transaction == 1
    assert rows(town, RoleGrant) == []


# ── webhooks ──


def test_webhooks_are_told_of_a_request_opened_and_decided_and_of_its_movement(town: Town) -> None:
    topics = [webhooks.Topic.OPENED, webhooks.Topic.DECIDED, webhooks.Topic.RECORDED]
    opened(town)
    assert events(town) == []
    town.write(webhooks.add, of(OPERATOR, "hook"), url="https://example.com/hook", topics=topics)
    opened(town, of(MO, "ask:2"), again=True)
    vote(town, of(NAN, "vote:2", NOON + HOUR), 2)
    vote(town, of(NAN, "vote:1", NOON + HOUR), 1, approve=False, note="no")

    shown = [(topic, data["number"], data.get("state"), data.get("note")) for topic, data in events(town)]
    assert shown == [
        ("request.opened", 2, "pending", None),
        ("transaction.recorded", 1, None, None),
        ("request.decided", 2, "approved", None),
        ("request.decided", 1, "rejected", "no"),
    ]
