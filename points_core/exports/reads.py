"""Who takes the books away goes on record, like a change."""

from sqlalchemy import Connection

from points_core import audit, communities, outbox, policy
from points_core.outbox import Topic
from points_core.values import Origin

EXPORTED = "export.read"
"""The action under which an export goes on record."""


def noted(tx: Connection, origin: Origin, *, what: str, format: str, rows: int) -> None:
    """Put on record that the origin's actor exported `what` (a table's name, or everything), once per key."""
    head, rules = policy.locked(tx, origin)
    if audit.was_done(tx, head, origin, EXPORTED, what):
        return
    change = audit.record(
        tx,
        head,
        origin,
        action=EXPORTED,
        target=what,
        before=None,
        after={"format": format, "rows": rows},
    )
    if rules.log_channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(change), at=origin.at, place=rules.log_channel)
    communities.save(tx, head)
