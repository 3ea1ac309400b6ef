"""What a commit of the books leaves in the tables, whole, and what is read back of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update

from points_core import clients, history, ledger, policy, rules, seasons, webhooks
from points_core.clients import Scope
from points_core.communities import GENESIS
from points_core.database import writer_engine
from points_core.errors import AlreadyReversed, DuplicateTransaction, Refused, UnknownTransaction
from points_core.ledger import Books, Movement, Wanted
from points_core.models import (
    AchievementDue,
    Announcement,
    Base,
    LedgerHead,
    Member,
    OutboxEntry,
    PointBalance,
    PointScore,
    PointTransaction,
    WebhookDelivery,
)
from points_core.outbox import Topic
from points_core.settings import sync_url
from points_core.values import Actor, ActorKind, Kind, Origin, Receipt
from points_core.windows import Span
from tests.conftest import Databases
from tests.core.posting import NOON, Move, Town
from tests.core.rule_facts import definition

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MO, OPERATOR = Actor.member("mo", "Mo"), Actor(ActorKind.OPERATOR)
AWARD = Movement(
    kind=Kind.AWARD, user_id="ada", amount=150, reason="thanks", actor=MO, key="k:1", at=NOON, name="Ada"
)


@pytest.fixture
def town(databases: Databases) -> Iterator[Town]:
    engine = writer_engine(sync_url(databases.new("sqlite")))
    there = Town(engine)
    there.elsewhere("village").award("ada", 7, name="Not here")  # of the same numbers in all tables
    yield there
    engine.dispose()


def of(actor: Actor, key: str, at: Any = NOON, community: str = "town") -> Origin:
    return Origin(community, actor, at, key)


def post(town: Town, movement: Movement = AWARD) -> Receipt:
    return town.write(ledger.post, of(movement.actor, movement.key, movement.at), movement)


def reverse(town: Town, number: int, key: str = "undo:1", actor: Actor = MO) -> Receipt:
    return town.write(ledger.reverse, of(actor, key, NOON + HOUR), number, reason="a mistake")


def refused(kind: type[Refused], call: Callable[..., object], /, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the fields of the refusal."""
    with pytest.raises(kind) as refusal:
        call(*args, **kwargs)
    return vars(refusal.value)


def rows(town: Town, model: type[Base], *columns: str, community: int = 2) -> list[dict[str, Any]]:
    """Return what a table holds of a community, whole or some of its columns."""
    table = model.__table__
    assert isinstance(table, Table)
    here = select(table).where(table.c.community_id == community).order_by(*table.primary_key.columns)
    with town.engine.begin() as tx:
        return [{name: row[name] for name in columns or row} for row in tx.execute(here).mappings()]


def everything(town: Town) -> list[list[dict[str, Any]]]:
    kept = (LedgerHead, Member, OutboxEntry, PointBalance, PointScore, PointTransaction, AchievementDue)
    return [rows(town, model, community=community) for model in kept for community in (1, 2)]


def test_a_movement_leaves_its_members_their_balance_and_where_the_books_end(town: Town) -> None:
    town.set(allow_negative=False)
    receipt = post(town)

    people = [{"id": row["id"], "user_id": row["user_id"], "name": row["name"]} for row in rows(town, Member)]
    assert people == [
        {"id": 1, "user_id": "ada", "name": "Ada"},
        {"id": 2, "user_id": "mo", "name": "Mo"},
    ]
    assert rows(town, PointBalance) == [
        {
            "community_id": 2,
            "member_id": 1,
            "current": 150,
            "earned": 150,
            "spent": 0,
            "transactions": 1,
            "last_seq": 1,
            "updated_at": NOON,
            "level": 0,
            "told_level": 0,
        }
    ]
    (row,) = rows(town, PointTransaction)
    assert (row["prev_hash"], row["seq"], row["member_seq"], row["actor_id"]) == (GENESIS, 1, 1, 2)
    (head,) = rows(town, LedgerHead, "seq", "hash", "recorded_at", "members", "requests")
    assert head == {"seq": 1, "hash": row["hash"], "recorded_at": NOON, "members": 2, "requests": 0}
    all_time = [one for one in rows(town, PointScore) if one["span"] == int(Span.ALL)]
    assert [
        (one["member_id"], one["category_id"], one["points"], one["reached_seq"]) for one in all_time
    ] == [(1, 0, 150, 1)]
    assert rows(town, OutboxEntry, "topic") == []
    assert town.read(history.transaction, 1) == receipt


