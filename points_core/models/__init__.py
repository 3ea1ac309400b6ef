"""The tables, one mapping for SQLite and PostgreSQL; names of constraints are part of the contract.

Community, LedgerHead, Policy, Category, Member    who and by which numbers; Erasure: who wishes to be forgotten
PointTransaction                                   the ledger: append-only, hash-chained
PointBalance, PointScore, ScoreBucket              what follows from it, kept in the same commit
ApprovalRequest, ApprovalVote                      points that wait
Schedule, Publication                              boards that post themselves
OutboxEntry, Announcement, AuditEvent              effects to deliver, messages that told; every other change
Batch                                              transactions made and undone together
Anchor, VerifiedMark, Season, SeasonStanding       what proves the books; results that are sealed
ApiClient, Webhook, WebhookDelivery                programs and their doors
PointRule, RuleVersion, Fact, RuleGrant, RuleUse,
RuleSlot, ActiveDay, ExpiryMark                    what moves points by itself
Badge, BadgeHolding, AchievementDue, RoleGrant     what members achieve, and the roles that come of it
LinkedAccount                                      accounts outside where a member's points are shown

Every key begins with the community. Numbers of transactions, requests, members, schedules and audit
events are dense within it and handed out from its LedgerHead row, under that row's lock. Columns holding
something a person wrote, or who a person is, can be emptied by erasure; nothing else ever changes in the
ledger, and triggers (migrations/guards.py) hold that against any other program too.
"""

from points_core.models.achievements import AchievementDue, Badge, BadgeHolding, RoleGrant
from points_core.models.base import Base, UtcDateTime
from points_core.models.books import Batch, PointBalance, PointScore, PointTransaction, ScoreBucket
from points_core.models.clients import ApiClient, Webhook, WebhookDelivery
from points_core.models.communities import Category, Community, Erasure, LedgerHead, Member, Policy
from points_core.models.effects import Announcement, AuditEvent, OutboxEntry, Publication, Schedule
from points_core.models.links import LinkedAccount
from points_core.models.proof import Anchor, Season, SeasonStanding, VerifiedMark
from points_core.models.requests import ApprovalRequest, ApprovalVote
from points_core.models.rules import (
    ActiveDay,
    ExpiryMark,
    Fact,
    PointRule,
    RuleGrant,
    RuleSlot,
    RuleUse,
    RuleVersion,
)

__all__ = [
    "AchievementDue",
    "ActiveDay",
    "Anchor",
    "Announcement",
    "ApiClient",
    "ApprovalRequest",
    "ApprovalVote",
    "AuditEvent",
    "Badge",
    "BadgeHolding",
    "Base",
    "Batch",
    "Category",
    "Community",
    "Erasure",
    "ExpiryMark",
    "Fact",
    "LedgerHead",
    "LinkedAccount",
    "Member",
    "OutboxEntry",
    "PointBalance",
    "PointRule",
    "PointScore",
    "PointTransaction",
    "Policy",
    "Publication",
    "RoleGrant",
    "RuleGrant",
    "RuleSlot",
    "RuleUse",
    "RuleVersion",
    "Schedule",
    "ScoreBucket",
    "Season",
    "SeasonStanding",
    "UtcDateTime",
    "VerifiedMark",
    "Webhook",
    "WebhookDelivery",
]
