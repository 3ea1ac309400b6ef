"""README.md says what the code does: each list in it is held against the code, both ways."""

import ast
import importlib
import pkgutil
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import discord
import pytest
import typer.main
from discord import app_commands
from typer.testing import CliRunner

import bot.__main__
from bot import cogs
from bot.client import PointsBot
from points_core import api
from points_core.cli import app
from points_core.database import Points
from points_core.errors import PointsError
from points_core.settings import Settings
from tests.conftest import Databases

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PNG = b"\x89PNG\r\n\x1a\n"

PERMISSIONS: Final = {
    "view channels": "view_channel",
    "send messages": "send_messages",
    "also in threads": "send_messages_in_threads",
    "embed links": "embed_links",
    "attach files": "attach_files",
    "read history": "read_message_history",
    "add reactions": "add_reactions",
}
"""What the README calls a permission, and discord.py's name for it."""

WHO: Final = {
    "moderators": discord.Permissions(moderate_members=True),
    "admins": discord.Permissions(manage_guild=True),
    "everyone": None,
}
"""Who has a command, and the permission that Discord asks for before it offers the command."""

PROMISED = """
from points_core.api import award_points, get_balance
await award_points(user_id="123", amount=10, reason="Event participation")
balance = await get_balance(user_id="123")
print(f"Current balance: {balance}")
"""


# ── reading the README ──


def section(heading: str) -> str:
    """Return what stands under a heading, up to the next one of any depth."""
    _, _, below = README.partition(f"\n{heading}\n")
    assert below, f"README.md has no heading {heading!r}"
    return re.split(r"^#+ ", re.sub(r"^```.*?^```", "", below, flags=re.M | re.S), maxsplit=1, flags=re.M)[0]


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]*)`", cell)


def fenced(language: str) -> list[str]:
    """Return the fenced blocks in a language, each without its indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", README, flags=re.M | re.S)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


# ── the head ──


def test_the_picture_is_there_and_is_a_picture() -> None:
    (path,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / path).read_bytes()[:8] == PNG


@pytest.mark.parametrize("end,needs", [("-m bot demo", "demo"), ("-m pytest", "dev")])
def test_one_line_makes_the_environment_installs_what_is_pinned_and_begins(end: str, needs: str) -> None:
    (line,) = [line for block in fenced("console") for line in block.splitlines() if line.endswith(end)]

    assert line.split(" && ") == [
        "python3 -m venv .venv",
        f".venv/bin/pip install -q -r requirements/{needs}.txt",
        f".venv/bin/python {end}",
    ]
    assert (ROOT / f"requirements/{needs}.txt").is_file()


def test_every_file_and_folder_it_names_is_there() -> None:
    links = {link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith(("http", "#"))}
    rooms = {row[0].strip("`") for row in table("## How the house is laid out")}
    paths = set(re.findall(r"(?<![\w/-])((?:requirements|docs|\.ci)/[\w.]+)", README))

    missing = [path for path in links | rooms | paths | {".env.example"} if not (ROOT / path).exists()]
    assert links
    assert rooms
    assert missing == []


def test_every_section_it_points_at_is_there() -> None:
    titles = re.findall(r"(?m)^#+ (.+)$", README)
    anchors = {"#" + re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}

    pointed = set(re.findall(r"\]\((#[^)]+)\)", README))
    assert pointed
    assert pointed - anchors == set()


def test_every_module_it_runs_is_there() -> None:
    modules = set(re.findall(r"python -m ([a-z_.]+)", README)) - {"pytest", "venv"}

    assert modules >= {"bot", "points_core"}
    for name in modules:
        assert importlib.util.find_spec(name), name


# ── programs ──


def test_the_python_example_is_the_one_that_was_promised() -> None:
    example, _ = fenced("python")  # the other one checks a webhook's signature
    tree = ast.parse(example)
    statements = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.stmt)}

    promised = {ast.unparse(node) for node in ast.parse(PROMISED).body}
    assert promised <= statements
    assert api.__doc__ is not None
    assert all(line in api.__doc__ for line in PROMISED.strip().splitlines())


def test_every_function_for_programs_is_named() -> None:
    assert {name for name in api.__all__ if name in README} == set(api.__all__)
    assert hasattr(Points, "opened")


# ── settings ──


def shown(value: object) -> list[str]:
    """Return a default as the table shows it."""
    if value is None or value == ():
        return []
    return [",".join(value) if isinstance(value, tuple) else str(value)]


def test_every_setting_is_in_the_table_with_its_default() -> None:
    written = {name: named(default) for (first, default, _) in table("## Settings") for name in named(first)}

    assert written == {
        str(field.validation_alias): shown(field.default) for field in Settings.model_fields.values()
    }


def test_the_example_file_sets_only_what_there_is() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    names = {line.split("=")[0] for line in lines if line and not line.startswith("#")}

    assert names - {str(field.validation_alias) for field in Settings.model_fields.values()} == {
        "POSTGRES_PASSWORD"
    }


# ── Discord ──


@pytest.fixture
async def client(databases: Databases) -> AsyncIterator[PointsBot]:
    """The bot with everything it brings, connected to nothing."""
    url = databases.new("sqlite")
    async with Points.opened(Settings(_env_file=None, POINTS_DATABASE_URL=url)) as points:
        client = PointsBot(points, points.settings)
        for module in pkgutil.iter_modules(cogs.__path__, f"{cogs.__name__}."):
            await client.load_extension(module.name)
        yield client
        await client.close()
    databases.drop(url)


