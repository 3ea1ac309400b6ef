"""Whatever is typed at the host: each command ends with words and a code, and writes nothing when it refuses."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from points_core.settings import Settings
from tests.hostile import commands
from tests.hostile.commands import Ended, call, fields, type_in
from tests.hostile.corpus import DAYS, IDS, NUMBERS, TEXTS, everywhere

ROOT = Path(__file__).parents[2]
COMMANDS = commands.commands()
SERVES = {"serve"}  # it does not end by itself: tried as a process of its own
SAMPLE = 2  # values for each field
LONG = 15_000  # characters: what is refused is not repeated by the page

WORDS = {**TEXTS, **DAYS, **IDS, **{f"number {name}": str(value) for name, value in NUMBERS.items()}}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("host")
    with pytest.MonkeyPatch.context() as patch:
        at_host(folder, patch)
        commands.founded(folder)
    return folder


def at_host(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("POINTS_DATABASE_URL", f"sqlite:///{folder / 'points.db'}")
    patch.setenv("POINTS_COMMUNITY", commands.COMMUNITY)
    patch.setenv("POINTS_RESTORE_POINTS", "0")


@pytest.fixture
def host(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with books of one of everything; deep, so that a path upwards stays within the test's own."""
    folder = tmp_path / "a" / "b" / "c" / "d" / "e"
    shutil.copytree(template, folder)
    at_host(folder, monkeypatch)
    return folder


@pytest.fixture
def watched(host: Path) -> Iterator["Watched"]:
    with closing(sqlite3.connect(host / "points.db")) as connection:
        yield Watched(connection)


