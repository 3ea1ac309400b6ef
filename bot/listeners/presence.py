"""Who was in a voice channel for how long, as rules count it. Plain counting: told the time and who is where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LONGEST: Final = timedelta(minutes=2)
"""Between two looks: after a longer silence (the connection was gone) nobody knows who was there meanwhile."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """A person in a voice channel; `session` is Discord's for this stay, `heard` when neither muted nor deafened."""

    user_id: str
    session: str
    heard: bool


@dataclass(frozen=True, slots=True)
class Meter:
    """How a rule counts presence: each full `minutes`, after `grace` of a stay, with `people` there, up to `most`.

    A stay lasts until somebody leaves voice, whatever channels they go to. `channel` None counts in every one.
    `event` is the scheduled event whose attendance is counted: then once a person, over all their stays, whether
    heard or not.
    """

    rule: int
    minutes: int
    grace: timedelta = timedelta(0)
    people: int = 1
    most: timedelta | None = None
    channel: str | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody was there for as long as `meter` asks, once more, `at` that moment; `minutes` in all until then."""

    meter: Meter
    occupant: Occupant
    channel: str
    minutes: int
    people: int
    at: datetime


_Count = tuple[int, str | None, str]  # the rule, the event it counts at, the person
Rooms = Mapping[str, tuple[Occupant, ...]]
"""Who is in each voice channel: people only, no bots."""


class Presence:
    """One server's voice channels, looked at whenever something changes there and from time to time."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._rooms: Rooms = {}
        self._since: dict[str, datetime] = {}
        self._counted: dict[_Count, timedelta] = {}

    def look(self, now: datetime, rooms: Rooms, meters: Iterable[Meter]) -> list[Reached]:
        """Count what has passed since the last look, then remember `rooms` as they are `now` (aware)."""
        reached = list(self._count(now, meters)) if self._at is not None else []
        self._remember(now, rooms)
        return reached

    def _count(self, now: datetime, meters: Iterable[Meter]) -> Iterable[Reached]:
        assert self._at is not None
        begun = max(self._at, now - LONGEST)
        for meter in meters:
            for channel, occupants in self._rooms.items():
                if meter.channel not in {None, channel} or len(occupants) < meter.people:
                    continue
                for occupant in occupants:
                    if occupant.heard or meter.event:
                        yield from self._add(meter, occupant, channel, len(occupants), begun, now)

    def _add(
        self, meter: Meter, occupant: Occupant, channel: str, people: int, begun: datetime, now: datetime
    ) -> Iterable[Reached]:
        begun = max(begun, self._since[occupant.user_id] + meter.grace)
        if begun >= now:
            return
        key = (meter.rule, meter.event, occupant.user_id)
        before = self._counted.get(key, timedelta(0))
        after = before + (now - begun)
        if meter.most is not None:
            after = max(before, min(after, meter.most))
        self._counted[key] = after
        step = timedelta(minutes=meter.minutes)
        if meter.event and before >= step:
            return
        for full in range(before // step + 1, (1 if meter.event else after // step) + 1):
            if full * step <= after:
                at = begun + (full * step - before)
                yield Reached(meter, occupant, channel, full * meter.minutes, people, at)

    def _remember(self, now: datetime, rooms: Rooms) -> None:
        here = {occupant.user_id for occupants in rooms.values() for occupant in occupants}
        self._since = {user_id: self._since.get(user_id, now) for user_id in here}
        self._counted = {
            (rule, event, user_id): counted
            for (rule, event, user_id), counted in self._counted.items()
            if event or user_id in here
        }
        self._rooms = dict(rooms)
        self._at = now

    def forget_event(self, event: str) -> None:
        """Forget who attended an event that is over."""
        self._counted = {key: counted for key, counted in self._counted.items() if key[1] != event}
