"""What accounts show: kept up to date through everything that Discord, the network and other processes do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import Connection, select

from bot.linked_roles.showing import WRONG_CLIENT_PAUSE
from points_core import backup, links, privacy
from points_core.links import LOST_KEY
from points_core.models import LinkedAccount
from points_core.values import Actor, ActorKind, Origin
from tests.conftest import BACKENDS
from tests.linked.conftest import ADA, GRACE, NOON, TOWN, Clock, Host, hosting, settings_of
from tests.linked.discord_side import CLIENT_ID, SECRET, DiscordSide, answer

SHOWING = f"PUT /users/@me/applications/{CLIENT_ID}/role-connection"
CLEARING = f"DELETE /users/@me/applications/{CLIENT_ID}/role-connection"
RENEWING = "POST /oauth2/token"
A_WEEK = timedelta(days=7)


def by_ada() -> Origin:
    return Origin(TOWN, Actor.member(ADA), NOON, "ada-ends-it")


async def sealed(host: Host) -> list[bytes | None]:
    def kept(tx: Connection) -> list[bytes | None]:
        return list(tx.execute(select(LinkedAccount.sealed)).scalars())

    return await host.points.read(kept)


@pytest.fixture
async def linked(host: Host) -> Host:
    """Ada is linked, and Discord knows her 120 points; half an hour has passed."""
    await host.links()
    host.clock.passes(minutes=30)
    host.side.asked.clear()
    return host


# ── following points ──


async def test_points_that_move_are_shown(linked: Host) -> None:
    await linked.give(ADA, 30)
    await linked.shows()

    assert linked.side.shown[ADA] == {"points": "150", "level": "0"}
    assert [asked.what for asked in linked.side.asked] == [SHOWING]


async def test_where_nothing_changed_nothing_is_asked(linked: Host) -> None:
    await linked.give(GRACE, 30)
    for _ in range(3):
        await linked.shows()
        linked.clock.passes(minutes=5)

    assert linked.side.asked == []


async def test_many_movements_become_one_request(linked: Host) -> None:
    for _ in range(10):
        await linked.give(ADA, 1)
    await linked.shows()

    assert len(linked.side.asked) == 1
    assert linked.side.shown[ADA]["points"] == "130"


async def test_one_account_is_changed_at_most_every_half_minute(linked: Host) -> None:
    await linked.give(ADA, 1)
    await linked.shows()
    await linked.give(ADA, 1)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "121"

    linked.clock.passes(seconds=30)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "122"


async def test_an_account_whose_limit_is_used_up_waits_as_long_as_discord_says(linked: Host) -> None:
    async def used_up(request: web.Request) -> web.Response:
        linked.side.shown[ADA] = (await request.json())["metadata"]
        return answer({}, 200, **{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "120.5"})

    linked.side.next(SHOWING, used_up)
    await linked.give(ADA, 1)
    await linked.shows()
    await linked.give(ADA, 1)
    linked.clock.passes(seconds=120)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "121"
    linked.clock.passes(seconds=1)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "122"


async def test_many_accounts_are_changed_a_few_at_a_time(host: Host) -> None:
    people = [f"8138478876571{number:04}" for number in range(12)]
    for person in people:
        await host.links(person)
    host.clock.passes(minutes=1)
    for person in people:
        await host.give(person, 3)
    host.side.most_at_once = 0
    await host.shows()

    assert {host.side.shown[person]["points"] for person in people} == {"3"}
    assert host.side.most_at_once <= 4


async def test_a_restart_forgets_nothing(database_url: str, side: DiscordSide, clock: Clock) -> None:
    async with hosting(settings_of(database_url), side, clock) as host:
        await host.give(ADA, 120)
        await host.links()
        await host.give(ADA, 5)
    clock.passes(hours=1)
    async with hosting(settings_of(database_url), side, clock) as host:
        await host.shows()

    assert side.shown[ADA]["points"] == "125"


# ── the permission ──


async def test_a_permission_is_renewed_before_it_runs_out_even_if_no_points_move(linked: Host) -> None:
    before = await sealed(linked)
    linked.clock.at = NOON + A_WEEK - timedelta(days=1)
    await linked.shows()

    assert [asked.what for asked in linked.side.asked] == [RENEWING]
    assert await sealed(linked) != before
    linked.clock.passes(days=5)
    await linked.shows()
    assert len(linked.side.asked) == 1  # it lasts another week

    await linked.give(ADA, 1)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "121"


async def test_a_year_without_points_costs_a_request_every_six_days(linked: Host) -> None:
    for _ in range(365):
        linked.clock.passes(days=1)
        await linked.shows()

    assert {asked.what for asked in linked.side.asked} == {RENEWING}
    assert 58 <= len(linked.side.asked) <= 62
    assert (await linked.account()).lost_at is None


async def test_a_permission_that_discord_ended_early_is_renewed_and_the_points_shown(linked: Host) -> None:
    linked.side.expire(ADA)
    await linked.give(ADA, 1)
    await linked.shows()

    assert [asked.what for asked in linked.side.asked] == [SHOWING, RENEWING, SHOWING]
    assert linked.side.shown[ADA]["points"] == "121"


async def test_a_renewed_permission_is_kept_even_if_showing_then_fails(linked: Host) -> None:
    linked.clock.at = NOON + A_WEEK
    linked.side.fails(SHOWING, 500)
    await linked.give(ADA, 1)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "120"

    linked.clock.passes(minutes=5)
    await linked.shows()

    assert linked.side.shown[ADA]["points"] == "121"
    assert len(linked.side.said(RENEWING)) == 1


async def test_a_renewed_permission_is_kept_even_if_the_bot_is_stopped_meanwhile(linked: Host) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> None:
        reached.set()
        await go.wait()

    linked.side.next(RENEWING, slow)
    linked.clock.at = NOON + A_WEEK
    before = await sealed(linked)
    linked.linked.showing.wake()
    await reached.wait()
    stopping = asyncio.create_task(linked.linked.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping

    assert await sealed(linked) != before
    assert (await linked.account()).lost_at is None


async def test_who_links_anew_while_their_permission_is_renewed_keeps_the_newer_one(linked: Host) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> None:
        reached.set()
        await go.wait()

    visit = await linked.begins()
    linked.clock.at = NOON + A_WEEK
    linked.side.next(RENEWING, slow)
    await linked.give(ADA, 1)
    linked.linked.showing.wake()
    await reached.wait()
    linked.clock.passes(
        seconds=-(A_WEEK - timedelta(minutes=30)).total_seconds()
    )  # the visit is ten minutes at most
    assert (await visit.comes_back(code=linked.side.permits(ADA))).status_code == 200
    newer = await sealed(linked)
    go.set()
    await linked.linked.showing.idle()

    assert await sealed(linked) == newer
    assert len(linked.side.said(SHOWING)) == 1  # with the newer permission, at once
    assert (await linked.account()).lost_at is None


@asynccontextmanager
async def another_process(linked: Host, database_url: str) -> AsyncIterator[Host]:
    async with hosting(settings_of(database_url), linked.side, linked.clock) as other:
        yield other


@pytest.mark.parametrize("database_url", BACKENDS, indirect=True)
async def test_two_processes_renew_a_permission_once(linked: Host, database_url: str) -> None:
    async def slow(request: web.Request) -> None:
        await asyncio.sleep(0.2)

    linked.side.next(RENEWING, slow)
    linked.clock.at = NOON + A_WEEK
    async with another_process(linked, database_url) as other:
        await asyncio.gather(linked.shows(), other.shows(), linked.shows(), other.shows())
        await asyncio.gather(linked.shows(), other.shows())

    assert len(linked.side.said(RENEWING)) == 1
    assert (await linked.account()).lost_at is None


@pytest.mark.parametrize("database_url", BACKENDS, indirect=True)
async def test_two_processes_show_a_change_once(linked: Host, database_url: str) -> None:
    await linked.give(ADA, 1)
    async with another_process(linked, database_url) as other:
        await asyncio.gather(linked.shows(), other.shows(), linked.shows(), other.shows())

    assert len(linked.side.said(SHOWING)) == 1


@pytest.mark.parametrize("database_url", BACKENDS, indirect=True)
async def test_a_process_that_died_with_a_link_in_its_hand_leaves_it_to_another(
    linked: Host, database_url: str
) -> None:
    await linked.give(ADA, 1)
    assert await linked.points.write(links.lease, linked.clock(), [(1, 1)], seconds=90)
    async with another_process(linked, database_url) as other:
        await other.shows()
        assert linked.side.shown[ADA]["points"] == "120"
        linked.clock.passes(seconds=90)
        await other.shows()

    assert linked.side.shown[ADA]["points"] == "121"


# ── taken back ──


async def test_a_permission_taken_back_at_discord_drops_the_link_and_says_so(
    linked: Host, caplog: pytest.LogCaptureFixture
) -> None:
    linked.side.takes_back(ADA)
    await linked.give(ADA, 1)
    await linked.shows()

    account = await linked.account()
    assert account.lost_at == linked.clock()
    assert account.why == "the permission was taken back at Discord, or ran out"
    assert await sealed(linked) == [None]
    assert "broke off" in caplog.text
    asked = len(linked.side.asked)
    linked.clock.passes(days=10)
    await linked.give(ADA, 1)
    await linked.shows()
    assert len(linked.side.asked) == asked

    await linked.links()
    assert linked.side.shown[ADA]["points"] == "122"
    assert (await linked.account()).lost_at is None


async def test_a_permission_taken_back_is_noticed_at_the_renewal_without_points(linked: Host) -> None:
    linked.side.takes_back(ADA)
    linked.clock.at = NOON + A_WEEK - timedelta(days=1)
    await linked.shows()

    assert (await linked.account()).lost_at is not None


async def test_where_only_the_renewal_is_refused_the_numbers_are_taken_away_before_the_link_goes(
    linked: Host,
) -> None:
    linked.side.fails(RENEWING, 400, {"error": "invalid_grant"})
    linked.clock.at = NOON + A_WEEK - timedelta(days=1)
    await linked.shows()

    assert linked.side.shown == {}
    assert (await linked.account()).lost_at is not None


async def test_a_token_that_is_refused_right_after_its_renewal_is_over(linked: Host) -> None:
    linked.side.fails(SHOWING, 401)
    linked.side.fails(SHOWING, 401)
    await linked.give(ADA, 1)
    await linked.shows()

    assert (await linked.account()).lost_at is not None


# ── Discord is ill, or we are wrong ──


@pytest.mark.parametrize(
    "status,body",
    [(500, {}), (503, "upstream"), (403, "<html>"), (400, {"code": 50035}), (404, {"code": 10002})],
)
async def test_what_discord_does_not_take_now_is_tried_again_and_the_link_stays(
    linked: Host, status: int, body: object
) -> None:
    linked.side.fails(SHOWING, status, body)
    await linked.give(ADA, 1)
    await linked.shows()
    account = await linked.account()
    assert account.lost_at is None
    assert account.why is not None
    assert str(status) in account.why

    linked.clock.passes(seconds=39)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "120"
    linked.clock.passes(seconds=1)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "121"
    assert (await linked.account()).why is None


async def test_attempts_that_fail_become_rarer(linked: Host) -> None:
    await linked.give(ADA, 1)
    for _ in range(6 * 24):
        if not linked.side.faults:
            linked.side.fails(SHOWING, 500)
        await linked.shows()
        linked.clock.passes(minutes=10)

    assert 6 <= len(linked.side.said(SHOWING)) <= 12  # in a day


async def test_a_connection_that_breaks_is_tried_again(linked: Host) -> None:
    async def breaks(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    for _ in range(2):  # aiohttp itself asks a second time, as a connection that lay idle may have ended
        linked.side.next(SHOWING, breaks)
    await linked.give(ADA, 1)
    await linked.shows()
    assert "connection broke" in str((await linked.account()).why)
    linked.clock.passes(minutes=1)
    await linked.shows()

    assert linked.side.shown[ADA]["points"] == "121"


async def test_a_limit_of_one_account_holds_up_nobody_else(linked: Host) -> None:
    await linked.links(GRACE)
    linked.clock.passes(minutes=1)
    linked.side.fails(SHOWING, 429, {"message": "slow", "retry_after": 600, "global": False})
    await linked.give(ADA, 1)
    await linked.shows()
    await linked.give(GRACE, 1)
    await linked.shows()
    assert linked.side.shown[GRACE]["points"] == "1"
    assert linked.side.shown[ADA]["points"] == "120"

    linked.clock.passes(seconds=600)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "121"


@pytest.mark.parametrize(
    "body,headers",
    [
        ({"message": "slow", "retry_after": 100, "global": True}, {}),
        ("<html>cloudflare</html>", {"Retry-After": "100"}),
    ],
)
async def test_a_limit_of_everything_stops_everything_until_it_is_over(
    linked: Host, body: object, headers: dict[str, str]
) -> None:
    await linked.links(GRACE)
    linked.clock.passes(minutes=1)
    linked.side.asked.clear()
    linked.side.fails(SHOWING, 429, body, **headers)
    await linked.give(ADA, 1)
    await linked.shows()
    await linked.give(GRACE, 1)
    linked.clock.passes(seconds=99)
    await linked.shows()
    assert len(linked.side.asked) == 1

    linked.clock.passes(seconds=1)
    await linked.shows()
    assert {shown["points"] for shown in linked.side.shown.values()} == {"121", "1"}


@pytest.mark.parametrize("wait", ["-5", "nan", "inf", "1e400", "soon", [], None, 10**9])
async def test_a_wait_that_makes_no_sense_is_bounded(linked: Host, wait: object) -> None:
    linked.side.fails(SHOWING, 429, {"retry_after": wait, "global": True})
    await linked.give(ADA, 1)
    await linked.shows()
    linked.clock.passes(hours=1)
    await linked.shows()

    assert linked.side.shown[ADA]["points"] == "121"


async def test_a_client_that_discord_does_not_know_costs_nobody_their_link(
    linked: Host, caplog: pytest.LogCaptureFixture
) -> None:
    linked.clock.at = NOON + A_WEEK
    linked.side.fails(RENEWING, 401, {"error": "invalid_client"})
    await linked.shows()
    assert (await linked.account()).lost_at is None
    assert "DISCORD_CLIENT_SECRET" in caplog.text
    asked = len(linked.side.asked)
    linked.clock.passes(minutes=9)
    await linked.shows()
    assert len(linked.side.asked) == asked

    linked.clock.at += WRONG_CLIENT_PAUSE
    await linked.shows()
    assert len(linked.side.said(RENEWING)) == 2
    assert (await linked.account()).why is None


# ── another secret ──


async def test_with_another_secret_nothing_is_lost_and_everybody_has_to_link_again(
    linked: Host, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = await sealed(linked)
    await linked.give(ADA, 1)
    rotated = settings_of(database_url, DISCORD_CLIENT_SECRET="another-secret")
    async with hosting(rotated, linked.side, linked.clock) as host:
        await host.shows()
        assert linked.side.asked == []
        assert (await host.account()).why == LOST_KEY
        assert await sealed(host) == before
    assert "sealed with another DISCORD_CLIENT_SECRET" in caplog.text

    linked.clock.passes(hours=1)  # the old secret is back
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "121"


async def test_who_links_again_after_a_new_secret_is_linked(linked: Host, database_url: str) -> None:
    other = settings_of(database_url, DISCORD_CLIENT_SECRET="another-secret")
    async with hosting(other, linked.side, linked.clock) as host:
        await host.give(ADA, 1)
        await host.shows()
    await linked.links()

    assert linked.side.shown[ADA]["points"] == "121"
    assert (await linked.account()).why is None


async def test_a_permission_moved_to_another_persons_row_is_not_used(linked: Host) -> None:
    """Whoever can write into the database must not make an account show somebody else's points."""
    await linked.links(GRACE)

    def swap(tx: Connection) -> None:
        tx.exec_driver_sql(
            "UPDATE linked_accounts SET sealed = (SELECT l.sealed FROM linked_accounts l WHERE l.member_id = 1)"
        )

    await linked.points.write(swap)
    linked.clock.passes(minutes=1)
    await linked.give(GRACE, 7)
    linked.side.asked.clear()
    await linked.shows()

    assert linked.side.asked == []
    assert linked.side.shown[ADA]["points"] == "120"


