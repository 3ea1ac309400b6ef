"""A change that is shown before it is made, with the button that makes it: levels, badges.

What is proposed is too long for a button's id, so the bot keeps it for a while; a button whose proposal is
gone (the bot began anew, or somebody changed the settings since) says so and changes nothing.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import discord
from discord import ui
from sqlalchemy import Connection

from bot.checks import require
from bot.messages import achievements as messages
from bot.messages.text import Reply
from bot.refusals import answered
from points_core import policy
from points_core.policy import Capability
from points_core.values import Origin

Interaction = discord.Interaction[Any]  # the client keeps proposals itself

P = ParamSpec("P")
T = TypeVar("T")

KEPT: Final = 500  # proposals of all servers: the oldest is forgotten


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was shown: on which version of the policy, and how it is carried out, giving the words for it."""

    version: int
    carry_out: Callable[[Interaction], Awaitable[str]]


class Proposals:
    """The proposals that wait for their button."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Proposal] = OrderedDict()

    def keep(self, proposal: Proposal) -> str:
        """Keep a proposal and return its ticket."""
        ticket = secrets.token_hex(8)
        self._waiting[ticket] = proposal
        while len(self._waiting) > KEPT:
            self._waiting.popitem(last=False)
        return ticket

    def take(self, ticket: str) -> Proposal | None:
        """Return the proposal, once; None if it is not known any more."""
        return self._waiting.pop(ticket, None)


async def propose(
    interaction: Interaction, reply: Reply, version: int, carry_out: Callable[[Interaction], Awaitable[str]]
) -> None:
    """Follow a deferred answer up with `reply` and the buttons that carry it out or leave it."""
    ticket = interaction.client.proposals.keep(Proposal(version, carry_out))
    reply["view"] = (
        ui.View(timeout=None).add_item(ProposalButton("yes", ticket)).add_item(ProposalButton("no", ticket))
    )
    await interaction.followup.send(**reply)


def unless_changed(
    tx: Connection,
    origin: Origin,
    version: int,
    operation: Callable[Concatenate[Connection, Origin, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T | None:
    """Run `operation` on the policy of that version and return its value; None, with nothing done, on another one."""
    _, current = policy.locked(tx, origin)
    return operation(tx, origin, *args, **kwargs) if current.version == version else None


class ProposalButton(
    ui.DynamicItem[ui.Button[Any]], template=r"points:proposal:(?P<answer>yes|no):(?P<ticket>[0-9a-f]{16})"
):
    """Carries out what was proposed, or leaves it."""

    def __init__(self, answer: str, ticket: str) -> None:
        style = discord.ButtonStyle.success if answer == "yes" else discord.ButtonStyle.secondary
        label = "Do it" if answer == "yes" else "Leave it"
        custom_id = f"points:proposal:{answer}:{ticket}"
        super().__init__(ui.Button(label=label, style=style, custom_id=custom_id))
        self.answer = answer
        self.ticket = ticket

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(match["answer"], match["ticket"])

    @answered
    async def callback(self, interaction: Interaction) -> None:
        """Carry it out, if nothing changed since it was shown. Raises NotAllowed."""
        current = await require(interaction, Capability.CONFIGURE)
        await interaction.response.defer()  # roles may have to be made first
        proposal = interaction.client.proposals.take(self.ticket)
        if self.answer == "no":
            words = messages.called_off()
        elif proposal is None or proposal.version != current.version:  # the write asks once more
            words = messages.changed_meanwhile()
        else:
            words = await proposal.carry_out(interaction)
            interaction.client.courier.wake()
        await interaction.edit_original_response(content=words, embed=None, view=None)
