"""What the host's machinery asks, without a token: alive, ready, counted. Nobody's points are in it."""

from fastapi import APIRouter
from sqlalchemy import Connection, func, select
from starlette.responses import Response

from points_core import migrations
from points_core.errors import DatabaseUnavailable
from points_core.http import problems
from points_core.http.metrics import CONTENT_TYPE
from points_core.http.problems import Stopped
from points_core.http.schemas import Told
from points_core.http.seam import Asking, Seam
from points_core.models import OutboxEntry

router = APIRouter(tags=["operating"])


class HealthOut(Told):
    """That it is well."""

    status: str


class ProblemTypeOut(Told):
    """A kind of problem."""

    type: str
    status: int
    title: str


@router.get("/healthz")
async def healthz() -> HealthOut:
    """Return 200 while the process serves."""
    return HealthOut(status="ok")


@router.get("/readyz")
async def readyz(seam: Asking) -> HealthOut:
    """Return 200 while the database answers and its tables are this version's; 503 otherwise."""
    at = await seam.read(migrations.current)
    if at != migrations.HEAD:
        raise DatabaseUnavailable(f"its tables are at revision {at}, not {migrations.HEAD}")
    return HealthOut(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(seam: Asking) -> Response:
    """Return the counters in Prometheus's text format."""
    return Response(await counted(seam), media_type=CONTENT_TYPE)


async def counted(seam: Seam) -> bytes:
    """Return the counters, with a fresh look at the database."""
    try:
        seam.metrics.database(up=True, waiting=await seam.read(_undelivered))
    except (DatabaseUnavailable, Stopped):
        seam.metrics.database(up=False, waiting=0)
    return seam.metrics.page()


def _undelivered(tx: Connection) -> int:
    waiting = select(func.count()).select_from(OutboxEntry).where(OutboxEntry.done_at.is_(None))
    return int(tx.execute(waiting).scalar_one())


@router.get("/problems")
async def problem_types() -> list[ProblemTypeOut]:
    """Return every kind of problem there is."""
    return [_type(slug) for slug in problems.catalogue()]


@router.get("/problems/{slug}")
async def problem_type(slug: str) -> ProblemTypeOut:
    """Return what one kind of problem means: where a problem document's `type` leads."""
    if slug not in problems.catalogue():
        raise Stopped("not-found")
    return _type(slug)


def _type(slug: str) -> ProblemTypeOut:
    status, title = problems.catalogue()[slug]
    return ProblemTypeOut(type=f"/problems/{slug}", status=status, title=title)
