"""Where transactions were announced outside, so that the announcement of one that is taken back can say so.

remember       a message announced a transaction
taken_back     have the announcements marked of what is taken back now
reversal_of    what took a transaction back
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from points_core import outbox
from points_core.models import Announcement, Community, PointTransaction
from points_core.outbox import Topic
from points_core.statements import insert_unless_there, portions


def remember(
    tx: Connection, community: str, number: int, *, channel: str, message: str, now: datetime
) -> None:
    """Keep where transaction `number` was announced; if it was taken back meanwhile, have that be marked."""
    (community_id,) = tx.execute(select(Community.id).where(Community.key == community)).one()
    row = {"community_id": community_id, "seq": number, "channel": channel, "message": message}
    tx.execute(insert_unless_there(tx.dialect.name, Announcement), [row])
    if _reversal(tx, community_id, number) is not None:
        outbox.add(tx, community_id, Topic.TAKEN_BACK, f"{number}:{message}", at=now, place=channel)


def reversal_of(tx: Connection, community: str, number: int) -> int | None:
    """Return the number of what took transaction `number` back."""
    (community_id,) = tx.execute(select(Community.id).where(Community.key == community)).one()
    return _reversal(tx, community_id, number)


def taken_back(tx: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Have the announcements marked of what these new transactions (as rows) take back, where there are any."""
    reversals = {row["reverses"]: row for row in rows if row["reverses"] is not None}
    for numbers in portions(reversals):
        community_id = reversals[numbers[0]]["community_id"]
        announced = select(Announcement.seq, Announcement.channel, Announcement.message).where(
            Announcement.community_id == community_id, Announcement.seq.in_(numbers)
        )
        for seq, channel, message in tx.execute(announced.order_by(Announcement.seq)).all():
            at = reversals[seq]["recorded_at"]
            outbox.add(tx, community_id, Topic.TAKEN_BACK, f"{seq}:{message}", at=at, place=channel)


def _reversal(tx: Connection, community_id: int, number: int) -> int | None:
    reversal = select(PointTransaction.seq).where(
        PointTransaction.community_id == community_id, PointTransaction.reverses == number
    )
    return tx.execute(reversal).scalar_one_or_none()
