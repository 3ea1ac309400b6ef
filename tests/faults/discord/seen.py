"""What people of the garden see, and what the books say of it."""

from collections.abc import Iterable
from datetime import datetime

import discord
import simcord
from sqlalchemy import Connection, func, select

from points_core import approvals, awards, outbox, schedules
from points_core.models import ApprovalVote, OutboxEntry, PointTransaction
from points_core.values import Actor, ActorKind, Kind, Origin, Request
from tests.stories.world import World

LARGE = 150  # more than the 100 points that move at once


def texts(channel: simcord.ChannelHandle) -> list[str]:
    """Each public message of a channel as one text: content, embeds, footers."""
    env = channel._env
    return [
        message.content + "\n" + "\n".join(str(embed) for embed in message.embeds)
        for message in env.backend.messages[channel.id].values()
        if not message.is_ephemeral
    ]


def count(channel: simcord.ChannelHandle, *words: str) -> int:
    """How many public messages of a channel hold all of `words`."""
    return sum(all(word in text for word in words) for text in texts(channel))


def announced(world: World, number: int) -> int:
    """How many public messages in #general announce transaction `number`."""
    return count(world.general, f"'title': '#{number}'")


async def moved(world: World) -> int:
    """How many transactions are in the books."""
    return await world.points.read(_moved)


def _moved(tx: Connection) -> int:
    return int(tx.execute(select(func.count(PointTransaction.seq))).scalar_one())


async def votes(world: World) -> int:
    return await world.points.read(
        lambda tx: int(tx.execute(select(func.count()).select_from(ApprovalVote)).scalar_one())
    )


async def request(world: World, number: int = 1) -> Request:
    return await world.points.read(approvals.get, world.community, number)


async def waiting(world: World) -> int:
    """How many effects are not over."""
    return await world.points.read(outbox.waiting, world.community)


async def outcomes(world: World, topic: outbox.Topic) -> list[str | None]:
    """How the effects of a topic ended; None for one that waits."""

    def read(tx: Connection) -> Iterable[tuple[datetime | None, str | None]]:
        columns = (OutboxEntry.done_at, OutboxEntry.outcome)
        rows = tx.execute(select(*columns).where(OutboxEntry.topic == topic).order_by(OutboxEntry.id))
        return [(done, outcome) for done, outcome in rows]

    return [outcome if done is not None else None for done, outcome in await world.points.read(read)]


async def scheduled(world: World, *, live: bool = False) -> None:
    """Have the board of all time posted in #leaderboard a minute after midnight (UTC) every day."""
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"schedule:{live}")
    await world.points.write(
        schedules.add,
        origin,
        channel=str(world.leaderboard.id),
        window="all",
        every="day",
        at="00:01",
        categories=(),
        top=10,
        live=live,
        report=None,
    )


def last(channel: simcord.ChannelHandle) -> discord.Message:
    """The latest message with an embed."""
    return [message for message in channel.history() if message.embeds][-1]


async def award(world: World, origin: Origin, member: simcord.MemberActor, amount: int) -> None:
    """Award points behind the bot's back."""
    await world.points.write(
        approvals.request,
        origin,
        kind=Kind.AWARD,
        user_id=str(member.id),
        name=member.name,
        amount=amount,
        reason="From elsewhere",
        category=None,
        evidence=None,
        again=False,
    )


async def ask(world: World, now: datetime, member: simcord.MemberActor, amount: int) -> None:
    """Ask for points as a moderator does elsewhere; so many wait for others."""
    origin = Origin(
        world.community, Actor.member(str(world.ada.id)), now, f"ask:{amount}", str(world.general.id)
    )
    await award(world, origin, member, amount)
    world.bot.courier.wake()


async def reverse(world: World, now: datetime, number: int) -> None:
    """Take a transaction back behind the bot's back."""
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), now, f"reverse:{number}")
    await world.points.write(awards.reverse, origin, number, reason="From elsewhere")


def roles_of(world: World, member: simcord.MemberActor) -> set[str]:
    """The names of a member's roles in Discord."""
    guild = world.env.backend.get_guild(world.guild.id)
    return {guild.roles[each].name for each in guild.members[member.id].role_ids} - {"@everyone"}
