"""A root file system that cannot be written, as in compose.yaml: who writes where, of the processes themselves.

Python tells each file that is opened for writing, made, renamed or removed (SQLite's by the file it connects to).
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house.test_image import image
from tests.stories.loopback import TOKEN, discord_on_loopback

ROOT = Path(__file__).parents[2]
SECONDS = 60  # for a process to end; a loaded machine starts Python slowly

WATCHED = """
import os, runpy, sys

log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "os.chmod", "sqlite3.connect"}

def heard(event, given):
    if event == "open" and isinstance(given[0], (str, bytes, os.PathLike)) and given[2] & WRITES or event in CHANGES:
        path = os.fsdecode(given[0])
        path = path.removeprefix("file:").partition("?")[0] if event == "sqlite3.connect" else path
        os.write(log, f"{event} {os.path.abspath(path)}\\n".encode())

sys.addaudithook(heard)
sys.argv[:3] = sys.argv[2:3]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


class Container:
    """Folders like the container's: the data, a /tmp, and a place to start in where nothing may be written."""

    def __init__(self, folder: Path) -> None:
        self.data, self.tmp, self.start = folder / "data", folder / "tmp", folder / "start"
        self.log = folder / "log"
        for made in (self.data, self.tmp, self.start):
            made.mkdir()
        self.start.chmod(0o555)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what the process sees: the image's own variables, no home, and no word about this machine."""
        there = dict(pair.split("=", 1) for line in image("ENV") for pair in line.split())
        there["MPLCONFIGDIR"] = there["MPLCONFIGDIR"].replace("/tmp", str(self.tmp))
        return {
            **there,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.tmp),
            "DISCORD_TOKEN": TOKEN,
            "POINTS_DATABASE_URL": f"sqlite:///{self.data}/points.db",
            "POINTS_BACKUP_DIRECTORY": f"{self.data}/backups",
        }

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a module, watched."""
        return [sys.executable, "-c", WATCHED, str(self.log), *arguments]

    def points(self, *arguments: str) -> None:
        """Run `points …` to its end."""
        ended = subprocess.run(
            self.command("points_core", *arguments),
            cwd=self.start,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert ended.returncode == 0, ended.stderr

    def elsewhere(self) -> list[str]:
        """Return what was written outside of the data and /tmp; devices are no files."""
        allowed = (f"{self.data}/", f"{self.tmp}/", "/dev/", "/proc/")
        written = set(self.log.read_text(encoding="utf-8").splitlines())
        return sorted(
            line
            for line in written
            if not (line.split(" ", 1)[1].startswith(allowed) or line.endswith(":memory:"))
        )


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_the_commands_write_only_data_and_tmp(container: Container) -> None:
    chart = str(container.data / "chart.png")
    for arguments in (
        ["db", "upgrade"],
        ["award", "1", "5", "came"],
        ["report", "summary", "--chart", chart],
        ["export", "--output", str(container.data / "all.zip")],
        ["backup"],
        ["verify"],
        ["doctor"],
    ):
        container.points(*arguments)

    assert container.elsewhere() == []
    assert f"{container.tmp}/matplotlib" in container.log.read_text(encoding="utf-8"), "it was listened to"
    assert list(container.start.iterdir()) == []


async def test_the_bot_writes_only_data_and_tmp(container: Container) -> None:
    async with discord_on_loopback() as discord:
        process = await asyncio.create_subprocess_exec(
            *container.command("tests.stories.loopback", str(discord.port)),
            cwd=container.start,
            env=container.environment,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SECONDS):
                await discord.ready.wait()
                process.send_signal(signal.SIGTERM)
                _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    assert process.returncode == 0, errors.decode()
    assert container.elsewhere() == []
    assert f"{container.data}/points.db" in container.log.read_text(encoding="utf-8"), "it was listened to"
