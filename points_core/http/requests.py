"""Approval requests: what waits, one of them, a person's decision told by a program, taking one back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator, Field

from points_core import approvals
from points_core.clients import Scope
from points_core.http import once
from points_core.http.guard import Guarded, needs
from points_core.http.movements import ONCE, Key, say_replayed
from points_core.http.schemas import (
    MAX_NUMBER,
    DecisionIn,
    Given,
    Limit,
    Number,
    RequestOut,
    RequestsOut,
    plain_digits,
)
from points_core.http.seam import Asking, Caller
from points_core.values import Actor

router = APIRouter(route_class=Guarded, tags=["approval requests"])


class RequestsQuery(Given):
    """Which requests."""

    after: Annotated[
        int, Field(ge=0, le=MAX_NUMBER, description="Past this number."), BeforeValidator(plain_digits)
    ] = 0
    limit: Limit = 50


@router.get("/points/requests")
@needs(Scope.READ)
async def list_requests(
    asked: Annotated[RequestsQuery, Query()], seam: Asking, client: Caller
) -> RequestsOut:
    """Return the approval requests that wait, oldest first."""
    found = await seam.read(approvals.pending, client.community, limit=asked.limit + 1, after=asked.after)
    shown = [RequestOut.model_validate(each) for each in found[: asked.limit]]
    return RequestsOut(requests=shown, next=shown[-1].number if len(found) > asked.limit else None)


@router.get("/points/requests/{number}")
@needs(Scope.READ)
async def get_request(number: Annotated[Number, Path()], seam: Asking, client: Caller) -> RequestOut:
    """Return one approval request, decided or not, with its votes."""
    return RequestOut.model_validate(await seam.read(approvals.get, client.community, number))


@router.post("/points/requests/{number}/decide", responses=ONCE)
@needs(Scope.APPROVE)
async def decide_request(
    number: Annotated[Number, Path()],
    asked: DecisionIn,
    key: Key,
    seam: Asking,
    client: Caller,
    answer: Response,
) -> RequestOut:
    """Tell a person's yes or no; the yes that reaches the quorum moves the points, one no rejects.

    Programs have no vote of their own: the token vouches for the person in `on_behalf_of`, who may be
    neither the requester nor the receiver. A client does not decide about a request it opened.
    """
    decided = await seam.write(
        once.decide,
        seam.origin(client, key),
        number,
        voter=Actor.member(asked.on_behalf_of, asked.name),
        approve=asked.approve,
        note=asked.note,
    )
    say_replayed(answer, decided.replayed)
    return RequestOut.model_validate(decided)


@router.post("/points/requests/{number}/cancel", responses=ONCE)
@needs(Scope.AWARD, Scope.DEDUCT)
async def cancel_request(
    number: Annotated[Number, Path()], key: Key, seam: Asking, client: Caller, answer: Response
) -> RequestOut:
    """Take a request back that still waits: one's own, or anybody's with the scope admin."""
    cancelled = await seam.write(
        once.cancel, seam.origin(client, key), number, anybodys=client.may(Scope.ADMIN)
    )
    say_replayed(answer, cancelled.replayed)
    return RequestOut.model_validate(cancelled)
