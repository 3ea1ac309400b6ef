"""A community's own numbers: limits, quorum, roles, channels, zone, categories; changed from inside, on record."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from sqlalchemy import Connection, bindparam, insert, select, update

from points_core import audit, communities, outbox, scores
from points_core.communities import Head
from points_core.errors import BooksClosed, InvalidSetting, UnknownCategory
from points_core.models import Category as CategoryRow
from points_core.models import Policy as PolicyRow
from points_core.models import Schedule
from points_core.outbox import Topic
from points_core.settings import Settings
from points_core.values import (
    MAX_AMOUNT,
    MAX_CATEGORIES,
    MAX_CATEGORY_NAME,
    MAX_ID,
    Origin,
    clean_text,
)
from points_core.windows import zone_named

MAX_REQUEST_HOURS = 24 * 30  # a month: what nobody decided by then nobody will
MAX_ERASURE_DAYS = 30  # the law gives a month to carry out an erasure
MAX_LEAVE_DAYS = 3_650

Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, strict=True)]
OutsideId = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=r"^[A-Za-z0-9_.:@-]+$")]


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


_DOCUMENT = select(PolicyRow.version, PolicyRow.document).where(
    PolicyRow.community_id == bindparam("community")
)
_CATEGORIES = (
    select(CategoryRow.id, CategoryRow.name, CategoryRow.retired_at)
    .where(CategoryRow.community_id == bindparam("community"))
    .order_by(CategoryRow.id)
)


def of(tx: Connection, community: str) -> Policy:
    """Return the policy of the community with outside id `community`; the settings' defaults for a new one."""
    found = communities.find(tx, community)
    return _defaults(tx) if found is None else by_number(tx, found)


def by_number(tx: Connection, community_id: int) -> Policy:
    """Return the policy of a community that exists."""
    version, document = tx.execute(_DOCUMENT, {"community": community_id}).one()
    rows = tx.execute(_CATEGORIES, {"community": community_id})
    categories = tuple(Category(id, name, retired_at is not None) for id, name, retired_at in rows)
    return Policy.model_validate({**document, "version": version, "categories": categories})


def zone_at(tx: Connection, community: str, at: datetime | None) -> ZoneInfo:
    """Return the zone in which the community's days were counted at `at` (aware); None: as they are now."""
    found = communities.find(tx, community)
    if found is None or at is None:
        return of(tx, community).zone
    changed = audit.first_before(tx, found, "policy.change", "timezone", at)
    return ZoneInfo(str(changed)) if changed is not None else by_number(tx, found).zone


def _defaults(tx: Connection) -> Policy:
    settings = tx.get_execution_options().get("points_settings")
    if not isinstance(settings, Settings):
        settings = Settings()
    return Policy(
        min_award=settings.min_award,
        max_award=settings.max_award,
        approval_threshold=settings.approval_threshold,
        quorum=settings.quorum,
        timezone=settings.timezone,
        categories=tuple(Category(n, name, False) for n, name in enumerate(settings.categories, start=1)),
    )


def locked(tx: Connection, origin: Origin) -> tuple[Head, Policy]:
    """Return the locked head and the policy of the origin's community, made with the defaults if it is new.

    Raises BooksClosed while the community's books are known to be wrong: every write comes through here.
    """
    head = communities.lock(tx, origin.community)
    if head is None:
        made = communities.create(tx, origin.community, origin.at)
        head = communities.lock(tx, origin.community)
        assert head is not None
        if made:
            _begin(tx, head.community_id, origin.at)
    if head.closed_because is not None:
        raise BooksClosed(origin.community, head.closed_because)
    return head, by_number(tx, head.community_id)


def _begin(tx: Connection, community_id: int, at: datetime) -> None:
    policy = _defaults(tx)
    tx.execute(
        insert(PolicyRow).values(
            community_id=community_id,
            version=0,
            document=policy.document,
            updated_at=at,
        )
    )
    if policy.categories:
        tx.execute(
            insert(CategoryRow),
            [{"community_id": community_id, "id": c.id, "name": c.name} for c in policy.categories],
        )


def change(tx: Connection, origin: Origin, /, **changes: Any) -> Policy:  # noqa: ANN401 - each field has its own type
    """Change one or more fields of the community's policy and return the new one.

    Raises InvalidSetting. A change of time zone counts every score anew.
    """
    head, old = locked(tx, origin)
    target = ",".join(sorted(changes))
    if audit.was_done(tx, head, origin, "policy.change", target):
        return old
    new = _changed(old, changes)
    document = new.document
    before = old.model_dump(mode="json", include=set(changes))
    after = new.model_dump(mode="json", include=set(changes))
    if before == after:
        return old
    if old.timezone != new.timezone:
        scores.rebuild(tx, head.community_id, new.zone)
        _wake_schedules(tx, head, origin.at)
    _store(tx, head, document, origin.at)
    put_on_record(tx, head, origin, new, action="policy.change", target=target, before=before, after=after)
    return by_number(tx, head.community_id)


