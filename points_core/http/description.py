"""The OpenAPI description: made from the endpoints, completed with every error that each may answer."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from points_core.http.problems import MEDIA_TYPE, Problem, catalogue

TEXT: Final = """
Every request needs a token (`Authorization: Bearer pts_…`), made by `points token create` or `/points-tokens
create`. The token says which community is meant, what it may be used for, and how often.

Every write needs an `Idempotency-Key`: make up a new one for each thing you want to happen, and send the same
one again when you do not know whether it did. The answer is then the first one, with
`Idempotency-Replayed: true`. The same key with another request is refused with 409.

Ids of people are strings. Amounts are whole numbers. Times are ISO 8601 with an offset; days begin in the
community's time zone. Every error is a problem document (RFC 9457); `type` says which one it is.

`RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) come with every answer to a valid token.
"""
TAGS: Final = [
    {"name": "movements", "description": "Points move."},
    {"name": "reads", "description": "What is in the books."},
    {"name": "approval requests", "description": "Points that wait for other people."},
    {"name": "community", "description": "Categories, and the token's own client."},
    {"name": "webhooks", "description": "Addresses that are told what happens, each delivery signed."},
    {"name": "operating", "description": "For the host's machinery; no token."},
]

READS: Final = (400, 401, 403, 404, 405, 413, 422, 429, 500, 503)
WRITES: Final = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
OPEN: Final = (404, 405, 422, 500, 503)
RATES: Final = {
    "RateLimit-Limit": "Requests a minute.",
    "RateLimit-Remaining": "How many are left.",
    "RateLimit-Reset": "After how many seconds all of them are there again.",
}


def complete(app: FastAPI) -> None:
    """Have `app` describe itself with all its errors, its token and its headers."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    parts = schema["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    parts["schemas"]["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            _complete_operation(method, operation)
    return schema


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    guarded = "operating" not in operation.get("tags", [])
    if guarded:
        operation["security"] = [{"token": []}]
        for answer in responses.values():
            answer.setdefault("headers", {}).update(_rates())
    statuses = (WRITES if method != "get" else READS) if guarded else OPEN
    for status in statuses:
        responses[str(status)] = _error(status, guarded=guarded)


def _rates() -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "integer"}} for name, text in RATES.items()}


def _error(status: int, *, guarded: bool) -> dict[str, Any]:
    named = [f"`{slug}`: {title}" for slug, (code, title) in catalogue().items() if code == status]
    answer: dict[str, Any] = {
        "description": " ".join(named),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    headers: dict[str, Any] = {}
    if status in (429, 503):
        headers["Retry-After"] = {
            "description": "Seconds after which to ask again.",
            "schema": {"type": "integer"},
        }
    if guarded and status != 401:
        headers |= _rates()
    return answer | ({"headers": headers} if headers else {})