def test_the_next_movement_goes_on_from_what_is_kept(town: Town) -> None:
    first_receipt = post(town)
    later = replace(AWARD, kind=Kind.DEDUCTION, amount=-40, key="k:2", at=NOON + HOUR, name="Countess")
    receipt = post(town, later)

    assert (receipt.number, receipt.before, receipt.after, receipt.name) == (2, 150, 110, "Countess")
    kept = rows(town, PointBalance, "current", "earned", "spent", "transactions", "last_seq", "updated_at")
    assert [list(row.values()) for row in kept] == [[110, 150, 40, 2, 2, NOON + HOUR]]
    assert [row["name"] for row in rows(town, Member)] == ["Countess", "Mo"]
    assert [row["name"] for row in rows(town, Member, community=1)] == ["Not here"]
    first, second = rows(town, PointTransaction)
    assert (second["prev_hash"], second["member_seq"]) == (first["hash"], 2)
    assert town.read(history.transaction, 1) == replace(first_receipt, name="Countess")


def test_a_key_used_again_answers_with_what_is_kept_and_writes_nothing(town: Town) -> None:
    first = post(town)
    undone = reverse(town, 1)
    before = everything(town)

    assert post(town) == replace(first, replayed=True)
    assert reverse(town, 1) == replace(undone, replayed=True)
    assert refused(DuplicateTransaction, post, town, replace(AWARD, amount=151)) == {"key": "k:1"}
    assert refused(DuplicateTransaction, reverse, town, 1, "k:1") == {"key": "k:1"}
    assert refused(DuplicateTransaction, post, town, replace(AWARD, user_id="bo")) == {"key": "k:1"}
    assert refused(AlreadyReversed, reverse, town, 1, "undo:2") == {"number": 1, "by": 2}
    assert refused(UnknownTransaction, reverse, town, 3, "undo:2") == {"number": 3}
    assert everything(town) == before


def test_what_is_taken_back_by_its_number_alone_is_its_members_and_the_communitys(town: Town) -> None:
    original = post(town)
    receipt = reverse(town, 1, actor=Actor.member("nan", "Nan"))

    assert receipt == replace(
        original,
        number=2,
        kind=Kind.REVERSAL,
        amount=-150,
        before=150,
        after=0,
        reason="a mistake",
        actor=Actor.member("nan", "Nan"),
        recorded_at=NOON + HOUR,
        reverses=1,
    )
    assert town.read(history.transaction, 2) == receipt
    kept = rows(town, PointBalance, "current", "earned", "spent", "transactions", "last_seq")
    assert [list(row.values()) for row in kept] == [[0, 0, 0, 2, 2]]
    assert [row["user_id"] for row in rows(town, Member)] == ["ada", "mo", "nan"]
    assert rows(town, PointBalance, "current", community=1) == [{"current": 7}]


def test_many_moved_together_are_kept_as_if_one_after_the_other(town: Town) -> None:
    together, apart = town, town.elsewhere("apart")
    moves = [
        replace(AWARD, key=f"k:{n}", user_id=user_id, amount=amount, name=name, at=NOON + n * HOUR)
        for n, (user_id, amount, name) in enumerate(
            [("ada", 5, "Ada"), ("bo", 4, None), ("ada", 3, "A"), ("mo", 2, "Maurice"), ("bo", 1, "Bo")]
        )
    ]

    def post_all() -> list[Receipt]:
        with town.engine.begin() as tx:
            head, current = policy.locked(tx, of(MO, "all"))
            wanted = Wanted(frozenset({"ada", "bo", "mo"}), frozenset(move.key for move in moves))
            books = Books.load(tx, head, current, wanted)
            receipts = [books.post(move) for move in moves]
            books.save(tx)
            return receipts

    receipts = post_all()
    one_by_one = [apart.write(ledger.post, of(MO, m.key, m.at, "apart"), m) for m in moves]
    assert receipts == one_by_one
    for model in (Member, PointBalance, PointScore):
        here, there = (rows(together, model, community=community) for community in (2, 3))
        assert [row | {"community_id": 3, "created_at": None} for row in here] == [
            row | {"created_at": None} for row in there
        ]
    assert post_all() == [replace(one, replayed=True) for one in _as_named_now(receipts)]
    assert len(rows(together, PointTransaction)) == 5


