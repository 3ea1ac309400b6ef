"""The pages: a browser on its way to Discord and back, and everybody who only pretends to be one."""

import asyncio
import re
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from sqlalchemy import Connection, select

from bot.linked_roles.doors import PER_MINUTE
from bot.linked_roles.oauth import AUTHORIZE, SCOPES, TIMEOUT_S
from bot.linked_roles.parts import CALLBACK, HERE
from points_core import links
from points_core.models import LinkedAccount, Member
from tests.http.conftest import served
from tests.linked.conftest import ADA, ADDRESS, COOKIE, GRACE, TOWN, Clock, Host, hosting, settings_of
from tests.linked.discord_side import CLIENT_ID, DiscordSide

TOKEN_ASKED = "POST /oauth2/token"


async def rows(host: Host) -> int:
    def counted(tx: Connection) -> int:
        return len(tx.execute(select(LinkedAccount.member_id)).all())

    return await host.points.read(counted)


# ── there and back ──


async def test_a_member_who_agrees_is_linked_and_discord_knows_their_points_at_once(host: Host) -> None:
    answer = await host.links()

    assert answer.status_code == 200
    assert "Linked with" in answer.text
    assert "120 points and level 0" in answer.text
    assert host.side.shown == {ADA: {"points": "120", "level": "0"}}
    assert host.side.platforms[ADA] == 'Open <i>Garden</i> & "friends"'
    account = await host.account()
    assert (account.community, account.shown_points, account.shown_level) == (TOWN, 120, 0)


async def test_the_browser_is_sent_to_discord_with_what_it_needs_and_no_more(host: Host) -> None:
    visit = await host.begins()

    assert visit.answer.headers["Location"].startswith(f"{AUTHORIZE}?")
    assert visit.asked == {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": ADDRESS + CALLBACK,
        "scope": " ".join(SCOPES),
        "state": visit.asked["state"],
        "prompt": "consent",
    }
    assert len(visit.asked["state"]) >= 43  # 256 bits
    assert visit.asked["state"] not in visit.cookie


async def test_the_cookie_is_for_this_host_alone_no_script_reads_it_and_it_is_short_lived(host: Host) -> None:
    told = (await host.begins()).answer.headers["Set-Cookie"]

    assert told.startswith(f"{COOKIE}=")
    parts = {part.strip().lower() for part in told.split(";")[1:]}
    assert {"httponly", "samesite=lax", "secure", "path=/", "max-age=600"} <= parts
    assert not any(part.startswith("domain") for part in parts)


async def test_on_this_machine_it_goes_without_https(
    database_url: str, side: DiscordSide, clock: Clock
) -> None:
    settings = settings_of(database_url, POINTS_PUBLIC_URL="http://localhost:8080")
    async with hosting(settings, side, clock) as host:
        await host.give(ADA, 1)
        told = (await host.http.get(HERE)).headers["Set-Cookie"]

    assert told.startswith("points-visit=")
    assert "secure" not in told.lower()
    assert "HttpOnly" in told


async def test_the_cookie_goes_when_the_browser_is_back_whatever_came_of_it(host: Host) -> None:
    visit = await host.begins()
    for answer in (await visit.comes_back(state="forged"), await host.links()):
        assert re.match(rf'{COOKIE}=""; .*Max-Age=0', answer.headers["Set-Cookie"])


async def test_every_page_forbids_itself_scripts_frames_forms_and_being_kept(host: Host) -> None:
    visit = await host.begins()
    answers = [await host.links(), await visit.comes_back(state="forged"), await host.http.get(CALLBACK)]

    for answer in answers:
        policies = answer.headers.get_list("Content-Security-Policy")
        ours = next(policy for policy in policies if "sha256-" in policy)
        assert "default-src 'none'" in ours
        for nothing in ("base-uri", "form-action", "frame-ancestors"):
            assert f"{nothing} 'none'" in ours
        assert "unsafe-inline" not in ours
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (await host.begins()).answer.headers["Cache-Control"] == "no-store"


async def test_names_on_a_page_are_text(host: Host) -> None:
    text = (await host.links()).text

    assert "Open &lt;i&gt;Garden&lt;/i&gt; &amp; &quot;friends&quot;" in text
    assert "<i>" not in text


