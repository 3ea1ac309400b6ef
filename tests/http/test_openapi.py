"""The description is the whole truth: schemathesis asks everything it describes, and finds nothing else."""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

import pytest

from points_core.database import Points
from tests.conftest import Databases
from tests.core.conftest import settings_for
from tests.http.conftest import ADA, served

ROOT = Path(__file__).parents[2]
EXAMPLES = 12  # a request's variations in each phase: the whole run stays within half a minute


@pytest.mark.slow
async def test_schemathesis_finds_nothing(databases: Databases, tmp_path: Path) -> None:
    seconds = count(step=60)  # each look at the clock is a minute later: no request is one too many
    url = databases.new("sqlite")
    async with (
        Points.opened(settings_for(url, POINTS_APPROVAL_THRESHOLD=500, POINTS_MAX_AWARD=10**12)) as points,
        served(points, ticks=lambda: float(next(seconds))) as api,
    ):
        program = await api.program()
        for amount in (10, 20, 900):
            assert (await program.award(ADA, amount)).is_success

        code, said = await schemathesis(api.url, program.token, tmp_path)

    assert code == 0, said


async def schemathesis(url: str, token: str, folder: Path) -> tuple[int | None, str]:
    """Run schemathesis against a server; return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        f"--config-file={ROOT / 'tests/http/schemathesis.toml'}",
        "run",
        f"{url}/openapi.json",
        f"--header=Authorization: Bearer {token}",
        f"--max-examples={EXAMPLES}",
        "--checks=all",
        "--seed=1",
        "--no-color",
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
