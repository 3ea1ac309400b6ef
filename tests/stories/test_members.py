"""Members look: balances, pages of history, leaderboards."""

from datetime import timedelta

import pytest
import simcord

from tests.stories.answers import answer
from tests.stories.reading import labels, texts
from tests.stories.world import World

DAY = timedelta(days=1).total_seconds()


async def award(world: World, member: simcord.MemberActor, amount: int, reason: str, **more: object) -> None:
    await world.ada.slash(world.general, "award", member=member, amount=amount, reason=reason, **more)


async def pass_time(world: World, seconds: float) -> None:
    """Let time pass without the bot, whose ticks would all ring otherwise."""
    await world.restart(away=seconds)


# ── balance ──


async def test_my_balance_is_answered_to_me_alone_with_everything_i_have(world: World) -> None:
    await award(world, world.mia, 30, "planted trees", category="events")
    await award(world, world.noah, 50, "carried soil")
    await world.ada.slash(world.general, "deduct", member=world.mia, amount=5, reason="advertised")
    await award(world, world.mia, 500, "ran the festival")

    told = await world.mia.slash(world.general, "balance")

    assert answer(told).ephemeral
    said = texts(answer(told))
    assert "Mia · 25 points" in said
    assert "Earned: 30" in said
    assert "Spent: 5" in said
    assert "Rank: **2** of 2" in said
    assert "events **30**" in said
    assert "planted trees" in said
    assert "advertised" in said
    assert "Request #1 · **+500** · ran the festival" in said


async def test_somebodys_balance_can_be_shown_to_everybody(world: World) -> None:
    await award(world, world.mia, 30, "planted trees")

    told = await world.noah.slash(world.general, "balance", member=world.mia, private=False)

    assert not answer(told).ephemeral
    assert "Mia · 30 points" in texts(answer(told))


async def test_a_balance_shows_the_last_five(world: World) -> None:
    for n in range(7):
        await award(world, world.mia, 1 + n, f"reason {n}")

    told = await world.mia.slash(world.general, "balance")

    said = texts(answer(told))
    assert [n for n in range(7) if f"reason {n}" in said] == [2, 3, 4, 5, 6]


async def test_who_never_got_points_and_who_left_have_a_balance_too(world: World) -> None:
    nobody = await world.zoe.slash(world.general, "balance")
    await award(world, world.noah, 9, "left us a handbook")
    world.guild.remove_member(world.noah)
    left = await world.mia.slash(world.general, "balance", member=world.noah.user)

    assert "Zoë · 0 points" in texts(answer(nobody))
    assert "Noah · 9 points" in texts(answer(left))


# ── history ──


async def test_history_has_pages_that_only_the_asker_turns(world: World) -> None:
    for n in range(23):
        await award(world, world.mia, 1 + n, f"reason {n}")

    first = await world.mia.slash(world.general, "history", private=False)
    assert labels(answer(first)) == ["Older"]
    refused = await world.noah.click(answer(first), label="Older")
    second = await world.mia.click(answer(first), label="Older")
    assert labels(answer(second)) == ["Newest", "Older"]
    third = await world.mia.click(answer(second), label="Older")
    assert labels(answer(third)) == ["Newest"]
    again = await world.mia.click(answer(third), label="Newest")

    assert answer(refused).ephemeral
    assert "belongs to who asked" in texts(answer(refused))
    assert labels(answer(again)) == ["Older"]
    assert answer(first).id == answer(again).id


async def test_every_transaction_is_on_exactly_one_page(world: World) -> None:
    for n in range(12):
        await award(world, world.mia, 1 + n, f"{'*' * 290}{n}", evidence="https://example.org/" + "x" * 400)

    told = await world.mia.slash(world.general, "history")
    page, seen = answer(told), numbers(texts(answer(told)))
    while "Older" in labels(page):
        turned = await world.mia.click(page, label="Older")
        page = answer(turned)
        seen += numbers(texts(page))

    assert seen == list(range(12, 0, -1))


def numbers(said: str) -> list[int]:
    return [int(line.split("`")[1].removeprefix("#")) for line in said.splitlines() if line.startswith("`#")]


async def test_pages_can_be_turned_after_a_restart(world: World) -> None:
    for n in range(12):
        await award(world, world.mia, 1 + n, f"reason {n}")
    told = await world.mia.slash(world.general, "history")
    await world.restart()

    turned = await world.mia.click(answer(told), label="Older")

    assert numbers(texts(answer(turned))) == [2, 1]
    assert "Points history of Mia" in texts(answer(turned))


async def test_history_is_filtered_by_category_days_and_giver_on_every_page(world: World) -> None:
    await world.configure(timezone="Europe/Paris")
    await award(world, world.mia, 1, "on the first", category="events")
    await pass_time(world, DAY)
    for n in range(11):
        await award(world, world.mia, 2 + n, "on the second", category="events")
    await award(world, world.mia, 50, "on the second, helping", category="helping")
    await world.grace.slash(
        world.general, "award", member=world.mia, amount=60, reason="by Grace", category="events"
    )
    await pass_time(world, DAY)
    await award(world, world.mia, 70, "on the third", category="events")

    told = await world.mia.slash(
        world.general, "history", category="EVENTS", giver=world.ada, member=world.mia,
        since="2026-01-02", until="2026-01-02",
    )  # fmt: skip

    assert numbers(texts(answer(told))) == [*range(12, 2, -1)]
    assert "only events · from 2 January 2026 · until 2 January 2026 · Europe/Paris" in texts(answer(told))
    turned = await world.mia.click(answer(told), label="Older")
    assert numbers(texts(answer(turned))) == [2]
    assert "only events" in texts(answer(turned))


