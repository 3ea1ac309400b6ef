"""What Discord is told that there is to know of a member here: points and level, each "at least so many"."""

import logging
from typing import Any, Final

from discord.http import HTTPClient, Route

AT_LEAST: Final = 2  # Discord's type: the member's number is at least the one that a server asks for

RECORDS: Final[tuple[dict[str, Any], ...]] = (
    {"type": AT_LEAST, "key": "points", "name": "Points", "description": "points at least"},
    {
        "type": AT_LEAST,
        "key": "level",
        "name": "Level",
        "description": "as the number of the level, at least",
    },
)
"""Discord takes five at most."""

PATH: Final = "/applications/{application_id}/role-connections/metadata"

log = logging.getLogger(__name__)


async def bring_up_to_date(http: HTTPClient, application_id: int) -> bool:
    """Tell Discord what there is to know unless it knows; return whether it was told.

    What Discord knows is asked, not remembered, as for the commands. Raises HTTPException, or an aiohttp error.
    """
    known = await http.request(Route("GET", PATH, application_id=application_id))
    if [_meaning(record) for record in known or ()] == list(RECORDS):
        return False
    await http.request(Route("PUT", PATH, application_id=application_id), json=list(RECORDS))
    log.info("told Discord what linked roles can ask for: %s", ", ".join(each["name"] for each in RECORDS))
    return True


def _meaning(record: dict[str, Any]) -> dict[str, Any]:
    """Return of a record what we decide."""
    return {name: record.get(name) for name in RECORDS[0]}
