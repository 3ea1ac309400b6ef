"""The table of figures."""

import os
import platform
import sqlite3
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from tests.bench.suite import Figure

MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
    }


def table(found: Sequence[tuple[str, Figure]], about: dict[str, Any]) -> Table:
    """Return the figures as a table, part by part."""
    told = " · ".join(
        f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in about.items()
    )
    made = Table(title="Ratios: our time over the baseline's, smaller is better", caption=told)
    for heading in ("work", "size", "ours", "baseline", "its", "ratio", "goal", "met"):
        made.add_column(heading, justify="left" if heading in {"work", "baseline"} else "right")
    last = None
    for part, figure in found:
        if part != last:
            made.add_section()
            made.add_row(f"[bold]{part}[/]")
        last = part
        made.add_row(*cells(figure))
    return made


def cells(figure: Figure) -> tuple[str, ...]:
    """Return a figure as a line of the table."""
    goal = f"≤ {figure.most:g} ×" if figure.most is not None else ""
    if figure.most_value is not None:
        goal = f"{goal} ≤ {figure.most_value:g} {figure.unit}".strip()
    return (
        f"{figure.work} [dim]{figure.note}[/]" if figure.note else figure.work,
        f"{figure.size:,}",
        amount(figure.ours, figure.unit),
        figure.baseline,
        amount(figure.theirs, figure.unit),
        f"{figure.ratio:.3g} ×",
        goal,
        MARKS[figure.met],
    )


def amount(value: float, unit: str) -> str:
    """Return a measured value with its unit, three digits of it."""
    if unit == "ms" and value >= 10_000:
        return f"{value / 1_000:.1f} s"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
