"""What is kept about a member can be shown to them, hidden from others, and erased, with every sum left true."""

import asyncio
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import JSON, Connection, String, Text, insert, make_url, select, update

from points_core import (
    achievements,
    approvals,
    audit,
    awards,
    doctor,
    exports,
    history,
    leaderboard,
    policy,
    privacy,
    rules,
    verification,
)
from points_core import backup as backups
from points_core.achievements import badges, roles
from points_core.achievements.goals import FirstAward
from points_core.database import Points
from points_core.errors import (
    DatabaseUnavailable,
    DuplicateTransaction,
    InvalidSetting,
    NoWish,
    RequestClosed,
    UnknownMember,
)
from points_core.exports import Format
from points_core.models import (
    Base,
    Community,
    Erasure,
    LedgerHead,
    Member,
    PointTransaction,
    Webhook,
    WebhookDelivery,
)
from points_core.policy import LeavePolicy
from points_core.privacy.columns import EMPTIED, IMPERSONAL
from points_core.values import Actor, ActorKind, Kind, Mode, Origin, Receipt, Request, RequestState
from points_core.windows import Window
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, THIRD_MOD, by, row_counts
from tests.core.rule_facts import definition, message

CANARY = "81384788765712384"  # as long as Discord's ids: it is looked for in other people's texts
NAME = "Canaria Yellowfeather"
WEEK = timedelta(days=7)
LATER = NOON + WEEK


async def give(
    points: Points, user_id: str, amount: int = 10, reason: str = "because", who: str = MOD, **more: object
) -> Receipt:
    outcome = await points.write(
        approvals.request,
        by(who),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=amount,
        reason=reason,
        **more,  # type: ignore[arg-type]
    )
    assert isinstance(outcome, Receipt)
    return outcome


async def ask_for(points: Points, user_id: str, reason: str = "a lot", who: str = MOD) -> Request:
    outcome = await points.write(
        approvals.request,
        by(who),
        kind=Kind.AWARD,
        user_id=user_id,
        amount=500,
        reason=reason,
        name=NAME if user_id == CANARY else None,
    )
    assert isinstance(outcome, Request)
    return outcome


def herself(key: str | None = None) -> Origin:
    origin = by(CANARY, key)
    return replace(origin, actor=Actor.member(CANARY, NAME))


async def erase(points: Points, user_id: str = CANARY) -> None:
    """Have the member erased: ask, and let a week pass."""
    await points.write(privacy.ask, by(user_id), user_id)
    assert await points.write(privacy.erase_due, LATER)


async def in_order(points: Points) -> None:
    assert await points.read(verification.verify) == []


async def board(points: Points) -> leaderboard.Board:
    return await points.read(leaderboard.standings, COMMUNITY, window=Window.all_time())


# ── the canary ──

SECRETS = {
    "id": CANARY,
    "name": "Yellowfeather",
    "reason": "canary-reason-7c1f",
    "evidence": "canary-evidence-7c1f",
    "waiting": "canary-waiting-7c1f",
    "rejected": "canary-rejected-7c1f",
    "note": "canary-note-7c1f",
    "undone": "canary-undone-7c1f",
    "repeat": "canary-earlier-name-7c1f",
    "link": "canary-link-7c1f",
}


async def planted(points: Points) -> None:
    """Leave something of the canary's wherever the core takes it."""
    await give(points, ADA, 30, "the first of the board")
    await give(points, CANARY, 5, "under an earlier name", name=SECRETS["repeat"])
    first = await give(
        points,
        CANARY,
        20,
        SECRETS["reason"],
        name=NAME,
        evidence=f"https://example.org/{SECRETS['evidence']}",
        category="helping",
    )
    await points.write(awards.reverse, by(OTHER_MOD), first.number, reason=SECRETS["undone"])
    await give(points, ADA, 1, f"worked with <@{CANARY}>")
    await give(points, GRACE, 7, "thanked by her", who=CANARY)
    await ask_for(points, CANARY, SECRETS["waiting"])
    refused = await ask_for(points, CANARY, SECRETS["rejected"])
    await points.write(approvals.vote, by(OTHER_MOD), refused.number, approve=False, note=SECRETS["note"])
    elsewhere = await ask_for(points, ADA, "something large")
    await points.write(approvals.vote, herself(), elsewhere.number, approve=True)
    await points.write(policy.change, herself(), log_channel="777", quorum=2)
    await points.write(privacy.hide, herself(), CANARY)
    await points.write(privacy.show, herself(), CANARY)
    await points.write(privacy.ask, herself(), CANARY)
    await points.write(privacy.cancel, herself(), CANARY)
    await points.write(tell_programs)
    await earned(points)


