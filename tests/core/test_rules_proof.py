"""What verify promises about rules: each promise broken on purpose, past every guard."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from points_core import approvals, rules, verification
from points_core.database import writer_engine
from points_core.rules.definition import Limits
from points_core.settings import sync_url
from points_core.values import Mode
from points_core.verification import ruled
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import MOD, NOON, OTHER_MOD, by, settings_for
from tests.core.forging import strip
from tests.core.rule_facts import definition
from tests.core.test_rules_firing import said, told

TOWN = "WHERE community_id = 1"


def story(tx: Connection) -> None:
    """A rule that gave three times, one of them taken back; one that asks; one in shadow."""
    for name, mode, changes in (
        ("talk", Mode.LIVE, {"limits": Limits(member_day=100), "role": "77"}),
        ("asks", Mode.LIVE, {"approval": True}),
        ("shadow", Mode.SHADOW, {}),
    ):
        view = rules.create(tx, by(MOD), name=name, definition=definition(**changes))
        rules.set_mode(tx, by(MOD), view.rule.number, mode)
    for number in range(3):
        rules.fire(tx, told(said(number)), said(number))
    approvals.vote(tx, by(OTHER_MOD), 1, approve=True)
    approvals.vote(tx, by(OTHER_MOD), 2, approve=False)
    rules.undo(tx, by(MOD), 1, reason="wrong", since=NOON)
    rules.fire(tx, told(said(9)), said(9))


@pytest.fixture(scope="module", params=BACKENDS)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """A database with the story, stripped of every guard, key and constraint."""
    url = databases.new(request.param)
    engine = writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url))
    with engine.begin() as tx:
        story(tx)
    strip(url)
    yield engine
    engine.dispose()
    databases.drop(url)


GRANT = "UPDATE rule_grants SET"
LAST = f"{TOWN} AND rule_number = 1 AND standing"
FORGERIES = [
    (ruled.NEWEST, "UPDATE point_rules SET name = 'other' WHERE community_id = 1 AND number = 1"),
    (ruled.NEWEST, "UPDATE point_rules SET version = 1 WHERE community_id = 1 AND number = 1"),
    (ruled.NEWEST, "DELETE FROM rule_versions WHERE community_id = 1 AND rule_number = 3 AND version = 1"),
    (ruled.NEWEST, f"UPDATE ledger_heads SET rule_changes = 2 {TOWN}"),
    (ruled.MOVED, f"{GRANT} version = 1 {LAST}"),
    (ruled.MOVED, f"{GRANT} transaction_seq = 1 {LAST}"),
    (ruled.MOVED, f"{GRANT} request_number = 9 {TOWN} AND request_number = 1"),
    (ruled.MOVED, f"DELETE FROM rule_grants {LAST}"),
    (ruled.STANDS, f"{GRANT} standing = :yes {TOWN} AND rule_number = 1"),
    (ruled.STANDS, f"{GRANT} standing = :no {LAST}"),
    (ruled.STANDS, f"{GRANT} standing = :yes {TOWN} AND request_number = 2"),
    (ruled.STANDS, f"{GRANT} undone_batch = 7 {TOWN} AND undone_batch = 1"),
    (ruled.CAPS, f"UPDATE rule_uses SET points = points + 1 {TOWN} AND rule_number = 1"),
    (ruled.CAPS, f"DELETE FROM rule_uses {TOWN} AND shadow"),
    (ruled.ROLES, f"UPDATE role_grants SET role = '78' {TOWN}"),
    (ruled.ROLES, f"UPDATE role_grants SET source = 'rule:2' {TOWN}"),
    (ruled.ROLES, f"UPDATE role_grants SET source = 'rule:x' {TOWN}"),
    (ruled.ROLES, f"UPDATE role_grants SET member_id = 3 {TOWN}"),
    (ruled.ROLES, f"{GRANT} shadow = :yes, transaction_seq = NULL {LAST}"),
    ("numbers are dense", f"UPDATE ledger_heads SET rules = 4 {TOWN}"),
    ("who and what is named is there", f"{GRANT} member_id = 99 {TOWN} AND shadow"),
    ("who and what is named is there", f"UPDATE facts SET other_id = 99 {TOWN}"),
]


def test_the_story_is_in_order(engine: Engine) -> None:
    with engine.connect() as tx:
        assert verification.verify(tx) == []


@pytest.mark.parametrize("invariant,forge", FORGERIES)
def test_a_forgery_is_found_and_called_by_its_name(engine: Engine, invariant: str, forge: str) -> None:
    values = {name: value for name, value in (("yes", True), ("no", False)) if f":{name}" in forge}
    with engine.connect() as tx, tx.begin() as undone:
        assert tx.execute(text(forge), values).rowcount
        found = verification.verify(tx)
        undone.rollback()

    assert invariant in {broken.invariant for broken in found}
    assert {broken.invariant for broken in found} <= {invariant, *ALONG.get(invariant, ())}


ALONG = {
    ruled.MOVED: (ruled.CAPS, ruled.STANDS, ruled.ROLES),
    ruled.ROLES: (ruled.MOVED, ruled.STANDS, ruled.CAPS),
    ruled.STANDS: (ruled.CAPS,),
    "who and what is named is there": (ruled.CAPS,),
}
"""What cannot hold either once another is broken: a grant that goes is no longer counted."""
