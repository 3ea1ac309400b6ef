"""Errors become problem documents (RFC 9457): one table says which status and title each error has.

PROBLEMS        the core's refusals and faults
Stopped         what this door itself refuses: no token, too much, too many
response        any exception as a response; nothing secret leaves, whatever it was
"""

import dataclasses
import json
import logging
import math
import re
import secrets
from datetime import datetime
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from points_core import errors
from points_core.errors import Fault, PointsError

MEDIA_TYPE: Final = "application/problem+json"
BUSY_RETRY_S: Final = 5  # a database that is locked or gone is worth asking again after this
MAX_SHOWN: Final = 20  # validation errors in one document

log = logging.getLogger(__name__)

PROBLEMS: Final[dict[type[PointsError], tuple[int, str]]] = {
    errors.InvalidAmount: (422, "Not a whole number within the limits."),
    errors.InvalidText: (422, "A text that is empty, too long or cannot be stored."),
    errors.InvalidTime: (422, "No date or time that can be used."),
    errors.InvalidSetting: (422, "A value that cannot be."),
    errors.InsufficientBalance: (409, "The balance would fall below its floor."),
    errors.BalanceOutOfRange: (409, "The balance could no longer be counted exactly."),
    errors.DuplicateTransaction: (409, "The Idempotency-Key was used before, for another request."),
    errors.LooksRepeated: (409, "The same person asked for the same movement a moment ago."),
    errors.LimitExceeded: (409, "More than a giver may award in a day."),
    errors.SelfAward: (403, "Giver and receiver are one person."),
    errors.NotAllowed: (403, "The right for this is missing."),
    errors.UnknownCategory: (404, "The community has no such open category."),
    errors.UnknownTransaction: (404, "The community has no such transaction."),
    errors.UnknownRequest: (404, "The community has no such approval request."),
    errors.UnknownRule: (404, "The community has no such rule."),
    errors.RuleRetired: (409, "The rule is retired, for good."),
    errors.RuleMode: (409, "A rule cannot be switched so from where it stands."),
    errors.UnknownBadge: (404, "The community has no such badge."),
    errors.UnknownSchedule: (404, "The community has no such schedule."),
    errors.UnknownClient: (404, "The community has no such API client."),
    errors.UnknownWebhook: (404, "The community has no such webhook."),
    errors.UnknownDelivery: (404, "The community has no such delivery that could be sent anew."),
    errors.AlreadyReversed: (409, "The transaction was taken back before."),
    errors.NotReversible: (409, "A reversal is not reversed."),
    errors.RequestClosed: (409, "The approval request is already decided."),
    errors.OwnRequest: (403, "Who asked or receives does not decide."),
    errors.AlreadyVoted: (409, "This person voted before."),
    errors.UnknownSeason: (404, "The community has no such season."),
    errors.UnknownMember: (404, "The community keeps nothing about this person."),
    errors.NoWish: (404, "There is no wish to be erased that could be taken back."),
    errors.UnknownBatch: (404, "The community has no such batch."),
    errors.BatchUndone: (409, "The batch was undone before."),
    errors.BatchNotUndoable: (409, "A batch that undoes another is not undone."),
    errors.RowsRefused: (422, "Rows of the batch cannot be; none was written."),
    errors.UnreadableFile: (422, "The file is not what it should be."),
    errors.ExportTooLarge: (413, "The export is larger than can be handed over here."),
    errors.BackupDamaged: (409, "The backup is not what its manifest says."),
    errors.BehindAnchor: (409, "The backup ends before what is known outside."),
    errors.BooksClosed: (503, "The community's books are closed until they are repaired."),
    errors.BackupFailed: (500, "A backup could not be made or put back."),
    errors.DatabaseUnavailable: (503, "The database cannot be used right now; nothing was written."),
    errors.LedgerCorrupt: (500, "The books contradict themselves; nothing was written."),
    errors.SettingsInvalid: (500, "The service is set up wrongly."),
}

