"""The card of a rule: menus for its parts and conditions, buttons for its life.

Nothing of it is kept in memory: each menu and button carries the rule's number, asks anew who may, and changes
one part of what the rule is at that moment.
"""

import re
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import ui

from bot.checks import require
from bot.granting import givable
from bot.messages import rules as messages
from bot.messages.text import Reply
from bot.policy_changes import carried_out
from bot.refusals import View, answered
from bot.replies import respond
from bot.rule_editor import asking, trying
from bot.rule_editor.fields import Answers, Done, Form, Words
from bot.rule_editor.parts import GIVES_A_ROLE, parts, without_multiplier
from bot.worn import understood
from points_core.policy import Capability, Policy
from points_core.rules import reading, stored
from points_core.rules.amending import Change, amend
from points_core.rules.definition import Definition
from points_core.rules.reading import RuleView
from points_core.rules.sentences import Named, condition_words
from points_core.rules.shapes import shape
from points_core.rules.stored import MAX_RULE_NAME, STEPS
from points_core.values import Mode

if TYPE_CHECKING:
    from bot.client import PointsBot

CHANGE, CONDITION, DROP = "change", "if", "drop"
NAME, ALL_CONDITIONS = "name", "all"
MENUS: Final = {CHANGE: "Change …", CONDITION: "Add or change a condition …", DROP: "Take away …"}
ASKS: Final = frozenset({Mode.LIVE, Mode.RETIRED})
"""Steps that are asked about once more."""
STYLES: Final = {Mode.LIVE: discord.ButtonStyle.success, Mode.RETIRED: discord.ButtonStyle.danger}


def card(bot: "PointsBot", guild: discord.Guild, view: RuleView, policy: Policy, note: str = "") -> Reply:
    """Return the card of a rule, ready to be sent."""
    reply = messages.card(view, policy, bot.settings.intents, note)
    reply["view"] = controls(guild, view, policy)
    return reply


def controls(guild: discord.Guild, view: RuleView, policy: Policy) -> ui.View:
    """Return what the card of a rule can be changed with; nothing once it is retired."""
    under, rule = View(timeout=None), view.rule
    if rule.mode is Mode.RETIRED:
        return under
    for what in MENUS:
        if options := _options(what, guild, rule.definition, policy):
            under.add_item(RuleMenu(rule.number, what, options))
    for mode in (mode for mode in Mode if mode in STEPS[rule.mode]):
        under.add_item(RuleButton(rule.number, "to", mode.value))
    found = shape(rule.definition.when)
    if found is not None and len(found.so) > 1:
        under.add_item(RuleButton(rule.number, "all" if found.one_is_enough else "any"))
    under.add_item(RuleButton(rule.number, "try"))
    return under


def _options(
    what: str, guild: discord.Guild, definition: Definition, policy: Policy
) -> list[discord.SelectOption]:
    if what == CHANGE:
        named = [(key, part.label, part.hint) for key, part in parts(definition, policy).items()]
        return [*(_option(*each) for each in named), _option(NAME, "Name", "How the rule is called")]
    if what == CONDITION:
        return [_option(kind, asking.NAMES[kind]) for kind in asking.kinds(definition.trigger.on)]
    return _droppable(guild, definition, policy)


def _droppable(guild: discord.Guild, definition: Definition, policy: Policy) -> list[discord.SelectOption]:
    """Return what can be taken away: conditions and multipliers, and all conditions where they are nested."""
    names = messages.plainly(policy, guild)
    found = shape(definition.when)
    if found is None:
        options = [_option(ALL_CONDITIONS, "All conditions")]
    else:
        sides = ((asking.SO, "if ", found.so), (asking.NOT_SO, "unless ", found.not_so))
        options = [
            _option(f"{side}:{one.kind}", f"{word}{condition_words(one, names)}")
            for side, word, those in sides
            for one in those
        ]
    for each in definition.multipliers:
        who = names(Named.ROLE, each.role) if each.role else names(Named.CHANNEL, each.channel or "")
        options.append(_option(f"x:{each.role or each.channel}", f"{each.percent} % for {who}"))
    unique = {option.value: option for option in options}
    return list(unique.values())[:25]


def _option(value: str, label: str, hint: str | None = None) -> discord.SelectOption:
    return discord.SelectOption(label=label[:100], value=value[:100], description=hint)


async def show(interaction: "discord.Interaction[PointsBot]", view: RuleView, note: str = "") -> None:
    """Show a rule's card, in place of the one that was pressed if there is one."""
    policy = await require(interaction, Capability.CONFIGURE)
    assert interaction.guild is not None
    reply = card(interaction.client, interaction.guild, view, policy, note)
    if interaction.message is None:
        await respond(interaction, **reply)
        return
    await interaction.response.edit_message(content=reply["content"], view=reply["view"])


async def change(interaction: "discord.Interaction[PointsBot]", number: int, made: Change) -> None:
    """Change a part of a rule and show what it is now."""
    await show(interaction, await carried_out(interaction, amend, number, made))


