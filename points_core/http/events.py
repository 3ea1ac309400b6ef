"""What a program saw: told to the community's rules, which decide whether points move."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import Connection

from points_core import rules
from points_core.clients import Scope
from points_core.errors import DuplicateTransaction
from points_core.http.guard import Guarded, needs
from points_core.http.movements import ONCE, Key, say_replayed
from points_core.http.schemas import Given, Instant, MovementOut, Name, RequestOut, Told, UserId
from points_core.http.seam import Asking, Caller
from points_core.rules import Fact, Fired, On, Result
from points_core.rules.limits import Limit
from points_core.rules.why import why_fact
from points_core.values import MAX_ID, Mode, Origin

MAX_ROLES = 100  # of one member

router = APIRouter(route_class=Guarded, tags=["rules"])

OutsideId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@-]+$", min_length=1, max_length=MAX_ID)]


class EventIn(Given):
    """Something that happened to a member, as a program names it; rules of the community may wait for it."""

    event: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=50, description="What happened: quiz.won")
    ]
    user_id: UserId
    name: Name | None = None
    at: Annotated[
        Instant | None, Field(description="When it happened, if not now; never later than now.")
    ] = None
    other_id: Annotated[OutsideId | None, Field(description="The other person of it, by outside id.")] = None
    channel: Annotated[OutsideId | None, Field(description="Where it happened, by outside id.")] = None
    roles: Annotated[
        tuple[OutsideId, ...],
        Field(max_length=MAX_ROLES, description="The member's roles, for rules that ask."),
    ] = ()


class RuleOut(Told):
    """A rule, in the version that decided."""

    number: int
    version: int
    name: str
    mode: Mode


class OutcomeOut(Told):
    """What one rule did about an event: `limit` is what refused it until `until`, or the cap that left no more."""

    rule: RuleOut
    result: Result
    amount: int
    transaction: MovementOut | None = Field(validation_alias="receipt")
    request: RequestOut | None
    limit: Limit | None
    until: datetime | None


class EventOut(Told):
    """What the rules that matched an event did; none, if none matched."""

    outcomes: list[OutcomeOut]


@router.post("/points/events", responses=ONCE)
@needs(Scope.AWARD)
async def report_event(asked: EventIn, key: Key, seam: Asking, client: Caller, answer: Response) -> EventOut:
    """Tell the community's rules what happened; those that wait for it decide, once for a key."""
    origin = seam.origin(client, key)
    fact = Fact(
        on=On.API_EVENT,
        key=origin.key,
        at=asked.at or origin.at,
        user_id=asked.user_id,
        name=asked.name,
        other_id=asked.other_id,
        channel=asked.channel,
        roles=frozenset(asked.roles),
        what=asked.event,
    )
    fired = await seam.write(reported, origin, fact)
    say_replayed(answer, any(outcome.replayed for outcome in fired.outcomes))
    return EventOut(outcomes=[OutcomeOut.model_validate(outcome) for outcome in fired.outcomes])


def reported(tx: Connection, origin: Origin, fact: Fact) -> Fired:
    """Have rules act on a program's event. Raises DuplicateTransaction if its key stood for another one."""
    fired = rules.fire(tx, origin, fact)
    if any(outcome.replayed for outcome in fired.outcomes):
        known = why_fact(tx, origin.community, fact)
        first = known.fact
        if known.kept and (first.user_id, first.what, first.channel) != (
            fact.user_id,
            fact.what,
            fact.channel,
        ):
            raise DuplicateTransaction(origin.key)
    return fired