# ── ending ──


async def test_who_ends_their_link_is_forgotten_by_discord_and_the_permission_is_given_back(
    linked: Host,
) -> None:
    ended = await linked.points.write(links.end, by_ada(), ADA)
    assert ended is not None
    await linked.linked.showing.at_once(ended.number)

    assert [asked.what for asked in linked.side.asked] == [CLEARING, "POST /oauth2/token/revoke"]
    assert linked.side.shown == {}
    assert linked.side.grants == []
    assert await sealed(linked) == []


async def test_an_ended_link_is_taken_away_later_if_discord_is_away(linked: Host) -> None:
    await linked.points.write(links.end, by_ada(), ADA)
    linked.side.fails(CLEARING, 503)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "120"
    linked.clock.passes(minutes=1)
    await linked.shows()

    assert linked.side.shown == {}
    assert await sealed(linked) == []


async def test_what_is_not_there_any_more_is_taken_as_taken_away(linked: Host) -> None:
    await linked.points.write(links.end, by_ada(), ADA)
    linked.side.fails(CLEARING, 404, {"code": 10002})
    await linked.shows()

    assert linked.side.grants == []
    assert await sealed(linked) == []


async def test_an_ended_link_whose_permission_is_over_anyway_is_gone(linked: Host) -> None:
    await linked.points.write(links.end, by_ada(), ADA)
    linked.side.takes_back(ADA)
    await linked.shows()

    assert await sealed(linked) == []


