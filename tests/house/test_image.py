"""The container: what can be checked of it without building it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from points_core.doctor import has_wal_reset_fix

ROOT = Path(__file__).parents[2]


def stages() -> list[list[tuple[str, str]]]:
    """Return the Dockerfile's stages, each a list of (instruction, arguments), the last one the image."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        instruction, arguments = line.split(maxsplit=1)
        if instruction == "FROM":
            found.append([])
        found[-1].append((instruction, arguments))
    return found


def image(instruction: str) -> list[str]:
    """Return the arguments of each such instruction in the image's own stage."""
    return [arguments for name, arguments in stages()[-1] if name == instruction]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = compose["services"]
    return found


def test_the_bot_does_not_run_as_root() -> None:
    assert image("USER") == ["10001:10001"]


def test_the_image_holds_only_pinned_packages() -> None:
    installs = [
        line for stage in stages() for name, run in stage if name == "RUN" for line in run.split("&&")
    ]
    installs = [line for line in installs if "pip install" in line or "pip wheel" in line]

    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert not any("pip" in run for run in image("RUN")), "nothing is installed in the stage that ships"


def test_the_image_brings_an_sqlite_that_a_checkpoint_cannot_corrupt_pinned_to_its_bytes() -> None:
    (source,) = [run for stage in stages() for name, run in stage if name == "ADD"]
    address = r"https://www\.sqlite\.org/\d{4}/sqlite-amalgamation-(\d)(\d\d)(\d\d)00\.zip"
    pinned = re.fullmatch(rf"--checksum=sha256:[0-9a-f]{{64}} {address} \S+", source)
    assert pinned
    version = tuple(map(int, pinned.groups()))
    assert has_wal_reset_fix(version)
    compiled = next(run for stage in stages() for name, run in stage if name == "RUN" and "gcc " in run)
    folder, made = f"sqlite-amalgamation-{''.join(pinned.groups())}00/sqlite3.c", "libsqlite3.so.0"
    assert folder in compiled
    assert f"-soname,{made}" in compiled
    assert "SQLITE_SECURE_DELETE" in compiled
    assert f"--from=sqlite /src/{made} /usr/local/lib/" in image("COPY")
    # Said by Python itself while the image is built: that its sqlite3 is this one
    said = next(run for run in image("RUN") if "sqlite_version" in run)
    assert said.startswith("ldconfig && ")
    assert f"== '{'.'.join(map(str, version))}'" in said


def test_the_data_outlives_the_container() -> None:
    assert image("VOLUME") == ["/data"]
    assert any("POINTS_DATABASE_URL=sqlite:////data/points.db" in line for line in image("ENV"))


def test_the_bot_is_asked_to_stop_and_asked_whether_it_is_well() -> None:
    assert image("STOPSIGNAL") == ["SIGTERM"]
    assert image("HEALTHCHECK")[0].endswith('CMD ["points-bot", "health"]')
    # The list form: a shell in between would keep the signal to itself
    assert image("ENTRYPOINT") == ['["points-bot"]']


def test_what_the_image_copies_is_let_through_to_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        source for name, arguments in stages()[0] if name == "COPY" for source in arguments.split()[:-1]
    ]

    assert ignored[1] == "*"
    assert {f"!{source}" for source in copied} <= set(ignored)
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_has_the_pg_dump_of_the_server_beside_it(services: dict[str, Any]) -> None:
    installed = re.search(r"apt-get install .*postgresql-client-(\d+)", " ".join(image("RUN")))
    server = re.fullmatch(r"postgres:(\d+)-trixie", services["database"]["image"])

    assert installed
    assert server
    assert int(installed[1]) >= int(server[1]), "an older pg_dump cannot dump a newer server"
    assert f":/usr/lib/postgresql/{installed[1]}/bin:" in image("ENV")[0]
    # trixie is the Debian that has version 17; the next one will have another
    assert {base.split()[0] for stage in stages() for name, base in stage if name == "FROM"} == {
        "python:3.13-slim-trixie"
    }


def test_postgresql_keeps_its_data_where_its_version_wants_it(services: dict[str, Any]) -> None:
    # From 18 on it is the folder above
    assert services["database"]["volumes"] == ["database:/var/lib/postgresql/data"]


def test_backups_go_where_the_bot_may_write(services: dict[str, Any]) -> None:
    assert services["bot"]["environment"]["POINTS_BACKUP_DIRECTORY"].endswith(":-/data/backups}")
    assert services["bot"]["volumes"] == ["data:/data"]


def test_the_bot_waits_for_a_healthy_database(services: dict[str, Any]) -> None:
    assert services["bot"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["database"]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["bot", "database"])
def test_a_container_can_write_only_its_data(services: dict[str, Any], name: str) -> None:
    assert services[name]["read_only"] is True
    assert "no-new-privileges:true" in services[name]["security_opt"]


def test_no_secret_stands_in_the_files() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    for name in ("DISCORD_TOKEN", "POSTGRES_PASSWORD"):
        assert f"${{{name}:?" in compose
        assert re.search(rf"^{name}=$", example, re.MULTILINE)
