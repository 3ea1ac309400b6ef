"""The audit of the dependencies: what it asks, and that it never takes "could not ask" for "in order"."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / "requirements" / "audit"
SOUND: dict[str, Any] = {"name": "here", "version": "1.0", "vulns": []}
ADVISED = {
    "name": "there",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2.1"]}, {"id": "PYSEC-2026-2", "fix_versions": []}],
}
SKIPPED = {"name": "nowhere", "skip_reason": "it was not found"}


def audited(folder: Path, said: str | None) -> tuple[int, str, list[str]]:
    """Run the audit where `pip-audit` says that, and return how it ended, its words, and what was asked."""
    if said is not None:
        program = folder / "pip-audit"
        (folder / "said").write_text(said, encoding="utf-8")
        program.write_text(
            f'#!/bin/sh\necho "$@" > {folder}/asked\ncat {folder}/said\nexit 1\n', encoding="utf-8"
        )
        program.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, AUDIT],
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    asked = folder / "asked"
    return ran.returncode, ran.stdout, asked.read_text(encoding="utf-8").split() if asked.exists() else []


@pytest.mark.parametrize(
    "found,code,words",
    [
        ([SOUND], 0, "1 dependencies, no advisory.\n"),
        (
            [SOUND, ADVISED],
            1,
            "there 2.0: PYSEC-2026-1, mended in 2.1\nthere 2.0: PYSEC-2026-2, mended in no version",
        ),
        ([SOUND, SKIPPED], 3, "Not audited: 1 of 2 (nowhere…): it was not found"),
        ([ADVISED, SKIPPED], 1, "there 2.0"),
        ([], 3, "Not audited"),
    ],
)
def test_advisories_are_told_and_what_could_not_be_asked_is_not_in_order(
    tmp_path: Path, found: list[dict[str, Any]], code: int, words: str
) -> None:
    ended, said, asked = audited(tmp_path, json.dumps({"dependencies": found}))

    assert ended == code
    assert said.startswith(words)
    sets = {Path(word).name for word in asked if word.endswith(".txt")}
    assert sets == {file.name for file in AUDIT.parent.glob("*.txt")}
    assert "--require-hashes" in asked


@pytest.mark.parametrize("said", ["", "no JSON", "{}", None])
def test_without_a_network_or_the_program_it_says_so_and_ends_with_3(
    tmp_path: Path, said: str | None
) -> None:
    code, words, _ = audited(tmp_path, said)

    assert code == 3
    assert words.startswith("Not audited")
