"""The application: its endpoints, its door, and an OpenAPI description that names every answer there is."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.routing import compile_path

from points_core.database import Points
from points_core.http import (
    boards,
    community,
    description,
    docs,
    events,
    exporting,
    health,
    hooks,
    movements,
    problems,
    reads,
    requests,
)
from points_core.http.guard import Door
from points_core.http.limits import BodyLimit, Limiter
from points_core.http.metrics import Metrics
from points_core.http.seam import DEADLINE_S, Seam

ROUTERS: Final = (
    movements.router,
    events.router,
    reads.router,
    boards.router,
    exporting.router,
    requests.router,
    community.router,
    hooks.router,
)


def create_app(
    points: Points,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ticks: Callable[[], float] = time.monotonic,
    after_write: Callable[[], None] = lambda: None,
    deadline: float = DEADLINE_S,
    routers: Iterable[APIRouter] = (),
) -> FastAPI:
    """Return the HTTP API over open books; whoever opened them closes them, after the server.

    clock: the time. ticks: seconds that never go back. after_write: called when something was written, so
    that who delivers effects need not wait. deadline: seconds for one statement. routers: further addresses
    on the same port, without tokens.
    """
    seam = Seam(points, clock, Metrics(), after_write=after_write, deadline=deadline)
    door = Door(seam, Limiter(ticks))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await door.close()

    app = FastAPI(
        title="points-bot",
        version=_version(),
        summary="Points of a community: award, deduct, look up.",
        description=description.TEXT,
        docs_url=None,  # they would load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,  # what generated clients call their functions
        openapi_tags=description.TAGS,
    )
    app.state.seam = seam
    app.state.door = door
    for router in (*ROUTERS, *routers):
        app.include_router(router)
    app.include_router(health.router)
    app.include_router(docs.router)
    app.add_middleware(BodyLimit)
    app.add_middleware(docs.Harmless)
    _answer_errors(app)
    description.complete(app)
    return app


def _answer_errors(app: FastAPI) -> None:
    async def answer(request: Request, error: Exception) -> Response:
        answered = problems.response(error)
        if answered.status_code == 405:  # two routes of one address each know only their own method
            answered.headers["Allow"] = ", ".join(_methods(app, request.url.path))
        return answered

    for kind in problems.ANSWERED:
        app.add_exception_handler(kind, answer)


def _methods(app: FastAPI, path: str) -> list[str]:
    return sorted(
        method.upper()
        for template, operations in app.openapi()["paths"].items()
        if compile_path(template)[0].match(path)
        for method in operations
    ) or ["GET"]


def _version() -> str:
    try:
        return version("points-bot")
    except PackageNotFoundError:  # run from a checkout
        return "0"
