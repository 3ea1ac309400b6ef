"""What rules keep of people: told to them, forgotten with them, and never what they wrote."""

import io
import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from points_core import exports, policy, privacy, rules
from points_core.database import Points
from points_core.models import Fact as FactRow
from points_core.models import RuleGrant
from points_core.portable import Table
from points_core.privacy import telling
from points_core.values import Actor, ActorKind, Mode, Origin
from points_core.verification import verify
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by
from tests.core.test_rules_firing import balance, fired, rule_made, said


def _facts(tx: Connection) -> list[Any]:
    columns = (FactRow.member_id, FactRow.other_id)
    return sorted(tuple(row) for row in tx.execute(select(*columns)))


def _grants(tx: Connection) -> list[Any]:
    return [tuple(row) for row in tx.execute(select(*RuleGrant.__table__.columns))]


async def test_a_members_copy_has_what_rules_noticed_and_gave(points: Points) -> None:
    await rule_made(points)
    await rule_made(points, "shadow", mode=Mode.SHADOW)
    await fired(points, said(1, roles=frozenset({"21"}), message="5"))
    await fired(points, said(2, user_id=GRACE, other_id=ADA, after=timedelta(minutes=1)))

    copy = await points.read(privacy.copy, COMMUNITY, ADA, NOON)

    assert [(each.what, each.yours, each.message) for each in copy.noticed] == [
        ("message", True, "5"),
        ("message", False, None),
    ]
    assert copy.noticed[0].details is not None
    assert copy.noticed[0].details["roles"] == ["21"]
    assert copy.noticed[1].details is None
    assert [(each.rule, each.points, each.shadow) for each in copy.rules] == [(1, 2, False), (2, 2, True)]
    words = await points.read(telling.text, copy)
    assert "2026-03-18 12:00 message in channel 11" in words
    assert "2026-03-18 12:01 message of somebody else, because of you in channel 11" in words
    assert "2026-03-18 12:00 rule 2 would have given 2" in words


async def test_erasing_forgets_what_happened_and_keeps_what_was_given(points: Points) -> None:
    await rule_made(points)
    await fired(points, said(1))
    await fired(points, said(2, user_id=GRACE, other_id=ADA))
    before = await points.read(_grants)
    await points.write(policy.change, by(MOD), erasure_days=0)
    await points.write(privacy.ask, by(ADA), ADA)
    await points.write(privacy.erase_due, NOON + timedelta(hours=1))

    ((member, other),) = await points.read(_facts)
    assert other is None
    assert member is not None
    assert await points.read(_grants) == before
    told = Origin(COMMUNITY, Actor(ActorKind.SYSTEM), NOON + timedelta(hours=2), "again")
    again = await points.write(rules.fire, told, said(1))
    assert again.receipts == ()
    assert await balance(points, GRACE) == 2
    assert await points.read(verify) == []


async def test_rules_and_what_they_gave_are_exported(points: Points) -> None:
    await rule_made(points)
    await rule_made(points, "shadow", mode=Mode.SHADOW)
    await fired(points, said(1, other_id=GRACE))
    await points.write(rules.undo, by(MOD), 1, reason="wrong")

    async def exported(table: Table) -> list[dict[str, Any]]:
        file = io.BytesIO()
        await exports.export(points, COMMUNITY, table, file, at=NOON, format=exports.Format.JSONL)
        return [json.loads(line) for line in file.getvalue().splitlines()]

    versions = await exported(Table.RULES)
    assert [(row["number"], row["version"], row["mode"], row["actor_id"]) for row in versions] == [
        (1, 1, "draft", MOD),
        (1, 2, "live", MOD),
        (2, 1, "draft", MOD),
        (2, 2, "shadow", MOD),
    ]
    grants = await exported(Table.GRANTS)
    assert [
        (row["rule"], row["user_id"], row["other_id"], row["amount"], row["standing"]) for row in grants
    ] == [
        (1, ADA, GRACE, 2, False),
        (2, ADA, GRACE, 2, True),
    ]
    assert (grants[0]["transaction"], grants[0]["undone_batch"], grants[1]["shadow"]) == (1, 1, True)
    moved = await exported(Table.TRANSACTIONS)
    assert [(row["rule"], row["rule_version"]) for row in moved] == [(1, 2), (None, None)]
