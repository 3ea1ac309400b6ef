"""What is said about exports, imports and batches; all of it privately."""

from bot.messages import text
from bot.messages.changes import fitting
from bot.messages.text import Reply
from bot.refusals import words
from points_core.bulk import BatchReceipt
from points_core.errors import RowRefused
from points_core.imports import Change, Options, Preview
from points_core.imports.sources import NAMES

SHOWN = 10  # balances and rows of a preview
MAX_MESSAGE = 1_900  # below Discord's 2,000 characters
NOT_IMPORTED = "Nothing was imported. Use `/import` again; the same file is never imported twice."


def exported(what: str, rows: int) -> str:
    """Return what goes with the file of an export."""
    taken = "Only you can see this; it is on record that you took it."
    return f"**{text.shown(what, 20)}**: {_counted(rows, 'row')}. {taken}"


def preview(found: Preview, options: Options) -> Reply:
    """Return what an import would do, before anything is written."""
    lines = [f"This is {NAMES[found.source]}, {_counted(found.rows, 'row')}. **Nothing is written yet.**"]
    if found.batch is not None and found.batch.replayed:
        return Reply(content=known(found.batch), ephemeral=True)
    lines += _would(found)
    if found.refused:
        lines.append(f"{_counted(len(found.refused), 'row')} cannot be imported and would be left out:")
        lines += _rows(found.refused)
    return Reply(content=fitting(lines, MAX_MESSAGE), ephemeral=True)


def _would(found: Preview) -> list[str]:
    if found.batch is None:
        return ["Nothing would change."]
    lines = [
        f"It would make {_counted(found.batch.transactions, 'transaction')} "
        f"({text.signed(found.batch.points)} in all) and change {_counted(len(found.changes), 'balance')}:"
    ]
    lines += [_change(change) for change in found.changes[:SHOWN]]
    if len(found.changes) > SHOWN:
        lines.append(f"… and {len(found.changes) - SHOWN:,} more")
    if found.unchanged:
        lines.append(f"{_counted(found.unchanged, 'row')} would change nothing.")
    if found.opened:
        lines.append(f"It would open the categories {text.shown(', '.join(found.opened), 300)}.")
    return lines


def _change(change: Change) -> str:
    return (
        f"- {text.who(change.user_id, change.name)}: {_number(change.before)} → **{_number(change.after)}**"
    )


def _rows(refused: tuple[RowRefused, ...]) -> list[str]:
    lines = [f"- row {row.row:,}: {words(row.error)[:200]}" for row in refused[:SHOWN]]
    return [*lines, f"… and {len(refused) - SHOWN:,} more"] if len(refused) > SHOWN else lines


def known(batch: BatchReceipt) -> str:
    """Return the answer to a file that was imported before."""
    undone = f", which batch {batch.undone_by:,} took back" if batch.undone_by else ""
    return (
        f"This very file was imported {text.when(batch.created_at)}: it is **batch {batch.number:,}**{undone}. "
        "Nothing was written."
    )


def imported(done: Preview) -> str:
    """Return what an import did."""
    if done.batch is None:
        return "Nothing had to change, so nothing was written."
    if done.batch.replayed:
        return known(done.batch)
    left_out = f" Left out: {_counted(len(done.refused), 'row')}." if done.refused else ""
    return f"Imported as **batch {done.batch.number:,}**: {_sums(done.batch)}.{left_out}"


def undone(batch: BatchReceipt) -> Reply:
    """Return what the undo of a batch did, and what stays."""
    lines = [f"Batch {batch.undoes or 0:,} is taken back, by **batch {batch.number:,}**: {_sums(batch)}."]
    if batch.refused:
        lines.append(f"Not taken back: {_counted(len(batch.refused), 'transaction')}.")
        lines += [f"- #{row.row:,}: {words(row.error)[:200]}" for row in batch.refused[:SHOWN]]
    return Reply(content=fitting(lines, MAX_MESSAGE), ephemeral=True)


def stays(number: int, refused: tuple[RowRefused, ...], total: int) -> Reply:
    """Return the private answer when a batch cannot be taken back whole, before the button that does the rest."""
    lines = [
        f"{len(refused):,} of the {_counted(total, 'transaction')} of batch {number:,} cannot be taken back, "
        "so nothing was changed:",
        *[f"- #{row.row:,}: {words(row.error)[:200]}" for row in refused[:SHOWN]],
    ]
    return Reply(content=fitting(lines, MAX_MESSAGE), ephemeral=True)


def choice(batch: BatchReceipt) -> str:
    """Return one batch as a choice of at most 100 characters."""
    return f"{batch.number:,} · {batch.kind} · {_sums(batch)} · {batch.created_at:%Y-%m-%d}"[:100]


def _sums(batch: BatchReceipt) -> str:
    return (
        f"{_counted(batch.transactions, 'transaction')} of {_counted(batch.members, 'member')}, "
        f"{text.signed(batch.points)} points"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _number(points: int) -> str:
    return f"{points:,}".replace("-", text.MINUS)


def confirm(batch: BatchReceipt) -> str:
    """Return what stands on the button that imports."""
    return f"Import {_counted(batch.transactions, 'transaction')}"
