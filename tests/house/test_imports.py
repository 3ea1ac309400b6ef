"""The house's floors hold, and each contract is seen to fail when it is broken."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = [
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports_command as lint; lint()",
    "--no-cache",
]


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Check the import contracts of the tree at `tree`, all of them or those that `options` choose."""
    return subprocess.run(
        [*LINT, *options], cwd=tree, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the house that may be damaged."""
    for package in ("bot", "points_core"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def write(line: str, into: Path) -> None:
    """Add a line to the end of a module."""
    with into.open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")


def go_upstairs(tree: Path) -> None:
    """Let the ground lean on the books."""
    write("import points_core.ledger", tree / "points_core/values.py")


def cross_the_floor(tree: Path) -> None:
    """Let one of the books read another on its floor."""
    write("import points_core.outbox", tree / "points_core/audit.py")


def hide_the_stairs(tree: Path) -> None:
    """Go up inside a function, where it is easily overlooked."""
    write("def later() -> None:\n    import points_core.awards", tree / "points_core/policy.py")


def build_a_room_without_a_floor(tree: Path) -> None:
    """Add a module that no floor names."""
    (tree / "points_core/attic.py").touch()


def speak_to_the_bot(tree: Path) -> None:
    """Let the core import the bot."""
    write("import bot", tree / "points_core/policy.py")


def speak_discord(tree: Path) -> None:
    """Let the core import discord.py."""
    write("import discord", tree / "points_core/values.py")


def visit_another_cog(tree: Path) -> None:
    """Let one cog import another."""
    one, other = sorted(path for path in (tree / "bot/cogs").iterdir() if path.stem != "__init__")[:2]
    write(f"import bot.cogs.{other.stem}", one if one.is_file() else one / "__init__.py")


def test_the_house_stands() -> None:
    checked = lint(ROOT)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "contract,damage,said",
    [
        ("floors", go_upstairs, "points_core.values -> points_core.ledger"),
        ("floors", cross_the_floor, "points_core.audit -> points_core.outbox"),
        ("floors", hide_the_stairs, "points_core.policy -> points_core.awards"),
        ("floors", build_a_room_without_a_floor, "points_core.attic"),
        ("no-way-back", speak_to_the_bot, "points_core.policy -> bot"),
        ("no-way-back", speak_discord, "points_core.values -> discord"),
        ("cogs", visit_another_cog, "bot.cogs."),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value).replace(" -> ", "-to-"),
)
def test_each_contract_fails_when_it_is_broken(
    tree: Path, contract: str, damage: Callable[[Path], None], said: str
) -> None:
    damage(tree)

    checked = lint(tree, "--contract", contract)

    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "0 kept, 1 broken" in checked.stdout
    assert said in checked.stdout