Offered = app_commands.Command[Any, Any, Any] | app_commands.ContextMenu


def offered(client: PointsBot) -> dict[str, Offered]:
    """Return what people can ask for by the name they see: slash commands with a slash, menus without."""
    found: dict[str, Offered] = {}
    for command in client.tree.walk_commands():
        if isinstance(command, app_commands.Command):
            found[f"/{command.qualified_name}"] = command
    for menu in client.tree.get_commands(type=discord.AppCommandType.user):
        found[menu.name] = menu
    for menu in client.tree.get_commands(type=discord.AppCommandType.message):
        found[menu.name] = menu
    return found


def asked_permission(command: Offered) -> discord.Permissions | None:
    """Return the permission that Discord wants of whoever it offers the command to."""
    top: Any = command
    while getattr(top, "parent", None) is not None:
        top = top.parent
    permissions: discord.Permissions | None = top.default_permissions
    return permissions


async def test_every_command_is_in_the_table_with_who_has_it(client: PointsBot) -> None:
    written = {name: WHO[who] for first, who, _ in table("## Commands") for name in named(first)}

    assert written == {name: asked_permission(command) for name, command in offered(client).items()}


async def test_every_command_in_a_sentence_exists(client: PointsBot) -> None:
    real = {name.split()[0] for name in offered(client)}
    discord = re.sub(r"(?s)\n## HTTP API\n.*?(?=\n## )", "", README)  # there a slash begins an address
    spoken = {word.split()[0] for word in named(discord) if re.match(r"/[a-z]", word)}

    assert spoken - real == set()


async def test_the_intents_it_names_are_the_bots(client: PointsBot) -> None:
    (sentence,) = re.findall(r"\(The bot listens to ([^;]*) only;", README)

    assert {name for name, on in client.intents if on} == set(named(sentence))


def test_the_invitation_asks_for_the_permissions_it_names() -> None:
    ((words, number),) = re.findall(
        r"with the permissions it uses \(([^)]*)\).*?&permissions=(\d+)`", README, flags=re.S
    )

    permissions = discord.Permissions(**{PERMISSIONS[word]: True for word in words.split(", ")})
    assert (permissions.value, len(words.split(", "))) == (int(number), len(PERMISSIONS))
    assert not permissions.administrator


# ── command line ──


def commands(of: typer.Typer, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it."""

    def below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        inner: Mapping[str, Any] | None = getattr(command, "commands", None)
        if inner is None:
            yield path, command
        for each, sub in (inner or {}).items():
            yield from below(sub, f"{path} {each}")

    yield from below(typer.main.get_command(of), name)


def usage(path: str, command: Any) -> str:
    """Return a command with the arguments that it cannot do without."""
    needed = [p.name.upper() for p in command.params if p.param_type_name == "argument" and p.required]
    return " ".join([path, *needed])


def options(command: Any) -> set[str]:
    """Return the options of a command."""
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")}


COMMANDS = dict(commands(app, "points")) | dict(commands(bot.__main__.main, "points-bot"))


def test_every_command_of_the_command_line_is_in_the_table() -> None:
    written = {named(first)[0] for first, _ in table("### Command line")}

    assert written == {usage(path, command) for path, command in COMMANDS.items()}


def test_every_option_in_the_table_is_an_option_of_its_command() -> None:
    for first, words in table("### Command line"):
        path = " ".join(word for word in named(first)[0].split() if word.islower())
        said = {word.split()[0] for word in named(words) if word.startswith("--")}
        assert said - options(COMMANDS[path]) == set(), path


def test_the_options_said_of_every_command_are_options_of_those_that_move_points() -> None:
    (sentence,) = re.findall(r"It works on the database that .*?points once\.", README)
    common = {word.split()[0] for word in named(sentence) if word.startswith("--")}

    assert common == {"--community", "--json", "--key"}
    for name in ("award", "deduct", "undo"):
        assert common <= options(COMMANDS[f"points {name}"])


def typed() -> list[str]:
    """Return the `points …` lines of the console blocks, and those said in sentences."""
    lines = [line for block in fenced("console") for line in block.splitlines()]
    spoken = [words for words in named(section("## Operating")) if words.startswith("points ")]
    return [line for line in [*lines, *spoken] if line.startswith("points ")]


@pytest.mark.parametrize("line", typed())
def test_every_line_of_the_command_line_can_be_typed(
    line: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.new("sqlite")
    monkeypatch.setenv("POINTS_DATABASE_URL", url)

    ran = CliRunner().invoke(app, shlex.split(line)[1:])

    databases.drop(url)
    # On new books there is nothing to undo; 2 would be a command or an option that does not exist
    assert ran.exit_code == (1 if line.startswith("points undo") else 0), ran.output


def test_there_are_lines_to_type() -> None:
    assert len(typed()) >= 6


# ── errors ──


def leaves(kind: type[PointsError]) -> Iterator[str]:
    """Yield the names of the error classes that are raised."""
    below = kind.__subclasses__()
    if not below:
        yield kind.__name__
    for one in below:
        yield from leaves(one)


def test_every_error_is_in_the_table_once() -> None:
    written = [name for first, _ in table("### Errors") for name in named(first)]

    assert len(written) == len(set(written))
    assert set(written) == set(leaves(PointsError))
