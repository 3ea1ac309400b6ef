"""Links as the books keep them: made, shown, renewed, ended, lost, erased; by one process or by two."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from points_core import backup, doctor, links, policy, privacy
from points_core.database import Points
from points_core.errors import InvalidText
from points_core.links import LOST_KEY, MOST, Turn
from points_core.models import AuditEvent, LinkedAccount, Member, PointBalance
from points_core.programme import Level, Programme
from points_core.values import Actor, ActorKind, Origin
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by, settings_for
from tests.core.posting import Move, post

SEALED = b"sealed permission"
WEEK = timedelta(days=7)


async def give(points: Points, user_id: str, amount: int, community: str = COMMUNITY) -> None:
    await points.write(post, community, [Move(user_id, amount)])


async def linked(
    points: Points, user_id: str = ADA, community: str = COMMUNITY, sealed: bytes = SEALED
) -> links.Number:
    return await points.write(
        links.link,
        by(user_id, community=community),
        user_id,
        name="Ada",
        sealed=sealed,
        expires_at=NOON + WEEK,
    )


async def leased(points: Points, at: timedelta = timedelta(0), limit: int = 20) -> list[Turn]:
    found = await points.read(links.due, NOON + at, limit=limit)
    return await points.write(links.lease, NOON + at, found)


async def turn_of(points: Points, at: timedelta = timedelta(0)) -> Turn:
    (turn,) = await leased(points, at)
    return turn


async def shown(points: Points, turn: Turn, at: timedelta = timedelta(0)) -> None:
    await points.write(links.shown, turn, NOON + at, NOON + at)


def with_settings(url: str, **more: object) -> AbstractAsyncContextManager[Points]:
    return Points.opened(settings_for(url, **more))


HOST = {
    "POINTS_PUBLIC_URL": "https://points.example.org",
    "DISCORD_CLIENT_ID": "145607444398080000",
    "DISCORD_CLIENT_SECRET": "client-secret",
    "POINTS_HTTP_PORT": 8080,
}


# ── what is shown ──


async def test_a_new_link_is_to_show_the_balance_and_the_level(points: Points) -> None:
    levels = (Level(name="Member", earned=5), Level(name="Regular", earned=20))
    await points.write(policy.change, by(MOD), programme=Programme(levels=levels))
    await give(points, ADA, 30)
    number = await linked(points)

    turn = await turn_of(points)

    assert (turn.community_id, turn.member) == number
    assert (turn.community, turn.user_id, turn.sealed) == (COMMUNITY, ADA, SEALED)
    assert (turn.points, turn.level, turn.ended, turn.stale, turn.same) == (30, 2, False, False, False)


async def test_somebody_without_points_links_with_none(points: Points) -> None:
    await linked(points)

    turn = await turn_of(points)
    assert (turn.points, turn.level) == (0, 0)


async def test_nothing_is_due_once_it_is_shown_until_points_move(points: Points) -> None:
    await give(points, ADA, 30)
    await linked(points)
    await shown(points, await turn_of(points))
    assert not await points.read(links.due, NOON)
    assert await leased(points) == []

    await give(points, ADA, 5)
    await give(points, ADA, 7)

    assert await points.read(links.due, NOON)
    assert (await turn_of(points)).points == 42


async def test_points_that_move_while_they_are_shown_are_shown_next(points: Points) -> None:
    await give(points, ADA, 30)
    await linked(points)
    turn = await turn_of(points)
    await give(points, ADA, 5)
    await shown(points, turn)

    assert (await turn_of(points)).points == 35


async def test_more_than_discord_counts_is_shown_as_the_most_and_a_debt_as_nothing(points: Points) -> None:
    await give(points, ADA, 10)
    await give(points, GRACE, 10)
    await linked(points)
    await linked(points, GRACE)

    def moved(tx: Connection) -> None:
        for amount, spent in ((10**12, 0), (-5, 15)):
            one = select(Member.id).where(Member.user_id == (ADA if amount > 0 else GRACE)).scalar_subquery()
            values = {"current": amount, "earned": amount + spent, "spent": spent}
            tx.execute(update(PointBalance).where(PointBalance.member_id == one).values(**values))

    await points.write(moved)

    turns = {turn.user_id: turn for turn in await leased(points)}
    assert (turns[ADA].points, turns[GRACE].points) == (MOST, 0)
    for turn in turns.values():
        await shown(points, turn)
    assert not await points.read(links.due, NOON)


async def test_a_link_is_not_due_before_its_time_and_what_failed_is_remembered(points: Points) -> None:
    await linked(points)
    await points.write(links.later, await turn_of(points), NOON + timedelta(minutes=1), "HTTP 503")
    assert await leased(points) == []

    turn = await turn_of(points, timedelta(minutes=1))
    assert turn.attempts == 2
    account = await points.read(links.of, ADA)
    assert account is not None
    assert account.why == "HTTP 503"
    await shown(points, turn, timedelta(minutes=1))
    account = await points.read(links.of, ADA)
    assert account is not None
    assert account.why is None


# ── the permission ──


async def test_a_permission_is_renewed_a_day_before_it_runs_out(points: Points) -> None:
    await linked(points)
    await shown(points, await turn_of(points))
    soon = WEEK - timedelta(days=1)
    assert await leased(points, soon - timedelta(seconds=1)) == []

    turn = await turn_of(points, soon)

    assert (turn.stale, turn.same) == (True, True)
    assert await points.write(links.kept, turn, b"renewed", NOON + soon + WEEK)
    await points.write(links.later, replace(turn, sealed=b"renewed"), NOON + soon, None)
    assert await leased(points, soon) == []


async def test_a_renewed_permission_is_kept_even_if_the_lease_ran_out(points: Points) -> None:
    await linked(points)
    turn = await turn_of(points)
    later = await turn_of(points, timedelta(minutes=2))
    assert later.until != turn.until

    assert await points.write(links.kept, turn, b"renewed", NOON + 2 * WEEK)


async def test_a_permission_given_anew_is_not_overwritten_by_an_older_one(points: Points) -> None:
    await linked(points)
    turn = await turn_of(points)
    await linked(points, sealed=b"given anew")

    assert not await points.write(links.kept, turn, b"renewed", NOON + WEEK)
    await points.write(links.lost, turn, NOON, "revoked")
    await shown(points, turn)

    again = await turn_of(points)
    assert again.sealed == b"given anew"
    assert not again.same


async def test_two_processes_never_hold_one_link(points: Points, database_url: str) -> None:
    for number in range(30):
        await linked(points, f"2{number:03}")
    async with Points.opened(settings_for(database_url)) as other:

        async def taken(who: Points) -> list[int]:
            mine: list[int] = []
            while await who.read(links.due, NOON):  # both find the same
                mine += [turn.member for turn in await leased(who, limit=3)]
            return mine

        mine, theirs = await asyncio.gather(taken(points), taken(other))

    assert len(mine) + len(theirs) == len({*mine, *theirs}) == 30


async def test_a_lease_runs_out_by_itself(points: Points) -> None:
    await linked(points)
    first = await turn_of(points)
    assert await leased(points, timedelta(seconds=59)) == []

    second = await turn_of(points, timedelta(seconds=60))
    await points.write(links.later, first, NOON + WEEK, "too late")

    assert await leased(points, timedelta(seconds=60)) == []  # the second still holds it
    await shown(points, second, timedelta(seconds=60))
    assert not await points.read(links.due, NOON + timedelta(seconds=60))


# ── which community ──


async def test_one_account_is_linked_in_one_community(points: Points) -> None:
    await linked(points)
    await linked(points, community="village")

    (turn,) = await leased(points)
    assert turn.community == "village"


async def test_the_only_community_is_chosen_and_of_several_none(points: Points) -> None:
    assert (await points.read(links.chosen)).community is None
    await give(points, ADA, 1)
    assert (await points.read(links.chosen)).community == COMMUNITY

    await give(points, ADA, 1, "village")
    chosen = await points.read(links.chosen)
    assert chosen.community is None
    assert "POINTS_LINKED_COMMUNITY" in chosen.why


async def test_the_setting_chooses_and_what_it_does_not_know_is_not_chosen(
    points: Points, database_url: str
) -> None:
    await give(points, ADA, 1)
    await give(points, ADA, 1, "village")
    async with with_settings(database_url, POINTS_LINKED_COMMUNITY="village") as set_up:
        assert (await set_up.read(links.chosen)).community == "village"
    async with with_settings(database_url, POINTS_LINKED_COMMUNITY="vilage") as wrong:
        chosen = await wrong.read(links.chosen)
    assert chosen.community is None
    assert "vilage" in chosen.why


async def test_a_link_of_another_community_than_the_chosen_one_shows_nothing_and_comes_back_with_the_setting(
    points: Points, database_url: str
) -> None:
    await give(points, ADA, 30)
    await give(points, GRACE, 1, "village")
    await linked(points)
    await shown(points, await turn_of(points))

    async with with_settings(database_url, POINTS_LINKED_COMMUNITY="village") as other:
        turn = await turn_of(other)
        assert (turn.points, turn.level, turn.ended) == (None, None, False)
        await shown(other, turn)
        assert not await other.read(links.due, NOON)

    assert (await turn_of(points)).points == 30


# ── ending ──


async def test_an_ended_link_waits_until_nothing_is_shown_any_more_and_is_then_gone(points: Points) -> None:
    await linked(points)
    await shown(points, await turn_of(points))
    ended = await points.write(links.end, by(ADA), ADA)
    assert ended is not None
    assert (ended.community, ended.lost) == (COMMUNITY, False)
    assert await points.write(links.end, by(ADA), ADA) is None

    turn = await turn_of(points)
    assert turn.ended
    await points.write(links.gone, turn)

    assert await points.read(links.of, ADA) is None


async def test_a_link_is_ended_from_another_community_too(points: Points) -> None:
    await linked(points)

    ended = await points.write(links.end, by(ADA, community="village"), ADA)

    assert ended is not None
    assert ended.community == COMMUNITY
    assert await audited(points) == ["link.made", "link.ended"]


async def audited(points: Points) -> list[str]:
    def actions(tx: Connection) -> list[str]:
        return list(tx.execute(select(AuditEvent.action).order_by(AuditEvent.number)).scalars())

    return await points.read(actions)


async def test_who_links_anew_while_the_end_is_under_way_is_linked(points: Points) -> None:
    await linked(points)
    await points.write(links.end, by(ADA), ADA)
    turn = await turn_of(points)
    await linked(points, sealed=b"given anew")
    await points.write(links.gone, turn)

    assert (await turn_of(points)).sealed == b"given anew"


async def test_what_could_not_be_taken_away_for_a_day_is_dropped(points: Points) -> None:
    await linked(points)
    await points.write(links.end, by(ADA), ADA)
    assert await points.write(links.forget, NOON + timedelta(days=1)) == 0
    assert await points.write(links.forget, NOON + timedelta(days=1, seconds=1)) == 1


async def test_a_lost_permission_is_forgotten_and_its_owner_can_see_why_for_a_month(points: Points) -> None:
    await linked(points)
    await points.write(links.lost, await turn_of(points), NOON, "the permission was taken back at Discord")

    account = await points.read(links.of, ADA)
    assert account is not None
    assert (account.lost_at, account.why) == (NOON, "the permission was taken back at Discord")
    assert await leased(points, WEEK) == []
    assert await stored(points) == [None]
    assert await audited(points) == ["link.made", "link.lost"]
    ended = await points.write(links.end, by(ADA), ADA)
    assert ended is not None
    assert ended.lost
    assert await stored(points) == []


async def test_what_broke_off_is_dropped_after_a_month(points: Points) -> None:
    await linked(points)
    await points.write(links.lost, await turn_of(points), NOON, "revoked")
    assert await points.write(links.forget, NOON + timedelta(days=30)) == 0
    assert await points.write(links.forget, NOON + timedelta(days=30, seconds=1)) == 1


async def stored(points: Points) -> list[bytes | None]:
    def sealed(tx: Connection) -> list[bytes | None]:
        return list(tx.execute(select(LinkedAccount.sealed)).scalars())

    return await points.read(sealed)


async def test_who_cannot_be_linked_leaves_nothing(points: Points) -> None:
    with pytest.raises(InvalidText):
        await linked(points, "not an id\n")
    assert await stored(points) == []


async def test_books_that_are_closed_do_not_keep_anybody_from_ending_a_link(points: Points) -> None:
    await linked(points)

    def close(tx: Connection) -> None:
        tx.exec_driver_sql("UPDATE ledger_heads SET closed_because = 'broken'")

    await points.write(close)
    assert await points.write(links.end, by(ADA), ADA) is not None


# ── people ──


async def erased(points: Points, user_id: str = ADA) -> None:
    operator = Origin(COMMUNITY, Actor(ActorKind.OPERATOR), NOON, f"erase:{user_id}")
    await points.write(privacy.ask, operator, user_id, at_once=True)
    assert await points.write(privacy.erase_due, NOON)


async def test_erasing_somebody_without_a_secret_to_tell_discord_drops_the_link_at_once(
    points: Points,
) -> None:
    await linked(points)
    await erased(points)
    assert await stored(points) == []


async def test_erasing_somebody_ends_the_link_and_what_is_shown_is_taken_away_without_their_id(
    points: Points, database_url: str
) -> None:
    async with with_settings(database_url, **HOST) as host:
        await linked(host)
        await shown(host, await turn_of(host))
        await erased(host)

        turn = await turn_of(host)
        assert (turn.ended, turn.user_id, turn.sealed) == (True, None, SEALED)
        await host.write(links.gone, turn)
        assert await stored(host) == []


async def test_erasing_somebody_whose_link_was_lost_drops_it(points: Points, database_url: str) -> None:
    async with with_settings(database_url, **HOST) as host:
        await linked(host)
        await host.write(links.lost, await turn_of(host), NOON, "revoked")
        await erased(host)
        assert await stored(host) == []


async def test_the_copy_for_a_member_tells_of_the_link_without_the_permission(points: Points) -> None:
    await give(points, ADA, 30)
    await linked(points)
    await shown(points, await turn_of(points))

    found = await points.read(privacy.copy, COMMUNITY, ADA, NOON)
    assert found.link is not None
    assert (found.link.shown_points, found.link.shown_level) == (30, 0)
    assert "Discord was told 30 points, level 0" in await points.read(privacy.text, found)
    assert "sealed" not in str(privacy.document(found))
    assert SEALED.decode() not in str(privacy.document(found))


async def test_the_copy_of_another_community_does_not_tell_of_it(points: Points) -> None:
    await linked(points)
    await give(points, ADA, 5, "village")

    assert (await points.read(privacy.copy, "village", ADA, NOON)).link is None


# ── the operator ──


async def line(points: Points, at: timedelta = timedelta(0)) -> str:
    found = await points.read(doctor.examine, NOON + at)
    return "; ".join(f"{each.health} {each.detail}" for each in found if each.what == "Linked Roles")


async def test_the_doctor_says_nothing_where_nobody_began_and_what_is_missing_where_somebody_did(
    points: Points, database_url: str
) -> None:
    assert await line(points) == ""
    begun = {"POINTS_PUBLIC_URL": HOST["POINTS_PUBLIC_URL"], "POINTS_HTTP_PORT": 8080}
    async with with_settings(database_url, **begun) as half:
        assert await line(half) == "warn off: DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET are not set"


async def test_the_doctor_says_how_links_stand(points: Points, database_url: str) -> None:
    async with with_settings(database_url, **HOST) as host:
        assert "there are no points yet" in await line(host)
        await linked(host)
        assert await line(host) == "ok 1 linked"
        assert await line(host, timedelta(hours=1)) == "warn 1 linked; 1 show old points"
        await host.write(links.unreadable, await turn_of(host), NOON + timedelta(hours=1))
        assert "1 of them are sealed with another DISCORD_CLIENT_SECRET" in await line(host)
        account = await host.read(links.of, ADA)
        assert account is not None
        assert account.why == LOST_KEY


async def test_going_back_to_a_backup_brings_no_ended_link_back_and_keeps_the_renewed_permissions(
    tmp_path: Path, databases: Databases
) -> None:
    settings = settings_for(databases.new("sqlite"), POINTS_BACKUP_DIRECTORY=str(tmp_path / "backups"))
    points = await Points.open(settings)
    await give(points, ADA, 30)
    await linked(points)
    await linked(points, GRACE)
    made = await backup.make_due(points, NOON)
    await points.write(links.end, by(ADA), ADA)
    turns = await leased(points)
    for turn in turns:
        if turn.ended:
            await points.write(links.gone, turn)
        else:
            await points.write(links.kept, turn, b"renewed", NOON + 2 * WEEK)
    await points.close()
    backup.restore(settings, made.file, NOON + timedelta(hours=1))

    async with Points.opened(settings) as back:
        assert await stored(back) == [b"renewed"]


async def test_a_link_that_is_not_due_any_more_is_not_leased(points: Points) -> None:
    number = await linked(points)
    await shown(points, await turn_of(points))

    assert await points.write(links.lease, NOON, [number]) == []
    assert await points.write(links.lease, NOON, []) == []


async def test_the_longest_due_come_first(points: Points) -> None:
    for number, user_id in enumerate((ADA, GRACE, MOD)):
        await linked(points, user_id)
        await points.write(links.later, await turn_of(points), NOON + timedelta(minutes=3 - number), "no")

    assert [turn.user_id for turn in await leased(points, timedelta(minutes=5), limit=2)] == [MOD, GRACE]
