"""Taking back what a rule gave: first how much that is, then, once somebody is sure, as one batch.

The question's button carries all that is needed, so it outlives restarts; the reason is asked for by a form.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import ui

from bot.batches import FORM_SECONDS
from bot.checks import require
from bot.messages import rules as messages
from bot.origin import origin_of
from bot.refusals import Modal, View, answered
from bot.replies import respond
from bot.worn import understood
from points_core import rules
from points_core.errors import RowsRefused
from points_core.policy import Capability, Policy
from points_core.values import MAX_REASON
from points_core.windows import midnight, parse_day

if TYPE_CHECKING:
    from bot.client import PointsBot

_NONE: Final = 0  # in a button's id, for no version and no end


@dataclass(frozen=True, slots=True)
class Part:
    """What of a rule is taken back: all that `version` (None: any) gave from `since` to before `until`."""

    number: int
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def mark(self) -> str:
        """Return it as it stands in a button's id."""
        ends = (int(moment.timestamp()) if moment else _NONE for moment in (self.since, self.until))
        return ":".join(map(str, (self.number, self.version or _NONE, *ends)))

    @classmethod
    def of(cls, mark: str) -> "Part":
        """Return what a mark stands for."""
        number, version, since, until = map(int, mark.split(":"))
        return cls(number, version or None, _moment(since), _moment(until))

    @property
    def span(self) -> dict[str, Any]:
        """Return it as the core's arguments."""
        return {"version": self.version, "since": self.since, "until": self.until}


EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def part(number: int, version: int | None, since: str | None, until: str | None, policy: Policy) -> Part:
    """Return what was asked for; `until` is the last day of it. Raises InvalidTime."""
    begin = midnight(parse_day(since.strip()), policy.zone) if since else None
    if begin is not None and begin <= EARLIEST:  # all there is
        begin = None
    end = midnight(parse_day(until.strip()) + timedelta(days=1), policy.zone) if until else None
    return Part(number, version, begin, end)


async def ask(interaction: "discord.Interaction[PointsBot]", wanted: Part) -> None:
    """Say how much would be taken back, and ask. Raises UnknownRule."""
    points, community = interaction.client.points, str(interaction.guild_id)
    rule = (await points.read(rules.get, community, wanted.number)).rule
    given = await points.read(rules.tally, community, wanted.number, **wanted.span)
    if not given.times:
        await respond(
            interaction, **messages.nothing_to_undo(rule, wanted.version, wanted.since, wanted.until)
        )
        return
    stays = await points.read(rules.leaves, community, wanted.number, **wanted.span)
    reply = messages.undo_question(rule, given, stays, wanted.version, wanted.since, wanted.until)
    reply["view"] = View(timeout=None)
    reply["view"].add_item(UndoRuleButton(wanted))
    await respond(interaction, **reply)


class UndoRuleButton(
    ui.DynamicItem[ui.Button[Any]],
    template=r"points:undo-rule:(?P<mark>[0-9]{1,16}(?::[0-9]{1,16}){3})(?P<rest>:rest)?",
):
    """Takes a part of what a rule gave back, or what of it can be."""

    def __init__(self, wanted: Part, *, partial: bool = False) -> None:
        label = "Take back what can be" if partial else "Take it back"
        custom_id = f"points:undo-rule:{wanted.mark}{':rest' if partial else ''}"
        super().__init__(ui.Button(label=label, style=discord.ButtonStyle.danger, custom_id=custom_id))
        self.wanted, self.partial = wanted, partial

    @classmethod
    @understood
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(Part.of(match["mark"]), partial=match["rest"] is not None)

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Ask why, unless this person may not take it back."""
        await require(interaction, Capability.CONFIGURE)
        await interaction.response.send_modal(UndoRuleForm(self.wanted, partial=self.partial))


class UndoRuleForm(Modal):
    """Asks why, and takes it back."""

    def __init__(self, wanted: Part, *, partial: bool) -> None:
        super().__init__(title=f"Take back what rule {wanted.number} gave"[:45], timeout=FORM_SECONDS)
        self.wanted, self.partial = wanted, partial
        self.reason: ui.TextInput[Any] = ui.TextInput(
            custom_id="reason", style=discord.TextStyle.paragraph, max_length=MAX_REASON
        )
        self.add_item(
            ui.Label(text="Why?", description="It stands on every transaction.", component=self.reason)
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Take it back."""
        await require(interaction, Capability.CONFIGURE)
        bot: PointsBot = interaction.client
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            done = await bot.points.write(
                rules.undo,
                origin_of(interaction),
                self.wanted.number,
                reason=self.reason.value,
                partial=self.partial,
                **self.wanted.span,
            )
        except RowsRefused as refused:
            reply = messages.cannot_undo(refused)
            if not self.partial and len(refused.rows) < refused.total:
                reply["view"] = View(timeout=None)
                reply["view"].add_item(UndoRuleButton(self.wanted, partial=True))
            await interaction.followup.send(**reply)
            return
        bot.courier.wake()
        await interaction.followup.send(**messages.undone(done))
