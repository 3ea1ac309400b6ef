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

    `channel` None counts in every channel. `event` is the scheduled event whose attendance is counted: then
    once a person, over all their stays, whether heard or not.
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
    """Somebody was there for as long as `meter` asks, once more; `minutes` in all so far."""

    meter: Meter
    occupant: Occupant
    channel: str
    minutes: int
    people: int
    at: datetime


Rooms = Mapping[str, tuple[Occupant, ...]]
"""Who is in each voice channel: people only, no bots."""


class Presence:
    """One server's voice channels, looked at whenever something changes there and from time to time."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._rooms: Rooms = {}
        self._since: dict[tuple[str, str], datetime] = {}
        self._counted: dict[tuple[Meter, str], timedelta] = {}

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
        since = self._since[occupant.user_id, channel]
        passed = now - max(begun, since + meter.grace)
        if passed <= timedelta(0):
            return
        key = (meter, occupant.user_id if meter.event else f"{occupant.user_id} {channel}")
        before = self._counted.get(key, timedelta(0))
        after = before + passed
        if meter.most is not None:
            after = min(after, meter.most)
        self._counted[key] = after
        step = timedelta(minutes=meter.minutes)
        if after // step == before // step or (meter.event and before >= step):
            return
        yield Reached(meter, occupant, channel, after // timedelta(minutes=1), people, now)

    def _remember(self, now: datetime, rooms: Rooms) -> None:
        here = {(o.user_id, channel) for channel, occupants in rooms.items() for o in occupants}
        self._since = {stay: self._since.get(stay, now) for stay in here}
        standing = {f"{user_id} {channel}" for user_id, channel in here}
        self._counted = {
            (meter, who): counted
            for (meter, who), counted in self._counted.items()
            if meter.event or who in standing
        }
        self._rooms = dict(rooms)
        self._at = now

    def forget_event(self, event: str) -> None:
        """Forget who attended an event that is over."""
        self._counted = {key: counted for key, counted in self._counted.items() if key[0].event != event}