async def earned(points: Points) -> None:
    """Leave what rules noticed of the canary, and what came of it: points, a badge, roles, days."""
    await points.write(badges.add, by(MOD), name="Firsts", goal=FirstAward(), role="61")
    what = {"counts_for_streak": True, "role": "62", "role_days": 30}
    rule = await points.write(rules.create, by(MOD), name="talk", definition=definition(**what))
    await points.write(rules.set_mode, by(MOD), rule.rule.number, Mode.LIVE)
    link = f"https://example.org/{SECRETS['link']}"
    hers = message(1, key=f"message:{CANARY}", user_id=CANARY, name=NAME, link=link, roles=frozenset({"63"}))
    others = {"other_id": CANARY, "other_name": NAME, "link": f"https://example.org/{CANARY}"}
    for fact in (hers, message(2, key=f"reaction:{CANARY}:2", user_id=ADA, **others)):
        told = Origin(COMMUNITY, Actor(ActorKind.SYSTEM), NOON, f"told:{fact.message}")
        await points.write(rules.fire, told, fact)
    await achievements.settled(points, NOON)
    (grant, *_) = [each for each in await points.read(roles.due, COMMUNITY, 10) if each.user_id == CANARY]
    await points.write(roles.failed, grant, "the bot lacks Manage Roles", NOON)


def tell_programs(tx: Connection) -> None:
    """Leave two deliveries that name the canary, one done, one waiting, and one about somebody else."""
    hook = {"url": "https://example.org", "secret": "s", "topics": [], "key": "hook", "created_at": NOON}
    tx.execute(insert(Webhook).values(community_id=1, number=1, **hook))
    tx.execute(update(LedgerHead).values(webhooks=1))
    when = {"created_at": NOON, "due_at": NOON, "topic": "transaction.recorded", "attempts": 1}
    delivery = {"community_id": 1, "webhook_number": 1, **when}
    about = {"user_id": CANARY, "reason": SECRETS["reason"], "name": NAME}
    mention = {"user_id": ADA, "reason": f"worked with <@{CANARY}>"}
    bodies = (("1", about, NOON), ("2", mention, None), ("3", {"user_id": ADA}, None))
    for event, body, done_at in bodies:
        tx.execute(insert(WebhookDelivery).values(event=event, body=body, done_at=done_at, **delivery))


def files(database_url: str) -> Iterator[tuple[str, bytes]]:
    name = make_url(database_url).database
    assert name is not None
    for path in sorted(Path(name).parent.glob(f"{Path(name).name}*")):
        yield path.name, path.read_bytes()


def rows(tx: Connection) -> str:
    """Return everything that stands in any table, as text."""
    return "\n".join(
        repr(tuple(row)) for table in Base.metadata.sorted_tables for row in tx.execute(select(table))
    )


async def test_after_erasure_nothing_of_the_person_is_left_in_any_table_file_or_wal(
    points: Points, database_url: str, tmp_path: Path
) -> None:
    await planted(points)
    before = await points.read(rows)
    assert [name for name, secret in SECRETS.items() if secret not in before and name != "repeat"] == []
    on_sqlite = database_url.startswith("sqlite")
    if on_sqlite:
        everything = b"".join(content for _, content in files(database_url))
        assert [
            n for n, secret in SECRETS.items() if secret.encode() not in everything and n != "repeat"
        ] == []

    await erase(points)
    assert await points.scrub()

    after = await points.read(rows)
    assert [name for name, secret in SECRETS.items() if secret in after] == []
    if on_sqlite:
        for file, content in files(database_url):
            assert [name for name, secret in SECRETS.items() if secret.encode() in content] == [], file
        backup = await asyncio.to_thread(backups.make, make_url(database_url), tmp_path, LATER)
        content = backup.file.read_bytes()
        assert [name for name, secret in SECRETS.items() if secret.encode() in content] == []
    for format in (Format.CSV, Format.JSONL):
        exported = await everything_exported(points, format)
        assert "the first of the board" in exported
        assert [name for name, secret in SECRETS.items() if secret in exported] == []
    await in_order(points)


