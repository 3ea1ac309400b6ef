"""Linked Roles as people in the server meet them: in /privacy and in /points-setup."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import discord.http
import pytest
import simcord

from bot.client import PointsBot
from bot.linked_roles.oauth import Permission
from points_core import links
from points_core.database import Points
from points_core.settings import Settings
from points_core.values import Actor, Origin
from tests.conftest import Databases
from tests.linked.discord_side import CLIENT_ID, SECRET, DiscordSide, discord_side
from tests.stories.answers import private
from tests.stories.test_setup import check, setup_page
from tests.stories.world import World, founded

ADDRESS = "https://points.example.org"
SET = {"POINTS_PUBLIC_URL": ADDRESS, "DISCORD_CLIENT_ID": CLIENT_ID, "DISCORD_CLIENT_SECRET": SECRET}


# ── the host did not set it up ──


async def test_without_linked_roles_nothing_is_said_of_them_and_nobody_is_linked(world: World) -> None:
    assert not [line for line in check((await setup_page(world)).response) if "Linked" in line]

    said = private(await world.mia.slash(world.general, "privacy unlink"))
    assert "Your account is not linked" in said


# ── the host did ──


@pytest.fixture
async def side(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordSide]:
    """Where Discord is asked with members' permissions: beside the simulation, which knows no such routes."""
    async with discord_side(f"{ADDRESS}/linked-roles/callback") as side:
        monkeypatch.setattr(discord.http.Route, "BASE", side.url)
        yield side


@pytest.fixture
def host_set() -> dict[str, object]:
    return {**SET, "POINTS_HTTP_PORT": 8080}


@pytest.fixture
def host_settings(databases: Databases, host_set: dict[str, object]) -> Iterator[Settings]:
    url = databases.new("sqlite")
    yield Settings(_env_file=None, POINTS_DATABASE_URL=url, **host_set)
    databases.drop(url)


@pytest.fixture
async def set_up(host_settings: Settings, side: DiscordSide) -> AsyncIterator[World]:
    """The server of a host who set Linked Roles up."""
    async with Points.opened(host_settings) as points:
        bot = PointsBot(points, host_settings, clock=lambda: env.now())  # noqa: PLW0108 - it is made after the bot
        env = simcord.Env(bot, check_errors=False)
        await env.start()
        world = founded(env, points)
        await env.settle()
        yield world
        await env.bot.close()
        await env.shutdown()


async def linked(world: World, side: DiscordSide, person: simcord.MemberActor) -> None:
    """Somebody links their account, as the pages do."""
    roles = world.bot.linked_roles
    assert roles is not None
    given = await roles.oauth.granted(side.permits(str(person.id)))

    user_id = str(person.id)
    which = await world.points.write(
        links.link,
        Origin(world.community, Actor.member(user_id), world.bot.now(), f"link:{user_id}"),
        user_id,
        name=None,
        sealed=roles.seal.closed(Permission(user_id, given.access, given.refresh)),
        expires_at=world.bot.now() + timedelta(days=7),
    )
    await roles.showing.at_once(which)


async def test_a_member_ends_their_link_and_discord_forgets_their_points(
    set_up: World, side: DiscordSide
) -> None:
    await set_up.ada.slash(set_up.general, "award", member=set_up.mia, amount=7, reason="watering")
    await linked(set_up, side, set_up.mia)
    assert side.shown[str(set_up.mia.id)]["points"] == "7"
    assert side.platforms[str(set_up.mia.id)] == "Open Garden"

    said = private(await set_up.mia.slash(set_up.general, "privacy unlink"))

    assert said == "Unlinked: Discord forgot your points, and I gave the permission back."
    assert side.shown == {}
    assert side.grants == []
    assert "not linked" in private(await set_up.mia.slash(set_up.general, "privacy unlink"))


async def test_a_link_that_ends_while_discord_is_away_is_taken_away_later(
    set_up: World, side: DiscordSide
) -> None:
    await linked(set_up, side, set_up.mia)
    side.fails("DELETE /users/@me", 503)

    said = private(await set_up.mia.slash(set_up.general, "privacy unlink"))

    assert "I tell Discord as soon as it answers" in said
    assert "Authorized Apps" in said
    assert len(side.shown) == 1
    said = private(await set_up.mia.slash(set_up.general, "privacy unlink"))
    assert said.startswith("Unlinked")
    await set_up.env.advance_time(60)
    assert side.shown == {}
    assert "not linked" in private(await set_up.mia.slash(set_up.general, "privacy unlink"))


async def test_a_link_that_broke_off_is_told_of(set_up: World, side: DiscordSide) -> None:
    await linked(set_up, side, set_up.mia)
    side.takes_back(str(set_up.mia.id))
    await set_up.ada.slash(set_up.general, "award", member=set_up.mia, amount=7, reason="watering")
    roles = set_up.bot.linked_roles
    assert roles is not None
    set_up.env.backend.clock.advance(60)
    await roles.showing.at_once((1, 1))

    said = private(await set_up.mia.slash(set_up.general, "privacy unlink"))

    assert "had broken off before" in said


async def test_an_award_reaches_the_account_by_itself(set_up: World, side: DiscordSide) -> None:
    await linked(set_up, side, set_up.mia)
    set_up.env.backend.clock.advance(60)
    await set_up.ada.slash(set_up.general, "award", member=set_up.mia, amount=7, reason="watering")
    await set_up.env.advance_time(16)  # the clockwork's next look, if the award came right after one

    assert side.shown[str(set_up.mia.id)]["points"] == "7"


async def test_an_admin_is_told_the_address_and_whose_points_it_shows(set_up: World) -> None:
    roles = set_up.bot.linked_roles
    assert roles is not None
    line = [line for line in check((await setup_page(set_up)).response) if "Linked Roles" in line]
    # simcord has no such route: as if Discord had refused it
    assert line == [
        f"❌ Linked Roles, {ADDRESS}/linked-roles: Discord refused to be told what roles can ask for; the log says "
        "why. **Fix**: whoever runs this bot looks into its log."
    ]

    roles.trouble = None
    line = [line for line in check((await setup_page(set_up)).response) if "Linked Roles" in line]
    assert line == [
        f"❌ Linked Roles, {ADDRESS}/linked-roles: there are no points yet. "
        "**Fix**: whoever runs this bot sets `POINTS_LINKED_COMMUNITY`, or points are given."
    ]
    await set_up.ada.slash(set_up.general, "award", member=set_up.mia, amount=7, reason="watering")
    line = [line for line in check((await setup_page(set_up)).response) if "Linked Roles" in line]
    assert line == [f"✅ Linked Roles: {ADDRESS}/linked-roles"]


@pytest.mark.parametrize("host_set", [{**SET, "DISCORD_CLIENT_SECRET": " "}])
async def test_an_admin_is_told_what_the_host_left_out(set_up: World) -> None:
    assert set_up.bot.linked_roles is None
    (line,) = [line for line in check((await setup_page(set_up)).response) if "Linked Roles" in line]
    assert line == (
        "❌ Linked Roles, for the host: half set up. **Fix**: whoever runs this bot sets `DISCORD_CLIENT_SECRET` "
        "and `POINTS_HTTP_PORT` and starts it again."
    )