STOPPED: Final[dict[str, tuple[int, str]]] = {
    "bad-json": (400, "The body is not JSON."),
    "unauthorized": (401, "A valid token is needed: Authorization: Bearer …"),
    "missing-scope": (403, "The token lacks the scope for this."),
    "not-found": (404, "There is nothing here."),
    "webhook-conflict": (409, "This address cannot be told, or not one more."),
    "category-conflict": (409, "The community's categories do not allow that now."),
    "method-not-allowed": (405, "This address does not know that method."),
    "body-too-large": (413, "The body is larger than is read."),
    "unsupported-media-type": (415, "The body has to be application/json."),
    "invalid-request": (422, "The request does not have the documented shape."),
    "too-many-requests": (429, "Too many requests; Retry-After says when to ask again."),
    "internal-error": (500, "Something went wrong on this side; the number is in the log."),
    "too-slow": (503, "It took too long and was given up; ask again with the same Idempotency-Key."),
}
"""What this door says by itself, by the last part of its type."""


class Problem(BaseModel):
    """A problem document (RFC 9457). Further members depend on `type`, such as `balance` and `amount`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Which problem it is: `/problems/…`, to be fetched for what it means.")
    title: str = Field(description="What it means, the same for every occurrence.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str | None = Field(None, description="What is particular about this occurrence.")


class Stopped(Exception):
    """A refusal of this door: `slug` names it in STOPPED, `members` go into the document."""

    def __init__(self, slug: str, headers: dict[str, str] | None = None, **members: object) -> None:
        super().__init__(slug)
        self.slug = slug
        self.headers = headers or {}
        self.members = members


def slug_of(kind: type[PointsError]) -> str:
    """Return how the core's error is called here: InsufficientBalance is insufficient-balance."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


def catalogue() -> dict[str, tuple[int, str]]:
    """Return every problem there is: its status and title by its name."""
    return STOPPED | {slug_of(kind): row for kind, row in PROBLEMS.items()}


def document(error: Exception) -> dict[str, Any]:
    """Return the problem document of a refusal or fault of the core, or of this door."""
    if isinstance(error, PointsError):
        status, title = PROBLEMS[type(error)]
        members = {} if isinstance(error, Fault) else _fields(error)
        return _document(slug_of(type(error)), status, title, members)
    assert isinstance(error, Stopped)
    return _document(error.slug, *STOPPED[error.slug], error.members)


def response(error: Exception) -> Response:
    """Return the problem document of any exception as a response; unexpected ones are logged under a number."""
    if isinstance(error, PointsError):
        if isinstance(error, Fault):
            log.error("%s", error)
        retry = {"Retry-After": str(BUSY_RETRY_S)} if PROBLEMS[type(error)][0] == 503 else {}
        return rendered(document(error), retry)
    if isinstance(error, Stopped):
        return rendered(document(error), error.headers)
    return response(_stopped(error))


def rendered(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Return a problem document as a response. ASCII: a lone surrogate that came in could not go out."""
    return Response(
        json.dumps(problem), status_code=problem["status"], media_type=MEDIA_TYPE, headers=headers
    )


def _stopped(error: Exception) -> Stopped:
    if isinstance(error, RequestValidationError):
        if any(each["type"] == "json_invalid" for each in error.errors()):
            return Stopped("bad-json")
        return Stopped("invalid-request", errors=_invalid(error), detail=_first(error))
    if isinstance(error.__cause__, Stopped):  # FastAPI calls whatever breaks off a body a bad one
        return error.__cause__
    if isinstance(error, HTTPException):
        known = {400: "bad-json", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
        if error.status_code in known:
            return Stopped(known[error.status_code], dict(error.headers or {}))
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return Stopped("internal-error", number=number)


def _invalid(error: RequestValidationError) -> list[dict[str, str]]:
    """Where the request is wrong and why; never with what was sent, which may be anything."""
    return [{"where": _where(each), "why": str(each["msg"])} for each in error.errors()[:MAX_SHOWN]]


def _where(error: dict[str, Any]) -> str:
    return ".".join(str(part) for part in error["loc"])[:200]


def _first(error: RequestValidationError) -> str:
    first = error.errors()[0]
    return f"{_where(first)}: {first['msg']}"


def _document(slug: str, status: int, title: str, members: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in members.items() if value is not None}
    return {"type": f"/problems/{slug}", "title": title, "status": status} | given


def _fields(error: Any) -> dict[str, Any]:  # noqa: ANN401 - every error of the core is a dataclass
    return {
        field.name: _plain(getattr(error, field.name))
        for field in dataclasses.fields(error)
        if field.name != "key"  # the core's own spelling of it means nothing to the caller
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)[:200]


ANSWERED: Final = (PointsError, Stopped, RequestValidationError, HTTPException, Exception)
"""What the application turns into a document wherever it is raised."""