def _as_named_now(receipts: list[Receipt]) -> list[Receipt]:
    """Return receipts as they are read back: with the names people have now."""
    names = {"ada": "A", "bo": "Bo", "mo": "Mo"}
    return [replace(one, name=names[one.user_id or ""]) for one in receipts]


# ── who is told ──


def test_the_log_is_told_of_single_movements_where_policy_says(town: Town) -> None:
    town.set(log_channel="66")
    told = len(rows(town, OutboxEntry))
    post(town)
    post(town, replace(AWARD, key="k:2", batch=5))
    reverse(town, 1)

    left = rows(town, OutboxEntry, "topic", "subject", "place", "created_at", "due_at")[told:]
    assert [tuple(row.values()) for row in left] == [
        ("transaction.recorded", "1", "66", NOON, NOON),
        ("transaction.recorded", "3", "66", NOON + HOUR, NOON + HOUR),
    ]


def test_webhooks_are_told_of_single_movements_whole(town: Town) -> None:
    post(town, replace(AWARD, key="k:0"))
    assert rows(town, WebhookDelivery) == []
    every = [webhooks.Topic.RECORDED, webhooks.Topic.REVERSED]
    town.write(webhooks.add, of(OPERATOR, "hook"), url="https://example.com/hook", topics=every)
    post(town)
    post(town, replace(AWARD, key="k:2", batch=5))
    reverse(town, 2)

    told = rows(town, WebhookDelivery, "topic", "body")
    assert [(one["topic"], one["body"]["data"]["number"], one["body"]["data"]["amount"]) for one in told] == [
        ("transaction.recorded", 2, 150),
        ("transaction.reversed", 4, -150),
    ]


def test_where_it_was_announced_what_is_taken_back_is_marked(town: Town) -> None:
    post(town)
    said = {"community_id": 2, "seq": 1, "channel": "7", "message": "8"}
    with town.engine.begin() as tx:
        tx.execute(insert(Announcement), [said])
    reverse(town, 1)
    left = rows(town, OutboxEntry, "topic", "subject", "place")
    assert left == [{"topic": Topic.TAKEN_BACK.value, "subject": "1:8", "place": "7"}]


def levels(town: Town) -> list[tuple[int, int]]:
    return [(row["member_id"], row["level"]) for row in rows(town, PointBalance)]


def due(town: Town) -> list[tuple[int, Any]]:
    return [(row["member_id"], row["due_at"]) for row in rows(town, AchievementDue) if not row["quiet"]]


def test_a_level_follows_what_was_earned_and_whose_moved_is_looked_at_anew(town: Town) -> None:
    town.set(programme={"levels": [{"name": "one", "earned": 100}, {"name": "two", "earned": 200}]})
    post(town, replace(AWARD, amount=99))
    assert (levels(town), due(town)) == ([(1, 0)], [])
    post(town, replace(AWARD, amount=1, key="k:2", at=NOON + HOUR))
    assert (levels(town), due(town)) == ([(1, 1)], [(1, NOON + HOUR)])
    post(town, replace(AWARD, kind=Kind.DEDUCTION, amount=-50, key="k:3", at=NOON + 2 * HOUR))
    post(town, replace(AWARD, amount=99, key="k:4", user_id="bo", at=NOON + 2 * HOUR))
    assert (levels(town), due(town)) == ([(1, 1), (3, 0)], [(1, NOON + HOUR)])
    post(town, replace(AWARD, amount=150, key="k:5", at=NOON + 3 * HOUR))
    assert levels(town) == [(1, 2), (3, 0)]
    reverse(town, 5)
    assert levels(town) == [(1, 1), (3, 0)]


