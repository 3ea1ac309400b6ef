"""One run of the bot: open the books, stay connected, stop in order when told to."""

import asyncio
import logging
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import discord

from bot import logs
from bot.client import PointsBot
from bot.replies import may_pass
from bot.sharded import bot_for
from points_core import process
from points_core.database import Points
from points_core.errors import DatabaseUnavailable, SettingsInvalid
from points_core.settings import Settings
from points_core.shards import Shards

FAILED: Final = 1  # exit code: Discord does not take us
UNUSABLE: Final = 2  # exit code: the settings or the database cannot be used

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0  # Discord grants 1,000 identifications a day; this uses at most 288
STEADY_S = 600.0  # connected for so long, the next trouble is a new one
CLOSE_S = 9.0  # Docker kills after ten

NO_INTENT = (
    "Discord does not grant the privileged intents that POINTS_INTENTS asks for: switch them on on your "
    "application's Bot page, or take them out of POINTS_INTENTS."
)
NO_SUCH_BOT = "Discord does not know this token: set DISCORD_TOKEN to the one on your application's Bot page."
NEEDS_SHARDS = (
    "Discord wants this bot on several connections: start it with `--shards auto` (or POINTS_SHARDS=auto)."
)
TOO_MANY_SERVERS: Final = 4011  # the gateway's code for a bot that has to be sharded
AUTHENTICATION_FAILED: Final = 4004  # the gateway's code for a token it does not know

log = logging.getLogger(__name__)


class DiscordRefuses(Exception):
    """Discord will not have us, whatever we try; its text says why."""


async def run(shards: Shards | None = None) -> int:
    """Run the bot until SIGTERM or SIGINT, on `shards` if given; return the process's exit code.

    What is wrong with the settings, the database or the token is said in one sentence on standard error.
    """
    try:
        settings = Settings.load()
        if shards is not None:
            settings = settings.model_copy(update={"shards": shards})
        token = _token(settings)
        logs.begin(settings.log_level, token, _secret(settings))
        async with Points.opened(settings) as points:
            bot = bot_for(points, settings)
            process.give_way()
            bot.add_listener(_ready, "on_ready")
            async with _http(bot):
                await _until_stopped(bot, token)
    except SettingsInvalid as fault:
        return _said(f"{fault.name} cannot be used: {fault.why}", UNUSABLE)
    except DatabaseUnavailable as fault:
        return _said(f"The database cannot be used: {fault.why}", UNUSABLE)
    except DiscordRefuses as refusal:
        return _said(str(refusal), FAILED)
    return 0


async def _ready() -> None:
    process.keep_what_is_loaded()


def _token(settings: Settings) -> str:
    token = settings.discord_token.get_secret_value().strip() if settings.discord_token else ""
    if not token:
        raise SettingsInvalid("DISCORD_TOKEN", "it is not set; your application's Bot page at Discord has it")
    return token


def _secret(settings: Settings) -> str:
    return settings.discord_client_secret.get_secret_value() if settings.discord_client_secret else ""


def _said(sentence: str, code: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)  # noqa: T201 - for the person who started it
    return code


@asynccontextmanager
async def _http(bot: PointsBot) -> AsyncIterator[None]:
    """Serve the HTTP API beside the bot, where the settings name a port for it."""
    host, port = bot.settings.http_host, bot.settings.http_port
    if port is None:
        yield
        return
    from points_core.http.app import create_app  # heavy, and most bots do without
    from points_core.http.server import serving

    pages = [bot.linked_roles.router()] if bot.linked_roles is not None else []
    async with serving(create_app(bot.points, after_write=bot.courier.wake, routers=pages), host, port):
        log.info("serving the HTTP API on http://%s:%d", host, port)
        yield


async def _until_stopped(bot: PointsBot, token: str) -> None:
    with _stop_signal() as stop:
        connected = asyncio.create_task(stay_connected(bot, token))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([connected, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            log.info("stopping")
        stopped.cancel()
        connected.cancel()  # hear nothing new, then finish what was heard
        outcome = (await asyncio.gather(connected, return_exceptions=True))[0]
        await _closed(bot)
        if isinstance(outcome, Exception):
            raise outcome
        log.info("stopped")


async def _closed(bot: PointsBot) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await bot.close()
    except TimeoutError:
        log.warning("the connection to Discord did not close in time")


async def stay_connected(bot: PointsBot, token: str) -> None:
    """Log in and stay connected, through broken connections and unreadable events, until `bot` is closed.

    Raises DiscordRefuses when Discord does not take the bot, and what its own start raises.
    """
    loop = asyncio.get_running_loop()
    pause, logged_in = FIRST_PAUSE_S, False
    while not bot.is_closed():
        began = loop.time()
        try:
            if not logged_in:
                await bot.login(token)
                logged_in = True
            await bot.connect()
        except Exception as error:
            _raise_if_final(error, logged_in=logged_in)
            if loop.time() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            unexpected = not may_pass(error)
            what = type(error).__name__
            log.warning("connecting again in %.0f s: %s: %s", pause, what, error, exc_info=unexpected)
            await _hang_up(bot)
            if not logged_in:
                await _forget_session(bot)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, LONGEST_PAUSE_S)


def _raise_if_final(error: Exception, *, logged_in: bool) -> None:
    if isinstance(error, discord.LoginFailure) or getattr(error, "code", None) == AUTHENTICATION_FAILED:
        raise DiscordRefuses(NO_SUCH_BOT) from error
    if isinstance(error, discord.PrivilegedIntentsRequired):
        raise DiscordRefuses(NO_INTENT) from error
    if getattr(error, "code", None) == TOO_MANY_SERVERS:
        raise DiscordRefuses(NEEDS_SHARDS) from error
    if isinstance(error, discord.ConnectionClosed):
        raise DiscordRefuses(f"Discord closed the connection for good: {error}") from error
    if not logged_in and not may_pass(error):
        raise error


async def _hang_up(bot: PointsBot) -> None:
    """Close what is left of a gateway connection; its heart would go on beating."""
    if bot.ws is not None:
        try:
            await bot.ws.close(code=1000)
        except Exception as error:  # it is broken already
            log.debug("hanging up: %r", error)


async def _forget_session(bot: PointsBot) -> None:
    """Close the session of a login that failed; discord.py makes a new one for the next, and leaks this one."""
    await bot.http.close()
    bot.http.connector = discord.utils.MISSING


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM and the first Ctrl-C set; a second Ctrl-C ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: int) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda number, _: loop.call_soon_threadsafe(asked, number))
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
