"""Which communities are whose: read from a setting, asked of an id, asked in SQL, always the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, literal, select

from points_core.database import Points
from points_core.settings import Settings
from points_core.shards import Shards

IDS = (
    "0",
    "1456074443980800010",
    "81384788765712384",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "0000000000000000000000000000001456074443980800010",
    "default",
    "town.1",
    "１２３",
)


@pytest.mark.parametrize(
    "text, ours, of",
    [
        ("0-3/16", (0, 1, 2, 3), 16),
        ("5/16", (5,), 16),
        ("8-10, 0 / 16", (0, 8, 9, 10), 16),
        ("0/1", (0,), 1),
        ("auto", (), None),
        (" Auto ", (), None),
    ],
)
def test_shards_are_read(text: str, ours: tuple[int, ...], of: int | None) -> None:
    assert Shards.parse(text) == Shards(ours, of)


@pytest.mark.parametrize(
    "text", ["", "0-3", "16/16", "3-1/16", "a/16", "0-3/0", "-1/4", "0/99999", "0//4", "1,,2/4", "٣/4"]
)
def test_what_are_no_shards_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Shards.parse(text)


def test_the_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(_env_file=None).shards is None
    monkeypatch.setenv("POINTS_SHARDS", "0-3/16")
    assert Settings(_env_file=None).shards == Shards((0, 1, 2, 3), 16)
    monkeypatch.setenv("POINTS_SHARDS", "4")
    with pytest.raises(ValueError, match="such as 0-3/16"):
        Settings(_env_file=None)


@given(st.integers(0, 2**63 - 1), st.integers(1, 40))
def test_a_server_is_on_the_shard_that_discord_says(server: int, of: int) -> None:
    assert Shards(((server >> 22) % of,), of).has(str(server))
    assert sum(Shards((shard,), of).has(str(server)) for shard in range(of)) == 1


def found(tx: Connection, shards: Shards, community: str) -> bool:
    return bool(tx.execute(select(shards.those(literal(community)))).scalar_one())


@pytest.mark.parametrize("shards", ["0/3", "1/3", "2/3", "0-2/3", "auto", "7/16"])
async def test_the_database_says_the_same_as_python(points: Points, shards: str) -> None:
    ours = Shards.parse(shards)

    for community in IDS:
        assert await points.read(found, ours, community) is ours.has(community), community


def test_what_has_no_number_belongs_to_the_first() -> None:
    assert Shards.parse("0/4").has("default")
    assert Shards.parse("0/4").first
    assert Shards.parse("auto").first
    assert not Shards.parse("1-3/4").first
    assert not Shards.parse("1-3/4").has("default")
