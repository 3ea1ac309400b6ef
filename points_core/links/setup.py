"""What the host has to set before anything is linked, and which community's points are shown."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from points_core.models import Community
from points_core.settings import Settings

SETTING: Final = "POINTS_LINKED_COMMUNITY"


Number = tuple[int, int]
"""Which link: the number of its community, and the member's in it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The community whose points are shown, or None and why."""

    community: str | None
    why: str = ""


def wanted(settings: Settings) -> bool:
    """Return whether the host began to set links up."""
    return bool(settings.public_url or settings.discord_client_id or settings.discord_client_secret)


def missing(settings: Settings) -> tuple[str, ...]:
    """Return which of the settings that belong together are not set, by their variables' names."""
    needed = {
        "POINTS_PUBLIC_URL": settings.public_url,
        "DISCORD_CLIENT_ID": settings.discord_client_id,
        "DISCORD_CLIENT_SECRET": settings.discord_client_secret,
        "POINTS_HTTP_PORT": settings.http_port,
    }
    return tuple(name for name, value in needed.items() if not value)


def chosen(tx: Connection) -> Chosen:
    """Return whose points are shown: those of POINTS_LINKED_COMMUNITY, else of the only community there is."""
    named = settings_of(tx).linked_community
    known = list(tx.execute(select(Community.key).order_by(Community.id).limit(2)).scalars())
    if named is not None:
        there = tx.execute(select(Community.key).where(Community.key == named)).scalar()
        return Chosen(
            there, "" if there else f"nothing is known of the community {named} that {SETTING} names"
        )
    if len(known) == 1:
        return Chosen(known[0])
    return Chosen(
        None, f"set {SETTING}: there are several communities" if known else "there are no points yet"
    )


def settings_of(tx: Connection) -> Settings:
    """Return the settings with which the books were opened."""
    settings = tx.get_execution_options().get("points_settings")
    return settings if isinstance(settings, Settings) else Settings()
