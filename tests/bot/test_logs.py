"""The log is readable and never holds the token."""

import logging
from collections.abc import Iterator

import pytest

from bot import logs

TOKEN = "MTQ1NjA3NDQ0.secret"


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave the logging of the tests as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("terminal", [True, False])
def test_the_token_is_kept_out_of_messages_and_tracebacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    logs.begin("DEBUG", TOKEN)

    try:
        raise ValueError(f"Authorization: Bot {TOKEN}")
    except ValueError:
        logging.getLogger("bot.story").exception("sent %s", TOKEN)

    written = capsys.readouterr().err
    assert "ValueError" in written
    assert written.count("hidden") == 2
    assert TOKEN not in written


@pytest.mark.usefixtures("restored")
def test_libraries_are_quiet_unless_all_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin("INFO")
    logging.getLogger("alembic.runtime").info("running")
    logging.getLogger("bot.story").info("hello")

    written = capsys.readouterr().err
    assert "INFO    bot.story: hello" in written
    assert "alembic" not in written
