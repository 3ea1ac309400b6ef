"""API clients: programs that may use a community's points, each with a token, scopes and limits of its own.

A token is 256 random bits, shown once to who asked for it; what is kept is its SHA-256. That is enough for a
secret nobody can guess, and needs no slow hash.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from points_core import audit, communities, outbox, policy
from points_core.communities import Head
from points_core.errors import InvalidSetting, UnknownClient
from points_core.models import ApiClient, Community
from points_core.outbox import Topic
from points_core.policy import Policy
from points_core.values import MAX_AMOUNT, MAX_NAME, Origin, bounded, clean_text

TOKEN_BYTES = 32
TOKEN_PREFIX = "pts_"  # noqa: S105 - so that secret scanners recognise a token that was published by mistake
TOKEN_LENGTH = len(TOKEN_PREFIX) + 43  # 32 bytes in unpadded base64
PER_MINUTE = 120  # requests a minute, unless the token says otherwise
MAX_PER_MINUTE = 6_000
MAX_CLIENTS = 100  # that work at once in one community


class Scope(StrEnum):
    """What a token may be used for; `admin` includes all the others."""

    READ = "read"
    AWARD = "award"
    DEDUCT = "deduct"
    APPROVE = "approve"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Client:
    """A program of one community; `number` is its number there.

    `per_minute` requests a minute, `max_amount` points in one award or deduction (None: the community's own
    maximum alone). `replayed` when the key was seen before and nothing new was made.
    """

    community: str
    number: int
    name: str
    scopes: frozenset[Scope]
    per_minute: int
    max_amount: int | None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    replayed: bool = False

    def may(self, scope: Scope) -> bool:
        """Return whether the client's token has `scope`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def works(self, now: datetime) -> bool:
        """Return whether the token is accepted at `now`: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def new_token() -> str:
    """Return a new random token, 47 characters."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode()


