"""A value that cannot be stored, counted or shown."""

from dataclasses import dataclass

from points_core.errors.roots import Refused


@dataclass(eq=False)
class InvalidAmount(Refused):
    """`amount` (as given) is not a whole number from `minimum` to `maximum` points."""

    amount: object
    minimum: int
    maximum: int


@dataclass(eq=False)
class InvalidText(Refused):
    """The text in `field` is empty, longer than `limit` characters, or holds what cannot be stored."""

    field: str
    limit: int


@dataclass(eq=False)
class InvalidTime(Refused):
    """`text` is no date or time that can be used here."""

    text: str


@dataclass(eq=False)
class InvalidSetting(Refused):
    """`value` cannot be the setting `name`; `expected` says in a few words what can."""

    name: str
    value: object
    expected: str
