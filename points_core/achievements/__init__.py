"""What members achieve: levels by points earned, badges by goals, and the roles that come of both.

goals.py      what a badge is given for
badges.py     badges as they are kept
measuring.py  how far members have come
holding.py    badges held, given and taken back
teams.py      badges that all earn together
settling.py   what is due, settled: the one place that gives and takes
clerk.py      … soon after it became due
roles.py      roles outside that members are to have
reading.py    what a member has achieved, and what is next
telling.py    what an effect stands for
announcing.py how often it is told, and what is told together
curves.py     how many points each level takes
moves.py      who would move if the levels were others
studying.py   who would have a badge at once
presets.py    badges to begin from
"""

from points_core.achievements import announcing, badges, curves, goals, roles
from points_core.achievements.badges import Badge
from points_core.achievements.clerk import Clerk
from points_core.achievements.curves import DISTINGUISHED_MEMBERS, Curve
from points_core.achievements.goals import Goal, document_of, goal_of, sentence
from points_core.achievements.moves import Mover, Preview, preview
from points_core.achievements.presets import PRESETS, Preset
from points_core.achievements.reading import (
    Achievements,
    BadgeProgress,
    LevelProgress,
    Revoked,
    level_progress,
    of,
)
from points_core.achievements.settling import Settled, anything_due, follow_up, settle_due, settled
from points_core.achievements.studying import earners
from points_core.achievements.telling import BadgeTold, LevelTold, News, badge_told, level_told, news

__all__ = [
    "DISTINGUISHED_MEMBERS",
    "PRESETS",
    "Achievements",
    "Badge",
    "BadgeProgress",
    "BadgeTold",
    "Clerk",
    "Curve",
    "Goal",
    "LevelProgress",
    "LevelTold",
    "Mover",
    "News",
    "Preset",
    "Preview",
    "Revoked",
    "Settled",
    "announcing",
    "anything_due",
    "badge_told",
    "badges",
    "curves",
    "document_of",
    "earners",
    "follow_up",
    "goal_of",
    "goals",
    "level_progress",
    "level_told",
    "news",
    "of",
    "preview",
    "roles",
    "sentence",
    "settle_due",
    "settled",
]
