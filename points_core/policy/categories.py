"""A community's headings for points: opened, renamed, retired."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, insert, update

from points_core import audit
from points_core.communities import Head
from points_core.errors import InvalidSetting
from points_core.models import Category as CategoryRow
from points_core.policy.changing import put_on_record, store
from points_core.policy.document import Category, Policy
from points_core.policy.stored import by_number, locked
from points_core.values import MAX_CATEGORIES, MAX_CATEGORY_NAME, Origin, clean_text


@contextmanager
def _category_change(
    tx: Connection, origin: Origin, action: str, name: str
) -> Iterator[tuple[Head, Policy, bool]]:
    """Hold the community's lock around one change of its categories; yields whether it was made before."""
    head, policy = locked(tx, origin)
    done = audit.was_done(tx, head, origin, action, name)
    yield head, policy, done
    if not done:
        store(tx, head, policy.document, origin.at)


def add_category(tx: Connection, origin: Origin, name: str) -> Policy:
    """Open a category, or open a retired one again. Raises InvalidText, InvalidSetting."""
    name = _new_name(name)
    with _category_change(tx, origin, "category.add", name) as (head, policy, done):
        if not done:
            _add_category(tx, head, policy, name)
            made = {"name": name}
            put_on_record(
                tx, head, origin, policy, action="category.add", target=name, before=None, after=made
            )
    return by_number(tx, head.community_id)


def _add_category(tx: Connection, head: Head, policy: Policy, name: str) -> None:
    if len(policy.open_categories) >= MAX_CATEGORIES:
        raise InvalidSetting(
            "categories", name, f"at most {MAX_CATEGORIES} open categories; retire one first"
        )
    known = next((c for c in policy.categories if c.name.casefold() == name.casefold()), None)
    if known is None:
        tx.execute(
            insert(CategoryRow).values(
                community_id=head.community_id, id=len(policy.categories) + 1, name=name
            )
        )
    elif known.retired:
        tx.execute(_this_category(head, known).values(retired_at=None))
    else:
        raise InvalidSetting("categories", name, "a name that is not taken")


def retire_category(tx: Connection, origin: Origin, name: str) -> Policy:
    """Close a category to new points; its past stays. Raises InvalidText, UnknownCategory."""
    name = clean_text("category", name, MAX_CATEGORY_NAME)
    with _category_change(tx, origin, "category.retire", name) as (head, policy, done):
        if not done:
            category = _open_category(policy, name)
            tx.execute(_this_category(head, category).values(retired_at=origin.at))
            was = {"name": category.name}
            put_on_record(
                tx, head, origin, policy, action="category.retire", target=name, before=was, after=None
            )
    return by_number(tx, head.community_id)


def rename_category(tx: Connection, origin: Origin, name: str, to: str) -> Policy:
    """Give a category another name, for its past too. Raises UnknownCategory, InvalidText, InvalidSetting."""
    name = clean_text("category", name, MAX_CATEGORY_NAME)
    to = _new_name(to)
    with _category_change(tx, origin, "category.rename", name) as (head, policy, done):
        if not done:
            category = _open_category(policy, name)
            if any(c.name.casefold() == to.casefold() and c.id != category.id for c in policy.categories):
                raise InvalidSetting("categories", to, "a name that is not taken")
            tx.execute(_this_category(head, category).values(name=to))
            was, now = ({"id": category.id, "name": name} for name in (category.name, to))
            put_on_record(
                tx, head, origin, policy, action="category.rename", target=name, before=was, after=now
            )
    return by_number(tx, head.community_id)


def _new_name(name: str) -> str:
    """Return `name` as a category can be called: several are asked for with commas between them."""
    name = clean_text("category", name, MAX_CATEGORY_NAME)
    if "," in name:
        raise InvalidSetting("category", name, "a name without commas, which stand between names")
    return name


def _open_category(policy: Policy, name: str) -> Category:
    category = policy.category(name)
    assert category is not None
    return category


def _this_category(head: Head, category: Category) -> Any:  # noqa: ANN401 - an UPDATE
    return update(CategoryRow).where(
        CategoryRow.community_id == head.community_id, CategoryRow.id == category.id
    )
