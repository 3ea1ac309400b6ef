"""What a person reads in a message of the bot's."""

import discord
import simcord

Message = simcord.ResponseMessage | discord.Message


def texts(message: Message) -> str:
    """Return everything a message says, part by part."""
    parts = [message.content or ""]
    for embed in message.embeds:
        parts += [embed.title or "", embed.description or "", embed.footer.text or ""]
        parts += [f"{field.name}: {field.value}" for field in embed.fields]
    return "\n".join(parts)


def labels(message: simcord.ResponseMessage) -> list[str]:
    """Return what is written on a message's buttons."""
    return [button["label"] for row in message.components for button in row["components"]]


def pinged(message: simcord.ResponseMessage) -> list[int]:
    """Return the ids of the people whom a message really pinged."""
    return [user.id for user in message.message.mentions]