def test_where_there_are_badges_everyone_concerned_is_looked_at_anew(town: Town) -> None:
    post(town)
    assert due(town) == []
    with town.engine.begin() as tx:
        tx.execute(update(LedgerHead).where(LedgerHead.community_id == 2).values(badges=1))
    post(town, replace(AWARD, user_id="bo", key="k:2", actor=Actor.member("nan"), at=NOON + HOUR))
    assert due(town) == [(0, NOON + HOUR), (3, NOON + HOUR), (4, NOON + HOUR)]  # bo, who gave, and all


def test_a_movement_counts_in_the_season_it_is_dated_into_and_says_if_that_is_sealed(town: Town) -> None:
    for community in ("village", "town"):
        there = town.elsewhere(community)
        for name, first, last in (("winter", 1, 9), ("spring", 10, 31)):
            days = {"first": date(2026, 3, first), "last": date(2026, 3, last)}
            there.write(seasons.start, there.origin(NOON - 30 * DAY), name=f"{name} in {community}", **days)
    town.write(seasons.seal_due, NOON)

    late = post(town, replace(AWARD, effective_at=NOON - 10 * DAY))
    now = post(town, replace(AWARD, key="k:2"))
    undone = reverse(town, 1)
    assert (late.season, now.season, undone.season) == ("winter in town", None, "winter in town")
    assert post(town, replace(AWARD, effective_at=NOON - 10 * DAY)) == replace(late, replayed=True)
    assert reverse(town, 1) == replace(undone, replayed=True)
    of_seasons = [one for one in rows(town, PointScore) if one["span"] == int(Span.SEASON)]
    assert [(one["start"], one["points"]) for one in of_seasons] == [(1, 0), (2, 150)]


# ── read back ──


def test_who_acted_is_read_back_as_what_they_are(town: Town) -> None:
    village = town.elsewhere("village")  # has members, programs and rules of the same numbers
    village.post([Move(f"v{n}", 1, name="Not here") for n in range(9)])
    for there, names in ((village, ("not here", "nor here")), (town, ("shop", "kiosk"))):
        for name in names:
            new: dict[str, Any] = {"token": clients.new_token(), "name": name, "scopes": [Scope.AWARD]}
            there.write(clients.create, there.origin(), **new)
            view = there.write(rules.create, there.origin(), name=f"rule of {name}", definition=definition())
            there.write(rules.edit, there.origin(), view.rule.number, definition(amount=9))
    everyone = [
        Actor.member("oli"),  # nameless, and of the same number as the kiosk
        MO,
        Actor(ActorKind.CLIENT, name="shop", client=1),
        Actor(ActorKind.CLIENT, name="kiosk", client=2),
        OPERATOR,
        Actor(ActorKind.SYSTEM),
        Actor(ActorKind.MEMBER),
    ]
    receipts = [post(town, replace(AWARD, key=f"k:{n}", actor=actor)) for n, actor in enumerate(everyone)]
    by_a_rule = replace(AWARD, key="k:r", actor=Actor(ActorKind.RULE, name="rule of kiosk"), rule=(2, 1))
    receipts.append(post(town, by_a_rule))
    assert rows(town, PointTransaction, "actor_id")[0] == {"actor_id": 2}
    assert [town.read(history.transaction, number) for number in range(1, 9)] == receipts
    again = [post(town, replace(AWARD, key=f"k:{n}", actor=actor)) for n, actor in enumerate(everyone)]
    assert [*again, post(town, by_a_rule)] == [replace(one, replayed=True) for one in receipts]


def test_everything_that_was_said_is_read_back(town: Town) -> None:
    with town.engine.begin() as tx:
        category = policy.of(tx, "town").category("helping")
    told = replace(
        AWARD,
        category=category,
        evidence="https://example.com/1",
        effective_at=NOON - DAY,
        batch=3,
        request=9,
    )
    receipt = post(town, told)
    assert (receipt.category, receipt.batch, receipt.request) == ("helping", 3, 9)
    assert town.read(history.transaction, 1) == receipt
    assert post(town, told) == replace(receipt, replayed=True)
    assert reverse(town, 1).category == "helping"
