"""Expiry and decay switched on, changed and off: one category at a time, and never without a warning."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from points_core import policy
from points_core.errors import InvalidSetting
from points_core.policy import Policy
from points_core.programme import MAX_DAYS, MAX_NOTICE, Decay, Expiry
from points_core.values import Origin

NOTICE_DAYS: Final = 7

Terms = tuple[Expiry, ...]


def terms(
    rules: Policy, now: datetime, *, category: str | None, days: int | None, notice_days: int | None = None
) -> Terms:
    """Return a community's expiries once points of `category` (None: all others) are kept for `days`; None: for good.

    notice_days: as it was if None. Where points would go earlier than so far, nobody loses any before they can
    have been told: it begins after the days of notice. Raises UnknownCategory, InvalidSetting.
    """
    heading = rules.category(category, retired=True)
    category_id = heading.id if heading else None
    old = {expiry.category_id: expiry for expiry in rules.programme.expiry}
    before = old.pop(category_id, None)
    if days is not None:
        notice = _notice(before) if notice_days is None else notice_days
        begins = before.begins if before and before.days <= days else None
        if before is None or before.days > days:
            begins = now.astimezone(rules.zone).date() + timedelta(days=notice + 1) if notice else None
        old[category_id] = _expiry(category_id, days, notice, begins)
    return tuple(sorted(old.values(), key=lambda expiry: expiry.category_id or 0))


def keep_for(
    tx: Connection,
    origin: Origin,
    *,
    category: str | None = None,
    days: int | None,
    notice_days: int | None = None,
) -> Policy:
    """Have points of a category expire after `days`, or (None) never, and return the new policy; see `terms`."""
    _, rules = policy.locked(tx, origin)
    wanted = terms(rules, origin.at, category=category, days=days, notice_days=notice_days)
    return policy.amend(tx, origin, expiry=wanted)


def melt(tx: Connection, origin: Origin, decay: Decay | None) -> Policy:
    """Have points of inactive members melt as `decay` says, or (None) no more, and return the new policy."""
    return policy.amend(tx, origin, decay=decay)


def _notice(before: Expiry | None) -> int:
    return before.notice_days if before else NOTICE_DAYS


def _expiry(category_id: int | None, days: int, notice: int, begins: date | None) -> Expiry:
    if not 1 <= days <= MAX_DAYS:
        raise InvalidSetting("days", days, f"from 1 to {MAX_DAYS:,}")
    if not 0 <= notice <= MAX_NOTICE:
        raise InvalidSetting("notice_days", notice, f"from 0 to {MAX_NOTICE}")
    return Expiry(category_id=category_id, days=days, notice_days=notice, begins=begins)
