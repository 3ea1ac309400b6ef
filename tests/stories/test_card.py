"""/card: a picture, the same in words, and a description for who cannot see it."""

from io import BytesIO

import pytest
from PIL import Image

from bot import rank_card
from bot.rank_facts import Card
from tests.stories.answers import answer
from tests.stories.world import World


async def test_a_card_is_a_picture_with_its_words_beside_it(world: World) -> None:
    asked = await world.olivia.slash(world.general, "programme levels preset")
    await world.olivia.click(answer(asked), label="Do it")
    await world.ada.slash(world.general, "award", member=world.mia, amount=60, reason="so helpful")

    shown = answer(await world.mia.slash(world.general, "card"))

    assert shown.content == ("**Mia** · Member · #1 of 1 · 60 points · 60 of 100 points to Contributor")
    (attached,) = shown.message.attachments
    assert attached.filename == "rank-card.png"


def card(name: str, **more: object) -> Card:
    facts = {"level": "Fellow", "points": 10**12, "rank": 1, "members": 9, "streak": 365, "badges": 12}
    rest = {"have": 5, "need": 10, "goal": "5 of 10 points to something"}
    return Card(name=name, **{**facts, **rest, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["Ada", "王小明", "عائشة", "Зоя", "Ada 🎉🏳️‍🌈", "W" * 32, "\u200b", "", "\U0010fffd", "a\u0301" * 40],
)
def test_every_name_can_be_drawn(name: str) -> None:
    image = Image.open(BytesIO(rank_card.drawn(card(name))))

    assert (image.format, image.size) == ("PNG", (rank_card.WIDTH, rank_card.HEIGHT))


def test_the_bar_is_as_full_as_the_level() -> None:
    def filled(have: int | None) -> int:
        image = Image.open(BytesIO(rank_card.drawn(card("Ada", have=have)))).convert("RGB")
        accent = tuple(bytes.fromhex(rank_card.ACCENT[1:]))
        return sum(image.getpixel((x, 163)) == accent for x in range(image.width))

    empty, half, full = filled(0), filled(5), filled(None)
    assert empty == 0
    assert abs(half - full // 2) < 5


def test_without_levels_nothing_is_said_of_them() -> None:
    rank_card.drawn(card("Ada", level="", goal="", have=None, need=None, rank=None))
