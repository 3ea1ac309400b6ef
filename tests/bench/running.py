"""Find the parts of the benchmarks, and run one."""

import importlib
import shutil
from pathlib import Path

from tests.bench.suite import PARTS, Bench, Figure


def names() -> list[str]:
    """Return the names of all parts, in the order of their modules' names."""
    for module in sorted(Path(__file__).parent.glob("*.py")):
        if module.stem != "__main__" and not module.stem.startswith("test_"):
            importlib.import_module(f"tests.bench.{module.stem}")
    return list(PARTS)


async def run(bench: Bench, name: str) -> list[Figure]:
    """Run the part called `name`, and leave no file of it behind."""
    names()
    found = [figure async for figure in PARTS[name](bench)]
    for left in bench.folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return found
