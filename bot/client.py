"""The bot: what it listens to, what it is made of, how it starts and stops."""

import asyncio
import logging
import pkgutil
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot import cogs, payloads, refusals, sync, worn
from bot.cards import Cards
from bot.courier import Courier
from bot.linked_roles.parts import LinkedRoles
from bot.listeners.people import People
from bot.listeners.returning import Returning
from bot.listeners.rulebook import Rulebook
from bot.proposals import Proposals
from bot.replies import LONGEST_WAIT_S, may_pass, respond
from bot.ticker import Ticker
from bot.unreadable import survive_unreadable_events
from bot.voting import buttons
from points_core.database import Points
from points_core.settings import Settings
from points_core.webhooks.postman import Postman

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks; no need to say so

FINISH_S = 4  # for answers under way when the bot stops, as long as a person may wait for one

log = logging.getLogger(__name__)


class PointsTree(app_commands.CommandTree["PointsBot"]):
    """The commands; their errors are answered like those of buttons and forms."""

    async def interaction_check(self, interaction: discord.Interaction["PointsBot"], /) -> bool:
        """Refuse what a command did not ask for, before anything of it is looked at."""
        typing = interaction.type is discord.InteractionType.autocomplete
        if payloads.fits(self, interaction.data or {}, typing=typing):
            return True
        if typing:
            await interaction.response.autocomplete([])
        else:
            await respond(interaction, content=refusals.UNFIT, ephemeral=True)
        return False

    async def on_error(
        self, interaction: discord.Interaction["PointsBot"], error: app_commands.AppCommandError
    ) -> None:
        """Answer an error of any command."""
        await refusals.answer(interaction, error)


class PointsBot(commands.Bot):
    """The Discord client over open books; whoever opened the books closes them, after the bot.

    Without the host's POINTS_INTENTS no intent is privileged: it hears that somebody wrote, not what, and is
    told of no list of members.
    """

    def __init__(
        self, points: Points, settings: Settings, *, clock: Callable[[], datetime] = discord.utils.utcnow
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=PointsTree,
            intents=_intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=app_commands.AppCommandContext(guild=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
            max_messages=None,
            max_ratelimit_timeout=LONGEST_WAIT_S,
        )
        survive_unreadable_events(self)
        self.points = points
        self.settings = settings
        self.courier = Courier(self)
        self.ticker = Ticker(self)
        self.postman = Postman(points, self.now)
        self.linked_roles = LinkedRoles.of(self)
        self.rulebook = Rulebook(self)
        self.people = People(self)
        self.returning = Returning(self)
        self.proposals = Proposals()
        self.cards = Cards(self, buttons)
        self._ids: set[re.Pattern[str]] = set()
        self._deaf: Callable[[], None] = lambda: None
        self._clock = clock
        self._commands_settled = False

    def now(self) -> datetime:
        """Return the time (aware): the bot is an entry point, everything below it is told."""
        return self._clock()

    async def setup_hook(self) -> None:
        """Load what people can ask for, tell Discord about it, start the clockwork.

        discord.py calls this after each login; a login that broke off is repeated.
        """
        if not self.extensions:
            for module in pkgutil.iter_modules(cogs.__path__, f"{cogs.__name__}."):
                await self.load_extension(module.name)
            self._deaf = self.points.changes.subscribe(self.rulebook.forget)
            self.ticker.start()
        await self.sync_commands()
        if self.linked_roles is not None:
            await self.linked_roles.register(self)

    async def until_ready(self) -> None:
        """Wait until the bot is ready; one that is not logged in waits until it is stopped."""
        try:
            await self.wait_until_ready()
        except RuntimeError:  # discord.py's word for a client that never logged in
            await asyncio.get_running_loop().create_future()

    async def sync_commands(self) -> None:
        """Bring Discord's list of commands up to date, unless that is done; never raises."""
        if self._commands_settled:
            return
        try:
            await sync.bring_up_to_date(self.tree)
            self._commands_settled = True
        except Exception as error:
            if may_pass(error):
                log.warning("the commands could not be compared with Discord's, soon again: %r", error)
            else:  # the same commands would be refused again
                self._commands_settled = True
                log.exception("Discord did not take the commands")

    def add_dynamic_items(self, *items: type[discord.ui.DynamicItem[Any]]) -> None:
        """Have these answer, now and after restarts, whatever is pressed with an id of theirs."""
        super().add_dynamic_items(*items)
        self._ids.update(item.__discord_ui_compiled_template__ for item in items)

    async def on_interaction(self, interaction: discord.Interaction["PointsBot"]) -> None:
        """Say so where something is pressed that once was ours; discord.py leaves it without an answer."""
        data: Mapping[str, Any] = interaction.data or {}
        pressed = str(data.get("custom_id"))
        ours = interaction.type is discord.InteractionType.component and pressed.startswith(worn.PREFIX)
        if ours and not any(each.fullmatch(pressed) for each in self._ids):
            await respond(interaction, content=worn.WORN, ephemeral=True)

    async def on_ready(self) -> None:
        """Deliver what waited while the bot was away."""
        log.info("ready as %s in %d servers", self.user, len(self.guilds))
        self.courier.wake()

    async def on_resumed(self) -> None:
        """Deliver what could not be delivered while the connection was broken."""
        self.courier.wake()

    async def close(self) -> None:
        """Stop in order: no more ticks, answers under way, effects under way, then the connection."""
        self.ticker.stop()
        self._deaf()
        await self._finish_answers()
        stopping = [self.courier.stop(), self.postman.stop()]
        if self.linked_roles is not None:
            stopping.append(self.linked_roles.stop())
        await asyncio.gather(*stopping)
        await super().close()

    async def _finish_answers(self) -> None:
        """Wait for what people asked before the stop; whatever is too slow is cancelled."""
        under_way = [
            task for task in asyncio.all_tasks() if task is not asyncio.current_task() and _serves(task)
        ]
        if under_way:
            _, slow = await asyncio.wait(under_way, timeout=FINISH_S)
            for task in slow:
                log.warning("stopped before %s was finished", task.get_name())
                task.cancel()


def _intents(settings: Settings) -> discord.Intents:
    """Return what the bot asks to hear; privileged intents only where the host switched them on."""
    asked = dict.fromkeys(settings.intents, True)
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        guild_reactions=True,
        voice_states=True,
        guild_scheduled_events=True,
        **asked,
    )


def _serves(task: "asyncio.Task[Any]") -> bool:
    """Tell by its name whether discord.py started `task` for a command, a button, a form or another event."""
    return task.get_name().startswith(("CommandTree-invoker", "discord-ui-", "discord.py: "))