async def switch(interaction: "discord.Interaction[PointsBot]", number: int, mode: Mode) -> None:
    """Switch a rule to a mode; ask first where it matters."""
    policy = await require(interaction, Capability.CONFIGURE)
    if mode not in ASKS:
        await show(interaction, await carried_out(interaction, stored.set_mode, number, mode))
        return
    view = await interaction.client.points.read(reading.get, str(interaction.guild_id), number)
    if mode is Mode.LIVE:
        givable(interaction.guild, [view.rule.definition.role])
    reply, under = messages.sure(view, mode, policy), View(timeout=None)
    under.add_item(RuleButton(number, "sure", mode.value))
    under.add_item(RuleButton(number, "back"))
    if interaction.message is None:
        reply["view"] = under
        await respond(interaction, **reply)
        return
    await interaction.response.edit_message(content=reply["content"], view=under)


class RuleMenu(
    ui.DynamicItem[ui.Select[ui.View]],
    template=r"points:rule:(?P<number>[1-9][0-9]{0,15}):(?P<what>change|if|drop)",
):
    """Offers the parts of a rule, or its conditions, or what of it can be taken away."""

    def __init__(self, number: int, what: str, options: list[discord.SelectOption]) -> None:
        super().__init__(
            ui.Select(custom_id=f"points:rule:{number}:{what}", placeholder=MENUS[what], options=options)
        )
        self.number, self.what = number, what

    @classmethod
    @understood
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the menu that was used."""
        options = item.options if isinstance(item, ui.Select) else []
        return cls(int(match["number"]), match["what"], options)

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Ask for what was chosen, or take it away."""
        policy = await require(interaction, Capability.CONFIGURE)
        (chosen,) = self.item.values
        if self.what == DROP:
            await change(interaction, self.number, lambda now: _dropped(now, chosen))
            return
        view = await interaction.client.points.read(reading.get, str(interaction.guild_id), self.number)
        assert interaction.guild is not None
        await interaction.response.send_modal(self._form(interaction.guild, view, policy, chosen))

    def _form(self, guild: discord.Guild, view: RuleView, policy: Policy, chosen: str) -> Form:
        definition = view.rule.definition
        if self.what == CONDITION:
            fields = asking.fields(chosen, definition, policy)
            return Form(asking.NAMES[chosen], fields, guild, self._asked_for(chosen))
        if chosen == NAME:
            named = Words("name", "How the rule is called", view.rule.name, None, True, MAX_RULE_NAME)
            return Form("Name", (named,), guild, self._renamed)
        part = parts(definition, policy)[chosen]

        async def done(interaction: "discord.Interaction[PointsBot]", answers: Answers) -> None:
            if chosen == GIVES_A_ROLE:
                givable(interaction.guild, answers["role"], [definition.role])
            await change(interaction, self.number, lambda now: part.change(now, policy, answers))

        return Form(part.label, part.fields(definition, policy), guild, done)

    def _asked_for(self, kind: str) -> Done:
        async def done(interaction: "discord.Interaction[PointsBot]", answers: Answers) -> None:
            await change(interaction, self.number, lambda now: asking.added(kind, now, answers))

        return done

    async def _renamed(self, interaction: "discord.Interaction[PointsBot]", answers: Answers) -> None:
        await show(interaction, await carried_out(interaction, stored.rename, self.number, answers["name"]))


def _dropped(now: Definition, chosen: str) -> Definition:
    side, _, rest = chosen.partition(":")
    if side == ALL_CONDITIONS:
        return now.model_copy(update={"when": None})
    return without_multiplier(now, rest) if side == "x" else asking.taken(rest, side, now)


class RuleButton(
    ui.DynamicItem[ui.Button[ui.View]],
    template=r"points:rule:(?P<number>[1-9][0-9]{0,15}):(?P<act>to|sure|back|any|all|try)(?::(?P<mode>[a-z]+))?",
):
    """Switches a rule, says whether one of its conditions is enough, or tries it out."""

    def __init__(self, number: int, act: str, mode: str | None = None) -> None:
        to = Mode(mode) if mode else None
        label = _LABELS.get(act) or messages.SWITCHES[to or Mode.DRAFT]
        style = STYLES.get(to, discord.ButtonStyle.secondary) if to else discord.ButtonStyle.secondary
        custom_id = f"points:rule:{number}:{act}{f':{mode}' if mode else ''}"
        super().__init__(ui.Button(label=label, style=style, custom_id=custom_id))
        self.number, self.act, self.to = number, act, to

    @classmethod
    @understood
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(int(match["number"]), match["act"], match["mode"])

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Do what the button says."""
        if self.act == "to" and self.to:
            await switch(interaction, self.number, self.to)
        elif self.act == "sure" and self.to:
            await show(interaction, await carried_out(interaction, stored.set_mode, self.number, self.to))
        elif self.act == "try":
            await trying.begin(interaction, self.number)
        elif self.act == "back":
            view = await interaction.client.points.read(reading.get, str(interaction.guild_id), self.number)
            await show(interaction, view)
        else:
            one_is_enough = self.act == "any"
            await change(interaction, self.number, lambda now: asking.matched(now, one_is_enough))


_LABELS: Final = {
    "sure": "Yes",
    "back": "Back",
    "any": "One condition is enough",
    "all": "All conditions are needed",
    "try": "Try it out",
}
