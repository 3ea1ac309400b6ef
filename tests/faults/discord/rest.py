"""Discord's REST API over a real socket: simcord's in-memory Discord behind it, faults in front of it."""

import asyncio
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import BodyPartReader, web
from simcord._clock import Clock
from simcord.backend import Backend
from simcord.backend.errors import BackendError
from simcord.http import router, routes  # noqa: F401 - importing the routes registers them

from tests.faults.discord.faults import Fault, Trouble, answer

BEGINNING = datetime(2026, 3, 2, 12, tzinfo=UTC)
NONCE_KEPT = timedelta(minutes=3)  # Discord says "a few minutes"


class Ticking(Clock):
    """Discord's clock: it begins on a Monday at noon, and runs with the loop; `elapsed` seconds were passed by."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._loop.time() - self._began + self.elapsed)


@dataclass
class Upload:
    """A file as simcord takes one."""

    fp: io.BytesIO
    filename: str
    description: str | None = None


class Rest:
    """The API; `under_way` requests are being served now."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.faults: list[Fault] = []
        self.under_way = 0
        self.unknown: list[str] = []
        self._nonces: dict[tuple[str, str], tuple[datetime, Any]] = {}

    def fault(self, method: str, path: str, trouble: Trouble, *, times: int = 1) -> Fault:
        """Have `trouble` for the next `times` requests of `method` to paths like `path`."""
        planted = Fault(method, path, trouble, times)
        self.faults.append(planted)
        return planted

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, or treat it as the first fault that concerns it says."""
        method, path = request.method, request.raw_path.split("?")[0].removeprefix("/api/v10")
        payload, files = await _read(request)

        async def act() -> web.Response:
            return self._act(request, method, path, payload, files)

        self.under_way += 1
        try:
            for fault in self.faults:
                if fault.concerns(method, path):
                    fault.times -= 1
                    fault.met += 1
                    return await fault.trouble(request, act)
            return await act()
        finally:
            self.under_way -= 1

    def _act(
        self, request: web.Request, method: str, path: str, payload: Any, files: list[Upload]
    ) -> web.Response:
        nonce = payload.get("nonce") if isinstance(payload, dict) and payload.get("enforce_nonce") else None
        now = self.backend.clock.now()
        if nonce is not None:
            at, before = self._nonces.get((path, str(nonce)), (now, None))
            if before is not None and now - at < NONCE_KEPT:
                return answer(before)
        try:
            said = router.dispatch(
                self.backend,
                method,
                path,
                json=payload,
                params=dict(request.query),
                files=files,
                reason=request.headers.get("X-Audit-Log-Reason"),
                message_content_access=False,
            )
        except (router.RouteNotImplemented, router.UnsupportedField) as gap:
            self.unknown.append(str(gap))
            raise
        except BackendError as error:
            return answer(error.to_json(), error.status)
        if nonce is not None:
            said = {**said, "nonce": nonce}
            self._nonces[path, str(nonce)] = (now, said)
        return answer(said) if said is not None else web.Response(status=204, headers={"Via": "1.1 google"})


async def _read(request: web.Request) -> tuple[Any, list[Upload]]:
    if not request.content_type.startswith("multipart/"):
        body = await request.read()
        return (json.loads(body) if body else None), []
    payload, files = None, []
    reader = await request.multipart()
    async for part in reader:
        assert isinstance(part, BodyPartReader)
        if part.name == "payload_json":
            payload = json.loads(await part.text())
        else:
            files.append(Upload(io.BytesIO(await part.read()), part.filename or "file"))
    return payload, files


async def briefly() -> None:
    """Let the loop turn, and others on this machine work."""
    await asyncio.sleep(0.005)
