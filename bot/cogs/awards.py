"""Moving points by hand: /award, /deduct, /undo, and the menus on a person and on a message."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.app_commands import Choice, ContextMenu, Range
from discord.ext import commands

from bot.checks import require
from bot.giving import AgainButton, AwardForm, Wish, grant
from bot.messages import movements
from bot.replies import respond
from bot.undo import UndoButton, take_back
from points_core import history, policy
from points_core.policy import Capability
from points_core.values import MAX_AMOUNT, MAX_BALANCE, MAX_LINK, MAX_REASON, Kind

if TYPE_CHECKING:
    from bot.client import PointsBot

Person = discord.Member | discord.User  # a User where someone has left: chosen by mention or id
Interaction = discord.Interaction["PointsBot"]

Amount = Range[int, 1, MAX_AMOUNT]
Reason = Range[str, 1, MAX_REASON]
Number = Range[int, 1, MAX_BALANCE - 1]  # Discord takes whole numbers up to 2⁵³ − 1
Link = Range[str, 1, MAX_LINK]

CHOICES = 25  # as many as Discord shows


class Awards(commands.Cog):
    """What moderators do with points."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self.menus = (
            ContextMenu(name="Award points", callback=self.award_person),
            ContextMenu(name="Award author", callback=self.award_author),
        )

    async def cog_load(self) -> None:
        """Bring the menus; discord.py knows them only on the tree."""
        for menu in self.menus:
            self.bot.tree.add_command(menu)

    async def cog_unload(self) -> None:
        """Take the menus away again."""
        for menu in self.menus:
            self.bot.tree.remove_command(menu.name, type=menu.type)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.default_permissions(moderate_members=True)
    @app_commands.describe(
        member="Who earned them",
        amount="How many",
        reason="What for; it stays in the history",
        category="Under which heading",
        evidence="A link that shows it: right-click a message, Copy Message Link",
    )
    async def award(
        self,
        interaction: Interaction,
        member: Person,
        amount: Amount,
        reason: Reason,
        category: str | None = None,
        evidence: Link | None = None,
    ) -> None:
        """Give a member points."""
        await _move(interaction, Kind.AWARD, member, amount, reason, category, evidence)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.default_permissions(moderate_members=True)
    @app_commands.describe(
        member="Who loses them",
        amount="How many",
        reason="What for; it stays in the history",
        category="Under which heading",
        evidence="A link that shows it: right-click a message, Copy Message Link",
    )
    async def deduct(
        self,
        interaction: Interaction,
        member: Person,
        amount: Amount,
        reason: Reason,
        category: str | None = None,
        evidence: Link | None = None,
    ) -> None:
        """Take points from a member."""
        await _move(interaction, Kind.DEDUCTION, member, amount, reason, category, evidence)

    @award.autocomplete("amount")
    @deduct.autocomplete("amount")
    async def _amounts(self, interaction: Interaction, current: str | int) -> list[Choice[int]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        return [
            Choice(name=movements.suggestion(amount, rules), value=amount)
            for amount in movements.suggested_amounts(str(current), rules)
        ]

    @award.autocomplete("category")
    @deduct.autocomplete("category")
    async def _categories(self, interaction: Interaction, current: str) -> list[Choice[str]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        names = [name for name in rules.open_categories if current.casefold() in name.casefold()]
        return [Choice(name=name, value=name) for name in names[:CHOICES]]

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.default_permissions(moderate_members=True)
    @app_commands.describe(
        number="The transaction's number, as in #1042", reason="Why; it stays in the history"
    )
    async def undo(self, interaction: Interaction, number: Number, reason: Reason) -> None:
        """Take a movement of points back."""
        await take_back(interaction, number, reason)

    @undo.autocomplete("number")
    async def _numbers(self, interaction: Interaction, current: str | int) -> list[Choice[int]]:
        page = await self.bot.points.read(history.page, str(interaction.guild_id), limit=2 * CHOICES)
        gone = {receipt.reverses for receipt in page.receipts}
        offered = [
            receipt
            for receipt in page.receipts
            if receipt.reverses is None and receipt.number not in gone and str(current) in str(receipt.number)
        ]
        return [Choice(name=movements.entry(receipt), value=receipt.number) for receipt in offered[:CHOICES]]

    @app_commands.guild_only()
    @app_commands.default_permissions(moderate_members=True)
    async def award_person(self, interaction: Interaction, member: Person) -> None:
        """Open the form for the person whose menu it was."""
        rules = await require(interaction, Capability.AWARD)
        if member.bot:
            await respond(interaction, **movements.no_bots(member.id))
            return
        await interaction.response.send_modal(AwardForm(member, rules))

    @app_commands.guild_only()
    @app_commands.default_permissions(moderate_members=True)
    async def award_author(self, interaction: Interaction, message: discord.Message) -> None:
        """Open the form for who wrote the message, with the message as evidence."""
        rules = await require(interaction, Capability.AWARD)
        if message.author.bot or message.webhook_id is not None:
            await respond(interaction, **movements.no_bots(message.author.id))
            return
        await interaction.response.send_modal(AwardForm(message.author, rules, message.jump_url))


async def _move(
    interaction: Interaction,
    kind: Kind,
    member: Person,
    amount: int,
    reason: str,
    category: str | None,
    evidence: str | None,
) -> None:
    if member.bot:
        await respond(interaction, **movements.no_bots(member.id))
        return
    wish = Wish(
        kind=kind,
        user_id=member.id,
        name=member.display_name,
        amount=amount,
        reason=reason,
        category=category,
        evidence=evidence,
    )
    await grant(interaction, wish)


async def setup(bot: "PointsBot") -> None:
    """Bring the commands, and the buttons of messages sent before this start."""
    bot.add_dynamic_items(UndoButton, AgainButton)
    await bot.add_cog(Awards(bot))
