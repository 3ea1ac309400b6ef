"""Random histories, told to both databases and to plain lists at once: all three must answer alike.

Each history is one transaction per database, rolled back at its end, so that the next begins with nothing.
POINTS_TEST_HISTORIES=2000 tells more of them than the usual 60, POINTS_TEST_STEPS makes each longer. The
commit that added this sentence lists the bugs that were planted to see it fail.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine, Table, select

from points_core import approvals, awards, communities, history, leaderboard, policy, scores, verification
from points_core.database import writer_engine
from points_core.models import PointScore, ScoreBucket
from points_core.settings import sync_url
from points_core.values import Actor, ActorKind, Kind, Origin
from points_core.windows import WindowName
from points_core.writer import Call, run_together
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import settings_for
from tests.core.plain_books import CALENDAR
from tests.core.two_worlds import (
    BEGINNING,
    CATEGORIES,
    CHANGES,
    HISTORIES,
    MODERATORS,
    PEOPLE,
    TOWNS,
    Told,
    Worlds,
    actors,
    alike,
    asks,
    moderators,
    people,
    recent,
    said,
    shape,
    steps,
    towns,
    votes,
)

STEPS = int(os.environ.get("POINTS_TEST_STEPS", "30"))

OPERATIONS: dict[str, Callable[..., Any]] = {
    "request": approvals.request,
    "reverse": awards.reverse,
    "vote": approvals.vote,
    "cancel": approvals.cancel,
    "change": policy.change,
    "add_category": policy.add_category,
    "retire_category": policy.retire_category,
    "rename_category": policy.rename_category,
}

HAPPENINGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}
MIXTURE: list[str] = []
Happening = TypeVar("Happening", bound=Callable[..., None])


def happens(often: int, **drawn: st.SearchStrategy[Any]) -> Callable[[Happening], Happening]:
    """Let a method of History happen, `often` times as frequently as the rarest, with drawn arguments.

    Rules of their own would not do: Hypothesis leaves out most rules of most histories, and points that
    nobody awards cannot be voted on, taken back or delivered again.
    """

    def register(method: Happening) -> Happening:
        HAPPENINGS[method.__name__] = st.fixed_dictionaries(drawn)
        MIXTURE.extend([method.__name__] * often)
        return method

    return register


class History(RuleBasedStateMachine):
    """What may happen in two communities, in any order."""

    engines: tuple[Engine, Engine]

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGINNING
        self.told: list[Told] = []
        self.connections = [engine.connect() for engine in self.engines]
        self.worlds = Worlds(dict(zip(BACKENDS, self.connections, strict=True)))
        for connection in self.connections:
            connection.begin()

    # ── telling ──

    def origin(self, town: str, actor: Actor, key: str | None = None) -> Origin:
        return Origin(town, actor, self.now, key or f"key:{len(self.told)}")

    def tell(self, operation: str, origin: Origin, *args: Any, **kwargs: Any) -> None:
        """Call an operation everywhere and compare."""
        self.told.append(Told(operation, origin, args, kwargs))
        real = self.worlds.everywhere(OPERATIONS[operation], origin, *args, **kwargs)
        plain = said(getattr(self.worlds.plain[origin.community], operation), origin, *args, **kwargs)
        assert alike(real, plain), f"{operation}: {real} instead of {plain}"

    @initialize(
        first=st.lists(st.tuples(towns, actors, asks), min_size=3, max_size=8),
        limit=st.sampled_from([None, 15, 40]),
        threshold=st.sampled_from([None, 5, 12, 40]),
        quorum=st.sampled_from([1, 2, 2, 3]),
    )
    def begin(
        self,
        first: list[tuple[str, Actor, dict[str, Any]]],
        limit: int | None,
        threshold: int | None,
        quorum: int,
    ) -> None:
        for town in TOWNS:
            self.tell(
                "change",
                self.origin(town, Actor(ActorKind.OPERATOR)),
                daily_limit=limit,
                approval_threshold=threshold,
                quorum=quorum,
            )
        for town, actor, ask in first:
            self.ask(town, actor, ask)

    @happens(6, town=towns, actor=actors, ask=asks)
    def ask(self, town: str, actor: Actor, ask: dict[str, Any]) -> None:
        self.tell("request", self.origin(town, actor), **ask)

    @happens(
        2,
        actor=actors,
        together=st.lists(st.tuples(towns, asks), min_size=2, max_size=6),
        repeat=st.booleans(),
    )
    def ask_together(self, actor: Actor, together: list[tuple[str, dict[str, Any]]], repeat: bool) -> None:
        calls: list[tuple[Origin, dict[str, Any]]] = []
        for town, ask in together:
            origin = self.origin(town, actor)
            calls.append((origin, ask))
            self.told.append(Told("request", origin, (), ask))
        if repeat:
            calls.append(calls[0])
        real = self.worlds.everywhere(
            run_together, approvals.request, [Call((origin,), ask) for origin, ask in calls]
        )
        plain = [said(self.worlds.plain[origin.community].request, origin, **ask) for origin, ask in calls]
        assert alike(real, plain), f"{real} instead of {plain}"

    @happens(3, town=towns, actor=actors, number=recent, own_only=st.booleans())
    def take_back(self, town: str, actor: Actor, number: int, own_only: bool) -> None:
        number = back(self.worlds.plain[town].moved, number)
        own_only = own_only and actor.kind is ActorKind.MEMBER
        self.tell("reverse", self.origin(town, actor), number, reason="a mistake", own_only=own_only)

    @happens(1, town=towns, user_id=people, actor=actors)
    def spend_all_and_take_one_back(self, town: str, user_id: str, actor: Actor) -> None:
        books = self.worlds.plain[town]
        spent = max(books.balance(user_id).current, 1)
        award = next((m.number for m in books.moved[::-1] if m.asked.user_id == user_id), 1)
        everything = {"kind": Kind.DEDUCTION, "user_id": user_id, "amount": spent, "reason": "all of it"}
        self.tell("request", self.origin(town, actor), **everything)
        self.tell("reverse", self.origin(town, actor), award, reason="too late")

    @happens(4, place=recent, votes=st.lists(votes, min_size=1, max_size=3))
    def vote(self, place: int, votes: list[tuple[str, bool, timedelta]]) -> None:
        if not (waiting := self.waiting()):
            return
        town, number = waiting[-1 - place % len(waiting)]
        for voter, approve, step in votes:
            self.now += step
            note = None if approve else "too much"
            self.tell("vote", self.origin(town, Actor.member(voter)), number, approve=approve, note=note)

    def waiting(self) -> list[tuple[str, int]]:
        """Return the requests that are pending."""
        return [(town, r.number) for town, books in self.worlds.plain.items() for r in books.pending()]

    @happens(1, town=towns, voter=moderators | people, number=recent, approve=st.booleans())
    def vote_on_any(self, town: str, voter: str, number: int, approve: bool) -> None:
        number = back(self.worlds.plain[town].requests, number)
        self.tell("vote", self.origin(town, Actor.member(voter)), number, approve=approve)

    @happens(1, town=towns, actor=moderators, number=recent, any_request=st.booleans())
    def cancel(self, town: str, actor: str, number: int, any_request: bool) -> None:
        number = back(self.worlds.plain[town].requests, number)
        self.tell("cancel", self.origin(town, Actor.member(actor)), number, any_request=any_request)

    @happens(1)
    def expire(self) -> None:
        real = self.worlds.everywhere(approvals.expire_due, self.now)
        plain = [(town, n) for town, books in self.worlds.plain.items() for n in books.expire_due(self.now)]
        assert sorted(real) == plain

    @happens(
        3,
        place=recent,
        changes=st.sampled_from([{}, {}, {"amount": 4}, {"reason": "other"}, {"user_id": "bob"}]),
    )
    def deliver_again(self, place: int, changes: dict[str, Any]) -> None:
        earlier = self.told[-1 - place % len(self.told)]
        known = {name: value for name, value in changes.items() if name in earlier.kwargs}
        origin = replace(earlier.origin, at=self.now)
        self.tell(earlier.operation, origin, *earlier.args, **(earlier.kwargs | known))

    @happens(2, place=recent, number=recent, ask=asks, reverse=st.booleans())
    def use_a_key_for_something_else(
        self, place: int, number: int, ask: dict[str, Any], reverse: bool
    ) -> None:
        origin = replace(self.told[-1 - place % len(self.told)].origin, at=self.now)
        if reverse:
            if waiting := self.waiting():  # the key that will move points later
                town, request = waiting[-1 - place % len(waiting)]
                key, _, _ = self.worlds.plain[town].requests[request - 1]
                origin = self.origin(town, origin.actor, key)
            number = back(self.worlds.plain[origin.community].moved, number)
            self.tell("reverse", origin, number, reason="a mistake")
        else:
            self.tell("request", origin, **ask)

    @happens(3, town=towns, actor=actors, changes=st.sampled_from(CHANGES))
    def change_policy(self, town: str, actor: Actor, changes: dict[str, Any]) -> None:
        self.tell("change", self.origin(town, actor), **changes)

    @happens(2, town=towns, name=st.sampled_from(CATEGORIES), to=st.sampled_from((*CATEGORIES, None, "")))
    def change_categories(self, town: str, name: str, to: str | None) -> None:
        origin = self.origin(town, Actor.member("mia"))
        if to is None:
            self.tell("add_category", origin, name)
        elif to == "":
            self.tell("retire_category", origin, name)
        else:
            self.tell("rename_category", origin, name, to)
        self.deliver_latest_again(town, name)

    def deliver_latest_again(self, town: str, category: str) -> None:
        """Repeat the latest ask under a category that was just changed."""
        for told in reversed(self.told):
            if told.origin.community == town and told.kwargs.get("category") == category:
                self.tell(told.operation, replace(told.origin, at=self.now), *told.args, **told.kwargs)
                return

    @happens(3, step=steps)
    def the_clock_moves(self, step: timedelta) -> None:
        self.now += step

    # ── looking ──

    @happens(
        2,
        town=towns,
        window=st.sampled_from(sorted(CALENDAR)),
        category=st.sampled_from((*CATEGORIES, None)),
        top=st.sampled_from([1, 2, 10]),
    )
    def look_at_a_board(self, town: str, window: WindowName, category: str | None, top: int) -> None:
        self.compare_board(town, window, category, top)

    @happens(1, town=towns, user_id=people)
    def look_at_a_balance(self, town: str, user_id: str) -> None:
        real = self.worlds.everywhere(history.balance, town, user_id)
        assert real == self.worlds.plain[town].balance(user_id)

    @rule(what=st.sampled_from(MIXTURE), data=st.data())
    def something_happens(self, what: str, data: st.DataObject) -> None:
        getattr(self, what)(**data.draw(HAPPENINGS[what], label=what))

    @invariant()
    def as_many_transactions_as_told(self) -> None:
        """Nothing was written that nobody was told of."""
        for town, books in self.worlds.plain.items():
            newest = self.worlds.everywhere(history.page, town, limit=2)
            assert [r.number for r in newest.receipts] == [m.number for m in books.moved[:-3:-1]]

    def compare_board(self, town: str, window: WindowName, category: str | None, top: int = 10) -> None:
        real = self.worlds.everywhere(
            leaderboard.named, town, window, self.now, category=category, top=top, around="ada"
        )
        plain = said(self.worlds.plain[town].board, window, self.now, category)
        if not isinstance(plain, list):
            assert real == plain
            return
        mine = next((line for line in plain if line.user_id == "ada"), None)
        place = plain.index(mine) if mine else 0
        assert list(real.standings) == [line for line in plain if line.rank <= top]
        assert (real.members, real.more_tied, real.mine) == (len(plain), 0, mine)
        assert list(real.neighbours) == (plain[max(place - 1, 0) : place + 2] if mine else [])

    # ── the end of a history ──

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # or what went wrong first would not be what is reported
                self.compare_everything()
        finally:
            for connection in self.connections:
                connection.close()

    def compare_everything(self) -> None:
        assert self.worlds.everywhere(verification.verify) == []
        for town, books in self.worlds.plain.items():
            assert self.worlds.everywhere(policy.of, town) == books.policy()
            pending = self.worlds.everywhere(approvals.pending, town, limit=1_000)
            assert list(pending) == shape(books.pending())
            receipts = self.worlds.everywhere(history.page, town, limit=1_000)
            assert list(receipts.receipts) == [books._receipt(m.number) for m in reversed(books.moved)]
            for window in CALENDAR:
                self.compare_board(town, window, None)
            self.compare_board(town, WindowName.ALL, "events")
            for user_id in (*PEOPLE, *MODERATORS):
                self.look_at_a_balance(town, user_id)
            for tx in self.connections:
                rebuilding_changes_nothing(tx, town)


def back(numbered: Sequence[object], places: int) -> int:
    """Return a number so many places from the latest; 0, which nothing has, among them."""
    return len(numbered) - places % (len(numbered) + 1)


def rebuilding_changes_nothing(tx: Connection, town: str) -> None:
    community_id = communities.find(tx, town)
    if community_id is None:
        return
    before = projections(tx, community_id)
    scores.rebuild(tx, community_id, policy.by_number(tx, community_id).zone)
    assert projections(tx, community_id) == before


def projections(tx: Connection, community_id: int) -> list[tuple[Any, ...]]:
    """Return every row of what is kept beside the transactions, in one order."""
    tables: list[Table | Any] = [PointScore.__table__, ScoreBucket.__table__]
    return [
        tuple(row)
        for table in tables
        for row in tx.execute(
            select(table).where(table.c.community_id == community_id).order_by(*table.primary_key)
        )
    ]


@pytest.fixture(scope="module")
def engines(databases: Databases) -> Iterator[tuple[Engine, Engine]]:
    """One engine per backend, each on a database of its own."""
    urls = [databases.new(backend) for backend in BACKENDS]
    made = [writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url)) for url in urls]
    yield made[0], made[1]
    for engine, url in zip(made, urls, strict=True):
        engine.dispose()
        databases.drop(url)


def test_both_databases_answer_any_history_as_plain_lists_do(engines: tuple[Engine, Engine]) -> None:
    class OnTheseDatabases(History):
        pass

    OnTheseDatabases.engines = engines
    run_state_machine_as_test(
        OnTheseDatabases,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
