"""The cards of approval requests in Discord: posted once, brought up to date, posted again if deleted."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import discord
from discord import ui

from bot.messages import cards as messages
from bot.messages.cards import NO, YES
from bot.origin import system_origin
from bot.posting import find_own
from bot.replies import BROKEN, given_once
from points_core import approvals, policy
from points_core.policy import Policy
from points_core.values import Request, RequestState

if TYPE_CHECKING:
    from bot.client import PointsBot

NOWHERE = "nowhere to show it"

log = logging.getLogger(__name__)


class Cards:
    """Posts and edits cards, one thing at a time for each request, so that the last edit shows the last vote."""

    def __init__(self, bot: "PointsBot", buttons: Callable[[int], ui.View]) -> None:
        """`buttons(number)` makes the row under the card of that request."""
        self._bot = bot
        self._buttons = buttons
        self._locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def post(self, community: str, number: int, *, gone: str | None = None) -> str:
        """Post the card of a pending request that has none, or whose card (message id `gone`) was deleted.

        Returns what came of it in a few words. Raises Forbidden or NotFound if there is no channel for it.
        """
        async with self._lock(community, number):
            request = await self._bot.points.read(approvals.get, community, number)
            if request.state is not RequestState.PENDING:
                return f"{request.state.value} before it was shown"
            if request.card is not None and request.card[1] != gone:
                return "shown already"
            rules = await self._bot.points.read(policy.of, community)
            message = await self._send(community, request, rules, gone)
            if message is None:
                return NOWHERE
            await self._bot.points.write(
                approvals.set_card,
                system_origin(self._bot, community, f"card:{message.id}"),
                number,
                channel=str(message.channel.id),
                message=str(message.id),
            )
            await self._seed(message)
            return "delivered"

    async def refresh(self, community: str, number: int) -> None:
        """Bring the card of a request up to date; a pending one whose card was deleted gets another."""
        async with self._lock(community, number):
            request, rules = await self._now(community, number)
            if request.card is None:
                return
            card = self._partial(request.card)
            try:
                await card.edit(embed=messages.card(request, rules), view=self._view(request))
                return
            except discord.NotFound:
                log.info("the card of request #%d was deleted", number)
        await self.post(community, number, gone=str(card.id))

    async def answer(self, interaction: "discord.Interaction[PointsBot]", number: int) -> None:
        """Answer a press on a card by bringing it up to date, or do that without an answer if that is lost.

        What was decided stands whatever becomes of the answer.
        """
        community = str(interaction.guild_id)
        async with self._lock(community, number):
            request, rules = await self._now(community, number)
            card, view = messages.card(request, rules), self._view(request)
            try:
                given = await given_once(
                    interaction, lambda: interaction.response.edit_message(embed=card, view=view)
                )
                if given is not None:
                    return
            except Exception as lost:
                log.warning("a press on the card of request #%d got no answer: %r", number, lost)
        await self.refresh(community, number)

    async def present(self, community: str, request: Request) -> discord.Message | None:
        """Return the card of a pending request as Discord has it, up to date; None if it cannot be shown.

        Posts it if it is missing, and again if it was deleted.
        """
        if request.card is None:
            await self.post(community, request.number)
            return None
        try:
            message = await self._partial(request.card).fetch()
        except discord.NotFound:
            await self.post(community, request.number, gone=request.card[1])
            return None
        rules = await self._bot.points.read(policy.of, community)
        if not _shows(message, messages.card(request, rules)):
            await self.refresh(community, request.number)
        if not all(any(str(r.emoji) == seed and r.me for r in message.reactions) for seed in (YES, NO)):
            await self._seed(message)
        return message

    async def _now(self, community: str, number: int) -> tuple[Request, Policy]:
        request = await self._bot.points.read(approvals.get, community, number)
        return request, await self._bot.points.read(policy.of, community)

    async def _send(
        self, community: str, request: Request, rules: Policy, gone: str | None
    ) -> discord.Message | None:
        """Post in the approvals channel; if that is closed to the bot, where it was asked."""
        places = [place for place in (rules.approvals_channel, request.place) if place]
        for place in places:
            try:
                return await self._send_to(int(place), community, request, rules, gone)
            except (discord.Forbidden, discord.NotFound):
                if place == places[-1]:
                    raise
                log.warning("the approvals channel %s cannot be used, the card goes to %s", place, places[-1])
        return None

    async def _send_to(
        self, place: int, community: str, request: Request, rules: Policy, gone: str | None
    ) -> discord.Message:
        channel = self._bot.get_partial_messageable(place, guild_id=int(community))
        sent_before = await find_own(
            self._bot, channel, request.opened_at, lambda message: _is_card(message, request, gone)
        )
        if sent_before is not None:
            return sent_before
        return await channel.send(
            embed=messages.card(request, rules),
            view=self._buttons(request.number),
            nonce=f"re{gone}" if gone else f"{int(community):x}.{request.number}",
        )

    async def _seed(self, message: discord.Message) -> None:
        """Offer the reactions. Without them the buttons remain."""
        try:
            for emoji in (YES, NO):
                await message.add_reaction(emoji)
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("card %d got no reactions: %r", message.id, error)

    def _partial(self, card: tuple[str, str]) -> discord.PartialMessage:
        return self._bot.get_partial_messageable(int(card[0])).get_partial_message(int(card[1]))

    def _view(self, request: Request) -> ui.View | None:
        return self._buttons(request.number) if request.state is RequestState.PENDING else None

    def _lock(self, community: str, number: int) -> asyncio.Lock:
        return self._locks.setdefault((community, number), asyncio.Lock())


def _is_card(message: discord.Message, request: Request, gone: str | None) -> bool:
    """Return whether `message` is the request's card; the one that is gone may linger in Discord's answer."""
    wanted = f"points:approve:{request.number}"
    found = (getattr(item, "custom_id", None) for row in message.components for item in _items(row))
    return wanted in found and str(message.id) != gone


def _items(row: Any) -> list[Any]:  # noqa: ANN401 - one of Discord's components
    return list(getattr(row, "children", []))


def _shows(message: discord.Message, embed: discord.Embed) -> bool:
    """Return whether `message` says what `embed` says; Discord adds things of its own to what it was sent."""
    return [_said(found) for found in message.embeds] == [_said(embed)]


def _said(embed: discord.Embed) -> tuple[Any, ...]:
    return embed.title, embed.description, [(field.name, field.value) for field in embed.fields]
