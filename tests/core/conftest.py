"""An open points database on each backend, and people to move points between."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count

import pytest
from sqlalchemy import Connection, func, select

from points_core.database import Points
from points_core.models import Base
from points_core.settings import Settings
from points_core.values import Actor, Origin

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday
COMMUNITY = "town"
ADA, GRACE, MOD, OTHER_MOD, THIRD_MOD = "1001", "1002", "9001", "9002", "9003"

_keys = count(1)


def by(
    user_id: str,
    key: str | None = None,
    at: datetime = NOON,
    community: str = COMMUNITY,
    place: str | None = None,
) -> Origin:
    """Return the origin of something that `user_id` asks for."""
    return Origin(community, Actor.member(user_id), at, key or f"test:{next(_keys)}", place)


def settings_for(url: str, **changes: object) -> Settings:
    return Settings.model_validate({"POINTS_DATABASE_URL": url, **changes})


@pytest.fixture
async def points(database_url: str) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(database_url)) as opened:
        yield opened


async def row_counts(points: Points) -> dict[str, int]:
    """Return how many rows each table has: what a refusal must leave alone."""

    def counted(tx: Connection) -> dict[str, int]:
        return {
            name: tx.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in Base.metadata.tables.items()
        }

    return await points.read(counted)
