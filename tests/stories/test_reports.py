"""/report, and reports that post themselves: people read them, with the picture's words beside it."""

from datetime import UTC, datetime
from typing import Any

import discord
import pytest

from points_core import reports, schedules
from tests.stories.answers import answer, private
from tests.stories.reading import texts
from tests.stories.test_schedules import look, until
from tests.stories.world import World

# The simulated clock begins on Thursday, 1 January 2026, 00:00 UTC

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def garden(world: World) -> World:
    """The server after some awards: Ada and Grace award each other too."""
    for giver, member, amount, category in (
        (world.ada, world.mia, 30, "events"),
        (world.ada, world.grace, 20, "helping"),
        (world.grace, world.ada, 10, "helping"),
        (world.grace, world.noah, 40, "events"),
    ):
        await giver.slash(
            world.general, "award", member=member, amount=amount, reason="for the test", category=category
        )
    await world.ada.slash(world.general, "deduct", member=world.mia, amount=5, reason="late")
    await world.grace.slash(world.general, "undo", number=4, reason="the wrong person")
    return world


async def read(world: World, kind: str, /, **options: Any) -> str:
    """Return what Ada reads in a report, privately."""
    result = await world.ada.slash(world.general, f"report {kind}", **options)
    assert result.ephemeral
    return texts(answer(result))


async def test_a_summary_says_what_was_given_and_taken_and_how_many_took_part(garden: World) -> None:
    said = await read(garden, "summary")

    assert "Summary · this month" in said
    assert "**100** awarded in 4, **5** deducted in 1, **−40** by 1 taken back: **+55** on balance." in said
    assert "**4** members had points moved, **2** people awarded." in said
    assert "By category: events **+70** −40 · helping **+30** · no category **0** −5" in said
    assert "Thu **+100** −45" in said
    assert "1 January 2026 to 31 January 2026 · UTC" in said


async def test_activity_is_told_day_by_day(garden: World) -> None:
    said = await read(garden, "activity", every="day")

    assert "1 Jan 2026: **+100** −45 · 4 members, 2 givers" in said


async def test_the_givers_report_says_who_awards_whom_and_who_is_left_out(garden: World) -> None:
    said = await read(garden, "givers")

    assert "**60 points** in 3 awards that stand, by people." in said
    assert "Ada **50** (83%) to 2, 60% of it to Mia" in said
    assert "Giving: **2** people, the largest share **83%**, HHI 0.72" in said
    assert "Award each other (1): Ada ⇄ Grace: 20 and 10" in said
    assert "Never recognised: 1 of 4 known members: Noah" in said
    assert "Categories without an award: content, moderation" in said
    assert "Ada: 2 awards, 1 deductions, 0 reversals, 0 votes" in said
    assert "Nothing was decided; 0 lapsed, 0 wait now." in said


async def test_one_member_is_reported_and_somebody_unknown_is_refused(garden: World) -> None:
    said = await read(garden, "member", member=garden.mia)
    unknown = await garden.ada.slash(garden.general, "report member", member=garden.zoe)

    assert "Points of Mia · this month" in said
    assert "**25 points** now, rank **1** of 3." in said
    assert "Awarded by: Ada **30** in 1" in said
    assert "I keep nothing about that person" in private(unknown)


async def test_transactions_are_added_up_with_filters(garden: World) -> None:
    said = await read(garden, "transactions", member=garden.mia, kind="award", category="events")

    assert "only award" in said
    assert "**30** awarded in 1" in said
    assert "`#1` **+30** Mia · for the test · by Ada" in said
    assert "#5" not in said


async def test_days_are_asked_for_from_and_to(garden: World) -> None:
    said = await read(garden, "summary", **{"from": "2025-12-01", "to": "2025-12-31"})
    both = await garden.ada.slash(garden.general, "report summary", window="week", to="2026-01-01")
    backwards = await garden.ada.slash(
        garden.general, "report summary", **{"from": "2026-01-02", "to": "2026-01-01"}
    )

    assert "No points were moved." in said
    assert "1 December 2025 to 31 December 2025" in said
    assert "the only one of window and days" in private(both)
    assert "2026-01-02" in private(backwards)


async def test_beside_the_words_there_is_a_picture_described_in_words(garden: World) -> None:
    result = await garden.ada.slash(garden.general, "report givers")

    (attached,) = answer(result).message.attachments
    assert attached.filename == "report.png"
    assert (await attached.read()).startswith(PNG)
    assert attached.description is not None
    assert "Ada 50 (83%)" in attached.description
    assert answer(result).embeds[0].image.url is not None


async def test_a_report_without_points_has_no_picture(world: World) -> None:
    result = await world.ada.slash(world.general, "report summary")

    assert answer(result).message.attachments == []


