"""Files and batches that cannot be taken, or not handed over."""

from dataclasses import dataclass

from points_core.errors.roots import Refused


@dataclass(frozen=True, slots=True)
class RowRefused:
    """One row of a batch that cannot be, and why.

    `row` is the row's number where it came from (a file's row, a list's, an undone transaction's number);
    `user_id` whom it is about, if that is known.
    """

    row: int
    user_id: str | None
    error: Refused


@dataclass(eq=False)
class RowsRefused(Refused):
    """`rows` of the `total` rows of a batch cannot be, so none of them was written."""

    rows: tuple[RowRefused, ...]
    total: int


@dataclass(eq=False)
class UnreadableFile(Refused):
    """The file cannot be used: `why`, in `row` if it is one row's fault (the header is row 1)."""

    why: str
    row: int | None = None


@dataclass(eq=False)
class ExportTooLarge(Refused):
    """The export has more than `limit` `unit` (bytes, rows), the most that can be handed over so."""

    limit: int
    unit: str


@dataclass(eq=False)
class BackupDamaged(Refused):
    """The backup `file` is not what its manifest says: `why`."""

    file: str
    why: str


@dataclass(eq=False)
class BehindAnchor(Refused):
    """The backup has `community` end at transaction `number`; `anchor`, known from `place`, is not in it."""

    community: str
    number: int
    anchor: int
    place: str
