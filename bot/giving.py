"""Asking for points to move, whatever door the wish came through: a command, a menu's form, a second try."""

import contextlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.announcing import announce
from bot.checks import right
from bot.messages import movements
from bot.messages.text import Reply, plain
from bot.origin import origin_of
from bot.refusals import Modal, answered
from bot.replies import BROKEN, respond
from bot.undo import FORM_SECONDS, announcement
from points_core import approvals, history, policy
from points_core.errors import DatabaseUnavailable, LooksRepeated, UnknownTransaction
from points_core.policy import Capability, Policy
from points_core.values import MAX_LINK, MAX_REASON, Kind, Receipt, Request, parse_amount

if TYPE_CHECKING:
    from bot.client import PointsBot

CAPABILITY = {Kind.AWARD: Capability.AWARD, Kind.DEDUCTION: Capability.DEDUCT}
AMOUNT_DIGITS = 13  # 1,000,000,000,000, the most that can move at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Points somebody wants moved; `amount` is positive, `kind` says which way."""

    kind: Kind
    user_id: int
    name: str | None
    amount: int
    reason: str
    category: str | None
    evidence: str | None


async def grant(interaction: "discord.Interaction[PointsBot]", wish: Wish) -> None:
    """Ask the core for what `wish` says and tell what happened. Raises what it refuses."""
    try:
        outcome = await _ask(interaction, wish, key=None)
    except LooksRepeated as refusal:
        await respond(interaction, **_question(refusal, wish.kind))
    else:
        await _tell(interaction, outcome)


async def _ask(
    interaction: "discord.Interaction[PointsBot]", wish: Wish, *, key: str | None
) -> Receipt | Request:
    """Ask the core, which looks whether the person may; with a `key`, although they did so a moment ago."""
    bot, origin = interaction.client, origin_of(interaction)
    outcome = await bot.points.write(
        approvals.request,
        origin if key is None else replace(origin, key=key),
        kind=wish.kind,
        user_id=str(wish.user_id),
        name=wish.name,
        amount=wish.amount,
        reason=wish.reason,
        category=wish.category,
        evidence=wish.evidence,
        again=key is not None,
        right=right(interaction, CAPABILITY[wish.kind]),
    )
    bot.courier.wake()
    return outcome


async def _tell(interaction: "discord.Interaction[PointsBot]", outcome: Receipt | Request) -> None:
    if isinstance(outcome, Receipt):
        await announce(interaction, outcome, announcement(outcome))
        return
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    await respond(interaction, **movements.waits(outcome, rules, interaction.guild_id))
    await _link_card(interaction, outcome, rules)


async def _link_card(interaction: "discord.Interaction[PointsBot]", waiting: Request, rules: Policy) -> None:
    """Put the card's address into the answer, once the courier has posted the card."""
    bot = interaction.client
    await bot.courier.idle()
    with contextlib.suppress(
        discord.HTTPException, DatabaseUnavailable, *BROKEN
    ):  # the answer is given already
        waiting = await bot.points.read(approvals.get, str(interaction.guild_id), waiting.number)
        if waiting.card is not None:
            reply = movements.waits(waiting, rules, interaction.guild_id)
            await interaction.edit_original_response(content=reply["content"])


class AgainButton(
    ui.DynamicItem[ui.Button[Any]], template=r"points:again:(?P<what>[tr])(?P<number>[1-9][0-9]{0,15})"
):
    """Under the question to somebody who asked for the same twice: yes, once more.

    What to repeat is read from the books, from the transaction or the request with that number.
    """

    def __init__(self, number: int, *, pending: bool) -> None:
        custom_id = f"points:again:{'r' if pending else 't'}{number}"
        super().__init__(
            ui.Button(label="Do it again", style=discord.ButtonStyle.primary, custom_id=custom_id)
        )
        self.number = number
        self.pending = pending

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(int(match["number"]), pending=match["what"] == "r")

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Do it again. The key is the question's: however often it is pressed, one question pays once."""
        assert interaction.message is not None
        wish = await self._wish(interaction)
        outcome = await _ask(interaction, wish, key=f"again:{interaction.message.id}")
        if outcome.replayed:
            await respond(interaction, **movements.done_before(outcome))
        else:
            await _tell(interaction, outcome)

    async def _wish(self, interaction: "discord.Interaction[PointsBot]") -> Wish:
        points, community = interaction.client.points, str(interaction.guild_id)
        earlier = (
            await points.read(approvals.get, community, self.number)
            if self.pending
            else await points.read(history.transaction, community, self.number)
        )
        if earlier.user_id is None:  # erased in the meantime
            raise UnknownTransaction(self.number)
        return Wish(
            kind=earlier.kind,
            user_id=int(earlier.user_id),
            name=None,
            amount=abs(earlier.amount),
            reason=earlier.reason or "",
            category=earlier.category,
            evidence=earlier.evidence,
        )


def _question(refusal: LooksRepeated, kind: Kind) -> Reply:
    reply = movements.repeated(refusal, kind)
    reply["view"] = ui.View(timeout=None)
    reply["view"].add_item(AgainButton(refusal.number, pending=refusal.pending))
    return reply


class AwardForm(Modal):
    """Asks how many points a member gets, for what, and under which heading."""

    def __init__(
        self, member: discord.Member | discord.User, rules: Policy, evidence: str | None = None
    ) -> None:
        super().__init__(title=f"Award points to {plain(member.display_name, 29)}", timeout=FORM_SECONDS)
        self.member = member
        self.amount: ui.TextInput[Any] = ui.TextInput(custom_id="amount", max_length=AMOUNT_DIGITS)
        self.category: ui.Select[Any] = ui.Select(
            custom_id="category",
            placeholder="No category",
            required=False,
            options=[discord.SelectOption(label=name, value=name) for name in rules.open_categories],
        )
        self.reason: ui.TextInput[Any] = ui.TextInput(
            custom_id="reason", style=discord.TextStyle.paragraph, max_length=MAX_REASON
        )
        self.evidence: ui.TextInput[Any] = ui.TextInput(
            custom_id="evidence", default=evidence, required=False, max_length=MAX_LINK
        )
        self._ask(rules)

    def _ask(self, rules: Policy) -> None:
        """Lay the form out; Discord takes no menu without choices."""
        self.add_item(
            ui.Label(text="How many points?", description=movements.limits(rules), component=self.amount)
        )
        if rules.open_categories:
            self.add_item(ui.Label(text="Category", component=self.category))
        self.add_item(
            ui.Label(text="What for?", description="It stays in the history.", component=self.reason)
        )
        self.add_item(
            ui.Label(
                text="Evidence", description="A link that shows it, if there is one.", component=self.evidence
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Award what was filled in."""
        wish = Wish(
            kind=Kind.AWARD,
            user_id=self.member.id,
            name=self.member.display_name,
            amount=parse_amount(self.amount.value),
            reason=self.reason.value,
            category=next(iter(self.category.values), None),
            evidence=self.evidence.value or None,
        )
        await grant(interaction, wish)
