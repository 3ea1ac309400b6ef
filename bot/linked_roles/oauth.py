"""What is asked of Discord with a member's permission (OAuth2), and what its answers mean.

There is no PKCE: Discord answers `invalid_scope` to a code challenge together with `role_connections.write`, on
purpose (discord-api-docs issue 5751). The client secret and the visit's state stand in for it.
No error here holds a token or a body: they may be logged.
"""

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from discord.http import Route

AUTHORIZE: Final = "https://discord.com/oauth2/authorize"
SCOPES: Final = ("identify", "role_connections.write")
TIMEOUT_S: Final = 10.0  # for one request: name, connection, answer
MAX_ANSWER: Final = 64 * 1024  # bytes that are read of an answer; Discord's are a few hundred
MAX_TOKEN: Final = 4_096
WAIT_S: Final = 40.0  # where Discord does not say how long
LONGEST_WAIT_S: Final = 3_600.0
STALE_TOKEN: Final = 50025  # Discord's code: this access token is not valid

_ID = re.compile(r"[1-9][0-9]{14,19}", re.ASCII)  # Discord's first accounts have 15 digits
_ERROR = re.compile(r"[a-z_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a member permitted: tokens that are nobody else's business, not even a traceback's."""

    user_id: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """A permission as Discord gives it, for so many seconds; the person is to be asked for."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int


class Over(Exception):
    """The permission is no more: taken back, run out, or used up."""


class Stale(Exception):
    """Discord does not take this access token any more; a renewed one may do."""


class WrongClient(Exception):
    """Discord does not know the client id with this secret: the host's mistake, nobody's permission is over."""


class Denied(Exception):
    """Discord refuses for a reason of its own; the same request would be refused again."""


class NotNow(Exception):
    """Ask again after `seconds`; `everything`: ask nothing at all before."""

    def __init__(self, why: str, seconds: float = WAIT_S, *, everything: bool = False) -> None:
        super().__init__(why)
        self.seconds = min(max(seconds, 1.0), LONGEST_WAIT_S)
        self.everything = everything


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any]
    wait: float | None  # seconds, from its headers or its body
    spent: float  # seconds until this route may be asked again, 0 if now


class DiscordOAuth:
    """Discord's side of it. `api` is where discord.py itself asks, unless said otherwise."""

    def __init__(
        self,
        client_id: str,
        secret: str,
        redirect: str,
        *,
        api: str | None = None,
        authorize: str = AUTHORIZE,
    ) -> None:
        self.client_id = client_id
        self._login = "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()
        self._redirect = redirect
        self._api = api or Route.BASE
        self._authorize = authorize
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def address(self, state: str) -> str:
        """Return the page on which Discord asks a member for the permission."""
        query = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self._redirect,
            "scope": " ".join(SCOPES),
            "state": state,
            "prompt": "consent",
        }
        return f"{self._authorize}?{urlencode(query)}"

    async def granted(self, code: str) -> Granted:
        """Return the permission that a code stands for. Raises Over for a code that is worth nothing."""
        return await self._token(
            grant_type="authorization_code", code=code, redirect_uri=self._redirect, wanted=SCOPES[1]
        )

    async def renewed(self, permission: Permission) -> Granted:
        """Return a permission in place of one that runs out; the old one is then worth nothing."""
        return await self._token(grant_type="refresh_token", refresh_token=permission.refresh)

    async def whose(self, access: str) -> tuple[str, str | None]:
        """Return the id and name of whoever gave a permission, if it was given to this application."""
        answer = await self._ask("GET", "/oauth2/@me", access=access)
        user, application = answer.body.get("user"), answer.body.get("application")
        if not isinstance(user, dict) or not isinstance(application, dict):
            raise Denied("Discord did not say whose permission it is")
        user_id = user.get("id")
        if not isinstance(user_id, str) or not _ID.fullmatch(user_id):
            raise Denied("Discord did not say whose permission it is")
        if application.get("id") != self.client_id:
            raise Denied("the permission is for another application")
        name = user.get("global_name") or user.get("username")
        return user_id, name if isinstance(name, str) else None

    async def show(self, permission: Permission, platform: str, values: dict[str, int]) -> float:
        """Show values on a member's account; return the seconds before which not to ask again for them."""
        body = {"platform_name": platform, "metadata": {name: str(value) for name, value in values.items()}}
        return (await self._ask("PUT", self._connection, access=permission.access, body=body)).spent

    async def clear(self, permission: Permission) -> float:
        """Show nothing any more on a member's account; return what `show` does."""
        try:
            return (await self._ask("DELETE", self._connection, access=permission.access)).spent
        except Missing:
            return 0.0

    async def revoke(self, permission: Permission) -> None:
        """Give a permission back."""
        form = {"token": permission.refresh, "token_type_hint": "refresh_token"}
        answer = await self._sent("POST", "/oauth2/token/revoke", form=form)
        if answer.status >= 400:
            raise self._trouble(answer, everybodys=True)

    @property
    def _connection(self) -> str:
        return f"/users/@me/applications/{self.client_id}/role-connection"

    async def _token(self, *, wanted: str | None = None, **form: str) -> Granted:
        answer = await self._sent("POST", "/oauth2/token", form=form)
        if answer.status >= 400:
            raise self._trouble(answer, everybodys=True)
        given = answer.body
        access, refresh, seconds = (
            given.get(name) for name in ("access_token", "refresh_token", "expires_in")
        )
        sound = all(isinstance(each, str) and 0 < len(each) <= MAX_TOKEN for each in (access, refresh))
        if not sound or type(seconds) is not int or not 0 < seconds < 2**31:
            raise Denied("Discord's permission is not of the documented shape")
        if wanted is not None and wanted not in str(given.get("scope", "")).split():
            raise Denied(f"the permission is without {wanted}")
        return Granted(str(access), str(refresh), seconds)

    async def _ask(
        self, method: str, path: str, *, access: str, body: dict[str, Any] | None = None
    ) -> _Answer:
        answer = await self._sent(method, path, access=access, body=body)
        if answer.status == 401 or answer.body.get("code") == STALE_TOKEN:
            raise Stale
        if answer.status == 404 and method == "DELETE":
            raise Missing
        if answer.status >= 400:
            raise self._trouble(answer)
        return answer

    def _trouble(self, answer: _Answer, *, everybodys: bool = False) -> Exception:
        """Return what an answer means; `everybodys`: a limit of its route is not one member's own."""
        if answer.status == 429:
            # what says nothing of a route stops everything: Discord bans whoever goes on asking
            everything = everybodys or answer.body.get("global") is not False
            return NotNow("Discord asks to wait", answer.wait or WAIT_S, everything=everything)
        if answer.status >= 500:
            return NotNow(f"HTTP {answer.status}", answer.wait or WAIT_S)
        said = answer.body.get("error")
        error = said if isinstance(said, str) and _ERROR.fullmatch(said) else None
        if error == "invalid_grant":
            return Over("the permission was taken back at Discord, or ran out")
        if error in ("invalid_client", "unauthorized_client") or answer.status == 401:
            return WrongClient("Discord does not know DISCORD_CLIENT_ID with this DISCORD_CLIENT_SECRET")
        code = answer.body.get("code")
        reason = error or (f"code {code}" if type(code) is int else "no reason given")
        return Denied(f"HTTP {answer.status}, {reason}")

    async def _sent(
        self,
        method: str,
        path: str,
        *,
        access: str | None = None,
        form: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> _Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {"Authorization": f"Bearer {access}" if access else self._login}
        try:
            async with self._session.request(
                method,
                self._api + path,
                headers=headers,
                data=form,
                json=body,
                allow_redirects=False,
            ) as response:
                return _answer(response.status, response.headers, await _read(response))
        except TimeoutError as error:
            raise NotNow(f"no answer within {TIMEOUT_S:g} seconds") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NotNow(f"the connection broke: {type(error).__name__}") from error


class Missing(Exception):
    """There is nothing to take away."""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of a body: whatever is longer is no answer of Discord's."""
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_any():
        parts.append(part)
        length += len(part)
        if length > MAX_ANSWER:
            response.close()
            break
    return b"".join(parts)


def _answer(status: int, headers: Any, content: bytes) -> _Answer:  # noqa: ANN401 - a multidict
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        body = {}
    body = body if isinstance(body, dict) else {}
    if status < 200 or 300 <= status < 400:
        raise NotNow(f"HTTP {status}, which is no answer of Discord's")
    said = _seconds(body.get("retry_after")) or _seconds(headers.get("Retry-After"))
    spent = (
        _seconds(headers.get("X-RateLimit-Reset-After"))
        if headers.get("X-RateLimit-Remaining") == "0"
        else None
    )
    return _Answer(status, body, said, min(spent or 0.0, LONGEST_WAIT_S))


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
