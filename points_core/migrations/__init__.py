"""The tables' history: `upgrade` brings a database to this version, one Alembic revision at a time."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0003"
"""The newest revision; a test holds it against the files."""


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None if it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None


def upgrade(connection: Connection, target: str = HEAD) -> None:
    """Bring the database to revision `target` in one transaction; nothing happens if it is there already."""
    with connection.begin():
        at = current(connection)
    if at == target:
        return
    # Alembic takes a fifth of a second to import; a start with nothing to migrate does without
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