async def test_an_ended_link_that_cannot_be_opened_is_gone(linked: Host, database_url: str) -> None:
    await linked.points.write(links.end, by_ada(), ADA)
    other = settings_of(database_url, DISCORD_CLIENT_SECRET="another-secret")
    async with hosting(other, linked.side, linked.clock) as host:
        await host.shows()
        assert await sealed(host) == []


async def test_points_on_their_way_while_the_link_ends_are_taken_away_after_them(linked: Host) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> None:
        reached.set()
        await go.wait()

    linked.side.next(SHOWING, slow)
    await linked.give(ADA, 1)
    linked.linked.showing.wake()
    await reached.wait()
    await linked.points.write(links.end, by_ada(), ADA)
    go.set()
    await linked.linked.showing.idle()
    linked.clock.passes(minutes=1)
    await linked.shows()

    assert [asked.what for asked in linked.side.asked] == [SHOWING, CLEARING, "POST /oauth2/token/revoke"]
    assert linked.side.shown == {}


async def test_erasing_somebody_has_discord_forget_them(linked: Host) -> None:
    operator = Origin(TOWN, Actor(ActorKind.OPERATOR), NOON, "erase-ada")
    await linked.points.write(privacy.ask, operator, ADA, at_once=True)
    assert await linked.points.write(privacy.erase_due, linked.clock())
    await linked.shows()

    assert linked.side.shown == {}
    assert linked.side.grants == []
    assert await sealed(linked) == []


