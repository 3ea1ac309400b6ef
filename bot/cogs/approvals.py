"""Points that wait: cards with buttons and reactions, what was missed while away, and /pending.

A button and a reaction end in one function, `vote`. Who may not vote is told so in private; nothing that
people did is removed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.ext import commands, tasks

from bot.announcing import remember
from bot.checks import allowed, may
from bot.messages import cards as messages
from bot.messages.cards import NO, YES
from bot.messages.movements import pinging
from bot.messages.text import Post
from bot.origin import origin_for
from bot.posting import find_own, has_footer, send
from bot.refusals import words
from bot.replies import BROKEN
from bot.undo import announcement
from bot.voting import CardButton, vote
from points_core import approvals, history, policy
from points_core.errors import AlreadyVoted, NotAllowed, PointsError, Refused, RequestClosed
from points_core.outbox import Effect, Topic
from points_core.policy import Capability, Policy
from points_core.values import Request, RequestState

if TYPE_CHECKING:
    from bot.client import PointsBot

PAGE: Final = 10  # requests in one list
ROUND_HOURS: Final = 1  # between two looks at every card: how long a deleted one may stay away unnoticed
TOLD: Final = 500  # refused reactions remembered, so that toggling one does not fill somebody's inbox

log = logging.getLogger(__name__)


class Approvals(commands.Cog):
    """Shows what waits, hears reactions, tells what was decided."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self.cards = bot.cards
        self._told: deque[tuple[int, int]] = deque(maxlen=TOLD)
        self._catching_up = asyncio.Lock()
        bot.courier.on(Topic.OPENED, self.opened)
        bot.courier.on(Topic.DECIDED, self.decided)

    async def cog_load(self) -> None:
        """Begin to look at every card from time to time."""
        self.rounds.start()

    async def cog_unload(self) -> None:
        """Look no more."""
        self.rounds.cancel()

    # ── what happened, to be shown ──

    async def opened(self, effect: Effect) -> str:
        """Post the card of a new request."""
        return await self.cards.post(effect.community, int(effect.subject))

    async def decided(self, effect: Effect) -> str:
        """Close the card, and tell those concerned where it was asked; the member where they can read it."""
        community, number = effect.community, int(effect.subject)
        request = await self.bot.points.read(approvals.get, community, number)
        rules = await self.bot.points.read(policy.of, community)
        try:
            await self.cards.refresh(community, number)
        except discord.Forbidden as error:
            log.warning("the card of request #%d cannot be edited: %s", number, error.text)
        news = await self._news(community, request)
        here = request.place or (request.card[0] if request.card else rules.announcements_channel)
        if here is None:
            return "nowhere to tell it"
        member = await self._member(community, request)
        elsewhere = rules.announcements_channel if request.state is RequestState.APPROVED else None
        if elsewhere and elsewhere != here:
            copy = news.copy()
            copy["allowed_mentions"] = discord.AllowedMentions.none()
            if member is not None and not _sees(member, here) and _sees(member, elsewhere):
                copy["allowed_mentions"] = pinging(request.user_id)
                member = None
            await self._tell(community, elsewhere, copy, request, f"pts{effect.id}a")
        try:
            await self._tell(community, here, news, request, f"pts{effect.id}")
        except (discord.Forbidden, discord.NotFound):
            if request.card is None or request.card[0] == here:
                raise
            here = request.card[0]
            await self._tell(community, here, news, request, f"pts{effect.id}")
        if member is not None and not _sees(member, here):
            await self._write_to(member, news, request, f"pts{effect.id}d")
        return "delivered"

    async def _member(self, community: str, request: Request) -> discord.Member | None:
        """Return who the request is for, None if they are no longer there or never were somebody of Discord."""
        guild, id = self.bot.get_guild(int(community)), request.user_id or ""
        if guild is None or not (id.isascii() and id.isdigit()):
            return None
        try:
            return await guild.fetch_member(int(id))
        except discord.NotFound:
            return None

    async def _write_to(self, member: discord.Member, news: Post, request: Request, nonce: str) -> None:
        """Tell the member alone; not, if they take no messages from bots."""
        since = request.decided_at or request.expires_at
        try:
            if await find_own(self.bot, member, since, has_footer(messages.marker(request))) is None:
                await send(member, messages.in_private(news, member.guild.name), nonce)
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("somebody could not be told of request #%d: %s", request.number, error.text)

    async def _news(self, community: str, request: Request) -> Post:
        if request.transaction is None:
            return messages.closed(request)
        receipt = await self.bot.points.read(history.transaction, community, request.transaction)
        news = messages.approved(request, receipt)
        news["view"] = announcement(receipt)["view"]
        return news

    async def _tell(self, community: str, place: str, news: Post, request: Request, nonce: str) -> None:
        channel = self.bot.get_partial_messageable(int(place))
        since = request.decided_at or request.expires_at
        known = has_footer(messages.marker(request))
        told = await find_own(self.bot, channel, since, known) or await send(channel, news, nonce)
        if request.transaction is not None:
            await remember(self.bot, community, request.transaction, place, told.id)

    # ── reactions ──

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Count a moderator's ✅ or ❌ on a card as a vote."""
        member = payload.member
        if str(payload.emoji) not in {YES, NO} or payload.guild_id is None or member is None or member.bot:
            return
        community = str(payload.guild_id)
        request = await self.bot.points.read(approvals.by_card, community, str(payload.message_id))
        if request is None:
            return
        emoji = str(payload.emoji)
        rules = await self.bot.points.read(policy.of, community)
        try:
            await self._react(member, payload.channel_id, payload.message_id, emoji, request, rules)
        except Refused as refusal:
            said_again = isinstance(refusal, AlreadyVoted) and refusal.approve is (emoji == YES)
            if not said_again:
                await self._tell_privately(member, payload.message_id, request, refusal)

    async def _react(
        self,
        member: discord.Member,
        channel_id: int,
        message_id: int,
        emoji: str,
        request: Request,
        rules: Policy,
    ) -> None:
        """Record a reaction as a vote. Raises NotAllowed and what `vote` raises."""
        channel = member.guild.get_channel_or_thread(channel_id)
        permissions = channel.permissions_for(member) if channel else member.guild_permissions
        if not may(permissions, [str(role.id) for role in member.roles], rules, Capability.APPROVE):
            raise NotAllowed(Capability.APPROVE.value)
        approve = emoji == YES
        origin = origin_for(
            self.bot,
            guild_id=member.guild.id,
            user_id=member.id,
            name=member.display_name,
            key=f"reaction:{message_id}:{'approve' if approve else 'reject'}",  # a vote is its voter's anyway
            place=channel_id,
        )
        now = await vote(self.bot, origin, request.number, approve=approve)
        if now.state is RequestState.PENDING:
            await self._refresh(origin.community, request.number)

    async def _refresh(self, community: str, number: int) -> None:
        """Show the new count. The vote stands if that fails, and the next round shows it."""
        try:
            await self.cards.refresh(community, number)
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("the card of request #%d is behind: %r", number, error)

    async def _tell_privately(
        self, member: discord.Member, message_id: int, request: Request, refusal: Refused
    ) -> None:
        """Say why a reaction did not count, once; quietly not, to people who take no messages from bots."""
        if (member.id, message_id) in self._told:
            return
        self._told.append((member.id, message_id))
        try:
            await member.send(messages.did_not_count(request, words(refusal)))
        except (discord.HTTPException, *BROKEN) as error:
            log.info("somebody could not be told why a reaction did not count: %r", error)

    # ── what was missed ──

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Catch up with what happened before the start, or while the session was lost."""
        await self.catch_up()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        """Catch up with what the broken connection may have swallowed."""
        await self.catch_up()

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Show what could not be shown while the bot was not in the server."""
        await self._catch_up_in(guild)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Catch up with what an outage of the server swallowed."""
        await self._catch_up_in(guild)

    @tasks.loop(hours=ROUND_HOURS)
    async def rounds(self) -> None:
        """Look at every card: Discord does not tell this bot that a message was deleted."""
        await self.catch_up()

    @rounds.before_loop
    async def _first_round(self) -> None:
        await self.bot.until_ready()
        await asyncio.sleep(ROUND_HOURS * 3_600)  # the start itself was looked at by on_ready

    async def catch_up(self) -> None:
        """Show every waiting request's card as it should be, and count the reactions that nobody heard."""
        if self._catching_up.locked():
            return
        async with self._catching_up:
            for guild in self.bot.guilds:
                await self._catch_up_in(guild)

    async def _catch_up_in(self, guild: discord.Guild) -> None:
        async for request in self._waiting(str(guild.id)):
            try:
                await self._look_at(guild, request)
            except (discord.HTTPException, *BROKEN, PointsError) as error:
                log.warning("request #%d of %d could not be looked at: %r", request.number, guild.id, error)

    async def _waiting(self, community: str) -> AsyncIterator[Request]:
        after: int | None = None
        while page := await self.bot.points.read(approvals.pending, community, limit=PAGE, after=after):
            for request in page:
                yield request
            after = page[-1].number

    async def _look_at(self, guild: discord.Guild, request: Request) -> None:
        card = await self.cards.present(str(guild.id), request)
        if card is None:
            return
        rules = await self.bot.points.read(policy.of, str(guild.id))
        voted = {vote.user_id for vote in request.votes}
        for emoji in (NO, YES):  # whoever objected is heard first, as nobody knows who came first
            async for member in _reacting(guild, card, emoji, voted):
                try:
                    await self._react(member, card.channel.id, card.id, emoji, request, rules)
                except RequestClosed:
                    return
                except Refused as refusal:
                    log.info("a %s on request #%d did not count: %r", emoji, request.number, refusal)

    # ── the list ──

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.default_permissions(moderate_members=True)
    @app_commands.describe(after="Begin after this request's number")
    async def pending(
        self, interaction: "discord.Interaction[PointsBot]", after: app_commands.Range[int, 0] = 0
    ) -> None:
        """List what waits for approval, with the way to each card."""
        await _may_look(interaction)
        # Each card is looked for in Discord; the answer is private, and so is every refusal after this
        await interaction.response.defer(ephemeral=True, thinking=True)
        community = str(interaction.guild_id)
        requests = await self.bot.points.read(approvals.pending, community, limit=PAGE, after=after)
        await asyncio.gather(*(self._present(community, request) for request in requests))
        requests = await self.bot.points.read(approvals.pending, community, limit=PAGE + 1, after=after)
        await interaction.followup.send(
            **messages.pending(requests[:PAGE], interaction.guild_id, more=len(requests) > PAGE)
        )

    async def _present(self, community: str, request: Request) -> None:
        try:
            await self.cards.present(community, request)
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("the card of request #%d cannot be shown: %r", request.number, error)


def _sees(member: discord.Member, place: str) -> bool:
    """Return whether the member can look into the channel with the id `place`."""
    channel = member.guild.get_channel_or_thread(int(place))
    return channel is not None and channel.permissions_for(member).view_channel


async def _may_look(interaction: "discord.Interaction[PointsBot]") -> None:
    """Let those look who may vote, and those who may ask. Raises NotAllowed."""
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    if not any(allowed(interaction, rules, right) for right in (Capability.APPROVE, Capability.AWARD)):
        raise NotAllowed(Capability.APPROVE.value)


async def _reacting(
    guild: discord.Guild, card: discord.Message, emoji: str, voted: set[str | None]
) -> AsyncIterator[discord.Member]:
    """Yield the people of the server who reacted to a card with `emoji` and have not voted."""
    for reaction in card.reactions:
        if str(reaction.emoji) != emoji:
            continue
        async for user in reaction.users():
            if user.bot or str(user.id) in voted:
                continue
            try:
                yield await guild.fetch_member(user.id)
            except discord.NotFound:
                continue  # has left


async def setup(bot: "PointsBot") -> None:
    """Begin to show and to hear."""
    bot.add_dynamic_items(CardButton)
    await bot.add_cog(Approvals(bot))
