"""Which refusal stands behind each named constraint, for the day the tables say no before the core does."""

import re
from collections.abc import Callable

from sqlalchemy import UniqueConstraint
from sqlalchemy.exc import IntegrityError

from points_core.errors import (
    AlreadyReversed,
    AlreadyVoted,
    BalanceOutOfRange,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    LedgerCorrupt,
    PointsError,
    RequestClosed,
)
from points_core.models import Base
from points_core.values import MAX_AMOUNT

REFUSALS: dict[str, Callable[[], PointsError]] = {
    "uq_point_transactions_community_id_key": lambda: DuplicateTransaction(key="?"),
    "uq_approval_requests_community_id_key": lambda: DuplicateTransaction(key="?"),
    "uq_point_transactions_community_id_reverses": lambda: AlreadyReversed(number=0, by=0),
    "uq_approval_requests_community_id_transaction_seq": lambda: RequestClosed(number=0, state="approved"),
    "pk_approval_votes": lambda: AlreadyVoted(number=0, approve=True),
    "ck_point_transactions_floor": lambda: InsufficientBalance(balance=0, amount=0),
    "ck_point_transactions_amount_moves": lambda: InvalidAmount(0, 1, MAX_AMOUNT),
    "ck_point_transactions_amount_range": lambda: InvalidAmount("?", 1, MAX_AMOUNT),
    "ck_point_transactions_balance_range": lambda: BalanceOutOfRange(balance=0, amount=0),
}
"""Belt and braces: under the head row's lock the core refuses first, with the true fields. Everything not
listed here means that the books and the core disagree: LedgerCorrupt."""

_UNIQUE = {
    frozenset(f"{table.name}.{column.name}" for column in constraint.columns): str(constraint.name)
    for table in Base.metadata.sorted_tables
    for constraint in [*table.constraints]
    if isinstance(constraint, UniqueConstraint) or constraint is table.primary_key
}


_OF_A_PART = re.compile(r"_p\d+$")
"""What a table divided by community adds to the names of its parts."""


def constraint_name(error: IntegrityError) -> str | None:
    """Return the name of the violated constraint. SQLite names checks, but only the columns of unique ones."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        name = diagnostics.constraint_name
        return _OF_A_PART.sub("", name) if name else None
    text = str(error.orig)
    if found := re.fullmatch(r"UNIQUE constraint failed: (.+)", text):
        return _UNIQUE.get(frozenset(found[1].split(", ")))
    if found := re.fullmatch(r"CHECK constraint failed: (\w+)|((?:pk|uq)_\w+)", text):
        return found[1] or found[2]  # the second from the guard that stops REPLACE, which comes first
    return None


def refusal_for(error: IntegrityError) -> PointsError:
    """Return the refusal, or LedgerCorrupt, that a violated constraint stands for."""
    name = constraint_name(error)
    make = REFUSALS.get(name or "")
    return make() if make else LedgerCorrupt(name or str(error.orig).strip())
