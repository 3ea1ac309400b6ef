"""Moderators take movements back, by command and by the button under an announcement."""

import discord
import pytest
import simcord

from points_core import awards
from points_core.values import Actor, ActorKind, Origin
from tests.stories.answers import answer
from tests.stories.books import current, receipts
from tests.stories.reading import pinged, texts
from tests.stories.world import World


async def test_undo_takes_a_movement_back_and_tells_the_member(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    told = await world.ada.slash(world.general, "undo", number=1, reason="it was Noah")

    assert not answer(told).ephemeral
    said = texts(answer(told))
    assert f"#1 is taken back by Ada: **−5 points** for <@{world.mia.id}>" in said
    assert "5 → **0**" in said
    assert "it was Noah" in said
    assert answer(told).components == []
    assert pinged(answer(told)) == [world.mia.id]
    assert (await receipts(world))[0].reverses == 1


async def test_the_undo_button_asks_why_and_says_so_under_the_announcement(world: World) -> None:
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    form = await world.grace.click(answer(given), label="Undo")
    told = await world.grace.submit_modal(form, {"reason": "it was Noah"})

    assert "#1 is taken back" in texts(answer(told))
    assert await current(world, world.mia) == 0
    original = world.general.history(viewer=world.noah)[0]
    assert original.components == []
    assert "Taken back by #2" in texts(original)


async def test_a_form_left_open_over_an_undo_by_command_is_refused(world: World) -> None:
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    form = await world.grace.click(answer(given), label="Undo")
    await world.ada.slash(world.general, "undo", number=1, reason="it was Noah")

    told = await world.grace.submit_modal(form, {"reason": "it was Noah"})

    assert answer(told).ephemeral
    assert "already undone, by transaction #2" in texts(answer(told))
    original = next(m for m in world.general.history(viewer=world.noah) if m.id == answer(given).id)
    assert original.components == []
    assert "Taken back by #2" in texts(original)
    assert len(await receipts(world)) == 2


async def test_the_undo_button_works_after_a_restart(world: World) -> None:
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    await world.restart()

    form = await world.ada.click(answer(given), label="Undo")
    await world.ada.submit_modal(form, {"reason": "it was Noah"})

    assert await current(world, world.mia) == 0


async def test_a_second_undo_is_refused_and_nothing_moves(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    await world.ada.slash(world.general, "undo", number=1, reason="it was Noah")

    told = await world.grace.slash(world.general, "undo", number=1, reason="it was Noah")

    assert answer(told).ephemeral
    assert "already undone, by transaction #2" in texts(answer(told))
    assert len(await receipts(world)) == 2


@pytest.mark.parametrize("number, words", [(2, "itself an undo"), (99, "no transaction #99")])
async def test_undo_refuses_reversals_and_unknown_numbers(world: World, number: int, words: str) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    await world.ada.slash(world.general, "undo", number=1, reason="it was Noah")

    told = await world.ada.slash(world.general, "undo", number=number, reason="once more")

    assert answer(told).ephemeral
    assert words in texts(answer(told))


async def test_a_member_may_not_press_undo(world: World) -> None:
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    told = await world.noah.click(answer(given), label="Undo")

    assert told.modal is None
    assert answer(told).ephemeral
    assert await current(world, world.mia) == 5


async def test_who_may_award_but_not_undo_takes_back_only_their_own(world: World) -> None:
    await world.configure(roles={"undo": (str(world.guild.roles["Admin"].id),)})
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    pressed = await world.grace.click(answer(given), label="Undo")
    typed = await world.grace.slash(world.general, "undo", number=1, reason="not mine")

    assert pressed.modal is None
    for told in (pressed, typed):
        assert answer(told).ephemeral
        assert "cannot undo other people's transactions" in texts(answer(told))
    await world.ada.slash(world.general, "undo", number=1, reason="my own mistake")
    assert await current(world, world.mia) == 0


async def test_who_may_only_deduct_takes_back_their_own_deduction(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    admin = (str(world.guild.roles["Admin"].id),)
    await world.configure(roles={"award": admin, "undo": admin})
    taken = await world.grace.slash(world.general, "deduct", member=world.mia, amount=2, reason="left litter")

    form = await world.grace.click(answer(taken), label="Undo")
    told = await world.grace.submit_modal(form, {"reason": "it was Noah"})

    assert "#2 is taken back" in texts(answer(told))
    assert await current(world, world.mia) == 5


async def test_what_others_approved_is_not_taken_back_as_ones_own(world: World) -> None:
    await world.configure(roles={"undo": (str(world.guild.roles["Admin"].id),)})
    await world.ada.slash(world.general, "award", member=world.mia, amount=150, reason="ran the harvest")
    card = world.general.last_message
    assert card is not None
    await world.grace.click(card, label="Approve")
    news = world.general.last_message
    assert news is not None

    pressed = await world.ada.click(news, label="Undo")
    typed = await world.ada.slash(world.general, "undo", number=1, reason="on second thought")

    assert pressed.modal is None
    for told in (pressed, typed):
        assert answer(told).ephemeral
    assert await current(world, world.mia) == 150


async def test_undo_offers_what_can_still_be_taken_back(world: World) -> None:
    for reason in ("planted trees", "carried soil"):
        await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason=reason)
    await world.ada.slash(world.general, "undo", number=1, reason="it was Noah")

    offered = await world.ada.autocomplete(world.general, "undo", "number", "")

    assert [(choice["name"], choice["value"]) for choice in offered] == [("#2 · +5 · carried soil", 2)]


async def test_an_undo_whose_announcement_cannot_be_marked_is_still_done_once(world: World) -> None:
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    form = await world.ada.click(answer(given), label="Undo")
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50001, times=1)

    told = await world.ada.submit_modal(form, {"reason": "it was Noah"})

    assert "#1 is taken back" in texts(answer(told))
    assert len(await receipts(world)) == 2


# The announcement


def announcement_of(
    world: World, number: int, channel: simcord.ChannelHandle | None = None
) -> discord.Message:
    """The message that announced transaction `number`, as it stands now."""
    found = [
        m for m in (channel or world.general).history() if any(e.title == f"#{number}" for e in m.embeds)
    ]
    assert len(found) == 1
    return found[0]


def marked(message: discord.Message) -> bool:
    return bool(message.embeds[0].footer.text) and not message.components


async def test_undo_by_command_marks_the_announcement_wherever_it_stands(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")

    await world.ada.slash(world.log, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    told = announcement_of(world, 1)
    assert told.embeds[0].footer.text == "Taken back by #2"
    assert not told.components


async def test_undo_marks_the_news_of_an_approved_award_in_both_channels(world: World) -> None:
    await world.configure(announcements_channel=world.leaderboard)
    await world.ada.slash(world.general, "award", member=world.mia, amount=150, reason="the harvest")
    await world.bot.courier.idle()
    card = [message for message in world.general.history() if message.components][-1]
    await world.grace.click(card, label="Approve")
    await world.bot.courier.idle()

    await world.grace.slash(world.log, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    assert marked(announcement_of(world, 1))
    assert marked(announcement_of(world, 1, world.leaderboard))


async def test_what_is_taken_back_elsewhere_is_marked_too(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "elsewhere")

    await world.points.write(awards.reverse, origin, 1, reason="from the command line")
    world.bot.courier.wake()
    await world.bot.courier.idle()

    assert marked(announcement_of(world, 1))


async def test_an_announcement_that_somebody_deleted_stays_deleted(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")
    world.env.backend.delete_message(world.general.id, announcement_of(world, 1).id)

    await world.ada.slash(world.log, "undo", number=1, reason="a mistake")
    await world.bot.courier.idle()

    assert world.general.history() == []