async def everything_exported(points: Points, format: Format) -> str:
    file = io.BytesIO()
    await exports.export(points, COMMUNITY, None, file, at=LATER, format=format)
    with zipfile.ZipFile(file) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())


async def test_without_the_rewriting_the_emptied_rows_are_overwritten_in_the_file_too(
    points: Points, database_url: str
) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL overwrites dead rows in its own time")
    await give(points, CANARY, 20, " ".join([SECRETS["reason"]] * 14), name=NAME)
    await erase(points)
    await points.close()  # empties the WAL

    everything = b"".join(content for _, content in files(database_url))
    assert CANARY.encode() not in everything
    assert SECRETS["reason"].encode() not in everything


def test_every_column_that_can_hold_text_is_emptied_by_erasure_or_holds_no_people() -> None:
    impersonal = {(table, column) for table, columns in IMPERSONAL.items() for column in columns}
    text = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String | Text | JSON)
    }

    assert EMPTIED | impersonal == text
    assert not EMPTIED & impersonal


# ── erasing ──


async def test_erasing_leaves_every_number_and_every_total_as_it_was(points: Points) -> None:
    await planted(points)
    before = await board(points)
    counted = await row_counts(points)
    numbers = await points.read(_numbers)

    await erase(points)

    after = await board(points)
    assert [(s.rank, s.points) for s in after.standings] == [(s.rank, s.points) for s in before.standings]
    assert after.members == before.members
    assert await points.read(_numbers) == numbers
    changed = {
        table: now - counted[table]
        for table, now in (await row_counts(points)).items()
        if now != counted[table]
    }
    assert changed == {
        "erasures": 1,
        "audit_events": 2,
        "outbox": 1,
        "facts": -1,
        "role_grants": -2,
        "active_days": -1,
        "achievement_dues": 1,
    }
    await in_order(points)


def _numbers(tx: Connection) -> list[object]:
    columns = [c for c in PointTransaction.__table__.columns if c.name not in {"reason", "evidence", "salt"}]
    return [tuple(row) for row in tx.execute(select(*columns).order_by(PointTransaction.seq))]


async def test_others_keep_what_the_erased_person_wrote_about_them(points: Points) -> None:
    await planted(points)
    await erase(points)

    (thanked,) = (await points.read(history.page, COMMUNITY, user_id=GRACE)).receipts
    assert (thanked.reason, thanked.actor) == ("thanked by her", Actor(ActorKind.MEMBER, None, None))


async def test_programs_are_told_no_more_about_the_erased_person_and_all_about_others(points: Points) -> None:
    await planted(points)
    await erase(points)

    rows = await points.read(lambda tx: tx.execute(select(WebhookDelivery.__table__)).all())
    assert [(row.event, row.body, row.done_at) for row in sorted(rows, key=lambda row: row.event)] == [
        ("1", {"erased": True}, NOON),
        ("2", {"erased": True}, LATER),
        ("3", {"user_id": ADA}, None),
    ]


async def test_texts_of_others_lose_what_names_the_erased_person_and_nothing_else(points: Points) -> None:
    await give(points, ADA, 1, f"worked with <@{CANARY}>")
    await give(points, ADA, 2, f"built 1{CANARY} things")
    await give(points, CANARY)
    await erase(points)

    newest, oldest = (await points.read(history.page, COMMUNITY, user_id=ADA)).receipts
    assert (newest.reason, oldest.reason) == (f"built 1{CANARY} things", None)
    await in_order(points)


async def test_a_short_id_is_no_reason_to_empty_other_peoples_texts(points: Points) -> None:
    await give(points, ADA, 1, f"item {GRACE}")
    await give(points, GRACE)
    await erase(points, GRACE)

    (receipt,) = (await points.read(history.page, COMMUNITY, user_id=ADA)).receipts
    assert receipt.reason == f"item {GRACE}"


async def test_an_erased_person_begins_anew(points: Points) -> None:
    await give(points, CANARY, 50)
    await erase(points)
    again = await give(points, CANARY, 3, name="back again")

    assert (again.before, again.after) == (0, 3)
    assert (await points.read(history.balance, COMMUNITY, CANARY)).current == 3
    assert [(s.user_id, s.points) for s in (await board(points)).standings] == [(None, 50), (CANARY, 3)]
    await in_order(points)


