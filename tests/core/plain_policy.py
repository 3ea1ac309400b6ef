"""One community's policy kept in plain lists, for plain_books.py to stand on."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn

from points_core.errors import InvalidSetting, UnknownCategory
from points_core.policy import Category, Policy
from points_core.settings import DEFAULT_CATEGORIES
from points_core.values import Origin


@dataclass
class Rules:
    """The part of a policy that decides about points."""

    min_award: int = 1
    max_award: int = 1_000
    daily_limit: int | None = None
    approval_threshold: int | None = 100
    quorum: int = 1
    request_hours: int = 72
    allow_negative: bool = False
    timezone: str = "UTC"


@dataclass
class PlainPolicy:
    """A community's rules and categories."""

    rules: Rules = field(default_factory=Rules)
    version: int = 0
    categories: list[Category] = field(
        default_factory=lambda: [Category(n, name, False) for n, name in enumerate(DEFAULT_CATEGORIES, 1)]
    )
    changes: set[tuple[str, str, str]] = field(default_factory=set)

    def policy(self) -> Policy:
        return Policy(**asdict(self.rules), version=self.version, categories=tuple(self.categories))

    def change(self, origin: Origin, **changes: Any) -> Policy:
        done = (origin.key, "change", ",".join(sorted(changes)))
        rules = replace(self.rules, **changes)
        if done in self.changes:
            return self.policy()
        if rules.min_award > rules.max_award:
            raise InvalidSetting("min_award", rules.min_award, "")
        if rules != self.rules:
            self.rules = rules
            self._changed(done)
        return self.policy()

    def add_category(self, origin: Origin, name: str) -> Policy:
        done = (origin.key, "add", name)
        if done in self.changes:
            return self.policy()
        known = self._find_category(name)
        if known is None:
            self.categories.append(Category(len(self.categories) + 1, name, False))
        elif known.retired:
            self.categories[known.id - 1] = replace(known, retired=False)
        else:
            raise InvalidSetting("categories", name, "")
        return self._changed(done)

    def retire_category(self, origin: Origin, name: str) -> Policy:
        done = (origin.key, "retire", name)
        if done in self.changes:
            return self.policy()
        category = self._open_category(name)
        self.categories[category.id - 1] = replace(category, retired=True)
        return self._changed(done)

    def rename_category(self, origin: Origin, name: str, to: str) -> Policy:
        done = (origin.key, "rename", name)
        if done in self.changes:
            return self.policy()
        category = self._open_category(name)
        taken = self._find_category(to)
        if taken is not None and taken.id != category.id:
            raise InvalidSetting("categories", to, "")
        self.categories[category.id - 1] = replace(category, name=to)
        return self._changed(done)

    def _changed(self, done: tuple[str, str, str]) -> Policy:
        self.changes.add(done)
        self.version += 1
        return self.policy()

    def _find_category(self, name: str) -> Category | None:
        return next((c for c in self.categories if c.name == name), None)

    def _category(self, name: str | None) -> Category | None:
        if name is None:
            return None
        return self._find_category(name) or self._unknown_category(name)

    def _open_category(self, name: str) -> Category:
        found = self._find_category(name)
        return self._unknown_category(name) if found is None or found.retired else found

    def _unknown_category(self, name: str | None) -> NoReturn:
        raise UnknownCategory(name or "", tuple(c.name for c in self.categories if not c.retired))

    def _name(self, category: int | None) -> str | None:
        return None if category is None else self.categories[category - 1].name
