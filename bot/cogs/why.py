"""/why: what rules made of a message, a transaction or a member. Everybody may ask about themselves."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.checks import require
from bot.facts import of_message
from bot.listeners.people import about
from bot.messages import why as messages
from bot.replies import respond
from points_core import history, policy
from points_core.policy import Capability, Policy
from points_core.rules import why
from points_core.rules.facts import Fact, On

if TYPE_CHECKING:
    from bot.client import PointsBot

    Interaction = discord.Interaction[PointsBot]

_LINK: Final = re.compile(
    r"(?:https://(?:\w+\.)?discord(?:app)?\.com/channels/(?P<guild>[0-9]{1,20})/(?P<channel>[0-9]{1,20})/)?"
    r"(?P<message>[0-9]{15,20})/?",
    re.ASCII,
)


class WhyCog(commands.Cog):
    """Explains; whoever asks about somebody else has to be one who may award."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        member="About whom; yourself if you name nothing",
        message="The link of a message",
        transaction="The number of a transaction",
    )
    async def why(
        self,
        interaction: "Interaction",
        member: discord.Member | None = None,
        message: Range[str, 1, 200] | None = None,
        transaction: Range[int, 1] | None = None,
    ) -> None:
        """Why points were given, or not: which rules looked, what failed, when a cooldown ends."""
        if transaction is not None:
            await self._transaction(interaction, transaction)
        elif message is not None:
            await self._message(interaction, message)
        else:
            await self._member(interaction, member or interaction.user)

    async def _member(self, interaction: "Interaction", person: discord.Member | discord.User) -> None:
        rules = await self._may(interaction, str(person.id))
        found = await self.bot.points.read(
            why.why_member, str(interaction.guild_id), str(person.id), self.bot.now()
        )
        await respond(interaction, **messages.member(found, str(person.id), person.display_name, rules))

    async def _transaction(self, interaction: "Interaction", number: int) -> None:
        points, community = self.bot.points, str(interaction.guild_id)
        receipt = await points.read(history.transaction, community, number)
        rules = await self._may(interaction, receipt.user_id)
        if receipt.rule is None:
            await respond(interaction, **messages.by_hand(receipt))
            return
        found = await points.read(why.why_transaction, community, number)
        reply = messages.forgotten(receipt) if found is None else messages.about((found,), rules)
        await respond(interaction, **reply)

    async def _message(self, interaction: "Interaction", link: str) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)  # Discord is asked up to three times
        message = await self._found(interaction, link)
        if message is None:
            await interaction.followup.send(**messages.unseen())
            return
        rules = await self._may(interaction, str(message.author.id))
        points, community = self.bot.points, str(interaction.guild_id)
        found = list(await points.read(why.why_message, community, str(message.id)))
        if not any(each.fact.on in {On.MESSAGE, On.BOOST} for each in found):
            fact = await self._fact(message)
            if fact is not None:
                found.append(await points.read(why.why_fact, community, fact))
        if not found:
            await interaction.followup.send(**messages.nothing_there())
        elif not any(each.looked for each in found):
            await interaction.followup.send(**messages.no_rules(found[0].fact))
        else:
            await interaction.followup.send(**messages.about(found, rules))

    async def _found(self, interaction: "Interaction", link: str) -> discord.Message | None:
        """Return the message that a link leads to, if it is here and whoever asks may read it."""
        match, guild = _LINK.fullmatch(link.strip()), interaction.guild
        if match is None or guild is None or match["guild"] not in (None, str(guild.id)):
            return None
        channel = guild.get_channel_or_thread(int(match["channel"] or interaction.channel_id or 0))
        if not isinstance(channel, discord.abc.Messageable) or not await _reads(interaction, channel):
            return None
        try:
            return await channel.fetch_message(int(match["message"]))
        except (discord.NotFound, discord.Forbidden):
            return None

    async def _fact(self, message: discord.Message) -> Fact | None:
        """Return a message as rules see it, its author as they are today."""
        fact = of_message(message, content=self.bot.intents.message_content)
        if fact is None or message.guild is None or isinstance(message.author, discord.Member):
            return fact
        try:
            author = await message.guild.fetch_member(message.author.id)
        except discord.NotFound:
            return fact  # they left
        return replace(fact, **about(author))

    async def _may(self, interaction: "Interaction", user_id: str | None) -> Policy:
        """Return the policy if the person asks about themselves, or may award. Raises NotAllowed."""
        if user_id == str(interaction.user.id):
            return await self.bot.points.read(policy.of, str(interaction.guild_id))
        return await require(interaction, Capability.AWARD)


async def _reads(interaction: "Interaction", channel: discord.abc.GuildChannel | discord.Thread) -> bool:
    """Return whether whoever asks may read it; in a private thread the channel's permissions are not enough."""
    assert isinstance(interaction.user, discord.Member)
    allowed = channel.permissions_for(interaction.user)
    if not (allowed.view_channel and allowed.read_message_history):
        return False
    if not isinstance(channel, discord.Thread) or not channel.is_private() or allowed.manage_threads:
        return True
    try:
        await channel.fetch_member(interaction.user.id)
    except (discord.NotFound, discord.Forbidden):
        return False
    return True


async def setup(bot: "PointsBot") -> None:
    """Add the command."""
    await bot.add_cog(WhyCog(bot))
