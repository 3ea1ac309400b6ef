"""Something is wrong on our side."""

from dataclasses import dataclass

from points_core.errors.roots import Fault


@dataclass(eq=False)
class DatabaseUnavailable(Fault):
    """The database could not be used: `why`, in the database's own words."""

    why: str


@dataclass(eq=False)
class LedgerCorrupt(Fault):
    """The books contradict themselves: `what`, and where."""

    what: str


@dataclass(eq=False)
class BooksClosed(Fault):
    """The books of `community` failed their verification and take nothing new: `why`."""

    community: str
    why: str


@dataclass(eq=False)
class BackupFailed(Fault):
    """A backup could not be made or put back: `why`."""

    why: str


@dataclass(eq=False)
class SettingsInvalid(Fault):
    """The environment variable `name` cannot be used: `why`."""

    name: str
    why: str
