"""Who may do what: docs/permissions.md is the truth, and every command, button, form and address is held to it.

Discord's own checks are bypassed: each interaction goes to the bot as a raw payload. Whoever may not gets the
bot's own no, and the books stay as they are. A command that has no row fails; so does a row without a command.
With POINTS_TEST_WRITE_PERMISSIONS=1 the tables are written anew, to be read before they are kept.
"""

import os
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import discord
import pytest
import simcord
from discord import ui
from fastapi.routing import APIRoute

from points_core import approvals, clients
from points_core.clients import Scope
from points_core.database import Points
from points_core.errors import NotAllowed
from points_core.http.app import ROUTERS
from points_core.policy import Capability
from points_core.values import Actor, ActorKind, Origin
from tests.conftest import Databases
from tests.core.conftest import row_counts, settings_for
from tests.hostile.opened import FORMS, target
from tests.hostile.ordinary import PRESSED, dynamic_items, forms, options
from tests.hostile.simulated import ON_MY_SIDE, Raw, Said, leaves, menus, refusals
from tests.http.conftest import TOWN, served
from tests.stories.world import World

PAGE: Final = Path(__file__).parents[2] / "docs" / "permissions.md"
WRITES: Final = os.environ.get("POINTS_TEST_WRITE_PERMISSIONS") == "1"
YES, NO = "yes", "–"

Table = dict[str, dict[str, str]]


def tables() -> dict[str, Table]:
    """Return the tables of the page by their headings: row, column, what stands there."""
    found: dict[str, Table] = {}
    heading = ""
    columns: list[str] = []
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading, columns = line[3:], []
        elif line.startswith("|") and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = cells[1:]
            else:
                found.setdefault(heading, {})[cells[0]] = dict(zip(columns, cells[1:], strict=True))
    return found


def held_to(heading: str, seen: Table) -> None:
    """Compare what was seen with the page, both ways; or write it there."""
    if WRITES:
        _write(heading, seen)
    expected = tables()[heading]
    assert set(seen) == set(expected), "a row is missing, or too many"
    wrong = [
        f"{row}: {column} is {cell}, the page says {expected[row].get(column)}"
        for row, cells in seen.items()
        for column, cell in cells.items()
        if expected[row].get(column) != cell
    ]
    assert wrong == []


def _write(heading: str, seen: Table) -> None:
    columns = list(next(iter(seen.values())))
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    lines += [f"| {row} | {' | '.join(cells.values())} |" for row, cells in seen.items()]
    before, _, rest = PAGE.read_text("utf-8").partition(f"## {heading}\n")
    about, separator, after = rest.partition("\n## ")
    words = [line for line in about.splitlines() if not line.startswith("|")]
    text = "\n".join([*words, "", *lines]).strip()
    PAGE.write_text(f"{before}## {heading}\n\n{text}\n{separator}{after}", "utf-8")


# ── Discord ──

RIGHTS: Final = tuple(Capability)


@pytest.fixture
async def people(world: World) -> dict[str, simcord.MemberActor]:
    """One person for each column: by Discord's permissions, then by the roles that the policy lists."""

    def person(name: str, **permissions: bool) -> simcord.MemberActor:
        role = world.guild.create_role(name, permissions=discord.Permissions(**permissions))
        return world.guild.add_member(world.env.create_user(name.replace(" ", "-").lower()), roles=[role])

    made = {
        "everyone": person("Nobody"),
        "Timeout Members": person("Timer", moderate_members=True),
        "Manage Server": person("Manager", manage_guild=True),
        "Administrator": person("Boss", administrator=True),
    }
    made |= {f"role for {right}": person(f"role for {right}") for right in RIGHTS}
    await world.env.settle()
    return made


async def as_listed(world: World, listed: bool) -> None:
    """Have the policy list a role for each right, or none."""
    roles = {right: (str(world.guild.roles[f"role for {right}"].id),) if listed else () for right in RIGHTS}
    await world.configure(roles=roles, quorum=25, approval_threshold=100, approvals_channel=world.approvals)


