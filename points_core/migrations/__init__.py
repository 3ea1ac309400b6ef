"""The tables' history: `upgrade` brings a database to this version, one Alembic revision at a time."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from points_core.errors import DatabaseUnavailable

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011")
"""Every revision, oldest first; a test holds them against the files."""

HEAD = REVISIONS[-1]
"""The newest revision."""


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None if it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None


def known(connection: Connection) -> str | None:
    """Return what `current` does. Raises DatabaseUnavailable for a revision of a newer version."""
    at = current(connection)
    if at is not None and at not in REVISIONS:
        raise DatabaseUnavailable(
            f"it was made by a newer version: its tables are at revision {at[:32]}, this version knows {HEAD}"
        )
    return at


def upgrade(connection: Connection, target: str = HEAD) -> None:
    """Bring the database to revision `target` in one transaction; nothing happens if it is there already.

    Raises DatabaseUnavailable for a database of a newer version.
    """
    with connection.begin():
        at = known(connection)
    if at == target:
        return
    # Alembic takes a fifth of a second to import; a start with nothing to migrate does without
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
