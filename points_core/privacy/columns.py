"""Every column that can hold text, and what an erasure makes of it: emptied, or no person stands in it.

EMPTIED       who somebody is, and what was written about them
IMPERSONAL    the others, table by table, and why no person stands in them; a test wants each to be here
"""

from typing import Final

EMPTIED: Final = frozenset(
    {
        ("approval_requests", "evidence"),
        ("approval_requests", "note"),
        ("approval_requests", "reason"),
        ("facts", "data"),
        ("members", "name"),
        ("members", "user_id"),
        ("outbox", "outcome"),
        ("point_transactions", "evidence"),
        ("point_transactions", "reason"),
        ("webhook_deliveries", "body"),
        ("webhook_deliveries", "outcome"),
    }
)
"""The columns that say who somebody is, or what was written about them: erasure empties them."""

_KEY: Final = "from an event's number or a digest of the caller's own key; never a person's id"
_CLOSED: Final = "from a closed list"
_CHANNEL: Final = "a channel"
_HEADING: Final = "the community's own heading"

IMPERSONAL: Final[dict[str, dict[str, str]]] = {
    "anchors": {
        "place": "where an anchor is shown: a channel, or a file of the host's",
    },
    "announcements": {
        "channel": _CHANNEL,
        "message": "a message",
    },
    "api_clients": {
        "name": _HEADING,
        "scopes": _CLOSED,
        "key": _KEY,
    },
    "approval_requests": {
        "state": _CLOSED,
        "kind": _CLOSED,
        "actor_kind": _CLOSED,
        "key": _KEY,
        "place": _CHANNEL,
        "card_channel": _CHANNEL,
        "card_message": "a message",
    },
    "approval_votes": {
        "key": _KEY,
    },
    "audit_events": {
        "actor_kind": _CLOSED,
        "action": "what was changed",
        "target": "a number or a setting's name; a person stands there as their number",
        "before": "settings: roles and channels, no people",
        "after": "settings: roles and channels, no people",
        "key": _KEY,
    },
    "badge_holdings": {
        "revoked_because": "numbers of transactions",
    },
    "badges": {
        "name": _HEADING,
        "description": "of a badge: the community's own words for it",
        "goal": "what a badge is given for: numbers",
        "role": "a role",
        "key": _KEY,
    },
    "batches": {
        "kind": _CLOSED,
        "actor_kind": _CLOSED,
        "key": _KEY,
    },
    "categories": {
        "name": _HEADING,
    },
    "communities": {
        "key": "the community's outside id",
    },
    "erasures": {
        "key": _KEY,
    },
    "expiry_marks": {
        "duty": _CLOSED,
    },
    "facts": {
        "key": "what happened, and a digest of the event's own key",
        "trigger_name": _CLOSED,
        "channel": _CHANNEL,
        "message": "a message",
        "outcomes": "what rules decided: numbers and times",
    },
    "ledger_heads": {
        "closed_because": "an invariant and numbers",
    },
    "linked_accounts": {
        "why": "what became of an attempt outside, in our own words",
    },
    "outbox": {
        "key": "a topic and a number",
        "topic": _CLOSED,
        "subject": "a number",
        "place": _CHANNEL,
    },
    "point_rules": {
        "name": _HEADING,
        "mode": _CLOSED,
        "key": _KEY,
    },
    "point_transactions": {
        "kind": _CLOSED,
        "actor_kind": _CLOSED,
        "key": _KEY,
    },
    "policies": {
        "document": "a policy: roles and channels, no people",
    },
    "publications": {
        "slot": "a local day, or a digest of a key",
        "state": _CLOSED,
        "channel": _CHANNEL,
        "message": "a message",
    },
    "role_grants": {
        "role": "a role",
        "source": "a level's, badge's or rule's number",
        "state": _CLOSED,
        "why": "what the bot lacks to give a role",
    },
    "rule_grants": {
        "fact_key": "a digest of an event's own key",
        "channel": _CHANNEL,
    },
    "rule_slots": {
        "slot": "a local day",
    },
    "rule_versions": {
        "name": _HEADING,
        "mode": _CLOSED,
        "definition": "what a rule does: roles, channels and amounts, no people",
        "actor_kind": _CLOSED,
        "key": _KEY,
    },
    "schedules": {
        "key": _KEY,
        "channel": _CHANNEL,
        "window_name": "a window's name",
        "every": "a rhythm",
        "at_time": "a time of day",
        "categories": "numbers",
        "report": "a report's name",
    },
    "seasons": {
        "name": _HEADING,
        "timezone": "a zone's name",
        "place": _CHANNEL,
        "key": _KEY,
    },
    "webhook_deliveries": {
        "event": "a topic and a number",
        "topic": _CLOSED,
    },
    "webhooks": {
        "url": "a program's address",
        "secret": "a program's",
        "topics": _CLOSED,
        "key": _KEY,
    },
}
"""The other columns that can hold text, and why no person stands in them."""
