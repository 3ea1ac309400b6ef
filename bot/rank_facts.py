"""What stands on a rank card."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on a card; amounts in points. `have` of `need` count towards the next level, None at the top."""

    name: str
    level: str
    points: int
    rank: int | None
    members: int
    streak: int
    badges: int
    have: int | None
    need: int | None
    goal: str
