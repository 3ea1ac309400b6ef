"""A report made aside: read and drawn in threads, so that nobody else waits for it."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.messages import reports as messages
from bot.messages.text import Post
from points_core import reports
from points_core.database import aside
from points_core.reports import Chart, Report, ReportKind

if TYPE_CHECKING:
    from bot.client import PointsBot

log = logging.getLogger(__name__)


async def made(
    bot: "PointsBot",
    community: str,
    kind: ReportKind,
    at: datetime,
    asked: Mapping[str, Any],
    *,
    pictured: bool = True,
) -> Post:
    """Return the message with a report as of `at` (aware); without its picture if not `pictured`.

    asked: what the report of this kind takes. Raises what it raises, and DatabaseUnavailable.
    """
    report = await bot.points.survey(reports.OPERATIONS[kind], community, at, **asked)
    return messages.post(report, await _drawn(report) if pictured else None)


async def _drawn(report: Report) -> Chart | None:
    """The words are the report: they go out even if the picture cannot be drawn here."""
    try:
        return await aside(reports.chart, report)
    except Exception:
        log.exception("the picture of a report could not be drawn")
        return None
