"""What the children do until they are killed; each says what was asked and what it was told.

Whatever is asked is decided by its key alone: who asks again after a kill asks for the same.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, event

from points_core import (
    approvals,
    backup,
    bulk,
    database,
    imports,
    outbox,
    policy,
    rules,
    schedules,
    webhooks,
)
from points_core.bulk import Entry
from points_core.database import Points
from points_core.errors import DatabaseUnavailable, InsufficientBalance, RowsRefused
from points_core.imports import Options
from points_core.rules import Fact, On
from points_core.rules.definition import Definition, OnMessage
from points_core.settings import Settings, sync_url
from points_core.values import Actor, Kind, Mode, Origin, Receipt, Request
from points_core.windows import WindowName
from tests.faults import recording

BEGINNING = datetime(2026, 3, 18, 12, tzinfo=UTC)
TOWN = "town"
MOD, VOTERS = "9001", ("9002", "9003")
MEMBERS = 40
BIG = 90  # awards above wait for two moderators
ROWS = 30
PLAIN = "plain"
HOOK = "https://hooks.example/points"

Say = Callable[[object], None]


def settings(url: str) -> Settings:
    """Return the settings of a process on the database at `url`; restore points are made."""
    return Settings(_env_file=None, POINTS_DATABASE_URL=url)


def by(user_id: str, key: str, at: datetime = BEGINNING) -> Origin:
    """Return the origin of what a moderator asks for."""
    return Origin(TOWN, Actor.member(user_id), at, key)


async def found(points: Points, *, plain: bool = False) -> None:
    """Found a community in which everything leaves something behind: requests, effects, rules, webhooks.

    plain: without rules, which the first versions did not know.
    """
    await points.write(
        policy.change, by(MOD, "found"), approval_threshold=BIG, quorum=2, log_channel="77", max_award=1_000
    )
    await points.write(webhooks.add, by(MOD, "hook"), url=HOOK, topics=tuple(webhooks.Topic))
    await points.write(
        schedules.add, by(MOD, "daily"), channel="77", window=WindowName.WEEK, every="day", at="13:00"
    )
    if plain:
        return
    talk = Definition(trigger=OnMessage(), amount=2, reason="wrote")
    made = await points.write(rules.create, by(MOD, "rule"), name="talk", definition=talk)
    await points.write(rules.set_mode, by(MOD, "live"), made.rule.number, Mode.LIVE)


# ── writers ──


async def ask(points: Points, key: str) -> object:
    """Ask for what belongs to `key`, and return what came of it in a form that is the same when asked again.

    A key that begins with PLAIN asks for nothing that the first versions did not know.
    """
    chosen = Random(key)
    what = chosen.choices([award, deduct, batch, message], [6, 1, 1, 0 if key.startswith(PLAIN) else 2])[0]
    return await what(points, key, chosen)


async def award(points: Points, key: str, chosen: Random) -> object:
    asked = await points.write(
        approvals.request,
        by(MOD, key),
        kind=Kind.AWARD,
        user_id=f"member-{chosen.randrange(MEMBERS)}",
        amount=chosen.randint(1, 100),
        reason=f"for {key}",
        category=chosen.choice(["events", "helping", None]),
    )
    if isinstance(asked, Receipt):
        return "moved", asked.number, asked.after
    for voter in VOTERS:
        voted = by(voter, f"{key}:{voter}")
        asked = await points.write(approvals.vote, voted, asked.number, approve=True)
        assert isinstance(asked, Request)
    return "approved", asked.number, asked.transaction


async def deduct(points: Points, key: str, chosen: Random) -> object:
    """Deduct a point; where there is none, the refusal may be a receipt when asked again later."""
    member = f"member-{chosen.randrange(MEMBERS)}"
    try:
        moved = await points.write(
            approvals.request,
            by(MOD, key),
            kind=Kind.DEDUCTION,
            user_id=member,
            amount=1,
            reason=f"for {key}",
        )
    except InsufficientBalance:
        return None
    assert isinstance(moved, Receipt)
    return "moved", moved.number, moved.after


async def batch(points: Points, key: str, chosen: Random) -> object:
    entries = [
        Entry(
            row=row,
            user_id=f"member-{member}",
            amount=chosen.randint(1, 9),
            reason=f"for {key}",
            kind=Kind.AWARD,
        )
        for row, member in enumerate(chosen.sample(range(MEMBERS), 8), start=1)
    ]
    made = await points.write(bulk.post, by(MOD, key), entries)
    return "batch", made.number


async def message(points: Points, key: str, chosen: Random) -> object:
    fact = Fact(
        on=On.MESSAGE,
        key=f"message:{key}",
        at=BEGINNING,
        user_id=f"member-{chosen.randrange(MEMBERS)}",
        name="Ada",
        channel="11",
        joined_at=BEGINNING - timedelta(days=400),
        account_created_at=BEGINNING - timedelta(days=800),
    )
    fired = await points.write(rules.fire, by(MOD, key), fact)
    return "given", [outcome.receipt.number for outcome in fired.outcomes if outcome.receipt]


def write(say: Say, url: str, prefix: str, at_once: int, most: int = 1_000_000) -> None:
    """Ask from several tasks at once, so that commits are shared; until killed, or for `most` keys in all."""
    asyncio.run(_written(say, url, prefix, at_once, most))


async def _written(say: Say, url: str, prefix: str, at_once: int, most: int) -> None:
    numbers = iter(range(most))

    async def one_after_another(points: Points) -> None:
        for number in numbers:
            key = f"{prefix}:{number}"
            say(("asking", key))
            say(("told", key, await ask(points, key)))

    async with Points.opened(settings(url)) as points:
        await asyncio.gather(*[one_after_another(points) for _ in range(at_once)])


# ── keepsakes ──


def back_up(say: Say, url: str, folder: str, begin: int = 0, most: int = 1_000) -> None:
    """Make backups, a minute apart on their own clock, and say each one's file."""
    for number in range(begin, begin + most):
        say(("begun", number))
        made = backup.make(sync_url(url), Path(folder), BEGINNING + timedelta(minutes=number))
        say(("made", str(made.file)))


