"""The clock goes back, jumps ahead or stands still between two writes: numbers and recorded times never go back."""

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, select

from points_core import approvals, awards, schedules, verification
from points_core.database import Points
from points_core.models import AuditEvent, PointTransaction
from points_core.values import Kind, Receipt
from tests.faults.jobs import BEGINNING, MOD, by, found, settings

STEPS = {
    "back": (-3 * 86_400, 0),
    "ahead": (0, 3 * 86_400),
    "standing still": (0, 0),
    "to and fro": (-2 * 86_400, 2 * 86_400),
}
WRITES = 40


def recorded(tx: Connection) -> list[tuple[int, datetime]]:
    rows = tx.execute(
        select(PointTransaction.seq, PointTransaction.recorded_at).order_by(PointTransaction.seq)
    )
    return [(number, at) for number, at in rows]


@pytest.mark.parametrize("name", STEPS)
async def test_whatever_the_clock_does_recorded_times_never_go_back_and_keys_replay(
    database_url: str, name: str, chance: Random
) -> None:
    now, asked = BEGINNING, []
    async with Points.opened(settings(database_url)) as points:
        await found(points)
        for number in range(WRITES):
            now += timedelta(seconds=chance.randint(*STEPS[name]))
            origin = by(MOD, f"clock:{number}", now)
            moved = await points.write(
                approvals.request, origin, kind=Kind.AWARD, user_id="1", amount=number + 1, reason="x"
            )
            assert isinstance(moved, Receipt)
            asked.append((origin, moved.number))
            if number % 7 == 3:
                await points.write(awards.reverse, by(MOD, f"back:{number}", now), moved.number, reason="x")
            await points.write(schedules.claim_due, now)

        times = await points.read(recorded)
        assert [number for number, _ in times] == list(range(1, len(times) + 1))
        assert [at for _, at in times] == sorted(at for _, at in times)
        audit = await points.read(
            lambda tx: tx.execute(select(AuditEvent.recorded_at).order_by(AuditEvent.number)).scalars().all()
        )
        assert list(audit) == sorted(audit)
        for number, (origin, first) in enumerate(asked):
            again = await points.write(
                approvals.request, origin, kind=Kind.AWARD, user_id="1", amount=number + 1, reason="x"
            )
            assert isinstance(again, Receipt)
            assert (again.number, again.replayed) == (first, True)
        assert await points.read(verification.verify) == []
