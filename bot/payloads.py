"""What was sent, held against what was asked for: the bot leans on none of Discord's own checks.

Discord checks options and choices before it delivers them, and a client that is not Discord's, or a command that
has just changed, may bring others all the same. What has the wrong shape is refused here, once for all of them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.app_commands import Command, Group, Parameter

Kind = discord.AppCommandOptionType
Option = Mapping[str, Any]

RESOLVED: Final = {
    Kind.user: ("users",),
    Kind.role: ("roles",),
    Kind.channel: ("channels",),
    Kind.mentionable: ("users", "roles"),
    Kind.attachment: ("attachments",),
}
"""Where Discord puts what an id stands for."""

NESTED: Final = {Kind.subcommand.value, Kind.subcommand_group.value}
MENUS: Final = (ui.Select, ui.UserSelect, ui.RoleSelect, ui.ChannelSelect, ui.MentionableSelect)
LONGEST: Final = 4_000  # characters in a form's field, for Discord
LARGEST: Final = 2**53  # of a whole number, for Discord


def fits(tree: "app_commands.CommandTree[Any]", data: Mapping[str, Any], *, typing: bool) -> bool:
    """Return whether the options of a slash command are of the declared kinds, within choices and limits.

    While somebody is `typing` any option may be half typed, and Discord does not say what an id stands for: only
    its form is looked at. Commands that are not known, and menus, are left to discord.py.
    """
    found: Any = tree.get_command(str(data.get("name")), type=discord.AppCommandType.chat_input)
    options: Sequence[Option] = data.get("options") or ()
    while isinstance(found, Group) and options and options[0].get("type") in NESTED:
        found, options = found.get_command(str(options[0].get("name"))), options[0].get("options") or ()
    if not isinstance(found, Command):
        return True
    declared = {each.display_name: each for each in found.parameters}
    resolved: Mapping[str, Mapping[str, Any]] = data.get("resolved") or {}
    return all(
        _fits(declared[option["name"]], option, resolved, typing=typing)
        for option in options
        if option.get("name") in declared
    )


def offered(item: object, data: Mapping[str, Any]) -> bool:
    """Return whether what was chosen in a menu (a select, or what wraps one) is among what it offers."""
    values: Sequence[object] | None = data.get("values")
    menu = item.item if isinstance(item, ui.DynamicItem) else item
    if values is None or not isinstance(menu, MENUS):
        return True
    if not values and not menu.required:
        return True
    if len(values) != len({*map(str, values)}) or not menu.min_values <= len(values) <= menu.max_values:
        return False
    if isinstance(menu, ui.Select):
        known = {option.value for option in menu.options}
    else:
        resolved: Mapping[str, Mapping[str, Any]] = data.get("resolved") or {}
        known = {id_ for bucket in ("users", "roles", "channels") for id_ in resolved.get(bucket) or {}}
    return known.issuperset(map(str, values))


def filled(form: ui.Modal, data: Mapping[str, Any]) -> bool:
    """Return whether a form was filled in within what its fields offer and hold."""
    fields = {getattr(item, "custom_id", None): item for item in form.walk_children()}
    for row in data.get("components") or ():
        given: Mapping[str, Any] = row.get("component") or {}
        field = fields.get(given.get("custom_id"))
        if isinstance(field, ui.TextInput) and len(str(given.get("value"))) > (field.max_length or LONGEST):
            return False
        if not offered(field, {"values": given.get("values"), "resolved": data.get("resolved")}):
            return False
    return True


def _fits(
    parameter: Parameter, option: Option, resolved: Mapping[str, Mapping[str, Any]], *, typing: bool
) -> bool:
    value = option.get("value")
    if option.get("focused"):
        return isinstance(value, str)  # whatever the option is: it is what has been typed so far
    if option.get("type") != parameter.type.value:
        return False
    if typing:
        return isinstance(value, str) or _of_kind(parameter.type, value, resolved)
    return _of_kind(parameter.type, value, resolved) and _within(parameter, value)


def _of_kind(kind: Kind, value: object, resolved: Mapping[str, Mapping[str, Any]]) -> bool:
    if kind in RESOLVED:
        known = (resolved.get(bucket) or {} for bucket in RESOLVED[kind])
        return isinstance(value, str) and value.isdecimal() and any(value in bucket for bucket in known)
    if kind is Kind.number:
        return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]
    if type(value) is int and abs(value) > LARGEST:
        return False
    return type(value) is {Kind.string: str, Kind.integer: int, Kind.boolean: bool}[kind]


def _within(parameter: Parameter, value: Any) -> bool:  # noqa: ANN401 - of the parameter's kind
    if parameter.choices and not parameter.autocomplete:
        return value in {each.value for each in parameter.choices}
    if parameter.type in {Kind.integer, Kind.number}:
        size = value
    elif parameter.type is Kind.string:
        size = len(value)
    else:
        return True
    least, most = parameter.min_value, parameter.max_value
    return (least is None or size >= least) and (most is None or size <= most)
