"""What must not be undone by going back: messages sent, posts made, tokens revoked, links ended, people erased.

The rows of the live books say so, where there still are live books. Where they are lost, nothing that a
backup holds as waiting is sent: nobody can know whether it was, and a message twice is worse than once less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text, update

from points_core import audit, communities, outbox, policy
from points_core.models import (
    ApiClient,
    ApprovalRequest,
    Community,
    Erasure,
    LedgerHead,
    LinkedAccount,
    Member,
    OutboxEntry,
    Publication,
    Schedule,
    Webhook,
    WebhookDelivery,
)
from points_core.outbox import Topic
from points_core.statements import insert_unless_there
from points_core.values import Actor, ActorKind, Origin

RESTORED = "books.restore"
"""The action under which going back goes on record."""

NOT_AGAIN = "not sent again: the books were restored from a backup"


@dataclass(frozen=True, slots=True)
class Return:
    """Going back, for the record: to which backup, made when, whether over known anchors, at which moment."""

    backup: str
    made_at: datetime
    forced: bool
    at: datetime


def carry(live: Connection | None, staged: Connection, now: datetime) -> None:
    """Bring into `staged` what the live books know to be done. One transaction of the caller's."""
    ours = _numbers(staged)
    theirs = _numbers(live) if live is not None else {}
    _settle_waiting(live, staged, ours, theirs, now)
    if live is None:
        _skip_slots(staged, now)
        return
    pairs = {theirs[key]: ours[key] for key in ours.keys() & theirs.keys()}
    for carried in _CARRIED:
        carried.bring(live, staged, pairs)
    _publications(live, staged, pairs)
    _people(live, staged, pairs, now)


def _numbers(tx: Connection) -> dict[str, int]:
    return {key: number for key, number in tx.execute(select(Community.key, Community.id))}  # noqa: C416


def _rows(tx: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in tx.execute(select(table))]


def _table(model: Any) -> Table:  # noqa: ANN401 - a mapped class
    table: Table = model.__table__
    return table


@dataclass(frozen=True, slots=True)
class Carried:
    """Columns that only ever go from empty to filled, of rows that `identity` finds in both books."""

    model: Any
    identity: tuple[str, ...]
    columns: tuple[str, ...]

    def bring(self, live: Connection, staged: Connection, pairs: dict[int, int]) -> None:
        """Fill what is filled in the live books."""
        table = _table(self.model)
        for row in _rows(live, table):
            filled = {name: row[name] for name in self.columns if row[name] is not None}
            if not filled or row["community_id"] not in pairs:
                continue
            this = [table.c[name] == row[name] for name in self.identity]
            this.append(table.c.community_id == pairs[row["community_id"]])
            empty = [table.c[name].is_(None) for name in self.columns[:1]]
            staged.execute(update(table).where(*this, *empty).values(**filled))


_CARRIED = (
    Carried(ApiClient, ("id", "key"), ("revoked_at",)),
    Carried(Webhook, ("number", "key"), ("removed_at",)),
    Carried(ApprovalRequest, ("number", "key"), ("card_message", "card_channel")),
)


def _settle_waiting(
    live: Connection | None,
    staged: Connection,
    ours: dict[str, int],
    theirs: dict[str, int],
    now: datetime,
) -> None:
    """Take what waits in the backup and was done since as done; what waits in both goes on waiting."""
    for model, identity in (
        (OutboxEntry, ("key",)),
        (WebhookDelivery, ("webhook_number", "event")),
    ):
        table = _table(model)
        done = _done(live, table, identity, ours, theirs) if live is not None else None
        known = (table.c.id, table.c.community_id, *(table.c[name] for name in identity))
        waiting = staged.execute(select(*known).where(table.c.done_at.is_(None))).all()
        for row in waiting:
            this = (row.community_id, *(row._mapping[name] for name in identity))
            if done is None:
                finished: tuple[datetime, str | None] | None = (now, NOT_AGAIN)
            else:
                finished = done.get(this, (now, NOT_AGAIN))
            if finished is not None:
                staged.execute(
                    update(table)
                    .where(table.c.id == row.id)
                    .values(done_at=finished[0], outcome=finished[1], leased_until=None)
                )


def _done(
    live: Connection, table: Table, identity: Sequence[str], ours: dict[str, int], theirs: dict[str, int]
) -> dict[tuple[Any, ...], tuple[datetime, str | None] | None]:
    """Return when each effect of the live books was done, None for one that still waits there."""
    renumbered = {theirs[key]: ours.get(key) for key in theirs}
    known = (table.c[name] for name in ("community_id", *identity, "done_at", "outcome"))
    return {
        (renumbered[row.community_id], *(row._mapping[name] for name in identity)): (
            (row.done_at, row.outcome) if row.done_at is not None else None
        )
        for row in live.execute(select(*known))
    }


def _publications(live: Connection, staged: Connection, pairs: dict[int, int]) -> None:
    """Copy every slot's fate: a board that was posted since the backup is not posted again."""
    schedules = {
        (row.community_id, row.number): row.key
        for row in staged.execute(select(Schedule.community_id, Schedule.number, Schedule.key))
    }
    same = {
        (row.community_id, row.number)
        for row in live.execute(select(Schedule.community_id, Schedule.number, Schedule.key))
        if schedules.get((pairs.get(row.community_id, 0), row.number)) == row.key
    }
    table = _table(Publication)
    for row in _rows(live, table):
        if (row["community_id"], row["schedule_number"]) not in same:
            continue
        values = {**row, "community_id": pairs[row["community_id"]]}
        this = [table.c[name] == values[name] for name in ("community_id", "schedule_number", "slot")]
        if not staged.execute(update(table).where(*this).values(**values)).rowcount:
            staged.execute(insert(table).values(**values))


