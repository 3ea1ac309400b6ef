"""The simulated Discord without Discord's own checks: interactions as raw payloads, and what the bot made of them.

furnished            a server that has one of everything
Raw                  sends what no honest client would, and says what came of it
unsafe               what in a message could ping, pretend, hide, or break out of the place it stands in
"""

import io
import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import discord
import simcord
from discord import app_commands
from simcord import interactions
from simcord.backend import serializers
from simcord.results import InteractionResult

from points_core import (
    approvals,
    bulk,
    clients,
    imports,
    policy,
    rules,
    schedules,
    seasons,
)
from points_core.achievements import badges
from points_core.achievements.goals import FirstAward
from points_core.clients import Scope
from points_core.errors import PointsError
from points_core.imports import Options
from points_core.rules import On
from points_core.values import Actor, ActorKind, Kind, Mode, Origin
from points_core.windows import parse_day
from tests.stories.world import World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
"""Discord's numbers for the types of interactions."""

ON_MY_SIDE: Final = "Something went wrong on my side"
DISCORDS_OWN: Final = (
    app_commands.TransformerError,
    app_commands.CommandSignatureMismatch,
    app_commands.CheckFailure,
)
"""How discord.py says that a payload is not what the command declares: answered in words as well."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the bot made of one interaction."""

    result: InteractionResult
    errors: tuple[BaseException, ...]
    sent: tuple[simcord.HttpLogEntry, ...]

    @property
    def refused(self) -> bool:
        """Whether it was refused by an error that discord.py knows of."""
        return bool(self.errors)

    @property
    def words(self) -> str:
        """The answer's text."""
        parts = [self.result.response, *self.result.followups]
        return "\n".join(
            "\n".join([str(part.content or ""), *(json.dumps(embed.to_dict()) for embed in part.embeds)])
            for part in parts
            if part is not None
        )

    @property
    def answered(self) -> bool:
        """Whether the person sees anything at all: words, a form, suggestions."""
        return self.result.acknowledged and (
            bool(self.words)
            or self.result.modal is not None
            or self.result.autocomplete_choices is not None
            or any("/callback" in entry.path or "/messages/@original" in entry.path for entry in self.sent)
        )


