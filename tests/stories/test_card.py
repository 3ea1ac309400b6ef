"""/card: a picture, the same in words, and a description for who cannot see it."""

import sys
from io import BytesIO

import pytest
from PIL import Image

from tests.stories.answers import answer, private
from tests.stories.world import World

HIDDEN = "Only you see this: they are hidden from boards."


async def test_a_card_is_a_picture_with_its_words_beside_it(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme levels preset")
    await world.olivia.click(answer(asked), label="Do it")
    await world.ada.slash(world.general, "award", member=world.mia, amount=60, reason="so helpful")

    shown = answer(await world.mia.slash(world.general, "card"))

    assert shown.content == "**Mia** · Member · #1 of 1 · 60 points · 60 of 100 points to Contributor"
    (attached,) = shown.message.attachments
    assert attached.filename == "rank-card.png"
    assert attached.description == (
        "Rank card: Mia · Member · #1 of 1 · 60 points · 60 of 100 points to Contributor"
    )
    assert Image.open(BytesIO(await attached.read())).format == "PNG"


async def test_a_card_is_for_who_asked_unless_they_want_otherwise(world: World) -> None:
    assert (await world.mia.slash(world.general, "card")).ephemeral
    assert (await world.mia.slash(world.general, "card", member=world.noah)).ephemeral
    assert not (await world.mia.slash(world.general, "card", private=False)).ephemeral


@pytest.mark.parametrize("command", ["card", "balance", "achievements", "history"])
async def test_nobody_is_shown_to_all_who_hides(world: World, command: str) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=60, reason="so helpful")
    assert not (await world.noah.slash(world.general, command, member=world.mia, private=False)).ephemeral
    await world.mia.slash(world.general, "privacy hide")

    by_another = await world.noah.slash(world.general, command, member=world.mia, private=False)
    by_herself = await world.mia.slash(world.general, command, private=False)
    unasked = await world.noah.slash(world.general, command, member=world.mia)

    assert HIDDEN in private(by_another)
    assert HIDDEN in private(by_herself)
    assert HIDDEN not in private(unasked)  # nothing is otherwise than they asked
    await world.mia.slash(world.general, "privacy show")
    assert not (await world.noah.slash(world.general, command, member=world.mia, private=False)).ephemeral


async def test_a_name_is_only_text(world: World) -> None:
    world.env.backend.edit_member(world.guild.id, world.mia.id, {"nick": "**@everyone** <@1> \\"})

    shown = answer(await world.mia.slash(world.general, "card"))

    assert shown.content.startswith(r"**\*\*@" + "\u200b" + r"everyone\*\* \<@" + "\u200b" + r"1\> \\**")
    (attached,) = shown.message.attachments
    assert "Rank card: **@everyone** <@1> \\ ·" in (attached.description or "")


async def test_without_a_picture_the_words_go_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("bot.rank_card", "bot.lettering"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "uharfbuzz", None)  # as where its wheel does not load
    world.expected.append("a rank card could not be drawn")

    shown = answer(await world.mia.slash(world.general, "card"))

    assert shown.content == "**Mia** · not on the board yet · 0 points"
    assert shown.message.attachments == []
