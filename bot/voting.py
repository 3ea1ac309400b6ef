"""Voting on what waits: the one function behind every door, and the buttons under a card."""

import re
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import ui

from bot.checks import allowed, require
from bot.origin import origin_of
from bot.refusals import Modal, answered
from bot.undo import FORM_SECONDS
from points_core import approvals, policy
from points_core.approvals.voting import MAX_NOTE
from points_core.errors import AlreadyVoted, RequestClosed
from points_core.policy import Capability
from points_core.values import Origin, Request, RequestState

if TYPE_CHECKING:
    from bot.client import PointsBot


async def vote(
    bot: "PointsBot", origin: Origin, number: int, *, approve: bool, note: str | None = None
) -> Request:
    """Record one moderator's yes or no, through whichever door it came; what follows is on its way.

    Raises what `approvals.vote` raises.
    """
    request = await bot.points.write(approvals.vote, origin, number, approve=approve, note=note)
    bot.courier.wake()
    return request


class CardButton(
    ui.DynamicItem[ui.Button[Any]],
    template=r"points:(?P<act>approve|reject|cancel):(?P<number>[1-9][0-9]{0,15})",
):
    """A button under a card; its id says everything, so it outlives restarts."""

    STYLES: Final = {
        "approve": discord.ButtonStyle.success,
        "reject": discord.ButtonStyle.danger,
        "cancel": discord.ButtonStyle.secondary,
    }

    def __init__(self, act: str, number: int) -> None:
        super().__init__(
            ui.Button(label=act.capitalize(), style=self.STYLES[act], custom_id=f"points:{act}:{number}")
        )
        self.act = act
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(match["act"], int(match["number"]))

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Vote or cancel, and show on the card how the request stands now."""
        if self.act == "cancel":
            await _cancel(interaction, self.number)
            return
        await require(interaction, Capability.APPROVE)
        if self.act == "reject":
            await _refuse_early(interaction, self.number)
            await interaction.response.send_modal(RejectForm(self.number))
            return
        await vote(interaction.client, origin_of(interaction), self.number, approve=True)
        await interaction.client.cards.answer(interaction, self.number)


def buttons(number: int) -> ui.View:
    """Return the row under the card of request `number`."""
    view = ui.View(timeout=None)
    for act in CardButton.STYLES:
        view.add_item(CardButton(act, number))
    return view


class RejectForm(Modal):
    """Asks why not, and records the no. One no ends a request: the form is also the second thought."""

    def __init__(self, number: int) -> None:
        super().__init__(title=f"Reject request #{number}", timeout=FORM_SECONDS)
        self.number = number
        self.note: ui.TextInput[Any] = ui.TextInput(
            custom_id="note", style=discord.TextStyle.paragraph, max_length=MAX_NOTE, required=False
        )
        self.add_item(
            ui.Label(
                text="Why not?", description="Who asked and who it is for will read it.", component=self.note
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Record the no, unless the right to vote is gone since the form was opened."""
        await require(interaction, Capability.APPROVE)
        note = self.note.value.strip() or None
        await vote(interaction.client, origin_of(interaction), self.number, approve=False, note=note)
        await interaction.client.cards.answer(interaction, self.number)


async def _refuse_early(interaction: "discord.Interaction[PointsBot]", number: int) -> None:
    """Spare people the form if it is already certain that their no cannot count."""
    request = await interaction.client.points.read(approvals.get, str(interaction.guild_id), number)
    if request.state is not RequestState.PENDING:
        raise RequestClosed(number, request.state.value)
    mine = next((v for v in request.votes if v.user_id == str(interaction.user.id)), None)
    if mine is not None:
        raise AlreadyVoted(number, mine.approve)


async def _cancel(interaction: "discord.Interaction[PointsBot]", number: int) -> None:
    """Cancel one's own request; another's needs the right to undo."""
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    any_request = allowed(interaction, rules, Capability.UNDO)
    await interaction.client.points.write(
        approvals.cancel, origin_of(interaction), number, any_request=any_request
    )
    interaction.client.courier.wake()
    await interaction.client.cards.answer(interaction, number)
