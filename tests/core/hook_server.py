"""A real https server on loopback that remembers what it was told, and a way for deliveries to reach it."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from points_core.webhooks.sending import Sender

HOST = "hooks.example"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for HOST."""

    chain: Path
    key: Path

    @classmethod
    def made(cls, folder: Path) -> "Certificate":
        made = cls(folder / "chain.pem", folder / "key.pem")
        made_of = f"-newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST}"
        files = ["-keyout", str(made.key), "-out", str(made.chain)]
        subprocess.run(["openssl", "req", "-x509", *made_of.split(), *files], check=True, capture_output=True)
        return made

    def trusted(self) -> ssl.SSLContext:
        """Return what a client needs who trusts this certificate, and only this one."""
        return ssl.create_default_context(cafile=self.chain)


@dataclass(frozen=True)
class Told:
    """One request the server got."""

    path: str
    headers: dict[str, str]
    content: bytes


@dataclass
class Server:
    """What was told, with which status it answers, how slowly."""

    port: int = 0
    status: int = 204
    pause_s: float = 0.0
    told: list[Told] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/points?key=abc"

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            content = await request.read()
            await asyncio.sleep(self.pause_s)
            self.told.append(Told(request.path_qs, dict(request.headers), content))
            self.arrived.set()
            status = self.status
            headers = {"Location": "https://elsewhere.example/"} if status == 302 else {}
            return web.Response(status=status, headers=headers)
        finally:
            self.under_way -= 1


@asynccontextmanager
async def serving(certificate: Certificate) -> AsyncIterator[Server]:
    """Serve https on a free port of loopback."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    server = Server()
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        await web.SockSite(runner, listener, ssl_context=context).start()
        yield server
        await runner.cleanup()


class Names(AbstractResolver):
    """Answers for every name with the next of some addresses, the last one again and again."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        version = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=version, proto=0, flags=0)]

    async def close(self) -> None:
        return


def senders(certificate: Certificate) -> Callable[[], Sender]:
    """Return senders that may tell loopback, find every name there and trust the certificate."""
    return partial(
        Sender,
        allowed=lambda address: address.is_loopback,
        resolver=Names("127.0.0.1"),
        certificates=certificate.trusted(),
    )
