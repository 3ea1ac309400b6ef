"""How the books are sealed: what a transaction's hash covers, and how a request is committed to.

The chain covers only surrogate numbers, integers, times and commitments, so that a person's texts and
identity can be erased and every hash still recomputes. The commitment is salted (128 random bits a row):
without the salt, which erasure deletes, nobody can try reasons against it.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

SALT_BYTES = 16
SALTS_AT_ONCE = (
    1_000  # asking for each alone lets go of Python's lock so briefly that no other thread gets it
)

CHAINED = (
    "community_id",
    "seq",
    "member_id",
    "member_seq",
    "kind",
    "amount",
    "balance_after",
    "floor",
    "category_id",
    "actor_kind",
    "actor_id",
    "validator_id",
    "request_number",
    "reverses",
    "request_hash",
    "effective_at",
    "recorded_at",
    "batch",
    "rule_number",
    "rule_version",
)
"""The columns a hash covers, in this order; a NULL is left out, so that later columns keep old hashes true."""

_PLAIN = frozenset({int, str})  # what most columns hold, and what a hash covers as it is

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_written = json.JSONEncoder(ensure_ascii=False).encode  # what json.dumps makes anew for each call


class _Salts(threading.local):
    """What a thread has left of the random bytes it asked for."""

    def __init__(self) -> None:
        self.left: list[bytes] = []

    def forget(self) -> None:
        """Begin anew: a forked process must not go on with what its parent goes on with."""
        self.left.clear()


_salts = _Salts()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_salts.forget)


def new_salt() -> bytes:
    """Return 128 random bits that nobody had before."""
    left = _salts.left
    if not left:
        drawn = os.urandom(SALT_BYTES * SALTS_AT_ONCE)
        left += [drawn[start : start + SALT_BYTES] for start in range(0, len(drawn), SALT_BYTES)]
    return left.pop()


def link(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 that seals `row` (a point_transactions row by column) onto the hash before it."""
    parts = []
    for name in CHAINED:
        value = row[name]
        if value is not None:
            parts.append(f"{name}={value if value.__class__ in _PLAIN else _plain(value)}")
    return hashlib.sha256(previous + "\n".join(parts).encode()).digest()


def _plain(value: Any) -> str:  # noqa: ANN401 - a column's value
    if isinstance(value, datetime):
        return str((value - _EPOCH) // _MICROSECOND)
    return value.hex() if isinstance(value, bytes) else str(value)


def commitment(
    salt: bytes,
    *,
    key: str,
    kind: str,
    member_id: int,
    amount: int,
    category_id: int | None,
    reason: str | None,
    evidence: str | None,
    reverses: int | None = None,
    effective_at: datetime | None = None,
) -> bytes:
    """Return the salted SHA-256 of everything that was asked; equal only for the same request.

    `effective_at` is what the caller gave, None where the time of writing was meant.
    """
    moment = _plain(effective_at) if effective_at else None
    asked = [key, kind, member_id, amount, category_id, reason, evidence, reverses, moment]
    return hashlib.sha256(salt + _written(asked).encode()).digest()
