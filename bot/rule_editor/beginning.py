"""A new rule: from a recipe, or from what sets it off alone; a draft until it is switched."""

from typing import TYPE_CHECKING, Any, Final

import discord
from discord.app_commands import Choice

from bot.checks import require
from bot.policy_changes import carried_out
from bot.rule_editor import triggers
from bot.rule_editor.card import show
from bot.rule_editor.fields import Answers, Form
from points_core.errors import InvalidSetting
from points_core.policy import Capability
from points_core.rules import stored
from points_core.rules.facts import On
from points_core.rules.recipes import RECIPES, recipe

if TYPE_CHECKING:
    from bot.client import PointsBot

RECIPE, TRIGGER = "recipe", "trigger"
AMOUNT: Final = 5  # points of a rule that is begun from its trigger alone

STARTS: Final = [
    *(Choice(name=f"Ready-made: {each.name}", value=f"{RECIPE}:{each.key}") for each in RECIPES),
    *(Choice(name=name, value=f"{TRIGGER}:{on.value}") for on, name in triggers.NAMES.items()),
]
"""What a new rule can be begun from."""


async def begin(interaction: "discord.Interaction[PointsBot]", start: str, name: str | None) -> None:
    """Make a draft and show its card; ask first what the trigger cannot do without.

    Raises NotAllowed, InvalidSetting, InvalidText.
    """
    await require(interaction, Capability.CONFIGURE)
    what, _, key = start.partition(":")
    if what == RECIPE and (found := recipe(key)) is not None:
        await _make(interaction, name or found.name, found.definition.document)
        return
    if what != TRIGGER or key not in set(On):
        raise InvalidSetting("start", start, "one of those on offer")
    on = On(key)
    if on in triggers.ASKS_FIRST:
        assert interaction.guild is not None
        fields = triggers.fields(on, {})

        async def done(answered: "discord.Interaction[PointsBot]", answers: Answers) -> None:
            await _make(answered, name or triggers.NAMES[on], _begun(on, answers))

        await interaction.response.send_modal(Form(triggers.NAMES[on], fields, interaction.guild, done))
        return
    await _make(interaction, name or triggers.NAMES[on], _begun(on, {}))


def _begun(on: On, answers: Answers) -> dict[str, Any]:
    return {"trigger": triggers.document(on, answers), "amount": AMOUNT, "reason": triggers.NAMES[on]}


async def _make(interaction: "discord.Interaction[PointsBot]", name: str, document: dict[str, Any]) -> None:
    view = await carried_out(interaction, stored.create, name=name, definition=document)
    await show(
        interaction, view, "A new rule. Change what you like, try it out, then switch it to shadow or on."
    )
