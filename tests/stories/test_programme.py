"""The programme, told: points expire and melt away, people are warned, and nothing begins unseen."""

from datetime import timedelta

from points_core import policy
from points_core.programme import Programme
from points_core.values import Kind
from tests.stories.answers import answer, private
from tests.stories.books import current, receipts, show_to
from tests.stories.reading import labels, texts
from tests.stories.world import World

DAY = timedelta(days=1).total_seconds()


async def award(world: World, member: object, amount: int, **more: object) -> None:
    await world.ada.slash(
        world.general, "award", member=member, amount=amount, reason=f"because {amount}", **more
    )


async def tick(world: World) -> None:
    await world.bot.ticker.tick(world.bot.now())
    await world.bot.courier.idle()


async def pass_days(world: World, days: int) -> None:
    """Let days pass without the bot, and half a day of ticks with it."""
    await world.restart(away=days * DAY)
    await tick(world)
    await world.restart(away=DAY / 2)
    await tick(world)


async def programme(world: World) -> Programme:
    return (await world.points.read(policy.of, world.community)).programme


def messages_to(member: object) -> list[str]:
    channel = member.user.dm_channel  # type: ignore[attr-defined]
    return [message.content for message in channel.history()] if channel else []


async def test_points_expire_only_after_an_admin_has_seen_whose(world: World) -> None:
    await award(world, world.mia, 30)
    await award(world, world.noah, 12, category="events")

    asked = await world.olivia.slash(world.general, "programme expiry", days=30)

    assert asked.ephemeral
    said = texts(answer(asked))
    assert "Points without an expiry of their own would be kept for 30 days, from 9 January 2026 on." in said
    assert "On 1 February 2026 **42 points** of 2 members would expire" in said
    assert "Mia · **30 points** of 30\nNoah · **12 points** of 12" in said
    assert "All members have 42 points together. Nothing is changed yet." in said
    assert (await programme(world)).expiry == ()

    done = await world.olivia.click(answer(asked), label="Let them expire")

    assert texts(answer(done)).startswith(
        "**Expiry**: off → all points after 30 days (told 7 days before, from 9 January 2026 on)"
    )
    await pass_days(world, 31)
    assert [(r.kind, r.amount) for r in await receipts(world)][:2] == [(Kind.EXPIRY, -12), (Kind.EXPIRY, -30)]
    assert await current(world, world.mia) == 0


async def test_an_expiry_is_undone_like_any_other_transaction_and_stays_undone(world: World) -> None:
    await award(world, world.mia, 30)
    asked = await world.olivia.slash(world.general, "programme expiry", days=30)
    await world.olivia.click(answer(asked), label="Let them expire")
    await pass_days(world, 31)

    undone = await world.ada.slash(world.general, "undo", number=2, reason="they were away")
    await pass_days(world, 10)

    assert not undone.ephemeral
    assert await current(world, world.mia) == 30


async def test_a_category_has_an_expiry_of_its_own_and_is_switched_off_by_itself(world: World) -> None:
    await world.configure(log_channel=world.log)
    asked = await world.olivia.slash(
        world.general, "programme expiry", days=10, category="events", **{"notice-days": 0}
    )
    await world.olivia.click(answer(asked), label="Let them expire")
    await world.bot.courier.idle()
    offered = await world.olivia.autocomplete(world.general, "programme expiry", "category", "eve", days=1)

    ended = await world.olivia.slash(world.general, "programme expiry", days=0, category="events")
    await world.bot.courier.idle()

    assert [choice["name"] for choice in offered] == ["events"]
    assert private(ended) == "**Expiry**: events after 10 days (nobody is told) → off"
    lines = [message.content for message in world.log.history()]
    assert any("**Expiry**: off → events after 10 days (nobody is told)" in line for line in lines)


async def test_whose_points_expire_soon_is_told_once_and_softly(world: World) -> None:
    await award(world, world.mia, 30)
    asked = await world.olivia.slash(world.general, "programme expiry", days=30)
    await world.olivia.click(answer(asked), label="Let them expire")
    await pass_days(world, 18)
    await pass_days(world, 2)
    await pass_days(world, 1)

    assert messages_to(world.mia) == [
        "⏳ **30 points** of yours on **Open Garden** expire soon:\n**30 points**: kept until 31 January 2026"
    ]


async def test_who_takes_no_direct_messages_is_left_in_peace(world: World) -> None:
    await award(world, world.mia, 30)
    asked = await world.olivia.slash(world.general, "programme expiry", days=30)
    await world.olivia.click(answer(asked), label="Let them expire")
    world.env.inject_error("POST", "/users/@me/channels", status=403, code=50007)

    await pass_days(world, 18)
    await pass_days(world, 2)

    assert messages_to(world.mia) == []


