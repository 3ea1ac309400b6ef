"""What a badge is given for: typed goals, stored as JSON, and each as one plain sentence.

FirstAward       the first award
Points           points earned, in a category or in all
RecognisedBy     awards from so many different people
GivesTo          awards to so many different people
Streak           days or weeks in a row
LevelReached     a level
Team             what all reach together, for each who took part

Every goal counts only what still stands: points that were taken back, and who gave them, count no more.
Spending and expiry take nothing from what was earned.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from points_core.errors import InvalidSetting
from points_core.policy import Policy
from points_core.programme import MAX_LEVELS, Amount, CategoryId
from points_core.values import FIRST_YEAR, LAST_YEAR

MAX_STEPS = 10  # of one badge: more than anybody would read
MAX_PEOPLE = 10_000
MAX_LENGTH = 3_650  # days of a streak

People = Annotated[int, Field(ge=1, le=MAX_PEOPLE, strict=True)]
Length = Annotated[int, Field(ge=2, le=MAX_LENGTH, strict=True)]
Day = Annotated[date, Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31))]


class _Goal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        steps: tuple[int, ...] = getattr(self, "steps", (1,))
        if list(steps) != sorted(set(steps)):
            raise InvalidSetting("steps", ", ".join(map(str, steps)), "numbers that rise from step to step")
        return self


class FirstAward(_Goal):
    """A member's first award."""

    kind: Literal["first-award"] = "first-award"

    @property
    def steps(self) -> tuple[int, ...]:
        """Return the one step there is."""
        return (1,)


class Points(_Goal):
    """So many points earned, in one category or (None) in all together."""

    kind: Literal["points"] = "points"
    category_id: CategoryId | None = None
    steps: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=MAX_STEPS)]


class RecognisedBy(_Goal):
    """Awards from so many different people."""

    kind: Literal["recognised-by"] = "recognised-by"
    steps: Annotated[tuple[People, ...], Field(min_length=1, max_length=MAX_STEPS)]


class GivesTo(_Goal):
    """Awards to so many different people."""

    kind: Literal["gives-to"] = "gives-to"
    steps: Annotated[tuple[People, ...], Field(min_length=1, max_length=MAX_STEPS)]


class Streak(_Goal):
    """So many days, or weeks, in a row with something that counts; the longest one ever stands for good."""

    kind: Literal["streak"] = "streak"
    unit: Literal["day", "week"] = "day"
    steps: Annotated[tuple[Length, ...], Field(min_length=1, max_length=MAX_STEPS)]


class LevelReached(_Goal):
    """A level, by its number: 1 for the lowest."""

    kind: Literal["level"] = "level"
    steps: Annotated[
        tuple[Annotated[int, Field(ge=1, le=MAX_LEVELS, strict=True)], ...],
        Field(min_length=1, max_length=MAX_STEPS),
    ]


class Team(_Goal):
    """So many `points` that all earn together; given to each who earned at least `each` of them.

    In one category or in all; of all time, or of the local days from `first` to `last`.
    """

    kind: Literal["team"] = "team"
    points: Amount
    each: Amount = 1
    category_id: CategoryId | None = None
    first: Day | None = None
    last: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.each > self.points:
            raise InvalidSetting("each", self.each, f"at most what all reach together, {self.points:,}")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise InvalidSetting("last", self.last.isoformat(), "a day not before the first")
        return self

    @property
    def steps(self) -> tuple[int, ...]:
        """Return the one step there is: what all reach together."""
        return (self.points,)


Goal = Annotated[
    FirstAward | Points | RecognisedBy | GivesTo | Streak | LevelReached | Team, Field(discriminator="kind")
]

KINDS: Final = ("first-award", "points", "recognised-by", "gives-to", "streak", "level", "team")

_GOAL: TypeAdapter[FirstAward | Points | RecognisedBy | GivesTo | Streak | LevelReached | Team] = TypeAdapter(
    Goal
)


def goal_of(document: Any) -> Goal:  # noqa: ANN401 - whatever JSON holds
    """Return the goal that a document (JSON values) describes. Raises InvalidSetting."""
    try:
        return _GOAL.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "union_tag_invalid":
            kinds = first["ctx"]["expected_tags"].replace("'", "")
            raise InvalidSetting("kind", str(first["ctx"]["tag"])[:60], f"one of {kinds}") from error
        place = ".".join(str(part) for part in first["loc"][1:]) or "goal"
        raise InvalidSetting(place, str(first.get("input"))[:60], first["msg"]) from error


def made(kind: str, steps: Sequence[int] = (), **details: Any) -> Goal:  # noqa: ANN401 - each detail has its own type
    """Return the goal of `kind` with these `steps` (a team's: what all reach) and the details that are not None.

    Raises InvalidSetting, also for a detail that a goal of that kind has not.
    """
    document = {name: value for name, value in details.items() if value is not None}
    if kind == "team" and len(steps) == 1:
        document["points"] = steps[0]
    elif steps:
        document["steps"] = tuple(steps)
    return goal_of({"kind": kind, **document})


def amended(
    goal: Goal,
    kind: str | None = None,
    steps: Sequence[int] = (),
    *,
    without: str | None = None,
    **details: Any,  # noqa: ANN401 - each detail has its own type
) -> Goal:
    """Return `goal` with another `kind`, `steps` or details (those that are not None), and `without` one of them.

    Of another kind it keeps nothing but the steps. Raises InvalidSetting.
    """
    kept = document_of(goal) if kind in {None, goal.kind} else {}
    kept_steps = () if isinstance(goal, FirstAward) else goal.steps
    there = {name: value for name, value in kept.items() if name not in {"kind", "steps", "points", without}}
    given = {name: value for name, value in details.items() if value is not None}
    wanted = kind or goal.kind
    return made(wanted, () if wanted == "first-award" else steps or kept_steps, **{**there, **given})


def document_of(goal: Goal) -> dict[str, Any]:
    """Return a goal as JSON values, as it is stored."""
    document: dict[str, Any] = goal.model_dump(mode="json")
    return document


def sentence(goal: Goal, policy: Policy, step: int | None = None) -> str:
    """Return what a goal asks for in words, of its `step` (1 for the first) or of all of them."""
    return _said(goal, policy, goal.steps if step is None else goal.steps[step - 1 : step])


def _said(goal: Goal, policy: Policy, steps: tuple[int, ...]) -> str:
    counts = ", ".join(f"{n:,}" for n in steps[:-1]) + (" and " if len(steps) > 1 else "") + f"{steps[-1]:,}"
    one = steps == (1,)
    match goal:
        case FirstAward():
            return "get a first award"
        case Points():
            return f"earn {counts} {'point' if one else 'points'}{_where(goal.category_id, policy)}"
        case RecognisedBy():
            return f"get awards from {counts} different {'person' if one else 'people'}"
        case GivesTo():
            return f"award {counts} different {'person' if one else 'people'}"
        case Streak():
            return f"do something that counts on {counts} {goal.unit}s in a row"
        case LevelReached():
            names = [getattr(policy.programme.level(n), "name", None) or f"level {n}" for n in steps]
            return f"reach {' and '.join(names)}"
        case Team():
            mine = f", with at least {goal.each:,} of your own"
            return f"earn {counts} points together{_where(goal.category_id, policy)}{_when(goal)}{mine}"


def _where(category_id: int | None, policy: Policy) -> str:
    return f" in {policy.category_name(category_id) or 'a category'}" if category_id else ""


def _when(goal: Team) -> str:
    since = f" from {goal.first.isoformat()}" if goal.first else ""
    until = f" until {goal.last.isoformat()}" if goal.last else ""
    return since + until
