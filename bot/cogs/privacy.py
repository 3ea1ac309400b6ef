"""/privacy: what is kept about oneself, seen, hidden and erased; nobody else sees the answers."""

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.messages import privacy as messages
from bot.origin import origin_of
from bot.refusals import Modal
from bot.replies import respond
from bot.undo import FORM_SECONDS
from points_core import links, policy, privacy
from points_core.database import aside
from points_core.errors import UnknownMember

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]


@app_commands.guild_only()
class Privacy(commands.GroupCog, group_name="privacy", group_description="What is kept about you here"):
    """Everybody's own: each command is about who asks, and nobody else."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot

    @app_commands.command()
    async def export(self, interaction: Interaction) -> None:
        """Get everything that is kept about you, to read and as JSON."""
        # A long history takes longer than the three seconds Discord waits; all answers here are private
        await interaction.response.defer(ephemeral=True, thinking=True)
        community, user_id = str(interaction.guild_id), str(interaction.user.id)
        found = await self.bot.points.study(privacy.copy, community, user_id, self.bot.now())
        told = await self.bot.points.study(privacy.text, found)
        said, files = await aside(messages.copy, found, told)
        await interaction.followup.send(said, files=files, ephemeral=True)

    @app_commands.command()
    async def erase(self, interaction: Interaction) -> None:
        """Have your name, id and all texts about you erased, after some days to think."""
        community, user_id = str(interaction.guild_id), str(interaction.user.id)
        if not await self.bot.points.read(privacy.is_known, community, user_id):
            raise UnknownMember(user_id)
        rules = await self.bot.points.read(policy.of, community)
        await interaction.response.send_modal(EraseForm(rules.erasure_days))

    @app_commands.command()
    async def cancel(self, interaction: Interaction) -> None:
        """Take back the wish to be erased."""
        await self.bot.points.write(privacy.cancel, origin_of(interaction), str(interaction.user.id))
        await respond(interaction, **messages.cancelled())

    @app_commands.command()
    async def hide(self, interaction: Interaction) -> None:
        """Leave your name out of leaderboards."""
        new = await self.bot.points.write(privacy.hide, origin_of(interaction), str(interaction.user.id))
        await respond(interaction, **messages.hidden(new=new))

    @app_commands.command()
    async def show(self, interaction: Interaction) -> None:
        """Have your name on leaderboards again."""
        new = await self.bot.points.write(privacy.show, origin_of(interaction), str(interaction.user.id))
        await respond(interaction, **messages.shown(new=new))

    @app_commands.command()
    async def untrack(self, interaction: Interaction) -> None:
        """Have rules take no notice of what you do here; people can still award you."""
        new = await self.bot.points.write(privacy.untrack, origin_of(interaction), str(interaction.user.id))
        await respond(interaction, **messages.untracked(new=new))

    @app_commands.command()
    async def track(self, interaction: Interaction) -> None:
        """Have rules notice what you do here again."""
        new = await self.bot.points.write(privacy.track, origin_of(interaction), str(interaction.user.id))
        await respond(interaction, **messages.tracked(new=new))

    @app_commands.command()
    async def unlink(self, interaction: Interaction) -> None:
        """End the link that lets Discord's linked roles know your points."""
        # Discord is told before the answer; all answers here are private
        await interaction.response.defer(ephemeral=True, thinking=True)
        user_id, linked_roles = str(interaction.user.id), self.bot.linked_roles
        ended = await self.bot.points.write(links.end, origin_of(interaction), user_id)
        if ended is not None and linked_roles is not None:
            await linked_roles.showing.at_once(ended.number)
        left = await self.bot.points.read(links.of, user_id)
        said = messages.unlinked(ended, waits=left is not None, can_tell=linked_roles is not None)
        await interaction.followup.send(said, ephemeral=True)


class EraseForm(Modal):
    """Asks for a word nobody types by accident; the days to come are the second thought."""

    def __init__(self, days: int) -> None:
        super().__init__(title="Erase what is kept about you", timeout=FORM_SECONDS)
        self.word: ui.TextInput[Any] = ui.TextInput(custom_id="word", max_length=20)
        self.add_item(
            ui.Label(
                text=f"Type {messages.CONFIRMATION} to confirm",
                description=messages.form_hint(days),
                component=self.word,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Record the wish, if the word is there."""
        if self.word.value.strip() != messages.CONFIRMATION:
            await respond(interaction, **messages.not_confirmed())
            return
        wish = await interaction.client.points.write(
            privacy.ask, origin_of(interaction), str(interaction.user.id)
        )
        await respond(interaction, **messages.asked(wish))


async def setup(bot: "PointsBot") -> None:
    """Add the commands."""
    await bot.add_cog(Privacy(bot))
