"""When a season runs: started with its days, ended early or called off."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, insert

from points_core import policy, scores
from points_core.errors import DuplicateTransaction, InvalidSetting, InvalidTime
from points_core.models import Season as SeasonRow
from points_core.seasons.results import seal
from points_core.seasons.stored import (
    A_DAY,
    MAX_NAME,
    Season,
    document,
    find,
    record,
    row_of,
    rows_of,
    season_of,
    this,
)
from points_core.values import Origin, clean_text
from points_core.windows import midnight


def start(tx: Connection, origin: Origin, *, name: str, last: date, first: date | None = None) -> Season:
    """Have a season called `name` run from the local day `first` (today if None) to `last`, both included.

    A season on the day on which the one before was ended early begins where that ended. Returns the season;
    the first one's when the same was asked for with `origin.key` before. Raises InvalidText, InvalidTime,
    InvalidSetting where the name is taken or the days are another season's, DuplicateTransaction for a key
    that began another season.
    """
    name = clean_text("season", name, MAX_NAME)
    head, rules = policy.locked(tx, origin)
    others = rows_of(tx, head.community_id)
    if again := next((row for row in others if row.key == origin.key), None):
        return _same(season_of(again), origin, name, first, last)
    first = first or origin.at.astimezone(rules.zone).date()
    if last < first:
        raise InvalidTime(f"{first.isoformat()} to {last.isoformat()}")
    if any(row.name.casefold() == name.casefold() for row in others):
        raise InvalidSetting("season", name, "a name that no season has had")
    starts_at, ends_at = _instants(first, last, rules.zone, others)
    head.seasons += 1
    tx.execute(
        insert(SeasonRow).values(
            community_id=head.community_id,
            number=head.seasons,
            name=name,
            first=first.toordinal(),
            after=last.toordinal() + 1,
            timezone=rules.timezone,
            starts_at=starts_at,
            ends_at=ends_at,
            place=origin.place,
            key=origin.key,
            created_at=origin.at,
        )
    )
    scores.rebuild_season(tx, head.community_id, head.seasons)  # it may have begun some days ago
    season = season_of(row_of(tx, head.community_id, head.seasons))
    record(tx, head, origin, rules, "season.start", season, document(season))
    return season


def _same(begun: Season, origin: Origin, name: str, first: date | None, last: date) -> Season:
    days = (begun.first, begun.last)
    if begun.name != name or (begun.sealed_at is None and days != (first or begun.first, last)):
        raise DuplicateTransaction(origin.key)  # one that was ended early has other days by now
    return begun


def end(tx: Connection, origin: Origin, name: str) -> Season:
    """End the season called `name` now and seal it; one that has not begun is called off.

    Returns the sealed season; as it is, if it was sealed before. Raises UnknownSeason.
    """
    head, rules = policy.locked(tx, origin)
    season = find(tx, head.community_id, name)
    if season.sealed_at is not None:
        return season
    begun = season.starts_at < origin.at
    if origin.at < season.ends_at:
        today = origin.at.astimezone(ZoneInfo(season.timezone)).date()
        tx.execute(
            this(head.community_id, season.number).values(
                first=min(season.first, today).toordinal(),
                after=today.toordinal() + 1,
                starts_at=min(season.starts_at, origin.at),
                ends_at=origin.at,
            )
        )
        scores.rebuild_season(tx, head.community_id, season.number)  # what was dated ahead is not in it
    ended = season_of(row_of(tx, head.community_id, season.number))
    record(tx, head, origin, rules, "season.end", ended, document(ended))
    return seal(tx, head, rules, season.number, origin.at, tell=begun)


def _instants(first: date, last: date, zone: ZoneInfo, others: list[Row[Any]]) -> tuple[datetime, datetime]:
    begin, ends_at = midnight(first, zone), midnight(last + A_DAY, zone)
    ended_today = [
        row.ends_at for row in others if row.sealed_at and begin < row.ends_at < midnight(first + A_DAY, zone)
    ]
    starts_at = max([begin, *ended_today])
    for row in others:
        if row.starts_at < ends_at and starts_at < row.ends_at:
            taken = (
                f"{date.fromordinal(row.first).isoformat()} to {date.fromordinal(row.after - 1).isoformat()}"
            )
            raise InvalidSetting(
                "days of a season",
                f"{first.isoformat()} to {last.isoformat()}",
                f"days of no other season; {row.name} has {taken}",
            )
    return starts_at, ends_at
