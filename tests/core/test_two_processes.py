"""Several processes on one database: each thing happens once, whoever does it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from points_core import (
    achievements,
    approvals,
    clients,
    expiry,
    leaderboard,
    outbox,
    policy,
    privacy,
    rules,
    schedules,
    seasons,
    verification,
)
from points_core.clients import Scope
from points_core.database import Points
from points_core.errors import InvalidAmount
from points_core.models import AuditEvent, Community, OutboxEntry, PointTransaction
from points_core.outbox import Topic
from points_core.programme import Expiry, Level, Programme
from points_core.rules.definition import Limits
from points_core.values import Kind, Mode, Receipt
from points_core.verification import anchors
from points_core.windows import Window
from tests.core import firing_process
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by, settings_for
from tests.core.rule_facts import definition

ROOT = Path(__file__).parents[2]
EFFECTS = 200


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Points]:
    """Another process's way into the same database."""
    async with Points.opened(settings_for(database_url)) as opened:
        yield opened


async def leasing(url: str) -> asyncio.subprocess.Process:
    """Start a process that waits for its sign to lease."""
    return await started("leasing_process", url, NOON.isoformat())


async def started(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start a process that waits for its sign."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"tests.core.{module}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def told(process: asyncio.subprocess.Process) -> bytes:
    """Have a process lease for the first time, and return what it says to that."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()
    return await process.stdout.readline()


async def test_two_processes_deliver_each_effect_once(database_url: str, points: Points) -> None:
    await points.write(policy.change, by(MOD), log_channel="77")

    def leave(tx: Connection) -> None:
        head, _ = policy.locked(tx, by(MOD))
        for number in range(EFFECTS):
            outbox.add(tx, head.community_id, Topic.RECORDED, f"{number}", at=NOON, place="77")

    await points.write(leave)
    processes = await asyncio.gather(leasing(database_url), leasing(database_url))
    first = await asyncio.gather(*[told(process) for process in processes])
    rest = await asyncio.gather(*[process.communicate(b"go on\n") for process in processes])

    taken = [
        [int(word) for word in (begun + out).split()] for begun, (out, _) in zip(first, rest, strict=True)
    ]
    left = await points.read(lambda tx: list(tx.execute(select(OutboxEntry.id)).scalars()))
    assert sorted(taken[0] + taken[1]) == sorted(left)
    assert all(taken)
    assert await points.read(outbox.waiting, COMMUNITY) == 0


async def test_what_is_due_is_done_once_by_two_processes_at_once(points: Points, other: Points) -> None:
    await points.write(policy.change, by(MOD), log_channel="77", approval_threshold=10, erasure_days=1)
    for n in range(6):
        await points.write(
            approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=50 + n, reason=f"Big {n}"
        )
        await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=f"3{n}", amount=2, reason="s")
        await points.write(privacy.ask, by(f"3{n}"), f"3{n}")
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=GRACE, amount=2, reason="s")
    await points.write(seasons.start, by(MOD), name="Spring", last=NOON.date() + timedelta(days=2))
    later = NOON + timedelta(days=5)

    duties = (
        approvals.expire_due,
        schedules.claim_due,
        seasons.seal_due,
        privacy.erase_due,
        anchors.show_due,
        outbox.forget,
    )
    await asyncio.gather(*[side.write(duty, later) for duty in duties for side in (points, other) * 3])

    def happened(tx: Connection) -> dict[str, int]:
        rows = tx.execute(select(AuditEvent.action, func.count()).group_by(AuditEvent.action))
        return {action: count for action, count in rows}  # noqa: C416

    counted = await points.read(happened)
    assert (counted["season.seal"], counted["privacy.erased"]) == (1, 6)
    decided = select(OutboxEntry.subject).where(OutboxEntry.topic == Topic.DECIDED)
    assert len(await points.read(lambda tx: tx.execute(decided).all())) == 6
    assert await points.read(verification.verify) == []


async def test_the_same_asked_of_two_processes_at_once_moves_points_once(
    points: Points, other: Points
) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    asks = [by(MOD, key=f"interaction:{number}") for number in range(20)]

    receipts = await asyncio.gather(
        *[
            side.write(
                approvals.request, ask, kind=Kind.AWARD, user_id=ADA, amount=3 + number, reason=f"{number}"
            )
            for number, ask in enumerate(asks)
            for side in (points, other, other, points)
        ]
    )

    numbers = [getattr(receipt, "number", None) for receipt in receipts]
    assert [len(set(numbers[at : at + 4])) for at in range(0, len(numbers), 4)] == [1] * len(asks)
    moved = await points.read(lambda tx: tx.execute(select(func.count(PointTransaction.seq))).scalar_one())
    assert moved == len(asks)
    assert await points.read(verification.verify) == []


async def test_what_one_process_decides_by_is_what_the_other_has_just_changed(
    points: Points, other: Points
) -> None:
    async def ask(side: Points, amount: int) -> object:
        return await side.write(
            approvals.request,
            by(MOD),
            kind=Kind.AWARD,
            user_id=ADA,
            amount=amount,
            reason="Mowing",
            again=True,
        )

    for limit in (10, 20, 5, 40):
        await points.write(policy.change, by(MOD), approval_threshold=None, max_award=limit)
        assert isinstance(await ask(other, limit), Receipt)
        with pytest.raises(InvalidAmount):
            await ask(other, limit + 1)


async def test_a_token_that_one_process_ends_opens_nothing_in_the_other(
    points: Points, other: Points
) -> None:
    token = clients.new_token()
    made = await points.write(clients.create, by(MOD), token=token, name="shop", scopes=[Scope.READ])
    assert await other.read(clients.authenticate, token, NOON) is not None

    await points.write(clients.revoke, by(MOD), made.number)

    assert await other.read(clients.authenticate, token, NOON) is None


async def test_points_expire_once_and_levels_are_settled_once_by_two_processes(
    points: Points, other: Points
) -> None:
    programme = Programme(expiry=(Expiry(days=10),), levels=(Level(name="Seedling", earned=5),))
    for town in ("town", "village", "hamlet"):
        await points.write(policy.change, by(MOD, community=town), programme=programme)
        for n in range(8):
            await points.write(
                approvals.request,
                by(MOD, community=town),
                kind=Kind.AWARD,
                user_id=f"3{n}",
                amount=9,
                reason="s",
            )
    later = NOON + timedelta(days=60)

    async def work(side: Points) -> None:
        while await side.write(expiry.take_due, later) is not None:
            pass
        while (await side.write(achievements.settle_due, later, limit=3)).more:
            pass

    await asyncio.gather(*[work(side) for side in (points, other, points, other)])

    def expired(tx: Connection) -> list[tuple[str, int]]:
        rows = tx.execute(
            select(Community.key, PointTransaction.member_id, func.sum(PointTransaction.amount))
            .join(Community, Community.id == PointTransaction.community_id)
            .where(PointTransaction.kind == Kind.EXPIRY)
            .group_by(Community.key, PointTransaction.member_id)
        )
        return [(key, int(amount)) for key, _, amount in rows]

    taken = await points.read(expired)
    assert len(taken) == 24
    assert {amount for _, amount in taken} == {-9}
    assert not await points.read(achievements.anything_due, later)
    assert await points.read(verification.verify) == []


@pytest.mark.parametrize(
    "wanted, given",
    [
        (
            {
                "rule": {"amount": 3, "limits": Limits(rule_day=250)},
                "cooldown": {"amount": 1, "limits": Limits(member_cooldown=3_600)},
                "member": {"amount": 5, "limits": Limits(member_day=112)},
            },
            {1: 250, 2: firing_process.MEMBERS, 3: 112 * firing_process.MEMBERS},
        ),
        (
            {
                "one": {"amount": 7, "limits": Limits(community_day=1_000)},
                "two": {"amount": 9, "limits": Limits(community_day=1_000, every_rule_member_day=400)},
            },
            1_000,
        ),
    ],
)
async def test_limits_hold_exactly_between_processes_that_tell_of_the_same(
    database_url: str, points: Points, wanted: dict[str, dict[str, Any]], given: dict[int, int] | int
) -> None:
    for name, changes in wanted.items():
        await points.write(rules.create, by(MOD), name=name, definition=definition(**changes), mode=Mode.LIVE)
    processes = [await started("firing_process", database_url, str(seed)) for seed in range(3)]

    said = [out for out, _ in await asyncio.gather(*(each.communicate(b"go\n") for each in processes))]

    told = [{int(rule): amount for rule, amount in json.loads(out).items()} for out in said]
    together = {rule: sum(one.get(rule, 0) for one in told) for rule in range(1, len(wanted) + 1)}
    assert (together if isinstance(given, dict) else sum(together.values())) == given
    assert sum(1 for one in told if one) > 1  # more than one of them gave
    board = await points.read(leaderboard.standings, COMMUNITY, window=Window.all_time())
    assert sum(each.points for each in board.standings) == sum(together.values())
    assert await points.read(verification.verify) == []
