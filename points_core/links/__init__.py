"""Links: a member's account outside, where the host shows their points and level with their permission.

setup.py     what the host has to set, and whose points are shown
making.py    a link made, ended, forgotten
showing.py   what is shown where it should be shown otherwise: leased, carried out, put off

One account outside is linked in one community at most. The permission comes in and goes out sealed: this
room keeps it and cannot read it.
"""

from points_core.links.making import Account, Ended, end, erase, forget, link, of
from points_core.links.setup import Chosen, Number, chosen, missing, settings_of, wanted
from points_core.links.showing import (
    EARLY,
    LOST_KEY,
    MOST,
    Counts,
    Turn,
    counts,
    due,
    gone,
    kept,
    later,
    lease,
    lost,
    shown,
    unreadable,
)

__all__ = [
    "EARLY",
    "LOST_KEY",
    "MOST",
    "Account",
    "Chosen",
    "Counts",
    "Ended",
    "Number",
    "Turn",
    "chosen",
    "counts",
    "due",
    "end",
    "erase",
    "forget",
    "gone",
    "kept",
    "later",
    "lease",
    "link",
    "lost",
    "missing",
    "of",
    "settings_of",
    "shown",
    "unreadable",
    "wanted",
]
