"""Refusals are answers: simcord counts whatever a command raises among the bot's failures.

Its page then warns of a broken bot and keeps the form that was sent. This keeps answered refusals apart.
"""

from typing import TYPE_CHECKING

from discord import app_commands

from points_core.errors import Refused

if TYPE_CHECKING:
    from simcord import Env


ANSWERED = (Refused, app_commands.CheckFailure, app_commands.TransformerError)


def keep_apart(env: "Env") -> list[BaseException]:
    """Have `env`, not started yet, count no refusals as failures; returns the list that they go to."""
    refused: list[BaseException] = []
    record = env._record_error

    def sort(error: BaseException) -> None:
        if _is_refusal(error):
            refused.append(error)
        else:
            record(error)

    env._record_error = sort  # type: ignore[method-assign]
    return refused


def _is_refusal(error: BaseException) -> bool:
    """Return whether the bot said no, and not that something broke; discord.py wraps what commands raise."""
    inner = (error, getattr(error, "original", None), error.__cause__)
    return any(isinstance(cause, ANSWERED) for cause in inner)
