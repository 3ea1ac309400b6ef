"""History as a stream: page after page off the ledger, so that memory stays small however long it is.

The ledger only grows at its end: pages that go on by number are one consistent history.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from points_core import history
from points_core.http.schemas import TransactionOut
from points_core.http.seam import Seam
from points_core.portable import neutral
from points_core.values import Receipt

CSV: Final = "text/csv"
LINES: Final = "application/x-ndjson"
AT_ONCE: Final = 1_000  # transactions in memory

COLUMNS: Final = (
    "number",
    "kind",
    "user_id",
    "name",
    "amount",
    "before",
    "after",
    "category",
    "reason",
    "evidence",
    "actor_kind",
    "actor_user_id",
    "actor_name",
    "actor_client",
    "effective_at",
    "recorded_at",
    "reverses",
    "request",
    "batch",
)


class Pages:
    """A history read page by page; `left` transactions are still wanted, None for all.

    Newest first from `before` on, or oldest first past `after`, then up to `before`.
    """

    def __init__(
        self,
        seam: Seam,
        community: str,
        filters: dict[str, Any],
        *,
        before: int | None,
        after: int | None,
        left: int | None,
    ) -> None:
        self._seam = seam
        self._community = community
        self._filters = filters
        self.before = before
        self.after = after
        self.left = left
        self.ended = False

    async def next(self) -> tuple[Receipt, ...]:
        """Return the next page, empty at the end. Raises UnknownCategory."""
        limit = AT_ONCE if self.left is None else min(self.left, AT_ONCE)
        if self.ended or limit == 0:
            return ()
        found = await (self._older(limit) if self.after is None else self._newer(self.after, limit))
        if self.left is not None:
            self.left -= len(found)
        return found

    async def _older(self, limit: int) -> tuple[Receipt, ...]:
        page = await self._seam.look(
            history.page, self._community, before=self.before, limit=limit, **self._filters
        )
        self.before = page.older
        self.ended = page.older is None
        return page.receipts

    async def _newer(self, after: int, limit: int) -> tuple[Receipt, ...]:
        found = await self._seam.look(
            history.following, self._community, after=after, limit=limit, **self._filters
        )
        self.after = found[-1].number if found else after
        wanted = tuple(each for each in found if self.before is None or each.number < self.before)
        self.ended = len(wanted) < limit
        return wanted


def wanted(accept: str) -> str | None:
    """Return the streamed media type that an Accept header prefers; None for plain JSON.

    Of those it likes best (`q`), the one it names first.
    """
    best, found = 0.0, None
    for part in accept.split(","):
        media_type, *parameters = (each.strip().lower() for each in part.split(";"))
        liked = _quality(parameters)
        if media_type in {CSV, LINES, "application/json", "*/*"} and liked > best:
            best, found = liked, media_type
    return found if found in {CSV, LINES} else None


def _quality(parameters: Sequence[str]) -> float:
    for name, _, value in (each.partition("=") for each in parameters):
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


async def rendered(media_type: str, first: Sequence[Receipt], pages: Pages) -> AsyncIterator[str]:
    """Yield the text of `first` and every page after it."""
    render = _csv if media_type == CSV else _lines
    if media_type == CSV:
        yield ",".join(COLUMNS) + "\r\n"
    page = first
    while page:
        yield render(page)
        page = await pages.next()


def _lines(receipts: Sequence[Receipt]) -> str:
    return "".join(TransactionOut.model_validate(each).model_dump_json() + "\n" for each in receipts)


def _csv(receipts: Sequence[Receipt]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    for receipt in receipts:
        row = json.loads(TransactionOut.model_validate(receipt).model_dump_json())
        row |= {f"actor_{name}": value for name, value in row.pop("actor").items()}
        rows.writerow([_cell(row[column]) for column in COLUMNS])
    return text.getvalue()


def _cell(value: str | int | None) -> str | int | None:
    """Return a cell that no spreadsheet takes for a formula."""
    return neutral(value) if isinstance(value, str) else value