async def test_only_moderators_read_reports_and_only_admins_share_them(garden: World) -> None:
    (group,) = [c for c in await garden.bot.tree.fetch_commands() if c.name == "report"]
    garden.guild.set_command_permissions(group, {garden.mia: True})

    refused = await garden.mia.slash(garden.general, "report summary")
    unshared = await garden.ada.slash(garden.general, "report summary", share=True)
    shared = await garden.olivia.slash(garden.general, "report summary", share=True)

    assert "You cannot" in private(refused)
    assert "You cannot change the settings" in private(unshared)
    assert private(shared) == "Here it is, for everybody in this channel."
    (public,) = [m for m in garden.general.history(viewer=garden.noah) if "Summary" in texts(m)]
    assert "**100** awarded" in texts(public)


async def test_who_hides_is_not_named_in_what_everybody_sees(garden: World) -> None:
    await garden.mia.slash(garden.general, "privacy hide")

    await garden.olivia.slash(garden.general, "report givers", share=True)

    (public,) = [m for m in garden.general.history(viewer=garden.noah) if "Who awards whom" in texts(m)]
    assert "Mia" not in texts(public)
    assert "a hidden member" in texts(public)
    assert "Mia" not in str(public.attachments[0].description)
    assert "Mia" in await read(garden, "givers")


# Reports that post themselves


async def scheduled(world: World, **changes: Any) -> str:
    options: dict[str, Any] = {
        "channel": world.leaderboard,
        "window": "week",
        "every": "day",
        "at": "09:00",
        "report": "givers",
    }
    return private(await world.olivia.slash(world.general, "schedule add", **(options | changes)))


def posts(world: World) -> list[discord.Message]:
    return list(world.leaderboard.history())


async def test_a_scheduled_report_is_posted_once_with_its_picture(garden: World) -> None:
    said = await scheduled(garden)
    await until(garden, "2026-01-01T09:00")
    await look(garden)
    await garden.restart()
    await look(garden)

    first = int(datetime(2026, 1, 1, 9, tzinfo=UTC).timestamp())
    where = f"<#{garden.leaderboard.id}> every day at 09:00 (UTC)"
    assert said == f"Schedule **#1**: report Givers, this week, in {where}. The first comes <t:{first}:f>."
    (post,) = posts(garden)
    assert "Ada **50** (83%)" in texts(post)
    assert str(post.embeds[0].footer.text).endswith("Schedule #1 · 2026-01-01")
    assert "Ada 50" in str(post.attachments[0].description)


async def test_a_live_report_is_edited_in_place(garden: World) -> None:
    await scheduled(garden, report="summary", live=True)
    await until(garden, "2026-01-01T09:00")
    await garden.ada.slash(garden.general, "award", member=garden.zoe, amount=7, reason="for the test")
    await until(garden, "2026-01-02T09:00")

    (post,) = posts(garden)
    assert "**107** awarded in 5" in texts(post)
    assert len(post.attachments) == 1

    garden.env.backend.delete_message(garden.leaderboard.id, post.id)
    await until(garden, "2026-01-03T09:00")
    (anew,) = posts(garden)
    assert (await anew.attachments[0].read()).startswith(PNG)


async def test_where_files_are_refused_the_words_are_posted_alone(garden: World) -> None:
    me = garden.env.bot.user
    assert me is not None
    channel = garden.guild.create_text_channel(
        "words", overwrites={me: discord.PermissionOverwrite(attach_files=False)}
    )
    await garden.env.settle()
    await scheduled(garden, channel=channel, report="summary")
    await until(garden, "2026-01-01T09:00")

    (post,) = channel.history()
    assert "**100** awarded" in texts(post)
    assert post.attachments == []


async def test_a_scheduled_report_takes_no_categories(garden: World) -> None:
    assert "left out: a report is about all of them" in await scheduled(garden, categories="events")
    assert await garden.points.read(schedules.listed, garden.community) == ()


async def test_scheduled_reports_are_listed_as_such(garden: World) -> None:
    await scheduled(garden, report="activity")

    listed = await garden.olivia.slash(garden.general, "schedule list")
    offered = await garden.olivia.autocomplete(garden.general, "schedule remove", "number", "activ")
    now = await garden.olivia.slash(garden.general, "schedule post-now", number=1)

    assert "report Activity, this week" in texts(answer(listed))
    assert offered == [{"name": "#1 · Activity, this week · every day at 09:00", "value": 1}]
    assert "The report of schedule #1" in private(now)
    (view,) = await garden.points.read(schedules.listed, garden.community)
    assert view.report is reports.ReportKind.ACTIVITY