async def test_who_is_new_begins_with_no_points_and_the_name_discord_has(host: Host) -> None:
    answer = await host.links(GRACE)

    assert "0 points and level 0" in answer.text

    def name(tx: Connection) -> str | None:
        return tx.execute(select(Member.name).where(Member.user_id == GRACE)).scalar_one()

    assert await host.points.read(name) == "Ada <b>Lovelace</b>"


async def test_who_links_twice_has_one_link_with_the_newer_permission(host: Host) -> None:
    await host.links()
    await host.links()

    assert await rows(host) == 1
    host.side.grants.pop(0)  # the older permission
    await host.give(ADA, 5)
    host.clock.passes(minutes=1)
    await host.shows()
    assert host.side.shown[ADA]["points"] == "125"


async def test_two_people_who_link_at_once_are_not_mixed_up(host: Host) -> None:
    await host.give(GRACE, 7)
    visits = [await host.begins(), await host.begins()]
    await asyncio.gather(
        visits[0].comes_back(code=host.side.permits(ADA)), visits[1].comes_back(code=host.side.permits(GRACE))
    )

    assert {who: shown["points"] for who, shown in host.side.shown.items()} == {ADA: "120", GRACE: "7"}


# ── who only pretends ──


async def refused(host: Host, answer: Any, status: int = 400) -> None:
    """Nothing was linked, and Discord was not asked."""
    assert answer.status_code == status
    assert await rows(host) == 0
    assert host.side.said(TOKEN_ASKED) == []


async def test_a_forged_state_is_refused(host: Host) -> None:
    visit = await host.begins()
    await refused(host, await visit.comes_back(state=secrets.token_urlsafe(32), code=host.side.permits(ADA)))


async def test_no_state_is_refused(host: Host) -> None:
    visit = await host.begins()
    answer = await host.http.get(
        CALLBACK, params={"code": host.side.permits(ADA)}, headers={"Cookie": f"{COOKIE}={visit.cookie}"}
    )
    await refused(host, answer)


async def test_a_state_without_the_browsers_cookie_is_refused(host: Host) -> None:
    """Somebody sends a victim their own address: the victim would show the attacker's points, or the reverse."""
    visit = await host.begins()
    await refused(host, await visit.comes_back(cookie="", code=host.side.permits(ADA)))


async def test_the_cookie_of_another_visit_is_refused(host: Host) -> None:
    visit, other = await host.begins(), await host.begins()
    await refused(host, await visit.comes_back(cookie=other.cookie, code=host.side.permits(ADA)))


async def test_a_cookie_signed_with_another_secret_is_refused(
    host: Host, database_url: str, side: DiscordSide, clock: Clock
) -> None:
    visit = await host.begins()
    async with hosting(settings_of(database_url, DISCORD_CLIENT_SECRET="another"), side, clock) as other:
        answer = await other.http.get(
            CALLBACK,
            params={"state": visit.asked["state"], "code": side.permits(ADA)},
            headers={"Cookie": f"{COOKIE}={visit.cookie}"},
        )
    await refused(host, answer)


@pytest.mark.parametrize("seconds,status", [(600, 200), (601, 400)])
async def test_a_visit_is_over_after_ten_minutes(host: Host, seconds: int, status: int) -> None:
    visit = await host.begins()
    host.clock.passes(seconds=seconds)

    assert (await visit.comes_back(code=host.side.permits(ADA))).status_code == status


async def test_a_visit_from_the_future_is_refused(host: Host) -> None:
    """A clock set back by an hour must not make old visits live longer."""
    visit = await host.begins()
    host.clock.passes(hours=-1)
    await refused(host, await visit.comes_back(code=host.side.permits(ADA)))


async def test_a_visit_is_used_once_even_with_a_new_code(host: Host) -> None:
    visit = await host.begins()
    assert (await visit.comes_back(code=host.side.permits(ADA))).status_code == 200
    asked = len(host.side.said(TOKEN_ASKED))

    answer = await visit.comes_back(code=host.side.permits(GRACE))

    assert answer.status_code == 400
    assert len(host.side.said(TOKEN_ASKED)) == asked
    assert await rows(host) == 1


async def test_who_says_no_at_discord_is_told_so(host: Host) -> None:
    visit = await host.begins()
    answer = await visit.comes_back(error="access_denied", error_description="<script>alert(1)</script>")

    await refused(host, answer, 403)
    assert "did not allow it" in answer.text
    assert "script" not in answer.text