async def seen_by_each(raw: Raw, people: dict[str, simcord.MemberActor], rows: dict[str, "Ask"]) -> Table:
    """Ask everything as everybody; whoever may not must leave the books as they are."""
    seen: Table = {row: {} for row in rows}
    for listed in (False, True):
        await as_listed(raw.world, listed)
        for column, actor in people.items():
            if column.startswith("role for") is not listed:
                continue
            for row, ask in rows.items():
                raw.changes()
                may = await ask(raw, actor)
                changed = raw.changes()
                assert may or changed == [], f"{row} wrote {changed} for {column}"
                seen[row][column] = YES if may else NO
    return {row: {column: cells[column] for column in people} for row, cells in seen.items()}


Ask = Callable[[Raw, simcord.MemberActor], Awaitable[bool]]
"""Asks for something as somebody; returns whether they may."""


def _may(said: Said) -> bool:
    assert said.answered
    assert refusals(said.errors) == []
    assert ON_MY_SIDE not in said.words
    denied = any(isinstance(error, NotAllowed) for error in said.errors)
    return not (denied or said.words.startswith("You cannot "))


def _command(name: str) -> Ask:
    async def ask(raw: Raw, actor: simcord.MemberActor) -> bool:
        return _may(await raw.slash(actor, name, options(raw.world, leaves(raw.world)[name])))

    return ask


def _menu(name: str, kind: discord.AppCommandType) -> Ask:
    async def ask(raw: Raw, actor: simcord.MemberActor) -> bool:
        target = raw.world.mia if kind is discord.AppCommandType.user else raw.message()
        return _may(await raw.menu(actor, name, target))

    return ask


def _pressed(custom_id: str, kind: int, data: dict[str, Any]) -> Ask:
    async def ask(raw: Raw, actor: simcord.MemberActor) -> bool:
        return _may(await raw.press(actor, custom_id.format(caller=actor.id), kind=kind, **data))

    return ask


def _submitted(form: type[Any], opener: simcord.MemberActor) -> Ask:
    """Have an administrator open a form, and somebody else hand it in."""

    async def ask(raw: Raw, actor: simcord.MemberActor) -> bool:
        opened = await FORMS[form].opens(raw, opener)
        raw.changes()
        return _may(await raw.submit(actor, opened, FORMS[form].values))

    return ask


def _react(emoji: str) -> Ask:
    async def ask(raw: Raw, actor: simcord.MemberActor) -> bool:
        world = raw.world
        number = await target(raw, 500)
        world.bot.courier.wake()
        await world.bot.courier.idle()
        await world.env.settle(timeout=60)
        request = await world.points.read(approvals.get, world.community, number)
        assert request.card is not None
        raw.changes()
        channel, message = map(int, request.card)
        world.env.backend.set_reaction(channel, message, emoji, actor.id, True)
        await world.env.settle(timeout=60)
        now = await world.points.read(approvals.get, world.community, number)
        return bool(now.votes)

    return ask


def _own(raw: Raw) -> dict[str, Ask]:
    """Return what people may do to what is their own, where they may not to others'."""

    async def undo(raw: Raw, actor: simcord.MemberActor) -> bool:
        number = await target(raw, by=actor)
        said = await raw.slash(actor, "undo", {"number": number, "reason": "a mistake"})
        return _may(said)

    async def cancel(raw: Raw, actor: simcord.MemberActor) -> bool:
        return _may(await raw.press(actor, f"points:cancel:{await target(raw, 500, by=actor)}"))

    async def why(raw: Raw, actor: simcord.MemberActor) -> bool:
        return _may(await raw.slash(actor, "why", {}))

    return {
        "`/undo`, one's own": undo,
        "button `points:cancel:…`, one's own": cancel,
        "`/why`, about oneself": why,
    }


def command_rows(world: World) -> dict[str, Ask]:
    """Return a row for each slash command and each context menu."""
    rows = {f"`/{name}`": _command(name) for name in leaves(world)}
    return rows | {f"menu `{menu.name}`": _menu(menu.name, menu.type) for menu in menus(world)}


def pressed_rows(opener: simcord.MemberActor) -> dict[str, Ask]:
    """Return a row for each button, menu, form and reaction."""
    kinds = {2: "button", 3: "menu", 6: "menu", 8: "menu"}
    rows: dict[str, Ask] = {}
    for examples in PRESSED.values():
        for custom_id, kind, data in examples:
            rows[f"{kinds[kind]} `{_without_numbers(custom_id)}`"] = _pressed(custom_id, kind, data)
    rows |= {f"form “{form.name}”": _submitted(kind, opener) for kind, form in FORMS.items()}
    return rows | {f"reaction {emoji} under a request": _react(emoji) for emoji in ("✅", "❌")}


