"""Chain heads shown outside the database: who rewrites the books cannot rewrite those.

An anchor is a community's last transaction and its hash, made daily for the log channel and with every
backup. What is in the anchors table could be rewritten with the rest; the line in the channel and the
manifest beside the backup could not, and `points verify` takes both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from points_core import outbox
from points_core.models import Anchor, Community, LedgerHead, PointTransaction, Policy, VerifiedMark
from points_core.moments import SKEW
from points_core.outbox import Topic
from points_core.statements import insert_unless_there
from points_core.verification.broken import Problem

EVERY = timedelta(days=1)
CHANNEL = "log channel "
"""How the place of an anchor shown in a log channel begins; its id follows."""

IN_CHAIN = "anchors are in the chain"


@dataclass(frozen=True, slots=True)
class Known:
    """A chain head known from outside: transaction `seq` of `community` had `hash`, says `place`."""

    community: str
    seq: int
    hash: bytes
    place: str


def heads(tx: Connection) -> list[Known]:
    """Return where every community's books end now; those without transactions have nothing to show."""
    rows = tx.execute(
        select(Community.key, LedgerHead.seq, LedgerHead.hash)
        .join(LedgerHead, LedgerHead.community_id == Community.id)
        .where(LedgerHead.seq > 0)
        .order_by(Community.id)
    )
    return [Known(key, seq, chain_head, "") for key, seq, chain_head in rows]


def keep(tx: Connection, known: Sequence[Known], now: datetime) -> None:
    """Write down which heads were shown where."""
    numbers = {key: number for number, key in tx.execute(select(Community.id, Community.key)).all()}
    rows = [
        {
            "community_id": numbers[head.community],
            "seq": head.seq,
            "place": head.place,
            "hash": head.hash,
            "made_at": now,
        }
        for head in known
        if head.community in numbers
    ]
    if rows:
        tx.execute(insert_unless_there(tx.dialect.name, Anchor), rows)


def show_due(tx: Connection, now: datetime) -> list[Known]:
    """Leave an effect for each community with a log channel whose head was last shown a day ago; return them.

    Books that did not move since need no new line; closed books are not vouched for.
    """
    last = (
        select(
            Anchor.community_id, func.max(Anchor.made_at).label("made_at"), func.max(Anchor.seq).label("seq")
        )
        .where(Anchor.place.startswith(CHANNEL), Anchor.made_at <= now + SKEW)
        .group_by(Anchor.community_id)
        .subquery()
    )
    channel = Policy.document["log_channel"].as_string()
    rows = tx.execute(
        select(Community.id, Community.key, LedgerHead.seq, LedgerHead.hash, channel)
        .join(LedgerHead, LedgerHead.community_id == Community.id)
        .join(Policy, Policy.community_id == Community.id)
        .outerjoin(last, last.c.community_id == Community.id)
        .where(
            LedgerHead.seq > 0,
            LedgerHead.closed_because.is_(None),
            channel.is_not(None),
            or_(last.c.seq.is_(None), (last.c.seq != LedgerHead.seq) & (last.c.made_at <= now - EVERY)),
        )
        .order_by(Community.id)
    ).all()
    shown: list[Known] = []
    for community_id, key, seq, chain_head, place in rows:
        outbox.add(tx, community_id, Topic.ANCHORED, str(seq), at=now, place=place)
        shown.append(Known(key, seq, chain_head, CHANNEL + place))
    keep(tx, shown, now)
    return shown


def hash_at(tx: Connection, community: str, seq: int) -> bytes | None:
    """Return the hash of a community's transaction `seq`, None if there is none."""
    found = (
        select(PointTransaction.hash)
        .join(Community, Community.id == PointTransaction.community_id)
        .where(Community.key == community, PointTransaction.seq == seq)
    )
    return tx.execute(found).scalar()


def problems(tx: Connection, community_id: int, known: Sequence[Known] = ()) -> Iterator[Problem]:
    """Yield the anchors, kept here or `known` from outside, that the chain does not hold."""
    rows = tx.execute(
        select(Anchor.seq, Anchor.place, Anchor.hash, PointTransaction.hash)
        .outerjoin(
            PointTransaction,
            (PointTransaction.community_id == Anchor.community_id) & (PointTransaction.seq == Anchor.seq),
        )
        .where(Anchor.community_id == community_id)
        .order_by(Anchor.seq, Anchor.place)
    )
    for seq, place, shown, there in rows:
        yield from _compared(seq, place, shown, there)
    yield from _marked(tx, community_id)
    for head in known:
        found = select(PointTransaction.hash).where(
            PointTransaction.community_id == community_id, PointTransaction.seq == head.seq
        )
        yield from _compared(head.seq, head.place, head.hash, tx.execute(found).scalar())


def _marked(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Compare with where the books were last in order."""
    mark = tx.execute(
        select(VerifiedMark.seq, VerifiedMark.hash, PointTransaction.hash)
        .outerjoin(
            PointTransaction,
            (PointTransaction.community_id == VerifiedMark.community_id)
            & (PointTransaction.seq == VerifiedMark.seq),
        )
        .where(VerifiedMark.community_id == community_id, VerifiedMark.seq > 0)
    ).one_or_none()
    if mark is not None:
        yield from _compared(mark[0], "the last verification", mark[1], mark[2])


def _compared(seq: int, place: str, shown: bytes, there: bytes | None) -> Iterator[Problem]:
    if there is None:
        yield IN_CHAIN, f"the log is shorter than #{seq}, which {place} knows"
    elif there != shown:
        yield IN_CHAIN, f"#{seq} is not the one that {place} knows: the log was rewritten"
