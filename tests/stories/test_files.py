"""Admins take the books along as a file, and bring points along from one."""

import csv
import io
import json
import zipfile
from typing import Any

import discord
import pytest
import simcord
from sqlalchemy import update

from points_core import audit, bulk, copies, history
from points_core.models import LedgerHead
from points_core.settings import database_file, sync_url
from tests.stories.answers import answer, private
from tests.stories.world import World

STRANGER = "81384788765712384"


async def test_an_admin_gets_the_transactions_as_a_file_that_only_they_see(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=10, reason="=1+1")

    result = await world.olivia.slash(world.general, "export", what="transactions")

    said = private(result)
    assert "1 row" in said
    [file] = answer(result).attachments
    assert file.filename == "points-transactions-2026-01-01.csv"
    [row] = csv.DictReader(io.StringIO((await file.read()).decode()))
    assert (row["user_id"], row["amount"], row["reason"]) == (str(world.mia.id), "10", "'=1+1")


async def test_everything_comes_as_a_zip_and_a_range_as_a_part(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=10, reason="the fair")

    whole = await world.olivia.slash(world.general, "export", what="everything", format="jsonl")
    none = await world.olivia.slash(world.general, "export", what="transactions", until="2025-12-31")

    [file] = answer(whole).attachments
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(await file.read())).read("manifest.json"))
    assert manifest["tables"]["transactions"]["rows"] == 1
    assert "0 rows" in private(none)


async def test_an_export_is_on_record_and_in_the_log(world: World) -> None:
    await world.configure(log_channel=world.log)

    await world.olivia.slash(world.general, "export", what="balances")

    [entry, *_] = await world.points.read(audit.recent, world.community)
    assert (entry.action, entry.target, entry.actor.user_id) == (
        "export.read",
        "balances",
        str(world.olivia.id),
    )
    await world.bot.courier.idle()
    assert world.log.last_message is not None
    assert "exported **balances**" in world.log.last_message.content


@pytest.mark.parametrize("command", ["export", "import", "undo-batch"])
async def test_moderators_are_not_offered_files(world: World, command: str) -> None:
    assert command not in world.ada.available_commands(world.general)
    assert command in world.olivia.available_commands(world.general)


async def test_whoever_lacks_the_right_is_refused_even_if_discord_lets_them(world: World) -> None:
    for command in await world.bot.tree.fetch_commands():
        if command.name in {"export", "import", "undo-batch"}:
            world.guild.set_command_permissions(command, {world.mia: True})

    for asked in (
        await world.mia.slash(world.general, "export", what="balances"),
        await bring(world, "user_id,points\n", by=world.mia),
        await world.mia.slash(world.general, "undo-batch", number=1, reason="why not"),
    ):
        assert private(asked).startswith("You cannot change the settings here.")
    await world.olivia.click(
        (await bring(world, f"user_id,points\n{world.mia.id},5\n")).response, label="Import 1 transaction"
    )
    assert await world.mia.autocomplete(world.general, "undo-batch", "number", "", reason="x") == []


async def bring(
    world: World, content: str | bytes, *, by: simcord.MemberActor | None = None, **options: Any
) -> Any:
    data = content.encode() if isinstance(content, str) else content
    asks = by or world.olivia
    return await asks.slash(world.general, "import", file=("points.csv", data), **options)


async def current(world: World, user_id: object) -> int:
    return (await world.points.read(history.balance, world.community, str(user_id))).current


async def test_an_import_is_shown_first_then_done_then_undone(world: World) -> None:
    content = f"user_id,name,points\n{world.mia.id},Mia,120\n{STRANGER},Gone,7\nnobody,Eve,3\n"

    shown = await bring(world, content)

    said = private(shown)
    assert "a list of balances, 3 rows. **Nothing is written yet.**" in said
    assert f"<@{world.mia.id}>: 0 → **120**" in said
    assert "row 4: nobody cannot be the user id: it has to be a Discord id, 15 to 20 digits." in said
    assert await current(world, world.mia.id) == 0

    done = await world.olivia.click(shown.response, label="Import 2 transactions")

    assert "Imported as **batch 1**: 2 transactions of 2 members, +127 points. Left out: 1 row." in str(
        answer(done).content
    )
    assert (await current(world, world.mia.id), await current(world, STRANGER)) == (120, 7)

    form = await world.olivia.click(answer(done), label="Undo batch")
    undone = await world.olivia.submit_modal(form, {"reason": "the wrong file"})

    assert "Batch 1 is taken back, by **batch 2**" in private(undone)
    assert (await current(world, world.mia.id), await current(world, STRANGER)) == (0, 0)


async def test_an_import_that_fails_after_the_button_says_that_nothing_came_of_it(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=10, reason="the fair")
    shown = await bring(world, f"user_id,points\n{world.mia.id},120\n")
    world.expected.append("BooksClosed")
    await world.points.write(lambda tx: tx.execute(update(LedgerHead).values(closed_because="a test")))

    failed = await world.olivia.click(shown.response, label="Import 1 transaction")

    assert str(answer(failed).content).startswith("Nothing was imported.")
    assert "failed their verification" in str(failed.followups[0].content)
    assert failed.followups[0].ephemeral
    assert await current(world, world.mia.id) == 10


async def test_an_import_can_be_cancelled_or_left_alone(world: World) -> None:
    content = f"user_id,points\n{world.mia.id},120\n"

    cancelled = await world.olivia.click((await bring(world, content)).response, label="Cancel")
    assert answer(cancelled).content == "Nothing was imported."

    shown = await bring(world, content)
    await world.env.advance_time(601)
    assert "was not answered in time" in str(shown.response.content)
    assert await world.points.read(bulk.recent, world.community) == ()


