"""Points move: award, deduct, a batch of awards, taking a transaction back."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from points_core.clients import Client, Scope
from points_core.errors import InvalidAmount, PointsError
from points_core.http import once, problems
from points_core.http.guard import Guarded, needs
from points_core.http.schemas import (
    BatchIn,
    BatchOut,
    MovementIn,
    MovementOut,
    Number,
    RequestOut,
    ReversalIn,
    RowOut,
)
from points_core.http.seam import Asking, Caller, Seam
from points_core.values import Kind, Receipt, Request

RECORDED, WAITS = 201, 202

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Made up by the caller for each new request, such as a UUID. The same key with the same "
        "request is done once and answered again; with another request it is refused.",
        examples=["0b8b3d0e-5d3c-4f1e-9a59-0c2f4f1f7a11"],
    ),
]
REPLAYED = {
    "Idempotency-Replayed": {
        "description": "`true` when the key was seen before and nothing new was written.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
WAITING: dict[int | str, dict[str, Any]] = {
    201: {"headers": REPLAYED},
    202: {
        "model": RequestOut,
        "headers": REPLAYED,
        "description": "The community wants other people to agree first: an approval request.",
    },
}
ONCE: dict[int | str, dict[str, Any]] = {200: {"headers": REPLAYED}}
MADE: dict[int | str, dict[str, Any]] = {201: {"headers": REPLAYED}}

router = APIRouter(route_class=Guarded, tags=["movements"])


def say_replayed(answer: Response, replayed: bool) -> None:
    """Say in the header that nothing new was written."""
    if replayed:
        answer.headers["Idempotency-Replayed"] = "true"


@router.post(
    "/points/award", status_code=RECORDED, response_model=MovementOut | RequestOut, responses=WAITING
)
@needs(Scope.AWARD)
async def award_points(asked: MovementIn, key: Key, seam: Asking, client: Caller, answer: Response) -> Any:  # noqa: ANN401
    """Give a member points. Large awards may wait for other people: then the answer is 202 and a request."""
    return await _move(Kind.AWARD, asked, key, seam, client, answer)


@router.post(
    "/points/deduct", status_code=RECORDED, response_model=MovementOut | RequestOut, responses=WAITING
)
@needs(Scope.DEDUCT)
async def deduct_points(asked: MovementIn, key: Key, seam: Asking, client: Caller, answer: Response) -> Any:  # noqa: ANN401
    """Take points from a member; `amount` is positive here too."""
    return await _move(Kind.DEDUCTION, asked, key, seam, client, answer)


async def _move(
    kind: Kind, asked: MovementIn, key: str, seam: Seam, client: Client, answer: Response
) -> MovementOut | RequestOut:
    _check_amount(client, asked.amount)
    origin = seam.origin(client, key)
    outcome = await seam.write(once.move, origin, kind=kind, **dict(asked))
    say_replayed(answer, outcome.replayed)
    if isinstance(outcome, Receipt):
        return MovementOut.model_validate(outcome)
    answer.status_code = WAITS
    return RequestOut.model_validate(outcome)


def _check_amount(client: Client, amount: int) -> None:
    if client.max_amount is not None and amount > client.max_amount:
        raise InvalidAmount(amount, 1, client.max_amount)


@router.post("/points/award/batch", responses=ONCE)
@needs(Scope.AWARD)
async def award_batch(asked: BatchIn, key: Key, seam: Asking, client: Caller, answer: Response) -> BatchOut:
    """Give points to many members in one commit, each row decided for itself and with an outcome of its own.

    With the same key again, rows that were recorded are answered again and rows that were refused are tried
    again.
    """
    allowed = {
        index: dict(row)
        for index, row in enumerate(asked.rows)
        if client.max_amount is None or row.amount <= client.max_amount
    }
    outcomes: list[Any] = [InvalidAmount(row.amount, 1, client.max_amount or 0) for row in asked.rows]
    asked_before = False
    if allowed:
        done, asked_before = await seam.write(
            once.award_rows, seam.origin(client, key), list(allowed.values())
        )
        for index, outcome in zip(allowed, done, strict=True):
            outcomes[index] = outcome
    new = [row for row in outcomes if isinstance(row, Receipt | Request) and not row.replayed]
    say_replayed(answer, asked_before and not new)
    rows = [_row(index, outcome) for index, outcome in enumerate(outcomes)]
    return BatchOut(
        recorded=sum(row.transaction is not None for row in rows),
        waiting=sum(row.request is not None for row in rows),
        refused=sum(row.problem is not None for row in rows),
        rows=rows,
    )


def _row(index: int, outcome: Receipt | Request | Exception) -> RowOut:
    if isinstance(outcome, Receipt):
        receipt = MovementOut.model_validate(outcome)
        return RowOut(row=index, status=RECORDED, replayed=outcome.replayed, transaction=receipt)
    if isinstance(outcome, Request):
        waiting = RequestOut.model_validate(outcome)
        return RowOut(row=index, status=WAITS, replayed=outcome.replayed, request=waiting)
    if not isinstance(outcome, PointsError):
        raise outcome
    problem = problems.document(outcome)
    return RowOut(row=index, status=problem["status"], replayed=False, problem=problem)


@router.post("/points/transactions/{number}/reverse", status_code=RECORDED, responses=MADE)
@needs(Scope.AWARD, Scope.DEDUCT)
async def reverse_transaction(
    number: Annotated[Number, Path()],
    asked: ReversalIn,
    key: Key,
    seam: Asking,
    client: Caller,
    answer: Response,
) -> MovementOut:
    """Take a transaction back with a linked one, dated like it: one's own, or anybody's with the scope admin."""
    receipt = await seam.write(
        once.reverse,
        seam.origin(client, key),
        number,
        reason=asked.reason,
        anybodys=client.may(Scope.ADMIN),
    )
    say_replayed(answer, receipt.replayed)
    return MovementOut.model_validate(receipt)
