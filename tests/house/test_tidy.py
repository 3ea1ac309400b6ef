"""What is in the repository: pinned, small, and without a trace of where it was made."""

import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SETS = ("runtime", "demo", "dev")  # each holds the one before it
LONGEST_FILE = 400
# In two halves, or this file would name them itself
REGISTRIES = [
    ".".join(halves)
    for halves in [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("debian", "org")]
]
MACHINE_PATH = re.compile(
    r"""(?:^|[\s"'`=(:])/(?:work|root|home|Users|opt/pypi|opt/wheels)/\w""", re.MULTILINE
)


def project_files() -> list[Path]:
    """Return what git would commit, or without git everything that is not hidden."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        found = (ROOT / name for name in listed.stdout.split("\0") if name)
    else:
        found = (path for path in ROOT.rglob("*") if not path.relative_to(ROOT).parts[0].startswith("."))
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def texts() -> dict[str, str]:
    """Return the text files of the project by their path."""
    contents = {}
    for path in project_files():
        raw = path.read_bytes()
        if b"\0" not in raw:
            contents[path.relative_to(ROOT).as_posix()] = raw.decode()
    return contents


def pins(name: str) -> list[tuple[Requirement, list[str]]]:
    """Return the requirements of a set, each with its hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found = []
    for entry in re.sub(r"\\\n", " ", text).splitlines():
        if entry.strip() and not entry.startswith("#"):
            requirement, *hashes = entry.split(" --hash=")
            found.append((Requirement(requirement), [line.strip() for line in hashes]))
    return found


def versions(name: str) -> set[tuple[str, str]]:
    """Return the names and version clauses of a set."""
    return {(canonicalize_name(pin.name), str(pin.specifier)) for pin, _ in pins(name)}


def asked_for(name: str) -> list[Requirement]:
    """Return what pyproject.toml asks of a set."""
    pyproject: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    asked = {"build": groups["build"], "runtime": project["dependencies"]}
    asked["demo"] = asked["runtime"] + project["optional-dependencies"]["demo"]
    asked["dev"] = asked["demo"] + groups["dev"]
    return [Requirement(line) for line in asked[name]]


def test_no_file_names_a_package_registry() -> None:
    named = [(path, host) for path, text in texts().items() for host in REGISTRIES if host in text]

    assert named == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    named = {path: found.group() for path, text in texts().items() if (found := MACHINE_PATH.search(text))}

    assert named == {}


@pytest.mark.parametrize("top", ["home", "root", "work", "Users"])
def test_a_machine_path_would_be_found(top: str) -> None:
    assert MACHINE_PATH.search(f'open("/{top}/ada/points.db")')
    assert MACHINE_PATH.search(f"see /{top}/ada")


def test_uv_lock_is_not_in_the_project() -> None:
    assert "uv.lock" not in texts()
    assert "uv.lock" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", [*SETS, "build"])
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    for pin, hashes in pins(name):
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), pin


@pytest.mark.parametrize("name", [*SETS, "build"])
def test_the_pins_are_what_pyproject_asks_for(name: str) -> None:
    pinned = {canonicalize_name(pin.name): pin for pin, _ in pins(name)}

    for asked in asked_for(name):
        pin = pinned[canonicalize_name(asked.name)]
        version = next(iter(pin.specifier)).version
        assert asked.specifier.contains(version), f"{asked} is not satisfied by {version}"


@pytest.mark.parametrize("smaller,larger", list(pairwise(SETS)))
def test_each_set_holds_the_smaller_one_at_the_same_versions(smaller: str, larger: str) -> None:
    assert versions(smaller) <= versions(larger)


def test_no_file_of_the_house_is_longer_than_can_be_read() -> None:
    lengths = {
        path: text.count("\n")
        for path, text in texts().items()
        if re.match(r"(bot|points_core)/(?!migrations/versions/).*\.py$", path)
    }

    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}
