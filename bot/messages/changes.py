"""What changed, before → after, for the answer to a change, the audit list and the log channel alike.

SETTINGS, CAPABILITIES   what each policy setting and capability is called, and how its value is said
differences              two documents of settings, in lines
did                      one audit entry, as what somebody did
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.messages import programme, text
from bot.messages.rule_changes import RULES
from points_core.audit import AuditEntry
from points_core.policy import Capability, LeavePolicy, Policy
from points_core.values import ActorKind

Document = Mapping[str, Any]

MAX_ROLES_SHOWN = 8  # of one capability: a line stays a line

CAPABILITIES: Final = {
    Capability.AWARD: "May award",
    Capability.DEDUCT: "May deduct",
    Capability.APPROVE: "May approve",
    Capability.UNDO: "May undo",
    Capability.CONFIGURE: "May configure",
}

PERMISSION: Final = dict.fromkeys(Capability, "Timeout Members") | {Capability.CONFIGURE: "Manage Server"}
"""What gives a capability where no role is chosen, as Discord's own pages call it."""

CHANNELS: Final = {
    "announcements_channel": "Announcements",
    "approvals_channel": "Approval requests",
    "log_channel": "Log",
}


def channel(channel_id: str | None, otherwise: str) -> str:
    """Return how to show a channel, `otherwise` where none is chosen."""
    return f"<#{channel_id}>" if channel_id else otherwise


def roles(role_ids: Sequence[str], capability: Capability) -> str:
    """Return the roles that have `capability`; Discord's own permission where none is chosen."""
    if not role_ids:
        return f"who has **{PERMISSION[capability]}**"
    named = ", ".join(f"<@&{role_id}>" for role_id in role_ids[:MAX_ROLES_SHOWN])
    more = len(role_ids) - MAX_ROLES_SHOWN
    return f"{named} and {more} more" if more > 0 else named


def _threshold(threshold: int | None) -> str:
    if threshold is None:
        return "nothing waits"
    return f"more than {text.points(threshold)} wait" if threshold else "everything waits"


def _days(days: int) -> str:
    return f"{days} {'day' if days == 1 else 'days'}" if days else "no wait"


LEAVING: Final = {
    LeavePolicy.KEEP: "kept as they are",
    LeavePolicy.HIDE: "hidden from boards",
    LeavePolicy.ERASE: "erased",
}
"""What becomes of a member who left."""


SETTINGS: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "min_award": ("Smallest amount", text.points),
    "max_award": ("Largest amount", text.points),
    "daily_limit": ("Daily limit of a giver", lambda limit: "none" if limit is None else text.points(limit)),
    "allow_negative": ("Balances below 0", lambda allowed: "allowed" if allowed else "not allowed"),
    "approval_threshold": ("Approval", _threshold),
    "quorum": ("Quorum", lambda quorum: f"{quorum} {'person' if quorum == 1 else 'people'}"),
    "request_hours": (
        "A request expires after",
        lambda hours: f"{hours} {'hour' if hours == 1 else 'hours'}",
    ),
    "timezone": ("Time zone", lambda zone: text.shown(zone, 64)),
    "announcements_channel": (
        CHANNELS["announcements_channel"],
        lambda id: channel(id, "only where they were asked for"),
    ),
    "approvals_channel": (CHANNELS["approvals_channel"], lambda id: channel(id, "where they were asked for")),
    "log_channel": (CHANNELS["log_channel"], lambda id: channel(id, "none")),
    "erasure_days": ("An erasure is carried out after", _days),
    "leave_policy": ("Who left is", lambda policy: LEAVING[policy]),
    "leave_days": ("Counted as gone after", _days),
}
"""Every setting of the policy but the roles and the programme, in the order in which people read them."""


def differences(before: Document, after: Document) -> list[str]:
    """Return a line "name: before → after" for each setting that is not the same in both documents.

    Documents are policies, or parts of one, as JSON; fields that no setting has are shown as they are.
    """
    lines = [
        _line(label, said(before.get(name)), said(after.get(name)))
        for name, (label, said) in SETTINGS.items()
        if before.get(name) != after.get(name)
    ]
    lines += _role_differences(before.get("roles", {}), after.get("roles", {}))
    lines += programme.differences(
        before.get("programme") or {}, after.get("programme") or {}, programme.names_in(after)
    )
    others = {*before, *after} - SETTINGS.keys() - {"roles", "programme"}
    return lines + [
        _line(text.shown(name.replace("_", " "), 40), _plain(before.get(name)), _plain(after.get(name)))
        for name in sorted(others)
        if before.get(name) != after.get(name)
    ]


def _role_differences(before: Document, after: Document) -> list[str]:
    return [
        _line(
            label, roles(before.get(capability, ()), capability), roles(after.get(capability, ()), capability)
        )
        for capability, label in CAPABILITIES.items()
        if list(before.get(capability, ())) != list(after.get(capability, ()))
    ]


def _line(label: str, before: str, after: str) -> str:
    return f"**{label}**: {before} → {after}"


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever a record holds
    if value is None or value in ([], ""):
        return text.NOTHING
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return text.shown(str(value), 60)


def did(entry: AuditEntry, rules: Policy | None = None) -> str:
    """Return what an audit entry's actor did, as the end of a sentence that begins with the actor.

    rules: the community's policy, to call categories by their names.
    """
    said = _ACTIONS.get(entry.action, _something)
    speaks_of_categories = "programme" in entry.target or entry.action in RULES
    return said(_named(entry, rules) if rules and speaks_of_categories else entry)


