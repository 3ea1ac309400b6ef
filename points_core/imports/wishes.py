"""A row's cells as what is to be imported; a cell that cannot be is a refusal of its row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from points_core.errors import InvalidAmount, InvalidSetting, InvalidTime
from points_core.imports.reading import Row
from points_core.imports.sources import LAYOUTS, Layout, Source, cell
from points_core.values import MAX_AMOUNT, MAX_REASON, Kind, clean_id, clean_name, clean_text
from points_core.windows import parse_instant

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,13}", re.ASCII)
_SNOWFLAKE: Final = re.compile(r"[0-9]{15,20}", re.ASCII)
_DATES: Final = ("effective_at", "date", "time", "timestamp", "created_at", "at")


@dataclass(frozen=True, slots=True)
class Had:
    """What a member had elsewhere: `current` points, and how they came about where that is known."""

    row: int
    user_id: str
    name: str | None
    current: int
    earned: int | None = None
    spent: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement that happened elsewhere, its `number` there, and which number it took back."""

    row: int
    user_id: str
    name: str | None
    amount: int
    reason: str | None
    category: str | None
    evidence: str | None
    effective_at: datetime | None
    number: int | None
    reverses: int | None


def had(row: Row, source: Source, *, snowflakes: bool) -> Had:
    """Return what a row of balances says. Raises InvalidText, InvalidAmount, InvalidSetting."""
    layout, cells = LAYOUTS[source], row.cells
    current = _points(cell(cells, layout.points), layout)
    earned, spent = cells.get("earned", ""), cells.get("spent", "")
    if not (source is Source.BALANCES and earned and spent):
        return Had(row.number, *_who(row, layout, snowflakes), current)
    found = Had(
        row.number, *_who(row, layout, snowflakes), current, _points(earned, layout), _points(spent, layout)
    )
    assert found.earned is not None
    assert found.spent is not None
    if found.current != found.earned - found.spent or min(found.earned, found.spent) < 0:
        raise InvalidSetting("current", current, f"earned less spent, {found.earned - found.spent}")
    return found


def moved(row: Row, zone: ZoneInfo, now: datetime, *, snowflakes: bool) -> Moved:
    """Return what a row of transactions says.

    Raises InvalidText, InvalidSetting, InvalidAmount, InvalidTime (for a future one too).
    """
    layout, cells = LAYOUTS[Source.TRANSACTIONS], row.cells
    date = cell(cells, _DATES)
    effective_at = parse_instant(date, zone) if date else None
    if effective_at is not None and effective_at > now:
        raise InvalidTime(date[:40])
    amount = _points(cells["amount"], layout)
    if amount == 0:
        raise InvalidAmount(0, 1, MAX_AMOUNT)
    return Moved(
        row.number,
        *_who(row, layout, snowflakes),
        amount,
        reason=_text(cells, "reason"),
        category=cells.get("category") or None,
        evidence=cells.get("evidence") or None,
        effective_at=effective_at,
        number=_number(cells.get("number", "")),
        reverses=_number(cells.get("reverses", ""))
        if cells.get("kind", Kind.REVERSAL) == Kind.REVERSAL
        else None,
    )


def _who(row: Row, layout: Layout, snowflakes: bool) -> tuple[str, str | None]:
    user_id = clean_id("user_id", cell(row.cells, layout.user_id))
    if snowflakes and not _SNOWFLAKE.fullmatch(user_id):
        raise InvalidSetting("user_id", user_id, "a Discord id, 15 to 20 digits")
    return user_id, clean_name(cell(row.cells, layout.name))


def _points(text: str, layout: Layout) -> int:
    """Return a whole number of points, signed. Raises InvalidAmount."""
    if _WHOLE.fullmatch(text) and abs(int(text)) <= MAX_AMOUNT:
        return int(text)
    if layout.fractions:
        try:
            exact = Decimal(text)
        except InvalidOperation:
            exact = Decimal("NaN")
        if exact.is_finite() and abs(exact) <= MAX_AMOUNT:
            return int(exact)
    raise InvalidAmount(text[:40], -MAX_AMOUNT, MAX_AMOUNT)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise InvalidAmount(text[:40], 1, MAX_AMOUNT)
    return int(text)


def _text(cells: Mapping[str, str], name: str) -> str | None:
    text = cells.get(name, "")
    return clean_text(name, text, MAX_REASON) if text else None
