"""Who must agree before points move: requests, votes, quorum, expiry.

A request is pending, then approved, rejected, expired or cancelled: once. The vote that reaches the quorum
moves the points in its own commit; one no rejects.

asking.py   award or deduct, or open a request
opening.py  a request opened, for whoever asks
voting.py   votes, cancelling, expiry
stored.py   requests read back, and their cards
"""

from points_core.approvals.asking import request
from points_core.approvals.stored import by_card, get, pending, set_card
from points_core.approvals.voting import cancel, expire_due, vote

__all__ = ["by_card", "cancel", "expire_due", "get", "pending", "request", "set_card", "vote"]
