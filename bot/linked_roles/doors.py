"""The addresses that browsers open: to Discord's page, and back with its answer."""

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from bot.linked_roles import pages
from bot.linked_roles.keys import VISIT_S, NoVisit
from bot.linked_roles.oauth import Denied, NotNow, Over, Permission, Stale, WrongClient
from bot.linked_roles.parts import CALLBACK, HERE
from points_core import links
from points_core.errors import PointsError
from points_core.http.limits import Limiter
from points_core.http.problems import Stopped
from points_core.values import Actor, Origin

if TYPE_CHECKING:
    from bot.linked_roles.parts import LinkedRoles

PER_MINUTE: Final = 60  # codes taken to Discord: it takes whoever asks too much for an attacker
ANSWERS: Final = frozenset({"code", "state", "error"})

_CODE = re.compile(r"[!-~]{1,512}", re.ASCII)

log = logging.getLogger(__name__)


def router(linked: "LinkedRoles", limiter: Limiter) -> APIRouter:
    """Return the routes. They answer with pages, also for what goes wrong."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(HERE)
    async def begin(request: Request) -> Response:
        return await _begin(linked)

    @routes.get(CALLBACK)
    async def back(request: Request) -> Response:
        response = await _back(linked, limiter, request)
        response.delete_cookie(**_cookie(linked))
        return response

    return routes


class Cookie(TypedDict):
    """How a visit's cookie is called, and how it is bound."""

    key: str
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax"]


def _cookie(linked: "LinkedRoles") -> Cookie:
    """Return what the cookie of a visit is called, and how it is bound.

    `__Host-` binds it to this very host: no neighbour under the same domain can put one in its place. It
    needs https, which only this machine's own address may do without.
    """
    secure = linked.address.startswith("https://")
    return {
        "key": "__Host-points-visit" if secure else "points-visit",
        "path": "/" if secure else HERE,
        "secure": secure,
        "httponly": True,
        "samesite": "lax",  # it has to come along when Discord sends the browser back
    }


async def _begin(linked: "LinkedRoles") -> Response:
    try:
        chosen = await linked.points.read(links.chosen)
    except PointsError as error:
        log.warning("nobody could begin to link: %s", error)
        return pages.trouble()
    if chosen.community is None:
        log.warning("nobody can link: %s", chosen.why)
        return pages.not_set_up()
    state, kept = linked.visits.begin(linked.now())
    response = RedirectResponse(linked.oauth.address(state), 302, headers={"Cache-Control": "no-store"})
    response.set_cookie(value=kept, max_age=VISIT_S, **_cookie(linked))
    return response


async def _back(linked: "LinkedRoles", limiter: Limiter, request: Request) -> Response:
    given = [(name, value) for name, value in request.query_params.multi_items() if name in ANSWERS]
    answer = dict(given)
    cookie = request.cookies.get(_cookie(linked)["key"])
    try:
        if len(answer) != len(given):  # twice the same name: whoever made that address, it was not Discord
            raise NoVisit
        linked.visits.end(cookie, answer.get("state"), linked.now())
    except NoVisit:
        return pages.no_visit()
    code = answer.get("code", "")
    if "error" in answer or not _CODE.fullmatch(code):
        return pages.declined() if answer.get("error") == "access_denied" else pages.not_taken()
    try:
        limiter.take(CALLBACK, PER_MINUTE)
    except Stopped:
        return pages.busy()
    return await _linked(linked, code)


async def _linked(linked: "LinkedRoles", code: str) -> Response:
    try:
        return await _link(linked, code)
    except Over:
        return pages.not_taken()
    except WrongClient as error:
        log.error("nobody can link: %s", error)
        return pages.not_set_up()
    except (Denied, Stale) as error:
        log.warning("a link was not made: %s", str(error) or "Discord did not take its own new permission")
        return pages.not_taken()
    except (NotNow, PointsError) as error:
        log.warning("a link was not made: %s", error)
        return pages.trouble()


async def _link(linked: "LinkedRoles", code: str) -> Response:
    given = await linked.oauth.granted(code)
    user_id, name = await linked.oauth.whose(given.access)
    chosen = await linked.points.read(links.chosen)
    if chosen.community is None:
        return pages.not_set_up()
    now = linked.now()
    permission = Permission(user_id, given.access, given.refresh)
    which = await linked.points.write(
        links.link,
        Origin(chosen.community, Actor.member(user_id), now, f"link:{linked.new_key()}"),
        user_id,
        name=name,
        sealed=linked.seal.closed(permission),
        expires_at=now + timedelta(seconds=given.seconds),
    )
    await linked.showing.at_once(which)
    account = await linked.points.read(links.of, user_id)
    shown = (account.shown_points, account.shown_level) if account is not None else (None, None)
    return pages.linked(linked.platform(chosen.community), *shown)
