"""Leaderboards that post themselves: what is due now, claimed once.

A schedule names local days (every day, a weekday, the first of the month) and a time on the wall clock. Each
such day is a slot, known by its date: it has one row among the publications, however often clocks, zones,
processes or outages make its moment come round. A slot whose moment passed unseen is caught up with if it is
the latest; older ones are marked as skipped.

slots.py     days on the calendar and instants in time
plans.py     the schedules themselves: add, remove, list
claims.py    which slot is whose to post, and what became of it
"""

from points_core.schedules.claims import Claim, Post, claim_due, failed, post_now, publication, published
from points_core.schedules.plans import (
    MAX_BOARDS,
    MAX_SCHEDULES,
    MAX_TOP,
    SEASON,
    ScheduleView,
    add,
    listed,
    remove,
)
from points_core.schedules.slots import EVERY, WEEKDAYS, Slot, next_slot

__all__ = [
    "EVERY",
    "MAX_BOARDS",
    "MAX_SCHEDULES",
    "MAX_TOP",
    "SEASON",
    "WEEKDAYS",
    "Claim",
    "Post",
    "ScheduleView",
    "Slot",
    "add",
    "claim_due",
    "failed",
    "listed",
    "next_slot",
    "post_now",
    "publication",
    "published",
    "remove",
]
