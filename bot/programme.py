"""Changes of the programme that take something from members: a preview first, and the button that carries them out.

Wish              what is wanted: an expiry, a decay, other freezes
propose           show who would lose what, with the button
ProgrammeButton   carries the wish out, if the policy is still the one that the preview was made for
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

import discord
from discord import ui
from sqlalchemy import Connection

from bot.checks import require
from bot.messages import programme as messages
from bot.messages import settings as settings_messages
from bot.messages.text import Reply, category
from bot.origin import origin_of
from bot.policy_changes import Change
from bot.refusals import answered
from bot.worn import understood
from points_core import expiry, history, policy
from points_core.database import Points
from points_core.policy import Capability, Policy
from points_core.programme import Decay
from points_core.values import Origin

if TYPE_CHECKING:
    from bot.client import PointsBot


@dataclass(frozen=True, slots=True)
class ExpiryWish:
    """Points of a category (its number; 0: all others) are kept for `days`, and people told `notice_days` before."""

    category_id: int
    days: int
    notice_days: int

    label = "Let them expire"

    @property
    def terms(self) -> str:
        """Return the wish as a button carries it."""
        return f"expiry:{self.category_id}:{self.days}:{self.notice_days}"

    async def preview(self, points: Points, community: str, rules: Policy, now: datetime) -> Reply:
        """Return who would lose what."""
        name = rules.category_name(self.category_id or None)
        terms = expiry.terms(rules, now, category=name, days=self.days, notice_days=self.notice_days)
        found = await points.study(expiry.preview.expiry, community, terms, now)
        wanted = next(each for each in terms if (each.category_id or 0) == self.category_id)
        what = f"Points of **{category(name)}**" if name else "Points without an expiry of their own"
        begins = f", from {messages.on_day(wanted.begins)} on" if wanted.begins else ""
        return messages.expiry_preview(found, f"{what} would be kept for {messages.days(self.days)}{begins}.")

    def carry_out(self, tx: Connection, origin: Origin, rules: Policy) -> Policy:
        """Switch it on."""
        name = rules.category_name(self.category_id or None)
        return expiry.keep_for(tx, origin, category=name, days=self.days, notice_days=self.notice_days)


@dataclass(frozen=True, slots=True)
class DecayWish:
    """Who has earned nothing for `inactive_days` loses `percent` of what is above `keep`, every week or month."""

    percent: int
    inactive_days: int
    every: Literal["week", "month"]
    keep: int

    label = "Let them decay"

    @property
    def terms(self) -> str:
        """Return the wish as a button carries it."""
        return f"decay:{self.percent}:{self.inactive_days}:{self.every}:{self.keep}"

    @property
    def decay(self) -> Decay:
        """Return the decay that is wanted."""
        return Decay(percent=self.percent, inactive_days=self.inactive_days, every=self.every, keep=self.keep)

    async def preview(self, points: Points, community: str, rules: Policy, now: datetime) -> Reply:
        """Return who would lose what."""
        found = await points.study(expiry.preview.decay, community, self.decay, now)
        said = messages.PARTS["decay"][1](self.decay.model_dump(mode="json"), {})
        return messages.decay_preview(found, f"Points would melt away: {said}.")

    def carry_out(self, tx: Connection, origin: Origin, rules: Policy) -> Policy:
        """Switch it on."""
        return expiry.melt(tx, origin, self.decay)


@dataclass(frozen=True, slots=True)
class FreezesWish:
    """So many missed days of a calendar month break no streak."""

    freezes: int

    label = "Count anew"

    @property
    def terms(self) -> str:
        """Return the wish as a button carries it."""
        return f"freezes:{self.freezes}"

    async def preview(self, points: Points, community: str, rules: Policy, now: datetime) -> Reply:
        """Return whose streaks it would end."""
        found = await points.study(history.with_freezes, community, self.freezes, now)
        said = messages.PARTS["streak_freezes"][1](self.freezes, {})
        return messages.freezes_preview(found, f"Streak freezes would be: {said}.")

    def carry_out(self, tx: Connection, origin: Origin, rules: Policy) -> Policy:
        """Change them."""
        return policy.amend(tx, origin, streak_freezes=self.freezes)


Wish = ExpiryWish | DecayWish | FreezesWish

_READ: Final[dict[str, Callable[[list[str]], Wish]]] = {
    "expiry": lambda terms: ExpiryWish(*map(int, terms)),
    "decay": lambda terms: DecayWish(
        int(terms[0]), int(terms[1]), cast(Literal["week", "month"], terms[2]), int(terms[3])
    ),
    "freezes": lambda terms: FreezesWish(int(terms[0])),
}


async def propose(interaction: "discord.Interaction[PointsBot]", wish: Wish) -> None:
    """Show privately what `wish` would take from whom, with the button that carries it out. Raises NotAllowed."""
    rules = await require(interaction, Capability.CONFIGURE)
    # A long history takes longer than the three seconds Discord waits; all answers here are private
    await interaction.response.defer(ephemeral=True, thinking=True)
    bot = interaction.client
    reply = await wish.preview(bot.points, str(interaction.guild_id), rules, bot.now())
    reply["view"] = ui.View(timeout=None).add_item(ProgrammeButton(wish, rules.version))
    await interaction.followup.send(**reply)


def _at_version(tx: Connection, origin: Origin, version: int, wish: Wish) -> Change | None:
    """Carry a wish out on the policy of that version; None if there is another one by now."""
    _, before = policy.locked(tx, origin)
    if before.version != version:
        return None
    return Change(before, wish.carry_out(tx, origin, before))


class ProgrammeButton(
    ui.DynamicItem[ui.Button[Any]],
    template=r"points:programme:(?P<part>expiry|decay|freezes):(?P<terms>[0-9a-z:]{1,60}):(?P<version>[0-9]{1,15})",
):
    """Carries out what its preview showed; its id says all of it, so it outlives restarts."""

    def __init__(self, wish: Wish, version: int) -> None:
        custom_id = f"points:programme:{wish.terms}:{version}"
        super().__init__(ui.Button(label=wish.label, style=discord.ButtonStyle.danger, custom_id=custom_id))
        self.wish = wish
        self.version = version

    @classmethod
    @understood
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(_READ[match["part"]](match["terms"].split(":")), int(match["version"]))

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Carry it out, if the policy is still the one that was looked at. Raises NotAllowed."""
        await require(interaction, Capability.CONFIGURE)
        bot = interaction.client
        done = await bot.points.write(_at_version, origin_of(interaction), self.version, self.wish)
        bot.courier.wake()
        reply = settings_messages.changed(done) if done else messages.old_preview()
        await interaction.response.edit_message(content=reply["content"], embed=None, view=None)
