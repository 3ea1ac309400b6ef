"""A Redis of our own over loopback that syncs every change, spoken to by a bare socket."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
AT_ONCE = 10_000  # commands sent before their answers are read
START_S = 10.0


class Redis:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((LOOPBACK, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    @classmethod
    @contextmanager
    def running(cls, program: str, folder: Path) -> Iterator["Redis"]:
        """Start a server that keeps its file in `folder`, and stop it in the end."""
        with socket.socket() as found:
            found.bind((LOOPBACK, 0))
            port = found.getsockname()[1]
        options = f"--port {port} --bind {LOOPBACK} --dir {folder} --appendonly yes --appendfsync always --save".split()
        server = subprocess.Popen([program, *options, ""], stdout=subprocess.DEVNULL)
        try:
            connected = cls._connected(port)
            yield connected
            connected.close()
        finally:
            server.terminate()
            server.wait()

    @classmethod
    def _connected(cls, port: int) -> "Redis":
        until = time.monotonic() + START_S
        while True:
            try:
                return cls(port)
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def close(self) -> None:
        """Hang up."""
        self.answers.close()
        self.socket.close()

    def call(self, *words: str) -> Any:
        """Send one command and return its answer."""
        self.socket.sendall(_command(words))
        return self._answer()

    def fill(self, key: str, scores: Sequence[Sequence[int]]) -> None:
        """Put members and their scores into a sorted set."""
        for start in range(0, len(scores), AT_ONCE):
            words = ["ZADD", key]
            for member, points in scores[start : start + AT_ONCE]:
                words += [str(points), str(member)]
            self.call(*words)

    def _answer(self) -> Any:
        line = self.answers.readline()
        sign, rest = line[:1], line[1:-2]
        if sign == b"-":
            raise RuntimeError(rest.decode())
        if sign == b"*":
            return [self._answer() for _ in range(int(rest))]
        if sign == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2]
        return rest if sign == b"+" else int(rest)


def _command(words: Sequence[str]) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