class Watched:
    """Whether somebody else wrote to the books since last asked."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seen = self._version()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def written(self) -> bool:
        before, self._seen = self._seen, self._version()
        return self._seen != before


def fault(ended: Ended, watched: Watched) -> str | None:
    """Return what is wrong with how a command ended: it says 0, 1 or 2, in words, and writes nothing it refuses."""
    wrote = watched.written()
    if ended.raised is not None:
        return f"raised {ended.raised!r:.200}"
    if ended.code not in {0, 1, 2}:
        return f"ended with {ended.code}"
    if not ended.code:
        return None
    if wrote:
        return f"wrote, and refused: {ended.said:.200}"
    if not ended.said.strip() or "Traceback" in ended.said:
        return f"said {ended.said!r:.200}"
    return f"said {len(ended.said):,} characters" if len(ended.said) > LONG else None


@pytest.mark.parametrize("path", sorted(COMMANDS.keys() - SERVES))
def test_every_command_works_as_it_is_called_here(path: str, host: Path) -> None:
    """Else what follows would try nothing but the first argument."""
    ended = type_in(*call(path, COMMANDS[path]))

    assert ended.raised is None
    assert ended.code == 0, ended.said


@pytest.mark.parametrize("path", sorted(COMMANDS.keys() - SERVES))
def test_every_argument_and_option_takes_whatever_is_typed(path: str, host: Path, watched: Watched) -> None:
    command, faults = COMMANDS[path], []
    for each in fields(command):
        for name, text in everywhere(f"cli {path} {each.name}", WORDS, SAMPLE).items():
            ended = type_in(*call(path, command, **{each.name: text}))
            if (what := fault(ended, watched)) is not None:
                faults.append(f"{each.name} is {name}: {what}")
            if path == "db copy":
                (host / "copy.db").unlink(missing_ok=True)

    assert not faults, faults
    assert type_in("verify").code == 0


def test_bytes_that_no_community_can_be_called_are_refused_in_a_sentence(
    host: Path, watched: Watched
) -> None:
    ended = type_in("webhook", "list", "-c", "before\udcffafter")

    assert fault(ended, watched) is None
    assert (ended.code, ended.said.count("\n")) == (1, 1), ended


@pytest.mark.parametrize("words", [["restore", "--yes"], ["verify", "--manifest"], ["import"]], ids=" ".join)
def test_no_name_at_all_is_no_file(words: list[str], host: Path, watched: Watched) -> None:
    ended = type_in(*words, "")

    assert fault(ended, watched) is None
    assert ended.code in {1, 2}


@pytest.mark.parametrize(
    "words", [["import"], ["rule", "create", "endless"], ["verify", "--manifest"]], ids=" ".join
)
def test_a_device_that_never_ends_is_read_no_further_than_a_file_may_go(
    words: list[str], host: Path, watched: Watched
) -> None:
    (host / "endless.json").symlink_to("/dev/zero")
    ended = type_in(*words, "endless.json")

    assert fault(ended, watched) is None
    assert ended.code in {1, 2}


def test_a_file_may_be_called_by_bytes_that_are_no_text(host: Path) -> None:
    assert type_in("export", "transactions", "-o", "before\udcffafter.csv").code == 0
    assert (host / "before\udcffafter.csv").exists()


# ── files ──

JUNK: dict[str, bytes] = {
    "nothing": b"",
    "a byte": b"\x00",
    "not UTF-8": b"user_id,amount\n\xff\xfe\xfd,5\n",
    "UTF-16": "user_id,amount\n1,5\n".encode("utf-16"),
    "a mark and nothing": b"\xef\xbb\xbf",
    "nul bytes": b"user_id,amount,reason\n1\x00,5,x\x00\n",
    "a line of a megabyte": b"user_id,amount,reason\n" + b"1" * 1_000_000 + b",5,x\n",
    "a megabyte of quotes": b'"' * 1_000_000,
    "a megabyte of commas": b"user_id,amount\n" + b"," * 1_000_000,
    "deep JSON": b"[" * 100_000,
    "deep and closed JSON": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "a key twice": b'{"trigger": {"on": "message"}, "amount": 2, "amount": 3, "reason": "x"}',
    "not a number": b'{"trigger": {"on": "message"}, "amount": NaN, "reason": "x"}',
    "endless": b'[{"user_id": "1", "amount": Infinity}]',
    "more digits than an int reads": b'[{"user_id": "1", "amount": ' + b"9" * 5_000 + b"}]",
    "surrogates": b'{"trigger": {"on": "message"}, "amount": 2, "reason": "\\ud800"}',
    "JSON of another shape": b'"text"',
    "a list of lists": b"[[], [1], null]",
    "formulas": b"user_id,amount,reason\n=1+1,=2+2,=cmd|' /C calc'!A0\n",
    "names that are not there": b"a,b,c\n1,2,3\n",
    "a name twice": b"user_id,user_id,amount\n1,2,3\n",
    "too many cells": b"user_id,amount\n1,2,3,4,5\n",
    "a zip": b"PK\x03\x04" + bytes(200),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "an SQLite head": b"SQLite format 3\x00" + bytes(84),
    "environment": b"DISCORD_TOKEN=\xff\xfe\nPOINTS_DATABASE_URL=\x00\n",
}


def laid(folder: Path, books: Path) -> Iterator[tuple[str, Path]]:
    """Lay every kind of file that is none, and say what it is."""
    for name, content in JUNK.items():
        file = folder / "junk"
        file.write_bytes(content)
        yield name, file
    half = folder / "half.db"
    half.write_bytes(books.read_bytes()[: books.stat().st_size // 2])
    yield "half a database", half
    yield "nothing there", folder / "not there"
    yield from unusable(folder)


def unusable(folder: Path) -> Iterator[tuple[str, Path]]:
    """Make what can neither be read nor written as a file."""
    yield "a directory", folder
    loop = folder / "loop"
    loop.symlink_to(loop)
    yield "a link to itself", loop
    yield "a name that is too long", folder / ("x" * 300)
    yield "below a link to itself", loop / "inside"
    yield "below a device", Path("/dev/null/inside")


READERS = {
    "import": ["import"],
    "import, looking": ["import", "--dry-run"],
    "rule create": ["rule", "create", "from a file"],
    "rule edit": ["rule", "edit", "1"],
    "restore": ["restore", "--yes"],
    "verify": ["verify", "--manifest"],
    "db copy": ["db", "copy", "--to", "sqlite:///copied.db", "--from"],
}
WRITERS = {
    "db copy": ["db", "copy", "--to"],
    "backup": ["backup"],
    "backup, second": ["backup", "backups", "--second"],
    "export": ["export", "transactions", "--force", "-o"],
    "report": ["report", "activity", "--chart"],
}


def named(words: list[str], file: Path) -> list[str]:
    return [*words, f"sqlite:///{file}" if words[0] == "db" else str(file)]


@pytest.mark.parametrize("reader", READERS)
def test_every_file_that_is_read_may_be_anything(
    reader: str, host: Path, watched: Watched, tmp_path: Path
) -> None:
    faults = []
    for name, file in laid(tmp_path, host / "points.db"):
        content = JUNK.get(name)
        ended = type_in(*named(READERS[reader], file))
        if (what := fault(ended, watched)) is not None:
            faults.append(f"{name}: {what}")
        elif ended.code == 0 and not (name == "formulas" and "--dry-run" in READERS[reader]):
            faults.append(f"{name}: taken: {ended.said:.200}")
        elif content is not None and file.read_bytes() != content:
            faults.append(f"{name}: another file now")
    assert not faults, faults
    assert type_in("verify").code == 0


@pytest.mark.parametrize("writer", WRITERS)
def test_what_cannot_be_written_is_said(writer: str, host: Path, watched: Watched, tmp_path: Path) -> None:
    faults = []
    for name, file in unusable(tmp_path):
        if writer == "db copy" and name != "a directory":
            continue  # it tries for seconds
        if (writer.partition(",")[0], name) in {("backup", "a directory"), ("export", "a link to itself")}:
            continue  # a backup goes into it; an export with --force takes the link's place
        ended = type_in(*named(WRITERS[writer], file))
        if (what := fault(ended, watched)) is not None:
            faults.append(f"{name}: {what}")
        elif ended.code == 0:
            faults.append(f"{name}: taken: {ended.said:.200}")
    assert not faults, faults


@pytest.mark.parametrize("content", JUNK)
def test_a_database_that_is_none_is_refused_by_every_way_to_look(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_host(tmp_path, monkeypatch)
    books = tmp_path / "points.db"
    books.write_bytes(JUNK[content])
    for words in (["balance", "1"], ["award", "1", "5", "x"], ["verify"], ["doctor"], ["db", "upgrade"]):
        ended = type_in(*words)
        assert ended.raised is None, (words, ended.raised)
        if len(JUNK[content]) > 1:  # SQLite takes an empty file, and one of a byte, for a new database
            assert ended.code in {1, 2}, (words, ended)
            assert books.read_bytes() == JUNK[content]


@pytest.mark.parametrize("content", JUNK)
def test_a_settings_file_may_be_anything(content: str, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (host / ".env").write_bytes(JUNK[content])
    ended = type_in("balance", "1")

    assert ended.raised is None, ended.raised
    assert ended.code in {0, 2}, ended


SETTINGS = sorted(str(field.validation_alias) for field in Settings.model_fields.values())


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_may_be_anything(
    name: str, host: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = []
    for what, text in everywhere(f"setting {name}", WORDS, 2).items():
        if "\0" in text or len(text) > 100_000 or any("\ud800" <= letter <= "\udfff" for letter in text):
            continue  # no environment can hold it
        monkeypatch.setenv(name, text)
        for words in (["balance", "1"], ["doctor", "--quick"], ["backup"]):
            ended = type_in(*words)
            if (wrong := fault(ended, watched)) is not None:
                faults.append(f"{what}: {words[0]}: {wrong}")
    assert not faults, faults


# ── processes ──


def process(folder: Path, *words: str | bytes, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "points_core", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_bytes_that_are_no_text_are_refused_as_arguments(host: Path) -> None:
    ended = process(host, "season", "show", b"caf\xe9", "--category", b"\xff")

    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.count(b"\n") == 1, ended.stderr


def test_a_terminal_that_lacks_letters_gets_their_numbers(host: Path) -> None:
    ended = process(host, "award", "1", "5", "🌱 planting", PYTHONIOENCODING="latin-1")

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\\u2192 " in ended.stdout


@pytest.mark.parametrize("host_name", ["", "999.1.1.1"])
def test_a_server_that_cannot_listen_says_so(host: Path, host_name: str) -> None:
    ended = process(host, "serve", "--port", "0", f"--host={host_name}")

    assert ended.returncode in {1, 2}, ended
    assert ended.stderr
    assert b"Traceback" not in ended.stderr, ended.stderr
