"""Balances, pages and single transactions, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update

from points_core import history, policy
from points_core.database import writer_engine
from points_core.errors import InvalidSetting, UnknownCategory, UnknownTransaction
from points_core.history import Balance, Page, PendingPoints
from points_core.models import ApprovalRequest, Member
from points_core.settings import sync_url
from points_core.values import Actor, Kind, Receipt
from tests.conftest import Databases
from tests.core.plans import effort, plans
from tests.core.posting import NOON, Move, Town, post

_towns = count(1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = writer_engine(sync_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    return Town(engine)


def numbers(page: Page) -> list[int]:
    return [receipt.number for receipt in page.receipts]


# ── balance ──


def test_a_balance_tells_points_rank_categories_and_the_latest_transactions(town: Town) -> None:
    receipts = town.post(
        [
            Move("ada", 7, "events", name="Ada"),
            Move("bo", 20),
            Move("ada", 5),
            Move("ada", -4, "helping"),
            Move("ada", 2, "content"),
            Move("ada", -2, "content"),
        ]
    )

    found = town.read(history.balance, "ada", recent=2)

    assert found == Balance(
        user_id="ada",
        name="Ada",
        current=8,
        earned=14,
        spent=6,
        rank=2,
        members=2,
        categories=(("events", 7), ("helping", -4)),
        recent=(receipts[5], receipts[4]),
        pending=(),
    )


def test_points_taken_back_are_neither_earned_nor_spent(town: Town) -> None:
    town.reverse(town.award("ada", 7).number)

    found = town.read(history.balance, "ada")

    assert (found.current, found.earned, found.spent, found.rank) == (0, 0, 0, None)
    assert [(receipt.kind, receipt.amount) for receipt in found.recent] == [
        (Kind.REVERSAL, -7),
        (Kind.AWARD, 7),
    ]


def test_who_was_never_seen_has_nothing(town: Town) -> None:
    assert town.read(history.balance, "ada") == Balance("ada", None)
    town.award("bo", 1)
    assert town.read(history.balance, "ada") == Balance("ada", None, members=1)
    assert town.elsewhere("other").read(history.balance, "bo") == Balance("bo", None)


def test_a_balance_may_come_without_transactions(town: Town) -> None:
    town.award("ada", 1)

    assert town.read(history.balance, "ada", recent=0).recent == ()
    with pytest.raises(InvalidSetting):
        town.read(history.balance, "ada", recent=-1)


def test_a_balance_lists_the_requests_that_wait_and_only_those(town: Town) -> None:
    town.post([Move("ada", 1), Move("bo", 1)])
    row = {
        "community_id": 1,
        "kind": "award",
        "member_id": 1,
        "amount": 500,
        "reason": "a talk",
        "actor_kind": "operator",
        "request_hash": b"",
        "quorum": 1,
        "opened_at": NOON,
        "expires_at": NOON + timedelta(days=3),
    }
    with town.engine.begin() as tx:
        tx.execute(insert(ApprovalRequest).values(row | {"number": 3, "key": "a", "state": "pending"}))
        tx.execute(
            insert(ApprovalRequest).values(row | {"number": 2, "key": "b", "state": "pending", "amount": -9})
        )
        closed = {"number": 1, "key": "c", "state": "rejected", "decided_at": NOON}
        tx.execute(insert(ApprovalRequest).values(row | closed))

    assert town.read(history.balance, "ada").pending == (
        PendingPoints(2, Kind.AWARD, -9, "a talk", NOON + timedelta(days=3)),
        PendingPoints(3, Kind.AWARD, 500, "a talk", NOON + timedelta(days=3)),
    )
    assert town.read(history.balance, "bo").pending == ()


# ── pages ──


def test_a_page_is_newest_first_and_leads_to_the_older_one(town: Town) -> None:
    receipts = town.post([Move("ada", n) for n in range(1, 6)])

    first = town.read(history.page, limit=2)
    second = town.read(history.page, limit=2, before=first.older)
    last = town.read(history.page, limit=2, before=second.older)

    assert first == Page((receipts[4], receipts[3]), 4)
    assert numbers(second) == [3, 2]
    assert last == Page((receipts[0],), None)


def test_a_last_page_that_is_full_says_that_it_is_the_last(town: Town) -> None:
    town.post([Move("ada", 1), Move("ada", 2)])

    assert town.read(history.page, limit=2).older is None


def test_a_page_can_be_of_one_member_actor_kind_category_or_time(town: Town) -> None:
    later = NOON + timedelta(days=1)
    town.post(
        [
            Move("ada", 5, "events", by="mod"),
            Move("bo", 5, by="mod"),
            Move("ada", 5, "helping", at=later),
            Move("ada", -5, "events", by="cat", at=later),
        ]
    )

    def found(**filters: object) -> list[int]:
        return numbers(town.read(history.page, **filters))  # type: ignore[arg-type]

    assert found(user_id="ada") == [4, 3, 1]
    assert found(actor="mod") == [2, 1]
    assert found(kind=Kind.DEDUCTION) == [4]
    assert found(category="Events") == [4, 1]
    assert found(since=later) == [4, 3]
    assert found(until=later) == [2, 1]
    assert found(since=NOON, until=later, user_id="ada", actor="mod", category="events", kind=Kind.AWARD) == [
        1
    ]
    assert found(user_id="nobody") == found(actor="nobody") == found(user_id="ada", actor="bo") == []


def test_times_are_those_at_which_points_count(town: Town) -> None:
    town.award("ada", 1, at=NOON, effective_at=NOON - timedelta(days=3))

    assert town.read(history.page, since=NOON - timedelta(days=1)) == Page()
    assert numbers(town.read(history.page, until=NOON - timedelta(days=1))) == [1]


def test_a_retired_category_can_still_be_read_and_an_unknown_one_is_refused(town: Town) -> None:
    town.award("ada", 1, "events")
    town.write(policy.retire_category, town.origin(), "events")

    assert numbers(town.read(history.page, category="events")) == [1]
    with pytest.raises(UnknownCategory):
        town.read(history.page, category="juggling")


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_page_of_nothing_or_too_much_is_refused(town: Town, limit: int) -> None:
    with pytest.raises(InvalidSetting):
        town.read(history.page, limit=limit)


def test_a_community_never_seen_has_an_empty_page(town: Town) -> None:
    assert town.read(history.page, user_id="ada", category="events") == Page()


def test_a_page_may_go_on_from_any_number(town: Town) -> None:
    town.post([Move("ada", 1), Move("bo", 1), Move("ada", 1)])

    assert numbers(town.read(history.page, user_id="ada", before=2)) == [1]
    assert numbers(town.read(history.page, user_id="ada", before=2**70)) == [3, 1]
    assert numbers(town.read(history.page, before=2**70)) == [3, 2, 1]
    assert town.read(history.page, before=-5) == Page()
    assert town.read(history.page, before=-(2**70)) == Page()
    assert town.read(history.page, user_id="ada", before=-(2**70)) == Page()


@pytest.mark.parametrize("number", [-(2**70), -1, 2**70])
def test_a_batch_or_a_program_that_cannot_be_did_nothing(town: Town, number: int) -> None:
    town.post([Move("ada", 1)])

    assert town.read(history.page, batch=number) == Page()
    assert town.read(history.page, client=number) == Page()


def test_a_copy_may_ask_for_what_follows_any_number(town: Town) -> None:
    town.post([Move("ada", 1), Move("bo", 1)])

    assert [receipt.number for receipt in town.read(history.following, after=-(2**70))] == [1, 2]
    assert town.read(history.following, after=2**70) == ()


# ── one transaction ──


def test_a_transaction_is_found_by_its_number_with_everything_known_of_it(town: Town) -> None:
    town.award("ada", 3, at=NOON - timedelta(days=1))
    town.award("ada", 4, "events", by="mod", at=NOON)

    found = town.read(history.transaction, 2)

    assert found == Receipt(
        number=2,
        kind=Kind.AWARD,
        user_id="ada",
        name=None,
        amount=4,
        before=3,
        after=7,
        category="events",
        reason="because",
        evidence=None,
        actor=Actor.member("mod"),
        effective_at=NOON,
        recorded_at=NOON,
    )


@pytest.mark.parametrize("number", [0, -1, 2, 2**63, 2**70])
def test_a_number_without_a_transaction_is_refused(town: Town, number: int) -> None:
    town.award("ada", 1)
    town.elsewhere("other").post([Move("bo", 1)] * 1)

    with pytest.raises(UnknownTransaction) as refused:
        town.read(history.transaction, number)

    assert refused.value.number == number


def test_an_erased_members_transactions_stay_without_a_name(town: Town) -> None:
    town.award("ada", 3, by="mod")
    with town.engine.begin() as tx:
        tx.execute(update(Member).values(user_id=None, name=None))

    found = town.read(history.transaction, 1)

    assert found.user_id is None
    assert found.actor.user_id is None
    assert town.read(history.page).receipts == (found,)


# ── what it costs ──


@pytest.mark.parametrize("analyzed", [False, True])
def test_no_page_and_no_balance_reads_the_whole_ledger_on_sqlite(
    databases: Databases, analyzed: bool
) -> None:
    engine = writer_engine(sync_url(databases.new("sqlite")))
    town = Town(engine)
    town.post(
        [Move(f"u{n % 100}", 1 + n % 7, "events" if n % 3 else None, by=f"u{n % 5}") for n in range(2_000)]
    )
    if analyzed:
        with engine.begin() as tx:
            tx.exec_driver_sql("ANALYZE")
    engine.dispose()  # a new connection reads the statistics
    wanted = {
        "(community_id=?)": lambda: town.read(history.page),
        "(community_id=? AND seq<?)": lambda: town.read(history.page, before=900),
        "(community_id=? AND member_id=?)": lambda: town.read(history.page, user_id="u7"),
        "(community_id=? AND member_id=? AND member_seq<?)": lambda: town.read(
            history.page, user_id="u7", before=908
        ),
        "(community_id=? AND actor_id=?)": lambda: town.read(history.page, actor="u3", before=900),
    }

    for search, read in wanted.items():
        steps = [step for step in plans(engine, read) if "point_transactions" in step]
        assert search in steps[-2], steps
        assert "SCAN" not in steps[-2]
        assert steps[-1].startswith("SEARCH point_transactions")
        assert "(community_id=? AND seq=?)" in steps[-1]
        assert "TEMP B-TREE FOR ORDER BY" not in "".join(steps)
    steps = plans(engine, lambda: town.read(history.balance, "u7"))
    engine.dispose()

    assert not [step for step in steps if "SCAN" in step.replace("SCAN anon_1", "")]
    assert any("(community_id=? AND member_id=? AND state=?)" in step for step in steps)
    own = "point_scores USING PRIMARY KEY (community_id=? AND member_id=? AND span=? AND start=?"
    assert any(own in step for step in steps)


def test_every_page_of_a_long_history_reads_the_same_few_rows_on_sqlite(databases: Databases) -> None:
    engine = writer_engine(sync_url(databases.new("sqlite")))
    town = Town(engine)
    own = [
        receipt.number for receipt in town.post([Move("ada" if n % 2 else "bo", 1) for n in range(6_000)])
    ][1::2]

    with engine.connect() as tx:
        first, second, middle, last = (
            effort(tx, lambda before=before: history.page(tx, "town", user_id="ada", before=before))  # type: ignore[misc]
            for before in (None, own[-11], own[len(own) // 2], own[11])
        )
    engine.dispose()

    assert max(first, second, middle, last) <= 1.5 * min(first, second, middle, last)


# ── against a simple model ──

PEOPLE = ("ada", "bo", "cy")
optional_people = st.none() | st.sampled_from(PEOPLE)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from(PEOPLE),
            st.integers(-5, 9).filter(bool),
            st.sampled_from([None, "events"]),
            optional_people,
            st.integers(0, 5),
        ),
        min_size=1,
        max_size=20,
    ),
    user_id=optional_people,
    actor=optional_people,
    category=st.sampled_from([None, "events"]),
    kind=st.sampled_from([None, Kind.AWARD, Kind.DEDUCTION]),
    since=st.none() | st.integers(0, 20),
    until=st.none() | st.integers(10, 40),
    limit=st.integers(1, 4),
)
def test_pages_hold_what_a_simple_model_filters_and_nothing_twice(
    engine: Engine,
    drawn: list[tuple[str, int, str | None, str | None, int]],
    user_id: str | None,
    actor: str | None,
    category: str | None,
    kind: Kind | None,
    since: int | None,
    until: int | None,
    limit: int,
) -> None:
    town = Town(engine, f"town-{next(_towns)}")
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    start, end = (None if hours is None else begin + timedelta(hours=hours) for hours in (since, until))
    with engine.connect() as tx:
        policy.change(tx, town.origin(), allow_negative=True)
        moves, now = [], begin
        for who, amount, heading, by, wait in drawn:
            now += timedelta(hours=wait)
            moves.append(Move(who, amount, heading, at=now, by=by))
        receipts = post(tx, town.community, moves)

        seen: list[Receipt] = []
        before: int | None = None
        while True:
            page = history.page(
                tx,
                town.community,
                user_id=user_id,
                actor=actor,
                category=category,
                kind=kind,
                since=start,
                until=end,
                before=before,
                limit=limit,
            )
            seen += page.receipts
            before = page.older
            if before is None:
                break
            assert len(page.receipts) == limit

    assert seen == [
        receipt
        for receipt in reversed(receipts)
        if user_id in (None, receipt.user_id)
        and actor in (None, receipt.actor.user_id)
        and category in (None, receipt.category)
        and kind in (None, receipt.kind)
        and (start is None or start <= receipt.effective_at)
        and (end is None or receipt.effective_at < end)
    ]
