"""The commands as Discord knows them: compared at every start, sent only when they differ.

What Discord has is asked, not remembered: a hash on this side would not notice another program that used
the same application, nor a database that was moved or restored.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from discord import app_commands

MEANT: Final = frozenset(
    {
        "name",
        "description",
        "type",
        "options",
        "required",
        "choices",
        "value",
        "channel_types",
        "autocomplete",
        "min_value",
        "max_value",
        "min_length",
        "max_length",
        "nsfw",
        "default_member_permissions",
        "contexts",
        "integration_types",
    }
)
"""What we decide about a command; Discord adds numbers and versions of its own."""

log = logging.getLogger(__name__)


async def bring_up_to_date(tree: app_commands.CommandTree[Any]) -> bool:
    """Send the tree's global commands if Discord has others; return whether they were sent.

    Raises HTTPException, CommandSyncFailure (Discord refuses one), or an aiohttp error.
    """
    client = tree.client
    assert client.application_id is not None
    ours = _by_name([command.to_dict(tree) for command in tree.get_commands()])
    theirs = _by_name(await client.http.get_global_commands(client.application_id))
    if ours == theirs:
        return False
    await tree.sync()
    changed = sorted(name for _, name in ours.keys() | theirs.keys() if _differs(name, ours, theirs))
    log.info("sent %d commands to Discord; changed: %s", len(ours), ", ".join(changed))
    return True


ByName = dict[tuple[int, str], Any]


def _by_name(payloads: list[Any]) -> ByName:
    return {(payload.get("type", 1), payload["name"]): meaning(payload) for payload in payloads}


def _differs(name: str, ours: ByName, theirs: ByName) -> bool:
    return any(ours.get((kind, name)) != theirs.get((kind, name)) for kind in (1, 2, 3))


def meaning(part: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the part of a command's JSON that we decide, without the defaults that Discord leaves out."""
    if isinstance(part, Mapping):
        kept = {key: meaning(value) for key, value in part.items() if key in MEANT}
        if kept.get("default_member_permissions") is not None:  # sent as a number, returned as text
            kept["default_member_permissions"] = str(kept["default_member_permissions"])
        return {key: value for key, value in kept.items() if not _is_default(value)}
    if isinstance(part, list | tuple):
        return [meaning(item) for item in part]
    return part


def _is_default(value: object) -> bool:
    return value is None or value is False or value in ("", [])