async def test_what_waits_for_them_by_them_or_with_their_vote_is_cancelled_first(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    for_her, by_her = await ask_for(points, CANARY), await ask_for(points, ADA, who=CANARY)
    with_vote, others = await ask_for(points, ADA, "voted"), await ask_for(points, GRACE)
    await points.write(approvals.vote, by(CANARY), with_vote.number, approve=True)

    await erase(points)

    async def state(request: Request) -> RequestState:
        return (await points.read(approvals.get, COMMUNITY, request.number)).state

    assert [await state(r) for r in (for_her, by_her, with_vote)] == [RequestState.CANCELLED] * 3
    assert await state(others) is RequestState.PENDING
    with pytest.raises(RequestClosed):
        await points.write(approvals.vote, by(CANARY), with_vote.number, approve=True)


async def test_a_transaction_of_an_erased_member_can_still_be_taken_back(points: Points) -> None:
    receipt = await give(points, CANARY, 50)
    await erase(points)

    undone = await points.write(awards.reverse, by(MOD), receipt.number, reason="a mistake")

    assert (undone.user_id, undone.before, undone.after) == (None, 50, 0)
    await in_order(points)


async def test_the_key_of_an_erased_persons_award_moves_no_points_again(points: Points) -> None:
    asked = {"kind": Kind.AWARD, "user_id": CANARY, "amount": 5, "reason": "x"}
    await points.write(approvals.request, by(MOD, "award:1"), **asked)  # type: ignore[arg-type]
    await erase(points)

    with pytest.raises(DuplicateTransaction):
        await points.write(approvals.request, by(MOD, "award:1"), **asked)  # type: ignore[arg-type]


async def test_erasing_in_one_community_leaves_the_others(points: Points) -> None:
    await give(points, CANARY)
    await points.write(
        approvals.request,
        by(MOD, community="village"),
        kind=Kind.AWARD,
        user_id=CANARY,
        amount=4,
        reason="village work",
    )
    await erase(points)

    assert (await points.read(history.balance, "village", CANARY)).current == 4


# ── the wish ──


async def test_a_wish_is_carried_out_when_the_time_to_think_is_over_and_once(points: Points) -> None:
    await give(points, CANARY)
    wish = await points.write(privacy.ask, by(CANARY), CANARY)
    assert wish.due_at == NOON + WEEK
    assert await points.read(privacy.wish, COMMUNITY, CANARY) == wish

    assert await points.write(privacy.erase_due, wish.due_at - timedelta(seconds=1)) == []
    (erased,) = await points.write(privacy.erase_due, wish.due_at)
    assert (erased.community, erased.at) == (COMMUNITY, wish.due_at)
    assert await points.write(privacy.erase_due, wish.due_at) == []
    with pytest.raises(UnknownMember):
        await points.write(privacy.ask, by(CANARY), CANARY)


async def test_a_community_decides_how_long_there_is_to_think(points: Points) -> None:
    await give(points, CANARY)
    await points.write(policy.change, by(MOD), erasure_days=0)

    wish = await points.write(privacy.ask, by(CANARY), CANARY)

    assert wish.due_at == NOON
    assert len(await points.write(privacy.erase_due, NOON)) == 1
    for wrong in (-1, 31, 1.5):
        with pytest.raises(InvalidSetting):
            await points.write(policy.change, by(MOD), erasure_days=wrong)


async def test_closed_books_keep_a_wish_waiting_until_they_are_open_again(points: Points) -> None:
    await give(points, CANARY)
    await points.write(privacy.ask, by(CANARY), CANARY)
    await points.write(_close)
    assert await points.write(privacy.erase_due, LATER) == []

    await points.write(_open)
    assert len(await points.write(privacy.erase_due, LATER)) == 1


def _close(tx: Connection) -> None:
    tx.execute(update(LedgerHead).values(closed_because="a test"))


def _open(tx: Connection) -> None:
    tx.execute(update(LedgerHead).values(closed_because=None))


async def test_a_wish_taken_back_is_not_carried_out(points: Points) -> None:
    await give(points, CANARY, name=NAME)
    await points.write(privacy.ask, by(CANARY), CANARY)

    await points.write(privacy.cancel, by(CANARY), CANARY)

    assert await points.read(privacy.wish, COMMUNITY, CANARY) is None
    assert await points.write(privacy.erase_due, LATER) == []
    assert (await points.read(history.balance, COMMUNITY, CANARY)).name == NAME
    with pytest.raises(NoWish):
        await points.write(privacy.cancel, by(CANARY), CANARY)


async def test_asking_again_changes_nothing_and_a_repeated_delivery_does_not_wake_a_wish_taken_back(
    points: Points,
) -> None:
    await give(points, CANARY)
    first = await points.write(privacy.ask, by(CANARY, "ask:1"), CANARY)
    again = await points.write(privacy.ask, by(CANARY, at=NOON + timedelta(days=3)), CANARY)
    assert again == replace(first, replayed=True)

    await points.write(privacy.cancel, by(CANARY), CANARY)
    assert await points.write(privacy.ask, by(CANARY, "ask:1"), CANARY) == replace(first, replayed=True)
    assert await points.read(privacy.wish, COMMUNITY, CANARY) is None


async def test_an_operator_can_have_somebody_erased_at_once_also_who_asked_before(points: Points) -> None:
    await give(points, CANARY)
    await points.write(privacy.ask, by(CANARY), CANARY)

    wish = await points.write(privacy.ask, _operator("now"), CANARY, at_once=True)

    assert wish.due_at == NOON
    assert len(await points.write(privacy.erase_due, NOON)) == 1


def _operator(key: str) -> Origin:
    return Origin(COMMUNITY, Actor(ActorKind.OPERATOR), NOON, key)


async def test_nobody_unknown_is_erased_or_made_known_by_asking(points: Points) -> None:
    await give(points, ADA)
    before = await row_counts(points)

    with pytest.raises(UnknownMember):
        await points.write(privacy.ask, _operator("x"), CANARY)
    with pytest.raises(UnknownMember):
        await points.write(privacy.ask, by(CANARY), CANARY)
    with pytest.raises(NoWish):
        await points.write(privacy.cancel, by(CANARY), CANARY)

    assert await row_counts(points) == before


async def test_wishes_are_on_record_under_the_members_number(points: Points) -> None:
    await planted(points)
    await erase(points)

    entries = [entry for entry in await points.read(audit.recent, COMMUNITY) if "privacy" in entry.action]
    assert [entry.action for entry in entries] == [
        "privacy.erased",
        "privacy.erase",
        "privacy.cancel",
        "privacy.erase",
        "privacy.show",
        "privacy.hide",
    ]
    assert {entry.target for entry in entries} == {"member 3"}
    assert all(entry.actor.user_id is None for entry in entries)


async def test_the_file_is_rewritten_once_for_those_erased_before(points: Points) -> None:
    await give(points, CANARY)
    assert not await points.read(privacy.unscrubbed)
    await erase(points)
    assert await points.read(privacy.unscrubbed)

    assert await points.scrub()
    await points.write(privacy.scrubbed, LATER, LATER)

    assert not await points.read(privacy.unscrubbed)


async def test_writes_go_on_around_the_rewriting(points: Points) -> None:
    await give(points, CANARY)

    before = [give(points, ADA, n) for n in range(1, 20)]
    after = [give(points, GRACE, n) for n in range(1, 20)]
    *_, done = await asyncio.gather(*before, points.scrub(), *after, points.scrub())

    assert done
    assert [s.points for s in (await board(points)).standings] == [190, 190, 10]
    await in_order(points)


async def test_a_closed_database_is_not_rewritten(points: Points, database_url: str) -> None:
    await points.close()

    if database_url.startswith("sqlite"):
        with pytest.raises(DatabaseUnavailable):
            await points.scrub()


async def test_the_doctor_says_when_an_erasure_is_overdue_or_the_file_not_rewritten(points: Points) -> None:
    async def said(at: datetime) -> str:
        found = await points.read(doctor.examine, at)
        return next(finding.detail for finding in found if finding.what == "erasures")

    await give(points, CANARY)
    await points.write(privacy.ask, by(CANARY), CANARY)
    much_later = LATER + timedelta(hours=3)
    assert await said(LATER) == "none overdue"
    assert await said(much_later) == "1 overdue; run `points privacy due`"
    await points.write(privacy.erase_due, LATER)
    assert await said(much_later) == "after 1 the file was not rewritten; run `points privacy due`"
    await points.write(privacy.scrubbed, LATER, LATER)
    assert await said(much_later) == "none overdue"


# ── hiding ──


async def test_who_hides_keeps_the_place_without_a_name_on_every_board(points: Points) -> None:
    await give(points, CANARY, 50, name=NAME)
    await give(points, ADA, 20)
    assert await points.write(privacy.hide, by(CANARY), CANARY)
    assert not await points.write(privacy.hide, by(CANARY), CANARY)

    days = Window.between(NOON.date(), NOON.date() + WEEK, policy.Policy().zone)
    for window, as_of in ((Window.all_time(), None), (days, None), (Window.all_time(), NOON + WEEK)):
        seen = await points.read(leaderboard.standings, COMMUNITY, window=window, as_of=as_of, around=CANARY)
        first, second = seen.standings
        assert (first.rank, first.user_id, first.name, first.points, first.hidden) == (
            1,
            None,
            None,
            50,
            True,
        )
        assert (second.rank, second.user_id, second.hidden) == (2, ADA, False)
        assert seen.mine == first

    assert await points.write(privacy.show, by(CANARY), CANARY)
    assert (await board(points)).standings[0].name == NAME
    await in_order(points)


async def test_somebody_without_points_can_hide_beforehand(points: Points) -> None:
    await give(points, ADA, 1)
    await points.write(privacy.hide, by(CANARY), CANARY)
    assert await points.read(privacy.is_hidden, COMMUNITY, CANARY)
    assert not await points.read(privacy.is_hidden, COMMUNITY, ADA)
    assert not await points.read(privacy.is_hidden, "nowhere", ADA)

    await give(points, CANARY, 5)

    assert (await board(points)).standings[0].hidden
    await in_order(points)


# ── the copy ──


async def test_a_copy_has_everything_of_ones_own_and_nobody_elses_id(points: Points) -> None:
    await planted(points)
    await give(points, CANARY, 2, f"with <@{THIRD_MOD}000000001> and 5551234567890123 and <@{CANARY}>")
    await give(points, "5551234567890123", 1)

    copy = await points.read(privacy.copy, COMMUNITY, CANARY, NOON)
    said = json.dumps(privacy.document(copy))
    told = await points.read(privacy.text, copy)

    assert (copy.user_id, copy.name, copy.current, copy.earned) == (CANARY, NAME, 9, 9)
    assert [m.amount for m in copy.received] == [5, 20, -20, 2, 2]
    assert [(m.amount, m.reason, m.who) for m in copy.given] == [(7, "thanked by her", "someone")]
    assert [(r.state, r.whose, r.by, r.note) for r in copy.requests] == [
        ("pending", "you", "someone", None),
        ("rejected", "you", "someone", SECRETS["note"]),
    ]
    assert [(v.request, v.approve) for v in copy.votes] == [(3, True)]
    assert [c.action for c in copy.changes] == [
        "policy.change",
        "privacy.hide",
        "privacy.show",
        "privacy.erase",
        "privacy.cancel",
    ]
    assert copy.received[-1].reason == f"with @someone and someone and <@{CANARY}>"
    for text in (said, told):
        for other in (ADA, GRACE, MOD, OTHER_MOD, "5551234567890123"):
            assert f'"{other}"' not in text
            assert f"{other}>" not in text
        for own in ("reason", "evidence", "waiting", "rejected", "note", "undone", "name", "id"):
            assert SECRETS[own] in text, own
    assert json.loads(said)["received"][0]["recorded_at"] == NOON.isoformat()


async def test_a_copy_says_that_an_erasure_waits(points: Points) -> None:
    await give(points, CANARY)
    await points.write(privacy.ask, by(CANARY), CANARY)

    copy = await points.read(privacy.copy, COMMUNITY, CANARY, NOON)

    assert copy.erasure is not None
    assert "To be erased: 2026-03-25 12:00" in await points.read(privacy.text, copy)


async def test_there_is_no_copy_of_nothing(points: Points) -> None:
    await give(points, ADA)

    for community in (COMMUNITY, "nowhere"):
        with pytest.raises(UnknownMember):
            await points.read(privacy.copy, community, CANARY, NOON)


# ── who left ──


def system(at: object = NOON, key: str = "sweep:1") -> Origin:
    return replace(by(MOD, key), actor=Actor(ActorKind.SYSTEM), at=at)  # type: ignore[arg-type]


async def test_only_members_with_points_are_looked_up_in_pages_by_number(points: Points) -> None:
    await give(points, ADA)
    await give(points, GRACE)
    await points.write(privacy.hide, by(CANARY), CANARY)

    first = await points.read(privacy.to_look_up, COMMUNITY, limit=1)
    rest = await points.read(privacy.to_look_up, COMMUNITY, after=first[-1].number)

    assert [leaver.user_id for leaver in first] == [ADA]
    assert [leaver.user_id for leaver in rest] == [GRACE]
    assert await points.read(privacy.to_look_up, "nowhere") == ()


async def test_nobody_is_looked_up_for_books_that_are_closed(points: Points) -> None:
    for number, community in enumerate((COMMUNITY, "elsewhere")):
        await points.write(policy.change, by(MOD, f"p{number}", community=community), leave_policy="hide")
    closed = select(Community.id).where(Community.key == COMMUNITY).scalar_subquery()
    shut = update(LedgerHead).where(LedgerHead.community_id == closed).values(closed_because="a test")
    assert await points.read(privacy.watched) == (COMMUNITY, "elsewhere")

    await points.write(lambda tx: tx.execute(shut).rowcount)

    assert await points.read(privacy.watched) == ("elsewhere",)


@pytest.mark.parametrize("wanted", LeavePolicy)
async def test_nothing_happens_to_who_left_before_the_days_are_over_and_then_what_the_policy_wants(
    points: Points, wanted: LeavePolicy
) -> None:
    await points.write(policy.change, by(MOD), leave_policy=wanted.value, leave_days=10)
    await give(points, CANARY, 50, SECRETS["reason"], name=NAME)
    assert await points.write(privacy.left, system(), CANARY)
    assert not await points.write(privacy.left, system(), CANARY)
    early, late = NOON + timedelta(days=9), NOON + timedelta(days=10)
    assert await points.read(privacy.overdue, early, [COMMUNITY]) == ()
    assert await points.write(privacy.away, system(early), CANARY) is None
    assert (await board(points)).standings[0].name == NAME

    assert await points.read(privacy.watched) == (() if wanted is LeavePolicy.KEEP else (COMMUNITY,))
    assert await points.read(privacy.overdue, late, ["village"]) == ()
    due = await points.read(privacy.overdue, late, [COMMUNITY])
    assert [leaver.user_id for leaver in due] == ([] if wanted is LeavePolicy.KEEP else [CANARY])
    done = await points.write(privacy.away, system(late), CANARY)

    assert done is (None if wanted is LeavePolicy.KEEP else wanted)
    (standing,) = (await board(points)).standings
    assert standing.points == 50
    assert (standing.name, standing.hidden) == {
        LeavePolicy.KEEP: (NAME, False),
        LeavePolicy.HIDE: (None, True),
        LeavePolicy.ERASE: (None, False),
    }[wanted]
    assert (SECRETS["reason"] in await points.read(rows)) is (wanted is not LeavePolicy.ERASE)
    assert await points.read(privacy.overdue, late, [COMMUNITY]) == ()
    assert await points.read(privacy.unscrubbed) is (wanted is LeavePolicy.ERASE)
    await in_order(points)


async def test_who_is_back_in_time_loses_nothing(points: Points) -> None:
    await points.write(policy.change, by(MOD), leave_policy="erase", leave_days=10)
    await give(points, CANARY, 50, name=NAME)
    await points.write(privacy.left, system(), CANARY)

    assert await points.write(privacy.returned, system(NOON + timedelta(days=9)), CANARY)

    late = NOON + timedelta(days=30)
    assert await points.read(privacy.overdue, late, [COMMUNITY]) == ()
    assert await points.write(privacy.away, system(late), CANARY) is None
    assert (await board(points)).standings[0].name == NAME


@pytest.mark.parametrize("own_wish", [False, True])
async def test_who_comes_back_is_shown_again_unless_they_hid_themselves(
    points: Points, own_wish: bool
) -> None:
    await points.write(policy.change, by(MOD), leave_policy="hide", leave_days=1)
    await give(points, CANARY, 50, name=NAME)
    if own_wish:
        await points.write(privacy.hide, by(CANARY), CANARY)
    await points.write(privacy.left, system(NOON + timedelta(hours=1)), CANARY)
    await points.write(privacy.away, system(NOON + timedelta(days=2)), CANARY)
    assert (await board(points)).standings[0].hidden

    await points.write(privacy.returned, system(NOON + timedelta(days=3)), CANARY)

    assert (await board(points)).standings[0].hidden is own_wish


def test_the_row_of_an_erasure_names_nobody() -> None:
    assert {column.name for column in Erasure.__table__.columns} & {"user_id", "name"} == set()
    assert {"user_id", "name"} <= {column.name for column in Member.__table__.columns}