def _named(entry: AuditEntry, rules: Policy) -> AuditEntry:
    """Return the entry with the names of the categories beside what changed."""
    names = {"categories": rules.model_dump(mode="json", include={"categories"})["categories"]}
    return replace(entry, before={**(entry.before or {}), **names}, after={**(entry.after or {}), **names})


def actor(entry: AuditEntry) -> str:
    """Return how to show who made a change."""
    if entry.actor.kind is ActorKind.MEMBER:
        return text.who(entry.actor.user_id, entry.actor.name)
    if entry.actor.kind is ActorKind.CLIENT and entry.actor.name:
        return f"the program **{text.shown(entry.actor.name, 60)}**"
    return f"the {entry.actor.kind.value}"


def _changed(entry: AuditEntry) -> str:
    return "changed " + "; ".join(differences(entry.before or {}, entry.after or {}))


def _name(document: Document | None) -> str:
    return f"**{text.category((document or {}).get('name'))}**"


def _something(entry: AuditEntry) -> str:
    what = text.shown(entry.action.replace(".", " "), 64)
    details = "; ".join(differences(entry.before or {}, entry.after or {}))
    return f"{what} **{text.shown(entry.target, 60)}**" + (f" – {details}" if details else "")


def _season(entry: AuditEntry) -> str:
    return f"season **{text.shown(entry.target, 60)}**"


_ACTIONS: Final[dict[str, Callable[[AuditEntry], str]]] = RULES | {
    "policy.change": _changed,
    "category.add": lambda entry: f"opened the category {_name(entry.after)}",
    "category.retire": lambda entry: f"retired the category {_name(entry.before)}",
    "category.rename": lambda entry: f"renamed the category {_name(entry.before)} → {_name(entry.after)}",
    "client.create": lambda entry: f"made a token for {_name(entry.after)} – {_details(entry.after)}",
    "client.revoke": lambda entry: f"revoked the token of {_name(entry.before)}",
    "request.vote": lambda entry: f"told somebody's decision on **{text.shown(entry.target, 40)}**",
    "request.cancel": lambda entry: f"took back **{text.shown(entry.target, 40)}**",
    "batch.award": lambda entry: f"awarded a batch – {_details(entry.after)}",
    "link.made": lambda entry: f"linked the Discord account of {text.shown(entry.target, 40)}",
    "link.ended": lambda entry: f"unlinked the Discord account of {text.shown(entry.target, 40)}",
    "link.lost": lambda entry: f"lost the link to the Discord account of {text.shown(entry.target, 40)}",
    "privacy.erase": lambda entry: f"asked to be erased ({text.shown(entry.target, 40)})",
    "privacy.cancel": lambda entry: f"took back the wish to be erased ({text.shown(entry.target, 40)})",
    "privacy.erased": lambda entry: f"erased {text.shown(entry.target, 40)}",
    "privacy.hide": lambda entry: f"hid {text.shown(entry.target, 40)} from boards",
    "privacy.show": lambda entry: f"showed {text.shown(entry.target, 40)} on boards again",
    "schedule.add": lambda entry: (
        f"added schedule **#{text.shown(entry.target, 20)}** – {_details(entry.after)}"
    ),
    "batch.bulk": lambda entry: f"posted {_batch(entry)}",
    "batch.import": lambda entry: f"imported {_batch(entry)}",
    "batch.undo": lambda entry: f"undid a batch, as {_batch(entry)}",
    "export.read": lambda entry: f"exported **{text.shown(entry.target, 20)}** – {_details(entry.after)}",
    "books.close": lambda entry: (
        f"closed the books at **{text.shown(entry.target, 30)}**: they failed their verification – "
        f"{_details(entry.after)}"
    ),
    "books.reopen": lambda entry: f"opened the books again at **{text.shown(entry.target, 30)}**",
    "books.restore": lambda entry: (
        f"brought the books back to a backup – was #{(entry.before or {}).get('number')}, "
        f"is #{(entry.after or {}).get('number')}, of {text.shown(str((entry.after or {}).get('made_at')), 40)}"
    ),
    "season.start": lambda entry: f"started {_season(entry)} – {_details(entry.after)}",
    "season.end": lambda entry: f"ended {_season(entry)}",
    "season.seal": lambda entry: f"sealed {_season(entry)} – {_details(entry.after)}",
    "schedule.remove": lambda entry: (
        f"removed schedule **#{text.shown(entry.target, 20)}** – {_details(entry.before)}"
    ),
}


def _batch(entry: AuditEntry) -> str:
    return f"**batch {text.shown(entry.target, 20)}** – {_details(entry.after)}"


def _details(document: Document | None) -> str:
    parts = (document or {}).items()
    return ", ".join(
        f"{name}: {_detail(name, value)}" for name, value in parts if value not in (None, [], False)
    )


def _detail(name: str, value: Any) -> str:  # noqa: ANN401 - whatever a record holds
    return channel(str(value), text.NOTHING) if name == "channel" else _plain(value)


def fitting(lines: Sequence[str], limit: int, separator: str = "\n") -> str:
    """Return as many of `lines` as fit into `limit` characters, and how many are left out."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        rest = f"… and {len(lines) - number} more"
        following = len(lines) - number - 1
        used = sum(len(k) + len(separator) for k in kept) + len(line)
        if used + (len(separator) + len(rest) if following else 0) > limit:
            return separator.join([*kept, rest])
        kept.append(line)
    return separator.join(kept)
