"""The policy read back, under the community's lock where something is to be written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, insert, select

from points_core import audit, communities
from points_core.communities import Head
from points_core.errors import BooksClosed
from points_core.models import Category as CategoryRow
from points_core.models import Policy as PolicyRow
from points_core.policy.document import Category, Policy
from points_core.prepared import Prepared
from points_core.settings import Settings
from points_core.values import Origin

MOST_KNOWN = (
    1_000  # communities whose policy is kept as it was last read; what was read is compared each time
)

_DOCUMENT = Prepared(
    select(PolicyRow.version, PolicyRow.document).where(PolicyRow.community_id == bindparam("community"))
)
_CATEGORIES = Prepared(
    select(CategoryRow.id, CategoryRow.name, CategoryRow.retired_at)
    .where(CategoryRow.community_id == bindparam("community"))
    .order_by(CategoryRow.id)
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A policy, and what was read when it was made: from the same it is not made again."""

    version: int
    document: dict[str, Any]
    rows: list[tuple[Any, ...]]
    policy: Policy

    @classmethod
    def read(cls, version: int, document: dict[str, Any], rows: list[tuple[Any, ...]]) -> "_Known":
        categories = tuple(Category(id, name, retired_at is not None) for id, name, retired_at in rows)
        policy = Policy.model_validate({**document, "version": version, "categories": categories})
        return cls(version, document, rows, policy)


_known: dict[int, _Known] = {}


def of(tx: Connection, community: str) -> Policy:
    """Return the policy of the community with outside id `community`; the settings' defaults for a new one."""
    found = communities.find(tx, community)
    return _defaults(tx) if found is None else by_number(tx, found)


def by_number(tx: Connection, community_id: int) -> Policy:
    """Return the policy of a community that exists."""
    version, document = _DOCUMENT.row(tx, {"community": community_id})
    rows = [tuple(row) for row in _CATEGORIES.rows(tx, {"community": community_id})]
    known = _known.get(community_id)
    if known is None or (known.version, known.document, known.rows) != (version, document, rows):
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        known = _known[community_id] = _Known.read(version, document, rows)
    return known.policy


@dataclass(frozen=True, slots=True)
class Zones:
    """The zones in which a community counted its days: `now`, and the earlier ones with the time each lasted to."""

    now: ZoneInfo
    earlier: tuple[tuple[datetime, ZoneInfo], ...] = ()

    def at(self, moment: datetime) -> ZoneInfo:
        """Return the zone at `moment` (aware)."""
        return self.since(moment)[0]

    def since(self, moment: datetime) -> tuple[ZoneInfo, ...]:
        """Return the zone at `moment` (aware), and those that came after it."""
        return (*(zone for until, zone in self.earlier if until > moment), self.now)


def zones(tx: Connection, community_id: int, *, since: datetime | None = None) -> Zones:
    """Return the zones in which days were counted; of the earlier ones those that lasted beyond `since`."""
    changed = audit.values_before(tx, community_id, "policy.change", "timezone", since)
    earlier = tuple((until, ZoneInfo(str(name))) for until, name in changed)
    return Zones(by_number(tx, community_id).zone, earlier)


def zone_at(tx: Connection, community: str, at: datetime | None) -> ZoneInfo:
    """Return the zone in which the community's days were counted at `at` (aware); None: as they are now."""
    found = communities.find(tx, community)
    if found is None or at is None:
        return of(tx, community).zone
    return zones(tx, found, since=at).at(at)


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
