"""A rank card: what stands on it, the same as one line, and as a description for who cannot see it."""

from bot.messages import text
from bot.messages.movements import MAX_SHOWN_NAME, inline
from bot.messages.text import Reply
from bot.rank_facts import Card
from points_core.achievements import Achievements
from points_core.history import Balance, Streaks

NO_LEVEL = "No level yet"
MAX_LEVEL, MAX_GOAL = 50, 150  # characters
MAX_DESCRIPTION = 1_000  # characters: Discord takes 1,024


def card(balance: Balance, achieved: Achievements, streaks: Streaks, name: str) -> Card:
    """Return what stands on the card of the member called `name`."""
    level = achieved.level
    goal = "" if level is None else "The highest level"
    have = need = None
    if level is not None and level.next_at is not None:
        have, need = level.earned - level.since, level.next_at - level.since
        goal = f"{level.earned:,} of {level.next_at:,} points to {level.next_name}"
    return Card(
        name=text.plain(name, MAX_SHOWN_NAME),
        level=text.plain(level.name or NO_LEVEL, MAX_LEVEL) if level is not None else "",
        points=balance.current,
        rank=balance.rank,
        members=balance.members,
        streak=streaks.daily.current,
        badges=len(achieved.held),
        have=have,
        need=need,
        goal=text.plain(goal, MAX_GOAL) if goal else "",
    )


def words(shown: Card) -> Reply:
    """Return the card as a line of text."""
    name, level, *rest, goal = _said(shown)
    parts = [f"**{inline(name, MAX_SHOWN_NAME)}**", inline(level, MAX_LEVEL) if level else "", *rest]
    parts.append(inline(goal, MAX_GOAL) if goal else "")
    return Reply(content=" · ".join(part for part in parts if part))


def described(shown: Card) -> str:
    """Return the picture's description, for screen readers."""
    return f"Rank card: {' · '.join(part for part in _said(shown) if part)}"[:MAX_DESCRIPTION]


def _said(shown: Card) -> tuple[str, ...]:
    """Return name, level, facts and goal; empty ones are not to be said."""
    return (
        shown.name,
        shown.level,
        f"#{shown.rank:,} of {shown.members:,}" if shown.rank is not None else "not on the board yet",
        text.points(shown.points),
        f"{shown.streak:,} {'day' if shown.streak == 1 else 'days'} in a row" if shown.streak else "",
        f"{shown.badges:,} {'badge' if shown.badges == 1 else 'badges'}" if shown.badges else "",
        shown.goal,
    )
