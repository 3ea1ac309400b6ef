"""A disk that loses power: what a child wrote and synced is recorded, and any moment of it can be gone back to.

The library stands between the child and its files (recorder.c, compiled on the spot). A cut leaves what was
synced; of what was not, anything: nothing, all, or some of its sectors in any order. Names (new files,
renames, removals) are durable once their folder is synced, a new file's own name also with the file, and
those of one folder are lost from the last one backwards, as journalling file systems do.
"""

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from random import Random
from tempfile import mkdtemp

SOURCE = Path(__file__).with_name("recorder.c")
SECTOR = 512  # bytes that a disk writes wholly or not at all
_HEADER = struct.Struct("=IIQqQ")


def compiled() -> Path | None:
    """Return the compiled library, None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = Path(mkdtemp(prefix="points-recorder-")) / "recorder.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-lpthread"], check=True)
    return library


def record(folder: Path, into: Path) -> None:
    """In a child: record from now on what happens below `folder`."""
    ctypes.CDLL(None).points_record(os.fsencode(folder), os.fsencode(into))


def fail(folder: Path, kind: str, after: int, times: int, error: int) -> None:
    """In a child: let `times` operations below `folder` fail with `error`, after `after` that do not.

    kind: one letter of recorder.c: `w`rite, `s`ync, `c`reate, `t`runcate, `r`ename.
    """
    library = ctypes.CDLL(None)
    library.points_fail.argtypes = [
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_long,
        ctypes.c_long,
        ctypes.c_int,
    ]
    library.points_fail(os.fsencode(folder), ord(kind), after, times, error)


@dataclass(frozen=True)
class Event:
    """One thing that happened on the disk."""

    kind: str
    path: str
    inode: int
    offset: int
    content: bytes


def events(log: Path) -> list[Event]:
    """Return what was recorded, in order."""
    raw, at, found = log.read_bytes(), 0, []
    while at < len(raw):
        kind, path, inode, offset, length = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        name = os.fsdecode(raw[at : at + path])
        found.append(Event(chr(kind), name, inode, offset, raw[at + path : at + path + length]))
        at += path + length
    return found


class Loss(Enum):
    """What becomes of that which was not synced."""

    NOTHING = "nothing: a process that is killed, not a machine"
    ALL = "everything"
    SOME = "some of it, torn and out of order"


@dataclass
class _File:
    """One file: what is durable of it, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    since: list[Event] = field(default_factory=list)

    def sync(self) -> None:
        for event in self.since:
            _apply(self.durable, event.kind, event.offset, event.content)
        self.since.clear()

    def after(self, loss: Loss, chance: Random) -> bytes:
        content = bytearray(self.durable)
        last = {Loss.NOTHING: len(self.since), Loss.ALL: 0}.get(loss)
        last = chance.randint(0, len(self.since)) if last is None else last
        for event in self.since[:last]:
            if event.kind == "t" or loss is Loss.NOTHING:
                _apply(content, event.kind, event.offset, event.content)
                continue
            for begin in range(0, len(event.content), SECTOR):
                if chance.random() < 0.7:
                    part = event.content[begin : begin + SECTOR]
                    _apply(content, "w", event.offset + begin, part)
        return bytes(content)


Waiting = list[tuple[Event, _File | None]]
"""Names that are not durable yet: what happened, and to which new file."""


def _apply(content: bytearray, kind: str, offset: int, bytes_: bytes) -> None:
    if kind == "t":
        del content[offset:]
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if kind == "w":
        content[offset : offset + len(bytes_)] = bytes_


@dataclass
class Disk:
    """A folder as it was, and what happened to it."""

    folder: Path
    before: dict[str, tuple[int, bytes]]
    events: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> "Disk":
        """Take note of a folder as it is; all of it is durable."""
        files = [each for each in folder.rglob("*") if each.is_file() and not each.name.endswith("-shm")]
        return cls(folder, {str(each): (each.stat().st_ino, each.read_bytes()) for each in files})

    def moments(self, chance: Random, count: int) -> list[int]:
        """Return moments to cut at, before any event or after the last: the last one always among them."""
        every = range(len(self.events) + 1)
        return sorted({len(self.events), *chance.sample(every, min(count, len(every)))})

    def cut(self, at: int, loss: Loss, chance: Random, into: Path) -> None:
        """Write into the new folder `into` what is there after the power went before the event number `at`."""
        names = {path: _File(bytearray(content)) for path, (_, content) in self.before.items()}
        current = {inode: names[path] for path, (inode, _) in self.before.items()}
        seen = dict(names)  # what a program sees, durable or not
        waiting: Waiting = []
        for event in self.events[:at]:
            if event.kind in "wt":
                current.setdefault(event.inode, _File()).since.append(event)
            elif event.kind == "s":
                file = current.setdefault(event.inode, _File())
                file.sync()
                waiting = _settled(names, waiting, _of_file(waiting, file))
            elif event.kind == "f":
                waiting = _settled(names, waiting, [event.path in _folders(one) for one, _ in waiting])
            else:
                if event.kind == "c":
                    current[event.inode] = _File()
                changes = _changes(event, seen, current)
                for change, made in changes:
                    _name(seen, change, made)
                waiting += changes
        kept = {Loss.NOTHING: len(waiting), Loss.ALL: 0}.get(loss)
        kept = chance.randint(0, len(waiting)) if kept is None else kept
        for event, made in waiting[:kept]:
            _name(names, event, made)
        lost = tuple(event.path + "/" for event, _ in waiting[kept:] if event.kind == "d")
        for path, file in names.items():
            if path.startswith(lost):
                continue
            target = into / Path(path).relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.after(loss, chance))


def _changes(event: Event, seen: dict[str, _File], current: dict[int, _File]) -> Waiting:
    """Return what happens to names; one that moves to another folder comes there and goes here, each for itself."""
    if event.kind == "c":
        return [(event, current[event.inode])]
    if event.kind == "r" and len(_folders(event)) > 1:
        return [
            (replace(event, kind="c", path=os.fsdecode(event.content)), seen[event.path]),
            (replace(event, kind="u"), None),
        ]
    return [(event, None)]


def _of_file(waiting: Waiting, file: _File) -> list[bool]:
    """Say which names are durable with a new file: its own, and what happened to that name before."""
    own = next((at for at, (_, made) in enumerate(waiting) if made is file), -1)
    path = waiting[own][0].path if own >= 0 else ""
    return [at <= own and path in _paths(event) for at, (event, _) in enumerate(waiting)]


def _settled(names: dict[str, _File], waiting: Waiting, durable: Sequence[bool]) -> Waiting:
    """Make those names durable that `durable` says so of, and return the rest."""
    for (event, made), now in zip(waiting, durable, strict=True):
        if now:
            _name(names, event, made)
    return [each for each, now in zip(waiting, durable, strict=True) if not now]


def _paths(event: Event) -> set[str]:
    return {event.path, *([os.fsdecode(event.content)] if event.kind == "r" else [])}


def _folders(event: Event) -> set[str]:
    return {os.path.dirname(path) for path in _paths(event)}


def _name(names: dict[str, _File], event: Event, made: _File | None) -> None:
    if event.kind == "c":
        assert made is not None
        names[event.path] = made
    elif event.kind == "u":
        names.pop(event.path, None)
    elif event.kind == "r" and event.path in names:
        names[os.fsdecode(event.content)] = names.pop(event.path)