async def test_nothing_left_to_expire_is_nothing_to_tell(world: World) -> None:
    await award(world, world.mia, 30)
    asked = await world.olivia.slash(world.general, "programme expiry", days=30)
    await world.olivia.click(answer(asked), label="Let them expire")
    await world.restart(away=18 * DAY - DAY / 2)  # Monday morning, before nine
    await world.bot.ticker.tick(world.bot.now())
    await world.ada.slash(world.general, "deduct", member=world.mia, amount=30, reason="spent")

    await pass_days(world, 1)

    assert messages_to(world.mia) == []


async def test_points_of_inactive_members_melt_away_once_an_admin_has_seen_it(world: World) -> None:
    await award(world, world.mia, 100)
    await world.restart(away=40 * DAY)
    await award(world, world.noah, 100)

    asked = await world.olivia.slash(
        world.general, "programme decay", percent=10, every="month", keep=20, **{"inactive-days": 30}
    )

    said = texts(answer(asked))
    assert "Points would melt away: 10 % every month after 30 days without new points, " in said
    assert "never the last 20 points." in said
    assert "Its first turn is on 1 March 2026. If it were today, 1 member would lose **8 points**." in said
    await world.olivia.click(answer(asked), label="Let them decay")
    await tick(world)
    assert await current(world, world.mia) == 100
    await pass_days(world, 19)
    assert (await current(world, world.mia), await current(world, world.noah)) == (92, 100)

    ended = await world.olivia.slash(world.general, "programme decay", percent=0)
    assert private(ended).endswith("→ off")


async def test_a_preview_of_a_programme_that_changed_meanwhile_changes_nothing(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme expiry", days=30)
    await world.olivia.slash(world.general, "programme check-ins", on=True)

    late = await world.olivia.click(answer(asked), label="Let them expire")

    assert "somebody changed the programme since this preview was made" in texts(answer(late))
    assert (await programme(world)).expiry == ()


async def test_a_button_outlives_a_restart(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme decay", percent=10)
    await world.restart(away=60)

    done = await world.olivia.click(answer(asked), label="Let them decay")

    assert "**Decay**: off → 10 % every week after 30 days without new points" in texts(answer(done))


async def test_freezes_are_changed_after_a_look_at_the_streaks(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme streaks", freezes=2)

    assert "Streak freezes would be: 2 missed days of a month." in texts(answer(asked))
    assert "Of 0 running streaks" in texts(answer(asked))
    assert labels(answer(asked)) == ["Count anew"]
    done = await world.olivia.click(answer(asked), label="Count anew")
    assert texts(answer(done)).startswith("**Streak freezes**: none → 2 missed days of a month")


async def test_the_programme_is_shown_part_by_part(world: World) -> None:
    shown = await world.olivia.slash(world.general, "programme show")

    said = texts(answer(shown))
    assert shown.ephemeral
    for line in ("Levels: **none**", "Streak freezes: **none**", "Expiry: **off**", "Decay: **off**"):
        assert line in said


async def test_only_who_may_configure_changes_the_programme(world: World) -> None:
    await show_to(world, "programme", world.ada)

    for command, options in (
        ("programme show", {}),
        ("programme expiry", {"days": 30}),
        ("programme expiry", {"days": 0}),
        ("programme decay", {"percent": 10}),
        ("programme decay", {"percent": 0}),
        ("programme streaks", {"freezes": 1}),
        ("programme check-ins", {"on": True}),
    ):
        refused = await world.ada.slash(world.general, command, **options)
        assert refused.ephemeral
        assert "You cannot change the settings here." in texts(answer(refused))
    assert await programme(world) == Programme()


async def test_an_unknown_category_is_refused(world: World) -> None:
    refused = await world.olivia.slash(world.general, "programme expiry", days=30, category="nonsense")

    assert refused.ephemeral
    assert "nonsense" in texts(answer(refused))


async def test_what_expires_soon_stands_in_a_balance(world: World) -> None:
    await award(world, world.mia, 30)
    asked = await world.olivia.slash(world.general, "programme expiry", days=10)
    await world.olivia.click(answer(asked), label="Let them expire")

    now = await world.mia.slash(world.general, "balance")
    then = await world.mia.slash(world.general, "balance", **{"as-of": "2025-12-31"})

    assert "Expiring soon: **30 points**: kept until 11 January 2026" in texts(answer(now))
    assert "Expiring soon" not in texts(answer(then))
