"""Every member and category whose number is written somewhere is there: foreign keys, checked without them.

Scores are left out: they are compared with the transactions, and reading all of them takes longer than this.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from points_core.verification.broken import Problem

THERE = "who and what is named is there"
NAMED = 5

_ACTING = "actor_kind = 'member'"
_NEW = "seq > :after"
_MEMBERS = (
    ("point_transactions", "member_id", _NEW),
    ("point_transactions", "actor_id", f"{_ACTING} AND {_NEW}"),
    ("point_transactions", "validator_id", _NEW),
    ("point_balances", "member_id", ""),
    ("approval_requests", "member_id", ""),
    ("approval_requests", "actor_id", _ACTING),
    ("approval_votes", "voter_id", ""),
    ("audit_events", "actor_id", _ACTING),
    ("batches", "actor_id", _ACTING),
    ("season_standings", "member_id", ""),
    ("erasures", "member_id", ""),
    ("badge_holdings", "member_id", ""),
    ("role_grants", "member_id", ""),
    ("active_days", "member_id", ""),
    ("facts", "member_id", ""),
    ("facts", "other_id", ""),
    ("rule_grants", "member_id", ""),
    ("rule_grants", "other_id", ""),
    ("rule_versions", "actor_id", _ACTING),
)
_CATEGORIES = (
    ("point_transactions", "category_id", _NEW),
    ("approval_requests", "category_id", ""),
    ("season_standings", "category_id", "category_id <> 0"),
)


def _statement(table: str, column: str, condition: str, target: str) -> str:
    where = f"community_id = :community AND {column} IS NOT NULL" + (f" AND {condition}" if condition else "")
    return (
        f"SELECT n.id FROM (SELECT DISTINCT {column} AS id FROM {table} WHERE {where}) n"  # noqa: S608
        f" WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE t.community_id = :community AND t.id = n.id)"
        " ORDER BY n.id LIMIT :named"
    )


_CHECKS = tuple(
    (
        f"{column} in {table} is {kind} {{}}, which is not there",
        text(_statement(table, column, condition, target)),
    )
    for kind, target, places in (("member", "members", _MEMBERS), ("category", "categories", _CATEGORIES))
    for table, column, condition in places
)


def problems(tx: Connection, community_id: int, after: int = 0) -> Iterator[Problem]:
    """Yield the numbers that nobody has; of the transactions only those after `after`."""
    for words, statement in _CHECKS:
        given = {"community": community_id, "named": NAMED}
        if ":after" in statement.text:
            given["after"] = after
        for (number,) in tx.execute(statement, given):
            yield THERE, words.format(number)
