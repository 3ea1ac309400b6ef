"""PostgreSQL goes away in every way it can; what is written is written once, and the process goes on by itself."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from points_core import (
    approvals,
    awards,
    bulk,
    clients,
    imports,
    outbox,
    policy,
    privacy,
    rules,
    schedules,
    seasons,
    verification,
    webhooks,
)
from points_core.clients import Scope
from points_core.database import Points
from points_core.engines import LOCK_TIMEOUT_MS
from points_core.errors import DatabaseUnavailable
from points_core.rules.definition import Definition, OnMessage
from points_core.values import Kind, Mode
from points_core.windows import WindowName
from tests.conftest import Databases
from tests.faults import jobs, proxy
from tests.faults.books import keep_word, moved
from tests.faults.jobs import BEGINNING, MOD, VOTERS, ask, by, found, settings
from tests.faults.proxy import Cut

Rounds = Callable[[int], int]

TERMINATIONS = 140


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """A fresh database on the tests' PostgreSQL."""
    url = databases.new("postgresql")
    yield url
    databases.drop(url)


def directly(url: str) -> psycopg.Connection[Any]:
    """Return a connection of somebody else's."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


async def insist(points: Points, key: str) -> tuple[str, str, object]:
    """Ask with one key until there is an answer."""
    while True:
        with suppress(DatabaseUnavailable):
            return "told", key, await ask(points, key)


# ── backends that are ended ──


async def test_whoever_is_terminated_and_however_often_each_key_is_done_once(
    url: str, chance: Random, rounds: Rounds
) -> None:
    others = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    ended, told = 0, []
    async with Points.opened(settings(url)) as points:
        await found(points)
        with directly(url) as killer:
            numbers = iter(range(100_000))

            async def load() -> None:
                while ended < rounds(TERMINATIONS):
                    told.append(await insist(points, f"load:{next(numbers)}"))

            loads = [asyncio.create_task(load()) for _ in range(4)]
            while ended < rounds(TERMINATIONS):
                await asyncio.sleep(chance.uniform(0, 0.02))
                pids = [pid for (pid,) in killer.execute(others).fetchall()]
                if pids:
                    found_one = killer.execute("SELECT pg_terminate_backend(%s)", [chance.choice(pids)])
                    ended += bool(found_one.fetchone() == (True,))
            await asyncio.gather(*loads)
    await keep_word(url, [*told, *(("asking", key) for _, key, _ in told)])


# ── a connection that is cut ──

Operation = Callable[[Points], Any]

OPERATIONS: dict[str, Operation] = {
    "award": lambda p: p.write(
        approvals.request, by(MOD, "o1"), kind=Kind.AWARD, user_id="1", amount=5, reason="x"
    ),
    "deduction": lambda p: p.write(
        approvals.request, by(MOD, "o2"), kind=Kind.DEDUCTION, user_id="1", amount=1, reason="x"
    ),
    "request": lambda p: p.write(
        approvals.request, by(MOD, "o3"), kind=Kind.AWARD, user_id="1", amount=500, reason="x"
    ),
    "vote": lambda p: p.write(approvals.vote, by(VOTERS[0], "o4"), 1, approve=True),
    "reversal": lambda p: p.write(awards.reverse, by(MOD, "o5"), 1, reason="x"),
    "batch": lambda p: jobs.batch(p, "o6", Random("o6")),
    "batch undone": lambda p: p.write(bulk.undo, by(MOD, "o7"), 1, reason="x"),
    "fact": lambda p: jobs.message(p, "o8", Random("o8")),
    "import": lambda p: p.write(
        imports.run, by(MOD, "o9"), imports.opened(jobs.file_of("o9")), imports.Options()
    ),
    "policy": lambda p: p.write(policy.change, by(MOD, "o10"), quorum=3),
    "category": lambda p: p.write(policy.add_category, by(MOD, "o11"), "Baking"),
    "rule": lambda p: p.write(
        rules.create,
        by(MOD, "o12"),
        name="new",
        definition=Definition(trigger=OnMessage(), amount=1, reason="x"),
    ),
    "rule's mode": lambda p: p.write(rules.set_mode, by(MOD, "o13"), 1, Mode.PAUSED),
    "schedule": lambda p: p.write(
        schedules.add, by(MOD, "o14"), channel="9", window=WindowName.ALL, every="day", at="09:00"
    ),
    "slots": lambda p: p.write(schedules.claim_due, BEGINNING + timedelta(days=2)),
    "webhook": lambda p: p.write(
        webhooks.add, by(MOD, "o15"), url=f"{jobs.HOOK}/two", topics=tuple(webhooks.Topic)
    ),
    "token": lambda p: p.write(
        clients.create, by(MOD, "o16"), token=f"points_{'a' * 43}", name="shop", scopes=[Scope.READ]
    ),
    "season": lambda p: p.write(
        seasons.start, by(MOD, "o17"), name="Spring", last=BEGINNING.date() + timedelta(days=30)
    ),
    "hiding": lambda p: p.write(privacy.hide, by(MOD, "o18"), "member-1"),
    "erasure": lambda p: p.write(privacy.ask, by("member-1", "o19"), "member-1"),
    "lease": lambda p: p.write(outbox.lease, BEGINNING + timedelta(days=1), limit=3),
    "deliveries": lambda p: p.write(webhooks.lease, BEGINNING + timedelta(days=1), limit=3),
    "done": lambda p: p.write(outbox.done, 1, BEGINNING),
}


async def lived(points: Points) -> None:
    """Let something of everything be there: request 1 waits, batch 1 is made, member-1 has points."""
    await found(points)
    for key, user_id, amount in (("l1", "member-1", 9), ("l2", "2", 300)):
        await points.write(
            approvals.request, by(MOD, key), kind=Kind.AWARD, user_id=user_id, amount=amount, reason="x"
        )
    await jobs.batch(points, "l3", Random("l3"))


@pytest.mark.parametrize("cut", Cut)
async def test_an_operation_whose_connection_breaks_at_the_commit_answers_as_if_nothing_had_happened(
    url: str, databases: Databases, cut: Cut
) -> None:
    async with Points.opened(settings(url)) as points:
        await lived(points)
    plain = databases.copy(url)
    async with Points.opened(settings(plain)) as points:
        wanted = {name: plainly(await operation(points)) for name, operation in OPERATIONS.items()}
    async with proxy.before(url) as (door, through), Points.opened(settings(through)) as points:
        await points.read(moved)
        for name, operation in OPERATIONS.items():
            door.cuts.append(cut)
            answer = plainly(await operation(points))
            assert answer == wanted[name], name
            assert not door.cuts, f"{name} did not commit"
        assert await points.read(verification.verify) == []
        here = await points.read(moved)
    async with Points.opened(settings(plain)) as points:
        assert await points.read(moved) == here
    databases.drop(plain)


def plainly(answer: object) -> str:
    """Return an answer without what is drawn by lot."""
    return re.sub(r"secret='[^']*'|whsec_\w+", "", repr(answer))


async def test_a_commit_that_nobody_can_be_asked_about_is_said_to_be_unknown_and_the_key_resolves_it(
    url: str,
) -> None:
    async with Points.opened(settings(url)) as points:
        await found(points)
    async with proxy.before(url) as (door, through), Points.opened(settings(through)) as points:
        await ask(points, "plain:0")
        door.cuts, door.shut = [Cut.AFTER], True
        with pytest.raises(DatabaseUnavailable, match="ask again"):
            await ask(points, "plain:1")
        door.shut = False
        answer = await ask(points, "plain:1")
        assert await points.read(verification.verify) == []
    await keep_word(url, [("asking", "plain:1"), ("told", "plain:1", answer)])


# ── somebody who holds on ──


@pytest.mark.parametrize("pooled", ["", "&pooled=true"])
async def test_a_session_that_is_idle_in_a_transaction_holds_nobody_up_for_ever(
    url: str, pooled: str
) -> None:
    address = url + (pooled if "?" in url else pooled.replace("&", "?"))
    async with Points.opened(settings(address)) as points:
        await found(points)
        with directly(url) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM ledger_heads FOR UPDATE")
            began = time.monotonic()
            outcomes = await asyncio.gather(
                *[ask(points, f"plain:{n}") for n in range(5)], return_exceptions=True
            )
            took = time.monotonic() - began
            assert all(isinstance(each, DatabaseUnavailable) for each in outcomes)
            assert "lock timeout" in str(outcomes[0])
            assert took < 2 * LOCK_TIMEOUT_MS / 1_000
            assert await points.read(verification.verify) == []  # whoever only looks does not wait
            other.execute("ROLLBACK")
        told = [await insist(points, f"plain:{n}") for n in range(5)]
    await keep_word(url, [*told, *(("asking", key) for _, key, _ in told)])


async def test_a_session_that_lets_go_soon_is_waited_for(url: str) -> None:
    async with Points.opened(settings(url)) as points:
        await found(points)
        with directly(url) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM ledger_heads FOR UPDATE")
            asked = asyncio.create_task(ask(points, "plain:1"))
            await asyncio.sleep(1)
            assert not asked.done()
            other.execute("COMMIT")
            assert await asked is not None
