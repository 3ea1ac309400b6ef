"""The tables, one mapping for SQLite and PostgreSQL; names of constraints are part of the contract.

Community, LedgerHead, Policy, Category, Member    who and by which numbers
PointTransaction                                   the ledger: append-only, hash-chained
PointBalance, PointScore, ScoreBucket              what follows from it, kept in the same commit
ApprovalRequest, ApprovalVote                      points that wait
Schedule, Publication                              boards that post themselves
OutboxEntry, AuditEvent                            effects to deliver; every other change

Every key begins with the community. Numbers of transactions, requests, members, schedules and audit
events are dense within it and handed out from its LedgerHead row, under that row's lock. Columns holding
something a person wrote, or who a person is, can be emptied by erasure; nothing else ever changes in the
ledger, and triggers (migrations/guards.py) hold that against any other program too.
"""

from points_core.models.base import Base, UtcDateTime
from points_core.models.books import PointBalance, PointScore, PointTransaction, ScoreBucket
from points_core.models.communities import Category, Community, LedgerHead, Member, Policy
from points_core.models.effects import AuditEvent, OutboxEntry, Publication, Schedule
from points_core.models.requests import ApprovalRequest, ApprovalVote

__all__ = [
    "ApprovalRequest",
    "ApprovalVote",
    "AuditEvent",
    "Base",
    "Category",
    "Community",
    "LedgerHead",
    "Member",
    "OutboxEntry",
    "PointBalance",
    "PointScore",
    "PointTransaction",
    "Policy",
    "Publication",
    "Schedule",
    "ScoreBucket",
    "UtcDateTime",
]
