"""Seasons: named spans of a community's days, each closing into a result that stays.

When a season is over it is sealed, once: the lines of its boards, for all points and for each category, are
written down as the ledger has them at that moment, with a checksum over the lines, the season's days and
the hash of the last transaction. What is dated into it later changes only its corrected view.

stored.py    seasons as they are kept
running.py   started, ended
results.py   sealed, and the seal recomputed
"""

from points_core.seasons.results import problems, result, seal_due
from points_core.seasons.running import end, start
from points_core.seasons.stored import (
    MAX_NAME,
    Sealed,
    Season,
    before,
    corrected,
    latest,
    listed,
    named,
    numbered,
    sealed,
)

__all__ = [
    "MAX_NAME",
    "Sealed",
    "Season",
    "before",
    "corrected",
    "end",
    "latest",
    "listed",
    "named",
    "numbered",
    "problems",
    "result",
    "seal_due",
    "sealed",
    "start",
]