def hashed(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def create(
    tx: Connection,
    origin: Origin,
    *,
    token: str,
    name: str,
    scopes: Collection[Scope],
    per_minute: int = PER_MINUTE,
    max_amount: int | None = None,
    expires_at: datetime | None = None,
) -> Client:
    """Let a program in with `token` (from `new_token`; show it once, it cannot be shown again).

    Returns the client; for a key used before the first one, with `replayed`: `token` is then not its token.
    Raises InvalidText, InvalidSetting.
    """
    name = clean_text("name", name, MAX_NAME)
    listed = _scopes(scopes)
    _check_limits(per_minute, max_amount)
    if expires_at is not None and expires_at <= origin.at:
        raise InvalidSetting("expires_at", expires_at.isoformat(), "a time to come")
    head, rules = policy.locked(tx, origin)
    if earlier := _by_key(tx, head.community_id, origin.key):
        return replace(earlier, replayed=True)
    if sum(c.works(origin.at) for c in listed_all(tx, origin.community)) >= MAX_CLIENTS:
        raise InvalidSetting("clients", name, f"one of at most {MAX_CLIENTS}; revoke one first")
    head.clients += 1
    tx.execute(
        insert(ApiClient).values(
            community_id=head.community_id,
            id=head.clients,
            name=name,
            token_hash=hashed(token),
            scopes=listed,
            per_minute=per_minute,
            max_amount=max_amount,
            key=origin.key,
            created_at=origin.at,
            expires_at=expires_at,
        )
    )
    after = {"name": name, "scopes": listed, "per_minute": per_minute, "max_amount": max_amount}
    _log(tx, head, origin, rules, "client.create", head.clients, None, after)
    return get(tx, origin.community, head.clients)


def revoke(tx: Connection, origin: Origin, number: int) -> Client:
    """End a client's token, for good; one that is revoked stays so. Raises UnknownClient.

    Closed books do not stand in the way: a token that got about must be stopped whatever else is wrong.
    """
    head = communities.lock(tx, origin.community)
    if head is None:
        raise UnknownClient(number)
    rules = policy.by_number(tx, head.community_id)
    client = get(tx, origin.community, number)
    if client.revoked_at is not None:
        return replace(client, replayed=True)
    tx.execute(
        update(ApiClient)
        .where(ApiClient.community_id == head.community_id, ApiClient.id == number)
        .values(revoked_at=origin.at)
    )
    _log(tx, head, origin, rules, "client.revoke", number, {"name": client.name}, None)
    return replace(client, revoked_at=origin.at)


def listed_all(tx: Connection, community: str) -> tuple[Client, ...]:
    """Return the community's clients in the order they were made, revoked ones included."""
    rows = tx.execute(_CLIENTS.where(Community.key == community).order_by(ApiClient.id))
    return tuple(_client(row) for row in rows)


def get(tx: Connection, community: str, number: int) -> Client:
    """Return the community's client `number`. Raises UnknownClient."""
    this = _CLIENTS.where(Community.key == community, ApiClient.id == bounded(number))
    row = tx.execute(this).one_or_none()
    if row is None:
        raise UnknownClient(number)
    return _client(row)


def authenticate(tx: Connection, token: str, now: datetime) -> Client | None:
    """Return the client whose token this is, None for no token of ours, a revoked or an expired one."""
    presented = hashed(token)
    row = tx.execute(_BY_HASH, {"hash": presented}).one_or_none()
    if row is None or not hmac.compare_digest(row.token_hash, presented):
        return None
    client = _client(row)
    return client if client.works(now) else None


def used(tx: Connection, community: str, number: int, at: datetime) -> None:
    """Remember when a client's token was last used; the caller decides how often that is worth a write."""
    community_id = communities.find(tx, community)
    tx.execute(
        update(ApiClient)
        .where(ApiClient.community_id == community_id, ApiClient.id == number)
        .values(last_used_at=at)
    )


_CLIENTS = select(
    Community.key.label("community"),
    ApiClient.id,
    ApiClient.name,
    ApiClient.token_hash,
    ApiClient.scopes,
    ApiClient.per_minute,
    ApiClient.max_amount,
    ApiClient.created_at,
    ApiClient.expires_at,
    ApiClient.last_used_at,
    ApiClient.revoked_at,
).join(Community, Community.id == ApiClient.community_id)
_BY_HASH = _CLIENTS.where(ApiClient.token_hash == bindparam("hash"))


def _client(row: Any) -> Client:  # noqa: ANN401 - a row of _CLIENTS
    return Client(
        community=row.community,
        number=row.id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        per_minute=row.per_minute,
        max_amount=row.max_amount,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _by_key(tx: Connection, community_id: int, key: str) -> Client | None:
    found = _CLIENTS.where(ApiClient.community_id == community_id, ApiClient.key == key)
    row = tx.execute(found).one_or_none()
    return _client(row) if row else None


def _scopes(scopes: Collection[Scope]) -> list[str]:
    try:
        wanted = {Scope(scope) for scope in scopes}
    except ValueError:
        wanted = set()
    if not wanted:
        raise InvalidSetting("scopes", ", ".join(map(str, scopes)), "one or more of " + ", ".join(Scope))
    return [scope.value for scope in Scope if scope in wanted]


def _check_limits(per_minute: int, max_amount: int | None) -> None:
    if type(per_minute) is not int or not 1 <= per_minute <= MAX_PER_MINUTE:
        raise InvalidSetting("per_minute", per_minute, f"from 1 to {MAX_PER_MINUTE:,}")
    if max_amount is not None and (type(max_amount) is not int or not 1 <= max_amount <= MAX_AMOUNT):
        raise InvalidSetting("max_amount", max_amount, f"from 1 to {MAX_AMOUNT:,}")


def _log(
    tx: Connection,
    head: Head,
    origin: Origin,
    rules: Policy,
    action: str,
    number: int,
    before: audit.Document | None,
    after: audit.Document | None,
) -> None:
    event = audit.record(
        tx, head, origin, action=action, target=f"client:{number}", before=before, after=after
    )
    if rules.log_channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(event), at=origin.at, place=rules.log_channel)
    communities.save(tx, head)
