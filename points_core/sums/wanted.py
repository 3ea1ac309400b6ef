"""Which points are wanted, and which transactions those are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select

from points_core.models import PointTransaction
from points_core.scores import EVERY_CATEGORY
from points_core.windows import Span, Window

Sums = Select[*tuple[Any, ...]]
"""Rows of (member_id, points, reached_seq)."""

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which points: of a community, in a category (0: all), in a window, at a date.

    `zone` is the one in which the community counts its scores. `as_of` is the instant to look at, None for
    now; as it stood then, unless `corrected`.
    """

    community_id: int
    category_id: int
    window: Window
    zone: ZoneInfo
    as_of: datetime | None = None
    corrected: bool = False

    @property
    def whole(self) -> bool:
        """Return whether the window consists of days for which scores are kept."""
        return self.window.counted_in(self.zone)

    @property
    def stored(self) -> Span | None:
        """Return the span whose scores are exactly what is wanted, None if there is none."""
        return self.span if self.as_of is None else None

    @property
    def span(self) -> Span | None:
        """Return the span that the window is and that scores are kept for, at whatever date."""
        return self.window.span if self.whole or self.window.span is Span.SEASON else None

    def in_window(self) -> Conditions:
        """Return what is true of the transactions in the window, of every category."""
        conditions: list[ColumnElement[bool]] = [PointTransaction.community_id == self.community_id]
        if self.window.start is not None:
            conditions.append(PointTransaction.effective_at >= self.window.start)
        if self.window.end is not None:
            conditions.append(PointTransaction.effective_at < self.window.end)
        return tuple(conditions)

    def transactions(self) -> Conditions:
        """Return what is true of the transactions in the window and the category."""
        if self.category_id == EVERY_CATEGORY:
            return self.in_window()
        return (*self.in_window(), PointTransaction.category_id == self.category_id)
