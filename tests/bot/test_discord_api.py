"""The instrument as stories use it: what passes, how a fault reads, and what it watches."""

import copy
from pathlib import Path

import pytest

from tests.bot.discord_api import ROOT, SETTING, description_path, violations
from tests.bot.discord_requests import (
    Record,
    answer,
    button,
    command,
    commands,
    edit,
    message,
    query,
    row,
    rows,
    text,
)

pytest_plugins = ["pytester"]

GOOD = {
    "the longest content": message(content="x" * 2000, nonce="n" * 25),
    "the longest embeds": message(embeds=[{"description": "d" * 3000}] * 2),
    "five rows of five": message(
        components=[row(*(button(custom_id=f"{a}{b}") for b in range(5))) for a in range(5)]
    ),
    "a picture in its embed": message(
        embeds=[{"image": {"url": "attachment://x.png"}}], attachments=[{"id": 0, "filename": "x.png"}]
    ),
    "an edit that keeps a picture": edit(embeds=[{"image": {"url": "attachment://x.png"}}]),
    "an edit that keeps one of two": edit(
        embeds=[{"image": {"url": "attachment://x.png"}}], attachments=[{"id": "5"}]
    ),
    "an edit of a layout": edit(components=[text("x")]),
    "a forwarded message": message(message_reference={"type": 1, "message_id": "1", "channel_id": "2"}),
    "a link": rows(button(style=5, url="https://example.org/a?b=c", custom_id=None)),
    "a number as an id": message(content="x", allowed_mentions={"parse": [], "users": [5]}),
    "a secret answer": answer(4, content="x", flags=64),
    "names of many scripts": commands(
        *(command(name=name) for name in ("पुरस्कार", "รางวัล", "награда", "as-of_2"))
    ),
    "a menu with spaces": commands({"type": 2, "name": "Award Points"}),
    "a reaction": Record("PUT", "/channels/1/messages/2/reactions/%E2%9C%85/@me", {}, None, None),
    "the older half of a page": query(limit=100, before=str(2**63)),
    "a kept audit reason": Record("DELETE", "/channels/1/messages/2", {}, None, "r" * 512),
    "one command": Record("PATCH", "/applications/1/commands/2", {}, {"description": "New"}, None),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_discord_takes_passes(case: str) -> None:
    record = GOOD[case]
    before = copy.deepcopy(record)

    assert violations([record]) == []
    assert record == before


def test_a_line_names_the_request_its_place_and_what_is_wrong() -> None:
    assert violations([message(content="x"), message(content="x" * 2001)]) == [
        "request 2: POST /channels/1/messages /json/content: 2001 characters, at most 2000"
    ]


# finding the description


def test_a_setting_that_points_nowhere_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SETTING, str(tmp_path / "openapi.json"))

    with pytest.raises(FileNotFoundError, match=SETTING):
        description_path()


def test_the_setting_comes_before_the_folder_beside_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "other.json"
    told.write_text("{}")
    monkeypatch.setenv(SETTING, str(told))

    assert description_path() == told


# stories under watch

STORY = """
import discord
import pytest
import simcord

async def speak(env):
    found = env.bot.get_channel(env.create_guild().create_text_channel("general").id)
    await found.send("well", view=VIEW)

def make():
    return discord.Client(intents=discord.Intents(guilds=True))

async def test_a_story():
    async with simcord.run(make()) as env:
        await speak(env)

@pytest.fixture
async def farewell():
    env = simcord.Env(make())
    await env.start()
    yield
    await speak(env)
    await env.shutdown()

async def test_a_last_word(farewell):
    pass
"""
SOUND = "None"
# simcord takes two default options of a select that chooses one.
UNSOUND = """discord.ui.View().add_item(discord.ui.Select(options=[
        discord.SelectOption(label="a", default=True), discord.SelectOption(label="b", default=True)]))"""


def told(pytester: pytest.Pytester, view: str) -> pytest.RunResult:
    pytester.syspathinsert(ROOT)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest("from tests.bot.discord_api import discord_watch, pytest_runtest_call\n")
    pytester.makepyfile(STORY.replace("VIEW", view))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider")


def test_a_sound_story_passes_under_watch(pytester: pytest.Pytester) -> None:
    told(pytester, SOUND).assert_outcomes(passed=2)


def test_a_story_fails_by_what_it_sent_and_by_what_it_sent_while_closing(pytester: pytest.Pytester) -> None:
    result = told(pytester, UNSOUND)

    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*/json/components/0/components/0/options: more than 1 chosen from the start"]
    )
