"""Personal data: what is kept about a member, shown to them, hidden from others, erased when they wish.

A person is known by one row of `members`; everything else knows a number. So erasing is emptying that row
and the texts about the person, and every sum, board and hash stays true. Whoever comes back begins anew.

copies.py    everything kept about a member, without other people's ids
telling.py   the same as JSON and as text
wishes.py    to be erased after a time to think, to be hidden, left alone by rules
erasing.py   the erasure itself
columns.py   where every text column stands in it
leaving.py   who left, and what a community wants to become of them
"""

from points_core.privacy.copies import Copy, copy
from points_core.privacy.erasing import Erased, erase_due, scrubbed, unscrubbed
from points_core.privacy.leaving import Leaver, away, left, overdue, returned, to_look_up, watched
from points_core.privacy.telling import document, text
from points_core.privacy.wishes import (
    Wish,
    ask,
    cancel,
    hide,
    is_hidden,
    is_known,
    show,
    track,
    untrack,
    untracked,
    wish,
)

__all__ = [
    "Copy",
    "Erased",
    "Leaver",
    "Wish",
    "ask",
    "away",
    "cancel",
    "copy",
    "document",
    "erase_due",
    "hide",
    "is_hidden",
    "is_known",
    "left",
    "overdue",
    "returned",
    "scrubbed",
    "show",
    "text",
    "to_look_up",
    "track",
    "unscrubbed",
    "untrack",
    "untracked",
    "watched",
    "wish",
]
