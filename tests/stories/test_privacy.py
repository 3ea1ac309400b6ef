"""Members see what is kept about them, hide, and are erased when they wish; who left is treated as admins want."""

import json
import os
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import simcord
from simcord.results import InteractionResult

from bot.forgetting import Forgetting
from bot.messages import privacy as messages
from points_core import history, privacy, rules
from points_core.settings import database_file, sync_url
from points_core.values import Actor, ActorKind, Mode, Origin
from points_core.verification import verify
from tests.stories.answers import answer, private
from tests.stories.reading import texts
from tests.stories.world import World

DAY = 86_400


async def award(world: World, member: simcord.MemberActor, amount: int, reason: str) -> None:
    await world.ada.slash(world.general, "award", member=member, amount=amount, reason=reason)


async def confirm(world: World, person: simcord.MemberActor, word: str = "ERASE") -> InteractionResult:
    """Ask to be erased, and type `word` into the form."""
    form = await person.slash(world.general, "privacy erase")
    assert form.modal is not None
    assert "In 7 days" in json.dumps(form.modal)
    return await person.submit_modal(form, {"word": word})


async def wish(world: World, person: simcord.MemberActor) -> privacy.Wish | None:
    return await world.points.read(privacy.wish, world.community, str(person.id))


async def board(world: World, person: simcord.MemberActor) -> tuple[str, bool]:
    """Return the board as `person` is shown it, and whether only they see it."""
    result = await person.slash(world.general, "leaderboard")
    return answer(result).embeds[0].description or "", result.ephemeral


async def pass_days(world: World, days: float) -> None:
    """Let days go by and the bot tick, without each tick on the way."""
    world.env.backend.clock.advance(days * DAY)
    await world.bot.ticker.tick(world.bot.now())
    await world.bot.courier.idle()


def bytes_of(world: World) -> bytes:
    """Return the database's file and WAL."""
    file = database_file(sync_url(world.points.settings.database_url))
    assert file is not None
    return b"".join(path.read_bytes() for path in sorted(Path(file).parent.glob(f"{file.name}*")))


# ── export ──


async def test_a_member_gets_everything_kept_about_them_and_nobody_else_sees_it(world: World) -> None:
    await award(world, world.mia, 5, "watered the roses")

    result = await world.mia.slash(world.general, "privacy export")

    assert "Everything that is kept about you" in private(result)
    message = answer(result).message
    assert message is not None
    sent = {each.filename.rpartition(".")[2]: await each.read() for each in message.attachments}
    document = json.loads(sent["json"])
    assert document["user_id"] == str(world.mia.id)
    assert [m["reason"] for m in document["received"]] == ["watered the roses"]
    assert "watered the roses" in sent["txt"].decode()
    for content in sent.values():
        assert str(world.ada.id) not in content.decode()


async def test_who_is_unknown_is_told_so_whatever_they_ask(world: World) -> None:
    for command in ("privacy export", "privacy erase"):
        assert "I keep nothing about that person" in private(await world.zoe.slash(world.general, command))
    assert "nothing to take back" in private(await world.zoe.slash(world.general, "privacy cancel"))


def test_a_large_copy_comes_zipped_and_one_too_large_not_at_all() -> None:
    day = datetime(2026, 1, 31, tzinfo=UTC)

    said, (file,) = messages.bringing({"text": "a" * messages.MAX_FILES}, "told", day)
    assert file.filename == "points-2026-01-31.zip"
    with zipfile.ZipFile(file.fp) as archive:
        assert archive.namelist() == ["points-2026-01-31.txt", "points-2026-01-31.json"]
    assert "Everything" in said

    said, files = messages.bringing({"text": os.urandom(messages.MAX_FILES).hex()}, "told", day)
    assert files == []
    assert "too large" in said


# ── erase, cancel ──


async def test_a_member_is_erased_a_week_after_they_typed_the_word(world: World) -> None:
    await award(world, world.mia, 5, "watered the roses")
    assert str(world.mia.id).encode() in bytes_of(world)

    told = private(await confirm(world, world.mia))
    assert "`/privacy cancel` takes it back" in told
    waiting = await wish(world, world.mia)
    assert waiting is not None
    assert waiting.due_at - waiting.asked_at == timedelta(days=7)
    await pass_days(world, 6.9)
    assert "Mia" in (await board(world, world.noah))[0]

    await pass_days(world, 0.2)

    shown, _ = await board(world, world.noah)
    assert "Mia" not in shown
    assert "someone erased · **5 points**" in shown
    kept = bytes_of(world)
    for secret in (str(world.mia.id), "watered the roses"):
        assert secret.encode() not in kept
    assert await world.points.read(verify) == []