@dataclass
class Raw:
    """Sends interactions as they are given, whatever Discord would have said to them."""

    world: World
    file: str
    _books: sqlite3.Connection = field(init=False)
    _seen: int = field(init=False, default=-1)
    _state: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._books = sqlite3.connect(self.file)

    # ── asking ──

    async def send(
        self,
        actor: simcord.MemberActor,
        kind: int,
        data: Mapping[str, Any],
        *,
        channel: simcord.ChannelHandle | None = None,
        message: Mapping[str, Any] | None = None,
    ) -> Said:
        """Deliver an interaction of this type; `message` is the one whose component was used."""
        env = self.world.env
        where = channel or self.world.general
        cursor, before = env.error_cursor, len(env.http_requests)
        record, payload = interactions.base_payload(
            env.backend,
            type=kind,
            channel_id=where.id,
            guild_id=self.world.guild.id,
            user_id=actor.id,
            data=dict(data),
        )
        if message is not None:
            payload["message"] = dict(message)
            record.source_message_id = int(message["id"])
        env.backend.emit("INTERACTION_CREATE", payload)
        await env.settle(timeout=60)  # a report's first picture takes seconds on a shared machine
        errors = tuple(getattr(error, "original", error) for error in env.errors_since(cursor))
        return Said(InteractionResult(env, record), errors, tuple(env.http_requests[before:]))

    async def slash(
        self, actor: simcord.MemberActor, command: str, options: Mapping[str, Any], *, focused: str = ""
    ) -> Said:
        """Use a slash command; handles become resolved objects, everything else goes as it is.

        With `focused` the person is typing into that option.
        """
        leaf = leaves(self.world)[command]
        resolved: dict[str, Any] = {}
        given = [self._option(actor, leaf, name, value, resolved) for name, value in options.items()]
        for option in given:
            if option["name"] == focused:
                option["focused"] = True
        told = {} if focused else resolved  # Discord says what an id stands for once the command is sent
        data = named(command, given, told, self.world)
        return await self.send(actor, AUTOCOMPLETE if focused else COMMAND, data)

    def _option(
        self,
        actor: simcord.MemberActor,
        leaf: "app_commands.Command[Any, ..., Any]",
        name: str,
        value: object,
        resolved: dict[str, Any],
    ) -> dict[str, Any]:
        kind = next(each.type.value for each in leaf.parameters if each.display_name == name)
        option: dict[str, Any] = {"name": name, "type": kind, "value": value}
        if isinstance(value, tuple):
            filename, content = value
            stored = interactions.store_interaction_attachment(
                self.world.env.backend, self.world.general.id, filename, content, resolved
            )
            return option | {"value": stored}
        if hasattr(value, "id"):
            interactions.resolve_handle(actor, value, resolved, channel_id=self.world.general.id)
            return option | {"value": str(value.id)}
        return option

    async def menu(self, actor: simcord.MemberActor, name: str, target: Any) -> Said:
        """Use a context menu on a member, or on a message (as a payload)."""
        backend, guild = self.world.env.backend, self.world.guild
        if isinstance(target, simcord.MemberActor):
            resolved: dict[str, Any] = {}
            interactions.resolve_handle(actor, target, resolved, channel_id=self.world.general.id)
            data = {"type": 2, "target_id": str(target.id), "resolved": resolved}
        else:
            resolved = {"messages": {target["id"]: target}}
            data = {"type": 3, "target_id": target["id"], "resolved": resolved}
        root = backend.find_command(name, guild.id, type=2 if isinstance(target, simcord.MemberActor) else 3)
        return await self.send(actor, COMMAND, {"id": root["id"] if root else "1", "name": name, **data})

    async def press(
        self,
        actor: simcord.MemberActor,
        custom_id: str,
        *,
        kind: int = 2,
        offered: Sequence[str] = (),
        **data: Any,
    ) -> Said:
        """Press a button, or use a menu (`kind` and `values`), that stands under a message of the bot's."""
        component: dict[str, Any] = {"type": kind, "custom_id": custom_id}
        component |= {"style": 1, "label": "x"} if kind == 2 else {}
        offered = offered or data.get("values", ())
        component |= {"options": [{"label": "x", "value": each} for each in offered]} if kind == 3 else {}
        under = [{"type": 1, "components": [component]}]
        message = self.message() | {"components": under}
        return await self.send(
            actor,
            COMPONENT,
            {"custom_id": custom_id, "component_type": kind, **data},
            message=message,
        )

    def message(self) -> dict[str, Any]:
        """Return a message of the bot's, as Discord describes it."""
        backend = self.world.env.backend
        made = backend.create_message(
            self.world.general.id, backend.bot_user.id, "a message",
            embeds=[{"title": "A title", "description": "what it says"}],
        )  # fmt: skip
        return dict(serializers.message_payload(backend, made))

    async def submit(self, actor: simcord.MemberActor, opened: Said, values: Mapping[str, Any]) -> Said:
        """Submit the form that the bot showed, with these values, whatever it allows."""
        shown = opened.result.modal
        assert shown is not None, opened.words
        filled = [
            {"type": 18, "id": 1 + at, "component": _filled(each["component"], values)}
            for at, each in enumerate(shown["components"])
            if each.get("type") == 18
        ]
        backend, message = self.world.env.backend, None
        source = opened.result._interaction.source_message_id
        if source is not None:  # Discord sends along what the form was opened under
            message = serializers.message_payload(backend, backend.get_message(self.world.general.id, source))
        data = {"custom_id": shown["custom_id"], "components": filled, "resolved": {}}
        return await self.send(actor, MODAL, data, message=message)

    # ── what came of it ──

    def changes(self) -> list[str]:
        """Return the tables that hold something else than at the last look; none if nothing was written."""
        seen = self._books.execute("PRAGMA data_version").fetchone()[0]
        if seen == self._seen:
            return []
        self._seen = seen
        tables = [
            row[0] for row in self._books.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        now = {
            table: hash(tuple(self._books.execute(f'SELECT * FROM "{table}"').fetchall())) for table in tables
        }
        changed = sorted(table for table in tables if self._state.get(table) != now[table])
        self._state = now
        return changed

    def holds(self, text: str) -> bool:
        """Return whether a text stands somewhere in the books, word for word."""
        return text in "\n".join(_texts(self._books))

    def close(self) -> None:
        """Look no more."""
        self._books.close()


def _texts(books: sqlite3.Connection) -> Iterator[str]:
    for (table,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in books.execute(f'SELECT * FROM "{table}"'):
            for value in row:
                if isinstance(value, str):
                    yield value
                    if value[:1] in "{[":
                        yield from _leaves(json.loads(value))


def _leaves(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from _leaves(value)
    elif isinstance(document, list):
        for value in document:
            yield from _leaves(value)
    elif isinstance(document, str):
        yield document


def _filled(control: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    custom_id = control["custom_id"]
    filled: dict[str, Any] = {"type": control["type"], "id": control.get("id", 0), "custom_id": custom_id}
    value = values.get(custom_id, "" if control["type"] == 4 else [])
    return filled | ({"value": value} if control["type"] == 4 else {"values": value})


def leaves(world: World) -> "dict[str, app_commands.Command[Any, ..., Any]]":
    """Return every slash command that can be used, by its words."""
    return {
        command.qualified_name: command
        for command in world.bot.tree.walk_commands()
        if isinstance(command, app_commands.Command)
    }


def menus(world: World) -> list[app_commands.ContextMenu]:
    """Return every context menu."""
    kinds = (discord.AppCommandType.user, discord.AppCommandType.message)
    found = (menu for kind in kinds for menu in world.bot.tree.get_commands(type=kind))
    return [menu for menu in found if isinstance(menu, app_commands.ContextMenu)]


def named(
    command: str, options: Sequence[Mapping[str, Any]], resolved: Mapping[str, Any], world: World
) -> dict[str, Any]:
    """Return the payload's data for a command of one, two or three words."""
    root, *rest = command.split()
    inner: list[Any] = list(options)
    for depth, word in reversed(list(enumerate(rest))):
        kind = 1 if depth == len(rest) - 1 else 2
        inner = [{"name": word, "type": kind, "options": inner}]
    found = world.env.backend.find_command(root, world.guild.id, type=1)
    data = {"id": found["id"] if found else "1", "name": root, "type": 1, "options": inner}
    return data | ({"resolved": dict(resolved)} if resolved else {})


# ── a server that has one of everything ──


async def furnished(world: World) -> None:
    """Leave one of everything in the books: numbers from 1 on find something."""
    write = world.points.write
    at, origins = world.env.now(), iter(range(1_000))

    def by(member: simcord.MemberActor) -> Origin:
        return Origin(world.community, Actor.member(str(member.id), member.name), at, f"made:{next(origins)}")

    await write(policy.change, by(world.olivia), log_channel=str(world.log.id), approval_threshold=100)
    for member, amount in ((world.mia, 10), (world.noah, 20), (world.mia, 500)):
        await write(
            approvals.request,
            by(world.ada),
            kind=Kind.AWARD,
            user_id=str(member.id),
            name=member.name,
            amount=amount,
            reason="helped with the hedge",
            category="helping",
        )
    await write(
        seasons.start,
        by(world.olivia),
        name="Spring",
        first=parse_day("2026-01-01"),
        last=parse_day("2026-12-31"),
    )
    await write(
        schedules.add,
        by(world.olivia),
        channel=str(world.leaderboard.id),
        window="week",
        every="day",
        at="09:00",
    )
    await write(badges.add, by(world.olivia), name="Firsts", goal=FirstAward())
    definition = {"trigger": {"on": On.CHECK_IN.value}, "amount": 1, "reason": "was here"}
    made = await write(rules.create, by(world.olivia), name="Here", definition=definition)
    await write(rules.set_mode, by(world.olivia), made.rule.number, Mode.LIVE)
    await write(clients.create, by(world.olivia), token=clients.new_token(), name="shop", scopes=tuple(Scope))
    file = imports.opened(f"user_id,points\n{world.zoe.id},7\n".encode())
    await write(imports.run, by(world.olivia), file, Options())
    fact = rules.Fact(on=On.CHECK_IN, key="check-in:1", at=at, user_id=str(world.mia.id))
    told = Origin(world.community, Actor(ActorKind.SYSTEM), at + timedelta(seconds=1), "fact:1")
    await write(rules.fire, told, fact)
    world.bot.courier.wake()
    await world.bot.courier.idle()
    await world.env.settle()


# ── what nothing may show ──

_TURNING: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066\u2067\u2069\u206a-\u206f]")
_OURS: Final = {"\u2068", "\u2069"}  # an isolate around a name keeps it from turning the line
_PING: Final = re.compile(r"@(?:everyone|here)\b")
_MASKED: Final = re.compile(r"(?<!\\)\]\((?!https://discord\.com/)")
_CONTROL: Final = frozenset({"Cc", "Cs", "Cn"})


def unsafe(entry: simcord.HttpLogEntry) -> list[str]:
    """Return what is wrong with a request that the bot sent to Discord."""
    body = entry.json
    if not isinstance(body, dict):
        return []
    data = body.get("data") if "/callback" in entry.path else body
    wrong = []
    if isinstance(data, dict) and data.get("content"):
        parsed = (data.get("allowed_mentions") or {}).get("parse")
        if parsed != []:
            wrong.append(f"it may ping: {data.get('allowed_mentions')}")
    form = isinstance(data, dict) and "title" in data  # a form is plain text to who opened it
    for text in _leaves(data):
        wrong += [each for each in wrong_with(text) if not (form and each.startswith("it names everyone"))]
    return wrong


def wrong_with(text: str) -> Iterator[str]:
    """Yield what a text could do beyond being read."""
    plain = text.replace("\u2068", "").replace("\u2069", "")
    if _TURNING.search(plain):
        yield f"it turns or hides letters: {text[:80]!r}"
    if any(unicodedata.category(each) in _CONTROL and each != "\n" for each in text):
        yield f"it has control characters: {text[:80]!r}"
    if _PING.search(text):
        yield f"it names everyone: {text[:80]!r}"
    if _MASKED.search(text):
        yield f"it has a link behind other words: {text[:80]!r}"


def refusals(errors: Sequence[BaseException]) -> list[BaseException]:
    """Return the errors that are no refusals."""
    return [error for error in errors if not isinstance(error, (PointsError, *DISCORDS_OWN))]


__all__ = ["Raw", "Said", "bulk", "furnished", "io", "leaves", "menus", "named", "refusals", "unsafe"]