HOSTILE = (
    "code=a&code=b",
    "code=",
    "code=%00",
    "code=" + "x" * 513,
    "code=" + quote("<script>alert(1)</script> \n"),
    "code=" + quote("é" * 20),
    "code=%ff%fe",
    "code=\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "error=" + quote("<img src=x onerror=alert(1)>"),
    "error=a&error=access_denied&code=x",
    "code[]=x",
    "code=x&error=",
    "&&&=&=x",
    ";code=x",
)


@pytest.mark.parametrize("query", HOSTILE)
async def test_hostile_answers_are_refused_without_asking_discord(host: Host, query: str) -> None:
    visit = await host.begins()
    url = f"{CALLBACK}?{quote(query, safe='&=%;[]')}&state={visit.asked['state']}"
    answer = await host.http.get(url, headers={"Cookie": f"{COOKIE}={visit.cookie}"})

    await refused(host, answer)
    assert "<script" not in answer.text
    assert "onerror" not in answer.text


@pytest.mark.parametrize(
    "cookie", ["x", "=", "a" * 8_000, "gAAAAA", '"\\"', "%00", ";;;", "gAAAAABi" + "A" * 100]
)
async def test_hostile_cookies_are_refused(host: Host, cookie: str) -> None:
    visit = await host.begins()
    await refused(host, await visit.comes_back(cookie=cookie, code=host.side.permits(ADA)))


@pytest.mark.parametrize("state", ["", "\x00", "é", "x" * 10_000, "[]", "gAAAA"])
async def test_hostile_states_are_refused(host: Host, state: str) -> None:
    visit = await host.begins()
    await refused(host, await visit.comes_back(state=state, code=host.side.permits(ADA)))


async def test_state_twice_is_refused(host: Host) -> None:
    visit = await host.begins()
    state, code = visit.asked["state"], host.side.permits(ADA)
    answer = await host.http.get(
        f"{CALLBACK}?state={state}&state={state}&code={code}", headers={"Cookie": f"{COOKIE}={visit.cookie}"}
    )
    await refused(host, answer)


async def test_other_parameters_that_discord_may_add_do_no_harm(host: Host) -> None:
    visit = await host.begins()
    answer = await visit.comes_back(code=host.side.permits(ADA), iss="https://discord.com", guild_id="1")
    assert answer.status_code == 200


async def test_other_methods_are_refused(host: Host) -> None:
    for path in (HERE, CALLBACK):
        assert (await host.http.post(path)).status_code == 405


async def test_codes_are_not_taken_to_discord_faster_than_it_likes(host: Host) -> None:
    for _ in range(PER_MINUTE):
        visit = await host.begins()
        assert (await visit.comes_back(code="guessed")).status_code == 400
    visit = await host.begins()
    answer = await visit.comes_back(code=host.side.permits(ADA))

    assert answer.status_code == 429
    assert len(host.side.said(TOKEN_ASKED)) == PER_MINUTE


# ── Discord says no, or nothing ──


async def test_a_code_that_discord_does_not_take_links_nothing(host: Host) -> None:
    visit = await host.begins()
    answer = await visit.comes_back(code="used before")

    assert answer.status_code == 400
    assert await rows(host) == 0


@pytest.mark.parametrize(
    "status,body,said",
    [
        (500, {}, 503),
        (502, "<html>", 503),
        (429, {"message": "slow", "retry_after": 3.5, "global": False}, 503),
        (401, {"error": "invalid_client"}, 503),
        (400, {"error": "invalid_request", "error_description": "<b>"}, 400),
        (400, {"error": ["<b>"]}, 400),
        (403, "cloudflare", 400),
        (301, {}, 503),
        (200, [], 400),
        (200, {"access_token": "a", "refresh_token": 5, "expires_in": 5}, 400),
        (200, {"access_token": "a", "refresh_token": "", "expires_in": 5, "scope": SCOPES[1]}, 400),
        (200, {"access_token": "a", "refresh_token": "b", "expires_in": -1, "scope": SCOPES[1]}, 400),
        (200, {"access_token": "a", "refresh_token": "b", "expires_in": True, "scope": SCOPES[1]}, 400),
        (200, {"access_token": "a", "refresh_token": "b", "expires_in": 604800, "scope": "identify"}, 400),
        (200, {"access_token": "a" * 70_000, "refresh_token": "b", "expires_in": 9, "scope": SCOPES[1]}, 400),
    ],
)
async def test_whatever_discord_answers_to_a_code_there_is_a_page(
    host: Host, status: int, body: object, said: int
) -> None:
    host.side.fails(TOKEN_ASKED, status, body)
    answer = await host.links()

    assert answer.status_code == said
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<b>" not in answer.text
    assert await rows(host) == 0