async def test_nothing_happens_without_the_word(world: World) -> None:
    await award(world, world.mia, 5, "roses")

    assert "Nothing was changed" in private(await confirm(world, world.mia, "erase me"))

    assert await wish(world, world.mia) is None


async def test_an_erasure_is_taken_back_in_time(world: World) -> None:
    await award(world, world.mia, 5, "roses")
    await confirm(world, world.mia)
    assert "You asked for this before" in private(await confirm(world, world.mia))

    assert "will not be erased" in private(await world.mia.slash(world.general, "privacy cancel"))

    await pass_days(world, 8)
    assert "Mia" in (await board(world, world.noah))[0]


async def test_an_erased_member_who_gets_points_begins_anew(world: World) -> None:
    await award(world, world.mia, 50, "roses")
    await confirm(world, world.mia)
    await pass_days(world, 7.1)

    await award(world, world.mia, 3, "tulips")

    found = await world.points.read(history.balance, world.community, str(world.mia.id))
    assert (found.current, len(found.recent)) == (3, 1)


async def test_what_waits_for_a_member_who_is_erased_is_cancelled_and_its_card_names_nobody(
    world: World,
) -> None:
    await world.configure(request_hours=720)
    await award(world, world.mia, 500, "a new greenhouse")
    await confirm(world, world.mia)

    await pass_days(world, 7.1)

    card = world.general.history()[0]
    shown = json.dumps([embed.to_dict() for embed in card.embeds])
    assert "cancelled" in shown
    assert "greenhouse" not in shown
    assert str(world.mia.id) not in shown
    assert "someone erased" in shown


