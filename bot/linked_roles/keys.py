"""Keys made of the client secret: one seals what members permitted, another signs a browser's visit.

Whoever has the books or a backup, and not the secret, can do nothing with either. A new secret makes new keys:
members then link again.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from datetime import datetime
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.linked_roles.oauth import Permission

VISIT_S: Final = 600  # to read Discord's page and decide
MOST_VISITS: Final = 10_000  # remembered as used until they are too old anyway


class Unreadable(Exception):
    """What cannot be opened: sealed with another secret, or not for this person."""


class NoVisit(Exception):
    """A browser that comes back without having begun here, too late, or a second time."""


def _key(secret: str, purpose: str) -> Fernet:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=f"points-bot linked roles: {purpose}".encode())
    return Fernet(urlsafe_b64encode(derived.derive(secret.encode())))


class Seal:
    """Seals permissions, and opens them again."""

    def __init__(self, secret: str) -> None:
        self._fernet = _key(secret, "permissions")

    def closed(self, permission: Permission) -> bytes:
        """Return a permission as it is kept."""
        parts = [permission.user_id, permission.access, permission.refresh]
        return self._fernet.encrypt(json.dumps(parts).encode())

    def opened(self, sealed: bytes, user_id: str | None) -> Permission:
        """Return a permission again, if it is that of `user_id` (None: whoever's). Raises Unreadable."""
        try:
            whose, access, refresh = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise Unreadable from error
        if user_id not in (None, whose):
            raise Unreadable("it is another person's")
        return Permission(whose, access, refresh)


class Visits:
    """Browsers on their way to Discord and back: each comes back once, in time, with what it was given.

    What was used is remembered by this process. Another one, or this one after a restart, has Discord for it,
    which takes a code once.
    """

    def __init__(self, secret: str) -> None:
        self._fernet = _key(secret, "visits")
        self._used: OrderedDict[str, None] = OrderedDict()

    def begin(self, now: datetime) -> tuple[str, str]:
        """Return a new visit: the state that goes to Discord, the cookie that stays with the browser."""
        state = secrets.token_urlsafe(32)
        return state, self._fernet.encrypt_at_time(state.encode(), int(now.timestamp())).decode()

    def end(self, cookie: str | None, state: str | None, now: datetime) -> None:
        """Take a visit as used. Raises NoVisit if it is none, not this browser's, over, or was used before."""
        if not cookie or not state:
            raise NoVisit
        try:
            begun = self._fernet.decrypt_at_time(cookie.encode(), VISIT_S, int(now.timestamp())).decode()
        except (InvalidToken, UnicodeError) as error:
            raise NoVisit from error
        if not hmac.compare_digest(begun.encode(), state.encode("utf-8", "replace")) or begun in self._used:
            raise NoVisit
        self._used[begun] = None
        if len(self._used) > MOST_VISITS:
            self._used.popitem(last=False)