async def test_a_permission_without_the_right_to_show_points_links_nothing(host: Host) -> None:
    host.side.scope = "identify"

    assert (await host.links()).status_code == 400
    assert await rows(host) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"application": {"id": "1"}, "user": {"id": ADA}},
        {"application": {"id": CLIENT_ID}},
        {"application": {"id": CLIENT_ID}, "user": {"id": 5}},
        {"application": {"id": CLIENT_ID}, "user": {"id": "ada"}},
        {"application": CLIENT_ID, "user": {"id": ADA}},
    ],
)
async def test_a_permission_that_is_not_said_to_be_somebodys_for_this_application_links_nothing(
    host: Host, body: object
) -> None:
    host.side.fails("GET /oauth2/@me", 200, body)

    assert (await host.links()).status_code == 400
    assert await rows(host) == 0


async def test_a_discord_that_is_away_links_nothing_and_says_so(
    database_url: str, side: DiscordSide, clock: Clock
) -> None:
    gone = DiscordSide(side.redirect, url="http://127.0.0.1:9/api/v10")
    async with hosting(settings_of(database_url), gone, clock) as host:
        await host.give(ADA, 1)
        answer = await host.links()

    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


@pytest.mark.slow
async def test_who_is_linked_while_discord_does_not_answer_waits_a_few_seconds_and_it_goes_on(
    host: Host,
) -> None:
    go = asyncio.Event()

    async def hangs(request: web.Request) -> None:
        await go.wait()

    host.side.next("PUT /users/@me", hangs)
    began = asyncio.get_running_loop().time()
    answer = await host.links()
    assert answer.status_code == 200
    assert "could not be told your points yet" in answer.text
    assert asyncio.get_running_loop().time() - began < TIMEOUT_S

    go.set()
    async with asyncio.timeout(10):
        while (await host.account()).shown_points is None:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)
    assert host.side.shown[ADA]["points"] == "120"


async def test_who_is_linked_while_discord_takes_no_points_is_told_that_they_follow(host: Host) -> None:
    host.side.fails("PUT /users/@me", 503)
    answer = await host.links()
    assert answer.status_code == 200
    assert "could not be told your points yet" in answer.text

    host.clock.passes(minutes=1)
    await host.shows()
    assert host.side.shown[ADA]["points"] == "120"


# ── what the host set ──


async def test_without_the_settings_there_are_no_pages(database_url: str, side: DiscordSide) -> None:
    from points_core.database import Points

    async with (
        Points.opened(settings_of(database_url)) as points,
        served(points) as api,
    ):
        for path in (HERE, CALLBACK):
            assert (await api.http.get(path)).status_code == 404
    assert side.asked == []


async def test_the_pages_are_not_part_of_the_api_description(host: Host) -> None:
    paths = (await host.http.get("/openapi.json")).json()["paths"]
    assert not [path for path in paths if "linked" in path]


async def test_with_several_communities_nobody_can_link_until_the_host_names_one(
    host: Host, database_url: str, side: DiscordSide, clock: Clock
) -> None:
    await host.give(ADA, 5, "77000000000000002")
    answer = await host.http.get(HERE)
    assert answer.status_code == 503
    assert "Set-Cookie" not in answer.headers

    settings = settings_of(database_url, POINTS_LINKED_COMMUNITY="77000000000000002")
    async with hosting(settings, side, clock) as named:
        await named.links()
    assert side.shown[ADA]["points"] == "5"


async def test_books_that_are_closed_link_nobody(host: Host) -> None:
    def close(tx: Connection) -> None:
        tx.exec_driver_sql("UPDATE ledger_heads SET closed_because = 'broken'")

    await host.points.write(close)
    assert (await host.links()).status_code == 503
    assert await rows(host) == 0


async def test_a_link_is_on_record(host: Host) -> None:
    from points_core import audit

    await host.links()
    (entry, *_) = await host.points.read(audit.recent, TOWN)
    assert (entry.action, entry.actor.user_id) == ("link.made", ADA)
    assert entry.at == host.clock.at - timedelta(0)
    assert (await host.points.read(links.chosen)).community == TOWN
