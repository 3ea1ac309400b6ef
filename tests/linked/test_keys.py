"""Keys made of the client secret: whatever is put in place of what they made, nothing comes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.linked_roles.keys import NoVisit, Seal, Unreadable, Visits
from bot.linked_roles.oauth import Permission
from tests.linked.conftest import ADA, GRACE, NOON

PERMISSION = Permission(ADA, "access", "refresh")
SEALED = Seal("secret").closed(PERMISSION)


def test_what_is_sealed_is_opened_with_the_same_secret_for_the_same_person_alone() -> None:
    assert Seal("secret").opened(SEALED, ADA) == PERMISSION
    assert Seal("secret").opened(SEALED, None) == PERMISSION
    with pytest.raises(Unreadable):
        Seal("secret").opened(SEALED, GRACE)
    with pytest.raises(Unreadable):
        Seal("another").opened(SEALED, ADA)


def test_nothing_of_it_can_be_read_and_it_never_looks_the_same() -> None:
    assert b"access" not in SEALED
    assert Seal("secret").closed(PERMISSION) != SEALED


def test_a_visit_cannot_be_opened_as_a_permission_nor_a_permission_used_as_a_visit() -> None:
    visits = Visits("secret")
    state, cookie = visits.begin(NOON)
    with pytest.raises(Unreadable):
        Seal("secret").opened(cookie.encode(), None)
    with pytest.raises(NoVisit):
        visits.end(SEALED.decode(), state, NOON)


@given(some.binary(max_size=300))
def test_bytes_that_were_not_sealed_here_are_unreadable(sealed: bytes) -> None:
    with pytest.raises(Unreadable):
        Seal("secret").opened(sealed, None)


@given(some.integers(0, len(SEALED) - 1), some.integers(1, 255))
def test_a_seal_with_a_changed_byte_is_broken(place: int, flip: int) -> None:
    changed = bytes(each ^ flip if at == place else each for at, each in enumerate(SEALED))
    try:
        opened = Seal("secret").opened(changed, None)
    except Unreadable:
        return
    # base64 has several spellings of its last bits, which mean the same
    assert opened == PERMISSION
    assert place >= len(SEALED.rstrip(b"=")) - 1


ANY = some.none() | some.text(max_size=300) | some.characters(categories=["Cs"])


@given(ANY, ANY)
def test_whatever_a_browser_brings_that_was_not_begun_here_is_no_visit(
    cookie: str | None, state: str | None
) -> None:
    with pytest.raises(NoVisit):
        Visits("secret").end(cookie, state, NOON)


@given(ANY)
def test_whatever_state_comes_with_a_true_cookie_it_has_to_be_its_own(state: str | None) -> None:
    visits = Visits("secret")
    own, cookie = visits.begin(NOON)
    with pytest.raises(NoVisit):
        visits.end(cookie, state, NOON)
    visits.end(cookie, own, NOON)
    with pytest.raises(NoVisit):
        visits.end(cookie, own, NOON)


def test_what_was_used_stays_used() -> None:
    visits = Visits("secret")
    first = visits.begin(NOON)
    visits.end(first[1], first[0], NOON)
    for _ in range(100):
        state, cookie = visits.begin(NOON)
        visits.end(cookie, state, NOON)
    with pytest.raises(NoVisit):
        visits.end(first[1], first[0], NOON)