def _skip_slots(staged: Connection, now: datetime) -> None:
    """Pass over the slots up to now: whether their boards were posted is not known any more."""
    rows = staged.execute(
        select(Schedule.community_id, Schedule.number, Schedule.at).where(Schedule.removed_at.is_(None))
    ).all()
    for community_id, number, at in rows:
        local = now.astimezone(policy.by_number(staged, community_id).zone)
        passed = local.date() if f"{local:%H:%M}" >= at else local.date() - timedelta(days=1)
        staged.execute(
            insert_unless_there(staged.dialect.name, Publication),
            [
                {
                    "community_id": community_id,
                    "schedule_number": number,
                    "slot": passed.isoformat(),
                    "due_at": now,
                    "claimed_at": now,
                    "finished_at": now,
                    "state": "skipped",
                }
            ],
        )


def _people(live: Connection, staged: Connection, pairs: dict[int, int], now: datetime) -> None:
    """Let what people decided about themselves stand.

    That is who hides, of whom rules take no notice, who asked to be erased, who was. After an earlier return the
    same number may be another person's: who is the same came at the same time.
    """
    columns = select(Member.community_id, Member.id, Member.created_at, Member.hidden_at, Member.untracked_at)
    there = {(row.community_id, row.id): row for row in staged.execute(columns)}
    same: set[tuple[int, int]] = set()
    for row in live.execute(columns):
        member = (pairs.get(row.community_id, 0), row.id)
        if member not in there or there[member].created_at != row.created_at:
            continue
        same.add(member)
        wishes = {"hidden_at": row.hidden_at, "untracked_at": row.untracked_at}
        if any(getattr(there[member], name) != since for name, since in wishes.items()):
            this = (Member.community_id == member[0], Member.id == member[1])
            staged.execute(update(Member).where(*this).values(**wishes))
    _links(live, staged, pairs, same)
    for wish in _rows(live, _table(Erasure)):
        member = (pairs.get(wish["community_id"], 0), wish["member_id"])
        if member in same:
            _wish(staged, {**wish, "community_id": member[0]}, now)


def _links(live: Connection, staged: Connection, pairs: dict[int, int], same: set[tuple[int, int]]) -> None:
    """Take every link as it is now: who ended theirs stays unlinked, and an older permission would be worth nothing."""
    table = _table(LinkedAccount)
    staged.execute(delete(table).where(table.c.community_id.in_(pairs.values())))
    for row in _rows(live, table):
        values = {**row, "community_id": pairs.get(row["community_id"], 0), "leased_until": None}
        if (values["community_id"], row["member_id"]) in same:
            staged.execute(insert(table).values(**values))


def _wish(staged: Connection, wish: dict[str, Any], now: datetime) -> None:
    """Bring one wish to be erased; one that was granted since the backup is due again, at once."""
    table = _table(Erasure)
    this = (table.c.community_id == wish["community_id"], table.c.key == wish["key"])
    due_at = now if wish["done_at"] is not None else wish["due_at"]
    stands = {"due_at": due_at, "cancelled_at": wish["cancelled_at"]}
    there = staged.execute(select(table.c.done_at).where(*this)).one_or_none()
    if there is None:
        fresh = ("community_id", "member_id", "key", "asked_at")
        staged.execute(insert(table).values(**{name: wish[name] for name in fresh}, **stands))
    elif there.done_at is None:
        staged.execute(update(table).where(*this).values(**stands))


def record_return(live: Connection | None, staged: Connection, going: Return) -> None:
    """Put on record in every community of `staged` that the books went back, and tell its log channel.

    Effects from here on get ids past those that the live books used: Discord drops a message whose nonce,
    made of the id, it has just seen.
    """
    before = _ends(live) if live is not None else {}
    last = staged.execute(select(func.max(OutboxEntry.id))).scalar() or 0
    for community in _ends(staged):
        origin = Origin(community, Actor(ActorKind.OPERATOR), going.at, f"restore:{going.at.isoformat()}")
        head = communities.lock(staged, community)
        assert head is not None
        number = audit.record(
            staged,
            head,
            origin,
            action=RESTORED,
            target=going.backup[:200],
            before={"number": before.get(community)},
            after={"number": head.seq, "made_at": going.made_at.isoformat(), "forced": going.forced},
        )
        communities.save(staged, head)
        channel = policy.by_number(staged, head.community_id).log_channel
        if channel:
            outbox.add(staged, head.community_id, Topic.CHANGED, f"{number}", at=going.at, place=channel)
    used = (live.execute(select(func.max(OutboxEntry.id))).scalar() or 0) if live is not None else 0
    _pass_over(staged, last, used)


def _pass_over(staged: Connection, last: int, used: int) -> None:
    """Give what was written after id `last` ids above `used`."""
    if used <= last:
        return
    moved = update(OutboxEntry).where(OutboxEntry.id > last)
    staged.execute(moved.values(id=OutboxEntry.id + (used - last)))
    if staged.dialect.name == "postgresql":
        staged.execute(
            text("SELECT setval(pg_get_serial_sequence('outbox', 'id'), :used)"), {"used": used + 1_000}
        )


def _ends(tx: Connection) -> dict[str, int]:
    rows = tx.execute(
        select(Community.key, LedgerHead.seq).join(LedgerHead, LedgerHead.community_id == Community.id)
    )
    return {key: seq for key, seq in rows}  # noqa: C416
