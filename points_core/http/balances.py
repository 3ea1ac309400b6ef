"""The shapes of what a member has: points, what waits, level, badges."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from points_core.http.schemas import Told, TransactionOut
from points_core.values import Kind


class CategoryPointsOut(Told):
    """A member's points in one category."""

    category: str
    points: int


class PendingOut(Told):
    """An approval request that waits for the member."""

    number: int
    kind: Kind
    amount: int
    reason: str | None
    expires_at: datetime


class LevelOut(Told):
    """The level that what was earned reaches: number 0 and no name below the first one."""

    number: int
    name: str | None
    since: Annotated[int, Field(description="The points this level took.")]
    next_name: Annotated[str | None, Field(description="What comes next; null at the top.")]
    next_at: Annotated[int | None, Field(description="The points the next level takes.")]
    missing: Annotated[int, Field(description="The points still missing; 0 at the top.")]


class BadgeOut(Told):
    """A badge: how many of its steps are reached, and how far the next one is."""

    number: int
    name: str
    description: str | None
    goal: Annotated[str, Field(description="What the next step asks for, or what the last one did.")]
    step: Annotated[int, Field(description="How many steps are reached; 0 for a badge still to be earned.")]
    steps: int
    have: Annotated[int | None, Field(description="What counts towards the next step; null after the last.")]
    need: Annotated[int | None, Field(description="What the next step takes; null after the last.")]
    earned_at: Annotated[datetime | None, Field(description="When the last step was earned.")]


class RevokedOut(Told):
    """A step of a badge that was taken back, and why."""

    number: int
    name: str
    step: int
    steps: int
    earned_at: datetime
    revoked_at: datetime
    because: str


class AchievementsOut(Told):
    """A member's badges: held, still to be earned (hidden ones left out), and taken back."""

    held: list[BadgeOut]
    open: list[BadgeOut]
    revoked: list[RevokedOut]


class StreakOut(Told):
    """Days, or weeks, in a row, as they stand now; what is not over breaks nothing."""

    current: int
    best: int
    last_day: Annotated[date | None, Field(description="The last day (of weeks: its Monday) that counts.")]
    frozen: Annotated[int, Field(description="Missed days that did not break it.")]
    freezes_left: Annotated[int, Field(description="How many more of this month would not.")]
    done: Annotated[bool, Field(description="Whether today, or this week, counts already.")]


class StreaksOut(Told):
    """A member's streak of days, and of weeks."""

    daily: StreakOut
    weekly: StreakOut


class GoingOut(Told):
    """Points that expire: kept up to and on the local day `last_day`."""

    last_day: date
    points: int
    category: str | None


class BalanceOut(Told):
    """What a member has: `current` = `earned` − `spent`; zeros for someone never seen."""

    user_id: str
    name: str | None
    current: int
    earned: int
    spent: int
    rank: Annotated[int | None, Field(description="The place on the all-time board; null with no points.")]
    members: Annotated[int, Field(description="How many stand on that board.")]
    categories: list[CategoryPointsOut]
    pending: list[PendingOut]
    recent: list[TransactionOut]
    level: Annotated[LevelOut | None, Field(description="Null where the community has no levels.")]
    achievements: Annotated[
        AchievementsOut | None, Field(description="Null with `as_of`: badges are known as they are now.")
    ]
    streaks: Annotated[StreaksOut | None, Field(description="Null with `as_of`.")]
    expiring: Annotated[
        list[GoingOut],
        Field(description="What expires within 30 days, the soonest first; none with `as_of`."),
    ]
