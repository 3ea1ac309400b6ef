"""What is said when an answer is marked as the solution."""

import discord

from bot.messages import movements, text
from bot.messages.text import Reply
from points_core.rules import Fired


def not_a_thread() -> Reply:
    """Return the private answer to who marks a message outside of threads."""
    return Reply(
        content="Solutions are marked in threads and forum posts: open the thread of the question.",
        ephemeral=True,
    )


def no_answer() -> Reply:
    """Return the private answer to who marks the question itself, or what a bot wrote."""
    return Reply(content="That is no answer: mark the message of the person who solved it.", ephemeral=True)


def solved(message: discord.Message, fired: Fired | None) -> Reply:
    """Return what the thread is told: who solved it, and the points that a rule gave for it."""
    who = text.who(str(message.author.id), message.author.display_name)
    sentence = f"✅ {who} solved this: {message.jump_url}"
    for outcome in fired.outcomes if fired is not None else ():
        if outcome.receipt is not None:
            sentence += f"\n{movements.change(outcome.receipt.amount)} (#{outcome.receipt.number})"
        elif outcome.request is not None:
            sentence += f"\n{movements.change(outcome.request.amount)} once approved"
    return Reply(content=sentence, allowed_mentions=movements.pinging(str(message.author.id)))


def solved_before(fired: Fired) -> Reply:
    """Return the private answer to who marks a solution in a thread that has one."""
    given = [f"#{one.receipt.number}" for one in fired.outcomes if one.receipt is not None]
    said = f" ({', '.join(given)})" if given else ""
    return Reply(
        content=f"This thread has its solution, and points were given for it once{said}. If it was the wrong "
        "answer, a moderator takes them back with `/undo` and gives them to the right person with `/award`.",
        ephemeral=True,
    )
