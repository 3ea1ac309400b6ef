"""How points work here, what was changed, and who changed it: the answers of /points-settings, all private."""

from collections.abc import Sequence
from typing import Final

import discord

from bot.messages import changes, programme, text
from bot.messages.changes import CAPABILITIES, CHANNELS, PERMISSION, SETTINGS, fitting
from bot.messages.text import Colour, Reply
from bot.policy_changes import Change
from bot.self_check import Finding
from points_core.audit import AuditEntry
from points_core.policy import Capability, Policy

MAX_FIELD = 1_024  # Discord's limits for an embed: a field, the description
MAX_DESCRIPTION = 4_000
MAX_ENTRY = 380  # characters of one change in the list, so that ten of them fit

SECTIONS: Final = {
    "Amounts": ("min_award", "max_award", "daily_limit", "allow_negative"),
    "Approval": ("approval_threshold", "quorum", "request_hours"),
    "Channels": tuple(CHANNELS),
    "Time": ("timezone",),
    "Privacy": ("erasure_days", "leave_policy", "leave_days"),
}
"""Which settings stand together; rights, programme and categories are said in a way of their own."""

DOORS: Final = {
    Capability.AWARD: "`/award`",
    Capability.DEDUCT: "`/deduct`",
    Capability.UNDO: "`/undo`",
    Capability.CONFIGURE: "`/points-settings`",
}
"""The command of each right; who may approve needs none, as requests carry buttons."""

COMMANDS: Final = {
    "Amounts": "/points-settings limits",
    "Approval": "/points-settings approval",
    "Channels": "/points-settings channels",
    "Time": "/points-settings time",
    "Privacy": "/points-settings privacy",
    "Rights": "/points-settings roles",
    "Programme": "/programme",
    "Categories": "/points-settings categories",
}
"""The command that changes a section."""


def shown(rules: Policy) -> Reply:
    """Return all settings."""
    embed = discord.Embed(title="How points work here", colour=Colour.BLUE)
    for name, value in sections(rules).items():
        embed.add_field(name=f"{name} · {COMMANDS[name]}", value=value, inline=False)
    changed = "once" if rules.version == 1 else f"{rules.version:,} times"
    embed.set_footer(
        text=f"Changed {changed}. Administrators may do everything." if rules.version else "As it began."
    )
    return Reply(embed=embed, ephemeral=True)


def sections(rules: Policy) -> dict[str, str]:
    """Return every section of the settings with its lines."""
    values = rules.model_dump(mode="json")
    said = {
        section: "\n".join(
            f"{label}: **{said(values[name])}**" for name in names for label, said in [SETTINGS[name]]
        )
        for section, names in SECTIONS.items()
    }
    rights = [
        f"{label}: {changes.roles(rules.roles.get(capability, ()), capability)}"
        for capability, label in CAPABILITIES.items()
    ]
    return said | {
        "Rights": fitting(rights, MAX_FIELD),
        "Programme": fitting(programme.lines(rules), MAX_FIELD),
        "Categories": _categories(rules),
    }


def _categories(rules: Policy) -> str:
    retired = sum(category.retired for category in rules.categories)
    names = fitting([text.category(name) for name in rules.open_categories], MAX_FIELD - 40, ", ") or "none"
    return names + (f"\n({retired:,} retired)" if retired else "")


def changed(change: Change, *warnings: str | None) -> Reply:
    """Return what a change did, before → after, and what to think of now."""
    lines = changes.differences(change.before.model_dump(mode="json"), _document(change))
    return Reply(content=_told(lines, warnings), ephemeral=True)


def _document(change: Change) -> dict[str, object]:
    """The policy after the change; categories and the version are not settings."""
    same = change.before.model_dump(mode="json", include={"categories", "version"})
    return change.after.model_dump(mode="json") | same


def _told(lines: Sequence[str], warnings: Sequence[str | None]) -> str:
    told = fitting(lines, 1_000) if lines else "That is how it was already; nothing was changed."
    return "\n⚠️ ".join([told, *filter(None, warnings)])


