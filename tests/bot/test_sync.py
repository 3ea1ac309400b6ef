"""Commands are compared by what we decide about them, not by what Discord adds."""

from typing import Any

import pytest

from bot.sync import meaning

OURS: dict[str, Any] = {
    "name": "award",
    "description": "Give a member points.",
    "type": 1,
    "nsfw": False,
    "dm_permission": False,
    "default_member_permissions": 1 << 40,
    "contexts": [0],
    "integration_types": [0],
    "options": [
        {"type": 6, "name": "member", "description": "Who", "required": True},
        {"type": 4, "name": "amount", "description": "How many", "required": True, "min_value": 1},
        {"type": 3, "name": "category", "description": "Which", "required": False, "autocomplete": True},
    ],
}

DISCORDS: dict[str, Any] = {
    "id": "11",
    "application_id": "12",
    "version": "13",
    "default_member_permissions": str(1 << 40),
    "type": 1,
    "name": "award",
    "name_localizations": None,
    "description": "Give a member points.",
    "description_localizations": None,
    "dm_permission": False,
    "contexts": [0],
    "integration_types": [0],
    "options": [
        {"type": 6, "name": "member", "name_localizations": None, "description": "Who", "required": True},
        {"type": 4, "name": "amount", "description": "How many", "required": True, "min_value": 1.0},
        {"type": 3, "name": "category", "description": "Which", "autocomplete": True},
    ],
    "nsfw": False,
}


def test_what_discord_adds_is_no_difference() -> None:
    assert meaning(OURS) == meaning(DISCORDS)


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Give points."},
        {"default_member_permissions": None},
        {"default_member_permissions": 0},
        {"contexts": [0, 1]},
        {"nsfw": True},
        {"options": OURS["options"][:2]},
        {"options": [OURS["options"][1], OURS["options"][0], OURS["options"][2]]},
        {"options": [{**OURS["options"][0], "required": False}, *OURS["options"][1:]]},
        {"options": [OURS["options"][0], {**OURS["options"][1], "min_value": 0}, OURS["options"][2]]},
    ],
)
def test_what_we_decide_is_a_difference(change: dict[str, Any]) -> None:
    assert meaning({**OURS, **change}) != meaning(DISCORDS)
