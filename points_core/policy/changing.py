"""One change of the policy, on record."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, update

from points_core import audit, changes, communities, duties, levels, outbox, scores, uses
from points_core.changes import What
from points_core.communities import Head
from points_core.errors import InvalidSetting
from points_core.models import Policy as PolicyRow
from points_core.models import Schedule
from points_core.outbox import Topic
from points_core.policy.document import STORED, Policy
from points_core.policy.stored import by_number, locked
from points_core.programme import Programme
from points_core.values import Origin


def change(tx: Connection, origin: Origin, /, **wanted: Any) -> Policy:  # noqa: ANN401 - each field has its own type
    """Change one or more fields of the community's policy and return the new one.

    Raises InvalidSetting. A change of time zone counts every score anew, one of levels every
    member's.
    """
    head, old = locked(tx, origin)
    target = ",".join(sorted(wanted))
    if audit.was_done(tx, head, origin, "policy.change", target):
        return old
    new = _changed(old, wanted)
    document = new.document
    before = old.model_dump(mode="json", include=set(wanted))
    after = new.model_dump(mode="json", include=set(wanted))
    if before == after:
        return old
    if old.timezone != new.timezone:
        scores.rebuild(tx, head.community_id, new.zone)
        uses.rebuild(tx, head.community_id, new.zone)
        _wake_schedules(tx, head, origin.at)
    if head.badges and _days(old) != _days(new):
        levels.mark_everyone(tx, head.community_id, origin.at)
    if old.programme.ranks != new.programme.ranks:
        levels.rebuild(tx, head.community_id, new.programme.thresholds, origin.at)
    duties.change(tx, head.community_id, (old.programme, old.zone), (new.programme, new.zone), origin.at)
    store(tx, head, document, origin.at)
    put_on_record(tx, head, origin, new, action="policy.change", target=target, before=before, after=after)
    return by_number(tx, head.community_id)


def amend(tx: Connection, origin: Origin, /, **parts: Any) -> Policy:  # noqa: ANN401 - each part has its own type
    """Change parts of the community's programme, leave the others alone, and return the new policy.

    Raises InvalidSetting.
    """
    _, old = locked(tx, origin)
    if unknown := sorted(parts.keys() - Programme.model_fields.keys()):
        names = ", ".join(sorted(Programme.model_fields))
        raise InvalidSetting(unknown[0], parts[unknown[0]], f"one of {names}")
    return change(tx, origin, programme=old.programme.amended(**parts))


def _days(rules: Policy) -> tuple[object, ...]:
    """Return what goals of days and streaks depend on."""
    return (rules.timezone, rules.programme.streak_freezes)


def _changed(old: Policy, wanted: dict[str, Any]) -> Policy:
    if unknown := sorted(set(wanted) - STORED):
        raise InvalidSetting(unknown[0], wanted[unknown[0]], "one of " + ", ".join(sorted(STORED)))
    try:
        return Policy.model_validate({**old.document, **wanted, "categories": old.categories})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ", ".join(sorted(wanted))
        raise InvalidSetting(name, wanted.get(name), first["msg"]) from error


def _wake_schedules(tx: Connection, head: Head, at: datetime) -> None:
    """Have every schedule looked at anew: the moments they wait for were counted in another zone."""
    later = (Schedule.community_id == head.community_id, Schedule.next_due_at > at)
    tx.execute(update(Schedule).where(*later).values(next_due_at=at))


def store(tx: Connection, head: Head, document: dict[str, Any], at: datetime) -> None:
    """Keep `document` as the community's next policy."""
    tx.execute(
        update(PolicyRow)
        .where(PolicyRow.community_id == head.community_id)
        .values(version=PolicyRow.version + 1, document=document, updated_at=at)
    )
    changes.notify(tx, head.community_id, What.POLICY)


def put_on_record(
    tx: Connection,
    head: Head,
    origin: Origin,
    policy: Policy,
    *,
    action: str,
    target: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """Put one change of how points work on record, tell the log channel, and save the head."""
    number = audit.record(tx, head, origin, action=action, target=target, before=before, after=after)
    if policy.log_channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(number), at=origin.at, place=policy.log_channel)
    communities.save(tx, head)