def category(line: str, rules: Policy) -> Reply:
    """Return what was done to a category, and which ones there are now."""
    now = fitting([text.category(name) for name in rules.open_categories], 1_500, ", ") or "none"
    return Reply(content=f"{line}\nCategories now: {now}", ephemeral=True)


def opened(name: str) -> str:
    """Return that a category takes points now."""
    return f"**Category**: {text.NOTHING} → {text.category(name)}"


def retired(name: str) -> str:
    """Return that a category takes no more points."""
    return f"**Category**: {text.category(name)} → retired; what was given in it stays."


def renamed(name: str, to: str) -> str:
    """Return that a category has another name."""
    return f"**Category**: {text.category(name)} → {text.category(to)}, for past points too."


def nothing_named(subcommand: str) -> Reply:
    """Return that a command was sent without anything to change."""
    return Reply(
        content=f"Nothing was changed: name at least one option of `/points-settings {subcommand}`.",
        ephemeral=True,
    )


def unusable(finding: Finding) -> Reply:
    """Return why a channel was not taken, and how to put it right."""
    return Reply(content=not_taken(finding), ephemeral=True)


def not_taken(finding: Finding) -> str:
    """Return the same as a sentence."""
    return (
        f"Nothing was changed: for **{finding.subject}** in {finding.place} {finding.wrong}.\n"
        f"**Fix**: {finding.fix}. Then choose it again."
    )


def few_approvers(quorum: int, most: int | None) -> str | None:
    """Return the warning for a quorum that cannot be reached when `most` people (None: unknown) may approve.

    Who asked for the points cannot vote on them, so one more than the quorum is needed.
    """
    if most is None:
        return (
            None
            if quorum == 1
            else (
                f"Discord does not tell me how many people may approve. It takes at least {quorum + 1}: "
                "the person who asks does not vote."
            )
        )
    if most > quorum:
        return None
    people = "1 person" if most == 1 else f"{most} people"
    needed = "1 of them" if quorum == 1 else f"{quorum} of them"
    return (
        f"At most {people} may approve, and the person who asks does not vote: a request needs {needed}, "
        "so some would never pass. Lower the quorum, or let more roles approve with `/points-settings roles`."
    )


def hidden_command(capability: Capability, role_ids: Sequence[str]) -> str:
    """Return what else it takes for roles without Discord's own permission to see the command of a right."""
    return (
        f"Discord shows {DOORS[capability]} to people with **{PERMISSION[capability]}** only. "
        f"For {changes.roles(role_ids, capability)}: Server Settings → Integrations → this bot → the command → add it."
    )


def audit(entries: Sequence[AuditEntry], rules: Policy) -> Reply:
    """Return recent changes, newest first."""
    embed = discord.Embed(title="Recent changes", colour=Colour.BLUE)
    embed.description = (
        fitting([_entry(entry, rules) for entry in entries], MAX_DESCRIPTION) or "Nothing was changed yet."
    )
    return Reply(embed=embed, ephemeral=True)


def _entry(entry: AuditEntry, rules: Policy) -> str:
    did = changes.did(entry, rules)
    short = fitting(did.split("; "), MAX_ENTRY, "; ")
    return f"`{entry.number}` {text.when(entry.at)} {changes.actor(entry)} {short}"


def choose_roles(rules: Policy, capability: Capability) -> Reply:
    """Return the question that comes with the menu of roles."""
    now = changes.roles(rules.roles.get(capability, ()), capability)
    otherwise = changes.roles((), capability)
    return Reply(
        content=f"**{CAPABILITIES[capability]}**: {now}\n"
        f"Choose all roles that shall have this right, or none to leave it to {otherwise}. "
        "Administrators always have it.",
        ephemeral=True,
    )


def locks_out() -> Reply:
    """Return why a change of who may configure was refused."""
    return Reply(
        content="Nothing was changed: you would lose the right to configure yourself. "
        "Keep one of your own roles among those that may configure.",
        ephemeral=True,
    )


def everybody() -> Reply:
    """Return why @everyone cannot be given a right."""
    return Reply(
        content="Nothing was changed: a right is for some, so it cannot go to everyone. Choose another role.",
        ephemeral=True,
    )
