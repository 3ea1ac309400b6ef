"""What the bot sends, held against Discord's published description of its HTTP API.

`violations` checks records of simcord (`env.http_requests`): the path and its method, path and query
parameters, the body against its schema (`discord_description`), and what Discord says in prose
(`discord_limits`). Stories get all of it by one line in their conftest:

    from tests.bot.discord_api import discord_watch, pytest_runtest_call  # noqa: F401

Where the description is absent only the limits are checked. Files of a multipart request are not
recorded: its JSON part is checked, and that it names the files it speaks of.
"""

import json
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import simcord

from tests.bot import discord_limits
from tests.bot.discord_description import Description

ROOT: Final = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
SETTING: Final = "DISCORD_OPENAPI"


def description_path() -> Path | None:
    """Where the description is: beside the checkout, or where DISCORD_OPENAPI points.

    Returns None where there is none. Raises FileNotFoundError when the setting points nowhere.
    """
    told = os.environ.get(SETTING)
    path = Path(told) if told else ROOT.parent / "shared" / "discord" / "openapi.json"
    if path.is_file():
        return path
    if told:
        raise FileNotFoundError(f"{SETTING}={told}: no such file")
    return None


@cache
def read_description(path: Path) -> Description:
    """The description in this file, read once per process."""
    return Description(json.loads(path.read_text(encoding="utf-8")))


def violations(records: Sequence[simcord.HttpLogEntry], description: Description | None = None) -> list[str]:
    """What Discord would refuse or drop in these requests: a line each.

    A line names the request and, as a JSON pointer into its record, the spot.

    description: the one beside the checkout when absent; limits are checked without any.
    """
    path = description_path()
    if description is None and path is not None:
        description = read_description(path)
    lines = (
        f"request {number}: {record.method} {record.path} {_pointer(place)}: {sentence}"
        for number, record in enumerate(records, 1)
        for place, sentence in _complaints(record, description)
    )
    return list(dict.fromkeys(lines))  # both sources know some of the limits


def _complaints(
    record: simcord.HttpLogEntry, description: Description | None
) -> Iterator[discord_limits.Complaint]:
    if description is not None:
        yield from description.complaints(record)
    yield from discord_limits.complaints(record.method, record.path, record.json, record.reason)


# stories


@dataclass
class Watch:
    """The simulations that one test started, and how many requests of each were validated."""

    seen: list[tuple[simcord.Env, int]] = field(default_factory=list)

    def fresh(self) -> list[simcord.HttpLogEntry]:
        """Requests sent since the last call."""
        records = [record for env, checked in self.seen for record in env.http_requests[checked:]]
        self.seen = [(env, len(env.http_requests)) for env, _ in self.seen]
        return records


PATIENCE_S: Final = 60.0  # for a bot to come to rest: a shared machine's pace says nothing about the code

WATCH: Final = pytest.StashKey[Watch]()


@pytest.fixture(autouse=True)
def discord_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Sees every simulation start; what is sent after the test's end is validated here."""
    watch = request.node.stash[WATCH] = Watch()
    start = simcord.Env.start

    async def start_watched(env: simcord.Env) -> None:
        watch.seen.append((env, 0))
        env.settle_timeout = PATIENCE_S
        await start(env)

    monkeypatch.setattr(simcord.Env, "start", start_watched)
    yield watch
    del request.node.stash[WATCH]  # or every bot of the run would stay in memory
    _judge(watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fails a story that ended well although Discord would have refused what it sent."""
    outcome = yield
    if WATCH in item.stash:
        _judge(item.stash[WATCH])
    return outcome


def _judge(watch: Watch) -> None:
    if found := violations(watch.fresh()):
        pytest.fail("Discord would not take what the bot sent:\n" + "\n".join(found), pytrace=False)


def _pointer(place: discord_limits.Pointer) -> str:
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in place)