async def test_the_rewriting_of_the_file_is_tried_again_after_an_hour_when_a_reader_stands_in_the_way(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await award(world, world.mia, 5, "watered the roses")
    await confirm(world, world.mia)
    file = database_file(sync_url(world.points.settings.database_url))
    with closing(sqlite3.connect(str(file), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM members").fetchone()
        await pass_days(world, 7.1)
        assert "again in an hour" in caplog.text
    assert await world.points.read(privacy.unscrubbed)

    await pass_days(world, 1 / 48)
    assert await world.points.read(privacy.unscrubbed)
    await pass_days(world, 1 / 24)

    assert not await world.points.read(privacy.unscrubbed)
    assert b"watered the roses" not in bytes_of(world)


# ── hide, show ──


async def test_who_hides_is_on_boards_without_a_name_and_sees_the_own_rank_alone(world: World) -> None:
    await award(world, world.mia, 50, "roses")
    await award(world, world.noah, 20, "tulips")

    assert "hidden from boards now" in private(await world.mia.slash(world.general, "privacy hide"))

    shown, alone = await board(world, world.noah)
    assert "a hidden member · **50 points**" in shown
    assert "Mia" not in shown
    assert "Noah" in shown
    assert not alone
    shown, alone = await board(world, world.mia)
    assert "a hidden member · **50 points** ← you" in shown
    assert alone
    assert "hidden from boards already" in private(await world.mia.slash(world.general, "privacy hide"))


async def test_who_shows_again_has_the_name_back(world: World) -> None:
    await award(world, world.mia, 50, "roses")
    await world.mia.slash(world.general, "privacy hide")

    assert "named on boards again" in private(await world.mia.slash(world.general, "privacy show"))

    assert "Mia" in (await board(world, world.noah))[0]
    assert "named on boards already" in private(await world.mia.slash(world.general, "privacy show"))


async def test_a_posted_board_names_nobody_who_hides(world: World) -> None:
    await award(world, world.mia, 50, "roses")
    await world.mia.slash(world.general, "privacy hide")
    await world.olivia.slash(
        world.general, "schedule add", channel=world.leaderboard, window="all", every="day", at="09:00"
    )

    await world.olivia.slash(world.general, "schedule post-now", number=1)
    await world.bot.courier.idle()

    (post,) = world.leaderboard.history()
    assert "a hidden member" in (post.embeds[0].description or "")
    assert "Mia" not in json.dumps([embed.to_dict() for embed in post.embeds])


# ── who left ──


def looked_up(world: World) -> int:
    return sum(request.method == "GET" and "/members/" in request.path for request in world.env.http_requests)


async def test_nobody_is_looked_up_where_who_left_is_kept(world: World) -> None:
    await award(world, world.mia, 5, "roses")
    before = looked_up(world)
    await pass_days(world, 40)

    assert looked_up(world) == before


async def test_who_left_is_hidden_after_the_days_and_shown_when_back(world: World) -> None:
    await award(world, world.mia, 5, "roses")
    await award(world, world.noah, 2, "roses")
    await world.configure(leave_policy="hide", leave_days=3)
    world.guild.remove_member(world.mia)
    await pass_days(world, 1)
    await pass_days(world, 2.9)
    assert "Mia" in (await board(world, world.noah))[0]

    await pass_days(world, 0.2)
    assert "a hidden member · **5 points**" in (await board(world, world.noah))[0]

    world.guild.add_member(world.mia.user)
    await pass_days(world, 1)
    assert "Mia" in (await board(world, world.noah))[0]


async def test_a_kick_erases_nobody_who_is_back_before_the_days_are_over(world: World) -> None:
    await award(world, world.mia, 5, "roses")
    await world.configure(leave_policy="erase", leave_days=3)
    world.guild.remove_member(world.mia)
    await pass_days(world, 1)
    await pass_days(world, 2.5)
    world.guild.add_member(world.mia.user)

    await pass_days(world, 0.6)
    await pass_days(world, 30)

    assert "Mia" in (await board(world, world.noah))[0]


async def test_who_stays_away_is_erased_where_admins_want_it(world: World) -> None:
    await award(world, world.mia, 5, "watered the roses")
    await world.configure(leave_policy="erase", leave_days=3)
    world.guild.remove_member(world.mia)

    await pass_days(world, 1)
    await pass_days(world, 3.1)
    await pass_days(world, 0.1)

    assert "someone erased" in (await board(world, world.noah))[0]
    assert b"watered the roses" not in bytes_of(world)
    assert await world.points.read(verify) == []


async def test_a_tick_looks_up_few_members_and_a_day_no_more_than_its_share(world: World) -> None:
    for member in (world.mia, world.noah, world.zoe, world.grace):
        await award(world, member, 5, "roses")
    await world.configure(leave_policy="hide")
    frugal = Forgetting(world.bot, at_once=2, a_day=3)

    async def tick(now: datetime) -> int:
        before = looked_up(world)
        await frugal.tick(now)
        return looked_up(world) - before

    now = world.bot.now()
    assert [await tick(now) for _ in range(4)] == [2, 1, 0, 0]
    tomorrow = now + timedelta(days=1)
    assert [await tick(tomorrow) for _ in range(3)] == [1, 0, 0]  # the last one: it went on where it stopped


async def test_discord_being_ill_makes_nobody_a_leaver(world: World) -> None:
    await award(world, world.mia, 5, "roses")
    await world.configure(leave_policy="erase", leave_days=1)
    world.env.inject_error("GET", "/guilds/*/members/*", status=503, code=0, times=2)
    await pass_days(world, 1)

    (member,) = await world.points.read(privacy.to_look_up, world.community)
    assert member.left_at is None


# ── left alone by rules ──


async def test_who_wants_to_be_left_alone_earns_nothing_by_themselves_and_why_says_so(world: World) -> None:
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:talk")
    talk = {"trigger": {"on": "message"}, "amount": 5, "reason": "Talked"}
    await world.points.write(rules.create, origin, name="Talk", definition=talk, mode=Mode.LIVE)

    told = private(await world.mia.slash(world.general, "privacy untrack"))
    assert "Rules take no notice of what you do from now on" in told
    message = await world.mia.send(world.general, "hello")
    await world.env.settle()
    balance = await world.points.read(history.balance, world.community, str(world.mia.id))
    assert balance.current == 0

    why = texts(answer(await world.mia.slash(world.general, "why", message=str(message.id))))
    assert "asked rules to take no notice of them" in why
    about_me = texts(answer(await world.mia.slash(world.general, "why")))
    assert "asked rules to take no notice of them" in about_me
    await world.ada.slash(world.general, "award", member=world.mia, amount=7, reason="so kind")

    assert "Rules notice what you do again" in private(await world.mia.slash(world.general, "privacy track"))
    await world.mia.send(world.general, "hello again")
    await world.env.settle()
    balance = await world.points.read(history.balance, world.community, str(world.mia.id))
    assert balance.current == 7 + 5


async def test_a_trial_leaves_out_who_wants_to_be_left_alone(world: World) -> None:
    await world.olivia.slash(world.general, "rule new", start="trigger:message", name="Talk")
    for member in (world.mia, world.noah):
        await member.send(world.general, "hello, all of you")
    await world.mia.slash(world.general, "privacy untrack")

    tried = await world.olivia.slash(world.general, "rule try", number=1, days=1)

    told = texts(answer(tried))
    assert str(world.noah.id) in told or "Noah" in told
    assert "archived threads are not read" in told
    assert "those of today" not in told
    assert str(world.mia.id) not in told
    assert "Mia" not in told
