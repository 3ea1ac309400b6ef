"""The dry run and the batch: one is the other, taken back before the commit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from points_core import bulk, policy
from points_core.bulk import BatchKind, BatchReceipt
from points_core.errors import InvalidSetting, RowRefused, RowsRefused, UnknownCategory
from points_core.imports.marks import mark
from points_core.imports.planning import Change, Plan, plan
from points_core.imports.reading import Opened
from points_core.imports.sources import Source
from points_core.policy import Policy
from points_core.values import Origin

SERVER: Final = re.compile(r"[0-9]{15,20}", re.ASCII)
"""What the id of a Discord server looks like."""


class Mode(StrEnum):
    """What a file of balances does to them."""

    ADD = "add"  # they grow by what it says
    REPLACE = "replace"  # they become what it says


@dataclass(frozen=True, slots=True)
class Options:
    """How to import: `category` for rows without one; `add_categories` opens those the community lacks.

    `partial` leaves out rows that cannot be instead of refusing all. `again` imports a file anew whose batch
    was undone. `snowflakes` refuses ids that cannot be Discord's; in a Discord server they always are.
    """

    mode: Mode = Mode.ADD
    category: str | None = None
    add_categories: bool = False
    partial: bool = False
    again: bool = False
    snowflakes: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import did, or would do: whose `rows` they were, and which balances changed.

    `refused` are the rows that cannot be, with reasons; `unchanged` rows move nothing; `opened` are new
    categories. `batch` is the batch made; after a dry run its number is the next one; None if nothing moves.
    With `batch.replayed` the file was imported before, and nothing is written.
    """

    source: Source
    rows: int
    changes: tuple[Change, ...] = ()
    refused: tuple[RowRefused, ...] = ()
    unchanged: int = 0
    opened: tuple[str, ...] = ()
    batch: BatchReceipt | None = None


def preview(tx: Connection, origin: Origin, file: Opened, options: Options) -> Preview:
    """Return what `run` would do, rows that cannot be included; writes nothing. Call it through `write`."""
    trial = tx.begin_nested()
    try:
        return _imported(tx, origin, file, options)
    except RowsRefused as refused:
        return Preview(file.source, len(file.rows), refused=refused.rows)
    finally:
        trial.rollback()


def run(tx: Connection, origin: Origin, file: Opened, options: Options) -> Preview:
    """Import a file as one batch of kind `import`; the same file again is the same batch, and writes nothing.

    Raises RowsRefused, UnknownCategory, InvalidSetting.
    """
    done = _imported(tx, origin, file, options)
    if done.refused and not options.partial:
        raise RowsRefused(done.refused, done.rows)
    return done


def _imported(tx: Connection, origin: Origin, file: Opened, options: Options) -> Preview:
    head, rules = policy.locked(tx, origin)
    known_as = mark(tx, head.community_id, file.checksum)
    earlier = bulk.of_file(tx, origin.community, known_as)
    if earlier is not None and not (options.again and earlier.undone_by):
        return Preview(file.source, len(file.rows), batch=replace(earlier, replayed=True))
    if options.category is not None:
        rules.category(options.category)
    if options.mode is Mode.REPLACE and file.source is Source.TRANSACTIONS:
        raise InvalidSetting("mode", options.mode.value, "add: a list of transactions says no balances")
    planned = plan(
        tx,
        head.community_id,
        rules,
        file,
        origin.at,
        replace=options.mode is Mode.REPLACE,
        category=options.category,
        snowflakes=options.snowflakes or SERVER.fullmatch(origin.community) is not None,
    )
    opened = _open_categories(tx, origin, rules, planned) if options.add_categories else ()
    batch = _batch(tx, origin, file, planned, known_as, earlier) if planned.entries else None
    refused = [*planned.refused, *(batch.refused if batch else ())]
    if refused and batch is None:
        raise RowsRefused(_in_order(refused), len(file.rows))
    return Preview(
        file.source,
        len(file.rows),
        changes=_changes(planned, batch),
        refused=_in_order(refused),
        unchanged=planned.unchanged,
        opened=opened,
        batch=batch,
    )


def _batch(
    tx: Connection,
    origin: Origin,
    file: Opened,
    planned: Plan,
    known_as: bytes,
    earlier: BatchReceipt | None,
) -> BatchReceipt:
    """Post the batch, whose key is the file's mark. Raises RowsRefused if no row is left."""
    key = f"import:{known_as.hex()}" + (f":{earlier.number}" if earlier else "")
    try:
        return bulk.post(
            tx,
            replace(origin, key=key),
            planned.entries,
            kind=BatchKind.IMPORT,
            mark=known_as,
            partial=True,
        )
    except RowsRefused as refused:
        raise RowsRefused(_in_order([*planned.refused, *refused.rows]), len(file.rows)) from None


def _open_categories(tx: Connection, origin: Origin, rules: Policy, planned: Plan) -> tuple[str, ...]:
    """Open the categories that the file names and the community lacks. Raises InvalidText, InvalidSetting."""
    lacking: dict[str, str] = {}
    for name in {entry.category for entry in planned.entries if entry.category}:
        try:
            rules.category(name, retired=True)
        except UnknownCategory:
            lacking.setdefault(name.strip().casefold(), name.strip())
    for name in sorted(lacking.values()):
        policy.add_category(tx, origin, name)
    return tuple(sorted(lacking.values()))


def _changes(planned: Plan, batch: BatchReceipt | None) -> tuple[Change, ...]:
    """Return the balances that change, the largest changes first."""
    refused = {row.row for row in batch.refused} if batch else set()
    after = {user_id: today.before for user_id, today in planned.before.items()}
    for entry in planned.entries:
        if entry.row not in refused:
            after[entry.user_id] += entry.amount
    changes = [
        Change(user_id, today.name, today.before, after[user_id]) for user_id, today in planned.before.items()
    ]
    return tuple(
        sorted(
            (change for change in changes if change.before != change.after),
            key=lambda change: (-abs(change.after - change.before), change.user_id),
        )
    )


def _in_order(refused: Iterable[RowRefused]) -> tuple[RowRefused, ...]:
    return tuple(sorted(refused, key=lambda each: each.row))
