"""One member's balance, pages of transactions, one transaction: the books as people read them.

balances.py   what a member has, and had at any date
days.py       in how many days and weeks in a row they did something
pages.py      transactions, newest first or onwards from a number
"""

from points_core.history.balances import Balance, PendingPoints, balance
from points_core.history.days import OtherFreezes, Streaks, streaks, with_freezes
from points_core.history.pages import MAX_PAGE, Page, following, page, transaction

__all__ = [
    "MAX_PAGE",
    "Balance",
    "OtherFreezes",
    "Page",
    "PendingPoints",
    "Streaks",
    "balance",
    "following",
    "page",
    "streaks",
    "transaction",
    "with_freezes",
]