async def test_the_same_file_again_is_told_so_and_has_no_button(world: World) -> None:
    content = f"user_id,points\n{world.mia.id},120\n"
    await world.olivia.click((await bring(world, content)).response, label="Import 1 transaction")

    again = await bring(world, content)

    assert "it is **batch 1**. Nothing was written." in private(again)
    assert answer(again).components == []


async def test_two_presses_import_once(world: World) -> None:
    content = f"user_id,points\n{world.mia.id},120\n"
    first, second = await bring(world, content), await bring(world, content)

    await world.olivia.click(first.response, label="Import 1 transaction")
    late = await world.olivia.click(second.response, label="Import 1 transaction")

    assert "it is **batch 1**" in str(answer(late).content)
    assert await current(world, world.mia.id) == 120


@pytest.mark.parametrize(
    "content, part",
    [
        (b"", "I cannot use that file: there are no rows in it."),
        ("user_id,points\n1,2,3\n".encode("utf-16"), "it is UTF-16"),
        (b"user_id,points\n81384788765712384,5\nx\0,3\n", "Row 3 of the file: there is a NUL character"),
        (b"user_id,points,points\n1,2,3\n", "is there twice"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
async def test_a_hostile_file_is_refused_privately(world: World, content: bytes, part: str) -> None:
    result = await bring(world, content)

    assert part in private(result)
    assert await world.points.read(bulk.recent, world.community) == ()


async def test_points_already_spent_are_named_and_the_rest_can_be_undone(world: World) -> None:
    content = f"user_id,points\n{world.mia.id},50\n{world.noah.id},20\n"
    await world.olivia.click((await bring(world, content)).response, label="Import 2 transactions")
    await world.ada.slash(world.general, "deduct", member=world.mia, amount=10, reason="a prize")

    asked = await world.olivia.slash(world.general, "undo-batch", number=1, reason="the wrong file")

    assert "1 of the 2 transactions of batch 1 cannot be taken back" in private(asked)
    assert (await current(world, world.mia.id), await current(world, world.noah.id)) == (40, 20)
    form = await world.olivia.click(answer(asked), label="Undo the rest")
    undone = await world.olivia.submit_modal(form, {"reason": "the wrong file"})
    assert "Not taken back: 1 transaction" in private(undone)
    assert (await current(world, world.mia.id), await current(world, world.noah.id)) == (40, 0)
    again = await world.olivia.slash(world.general, "undo-batch", number=1, reason="once more")
    assert private(again) == "Batch 1 was already undone, by batch 2. Nothing was changed."


async def test_an_admin_leaves_a_deduction_from_themselves_to_another(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.olivia, amount=10, reason="the fair")
    content = f"user_id,amount\n{world.olivia.id},-4\n{world.mia.id},5\n"
    await world.olivia.click((await bring(world, content)).response, label="Import 2 transactions")

    asked = await world.olivia.slash(world.general, "undo-batch", number=1, reason="not me")

    assert "1 of the 2 transactions of batch 1 cannot be taken back" in private(asked)
    assert "You cannot award points to yourself. Another moderator can." in private(asked)
    assert (await current(world, world.olivia.id), await current(world, world.mia.id)) == (6, 5)


async def test_without_the_right_to_undo_an_admin_undoes_only_their_own_batches(world: World) -> None:
    content = f"user_id,points\n{world.mia.id},50\n"
    await world.olivia.click((await bring(world, content)).response, label="Import 1 transaction")
    other = world.guild.create_role("Auditor", permissions=discord.Permissions(manage_guild=True))
    world.env.backend.add_member_role(world.guild.id, world.noah.id, other.id)
    await world.env.settle()

    asked = await world.noah.slash(world.general, "undo-batch", number=1, reason="not mine")

    assert "undo" in private(asked)
    assert await current(world, world.mia.id) == 50
    mine = await bring(world, f"user_id,points\n{world.ada.id},7\n", by=world.noah)
    await world.noah.click(mine.response, label="Import 1 transaction")
    undone = await world.noah.slash(world.general, "undo-batch", number=2, reason="mine")
    assert "Batch 2 is taken back" in private(undone)


async def test_an_import_keeps_the_books_of_before(world: World) -> None:
    def kept() -> list[str]:
        file = database_file(sync_url(world.points.settings.database_url))
        assert file is not None
        return [point.name for point in copies.restore_points(file)]

    shown = await bring(world, f"user_id,points\n{world.mia.id},50\n")
    assert kept() == [], "looking changes nothing"
    await world.olivia.click(shown.response, label="Import 1 transaction")

    (only,) = kept()
    assert ".import." in only


async def test_the_undo_button_works_after_a_restart_and_batches_are_offered(world: World) -> None:
    content = f"user_id,points\n{world.mia.id},50\n"
    done = await world.olivia.click((await bring(world, content)).response, label="Import 1 transaction")

    await world.restart()

    offered = await world.olivia.autocomplete(world.general, "undo-batch", "number", "", reason="x")
    assert [choice["value"] for choice in offered] == [1]
    form = await world.olivia.click(answer(done), label="Undo batch")
    undone = await world.olivia.submit_modal(form, {"reason": "the wrong file"})
    assert "Batch 1 is taken back" in private(undone)


async def test_a_batch_is_one_line_in_the_log(world: World) -> None:
    await world.configure(log_channel=world.log)
    content = f"user_id,points\n{world.mia.id},50\n{world.noah.id},20\n"

    await world.olivia.click((await bring(world, content)).response, label="Import 2 transactions")
    await world.bot.courier.idle()

    lines = [message.content for message in world.log.history() if "batch" in message.content]
    assert len(lines) == 1
    assert "imported **batch 1**" in lines[0]
