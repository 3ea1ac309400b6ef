"""Commands about one member's personal data: a copy, erasing, hiding; and what is due of it."""

from typing import Annotated

import typer

from points_core import privacy
from points_core.cli.running import AsJson, Community, community_of, now, origin, run, say, say_json
from points_core.database import Opening, Points
from points_core.privacy import Copy, Erased, Wish

User = Annotated[str, typer.Argument(help="The member's outside id (a Discord user id).")]


def export(user: User, community: Community = None, as_json: AsJson = False) -> None:
    """Show everything that is kept about a member, without other people's ids: to hand out to them."""

    async def work(points: Points) -> tuple[Copy, str]:
        found = await points.read(privacy.copy, community_of(points, community), user, now())
        return found, await points.read(privacy.text, found)

    found, told = run(work, Opening.CURRENT)
    if as_json:
        say_json(privacy.document(found))
    else:
        say(told.rstrip("\n"))


def erase(
    user: User,
    at_once: Annotated[bool, typer.Option("--now", help="At once, without days to think.")] = False,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Erase a member, after the community's days to think: id, name, and every text about them."""

    async def work(points: Points) -> tuple[Wish, bool]:
        wish = await points.write(privacy.ask, origin(points, community, None), user, at_once=at_once)
        return wish, (await _carry_out(points))[1] if at_once else True

    wish, rewritten = run(work)
    if as_json:
        say_json(wish)
    elif at_once:
        say(f"{user} is erased. Backups made before keep them until they are thrown away.")
    else:
        say(
            f"{user} will be erased {wish.due_at.isoformat()}; until then `points privacy cancel` takes it back."
        )
    _warn(rewritten)


def cancel(user: User, community: Community = None) -> None:
    """Take back that a member is to be erased."""

    async def work(points: Points) -> Wish:
        return await points.write(privacy.cancel, origin(points, community, None), user)

    run(work)
    say(f"{user} will not be erased.")


def hide(user: User, community: Community = None) -> None:
    """Leave a member's name out of boards; the place stays."""

    async def work(points: Points) -> bool:
        return await points.write(privacy.hide, origin(points, community, None), user)

    say(f"{user} is hidden." if run(work) else f"{user} was hidden before.")


def show(user: User, community: Community = None) -> None:
    """Name a member on boards again."""

    async def work(points: Points) -> bool:
        return await points.write(privacy.show, origin(points, community, None), user)

    say(f"{user} is shown again." if run(work) else f"{user} was not hidden.")


def untrack(user: User, community: Community = None) -> None:
    """Have rules take no notice of what a member does."""

    async def work(points: Points) -> bool:
        return await points.write(privacy.untrack, origin(points, community, None), user)

    say(f"Rules take no notice of {user}." if run(work) else f"Rules took no notice of {user} before.")


def track(user: User, community: Community = None) -> None:
    """Have rules notice a member again."""

    async def work(points: Points) -> bool:
        return await points.write(privacy.track, origin(points, community, None), user)

    say(f"Rules notice {user} again." if run(work) else f"Rules noticed {user} before.")


def due(as_json: AsJson = False) -> None:
    """Erase whose days to think are over, in every community. A running bot does so by itself."""
    erased, rewritten = run(_carry_out)
    if as_json:
        say_json(erased)
    else:
        for each in erased:
            say(f"Member {each.member} of {each.community} is erased.")
        if not erased:
            say("Nobody is due.")
    _warn(rewritten)


async def _carry_out(points: Points) -> tuple[list[Erased], bool]:
    """Erase who is due, and rewrite the file; return who it was, and whether no byte of them is left in it."""
    moment = now()
    done: list[Erased] = []
    while some := await points.write(privacy.erase_due, moment):
        done += some
    if not await points.read(privacy.unscrubbed):
        return done, True
    if not await points.scrub():
        return done, False
    await points.write(privacy.scrubbed, now(), moment)
    return done, True


def _warn(rewritten: bool) -> None:
    if not rewritten:
        typer.echo(
            "Traces are left in the database's file while another process reads it; "
            "`points privacy due` removes them, as a running bot does.",
            err=True,
        )
