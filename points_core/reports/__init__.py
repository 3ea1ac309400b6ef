"""Reports: what a window's points say together.

about.py          what all share: which days, which sums, which people
days.py           local days, weeks and months in SQL
summary.py        a window in numbers, by category and by weekday
activity.py       over time, by day, week, month or year
members.py        one member
transactions.py   filtered transactions
givers.py         who awards whom, how evenly, who is left out
work.py           the moderators' work, and how long approval takes
charts.py         each of them as a picture, and that picture in words

Reports are read in one go and may take seconds on large books: call them by `points.study`, in a thread.
"""

from collections.abc import Callable
from typing import Final

from points_core.reports.about import SCHEDULABLE, During, Person, ReportKind, Totals
from points_core.reports.activity import EVERY, Activity, Period, activity
from points_core.reports.charts import Chart, chart
from points_core.reports.givers import Concentration, Giver, GiversReport, Pair, Reciprocal, givers
from points_core.reports.members import From, MemberReport, member
from points_core.reports.summary import Heading, Summary, Weekday, summary
from points_core.reports.transactions import Filters, OfKind, Sized, TransactionReport, transactions
from points_core.reports.work import Latency, Load

Report = Summary | Activity | MemberReport | TransactionReport | GiversReport

OPERATIONS: Final[dict[ReportKind, Callable[..., Report]]] = {
    ReportKind.SUMMARY: summary,
    ReportKind.ACTIVITY: activity,
    ReportKind.GIVERS: givers,
    ReportKind.MEMBER: member,
    ReportKind.TRANSACTIONS: transactions,
}
"""What reads each report: called with a community, the time, and the days and filters by keyword."""

__all__ = [
    "EVERY",
    "OPERATIONS",
    "SCHEDULABLE",
    "Activity",
    "Chart",
    "Concentration",
    "During",
    "Filters",
    "From",
    "Giver",
    "GiversReport",
    "Heading",
    "Latency",
    "Load",
    "MemberReport",
    "OfKind",
    "Pair",
    "Period",
    "Person",
    "Reciprocal",
    "Report",
    "ReportKind",
    "Sized",
    "Summary",
    "Totals",
    "TransactionReport",
    "Weekday",
    "activity",
    "chart",
    "givers",
    "member",
    "summary",
    "transactions",
]
