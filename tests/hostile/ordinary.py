"""What an honest person would fill in: for every option of every command, and for everything that is pressed.

A new option of a known kind is filled by its kind; what needs a target of its own stands in TARGETS. Every
DynamicItem of the bot has an example in PRESSED: a test wants each to be there.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

import discord
from discord import app_commands, ui

from bot import batches, giving, pages, programme, proposals, rights, undo, voting, worn
from bot.cogs import settings, setup
from bot.rule_editor import card, undoing
from tests.stories.world import World

Kind = discord.AppCommandOptionType

_numbers = count(1)

BY_NAME: Final[dict[str, Any]] = {
    "amount": 5,
    "reason": "helped with the hedge",
    "number": 1,
    "evidence": "https://example.org/1",
    "category": "helping",
    "categories": "helping",
    "season": "Spring",
    "name": "Spring",
    "zone": "Europe/Paris",
    "at": "18:30",
    "since": "2026-01-01",
    "until": "2026-01-02",
    "from": "2026-01-01",
    "to": "2026-01-02",
    "as-of": "2026-01-01",
    "days": 30,
    "percent": 5,
    "levels": 3,
    "first": 10,
    "growth": 50,
    "points": 10,
    "steps": "1, 10",
    "description": "for all of it",
    "message": "https://discord.com/channels/1/2/3",
    "transaction": 1,
    "freezes": 2,
    "badge": 1,
    "minimum": 1,
    "maximum": 1_000,
    "threshold": 100,
    "quorum": 1,
    "expires-after": 72,
}
"""What goes into an option by its name, where that says more than its kind."""


def _fresh(prefix: str) -> str:
    return f"{prefix} {next(_numbers)}"


FOR_COMMAND: Final[dict[tuple[str, str], Callable[[World], Any]]] = {
    ("badge new", "name"): lambda world: _fresh("Badge"),
    ("programme levels set", "name"): lambda world: _fresh("Level"),
    ("points-settings categories add", "name"): lambda world: _fresh("category"),
    ("points-settings categories rename", "to"): lambda world: "helping",
    ("season start", "name"): lambda world: _fresh("Season"),
    ("season start", "to"): lambda world: "2028-01-02",
    ("season start", "from"): lambda world: "2028-01-01",
    ("points-tokens create", "name"): lambda world: _fresh("shop"),
    ("points-tokens create", "read"): lambda world: True,
    ("programme levels remove", "name"): lambda world: "Member",
    ("import", "file"): lambda world: (
        "points.csv",
        f"user_id,points\n{world.zoe.id},{next(_numbers)}\n".encode(),
    ),
    ("import", "category"): lambda world: "helping",
}


def option(world: World, command: str, parameter: app_commands.Parameter) -> Any:
    """Return an honest value for one option. KeyError: a new kind of option needs a line here."""
    name = parameter.display_name
    if (command, name) in FOR_COMMAND:
        return FOR_COMMAND[command, name](world)
    if parameter.choices:
        return parameter.choices[0].value
    by_kind: dict[Kind, Callable[[], Any]] = {
        Kind.user: lambda: world.mia,
        Kind.role: lambda: world.moderator,
        Kind.channel: lambda: world.general,
        Kind.boolean: lambda: True,
    }
    if parameter.type in by_kind:
        return by_kind[parameter.type]()
    return BY_NAME[name] if name in BY_NAME else {Kind.integer: 1, Kind.string: "text"}[parameter.type]


NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "points-tokens create": ("read",),
    "season start": ("from",),
    "why": ("member",),
}
"""Options that are not required, and without which the command says no."""


def options(world: World, command: "app_commands.Command[Any, ..., Any]") -> dict[str, Any]:
    """Return what an honest person fills in at least."""
    name = command.qualified_name
    return {
        each.display_name: option(world, name, each)
        for each in command.parameters
        if each.required or each.display_name in NEEDED.get(name, ())
    }


PRESSED: Final[dict[type[ui.DynamicItem[Any]], tuple[tuple[str, int, dict[str, Any]], ...]]] = {
    undo.UndoButton: (("points:undo:1", 2, {}),),
    batches.UndoBatchButton: (("points:undo-batch:1", 2, {}), ("points:undo-batch:1:rest", 2, {})),
    giving.AgainButton: (("points:again:t1", 2, {}), ("points:again:r1", 2, {})),
    pages.TurnButton: (("points:history:{caller:x}:::::::", 2, {}),),
    voting.CardButton: tuple((f"points:{act}:1", 2, {}) for act in ("approve", "reject", "cancel")),
    proposals.ProposalButton: tuple(
        (f"points:proposal:{answer}:{'0' * 16}", 2, {}) for answer in ("yes", "no")
    ),
    programme.ProgrammeButton: (
        ("points:programme:expiry:30:0:7:1", 2, {}),
        ("points:programme:decay:5:30:month:0:1", 2, {}),
        ("points:programme:freezes:2:1", 2, {}),
    ),
    rights.RoleMenu: (("points:rights:award", 6, {"values": []}),),
    settings.OlderButton: (("points:audit:2", 2, {}),),
    setup.ChannelMenu: (("points:channel:log_channel", 8, {"values": []}),),
    setup.CheckButton: (("points:check", 2, {}),),
    card.RuleMenu: tuple(
        (f"points:rule:1:{what}", 3, {"values": [value]})
        for what, value in (("change", "name"), ("if", "streak"), ("drop", "all"))
    ),
    card.RuleButton: tuple(
        (f"points:rule:1:{act}", 2, {})
        for act in ("to:paused", "sure:live", "back", "any", "all", "try")
    ),
    undoing.UndoRuleButton: (("points:undo-rule:1:0:0:0", 2, {}), ("points:undo-rule:1:0:0:0:rest", 2, {})),
}  # fmt: skip
"""For everything that outlives restarts: honest custom ids (`{caller}` is who presses),
Discord's number for the component, what is chosen."""


def dynamic_items() -> Iterator[type[ui.DynamicItem[Any]]]:
    """Yield the bot's own items that outlive restarts; a Worn one stands under no message."""
    return (
        each
        for each in ui.DynamicItem.__subclasses__()
        if each.__module__.startswith("bot.") and each is not worn.Worn
    )


def forms(kind: type[Any]) -> Iterator[type[Any]]:
    """Yield the bot's own forms."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("bot."):
            yield each
            yield from forms(each)
