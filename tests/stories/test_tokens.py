"""Admins let programs in and show them out again; the token is told once, to them alone."""

import re
from typing import Any

from points_core import audit, clients
from points_core.clients import Scope
from tests.stories.answers import answer, private
from tests.stories.reading import texts
from tests.stories.world import World


async def made(world: World, **options: object) -> tuple[str, str]:
    """Return what the admin is told for a new token, and the token."""
    said = private(await world.olivia.slash(world.general, "points-tokens create", **options))
    found = re.search(r"pts_[A-Za-z0-9_-]{43}", said)
    assert found, said
    return said, found.group()


async def test_a_token_is_told_once_and_works(world: World) -> None:
    said, token = await made(world, name="Shop *bot*", award=True, **{"max-amount": 50, "days": 30})

    assert "Token #1 for **Shop \\*bot\\***, which may look things up, award:" in said
    client = await world.points.read(clients.authenticate, token, world.bot.now())
    assert client is not None
    assert (client.community, client.scopes) == (world.community, frozenset({Scope.READ, Scope.AWARD}))
    assert (client.per_minute, client.max_amount) == (120, 50)
    shown = await world.olivia.slash(world.general, "points-tokens list")
    private(shown)
    listed = texts(answer(shown))
    assert token not in listed
    assert "**#1 Shop \\*bot\\***: look things up, award; 120 a minute, at most 50 points; expires" in listed
    assert "never used" in listed


async def test_a_revoked_token_opens_nothing(world: World) -> None:
    _, token = await made(world, name="shop")

    said = private(await world.olivia.slash(world.general, "points-tokens revoke", number=1))

    assert "Token #1 for **shop** is revoked" in said
    assert await world.points.read(clients.authenticate, token, world.bot.now()) is None
    again = private(await world.olivia.slash(world.general, "points-tokens revoke", number=1))
    assert "was revoked before" in again
    actions = [entry.action for entry in await world.points.read(audit.recent, world.community)]
    assert actions == ["client.revoke", "client.create"]


async def test_a_token_that_may_do_nothing_is_not_made(world: World) -> None:
    said = private(await world.olivia.slash(world.general, "points-tokens create", name="shop", read=False))

    assert "one or more of read, award, deduct, approve, admin" in said
    assert await world.points.read(clients.listed_all, world.community) == ()


async def test_only_admins_make_tokens(world: World) -> None:
    for command in await world.bot.tree.fetch_commands():
        if command.name == "points-tokens":  # as a server's admin can override Discord's own permission
            world.guild.set_command_permissions(command, {world.ada: True})

    tried: dict[str, dict[str, Any]] = {"create": {"name": "shop"}, "list": {}, "revoke": {"number": 1}}
    for subcommand, options in tried.items():
        said = private(await world.ada.slash(world.general, f"points-tokens {subcommand}", **options))
        assert "You cannot change the settings here." in said
    assert await world.points.read(clients.listed_all, world.community) == ()


async def test_the_log_names_who_let_a_program_in_and_not_its_token(world: World) -> None:
    await world.configure(log_channel=world.log)

    _, token = await made(world, name="shop", admin=True)

    await world.bot.courier.idle()
    lines = [str(body.get("content")) for body in world.sent(f"*/channels/{world.log.id}/messages")]
    assert any("made a token for **shop**" in line for line in lines)
    assert token not in "".join(lines)