async def test_history_days_begin_at_the_communitys_midnight(world: World) -> None:
    await world.configure(timezone="America/New_York")  # it is still 31 December there
    await award(world, world.mia, 1, "on New Year's Eve")

    eve = await world.mia.slash(world.general, "history", until="2025-12-31")
    new_year = await world.mia.slash(world.general, "history", since="2026-01-01")

    assert numbers(texts(answer(eve))) == [1]
    assert "Nothing here" in texts(answer(new_year))


async def test_what_a_moderator_gave_can_be_looked_up(world: World) -> None:
    await award(world, world.mia, 1, "to Mia")
    await award(world, world.noah, 2, "to Noah")
    await world.grace.slash(world.general, "award", member=world.noah, amount=3, reason="by Grace")

    told = await world.zoe.slash(world.general, "history", giver=world.ada)

    assert numbers(texts(answer(told))) == [2, 1]
    assert "Points given and taken by Ada" in texts(answer(told))


@pytest.mark.parametrize(
    "days",
    [
        {"since": "yesterday"},
        {"since": "2026-02-30"},
        {"until": "31.01.2026"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-02-01", "until": "2026-01-31"},
    ],
)
async def test_days_that_are_none_are_refused_privately(world: World, days: dict[str, str]) -> None:
    told = await world.mia.slash(world.general, "history", private=False, **days)

    assert answer(told).ephemeral
    assert "2026-01-31" in texts(answer(told))


async def test_the_menu_on_a_person_opens_their_history_privately(world: World) -> None:
    await award(world, world.mia, 5, "planted trees")

    told = await world.noah.context_menu(world.general, "Points history", world.mia)

    assert answer(told).ephemeral
    assert "planted trees" in texts(answer(told))


# ── leaderboard ──


async def test_the_leaderboard_is_for_everybody_with_ties_and_my_own_line(world: World) -> None:
    await award(world, world.mia, 50, "a")
    await award(world, world.noah, 40, "b")
    await award(world, world.zoe, 40, "c")

    told = await world.noah.slash(world.general, "leaderboard")

    assert not answer(told).ephemeral
    assert (answer(told).embeds[0].description or "").splitlines() == [
        "🥇 **1.** Mia · **50 points**",
        "🥈 **2=** Noah · **40 points** ← you",
        "🥈 **2=** Zoë · **40 points**",
    ]
    assert "You: rank 2 of 3" in texts(answer(told))
    assert answer(told).message.mentions == []


async def test_who_is_below_the_top_ten_sees_their_neighbours(world: World) -> None:
    crowd = [world.guild.add_member(world.env.create_user(f"p{n}", global_name=f"P{n}")) for n in range(12)]
    for n, member in enumerate(crowd):
        await award(world, member, 50 - n, f"reason {n}")

    told = await crowd[11].slash(world.general, "leaderboard")

    said = texts(answer(told))
    assert "P9" in said
    assert "Around you" in said
    assert next(line for line in said.splitlines() if "← you" in line).endswith(
        "**12.** P11 · **39 points** ← you"
    )
    assert "You: rank 12 of 12" in said


async def test_windows_and_categories_have_their_own_boards(world: World) -> None:
    await award(world, world.mia, 50, "last year", category="events")
    await pass_time(world, 10 * DAY)
    await award(world, world.noah, 5, "today", category="events")
    await award(world, world.zoe, 7, "today", category="helping")

    async def names_on(**options: object) -> list[str]:
        told = await world.mia.slash(world.general, "leaderboard", **options)
        lines = (answer(told).embeds[0].description or "").splitlines()
        return [line.split("** ", 1)[1].split(" ·")[0] for line in lines]

    assert await names_on() == ["Mia", "Zoë", "Noah"]
    assert await names_on(window="today") == ["Zoë", "Noah"]
    assert await names_on(window="month") == ["Mia", "Zoë", "Noah"]
    assert await names_on(category="events") == ["Mia", "Noah"]
    assert await names_on(category="events", window="week") == ["Noah"]
    assert await names_on(**{"as-of": "2026-01-01"}) == ["Mia"]
    assert await names_on(**{"as-of": "2026-01-11"}) == ["Mia", "Zoë", "Noah"]


async def test_a_month_as_of_its_last_day_is_that_month(world: World) -> None:
    await award(world, world.mia, 50, "in January")
    await pass_time(world, 40 * DAY)

    told = await world.mia.slash(world.general, "leaderboard", window="month", **{"as-of": "2026-01-31"})

    said = texts(answer(told))
    assert "Leaderboard · 1 January 2026 to 31 January 2026" in said
    assert "Mia · **50 points**" in said
    assert "as it stood at the end of 31 January 2026" in said


@pytest.mark.parametrize("day", ["2026-01-02", "tomorrow", "2026-1-1", ""])
async def test_a_board_as_of_no_day_or_one_to_come_is_refused_privately(world: World, day: str) -> None:
    told = await world.mia.slash(world.general, "leaderboard", **{"as-of": day})

    assert answer(told).ephemeral
    assert "no date I can use" in texts(answer(told))


async def test_an_empty_board_says_what_puts_somebody_on_top(world: World) -> None:
    told = await world.mia.slash(world.general, "leaderboard", private=True)

    assert answer(told).ephemeral
    assert "The first `/award` puts somebody on top" in texts(answer(told))


async def test_retired_categories_can_still_be_read(world: World) -> None:
    from points_core import policy
    from points_core.values import Actor, ActorKind, Origin

    await award(world, world.mia, 5, "planted trees", category="events")
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "retire")
    await world.points.write(policy.retire_category, origin, "events")

    offered = await world.mia.autocomplete(world.general, "history", "category", "eve")
    told = await world.mia.slash(world.general, "leaderboard", category="events")

    assert [choice["value"] for choice in offered] == ["events"]
    assert "Mia" in texts(answer(told))