def _changed(old: Policy, changes: dict[str, Any]) -> Policy:
    if unknown := sorted(set(changes) - STORED):
        raise InvalidSetting(unknown[0], changes[unknown[0]], "one of " + ", ".join(sorted(STORED)))
    try:
        return Policy.model_validate({**old.document, **changes, "categories": old.categories})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ", ".join(sorted(changes))
        raise InvalidSetting(name, changes.get(name), first["msg"]) from error


def _wake_schedules(tx: Connection, head: Head, at: datetime) -> None:
    """Have every schedule looked at anew: the moments they wait for were counted in another zone."""
    later = (Schedule.community_id == head.community_id, Schedule.next_due_at > at)
    tx.execute(update(Schedule).where(*later).values(next_due_at=at))


def _store(tx: Connection, head: Head, document: dict[str, Any], at: datetime) -> None:
    tx.execute(
        update(PolicyRow)
        .where(PolicyRow.community_id == head.community_id)
        .values(version=PolicyRow.version + 1, document=document, updated_at=at)
    )


@contextmanager
def _category_change(
    tx: Connection, origin: Origin, action: str, name: str
) -> Iterator[tuple[Head, Policy, bool]]:
    """Hold the community's lock around one change of its categories; yields whether it was made before."""
    head, policy = locked(tx, origin)
    done = audit.was_done(tx, head, origin, action, name)
    yield head, policy, done
    if not done:
        _store(tx, head, policy.document, origin.at)


def add_category(tx: Connection, origin: Origin, name: str) -> Policy:
    """Open a category, or open a retired one again. Raises InvalidText, InvalidSetting."""
    name = _new_name(name)
    with _category_change(tx, origin, "category.add", name) as (head, policy, done):
        if not done:
            _add_category(tx, head, policy, name)
            made = {"name": name}
            put_on_record(
                tx, head, origin, policy, action="category.add", target=name, before=None, after=made
            )
    return by_number(tx, head.community_id)


def _add_category(tx: Connection, head: Head, policy: Policy, name: str) -> None:
    if len(policy.open_categories) >= MAX_CATEGORIES:
        raise InvalidSetting(
            "categories", name, f"at most {MAX_CATEGORIES} open categories; retire one first"
        )
    known = next((c for c in policy.categories if c.name.casefold() == name.casefold()), None)
    if known is None:
        tx.execute(
            insert(CategoryRow).values(
                community_id=head.community_id, id=len(policy.categories) + 1, name=name
            )
        )
    elif known.retired:
        tx.execute(_this_category(head, known).values(retired_at=None))
    else:
        raise InvalidSetting("categories", name, "a name that is not taken")


def retire_category(tx: Connection, origin: Origin, name: str) -> Policy:
    """Close a category to new points; its past stays. Raises InvalidText, UnknownCategory."""
    name = clean_text("category", name, MAX_CATEGORY_NAME)
    with _category_change(tx, origin, "category.retire", name) as (head, policy, done):
        if not done:
            category = _open_category(policy, name)
            tx.execute(_this_category(head, category).values(retired_at=origin.at))
            was = {"name": category.name}
            put_on_record(
                tx, head, origin, policy, action="category.retire", target=name, before=was, after=None
            )
    return by_number(tx, head.community_id)


def rename_category(tx: Connection, origin: Origin, name: str, to: str) -> Policy:
    """Give a category another name, for its past too. Raises UnknownCategory, InvalidText, InvalidSetting."""
    name = clean_text("category", name, MAX_CATEGORY_NAME)
    to = _new_name(to)
    with _category_change(tx, origin, "category.rename", name) as (head, policy, done):
        if not done:
            category = _open_category(policy, name)
            if any(c.name.casefold() == to.casefold() and c.id != category.id for c in policy.categories):
                raise InvalidSetting("categories", to, "a name that is not taken")
            tx.execute(_this_category(head, category).values(name=to))
            was, now = {"name": category.name}, {"name": to}
            put_on_record(
                tx, head, origin, policy, action="category.rename", target=name, before=was, after=now
            )
    return by_number(tx, head.community_id)


def _new_name(name: str) -> str:
    """Return `name` as a category can be called: several are asked for with commas between them."""
    name = clean_text("category", name, MAX_CATEGORY_NAME)
    if "," in name:
        raise InvalidSetting("category", name, "a name without commas, which stand between names")
    return name


def _open_category(policy: Policy, name: str) -> Category:
    category = policy.category(name)
    assert category is not None
    return category


def _this_category(head: Head, category: Category) -> Any:  # noqa: ANN401 - an UPDATE
    return update(CategoryRow).where(
        CategoryRow.community_id == head.community_id, CategoryRow.id == category.id
    )


def put_on_record(
    tx: Connection,
    head: Head,
    origin: Origin,
    policy: Policy,
    *,
    action: str,
    target: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """Put one change of how points work on record, tell the log channel, and save the head."""
    number = audit.record(tx, head, origin, action=action, target=target, before=before, after=after)
    if policy.log_channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(number), at=origin.at, place=policy.log_channel)
    communities.save(tx, head)
