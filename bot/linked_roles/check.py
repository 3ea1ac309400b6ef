"""The line of /points-setup about Linked Roles; none where the host did not begin to set them up."""

from typing import TYPE_CHECKING, Final

from bot.linked_roles.parts import HERE
from bot.self_check import Finding
from points_core import links

if TYPE_CHECKING:
    from bot.client import PointsBot

SUBJECT: Final = "Linked Roles"
HOST: Final = "whoever runs this bot"


async def finding(bot: "PointsBot", community: str) -> Finding | None:
    """Return how Linked Roles stand, as the admins of `community` need to know it."""
    if not links.wanted(bot.settings):
        return None
    if lacking := links.missing(bot.settings):
        names = " and ".join(f"`{name}`" for name in lacking)
        return Finding(SUBJECT, "for the host", "half set up", f"{HOST} sets {names} and starts it again")
    assert bot.linked_roles is not None
    place = f"{bot.linked_roles.address}{HERE}"
    if bot.linked_roles.trouble:
        return Finding(SUBJECT, place, bot.linked_roles.trouble, f"{HOST} looks into its log")
    chosen = await bot.points.read(links.chosen)
    if chosen.community is None:
        return Finding(
            SUBJECT, place, chosen.why, f"{HOST} sets `POINTS_LINKED_COMMUNITY`, or points are given"
        )
    if chosen.community != community:
        return Finding(SUBJECT, f"{place}, with the points of another server")
    return Finding(SUBJECT, place)
