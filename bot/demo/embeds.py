"""Mentions in embeds: Discord shows names there, simcord's page only numbers.

The page decides field by field what markdown it reads; this widens two of those decisions. They are not
part of simcord's promises: should they move, the page shows numbers again and everything else works.
"""

from contextlib import suppress


def show_names() -> None:
    """Have the page show people, roles and channels by name in embeds' descriptions and fields."""
    with suppress(ImportError, KeyError):
        from simcord.preview._markdown import _FIELD_POLICIES

        for field in ("embed_description", "embed_field_value"):
            _FIELD_POLICIES[field]["mentions"] = True