def go_back(say: Say, url: str, file: str) -> None:
    """Restore a backup, and say so."""
    say("begun")
    backup.restore(settings(url), Path(file), BEGINNING + timedelta(days=1))
    say("restored")


def migrate(say: Say, url: str) -> None:
    """Bring a database to this version's tables, and say so."""
    say("begun")
    database.migrate(sync_url(url), settings(url).restore_points)
    say("migrated")


def copy(say: Say, source: str, target: str) -> None:
    """Move all the books into an empty database, and say so."""
    say("begun")
    backup.move(sync_url(source), sync_url(target))
    say("copied")


def file_of(key: str) -> bytes:
    """Return the file of balances that belongs to `key`."""
    chosen = Random(key)
    lines = [f"member-{member},{chosen.randint(1, 50)}" for member in range(ROWS)]
    return "\n".join(["user_id,points", *lines, ""]).encode()


def bring_in(say: Say, url: str, prefix: str, most: int = 1_000) -> None:
    """Import files, one after the other, and say which."""

    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            for number in range(most):
                key = f"{prefix}:{number}"
                say(("asking", key))
                done = await points.write(imports.run, by(MOD, key), imports.opened(file_of(key)), Options())
                assert done.batch is not None
                say(("told", key, done.batch.number))

    asyncio.run(work())


def send_out(say: Say, url: str, folder: str, most: int = 1_000) -> None:
    """Export the transactions to one file after the other with the command, and say which."""
    from typer.testing import CliRunner

    from points_core.cli import app

    os.environ["POINTS_DATABASE_URL"] = url
    for number in range(most):
        file = f"{folder}/{number}.csv"
        say(("begun", number))
        done = CliRunner().invoke(
            app, ["export", "transactions", "--output", file, "--community", TOWN], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        say(("made", file))


# ── effects ──


def happen(post: str, effect: int) -> None:
    """Change the world outside: nothing takes this back."""
    with open(post, "a", encoding="utf-8") as world:
        world.write(f"{effect}\n")


def deliver(say: Say, url: str, post: str, now: datetime) -> None:
    """Lease effects, hand each to the world (a line in the file `post`), and be done with it, until none is left."""

    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            say("begun")
            while effects := await points.write(outbox.lease, now, limit=5):
                for effect in effects:
                    happen(post, effect.id)
                    await points.write(outbox.done, effect.id, now)
                    say(effect.id)

    asyncio.run(work())


def claim(say: Say, url: str, first: datetime, days: int) -> None:
    """Claim the slots of so many days, an hour at a time, and say each day that is over."""

    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            say("begun")
            for hour in range(24 * days):
                now = first + timedelta(hours=hour)
                for claimed in await points.write(schedules.claim_due, now):
                    say((claimed.number, claimed.slot))

    asyncio.run(work())


# ── killed at a certain statement ──


def killed_at(say: Say, begins: str, after: int, job: Callable[..., object], *arguments: object) -> None:
    """Do another job, and end as killed before the statement number `after`, of those that begin so."""
    left = count(after, -1)

    def die(statement: str) -> None:
        if statement.startswith(begins) and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", lambda _, cursor, statement, *rest: die(statement))
    event.listen(Engine, "commit", lambda connection: die("COMMIT"))
    job(say, *arguments)


# ── under the recorder ──


def recorded(say: Say, folder: str, log: str, job: Callable[..., object], *arguments: object) -> None:
    """Do another job while everything below `folder` is recorded; what it says is written to the record too."""
    recording.record(Path(folder), Path(log))
    said = open(f"{folder}/said", "ab", buffering=0)  # noqa: SIM115 - as long as the child lives
    numbers = count()

    def both(what: object) -> None:
        said.write(f"{next(numbers)}\n".encode())  # a mark in the record, at the moment of saying
        say(what)

    job(both, *arguments)


def failing(
    say: Say,
    folder: str,
    fault: tuple[str, int, int, int],
    job: Callable[..., object],
    *arguments: object,
) -> None:
    """Do another job while some operations on the disk below `folder` fail."""
    recording.fail(Path(folder), *fault)
    job(say, *arguments)


def write_through(say: Say, url: str, prefix: str, keys: Sequence[str]) -> None:
    """Ask for each key, whatever was said to the one before; say `told` or `fault` with the reason."""

    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            for key in keys:
                say(("asking", key))
                say(await _or_fault(key, ask(points, key)))

    asyncio.run(work())


async def _or_fault(key: str, asked: Awaitable[object]) -> tuple[str, str, Any]:
    try:
        return "told", key, await asked
    except DatabaseUnavailable as fault:
        return "fault", key, fault.why
    except RowsRefused as refused:
        return "refused", key, str(refused)
