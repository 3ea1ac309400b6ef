"""What surrounds the points: categories, and the client itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Path, Response

from points_core import policy
from points_core.clients import Scope
from points_core.errors import InvalidSetting
from points_core.http import once
from points_core.http.guard import Guarded, needs
from points_core.http.movements import MADE, ONCE, Key, say_replayed
from points_core.http.problems import Stopped
from points_core.http.schemas import CategoriesOut, CategoryIn, CategoryOut, ClientOut, Number
from points_core.http.seam import Asking, Caller

router = APIRouter(route_class=Guarded, tags=["community"])


@contextmanager
def _conflicts() -> Iterator[None]:
    """A name that is taken, or one category too many, is no mistake in the request: it may be right later."""
    try:
        yield
    except InvalidSetting as refusal:
        raise Stopped("category-conflict", name=str(refusal.value), expected=refusal.expected) from refusal


@router.get("/points/client")
@needs(*Scope)
async def get_client(client: Caller) -> ClientOut:
    """Return whose token this is, and what it may do."""
    return ClientOut(
        community=client.community,
        number=client.number,
        name=client.name,
        scopes=[scope for scope in Scope if scope in client.scopes],
        per_minute=client.per_minute,
        max_amount=client.max_amount,
        created_at=client.created_at,
        expires_at=client.expires_at,
        last_used_at=client.last_used_at,
    )


@router.get("/points/categories")
@needs(Scope.READ, Scope.AWARD, Scope.DEDUCT)
async def list_categories(seam: Asking, client: Caller) -> CategoriesOut:
    """Return what points are given for, retired categories included."""
    rules = await seam.read(policy.of, client.community)
    return CategoriesOut(categories=[CategoryOut.model_validate(each) for each in rules.categories])


@router.post("/points/categories", status_code=201, responses=MADE)
@needs(Scope.ADMIN)
async def open_category(
    asked: CategoryIn, key: Key, seam: Asking, client: Caller, answer: Response
) -> CategoryOut:
    """Open a category, or a retired one again."""
    with _conflicts():
        category, asked_before = await seam.write(once.add_category, seam.origin(client, key), asked.name)
    say_replayed(answer, asked_before)
    return CategoryOut.model_validate(category)


@router.post("/points/categories/{number}/rename", responses=ONCE)
@needs(Scope.ADMIN)
async def rename_category(
    number: Annotated[Number, Path()],
    asked: CategoryIn,
    key: Key,
    seam: Asking,
    client: Caller,
    answer: Response,
) -> CategoryOut:
    """Give a category another name, for its past too."""
    with _conflicts():
        category, asked_before = await seam.write(
            once.rename_category, seam.origin(client, key), number, asked.name
        )
    say_replayed(answer, asked_before)
    return CategoryOut.model_validate(category)


@router.post("/points/categories/{number}/retire", responses=ONCE)
@needs(Scope.ADMIN)
async def retire_category(
    number: Annotated[Number, Path()], key: Key, seam: Asking, client: Caller, answer: Response
) -> CategoryOut:
    """Close a category to new points; what was given in it stays."""
    category, asked_before = await seam.write(once.retire_category, seam.origin(client, key), number)
    say_replayed(answer, asked_before)
    return CategoryOut.model_validate(category)
