"""What a community decided for itself, as one document."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from points_core.errors import InvalidSetting, UnknownCategory
from points_core.programme import Amount, OutsideId, Programme
from points_core.values import MAX_AMOUNT, MAX_CATEGORY_NAME
from points_core.windows import zone_named

MAX_REQUEST_HOURS = 24 * 30  # a month: what nobody decided by then nobody will
MAX_ERASURE_DAYS = 30  # the law gives a month to carry out an erasure
MAX_LEAVE_DAYS = 3_650


class Capability(StrEnum):
    """What someone may do; which roles have it is policy."""

    AWARD = "award"
    DEDUCT = "deduct"
    APPROVE = "approve"
    UNDO = "undo"
    CONFIGURE = "configure"


class LeavePolicy(StrEnum):
    """What becomes of a member who left and stays away."""

    KEEP = "keep"
    HIDE = "hide"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Category:
    """A heading for points; a retired one keeps its past and takes no new points."""

    id: int
    name: str
    retired: bool


class Policy(BaseModel):
    """What a community decided for itself; amounts in points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_award: Amount = 1
    """The smallest award or deduction."""
    max_award: Amount = 1_000
    """The largest award or deduction."""
    daily_limit: Amount | None = None
    """How many points one giver may award in a day on their own; None for no limit."""
    approval_threshold: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)] | None = 100
    """Awards and deductions of more points than this wait for approval; None for never."""
    quorum: Annotated[int, Field(ge=1, le=25, strict=True)] = 1
    """How many other moderators must agree."""
    request_hours: Annotated[int, Field(ge=1, le=MAX_REQUEST_HOURS, strict=True)] = 72
    """After how many hours an approval request expires."""
    allow_negative: Annotated[bool, Field(strict=True)] = False
    """Whether a balance may fall below 0."""
    timezone: str = "UTC"
    """The IANA name of the zone in which days, weeks and schedules are counted."""
    roles: dict[Capability, tuple[OutsideId, ...]] = Field(default_factory=dict)
    """The roles that have a capability; none listed means the outside's default."""
    announcements_channel: OutsideId | None = None
    """Where awards decided elsewhere are announced."""
    approvals_channel: OutsideId | None = None
    """Where approval requests are shown; None for where they were asked."""
    log_channel: OutsideId | None = None
    """Where every movement and every change is logged."""
    erasure_days: Annotated[int, Field(ge=0, le=MAX_ERASURE_DAYS, strict=True)] = 7
    """After how many days a member's wish to be erased is carried out; they may take it back until then."""
    leave_policy: LeavePolicy = LeavePolicy.KEEP
    """What becomes of who left: kept as they are, hidden from boards, or erased."""
    leave_days: Annotated[int, Field(ge=1, le=MAX_LEAVE_DAYS, strict=True)] = 30
    """After how many days away; who is back before then loses nothing."""
    programme: Programme = Programme()
    """What earns by itself and what it leads to: levels, roles, streaks, expiry, decay."""
    version: int = 0
    """How often the policy was changed."""
    categories: tuple[Category, ...] = ()
    """All headings, retired ones included, in the order they were made."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        zone_named(value)
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_award > self.max_award:
            raise InvalidSetting("min_award", self.min_award, f"at most the maximum, {self.max_award:,}")
        known = {None, *(category.id for category in self.categories)}
        for expiry in self.programme.expiry:
            if expiry.category_id not in known:
                raise InvalidSetting("expiry", expiry.category_id, "the number of a category")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Return the community's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def document(self) -> dict[str, Any]:
        """Return what is stored of the policy, as JSON values."""
        return self.model_dump(mode="json", exclude={"version", "categories"})

    @property
    def open_categories(self) -> tuple[str, ...]:
        """Return the names that take new points."""
        return tuple(category.name for category in self.categories if not category.retired)

    @property
    def floor(self) -> int | None:
        """Return the balance nobody may fall below, None where balances may go negative."""
        return None if self.allow_negative else 0

    def category(self, name: str | None, *, retired: bool = False) -> Category | None:
        """Return the category called `name` in any spelling of case; None for None.

        Raises UnknownCategory; for a retired one too, unless `retired` (for reading the past).
        """
        if name is None:
            return None
        for category in self.categories:
            if category.name.casefold() == name.strip().casefold() and (retired or not category.retired):
                return category
        raise UnknownCategory(name[:MAX_CATEGORY_NAME], self.open_categories)

    def category_name(self, category_id: int | None) -> str | None:
        """Return the name of a category's number, None for None."""
        return next((category.name for category in self.categories if category.id == category_id), None)


STORED = frozenset(Policy.model_fields) - {"version", "categories"}
"""The fields that `change` can change."""
