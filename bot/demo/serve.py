"""The page, the clock, and what to try: `python -m bot demo`."""

import asyncio
import signal
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import typer

from bot.client import PointsBot
from bot.demo import embeds, story
from bot.demo.world import World, running
from points_core import history, policy
from points_core.database import Points
from points_core.errors import DatabaseUnavailable
from points_core.settings import Settings
from points_core.values import Actor, Origin

if TYPE_CHECKING:
    from simcord import Env
    from simcord.preview import Preview

TICK = 2.0  # seconds of real time between two steps of the simulated clock
VIEWERS = ("ada", "grace", "zoe", "liming", "olivia")

TRY = """
  {url}

What to try (choose who you are with "Viewing as" at the top):
  1. As Ada, type /award in the message field, pick a member, an amount and a reason, and send.
  2. As Grace, press Approve on the request that waits for a second moderator, or click its ✅.
     Ada cannot: she asked for it.
  3. As Ada, press Undo under any award and say why.
  4. As Zoë, try /balance, /history and /leaderboard. /award is not offered to members.
  5. As Olivia, the admin, try /points-settings show, /points-setup and /schedule list.

{keeping}
Press Ctrl-C to stop.
"""


async def run_demo(*, database: Path | None, port: int, check: bool, browse: bool = False) -> int:
    """Show the bot at work, without Discord; return the process's exit code.

    database: the SQLite file that keeps the points, made if absent; None for a temporary one.
    port: where the page is served on this machine; 0 for any free one.
    check: tell the story, say what came of it, and end.
    browse: open the page in the browser.
    """
    try:
        import simcord
    except ImportError:
        return _failed('The demo needs the extra "demo": python -m pip install "points-bot[demo]"')
    with _file(database) as file:
        try:
            async with _open_garden(file) as (world, points):
                if check:
                    return await _checked(world, points)
                await _serve(world, port, browse=browse, keeping=_keeping(database))
        except (simcord.SetupError, story.StoryBroke) as error:
            return _failed(f"The demo stopped: {error}.")
        except DatabaseUnavailable as fault:
            return _failed(f"The demo cannot use {file}: {fault.why}.")
    return 0


@contextmanager
def _file(database: Path | None) -> Iterator[Path]:
    with ExitStack() as stack:
        if database is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="points-demo-"))
            database = Path(folder) / "points.db"
        yield database


@asynccontextmanager
async def _open_garden(file: Path) -> AsyncIterator[tuple[World, Points]]:
    """Open the books and the server, with the story told once per file."""
    settings = _settings(file)
    now = datetime.now(UTC)
    async with Points.opened(settings) as points:
        begun = now - story.FIRST_DAY
        async with running(lambda: PointsBot(points, settings), begun) as world:
            community = str(world.guild.id)
            if (await points.read(history.page, community, limit=1)).receipts:
                await world.skip_to(now)
                await story.come_back(world)
            else:
                await points.write(policy.change, _olivia(world, begun), **_places(world))
                await story.tell(world, now)
            yield world, points


def _settings(file: Path) -> Settings:
    """Return settings that fit the story, whatever the environment says."""
    return Settings(
        _env_file=None,
        POINTS_DATABASE_URL=f"sqlite:///{file}",
        POINTS_MIN_AWARD=1,
        POINTS_MAX_AWARD=1_000,
        POINTS_CATEGORIES=("events", "helping", "content", "moderation"),
        POINTS_TIMEZONE="UTC",
        POINTS_APPROVAL_THRESHOLD=100,
        POINTS_QUORUM=1,
    )


def _olivia(world: World, at: datetime) -> Origin:
    olivia = world.people["olivia"]
    return Origin(str(world.guild.id), Actor.member(str(olivia.id), "Olivia"), at, "demo:places")


def _places(world: World) -> dict[str, str]:
    """The page shows one channel; what the demo is about happens there."""
    return {
        "announcements_channel": str(world.channels["points"].id),
        "approvals_channel": str(world.channels["points"].id),
        "log_channel": str(world.channels["mod-log"].id),
    }


async def _checked(world: World, points: Points) -> int:
    page = await points.read(history.page, str(world.guild.id), limit=100)
    shown = len(world.channels["points"].history(viewer=world.people["zoe"]))
    typer.echo(f"The story is told: {len(page.receipts)} transactions, {shown} messages in #points.")
    return 0


async def _serve(world: World, port: int, *, browse: bool, keeping: str) -> None:
    embeds.show_names()
    preview = world.env.preview(
        world.channels["points"],
        viewers=[world.people[name] for name in VIEWERS],
        layout="channel",
        timezone=_local_zone(),
        assets=world.pictures(),
        port=port,
    )
    async with preview:
        typer.echo(TRY.format(url=preview.url, keeping=keeping))
        if browse:
            await asyncio.to_thread(webbrowser.open, preview.url)
        turn = _turns(preview)
        await _first_of(_stop_signal().wait(), preview.wait_closed(), _keep_time(world.env, preview, turn))
    typer.echo("Stopped.")


async def _first_of(*ends: Awaitable[object]) -> None:
    """Wait until one of `ends` has come, and give up the others. Raises what that one raises."""
    tasks = [asyncio.ensure_future(end) for end in ends]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


def _turns(preview: "Preview") -> asyncio.Lock:
    """Return a lock that the page's clicks wait for.

    simcord refuses what overlaps with a step of its clock, and its page takes the refusal for a lost click.
    """
    turn = asyncio.Lock()
    act = preview._action

    async def act_in_turn(context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        async with turn:
            return await act(context_id, body)

    preview._action = act_in_turn  # type: ignore[method-assign]
    return turn


async def _keep_time(env: "Env", preview: "Preview", turn: asyncio.Lock) -> None:
    """Let the simulated clock follow the real one, and show what the bot does by itself meanwhile."""
    while True:
        await asyncio.sleep(TICK)
        async with turn:
            seen = len(env.http_requests)
            with suppress(TimeoutError):  # after a computer's sleep there is much to catch up with: go on
                await env.advance_time(max(0.0, (datetime.now(UTC) - env.now()).total_seconds()))
            preview.capture_time = env.now()  # from here the page counts its "2 minutes ago"
            if len(env.http_requests) != seen:
                await preview.refresh()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    return stop


def _local_zone() -> str:
    """Return this machine's time zone, for the times on the page; UTC where it cannot be told."""
    _, found, name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")
    return name if found and name in available_timezones() else "UTC"


def _keeping(database: Path | None) -> str:
    if database is None:
        return "The points are kept until you stop; with --database FILE they stay."
    return f"The points are kept in {database}."


def _failed(sentence: str) -> int:
    typer.echo(sentence, err=True)
    return 1
