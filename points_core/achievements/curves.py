"""How many points each level takes: curves to choose from, and levels made of them."""

from enum import StrEnum
from typing import Final

from points_core.errors import InvalidSetting
from points_core.programme import MAX_LEVELS, Level
from points_core.values import MAX_AMOUNT

MIN_GROWTH, MAX_GROWTH = 101, 1_000  # percent from level to level


class Curve(StrEnum):
    """How thresholds rise from level to level."""

    LINEAR = "linear"  # 100, 200, 300, 400: each level takes as much as the one before
    QUADRATIC = "quadratic"  # 100, 400, 900, 1,600: each takes more, evenly
    EXPONENTIAL = "exponential"  # 100, 200, 400, 800: each takes a multiple of all before


DISTINGUISHED_MEMBERS: Final = (
    Level(name="Member", earned=10),
    Level(name="Contributor", earned=100),
    Level(name="Distinguished", earned=500),
    Level(name="Fellow", earned=2_000),
)
"""A ready-made programme: here at all, a hand that helps, known for it, and few in a thousand."""


def thresholds(curve: Curve, levels: int, first: int, growth: int = 200) -> tuple[int, ...]:
    """Return the points that each of `levels` levels takes, the first one `first`.

    growth: of an exponential curve, percent from one level to the next; 200 doubles. Raises InvalidSetting.
    """
    if not 1 <= levels <= MAX_LEVELS:
        raise InvalidSetting("levels", levels, f"from 1 to {MAX_LEVELS} levels")
    if not 1 <= first <= MAX_AMOUNT:
        raise InvalidSetting("first", first, f"from 1 to {MAX_AMOUNT:,} points")
    if curve is Curve.EXPONENTIAL and not MIN_GROWTH <= growth <= MAX_GROWTH:
        raise InvalidSetting("growth", growth, f"from {MIN_GROWTH} to {MAX_GROWTH:,} percent")
    found: list[int] = []
    for number in range(1, levels + 1):
        points = _points(curve, number, first, growth)
        found.append(max(points, found[-1] + 1) if found else points)  # rounding may not stop the rise
    if found[-1] > MAX_AMOUNT:
        raise InvalidSetting("levels", f"{found[-1]:,} points for the last", f"at most {MAX_AMOUNT:,}")
    return tuple(found)


def _points(curve: Curve, number: int, first: int, growth: int) -> int:
    match curve:
        case Curve.LINEAR:
            return first * number
        case Curve.QUADRATIC:
            return first * number * number
        case Curve.EXPONENTIAL:
            return int(first * growth ** (number - 1) // 100 ** (number - 1))


def named(points: tuple[int, ...], names: tuple[str, ...] = ()) -> tuple[Level, ...]:
    """Return levels of these thresholds, called by `names` as far as they go, then "Level 5" and so on."""
    return tuple(
        Level(name=names[at] if at < len(names) else f"Level {at + 1}", earned=earned)
        for at, earned in enumerate(points)
    )
