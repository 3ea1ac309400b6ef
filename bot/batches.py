"""Taking a batch back: the button under its report, the form that asks why, and the act itself."""

import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.checks import allowed, require
from bot.messages import batches as messages
from bot.origin import origin_of
from bot.refusals import Modal, answered
from points_core import bulk
from points_core.errors import RowsRefused
from points_core.policy import Capability
from points_core.values import MAX_REASON

if TYPE_CHECKING:
    from bot.client import PointsBot

FORM_SECONDS = 900  # a form left open longer is forgotten, as Discord forgets its interaction


async def take_back(
    interaction: "discord.Interaction[PointsBot]", number: int, reason: str, *, partial: bool = False
) -> None:
    """Take batch `number` back and say so privately; offer to do it in part where it cannot be done whole.

    Raises NotAllowed, UnknownBatch, BatchUndone, BatchNotUndoable.
    """
    rules = await require(interaction, Capability.CONFIGURE)
    bot = interaction.client
    await interaction.response.defer(ephemeral=True, thinking=True)
    try:
        done = await bot.points.write(
            bulk.undo,
            origin_of(interaction),
            number,
            reason=reason,
            partial=partial,
            own_only=not allowed(interaction, rules, Capability.UNDO),
        )
    except RowsRefused as refused:
        reply = messages.stays(number, refused.rows, refused.total)
        if not partial and len(refused.rows) < refused.total:
            reply["view"] = ui.View(timeout=None)
            reply["view"].add_item(UndoBatchButton(number, partial=True))
        await interaction.followup.send(**reply)
        return
    bot.courier.wake()
    await interaction.followup.send(**messages.undone(done))


class UndoBatchButton(
    ui.DynamicItem[ui.Button[Any]], template=r"points:undo-batch:(?P<number>[1-9][0-9]{0,15})(?P<rest>:rest)?"
):
    """Takes a batch back, or what of it can be; the number in its id is all it needs, so it outlives restarts."""

    def __init__(self, number: int, *, partial: bool = False) -> None:
        label = "Undo the rest" if partial else "Undo batch"
        custom_id = f"points:undo-batch:{number}{':rest' if partial else ''}"
        super().__init__(ui.Button(label=label, custom_id=custom_id))
        self.number = number
        self.partial = partial

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(int(match["number"]), partial=match["rest"] is not None)

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Ask why, unless this person may not take batches back."""
        await require(interaction, Capability.CONFIGURE)
        await interaction.response.send_modal(UndoBatchForm(self.number, partial=self.partial))


class UndoBatchForm(Modal):
    """Asks why batch `number` is taken back, and takes it back."""

    def __init__(self, number: int, *, partial: bool) -> None:
        super().__init__(title=f"Undo batch {number}", timeout=FORM_SECONDS)
        self.number = number
        self.partial = partial
        self.reason: ui.TextInput[Any] = ui.TextInput(
            custom_id="reason", style=discord.TextStyle.paragraph, max_length=MAX_REASON
        )
        self.add_item(
            ui.Label(text="Why?", description="It stands on every transaction.", component=self.reason)
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Take the batch back."""
        await take_back(interaction, self.number, self.reason.value, partial=self.partial)
