"""Badges to begin from, each made in one step."""

from dataclasses import dataclass
from typing import Final

from points_core.achievements.goals import (
    FirstAward,
    GivesTo,
    Goal,
    LevelReached,
    Points,
    RecognisedBy,
    Streak,
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A ready-made badge."""

    name: str
    description: str
    goal: Goal
    hidden: bool = False


PRESETS: Final[dict[str, Preset]] = {
    "first-steps": Preset("First Steps", "Somebody noticed.", FirstAward()),
    "collector": Preset("Collector", "Points add up.", Points(steps=(100, 500, 2_000, 10_000))),
    "appreciated": Preset(
        "Appreciated", "Thanked by many, not by a few often.", RecognisedBy(steps=(3, 10, 25))
    ),
    "generous": Preset("Generous", "Sees what others do.", GivesTo(steps=(5, 20, 50))),
    "regular": Preset("Regular", "Back day after day.", Streak(steps=(7, 30, 100))),
    "loyal": Preset("Loyal", "Back week after week.", Streak(unit="week", steps=(4, 12, 52))),
    "risen": Preset("Risen", "Reached the first level.", LevelReached(steps=(1,))),
    "centurion": Preset("Centurion", "A hundred different people.", RecognisedBy(steps=(100,)), hidden=True),
}
"""By the name one asks for them."""
