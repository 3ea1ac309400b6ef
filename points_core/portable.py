"""What leaves and can come back: the schema points-export/1, and cells that no spreadsheet can mistake.

SCHEMA, Table, COLUMNS    the tables of an export and their columns, in order
neutral, plain            a text cell made harmless, and made itself again
"""

from enum import StrEnum
from typing import Final

SCHEMA: Final = "points-export/1"
"""The name and version of the schema.

A column added at the end, or a table more, keeps the number; any other change raises it.
"""


class Table(StrEnum):
    """What can be exported."""

    TRANSACTIONS = "transactions"
    BALANCES = "balances"
    BOARD = "board"
    AUDIT = "audit"
    POLICY = "policy"
    CATEGORIES = "categories"
    BADGES = "badges"
    HOLDINGS = "holdings"
    DAYS = "days"
    RULES = "rules"
    GRANTS = "grants"


COLUMNS: Final[dict[Table, tuple[str, ...]]] = {
    Table.TRANSACTIONS: (
        "number",
        "kind",
        "user_id",
        "name",
        "amount",
        "balance_after",
        "category",
        "reason",
        "evidence",
        "actor_kind",
        "actor_id",
        "actor_name",
        "effective_at",
        "recorded_at",
        "reverses",
        "request",
        "batch",
        "rule",
        "rule_version",
    ),
    Table.BALANCES: ("user_id", "name", "current", "earned", "spent", "transactions", "updated_at", "level"),
    Table.BOARD: ("rank", "user_id", "name", "points"),
    Table.AUDIT: (
        "number",
        "recorded_at",
        "actor_kind",
        "actor_id",
        "actor_name",
        "action",
        "target",
        "before",
        "after",
    ),
    Table.POLICY: ("setting", "value"),
    Table.CATEGORIES: ("id", "name", "retired"),
    Table.BADGES: (
        "number",
        "name",
        "description",
        "goal",
        "hidden",
        "role",
        "role_days",
        "created_at",
        "retired_at",
    ),
    Table.HOLDINGS: (
        "badge",
        "user_id",
        "name",
        "step",
        "time",
        "earned_at",
        "earned_number",
        "revoked_at",
        "revoked_because",
    ),
    Table.DAYS: ("user_id", "name", "day", "rule"),
    Table.RULES: ("number", "version", "name", "mode", "definition", "made_at", "actor_kind", "actor_id"),
    Table.GRANTS: (
        "rule",
        "version",
        "user_id",
        "name",
        "other_id",
        "channel",
        "at",
        "amount",
        "shadow",
        "standing",
        "transaction",
        "request",
        "undone_batch",
    ),
}

# What makes spreadsheets compute: the four signs, also in full width, and white space that hides them
_STARTS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_MARK = "'"  # what spreadsheets themselves put before text that is only text
_MARKED = (*_STARTS_A_FORMULA, _MARK)


def neutral(text: str) -> str:
    """Return `text` as a CSV cell that no spreadsheet takes for a formula: an apostrophe stands before it."""
    return _MARK + text if text.startswith(_MARKED) else text


def plain(cell: str) -> str:
    """Return the text that `neutral` made a cell of."""
    return cell[1:] if cell.startswith(_MARK) and cell[1:].startswith(_MARKED) else cell
