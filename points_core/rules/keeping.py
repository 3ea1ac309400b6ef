"""Facts as they are kept: for a while, to explain what rules did and to try new ones on; under a digest.

An outside's own keys name people (who reacted, who checked in), so only a digest of a key is kept: enough to
know a fact again, and nothing that erasure would have to reach.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, select
from sqlalchemy.orm import aliased

from points_core.models import Community, Member, UtcDateTime
from points_core.models import Fact as FactRow
from points_core.rules.facts import Fact, On
from points_core.values import (
    Origin,
    clean_id,
    clean_instant,
    clean_link,
    clean_name,
    clean_text,
)

KEPT: Final = timedelta(days=90)  # how long a fact can be looked at
TRIED: Final = 50_000  # facts that a rule is tried on: the latest, some 50 MB of them
MAX_FACT_KEY: Final = 150  # characters of an outside's own key
MAX_WHAT: Final = 100  # characters

_PLAIN: Final = ("parent", "group", "link", "length", "attachments", "minutes", "people", "years", "days")
_TIMES: Final = ("account_created_at", "joined_at")


def cleaned(origin: Origin, fact: Fact) -> Fact:
    """Return the fact with clean values, and not later than it is told: clocks differ.

    Raises InvalidText, InvalidTime.
    """
    for name in ("channel", "parent", "group", "message"):
        if (id_ := getattr(fact, name)) is not None:
            clean_id(name, id_)
    for role in fact.roles:
        clean_id("role", role)
    for name in _TIMES:
        if (moment := getattr(fact, name)) is not None:
            clean_instant(moment)
    return replace(
        fact,
        key=clean_text("key", fact.key, MAX_FACT_KEY),
        at=min(clean_instant(fact.at), origin.at),
        user_id=clean_id("user_id", fact.user_id),
        name=clean_name(fact.name),
        other_id=clean_id("other_id", fact.other_id) if fact.other_id is not None else None,
        other_name=clean_name(fact.other_name),
        link=clean_link("link", fact.link) if fact.link else None,
        what=clean_text("what", fact.what, MAX_WHAT) if fact.what is not None else None,
    )


def key_of(fact: Fact) -> str:
    """Return the key under which a fact is kept: what happened, and a digest of the outside's own key."""
    return f"{fact.on.value}:{sha256(fact.key.encode()).hexdigest()[:40]}"


def row(
    community_id: int,
    key: str,
    fact: Fact,
    people: tuple[int, int | None],
    outcomes: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Return the row to keep of a fact; `people` are the numbers of its member and of the other person."""
    return {
        "community_id": community_id,
        "key": key,
        "trigger_name": fact.on.value,
        "at": fact.at,
        "recorded_at": now,
        "member_id": people[0],
        "other_id": people[1],
        "channel": fact.channel,
        "message": fact.message,
        "data": _data(fact),
        "outcomes": outcomes,
    }


def _data(fact: Fact) -> dict[str, Any]:
    said = {name: value for name in (*_PLAIN, "what", "rule") if (value := getattr(fact, name)) is not None}
    times = {name: moment.isoformat() for name in _TIMES if (moment := getattr(fact, name)) is not None}
    return {
        **said,
        **times,
        **({"roles": sorted(fact.roles)} if fact.roles else {}),
        **({"reply": True} if fact.reply else {}),
    }


_Other = aliased(Member, name="other")
FACTS: Final = (
    select(
        FactRow.key,
        FactRow.trigger.label("trigger"),
        FactRow.at,
        FactRow.recorded_at,
        Member.user_id,
        Member.name,
        _Other.user_id.label("other_id"),
        _Other.name.label("other_name"),
        FactRow.channel,
        FactRow.message,
        FactRow.data,
        FactRow.outcomes,
        FactRow.member_id,
    )
    .join(Member, and_(Member.community_id == FactRow.community_id, Member.id == FactRow.member_id))
    .outerjoin(_Other, and_(_Other.community_id == FactRow.community_id, _Other.id == FactRow.other_id))
)
"""Kept facts with their people; add WHERE, ORDER BY and LIMIT, read rows with `fact_of`."""


def fact_of(row: Any) -> Fact:  # noqa: ANN401 - a row of FACTS
    """Return the fact in a row of FACTS, its key the one that is kept; nobody's id is "" once erased."""
    data: dict[str, Any] = row.data
    times: dict[str, Any] = {
        name: datetime.fromisoformat(data[name]) if name in data else None for name in _TIMES
    }
    plain = {name: data.get(name) for name in (*_PLAIN, "what", "rule")}
    return Fact(
        on=On(row.trigger),
        key=row.key,
        at=row.at,
        user_id=row.user_id or "",
        name=row.name,
        other_id=row.other_id,
        other_name=row.other_name,
        channel=row.channel,
        message=row.message,
        roles=frozenset(data.get("roles", ())),
        reply=data.get("reply", False),
        **plain,
        **times,
    )


def kept(
    tx: Connection,
    community: str,
    *,
    since: datetime,
    until: datetime,
    ons: Iterable[On] | None = None,
    most: int | None = None,
) -> Iterator[Fact]:
    """Yield the facts that happened from `since` to before `until`, oldest first; of the kinds `ons`, or of all.

    Only what some rule matched is kept. most: only so many, the latest.
    """
    conditions: list[ColumnElement[bool]] = [
        Community.key == community,
        FactRow.at >= since,
        FactRow.at < until,
    ]
    if ons is not None:
        conditions.append(FactRow.trigger.in_([on.value for on in ons]))
    found = FACTS.join(Community, Community.id == FactRow.community_id).where(*conditions)
    if most is None:
        rows: Iterable[Any] = tx.execute(found.order_by(FactRow.at, FactRow.key))
    else:
        latest = found.order_by(FactRow.at.desc(), FactRow.key.desc()).limit(most)
        rows = reversed(tx.execute(latest).all())
    for one in rows:
        yield fact_of(one)


def forget(tx: Connection, now: datetime, limit: int = 5_000) -> int:
    """Forget up to `limit` facts that were kept long enough; return how many."""
    forgotten = 0
    for community_id in tx.execute(_HAS_OLD, {"before": now - KEPT}).scalars().all():
        old = select(FactRow.key).where(FactRow.community_id == community_id, FactRow.at < now - KEPT)
        these = old.order_by(FactRow.at).limit(limit - forgotten)
        gone = delete(FactRow).where(FactRow.community_id == community_id, FactRow.key.in_(these))
        forgotten += tx.execute(gone).rowcount
        if forgotten >= limit:
            break
    return forgotten


_HAS_OLD: Final = (
    select(Community.id)
    .where(
        select(FactRow.key)
        .where(FactRow.community_id == Community.id, FactRow.at < bindparam("before", type_=UtcDateTime()))
        .exists()
    )
    .order_by(Community.id)
)
"""The communities with something to forget, each found by its oldest fact: there may be millions of others."""
