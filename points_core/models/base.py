"""What all tables share: the naming of constraints, times in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, LargeBinary, MetaData, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

from points_core.values import ActorKind, Duty, Kind, Mode, RequestState


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC: naive values are refused going in, and none come out.

    SQLite stores the wall clock of whatever it is given and forgets the zone; so it is given UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC. Raises ValueError for a naive one."""
        return None if value is None else _utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return what makes the text that SQLite holds, in a third of the time that SQLAlchemy's two steps take."""
        return _text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return what reads that text."""
        return _instant if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


_LENGTH = len("2026-01-31 00:00:00.000000")


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"naive datetime: {value}")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _text(value: datetime | None) -> str | None:
    return None if value is None else _utc(value).isoformat(" ", "microseconds")[:_LENGTH]


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    if len(text) == _LENGTH:
        return datetime.fromisoformat(f"{text}+00:00")
    moment = datetime.fromisoformat(text)  # not as we write it: another program did
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def one_of(
    column: str,
    values: type[Kind] | type[ActorKind] | type[Mode] | type[Duty] | type[RequestState],
    name: str,
) -> CheckConstraint:
    """Return the CHECK that keeps `column` within a closed list."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


class Blob(LargeBinary):
    """Bytes, which SQLite's driver takes as they are; SQLAlchemy would wrap each of an award's four."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return what the driver needs done to them."""
        inherited: Callable[[Any], Any] | None = super().bind_processor(dialect)  # type: ignore[no-untyped-call]
        return None if dialect.name == "sqlite" else inherited


class Base(DeclarativeBase):
    """The mapping's root: naming convention for constraints, types for annotations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own idiom
        datetime: UtcDateTime(),
        bytes: Blob(),
        dict[str, Any]: JSON(),
    }
