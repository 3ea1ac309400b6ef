"""Buttons and menus that cannot be read any more: of an earlier version, or of nobody's; said, not logged.

understood   for `from_custom_id`: what it cannot read becomes a Worn item
Worn         answers that it cannot be used
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import discord
from discord import ui

from bot.replies import respond
from points_core.errors import PointsError

WORN: Final = "This button is from an earlier version of me. Ask anew with its command."
PREFIX: Final = "points:"  # how the ids of all our own begin

P = ParamSpec("P")
T = TypeVar("T")


class Worn(ui.DynamicItem[ui.Button[Any]], template=r"points:worn"):
    """Stands in the place of what cannot be read."""

    def __init__(self) -> None:
        super().__init__(ui.Button(label="—", custom_id="points:worn"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: object, /
    ) -> "Worn":
        """Return the button that was pressed."""
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Say that it cannot be used."""
        await respond(interaction, content=WORN, ephemeral=True)


def understood(read: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Have a `from_custom_id` whose id says what cannot be (a day past the calendar, say) return a Worn item."""

    @wraps(read)
    async def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await read(*args, **kwargs)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, OSError, PointsError):
            return Worn()  # type: ignore[return-value]  # discord.py wants any item

    return reading
