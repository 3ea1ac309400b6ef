"""What earns by itself in a community and what it leads to: levels, roles, streaks, expiry, decay.

All of it is off until somebody switches it on.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from points_core.errors import InvalidSetting
from points_core.values import MAX_AMOUNT, MAX_ID, clean_text

MAX_LEVELS = 25  # what one of Discord's menus can offer
MAX_LEVEL_NAME = 50  # characters
MAX_DAYS = 3_650  # that points are kept, or nothing is earned
MAX_NOTICE = 90  # days

Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, strict=True)]
CategoryId = Annotated[int, Field(ge=1, strict=True)]
OutsideId = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=r"^[A-Za-z0-9_.:@-]+$")]


class Level(BaseModel):
    """A level: reached by who earned so many points in all; `role` is given for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, BeforeValidator(lambda name: clean_text("level", name, MAX_LEVEL_NAME))]
    earned: Amount
    role: OutsideId | None = None


class Expiry(BaseModel):
    """Points of a category (None: of every one without an expiry of its own, and those without one) expire.

    They are kept for `days` whole local days after the one on which they count. Nothing expires before the local
    day `begins`. Whose points expire is told at least `notice_days` before; 0 for not at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    category_id: CategoryId | None = None
    days: Annotated[int, Field(ge=1, le=MAX_DAYS, strict=True)]
    notice_days: Annotated[int, Field(ge=0, le=MAX_NOTICE, strict=True)] = 7
    begins: date | None = None

    def gone_on(self, day: int) -> int:
        """Return the local day (an ordinal) at whose beginning points of the local day `day` are gone."""
        return max(day + self.days + 1, self.begins.toordinal() if self.begins else 0)


class Decay(BaseModel):
    """Who has earned nothing for `inactive_days` loses `percent` of their points, again `every` week or month.

    `keep` points are never taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: Annotated[int, Field(ge=1, le=100, strict=True)]
    inactive_days: Annotated[int, Field(ge=1, le=MAX_DAYS, strict=True)]
    every: Literal["week", "month"] = "week"
    keep: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)] = 0


class Programme(BaseModel):
    """A community's programme; amounts in points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Annotated[tuple[Level, ...], Field(max_length=MAX_LEVELS)] = ()
    """The levels, lowest first."""
    level_roles: Literal["stack", "replace"] = "replace"
    """Whether a member keeps the roles of lower levels, or has the highest one only."""
    keep_roles: Annotated[bool, Field(strict=True)] = False
    """Whether a role stays with who falls below its level."""
    announcements_per_hour: Annotated[int, Field(ge=0, le=60, strict=True)] = 10
    """How many messages an hour announce levels and badges, in the channel for announcements; 0 for none."""
    streak_freezes: Annotated[int, Field(ge=0, le=31, strict=True)] = 0
    """How many missed days of a calendar month do not break a streak."""
    check_ins: Annotated[bool, Field(strict=True)] = False
    """Whether members can check in without a rule that gives something for it."""
    expiry: tuple[Expiry, ...] = ()
    """Which points expire, and when."""
    decay: Decay | None = None
    """What inactivity costs."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        earned = [level.earned for level in self.levels]
        if earned != sorted(set(earned)):
            raise InvalidSetting("levels", earned, "thresholds that rise from level to level")
        names = [level.name.casefold() for level in self.levels]
        if len(set(names)) != len(names):
            raise InvalidSetting("levels", self.levels[-1].name, "a name of its own for each level")
        categories = [expiry.category_id for expiry in self.expiry]
        if len(set(categories)) != len(categories):
            raise InvalidSetting("expiry", categories, "one expiry for a category")
        return self

    def amended(self, **parts: Any) -> "Programme":  # noqa: ANN401 - each part has its own type
        """Return the programme with other `parts`. Raises InvalidSetting, InvalidText."""
        try:
            return Programme.model_validate({**dict(self), **parts})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise InvalidSetting(name, str(first["input"])[:60], first["msg"]) from error

    @property
    def thresholds(self) -> tuple[int, ...]:
        """Return how many points each level takes, lowest first."""
        return tuple(level.earned for level in self.levels)

    @property
    def ranks(self) -> tuple[object, ...]:
        """Return everything that decides which level and which roles a member has."""
        return (self.levels, self.level_roles, self.keep_roles)

    def expiry_of(self, category_id: int | None) -> Expiry | None:
        """Return when points of a category (None: of none) expire, None for never."""
        by_category = {expiry.category_id: expiry for expiry in self.expiry}
        return by_category.get(category_id, by_category.get(None))

    def level(self, number: int) -> Level | None:
        """Return the level that `number` (1 for the lowest) stands for; None for 0 and for one that is gone."""
        return self.levels[number - 1] if 1 <= number <= len(self.levels) else None
