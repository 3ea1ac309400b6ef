"""The bot keeps its books safe by itself: verifies, anchors, backs up, and closes what is broken."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from bot.keeping import last_night
from points_core import audit, backup, history, verification
from points_core.models import VerifiedMark
from points_core.settings import Settings
from tests.stories.answers import answer, private
from tests.stories.world import World


def marks(tx: Connection) -> list[tuple[int, datetime]]:
    rows = tx.execute(select(VerifiedMark.seq, VerifiedMark.full_at))
    return [(seq, full_at) for seq, full_at in rows]


def spoil(tx: Connection) -> None:
    tx.execute(text("UPDATE point_scores SET points = points + 1"))


async def tick(world: World, now: datetime) -> None:
    """Let the ticker tick at `now`, and wait for what it began."""
    await world.bot.ticker.tick(now)
    await world.bot.ticker.keeping.idle()
    await world.bot.courier.idle()


async def award(world: World, reason: str = "watering") -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason=reason)


async def test_after_every_start_what_is_new_is_verified(world: World) -> None:
    await award(world)
    await world.restart()
    await tick(world, world.env.now())
    await tick(world, world.env.now())

    ((seq, _),) = await world.points.read(marks)
    assert seq == 1


async def test_each_night_everything_is_verified_once(world: World) -> None:
    await award(world)
    await tick(world, world.env.now())
    night = last_night(world.env.now(), "UTC") + timedelta(days=1)
    await tick(world, night + timedelta(seconds=1))
    await tick(world, night + timedelta(hours=2))

    assert await world.points.read(marks) == [(1, night + timedelta(seconds=1))]
    entries = await world.points.read(audit.recent, world.community)
    assert [entry.action for entry in entries].count(verification.VERIFIED) <= 2


async def test_a_clock_that_was_a_year_ahead_puts_no_night_off(world: World) -> None:
    await award(world)
    await tick(world, world.env.now() + timedelta(days=365))
    await tick(world, world.env.now() + timedelta(days=365, minutes=1))
    await tick(world, world.env.now())

    assert await world.points.read(marks) == [(1, world.env.now())]


async def test_the_head_of_the_chain_is_shown_in_the_log_channel_once_a_day(world: World) -> None:
    await world.configure(log_channel=world.log)
    await award(world)
    await tick(world, world.env.now())
    await tick(world, world.env.now() + timedelta(hours=1))

    lines = [message.content for message in world.log.history() if "sealed by" in message.content]
    assert len(lines) == 1
    (head,) = await world.points.read(verification.anchors.heads)
    assert lines[0] == f"⚓ The books up to **#1** are sealed by `1:{head.hash.hex()}`"


async def test_broken_books_are_closed_and_everybody_concerned_is_told(world: World) -> None:
    await world.configure(log_channel=world.log)
    await award(world)
    await world.points.write(spoil)
    world.expected += ["BROKEN in", "are closed until they are repaired", "BooksClosed"]
    await world.restart()
    await tick(world, world.env.now())

    refusal = private(
        await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="more weeding")
    )
    assert "take nothing new until they are repaired" in refusal
    assert any("closed the books" in message.content for message in world.log.history())
    balance = await world.points.read(history.balance, world.community, str(world.mia.id))
    assert balance.current == 5


async def test_a_backup_is_made_when_it_is_due(world: World, tmp_path: Path) -> None:
    await award(world)
    folder = tmp_path / "backups"
    world.bot.settings = world.points.settings = world.bot.settings.model_copy(
        update={"backup_directory": folder}
    )
    at = world.env.now()
    for minutes in range(4):  # a verification first, then the backup, then nothing for a day
        await tick(world, at + timedelta(minutes=minutes))
    assert len(backup.listed(folder)) == 1
    for minutes in range(4):
        await tick(world, at + timedelta(days=1, minutes=minutes))
    assert [manifest.communities[world.community].number for manifest in backup.listed(folder)] == [1, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="about a file that does not answer")
async def test_a_directory_that_does_not_answer_keeps_nobody_waiting(world: World, tmp_path: Path) -> None:
    await award(world)
    await tick(world, world.env.now())  # verified
    silent = tmp_path / "points-silent.db.json"
    os.mkfifo(silent)
    world.bot.settings = world.points.settings = world.bot.settings.model_copy(
        update={"backup_directory": tmp_path}
    )

    async with asyncio.timeout(20):
        await world.bot.ticker.tick(world.env.now())
        asked = await world.mia.slash(world.general, "balance")

    assert "5 points" in str(answer(asked).embeds[0].title)
    await asyncio.to_thread(hang_up, silent)
    await world.bot.ticker.keeping.idle()


def hang_up(pipe: Path) -> None:
    """Wait until somebody reads the pipe, then end it."""
    writer = os.open(pipe, os.O_WRONLY)
    pipe.unlink()
    os.close(writer)


async def test_a_backup_that_fails_is_logged_and_tried_again_later(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    world.bot.settings = world.points.settings = world.bot.settings.model_copy(
        update={"backup_directory": tmp_path / "file" / "backups"}
    )
    world.expected.append("back_up could not be done")
    for minutes in range(4):
        await tick(world, world.env.now() + timedelta(minutes=minutes))

    assert os.listdir(tmp_path).count("file") == 1
    await award(world)  # and everything else goes on


@pytest.mark.parametrize(
    "now, zone, night",
    [
        ("2026-03-18T12:00", "UTC", "2026-03-18T03:00"),
        ("2026-03-18T02:59", "UTC", "2026-03-17T03:00"),
        ("2026-03-18T03:00", "UTC", "2026-03-18T03:00"),
        ("2026-07-18T00:59", "Europe/Paris", "2026-07-17T01:00"),
        ("2026-07-18T01:00", "Europe/Paris", "2026-07-18T01:00"),
    ],
)
def test_the_last_night_is_the_zones(now: str, zone: str, night: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert last_night(at, zone) == datetime.fromisoformat(night).replace(tzinfo=UTC)


def test_the_settings_of_a_new_host_make_no_backups(settings: Settings) -> None:
    assert not backup.due(settings, datetime(2026, 1, 1, tzinfo=UTC))
