"""Seasons as they are kept: values, and how their rows are found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Update, select, update

from points_core import audit, communities, outbox
from points_core.communities import Head
from points_core.errors import UnknownSeason
from points_core.models import Season as SeasonRow
from points_core.outbox import Topic
from points_core.policy import Policy
from points_core.values import Origin
from points_core.windows import Span, Window

MAX_NAME = 50  # characters
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Season:
    """A season: its local days from `first` to `last`, in `timezone`; as instants `starts_at` to before `ends_at`.

    Once it is sealed: when, after which transaction, and the checksum (SHA-256 in hexadecimal digits).
    """

    number: int
    name: str
    first: date
    last: date
    timezone: str
    starts_at: datetime
    ends_at: datetime
    sealed_at: datetime | None
    sealed_seq: int | None
    checksum: str | None

    @property
    def window(self) -> Window:
        """Return the season's span of time; one that was ended early ends within its last day."""
        days = (self.first, self.last + A_DAY)
        return Window(Span.SEASON, *days, self.starts_at, self.ends_at, season=self.number)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a new transaction needs to know of a sealed season."""

    name: str
    starts_at: datetime
    ends_at: datetime
    sealed_seq: int


def listed(tx: Connection, community: str) -> tuple[Season, ...]:
    """Return the community's seasons, the earliest first."""
    community_id = communities.find(tx, community)
    return () if community_id is None else tuple(map(season_of, rows_of(tx, community_id)))


def named(tx: Connection, community: str, name: str) -> Season:
    """Return the season called `name`, in any spelling of case. Raises UnknownSeason."""
    community_id = communities.find(tx, community)
    if community_id is None:
        raise UnknownSeason(name[:MAX_NAME], ())
    return find(tx, community_id, name)


def numbered(tx: Connection, community: str, number: int) -> Season:
    """Return the community's season `number`. Raises UnknownSeason."""
    found = next((season for season in listed(tx, community) if season.number == number), None)
    if found is None:
        raise UnknownSeason(f"#{number}", ())
    return found


def before(tx: Connection, community: str, season: Season) -> Season | None:
    """Return the season before `season`, None if it is the first. One called off does not count."""
    earlier = [
        each
        for each in listed(tx, community)
        if each.starts_at < season.starts_at and each.starts_at < each.ends_at
    ]
    return earlier[-1] if earlier else None


def latest(tx: Connection, community: str, at: datetime) -> Season | None:
    """Return the season that ran at `at`, or the last one before it; None if none had begun."""
    begun = [each for each in listed(tx, community) if each.starts_at <= at and each.starts_at < each.ends_at]
    return begun[-1] if begun else None


def sealed(tx: Connection, community_id: int) -> tuple[Sealed, ...]:
    """Return the community's sealed seasons, for those who write transactions."""
    return tuple(
        Sealed(row.name, row.starts_at, row.ends_at, row.sealed_seq)
        for row in rows_of(tx, community_id)
        if row.sealed_at is not None
    )


def corrected(sealed: Iterable[Sealed], number: int, effective_at: datetime) -> str | None:
    """Return the name of the sealed season whose corrected view transaction `number` changes, None if none."""
    for season in sealed:
        if number > season.sealed_seq and season.starts_at <= effective_at < season.ends_at:
            return season.name
    return None


# ── rows ──


def rows_of(tx: Connection, community_id: int) -> list[Row[Any]]:
    """Return the rows of the community's seasons, the earliest first."""
    every = select(SeasonRow.__table__).where(SeasonRow.community_id == community_id)
    return list(tx.execute(every.order_by(SeasonRow.starts_at, SeasonRow.number)))


def row_of(tx: Connection, community_id: int, number: int) -> Row[Any]:
    """Return the row of season `number`."""
    this = (SeasonRow.community_id == community_id, SeasonRow.number == number)
    return tx.execute(select(SeasonRow.__table__).where(*this)).one()


def this(community_id: int, number: int) -> Update:
    """Return the UPDATE of season `number`."""
    return update(SeasonRow).where(SeasonRow.community_id == community_id, SeasonRow.number == number)


def find(tx: Connection, community_id: int, name: str) -> Season:
    """Return the season called `name`. Raises UnknownSeason."""
    rows = rows_of(tx, community_id)
    for row in rows:
        if row.name.casefold() == name.strip().casefold():
            return season_of(row)
    raise UnknownSeason(name[:MAX_NAME], tuple(row.name for row in rows))


def season_of(row: Row[Any]) -> Season:
    """Return the season in a row."""
    return Season(
        row.number,
        row.name,
        date.fromordinal(row.first),
        date.fromordinal(row.after - 1),
        row.timezone,
        row.starts_at,
        row.ends_at,
        row.sealed_at,
        row.sealed_seq,
        row.checksum.hex() if row.checksum is not None else None,
    )


def document(season: Season) -> dict[str, Any]:
    """Return a season as it goes on record."""
    return {"name": season.name, "first": season.first.isoformat(), "last": season.last.isoformat()}


def record(
    tx: Connection,
    head: Head,
    origin: Origin,
    rules: Policy,
    action: str,
    season: Season,
    after: dict[str, Any],
) -> None:
    """Put a change of a season on record, tell the log channel, and save the head."""
    number = audit.record(tx, head, origin, action=action, target=season.name, before=None, after=after)
    if rules.log_channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(number), at=origin.at, place=rules.log_channel)
    communities.save(tx, head)
