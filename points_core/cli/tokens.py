"""Commands about tokens for programs: create, list, revoke."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from points_core import clients
from points_core.cli.running import AsJson, Community, community_of, now, origin, run, say, say_json
from points_core.clients import PER_MINUTE, Client, Scope
from points_core.database import Opening, Points

Scopes = Annotated[list[Scope], typer.Option("--scope", help="What it may be used for; repeat for more.")]


def create(
    name: Annotated[str, typer.Argument(help="Which program it is for.")],
    scope: Scopes,
    per_minute: Annotated[int, typer.Option(help="Requests a minute.")] = PER_MINUTE,
    max_amount: Annotated[int | None, typer.Option(help="The most points in one award or deduction.")] = None,
    days: Annotated[
        int | None, typer.Option(help="After how many days it expires.", min=1, max=3_650)
    ] = None,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for a program. It is shown once: only its hash is kept."""
    token = clients.new_token()

    async def work(points: Points) -> Client:
        asked = origin(points, community, None)
        return await points.write(
            clients.create,
            asked,
            token=token,
            name=name,
            scopes=scope,
            per_minute=per_minute,
            max_amount=max_amount,
            expires_at=asked.at + timedelta(days=days) if days else None,
        )

    made = run(work)
    if as_json:
        say_json({"token": token, "number": made.number, "community": made.community, "name": made.name})
        return
    say(token)
    typer.echo(
        f"Token {made.number} for {made.name}, in community {made.community}. It will not be shown again.",
        err=True,
    )


def listed(community: Community = None, as_json: AsJson = False) -> None:
    """Show the tokens: whose they are, what they may do, when each was last used."""

    async def work(points: Points) -> tuple[Client, ...]:
        return await points.read(clients.listed_all, community_of(points, community))

    found = run(work, Opening.CURRENT)
    if as_json:
        say_json([_plain(client) for client in found])
        return
    for client in found:
        say(line(client))
    if not found:
        say("There are no tokens yet.")


def revoke(
    number: Annotated[int, typer.Argument(help="The token's number.", min=1)], community: Community = None
) -> None:
    """End a token, for good."""

    async def work(points: Points) -> Client:
        return await points.write(clients.revoke, origin(points, community, None), number)

    revoked = run(work)
    say(f"Token {revoked.number} for {revoked.name} is revoked.")


def line(client: Client) -> str:
    """Return one client as one line."""
    most = f", at most {client.max_amount} points" if client.max_amount else ""
    return (
        f"{client.number:>3}. {client.name}: {_scopes(client)}; {client.per_minute} a minute{most}; "
        f"{_state(client)}; {_last_use(client.last_used_at)}"
    )


def _scopes(client: Client) -> str:
    return ", ".join(scope for scope in Scope if scope in client.scopes)


def _state(client: Client) -> str:
    if client.revoked_at is not None:
        return f"revoked {client.revoked_at:%Y-%m-%d}"
    if client.expires_at is None:
        return "valid"
    word = "valid until" if client.works(now()) else "expired"
    return f"{word} {client.expires_at:%Y-%m-%d}"


def _last_use(at: datetime | None) -> str:
    return f"last used {at:%Y-%m-%d %H:%M} UTC" if at else "never used"


def _plain(client: Client) -> dict[str, object]:
    return {
        "number": client.number,
        "name": client.name,
        "scopes": [scope.value for scope in Scope if scope in client.scopes],
        "per_minute": client.per_minute,
        "max_amount": client.max_amount,
        "created_at": client.created_at,
        "expires_at": client.expires_at,
        "last_used_at": client.last_used_at,
        "revoked_at": client.revoked_at,
    }
