"""Nothing of that name or number is here, or nothing that could be told."""

from dataclasses import dataclass

from points_core.errors.roots import Refused


@dataclass(eq=False)
class UnknownCategory(Refused):
    """The community has no open category `category`; `known` are those it has."""

    category: str
    known: tuple[str, ...]


@dataclass(eq=False)
class UnknownTransaction(Refused):
    """The community has no transaction `number`."""

    number: int


@dataclass(eq=False)
class UnknownRequest(Refused):
    """The community has no approval request `number`."""

    number: int


@dataclass(eq=False)
class UnknownSchedule(Refused):
    """The community has no schedule `number`."""

    number: int


@dataclass(eq=False)
class UnknownClient(Refused):
    """The community has no API client `number`."""

    number: int


@dataclass(eq=False)
class UnknownWebhook(Refused):
    """The community has no webhook `number`, or none any more."""

    number: int


@dataclass(eq=False)
class UnknownDelivery(Refused):
    """The community has no delivery `number` that could be sent anew."""

    number: int


@dataclass(eq=False)
class UnknownRule(Refused):
    """The community has no rule `number`."""

    number: int


@dataclass(eq=False)
class UnknownBadge(Refused):
    """The community has no badge `number`."""

    number: int


@dataclass(eq=False)
class UnknownSeason(Refused):
    """The community has no season `season`; `known` are those it has."""

    season: str
    known: tuple[str, ...]


@dataclass(eq=False)
class UnknownMember(Refused):
    """The community keeps nothing about `user_id`."""

    user_id: str


@dataclass(eq=False)
class UnknownBatch(Refused):
    """The community has no batch `number`."""

    number: int
