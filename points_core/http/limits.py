"""How much is read, how often and for how long: the bounds of one client's use.

Bucket, Limiter     requests per minute, one bucket per client or address
BodyLimit           a body larger than MAX_BODY is not read to its end
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from points_core.http.problems import Stopped, response

MAX_BODY: Final = 256 * 1024  # bytes: a batch of 100 awards with the longest texts takes half of it
MAX_BUCKETS: Final = 10_000  # clients and addresses remembered at once
STRANGERS_PER_MINUTE: Final = 60  # wrong tokens from one address


@dataclass(slots=True)
class Bucket:
    """Requests that may still be made; it fills up within a minute."""

    left: float
    at: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request: `remaining` of `limit`, all of it again after `reset` seconds."""

    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class Limiter:
    """Counts requests in this process; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, who: str, per_minute: int) -> Allowance:
        """Count one request of `who`. Raises Stopped (429) when none is left."""
        bucket = self._filled(who, per_minute)
        if bucket.left < 1:
            wait = math.ceil((1 - bucket.left) * 60 / per_minute)
            allowance = Allowance(per_minute, 0, _until_full(bucket, per_minute))
            raise Stopped("too-many-requests", {"Retry-After": str(wait), **allowance.headers})
        bucket.left -= 1
        return Allowance(per_minute, int(bucket.left), _until_full(bucket, per_minute))

    def _filled(self, who: str, per_minute: int) -> Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(who, Bucket(per_minute, now))
        self._buckets.move_to_end(who)
        bucket.left = min(per_minute, bucket.left + (now - bucket.at) * per_minute / 60)
        bucket.at = now
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket


def _until_full(bucket: Bucket, per_minute: int) -> int:
    return math.ceil((per_minute - bucket.left) * 60 / per_minute)


class BodyLimit:
    """Refuses bodies larger than MAX_BODY with 413, by what they say and by what they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > MAX_BODY:
            await response(Stopped("body-too-large", maximum=MAX_BODY))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise Stopped("body-too-large", maximum=MAX_BODY)
            return message

        await self._app(scope, counted, send)
