"""What the rows of a file come to in this community: entries of a batch, rows that cannot be, balances that change."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, select

from points_core import communities
from points_core.bulk import Entry
from points_core.errors import InsufficientBalance, InvalidSetting, Refused, RowRefused
from points_core.imports.reading import Opened, Row
from points_core.imports.sources import NAMES, Source
from points_core.imports.wishes import Had, Moved, had, moved
from points_core.models import PointBalance
from points_core.policy import Policy
from points_core.values import Kind

T = TypeVar("T")
CHUNK = 5_000  # members looked up at a time


@dataclass(frozen=True, slots=True)
class Change:
    """A member's balance before and after the import."""

    user_id: str
    name: str | None
    before: int
    after: int


@dataclass(slots=True)
class Plan:
    """What is to be posted, what cannot be, and what people have today; `unchanged` rows move nothing."""

    entries: list[Entry] = field(default_factory=list)
    refused: list[RowRefused] = field(default_factory=list)
    before: dict[str, Change] = field(default_factory=dict)
    unchanged: int = 0


def plan(
    tx: Connection,
    community_id: int,
    rules: Policy,
    file: Opened,
    now: datetime,
    *,
    replace: bool,
    category: str | None,
    snowflakes: bool,
) -> Plan:
    """Return what `file` comes to; `replace` when balances become what it says instead of growing by it."""
    made = Plan()
    if file.source is Source.TRANSACTIONS:
        movements = list(
            _understood(made, file.rows, lambda row: moved(row, rules.zone, now, snowflakes=snowflakes))
        )
        made.before = _today(tx, community_id, movements)
        _plan_movements(made, movements, category)
    else:
        members = list(_understood(made, file.rows, lambda row: had(row, file.source, snowflakes=snowflakes)))
        made.before = _today(tx, community_id, members)
        _plan_balances(made, members, rules, file.source, replace=replace, category=category)
    return made


def _understood(made: Plan, rows: Sequence[Row], read: Callable[[Row], T]) -> Iterator[T]:
    for row in rows:
        try:
            yield read(row)
        except Refused as refusal:
            made.refused.append(RowRefused(row.number, None, refusal))


def _today(tx: Connection, community_id: int, wishes: Sequence[Had | Moved]) -> dict[str, Change]:
    """Return what the people of a file have before it is imported."""
    found = {wish.user_id: Change(wish.user_id, wish.name, 0, 0) for wish in reversed(wishes)}
    ids = sorted(found)
    for start in range(0, len(ids), CHUNK):
        people = communities.people(tx, community_id, ids[start : start + CHUNK])
        numbers = {person.id: (user_id, person.name) for user_id, person in people.items()}
        stored = select(PointBalance.member_id, PointBalance.current).where(
            PointBalance.community_id == community_id, PointBalance.member_id.in_(sorted(numbers))
        )
        for member_id, current in tx.execute(stored):
            user_id, name = numbers[member_id]
            found[user_id] = Change(user_id, found[user_id].name or name, current, current)
    return found


def _plan_balances(
    made: Plan, members: Sequence[Had], rules: Policy, source: Source, *, replace: bool, category: str | None
) -> None:
    seen: dict[str, int] = {}
    reason = f"Brought along from {NAMES[source]}"
    for member in members:
        first = seen.setdefault(member.user_id, member.row)
        before = made.before[member.user_id].before
        amounts = _amounts(member, before, replace=replace)
        if first != member.row:
            refusal: Refused = InvalidSetting(
                "user_id", member.user_id, f"in one row only, it is in row {first}"
            )
            made.refused.append(RowRefused(member.row, member.user_id, refusal))
        elif rules.floor is not None and sum(amounts) < 0 and before + sum(amounts) < rules.floor:
            refusal = InsufficientBalance(before, -sum(amounts), rules.floor)
            made.refused.append(RowRefused(member.row, member.user_id, refusal))
        elif not any(amounts):
            made.unchanged += 1
        else:
            made.entries += [
                Entry(
                    row=member.row,
                    part="" if amount > 0 else "-",
                    user_id=member.user_id,
                    name=member.name,
                    amount=amount,
                    kind=Kind.IMPORT,
                    reason=reason,
                    category=category,
                )
                for amount in amounts
                if amount
            ]


def _amounts(member: Had, before: int, *, replace: bool) -> tuple[int, ...]:
    """Return the movements that bring a member's points along: earned and spent apart where both are known."""
    if replace:
        return (member.current - before,)
    if member.earned is not None and member.spent is not None:
        return member.earned, -member.spent
    return (member.current,)


def _plan_movements(made: Plan, movements: Sequence[Moved], category: str | None) -> None:
    originals = {movement.number: movement for movement in movements if movement.number is not None}
    taken_back: set[int] = set()
    reason = f"Brought along from {NAMES[Source.TRANSACTIONS]}"
    for movement in movements:
        original = originals.get(movement.reverses) if movement.reverses is not None else None
        if original is not None and not _mirrors(movement, original, taken_back):
            refusal = InvalidSetting(
                "reverses", movement.reverses, "an earlier award or deduction of this amount"
            )
            made.refused.append(RowRefused(movement.row, movement.user_id, refusal))
            continue
        made.entries.append(
            Entry(
                row=movement.row,
                user_id=movement.user_id,
                name=movement.name,
                amount=movement.amount,
                kind=Kind.IMPORT,
                reason=movement.reason or reason,
                category=movement.category or category,
                evidence=movement.evidence,
                effective_at=movement.effective_at,
                takes_back=original.row if original else None,
            )
        )


def _mirrors(movement: Moved, original: Moved, taken_back: set[int]) -> bool:
    """Return whether `movement` can take `original` back, and if so count it as taken back."""
    fits = (
        original.row < movement.row
        and original.row not in taken_back
        and original.reverses is None
        and (original.user_id, -original.amount) == (movement.user_id, movement.amount)
    )
    if fits:
        taken_back.add(original.row)
    return fits
