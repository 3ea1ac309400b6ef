"""What a form about a rule can ask for, and how the answers are read.

A field makes its control for a form, filled with what holds now, and reads it back: a value as definitions have
it, None for an empty one.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import discord
from discord import ui

from bot.refusals import Modal
from points_core.errors import InvalidAmount, InvalidSetting
from points_core.rules.definition import MAX_LISTED, MAX_SECONDS
from points_core.values import MAX_AMOUNT, parse_amount, whole_amount

FORM_SECONDS: Final = 900  # a form left open longer is forgotten, as Discord forgets its interaction
DIGITS: Final = 20  # characters of a number, with separators
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LENGTH: Final = re.compile(r"([0-9]{1,7})\s*([smhd]?)", re.ASCII | re.IGNORECASE)

Answers = Mapping[str, Any]
"""What was filled in, by the fields' keys."""


class Field(Protocol):
    """One thing that a form asks for."""

    @property
    def key(self) -> str:
        """Its name in the form and in the answers."""

    @property
    def label(self) -> str:
        """What is asked."""

    @property
    def hint(self) -> str | None:
        """A line below the question."""

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return what is filled in, showing what holds now."""

    def read(self, control: Any) -> object:  # noqa: ANN401 - what `control` returned
        """Return the answer. Raises InvalidAmount, InvalidSetting."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number; empty is None."""

    key: str
    label: str
    value: int | None = None
    hint: str | None = None
    required: bool = False
    least: int = 1
    most: int = MAX_AMOUNT

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return a line to type it in."""
        shown = None if self.value is None else str(self.value)
        return ui.TextInput(custom_id=self.key, default=shown, required=self.required, max_length=DIGITS)

    def read(self, control: "ui.TextInput[Any]") -> int | None:
        """Return the number. Raises InvalidAmount."""
        typed = control.value.strip()
        if not typed and not self.required:
            return None
        if typed == "0" and self.least == 0:
            return 0
        try:
            return whole_amount(parse_amount(typed), self.least, self.most)
        except InvalidAmount:
            raise InvalidAmount(typed, self.least, self.most) from None


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time in seconds, typed as 90s, 5m, 2h or 1d; empty is 0."""

    key: str
    label: str
    seconds: int = 0
    hint: str | None = "As 90s, 5m, 2h or 1d; empty for none."

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return a line to type it in."""
        shown = short(self.seconds) if self.seconds else None
        return ui.TextInput(custom_id=self.key, default=shown, required=False, max_length=DIGITS)

    def read(self, control: "ui.TextInput[Any]") -> int:
        """Return the seconds. Raises InvalidSetting."""
        typed = control.value.strip()
        if not typed:
            return 0
        found = _LENGTH.fullmatch(typed)
        seconds = int(found[1]) * _UNITS[found[2].lower() or "s"] if found else -1
        if not 0 <= seconds <= MAX_SECONDS:
            raise InvalidSetting(self.label, typed, "a length as 90s, 5m, 2h or 1d, up to 30d")
        return seconds


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text; empty is None."""

    key: str
    label: str
    value: str | None = None
    hint: str | None = None
    required: bool = False
    longest: int = 100

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return a line to type it in."""
        return ui.TextInput(
            custom_id=self.key, default=self.value, required=self.required, max_length=self.longest
        )

    def read(self, control: "ui.TextInput[Any]") -> str | None:
        """Return the text."""
        return control.value.strip() or None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `options` (value and label), or several of them; None, or nothing at all, if left empty."""

    key: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: tuple[str, ...] = ()
    hint: str | None = None
    required: bool = True
    several: bool = False

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return a menu to choose from."""
        return ui.Select(
            custom_id=self.key,
            required=self.required,
            min_values=1 if self.required else 0,
            max_values=len(self.options) if self.several else 1,
            options=[
                discord.SelectOption(label=label[:100], value=value, default=value in self.chosen)
                for value, label in self.options
            ],
        )

    def read(self, control: "ui.Select[Any]") -> tuple[str, ...] | str | None:
        """Return what was chosen."""
        return tuple(control.values) if self.several else next(iter(control.values), None)


@dataclass(frozen=True, slots=True)
class Roles:
    """Roles of the server, by id."""

    key: str
    label: str
    chosen: Sequence[str] = ()
    hint: str | None = None
    required: bool = True
    most: int = MAX_LISTED

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return a menu of roles; those that are gone are no longer chosen."""
        known = [role for id_ in self.chosen if id_.isdigit() and (role := guild.get_role(int(id_)))]
        return ui.RoleSelect(
            custom_id=self.key,
            required=self.required,
            min_values=1 if self.required else 0,
            max_values=self.most,
            default_values=known[: self.most],
        )

    def read(self, control: "ui.RoleSelect[Any]") -> tuple[str, ...]:
        """Return the roles' ids."""
        return tuple(str(role.id) for role in control.values)


@dataclass(frozen=True, slots=True)
class Channels:
    """Channels of the server, or groups of them, by id."""

    key: str
    label: str
    chosen: Sequence[str] = ()
    hint: str | None = None
    required: bool = True
    most: int = MAX_LISTED

    def control(self, guild: discord.Guild) -> "ui.Item[Any]":
        """Return a menu of channels; those that are gone are no longer chosen."""
        known = [
            discord.SelectDefaultValue(id=int(id_), type=discord.SelectDefaultValueType.channel)
            for id_ in self.chosen
            if id_.isdigit() and guild.get_channel_or_thread(int(id_))
        ]
        return ui.ChannelSelect(
            custom_id=self.key,
            required=self.required,
            min_values=1 if self.required else 0,
            max_values=self.most,
            default_values=known[: self.most],
        )

    def read(self, control: "ui.ChannelSelect[Any]") -> tuple[str, ...]:
        """Return the channels' ids."""
        return tuple(str(channel.id) for channel in control.values)


Done = Callable[["discord.Interaction[Any]", Answers], Awaitable[None]]


class Form(Modal):
    """Asks for up to five fields, and hands what was filled in to `done`."""

    def __init__(self, title: str, fields: Sequence[Field], guild: discord.Guild, done: Done) -> None:
        super().__init__(title=title[:45], timeout=FORM_SECONDS)
        self._done = done
        self._asked = [(field, field.control(guild)) for field in fields]
        for field, control in self._asked:
            self.add_item(ui.Label(text=field.label, description=field.hint, component=control))

    async def on_submit(self, interaction: "discord.Interaction[Any]") -> None:
        """Read what was filled in, and act."""
        await self._done(interaction, {field.key: field.read(control) for field, control in self._asked})


def short(seconds: int) -> str:
    """Return a length of time as it is typed: 90s, 5m, 2h, 1d."""
    for unit, size in reversed(_UNITS.items()):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise AssertionError(seconds)  # every whole number is a number of seconds
