"""A rule's life: made, changed, renamed and switched once per key; every step refused in words, and on record."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from points_core import policy
from points_core.database import Points
from points_core.errors import (
    DuplicateTransaction,
    InvalidSetting,
    InvalidText,
    RuleMode,
    RuleRetired,
    UnknownCategory,
    UnknownRule,
)
from points_core.models import AuditEvent, Community
from points_core.rules import reading, stored
from points_core.rules.definition import TotalAtLeast
from points_core.rules.reading import RuleView
from points_core.values import Mode
from tests.core.conftest import COMMUNITY, MOD, NOON, OTHER_MOD, by, row_counts
from tests.core.rule_facts import definition

VILLAGE = "village"
HOUR = timedelta(hours=1)


async def made(points: Points, name: str = "talk", community: str = COMMUNITY, **more: Any) -> RuleView:
    origin = more.pop("origin", None) or by(MOD, community=community)
    wanted = more.pop("definition", definition())
    return await points.write(stored.create, origin, name=name, definition=wanted, **more)


async def on_record(points: Points, community: str = COMMUNITY) -> list[tuple[str, str, Any, Any]]:
    def read(tx: Connection) -> list[tuple[str, str, Any, Any]]:
        columns = (AuditEvent.action, AuditEvent.target, AuditEvent.before, AuditEvent.after)
        found = select(*columns).join(Community, Community.id == AuditEvent.community_id)
        ours = found.where(Community.key == community, AuditEvent.action.like("rule.%"))
        return [tuple(row) for row in tx.execute(ours.order_by(AuditEvent.number))]

    return await points.read(read)


async def test_each_step_is_a_version_with_its_maker_and_on_record(points: Points) -> None:
    first = await made(points, origin=by(MOD, at=NOON))
    number = first.rule.number
    other = definition(amount=3)
    await points.write(stored.edit, by(OTHER_MOD, at=NOON + HOUR), number, other)
    await points.write(stored.rename, by(MOD, at=NOON + 2 * HOUR), number, "  chat ")
    last = await points.write(stored.set_mode, by(MOD, at=NOON + 3 * HOUR), number, Mode.LIVE)

    assert (first.rule.number, first.rule.version, first.rule.name, first.rule.mode) == (
        1,
        1,
        "talk",
        Mode.DRAFT,
    )
    assert (last.rule.version, last.rule.name, last.rule.mode, last.rule.definition) == (
        4,
        "chat",
        Mode.LIVE,
        other,
    )
    assert (last.created_at, last.updated_at) == (NOON, NOON + 3 * HOUR)
    told = [
        (v.rule.version, v.rule.name, v.rule.mode, v.rule.definition.amount, v.actor.user_id, v.made_at)
        for v in await points.read(reading.history, COMMUNITY, number)
    ]
    assert told == [
        (4, "chat", Mode.LIVE, 3, MOD, NOON + 3 * HOUR),
        (3, "chat", Mode.DRAFT, 3, MOD, NOON + 2 * HOUR),
        (2, "talk", Mode.DRAFT, 3, OTHER_MOD, NOON + HOUR),
        (1, "talk", Mode.DRAFT, 2, MOD, NOON),
    ]
    documents = [definition().document, other.document]
    assert await on_record(points) == [
        ("rule.create", "1", None, {"name": "talk", "mode": "draft", "definition": documents[0]}),
        ("rule.edit", "1", {"definition": documents[0]}, {"definition": documents[1]}),
        ("rule.rename", "1", {"name": "talk"}, {"name": "chat"}),
        ("rule.live", "1", {"mode": "draft"}, {"mode": "live"}),
    ]
    for wrong in (2, 0, -1, 2**70):
        with pytest.raises(UnknownRule):
            await points.read(reading.history, COMMUNITY, wrong)


async def test_a_key_makes_one_rule_and_each_change_once(points: Points) -> None:
    first = await made(points, origin=by(MOD, "k1"))
    await made(points, "walk", origin=by(MOD, "k2"))
    number = first.rule.number

    assert await made(points, origin=by(MOD, "k1")) == first
    assert (await made(points, community=VILLAGE, origin=by(MOD, "k1", community=VILLAGE))).rule.number == 1
    for other in ({"name": "other"}, {"definition": definition(amount=9)}):
        with pytest.raises(DuplicateTransaction) as refused:
            await made(points, origin=by(MOD, "k1"), **other)
        assert refused.value.key == "k1"

    for key, change, given in (
        ("e", stored.edit, definition(amount=5)),
        ("r", stored.rename, "chat"),
        ("m", stored.set_mode, Mode.LIVE),
    ):
        await points.write(change, by(MOD, key), number, given)  # type: ignore[arg-type]
    version = (await points.read(reading.get, COMMUNITY, number)).rule.version
    assert version == 4
    for key, change, given in (
        ("e", stored.edit, definition(amount=6)),
        ("r", stored.rename, "shout"),
        ("m", stored.set_mode, Mode.PAUSED),
    ):
        again = await points.write(change, by(MOD, key), number, given)  # type: ignore[arg-type]
        assert (again.rule.version, again.rule.name, again.rule.mode) == (4, "chat", Mode.LIVE)
    # The same key means nothing to another rule.
    walk = await points.write(stored.rename, by(MOD, "r"), 2, "stroll")
    assert (walk.rule.name, walk.rule.version) == ("stroll", 2)


async def test_what_changes_nothing_is_no_version(points: Points) -> None:
    number = (await made(points)).rule.number
    before = await row_counts(points)
    for change, given in (
        (stored.edit, definition()),
        (stored.rename, " talk"),
        (stored.set_mode, Mode.DRAFT),
    ):
        same = await points.write(change, by(MOD), number, given)  # type: ignore[arg-type]
        assert same.rule.version == 1
    assert await row_counts(points) == before


async def test_a_name_is_one_rules_at_a_time_whatever_its_case(points: Points) -> None:
    first = (await made(points)).rule.number
    second = (await made(points, "walk")).rule.number
    await made(points, "run", VILLAGE)

    for change in (made(points, "TALK"), points.write(stored.rename, by(MOD), second, "Talk")):
        with pytest.raises(InvalidSetting) as refused:
            await change
        assert (refused.value.name, refused.value.expected) == ("name", "one that no other rule has")
    assert (await points.write(stored.rename, by(MOD), first, "Talk")).rule.name == "Talk"
    assert (await points.write(stored.rename, by(MOD), second, "run")).rule.name == "run"
    await points.write(stored.set_mode, by(MOD), first, Mode.RETIRED)
    assert (await made(points)).rule.number == 3
    for name in ("", " ", "x" * 51, "a\x00b"):
        with pytest.raises(InvalidText):
            await points.write(stored.rename, by(MOD), second, name)
    assert (await points.write(stored.rename, by(MOD), second, "x" * 50)).rule.name == "x" * 50


@pytest.mark.parametrize("mode", Mode)
async def test_a_rule_begins_as_a_draft_in_shadow_or_live(points: Points, mode: Mode) -> None:
    if mode in (Mode.DRAFT, Mode.SHADOW, Mode.LIVE):
        assert (await made(points, mode=mode)).rule.mode is mode
        return
    with pytest.raises(RuleMode) as refused:
        await made(points, mode=mode)
    assert (refused.value.mode, refused.value.wanted) == ("draft", mode.value)


async def at_mode(points: Points, mode: Mode) -> int:
    number = (await made(points)).rule.number
    way = {Mode.PAUSED: (Mode.LIVE, Mode.PAUSED), Mode.DRAFT: ()}.get(mode, (mode,))
    for step in way:
        await points.write(stored.set_mode, by(MOD), number, step)
    return number


@pytest.mark.parametrize("start", Mode)
@pytest.mark.parametrize("end", Mode)
async def test_only_listed_steps_are_taken(points: Points, start: Mode, end: Mode) -> None:
    steps = {
        Mode.DRAFT: "shadow live retired",
        Mode.SHADOW: "draft live paused retired",
        Mode.LIVE: "paused shadow retired",
        Mode.PAUSED: "live shadow retired",
        Mode.RETIRED: "",
    }
    number = await at_mode(points, start)
    if end is start or end.value in steps[start].split():
        assert (await points.write(stored.set_mode, by(MOD), number, end)).rule.mode is end
        return
    with pytest.raises(RuleRetired if start is Mode.RETIRED else RuleMode) as refused:
        await points.write(stored.set_mode, by(MOD), number, end)
    if isinstance(refused.value, RuleMode):
        assert (refused.value.number, refused.value.mode, refused.value.wanted) == (
            number,
            start.value,
            end.value,
        )


async def test_a_retired_rule_stays_as_it_was(points: Points) -> None:
    number = await at_mode(points, Mode.RETIRED)
    for change, given in ((stored.edit, definition(amount=9)), (stored.rename, "chat")):
        with pytest.raises(RuleRetired) as refused:
            await points.write(change, by(MOD), number, given)  # type: ignore[arg-type]
        assert refused.value.number == number
    assert await points.read(reading.listed, COMMUNITY) == ()
    (kept,) = await points.read(reading.listed, COMMUNITY, retired=True)
    assert kept.rule.number == number


async def test_a_rule_that_is_over_is_not_switched_on(points: Points) -> None:
    number = (await made(points, definition=definition(expires_at=NOON + HOUR))).rule.number
    for mode in (Mode.SHADOW, Mode.LIVE):
        with pytest.raises(InvalidSetting) as refused:
            await points.write(stored.set_mode, by(MOD, at=NOON + HOUR), number, mode)
        assert refused.value.name == "expires_at"
    gone = await points.write(stored.set_mode, by(MOD, at=NOON + HOUR), number, Mode.RETIRED)
    assert gone.rule.mode is Mode.RETIRED


async def test_a_rule_names_categories_that_there_are_and_gives_in_open_ones(points: Points) -> None:
    categories = (await points.read(policy.of, COMMUNITY)).categories
    shut, fine = categories[0], categories[1]
    number = (await made(points, definition=definition(category_id=shut.id))).rule.number
    await points.write(policy.retire_category, by(MOD), shut.name)

    for mode in (Mode.SHADOW, Mode.LIVE):
        with pytest.raises(UnknownCategory) as refused:
            await points.write(stored.set_mode, by(MOD), number, mode)
        assert refused.value.category == shut.name
        assert fine.name in refused.value.known
    for wrong in (definition(category_id=99), definition(when=TotalAtLeast(points=1, category_id=99))):
        for change in (
            points.write(stored.edit, by(MOD), number, wrong),
            made(points, "other", definition=wrong),
        ):
            with pytest.raises(UnknownCategory) as refused:
                await change
            assert refused.value.category == "99"
    looks = definition(category_id=fine.id, when=TotalAtLeast(points=1, category_id=shut.id))
    assert (await points.write(stored.edit, by(MOD), number, looks)).rule.definition == looks
    assert (await points.write(stored.set_mode, by(MOD), number, Mode.LIVE)).rule.mode is Mode.LIVE


async def test_there_is_room_for_a_hundred_rules_that_are_not_retired(points: Points) -> None:
    def fill(tx: Connection) -> None:
        for n in range(stored.MAX_RULES - 1):
            stored.create(tx, by(MOD), name=f"rule {n}", definition=definition())

    await points.write(fill)
    await made(points, "elsewhere", VILLAGE)
    last = await made(points, "last")
    with pytest.raises(InvalidSetting) as refused:
        await made(points, "one more")
    assert (refused.value.name, refused.value.value, refused.value.expected) == (
        "rules",
        101,
        "at most 100 that are not retired",
    )
    await points.write(stored.set_mode, by(MOD), last.rule.number, Mode.RETIRED)
    assert (await made(points, "one more")).rule.number == 101


async def test_every_change_is_counted_for_those_who_keep_rules_in_memory(points: Points) -> None:
    async def compiled(community: str = COMMUNITY) -> tuple[int, list[int]]:
        count, rules = await points.read(reading.compiled, community)
        assert count == await points.read(reading.changes, community)
        return count, [rule.number for rule in rules.rules]

    assert await compiled() == (0, [])
    await made(points)
    await made(points, "theirs", VILLAGE, mode=Mode.LIVE)
    await made(points, "walk", mode=Mode.SHADOW)
    assert await compiled() == (2, [2])
    await points.write(stored.set_mode, by(MOD), 1, Mode.LIVE)
    await points.write(stored.set_mode, by(MOD), 2, Mode.PAUSED)
    assert await compiled() == (4, [1])
    assert await compiled(VILLAGE) == (1, [1])
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    _, rules = await points.read(reading.compiled, COMMUNITY)
    assert rules.zone.key == "Europe/Berlin"
