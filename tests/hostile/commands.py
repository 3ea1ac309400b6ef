"""The command line as it is: every command with its arguments and options, and a call of each that works.

A new command needs nothing here unless it asks for an argument of a new name: see GOOD.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from points_core.cli import app

COMMUNITY: Final = "town"

GOOD: Final[dict[str, str]] = {
    "user": "1",
    "amount": "5",
    "number": "1",
    "delivery": "1",
    "transaction": "1",
    "reason": "weeding",
    "name": "spring",
    "last": "2099-12-31",
    "kind": "activity",
    "what": "transactions",
    "days": "30",
    "percent": "5",
    "to": "paused",
    "scope": "read",
    "url": "https://hooks.example/points",
    "target": "sqlite:///copy.db",
    "directory": "backups",
}
"""What an argument or a required option may be, by its name."""

OWN: Final[dict[tuple[str, str], str]] = {
    ("badge add", "name"): "Gardener",
    ("badge add", "kind"): "streak",
    ("badge add", "steps"): "5",
    ("badge preset", "name"): "collector",
    ("token create", "name"): "a program",
    ("import", "file"): "rows.csv",
    ("backup", "directory"): "backups",
    ("privacy cancel", "user"): "2",
    ("rule create", "name"): "more talk",
    ("rule create", "file"): "rule.json",
    ("rule edit", "file"): "rule.json",
    ("season start", "name"): "later",
    ("season start", "first"): "2098-01-01",
    ("programme levels", "wanted"): "Sprout=10",
    ("programme preview", "wanted"): "Sprout=10",
}
"""The same for one command alone."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it said, and what it raised instead, if it did."""

    code: int
    said: str
    raised: BaseException | None = field(default=None)


_built: Final = typer.main.get_command(app)


def type_in(*words: str) -> Ended:
    """Type `points …` in this process: as Typer's own runner does, which builds all commands anew each time."""
    out, err = (TextIOWrapper(BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace"))
    code: object = 0
    raised = None
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", StringIO())
        try:
            _built.main(list(words), prog_name="points")
        except SystemExit as end:
            code = end.code or 0
        except Exception as error:
            raised = error
    said = [_text(stream) for stream in (out, err)]
    return Ended(code if isinstance(code, int) else 1, "".join(said), raised)


def _text(stream: TextIOWrapper) -> str:
    stream.flush()
    written = stream.detach()
    assert isinstance(written, BytesIO)
    return written.getvalue().decode("utf-8", "replace")


def commands() -> dict[str, Any]:
    """Return every command by its name, as `rule create`."""
    return dict(_walk(_built, ()))


def _walk(command: Any, path: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


def fields(command: Any) -> list[Any]:
    """Return the arguments and options of a command that take a value."""
    return [each for each in command.params if not getattr(each, "is_flag", False)]


def call(path: str, command: Any, **instead: str) -> list[str]:
    """Return a call of a command that works, with some values (by the field's name) in place of its own.

    Arguments stand behind `--`: what begins with a dash reaches them too.
    """
    options, arguments = [], []
    wanted = fields(command)
    last = max((n for n, each in enumerate(wanted) if each.name in instead), default=-1)
    for number, each in enumerate(wanted):
        if each.param_type_name == "option":
            if each.name in instead or each.required or (path, each.name) in OWN:
                options.append(f"{each.opts[0]}={_value(path, each.name, instead)}")
        elif each.required or number <= last or (path, each.name) in OWN:
            arguments.append(_value(path, each.name, instead))
    sure = ["--yes"] if path == "restore" else []  # it would ask
    return [*path.split(), *options, *sure, "--", *arguments]


def _value(path: str, name: str, instead: dict[str, str]) -> str:
    if name in instead:
        return instead[name]
    if (path, name) == ("restore", "file"):
        return str(min(Path("backups").glob("*.db")))
    return OWN.get((path, name)) or GOOD[name]


def founded(folder: Path) -> None:
    """Found a community that has one of everything, with the command line alone, in the current folder."""
    (folder / "rows.csv").write_text("user_id,amount,reason\n1,5,planting\n2,3,planting\n", encoding="utf-8")
    (folder / "rule.json").write_text(
        '{"trigger": {"on": "message"}, "amount": 2, "reason": "wrote"}', encoding="utf-8"
    )
    today = datetime.now(UTC).date()
    for words in (
        ["db", "upgrade"],
        ["webhook", "add", "https://hooks.example/points"],
        ["award", "1", "10", "weeding"],
        ["import", "rows.csv"],
        ["season", "start", "spring", "--to", f"{today + timedelta(days=30)}"],
        ["rule", "create", "talk", "rule.json", "--mode", "live"],
        ["badge", "add", "Here", "streak", "3"],
        ["token", "create", "a program", "--scope", "read"],
        ["privacy", "hide", "2"],
        ["privacy", "erase", "2"],
        ["backup", "backups"],
    ):
        ended = type_in(*words)
        assert ended.code == 0, (words, ended)
