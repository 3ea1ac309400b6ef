"""Taking a movement back: the button under its announcement, the form that asks why, and the act itself."""

import contextlib
import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.announcing import announce
from bot.checks import require
from bot.messages import movements
from bot.messages.text import Reply
from bot.origin import origin_of
from bot.refusals import Modal, answer, answered
from bot.replies import BROKEN
from points_core import awards, history
from points_core.errors import AlreadyReversed, NotAllowed
from points_core.policy import Capability
from points_core.values import MAX_REASON, Receipt

if TYPE_CHECKING:
    from bot.client import PointsBot

FORM_SECONDS = 900  # a form left open longer is forgotten, as Discord forgets its interaction


async def take_back(interaction: "discord.Interaction[PointsBot]", number: int, reason: str) -> Receipt:
    """Take transaction `number` back and announce it; returns the reversal.

    Raises NotAllowed, UnknownTransaction, AlreadyReversed, NotReversible, InsufficientBalance.
    """
    bot = interaction.client
    own_only = await _own_only(interaction)
    reversal = await bot.points.write(
        awards.reverse, origin_of(interaction), number, reason=reason, own_only=own_only
    )
    bot.courier.wake()
    await announce(interaction, reversal, movements.moved(reversal))
    return reversal


async def _own_only(interaction: "discord.Interaction[PointsBot]") -> bool:
    """Return whether the person may take back only what they did themselves. Raises NotAllowed."""
    try:
        await require(interaction, Capability.UNDO)
    except NotAllowed as refusal:
        for gives_or_takes in (Capability.AWARD, Capability.DEDUCT):
            with contextlib.suppress(NotAllowed):
                await require(interaction, gives_or_takes)
                return True
        raise refusal from None
    return False


class UndoButton(ui.DynamicItem[ui.Button[Any]], template=r"points:undo:(?P<number>[1-9][0-9]{0,15})"):
    """The button under an announcement; the number in its id is all it needs, so it outlives restarts."""

    def __init__(self, number: int) -> None:
        super().__init__(ui.Button(label="Undo", custom_id=f"points:undo:{number}"))
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(int(match["number"]))

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Ask why, unless this person may not take the movement back."""
        if await _own_only(interaction):
            given = await interaction.client.points.read(
                history.transaction, str(interaction.guild_id), self.number
            )
            if given.request is not None or given.actor.user_id != str(interaction.user.id):
                raise NotAllowed(Capability.UNDO.value)
        await interaction.response.send_modal(UndoForm(self.number))


def announcement(receipt: Receipt) -> Reply:
    """Return the public announcement of a movement, with the button that takes it back."""
    reply = movements.moved(receipt)
    reply["view"] = ui.View(timeout=None)
    reply["view"].add_item(UndoButton(receipt.number))
    return reply


class UndoForm(Modal):
    """Asks why transaction `number` is taken back, and takes it back."""

    def __init__(self, number: int) -> None:
        super().__init__(title=f"Undo #{number}", timeout=FORM_SECONDS)
        self.number = number
        self.reason: ui.TextInput[Any] = ui.TextInput(
            custom_id="reason", style=discord.TextStyle.paragraph, max_length=MAX_REASON
        )
        self.add_item(ui.Label(text="Why?", description="It stays in the history.", component=self.reason))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Take the movement back, then say so under its announcement; also if it was by another way before."""
        try:
            reversal = await take_back(interaction, self.number, self.reason.value)
        except AlreadyReversed as refusal:
            await answer(interaction, refusal)
            await _mark(interaction.message, refusal.by)
        else:
            await _mark(interaction.message, reversal.number)


async def _mark(announcement: discord.Message | None, by: int) -> None:
    """Replace the button by the news. Should that fail, the button refuses to do it a second time anyway."""
    if announcement is None or not announcement.embeds:
        return
    with contextlib.suppress(discord.HTTPException, *BROKEN):
        await announcement.edit(embed=movements.taken_back(announcement.embeds[0], by), view=None)
