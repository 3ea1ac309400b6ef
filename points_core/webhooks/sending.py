"""One delivery over https: signed, to a public address only, without redirects, its answer unread.

What is allowed is decided with each socket, after the name was resolved: a name that leads to a private
address, or to another one a moment later, leads nowhere.
"""

import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from points_core.webhooks.addresses import Address, is_public
from points_core.webhooks.deliveries import Letter

TIMEOUT_S: Final = 10.0  # for all of it: name, connection, answer
USER_AGENT: Final = "points-bot (webhook)"

AddrInfo = tuple[Any, ...]


class NotTaken(Exception):
    """A delivery that did not arrive; its text says why, without anything secret."""


class NotPublic(OSError):
    """A name that leads to an address which may not be told."""


class Sender:
    """Sends deliveries for the length of an `async with` block.

    allowed: which IP addresses may be connected to. resolver, certificates: in place of the system's.
    """

    def __init__(
        self,
        *,
        allowed: Callable[[Address], bool] = is_public,
        resolver: AbstractResolver | None = None,
        certificates: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._certificates = certificates
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Get ready to send."""
        connector = aiohttp.TCPConnector(
            resolver=self._resolver or ThreadedResolver(),
            use_dns_cache=False,
            socket_factory=self._socket,
            ssl=self._certificates or True,
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close what is open."""
        assert self._session is not None
        await self._session.close()

    async def send(self, letter: Letter, at: datetime) -> str:
        """Deliver, and return how it was taken; any 2xx will do. Raises NotTaken."""
        assert self._session is not None
        content = json.dumps(letter.body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Points-Event": letter.topic.value,
            "Points-Delivery": str(letter.id),
            "Points-Signature": signature(letter.secret, content, at),
        }
        try:
            async with self._session.post(
                letter.url, data=content, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
                answer.close()  # whatever it says is not read
        except TimeoutError as error:
            raise NotTaken(f"no answer within {self._timeout.total:g} seconds") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NotTaken(_why(error)) from error
        if 200 <= status < 300:
            return f"HTTP {status}"
        raise NotTaken(f"HTTP {status}" + (", and redirects are not followed" if status // 100 == 3 else ""))

    def _socket(self, found: AddrInfo) -> socket.socket:
        family, kind, protocol, _, where = found
        address = ip_address(str(where[0]).partition("%")[0])
        if not self._allowed(address):
            raise NotPublic(f"{address} is not a public address")
        return socket.socket(family, kind, protocol)


def signature(secret: str, content: bytes, at: datetime) -> str:
    """Return the Points-Signature header of a body sent at `at`: `t=<unix>,v1=<hex HMAC-SHA-256>`."""
    t = str(int(at.timestamp()))
    signed = hmac.new(secret.encode(), t.encode() + b"." + content, hashlib.sha256)
    return f"t={t},v1={signed.hexdigest()}"


def _why(error: BaseException) -> str:
    """Return the reason at the bottom of an error; the errors above name the address, which may be secret."""
    while (cause := error.__cause__) is not None:
        error = cause
    if isinstance(error, NotPublic):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
