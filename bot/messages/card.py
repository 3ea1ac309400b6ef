"""A rank card: what stands on it, the same as one line, and as a description for who cannot see it."""

from bot.messages import text
from bot.messages.movements import MAX_SHOWN_NAME, inline
from bot.messages.text import Reply
from bot.rank_facts import Card
from points_core.achievements import Achievements
from points_core.history import Balance, Streaks

NO_LEVEL = "No level yet"


def card(balance: Balance, achieved: Achievements, streaks: Streaks, name: str) -> Card:
    """Return what stands on the card of the member called `name`."""
    level = achieved.level
    goal = "" if level is None else "The highest level"
    have = need = None
    if level is not None and level.next_at is not None:
        have, need = level.earned - level.since, level.next_at - level.since
        goal = f"{level.earned:,} of {level.next_at:,} points to {level.next_name}"
    return Card(
        name=name,
        level=(level.name or NO_LEVEL) if level is not None else "",
        points=balance.current,
        rank=balance.rank,
        members=balance.members,
        streak=streaks.daily.current,
        badges=len(achieved.held),
        have=have,
        need=need,
        goal=goal,
    )


def words(shown: Card) -> Reply:
    """Return the card as a line of text."""
    parts = [f"**{inline(shown.name, MAX_SHOWN_NAME)}**"]
    parts += [inline(shown.level, 50)] if shown.level else []
    parts.append(
        f"#{shown.rank:,} of {shown.members:,}" if shown.rank is not None else "not on the board yet"
    )
    parts.append(text.points(shown.points))
    parts += [f"{shown.streak:,} {'day' if shown.streak == 1 else 'days'} in a row"] if shown.streak else []
    parts += [f"{shown.badges:,} {'badge' if shown.badges == 1 else 'badges'}"] if shown.badges else []
    parts += [inline(shown.goal, 150)] if shown.goal else []
    return Reply(content=" · ".join(parts))


def described(shown: Card) -> str:
    """Return the picture's description, for screen readers."""
    said = words(shown)["content"].replace("**", "").replace("\\", "")
    return f"Rank card: {said}"[:1_000]
