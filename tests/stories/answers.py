"""What somebody in a story sees after asking the bot."""

from simcord.results import InteractionResult, ResponseMessage


def answer(result: InteractionResult) -> ResponseMessage:
    """Return the bot's answer; a story that expected one fails here without it."""
    assert result.response is not None, "the bot did not answer"
    return result.response


def private(result: InteractionResult) -> str:
    """Return the words of an answer that only the person who asked can see."""
    assert result.ephemeral
    return str(answer(result).content)
