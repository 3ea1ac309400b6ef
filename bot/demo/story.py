"""What happened in Open Garden before you came, told by people who use the real commands.

Twelve days ago, five days ago, this morning: levels and a badge, awards in several categories, a deduction,
an award taken back, a leaderboard, and one request that still waits for a second moderator.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.demo.world import World

if TYPE_CHECKING:
    from simcord.results import InteractionResult

PAUSE = timedelta(seconds=10)  # the bot looks around every 15: each look costs commits, and the story waits
FIRST_DAY = timedelta(days=12)  # how long ago the story begins


@dataclass(eq=False)
class StoryBroke(Exception):
    """The bot did not answer `command` of `who` as the story expects; `why` if it failed inside."""

    who: str
    command: str
    why: BaseException | None = None

    def __str__(self) -> str:
        return f"{self.who} got no answer to {self.command}" + (f": {self.why!r}" if self.why else "")


async def tell(world: World, now: datetime) -> None:
    """Tell the whole story, ending at `now`. Raises StoryBroke."""
    for ago, chapter in CHAPTERS:
        if world.env.now() < now - ago:
            await world.skip_to(now - ago)
        await chapter(world)
    await world.skip_to(now)


async def _planting(world: World) -> None:
    await _agree(world, "olivia", "programme levels preset")
    await _agree(world, "olivia", "badge preset", badge="appreciated")
    await _say(world, "zoe", "The seedlings are in! Thanks to everyone who came.")
    await _award(world, "ada", "zoe", 40, "Hosted the spring planting evening", "events")
    await _award(world, "ada", "liming", 25, "Answered every question about compost", "helping")
    await _award(world, "grace", "mateo", 15, "Carried forty bags of soil", "events")
    await _award(world, "grace", "amara", 30, "Wrote the watering guide", "content")


async def _market(world: World) -> None:
    await _award(world, "grace", "yusuf", 30, "Built the new raised bed", "events")
    await _award(world, "ada", "amara", 20, "Drew the signs for the market", "content")
    await _say(world, "mateo", "Buy cheap fertiliser at my cousin's shop!!")
    await _slash(
        world, "grace", "deduct",
        member=world.people["mateo"], amount=5, reason="Advertising after a warning", category="moderation",
    )  # fmt: skip
    await _award(world, "ada", "zoe", 10, "Walked three newcomers around", "helping")


async def _today(world: World) -> None:
    await _say(world, "liming", "早上好! The tomatoes are up.")
    given = await _award(world, "ada", "yusuf", 50, "Repaired the greenhouse door", "helping")
    await _undo(world, "ada", given, "It was Mateo who repaired it")
    await _award(world, "ada", "mateo", 50, "Repaired the greenhouse door", "helping")
    await _slash(
        world, "olivia", "schedule add",
        channel=world.channels["points"], window="all", every="day", at="09:00",
    )  # fmt: skip
    await _slash(world, "olivia", "schedule post-now", number=1)
    await _slash(world, "zoe", "achievements", private=False)
    await _award(world, "ada", "liming", 150, "Organised the whole harvest festival", "events")


CHAPTERS: tuple[tuple[timedelta, Callable[[World], Awaitable[None]]], ...] = (
    (FIRST_DAY, _planting),
    (timedelta(days=5), _market),
    (timedelta(minutes=40), _today),
)


async def come_back(world: World) -> None:
    """Fill the page of somebody who returns to an earlier story: where things stand now."""
    await _slash(world, "olivia", "leaderboard")


async def _say(world: World, who: str, text: str) -> None:
    await world.people[who].send(world.channels["points"], text)
    await world.wait(PAUSE)


async def _award(
    world: World, who: str, to: str, amount: int, reason: str, category: str
) -> "InteractionResult":
    return await _slash(
        world, who, "award", member=world.people[to], amount=amount, reason=reason, category=category
    )


async def _slash(world: World, who: str, command: str, **options: object) -> "InteractionResult":
    result = await world.people[who].slash(world.channels["points"], command, **options)
    await _answered(world, who, f"/{command}", result)
    return result


async def _agree(world: World, who: str, command: str, **options: object) -> None:
    """Ask for a change that is shown first, and agree to it."""
    asked = await _slash(world, who, command, **options)
    assert asked.response is not None
    await _answered(world, who, "Do it", await world.people[who].click(asked.response, label="Do it"))


async def _undo(world: World, who: str, given: "InteractionResult", reason: str) -> None:
    assert given.response is not None
    asked = await world.people[who].click(given.response, label="Undo")
    result = await world.people[who].submit_modal(asked, {"reason": reason})
    await _answered(world, who, "Undo", result)


async def _answered(world: World, who: str, what: str, result: "InteractionResult") -> None:
    failed = [*world.env.errors, *world.refused]
    if result.response is None or failed:
        raise StoryBroke(who, what, next(iter(failed), None))
    await world.wait(PAUSE)
