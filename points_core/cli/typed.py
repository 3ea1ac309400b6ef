"""All commands as one: what may be typed after any of them, and how each ends that fails."""

import errno
import sys
from io import TextIOWrapper
from typing import Any, Final

import typer
from typer.core import TyperGroup

from points_core.cli.running import UNUSABLE, fail
from points_core.errors import InvalidText, PointsError
from points_core.values import is_storable

LONGEST: Final = 100_000  # characters of one argument: Linux takes 131,071 bytes, nothing here wants so many


class Commands(TyperGroup):
    """Refuses what no command could use, and ends with words whatever a command raises that people can cause.

    Bytes that are not UTF-8 arrive as lone surrogates.
    """

    _unstorable = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer does not export its own
        """Parse; `args` is all that was typed, for whichever command."""
        if any(len(text) > LONGEST for text in args):
            fail(InvalidText("argument", LONGEST))
        self._unstorable = not all(map(is_storable, args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - what a command returns
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except PointsError as error:
            fail(error)
        except ValueError:
            # A name of a file, or of something looked up: what is kept was refused by its own name
            if not self._unstorable:
                raise
            fail(InvalidText("argument", LONGEST))
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read the answer has gone: Click ends silently
            where = f"{error.filename} cannot be used" if error.filename else "That did not work"
            typer.echo(f"{where}: {error.strerror or error}.", err=True)
            raise SystemExit(UNUSABLE) from error


def answer_in_any_encoding() -> None:
    """Have letters that the terminal's encoding lacks written as their numbers, instead of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