async def test_a_community_that_is_not_the_chosen_one_any_more_shows_nothing(
    linked: Host, database_url: str
) -> None:
    await linked.give(GRACE, 5, "77000000000000002")
    moved = settings_of(database_url, POINTS_LINKED_COMMUNITY="77000000000000002")
    async with hosting(moved, linked.side, linked.clock) as host:
        await host.shows()
        assert linked.side.shown == {}
        host.clock.passes(minutes=1)
        await host.shows()
    assert [asked.what for asked in linked.side.asked] == [CLEARING]

    linked.clock.passes(minutes=1)
    await linked.shows()
    assert linked.side.shown[ADA]["points"] == "120"


# ── secrets ──


async def test_nothing_that_discord_would_take_stands_in_the_database_or_a_backup(
    linked: Host, database_url: str, tmp_path: Path
) -> None:
    (grant,) = linked.side.grants

    def everything(tx: Connection) -> str:
        return "\n".join(
            str(tuple(row))
            for table in LinkedAccount.metadata.sorted_tables
            for row in tx.execute(table.select())
        )

    told = await linked.points.read(everything)
    for secret in (grant.access, grant.refresh, SECRET):
        assert secret not in told
    if database_url.startswith("sqlite"):
        settings = settings_of(database_url, POINTS_BACKUP_DIRECTORY=str(tmp_path))
        async with hosting(settings, linked.side, linked.clock) as host:
            file = (await backup.make_due(host.points, NOON)).file
        for secret in (grant.access, grant.refresh, SECRET):
            assert secret.encode() not in file.read_bytes()


def test_a_permission_does_not_show_its_tokens_when_it_is_printed() -> None:
    from bot.linked_roles.oauth import Granted, Permission

    assert "token" not in repr(Permission(ADA, "access-token", "refresh-token"))
    assert "token" not in repr(Granted("access-token", "refresh-token", 5))
