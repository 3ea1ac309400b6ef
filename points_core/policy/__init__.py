"""A community's own numbers: limits, quorum, roles, channels, zone, categories; changed from inside, on record.

document.py     what there is to decide
stored.py       the policy read back
changing.py     one change
categories.py   headings opened, renamed, retired
"""

from points_core.policy.categories import add_category, rename_category, retire_category
from points_core.policy.changing import amend, change, put_on_record
from points_core.policy.document import (
    MAX_ERASURE_DAYS,
    MAX_LEAVE_DAYS,
    MAX_REQUEST_HOURS,
    STORED,
    Capability,
    Category,
    LeavePolicy,
    Policy,
)
from points_core.policy.stored import Zones, by_number, locked, of, zone_at, zones

__all__ = [
    "MAX_ERASURE_DAYS",
    "MAX_LEAVE_DAYS",
    "MAX_REQUEST_HOURS",
    "STORED",
    "Capability",
    "Category",
    "LeavePolicy",
    "Policy",
    "Zones",
    "add_category",
    "amend",
    "by_number",
    "change",
    "locked",
    "of",
    "put_on_record",
    "rename_category",
    "retire_category",
    "zone_at",
    "zones",
]
