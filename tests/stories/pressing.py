"""A button pressed without waiting for what follows: for people who press at the same moment."""

import discord
import simcord
from simcord.results import InteractionResult

from tests.stories.world import World


def press(
    world: World,
    channel: simcord.ChannelHandle,
    actor: simcord.MemberActor,
    message: discord.Message,
    custom_id: str,
) -> InteractionResult:
    """Press a button; `await world.env.settle()` waits for what follows."""
    record, event = simcord.interactions.base_payload(
        world.env.backend,
        type=3,
        channel_id=channel.id,
        guild_id=world.guild.id,
        user_id=actor.id,
        data={"custom_id": custom_id, "component_type": 2},
    )
    stored = world.env.backend.get_message(channel.id, message.id)
    event["message"] = dict(simcord.backend.serializers.message_payload(world.env.backend, stored))
    record.source_message_id = message.id
    world.env.backend.emit("INTERACTION_CREATE", event)
    return InteractionResult(world.env, record)