def _without_numbers(custom_id: str) -> str:
    return re.sub(r":(?:[0-9:]|\{caller:x\})+", ":…:", custom_id).rstrip(":")


async def test_every_command_is_for_whom_the_page_says(
    world: World, raw: Raw, people: dict[str, simcord.MemberActor]
) -> None:
    held_to("Commands", await seen_by_each(raw, people, command_rows(world) | _own(raw)))


async def test_everything_that_is_pressed_is_for_whom_the_page_says(
    raw: Raw, people: dict[str, simcord.MemberActor]
) -> None:
    held_to("Buttons, menus, forms", await seen_by_each(raw, people, pressed_rows(people["Administrator"])))


def test_everything_that_can_be_pressed_or_filled_in_is_asked_about() -> None:
    # by name: discord.py loads cogs a second time
    assert {each.__name__ for each in dynamic_items()} == {each.__name__ for each in PRESSED}
    assert {each.__name__ for each in forms(ui.Modal)} - {"Modal"} == {each.__name__ for each in FORMS}


TOLD: Final = {
    "amount": "the limits: every refusal names them",
    "category": "the categories: everybody filters by them in /history",
    "categories": "the same",
    "season end name": "the seasons: everybody sees them in /seasons",
    "undo number": "the latest transactions: everybody sees them in /history",
}
"""What suggestions tell to everybody, and why they may; a field's name, or the command's before it."""


async def test_suggestions_tell_nothing_to_whom_the_command_is_not_for(
    world: World, raw: Raw, people: dict[str, simcord.MemberActor]
) -> None:
    told: list[str] = []
    await as_listed(world, False)
    allowed = tables()["Commands"]
    for name, command in leaves(world).items():
        for parameter in command.parameters:
            if not parameter.autocomplete or allowed[f"`/{name}`"]["everyone"] == YES:
                continue
            said = await raw.slash(
                people["everyone"], name, {parameter.display_name: ""}, focused=parameter.display_name
            )
            field = parameter.display_name
            assert said.result.autocomplete_choices is not None, f"/{name} {field} was not answered"
            if said.result.autocomplete_choices and not {field, f"{name} {field}"} & TOLD.keys():
                told.append(f"/{name} {parameter.display_name}: {said.result.autocomplete_choices}")

    assert told == []


async def test_a_page_is_turned_by_who_asked_for_it_only(world: World, raw: Raw) -> None:
    said = await raw.press(world.noah, f"points:history:{world.mia.id:x}:::::::")

    assert "belongs to who asked for it" in said.words


# ── HTTP ──

COLUMNS: Final = ("no token", "wrong, revoked, expired", *(scope.value for scope in Scope))


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    url = databases.new("sqlite")
    yield url
    databases.drop(url)


async def test_every_address_is_for_whom_the_page_says(database_url: str) -> None:
    seen: Table = {}
    async with (
        Points.opened(settings_for(database_url)) as points,
        served(points, ticks=iter(range(0, 10**9, 60)).__next__) as api,
    ):
        wrong = [f"pts_{'A' * 43}"]
        revoked = await api.program()
        await points.write(clients.revoke, _operator(), revoked.client.number)
        expired = await api.program(expires_at=datetime.now(UTC) + timedelta(seconds=0.3))
        holders = {scope.value: (await api.program(scope)).token for scope in Scope}
        for method, path in _addresses(api.http):
            row = f"`{method} {path}`"
            url = path.format(number=1, table="balances", slug="not-found")

            async def status(token: str | None) -> int:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                headers["Content-Type"] = "application/json"
                answer = await api.http.request(method, url, headers=headers, content=b"{")  # noqa: B023
                assert answer.status_code < 500
                return answer.status_code

            nobodys = {await status(token) for token in (*wrong, revoked.token, expired.token)}
            seen[row] = {"no token": _cell(await status(None)), "wrong, revoked, expired": _cell(*nobodys)}
            for name, token in holders.items():
                before = await row_counts(points)
                seen[row][name] = _cell(await status(token))
                assert seen[row][name] == YES or await row_counts(points) == before
    held_to("HTTP API", seen)


def _operator() -> Origin:
    return Origin(TOWN, Actor(ActorKind.OPERATOR), datetime.now(UTC), "revoke")


def _cell(*statuses: int) -> str:
    return NO if set(statuses) & {401, 403} else YES


def _addresses(http: Any) -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
