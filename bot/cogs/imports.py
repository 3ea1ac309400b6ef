"""/import and /undo-batch: points brought along from a file, shown first, taken back as a unit."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands, ui
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.batches import UndoBatchButton, take_back
from bot.checks import allowed, require
from bot.messages import batches as messages
from bot.origin import origin_of
from bot.refusals import View
from bot.replies import BROKEN
from points_core import backup, bulk, imports, policy
from points_core.errors import UnreadableFile
from points_core.imports import Mode, Opened, Options, Preview, Source
from points_core.imports.sources import NAMES
from points_core.policy import Capability
from points_core.values import MAX_CATEGORY_NAME, MAX_REASON

if TYPE_CHECKING:
    from bot.client import PointsBot

MAX_BYTES = 10_000_000  # of a file
MAX_ROWS = 10_000  # about two seconds in which nobody else's points can move
DECIDE_SECONDS = 600  # the preview can be answered for as long; Discord lets it be changed for 15 minutes
CHOICES = 25  # as many as Discord shows

Interaction = discord.Interaction["PointsBot"]


class Imports(commands.Cog):
    """What brings points along, and takes them back."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @app_commands.command(name="import")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.rename(add_categories="add-categories")
    @app_commands.describe(
        file="CSV or JSON: an export of points, or another bot's list of members",
        source="Whose file it is, if it is not recognised",
        replace="Balances become what the file says, instead of growing by it",
        category="For rows that name no category",
        add_categories="Open categories that are missing here",
    )
    @app_commands.choices(source=[Choice(name=NAMES[source], value=source.value) for source in Source])
    async def import_file(
        self,
        interaction: Interaction,
        file: discord.Attachment,
        source: str | None = None,
        replace: bool = False,
        category: Range[str, 1, MAX_CATEGORY_NAME] | None = None,
        add_categories: bool = False,
    ) -> None:
        """Bring points along from a file: you see first what would change."""
        await require(interaction, Capability.CONFIGURE)
        if file.size > MAX_BYTES:
            raise UnreadableFile(f"it has {file.size:,} bytes, more than {MAX_BYTES:,}")
        await interaction.response.defer(ephemeral=True, thinking=True)
        opened = await _opened(file, Source(source) if source else None)
        options = Options(
            mode=Mode.REPLACE if replace else Mode.ADD,
            category=category,
            add_categories=add_categories,
            partial=True,  # the preview lists what is left out
            snowflakes=True,
        )
        found = await self.bot.points.write(imports.preview, origin_of(interaction), opened, options)
        reply = messages.preview(found, options)
        if found.batch is not None and not found.batch.replayed:
            reply["view"] = Decision(interaction, opened, options, found)
        await interaction.followup.send(**reply)

    @app_commands.command(name="undo-batch")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(number="Which batch", reason="Why; it stands on every transaction")
    async def undo_batch(
        self, interaction: Interaction, number: Range[int, 1, 2**53 - 1], reason: Range[str, 1, MAX_REASON]
    ) -> None:
        """Take all transactions of a batch back."""
        await take_back(interaction, number, reason)

    @undo_batch.autocomplete("number")
    async def _numbers(self, interaction: Interaction, typed: str | int) -> list[Choice[int]]:
        community = str(interaction.guild_id)
        if not allowed(interaction, await self.bot.points.read(policy.of, community), Capability.CONFIGURE):
            return []
        recent = await self.bot.points.read(bulk.recent, community, limit=4 * CHOICES)
        offered = [
            batch
            for batch in recent
            if batch.undoes is None and batch.undone_by is None and str(typed) in str(batch.number)
        ]
        return [Choice(name=messages.choice(batch), value=batch.number) for batch in offered[:CHOICES]]


async def _opened(file: discord.Attachment, source: Source | None) -> Opened:
    """Read the attachment, in a thread of its own. Raises UnreadableFile."""
    opened = await asyncio.to_thread(imports.opened, await file.read(), source=source)
    if len(opened.rows) > MAX_ROWS:
        raise UnreadableFile(
            f"it has {len(opened.rows):,} rows, more than {MAX_ROWS:,}; whoever runs this bot can import it"
        )
    return opened


class Decision(View):
    """Import or not: under the preview, for whoever asked; nobody else sees it."""

    def __init__(self, asked: Interaction, opened: Opened, options: Options, found: Preview) -> None:
        super().__init__(timeout=DECIDE_SECONDS)
        self._asked = asked
        self._opened = opened
        self._options = options
        assert found.batch is not None
        self.confirm.label = messages.confirm(found.batch)

    @ui.button(label="Import", style=discord.ButtonStyle.primary)
    async def confirm(self, interaction: Interaction, button: ui.Button[Any]) -> None:
        """Import the file as one batch."""
        await require(interaction, Capability.CONFIGURE)
        self.stop()
        await interaction.response.edit_message(content="Importing …", view=None)
        bot = interaction.client
        try:
            await backup.before(bot.points, "import", bot.now())
            done = await bot.points.write(imports.run, origin_of(interaction), self._opened, self._options)
        except Exception:
            with contextlib.suppress(discord.HTTPException, *BROKEN):
                await interaction.edit_original_response(content=messages.NOT_IMPORTED)
            raise
        bot.courier.wake()
        view = ui.View(timeout=None)
        if done.batch is not None and done.batch.undone_by is None:
            view.add_item(UndoBatchButton(done.batch.number))
        await interaction.edit_original_response(content=messages.imported(done), view=view)

    @ui.button(label="Cancel")
    async def cancel(self, interaction: Interaction, button: ui.Button[Any]) -> None:
        """Leave everything as it is."""
        self.stop()
        await interaction.response.edit_message(content="Nothing was imported.", view=None)

    async def on_timeout(self) -> None:
        """Say that the preview can no longer be answered."""
        with contextlib.suppress(discord.HTTPException, *BROKEN):
            await self._asked.edit_original_response(
                content="Nothing was imported: the preview was not answered in time. Use `/import` again.",
                view=None,
            )


async def setup(bot: "PointsBot") -> None:
    """Bring the commands, and the buttons of messages sent before this start."""
    bot.add_dynamic_items(UndoBatchButton)
    await bot.add_cog(Imports(bot))
