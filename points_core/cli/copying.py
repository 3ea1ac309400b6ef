"""The command that moves all the books to another database: db copy."""

from typing import Annotated

import typer
from sqlalchemy import URL

from points_core import backup
from points_core.cli.running import AsJson, fail, say, say_json
from points_core.errors import InvalidSetting, PointsError
from points_core.settings import Settings, sync_url

ADDRESS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


def copy(
    target: Annotated[str, typer.Option("--to", help=f"The new database, empty: {ADDRESS}.")],
    source: Annotated[
        str | None, typer.Option("--from", help="The books as they are; POINTS_DATABASE_URL if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy all the books into another, empty database, SQLite or PostgreSQL, and verify both sides."""

    def told(table: str, rows: int) -> None:
        if rows and not as_json:
            say(f"{table}: {rows:,} rows")

    try:
        live = _address("--from", source) if source else sync_url(Settings.load().database_url)
        moved = backup.move(live, _address("--to", target), told)
    except PointsError as error:
        fail(error)
    if as_json:
        say_json(moved)
        return
    transactions = sum(moved.communities.values())
    say(
        f"{transactions:,} transactions in {len(moved.communities):,} communities: the same on both sides, verified."
    )
    say("Now set POINTS_DATABASE_URL to the new database, run `points doctor`, and start the bot.")
    say("The old database is as it was. Keep it as a backup, and start nothing on it again.")


def _address(option: str, text: str) -> URL:
    try:
        return sync_url(text)
    except ValueError as error:
        raise InvalidSetting(option, "what was given", f"an address: {ADDRESS}") from error
