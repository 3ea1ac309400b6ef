"""Moments that work waits for: one further ahead than anybody honestly waits was written by a clock that was ahead.

Such a clock, right again after a minute, would otherwise hold work back for as long as it was ahead.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, or_

SKEW: Final = timedelta(days=1)
"""How far the clocks of two processes may be apart: one in a wrong zone must not take what the other holds."""

LONGEST_PAUSE: Final = timedelta(days=1)
"""Before something is tried again; doubling pauses grow to half a day. Leases are far shorter."""

FAR: Final = LONGEST_PAUSE + SKEW

LONGEST_TURN: Final = timedelta(days=33)
"""From one turn of what comes once a month to the next: 31 days, a change of the clocks or of the zone."""


def come(moment: Any, now: datetime, longest: timedelta = FAR) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Return the condition that `moment` (a column) has come at `now`, or lies further ahead than `longest`."""
    return or_(moment <= now, moment > now + longest)


def free(leased_until: Any, now: datetime) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Return the condition that nobody holds a lease at `now`."""
    return or_(leased_until.is_(None), come(leased_until, now))
