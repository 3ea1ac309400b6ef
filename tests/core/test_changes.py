"""What one process changes, another that keeps it in memory is told; what was not committed nobody is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
import pytest
from sqlalchemy import Connection, make_url

from points_core import communities, listening, policy
from points_core.changes import ANYTHING, Change, Kept, What, notify
from points_core.database import Points
from points_core.errors import InvalidSetting
from tests.core.conftest import COMMUNITY, MOD, by, settings_for

PATIENCE_S = 10.0


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Points]:
    """Another process's way into the same database."""
    async with Points.opened(settings_for(database_url)) as opened:
        yield opened


class Heard:
    """What a subscriber was told, and a wait for more."""

    def __init__(self, points: Points) -> None:
        self.changes: list[Change] = []
        self._more = asyncio.Event()
        points.changes.subscribe(self._take)

    def _take(self, change: Change) -> None:
        self.changes.append(change)
        self._more.set()

    async def until_told(self) -> None:
        """Wait until at least one change was told since the last call."""
        async with asyncio.timeout(PATIENCE_S):
            await self._more.wait()
        self._more.clear()


async def settled(heard: Heard, points: Points) -> None:
    """Wait until the subscriber's process listens: on PostgreSQL it then says that anything may have changed."""
    if points.settings.database_url.startswith("postgresql"):
        await heard.until_told()
        heard.changes.clear()
    else:
        await asyncio.sleep(listening.LOOK_S / 2)  # the first look is over


async def test_a_change_is_told_in_its_own_process_before_the_write_returns(points: Points) -> None:
    heard = Heard(points)

    await points.write(policy.change, by(MOD), quorum=2)

    assert Change(COMMUNITY, What.POLICY) in heard.changes


async def test_a_change_of_one_process_is_told_in_another(points: Points, other: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    heard = Heard(other)
    await settled(heard, other)

    await points.write(policy.change, by(MOD), quorum=3)
    await heard.until_told()

    assert heard.changes[0] in {Change(COMMUNITY, What.POLICY), ANYTHING}


async def test_what_is_kept_is_read_again_after_another_process_changed_it(
    points: Points, other: Points
) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    kept: Kept[int] = Kept(other.changes, [What.POLICY])
    heard = Heard(other)
    await settled(heard, other)
    reads = 0

    async def quorum() -> int:
        nonlocal reads
        reads += 1
        return (await other.read(policy.of, COMMUNITY)).quorum

    assert [await kept.of(COMMUNITY, quorum) for _ in range(3)] == [2, 2, 2]
    assert reads == 1

    await points.write(policy.change, by(MOD), quorum=3)
    await heard.until_told()

    assert await kept.of(COMMUNITY, quorum) == 3


async def test_a_value_read_while_it_changed_is_not_kept(points: Points) -> None:
    kept: Kept[int] = Kept(points.changes, [What.POLICY])

    async def read_just_before() -> int:
        quorum = (await points.read(policy.of, COMMUNITY)).quorum
        await points.write(policy.change, by(MOD), quorum=2)
        return quorum

    async def quorum() -> int:
        return (await points.read(policy.of, COMMUNITY)).quorum

    assert await kept.of(COMMUNITY, read_just_before) == 1
    assert await kept.of(COMMUNITY, quorum) == 2


async def test_only_the_community_that_changed_is_forgotten_and_only_what_changed(points: Points) -> None:
    kept: Kept[str] = Kept(points.changes, [What.RULES])

    def reading(value: str) -> Callable[[], Awaitable[str]]:
        async def read() -> str:
            return value

        return read

    await points.write(policy.change, by(MOD), quorum=2)
    await points.write(policy.change, by(MOD, community="village"), quorum=2)
    for town in (COMMUNITY, "village"):
        await kept.of(town, reading("old"))
    await points.write(policy.change, by(MOD), quorum=3)
    assert await kept.of(COMMUNITY, reading("new")) == "old"

    def new_rules(tx: Connection) -> None:
        community_id = communities.find(tx, COMMUNITY)
        assert community_id is not None
        notify(tx, community_id, What.RULES)

    await points.write(new_rules)
    assert await kept.of(COMMUNITY, reading("new")) == "new"
    assert await kept.of("village", reading("new")) == "old"


async def test_at_most_so_many_communities_are_kept(points: Points) -> None:
    kept: Kept[int] = Kept(points.changes, [What.POLICY], most=2)
    reads: list[str] = []

    for town in ("a", "b", "a", "c", "a", "b"):

        async def read(town: str = town) -> int:
            reads.append(town)
            return 1

        await kept.of(town, read)

    assert reads == ["a", "b", "c", "b"]


async def test_what_is_not_committed_is_not_told(points: Points, other: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    heard, elsewhere = Heard(points), Heard(other)
    await settled(elsewhere, other)
    heard.changes.clear()

    def broken(tx: Connection) -> None:
        policy.change(tx, by(MOD), quorum=3)
        raise InvalidSetting("quorum", 3, "something else")

    with pytest.raises(InvalidSetting):
        await points.write(broken)
    await points.write(policy.change, by(MOD, community="village"), quorum=3)
    await elsewhere.until_told()

    assert Change(COMMUNITY, What.POLICY) not in heard.changes + elsewhere.changes


async def test_awards_of_this_process_do_not_make_what_it_keeps_old(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    heard = Heard(points)
    await settled(heard, points)

    for _ in range(3):
        await points.write(policy.locked, by(MOD))
    await asyncio.sleep(listening.LOOK_S * 1.5)

    assert heard.changes == []


async def test_a_listener_whose_connection_breaks_listens_again_and_takes_nothing_for_new(
    points: Points, other: Points
) -> None:
    url = points.settings.database_url
    if url.startswith("sqlite"):
        pytest.skip("no connection that breaks")
    await points.write(policy.change, by(MOD), quorum=2)
    heard = Heard(other)
    await settled(heard, other)

    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'UNLISTEN%'"
        )
    await heard.until_told()
    assert heard.changes[0] == ANYTHING

    async with asyncio.timeout(PATIENCE_S):
        while Change(COMMUNITY, What.POLICY) not in heard.changes:
            await points.write(policy.change, by(MOD), quorum=3)
            await points.write(policy.change, by(MOD), quorum=2)
            await heard.until_told()


def test_a_notification_of_a_newer_version_may_mean_anything() -> None:
    assert Change.parsed("policy:town") == Change("town", What.POLICY)
    assert Change.parsed("weather:town") == ANYTHING
    assert Change.parsed("") == ANYTHING
