"""Moderators award from the menus on a person and on a message, through a form."""

from typing import Any

import pytest

from points_core import policy
from points_core.values import Actor, ActorKind, Kind, Origin
from tests.stories.answers import answer
from tests.stories.books import EMPTY, current, receipts, show_to
from tests.stories.reading import texts
from tests.stories.world import World


async def test_the_menu_on_a_person_opens_a_form_and_awards(world: World) -> None:
    form = await world.ada.context_menu(world.general, "Award points", world.mia)
    told = await world.ada.submit_modal(
        form, {"amount": "7", "category": ["helping"], "reason": "showed newcomers around", "evidence": ""}
    )

    assert not answer(told).ephemeral
    [receipt] = await receipts(world)
    assert (receipt.amount, receipt.category, receipt.evidence) == (7, "helping", None)
    assert receipt.user_id == str(world.mia.id)
    assert receipt.kind is Kind.AWARD


async def test_the_menu_on_a_message_awards_its_author_with_the_message_as_evidence(world: World) -> None:
    message = await world.mia.send(world.general, "Compost: one third green, two thirds brown.")

    form = await world.ada.context_menu(world.general, "Award author", message)
    assert form.modal is not None
    link = f"https://discord.com/channels/{world.guild.id}/{world.general.id}/{message.id}"
    assert form.modal["components"][-1]["component"]["value"] == link
    told = await world.ada.submit_modal(
        form, {"amount": "7", "reason": "explained compost", "evidence": link}
    )

    assert link in texts(answer(told))
    [receipt] = await receipts(world)
    assert (receipt.user_id, receipt.evidence, receipt.category) == (str(world.mia.id), link, None)


async def test_the_form_offers_the_open_categories_and_says_what_amounts_it_takes(world: World) -> None:
    form = await world.ada.context_menu(world.general, "Award points", world.mia)

    assert form.modal is not None
    assert form.modal["title"] == "Award points to Mia"
    labels = form.modal["components"]
    assert [label["label"] for label in labels] == ["How many points?", "Category", "What for?", "Evidence"]
    assert "From 1 to 1,000; more than 100 waits" in labels[0]["description"]
    assert [o["label"] for o in labels[1]["component"]["options"]] == [
        "events",
        "helping",
        "content",
        "moderation",
    ]


async def test_a_community_without_categories_has_a_form_without_them(world: World) -> None:
    for name in ("events", "helping", "content", "moderation"):
        await retire(world, name)

    form = await world.ada.context_menu(world.general, "Award points", world.mia)
    await world.ada.submit_modal(form, {"amount": "7", "reason": "showed newcomers around"})

    assert await current(world, world.mia) == 7


async def retire(world: World, name: str) -> None:
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"retire:{name}")
    await world.points.write(policy.retire_category, origin, name)


@pytest.mark.parametrize(
    "amount", ["1e3", "true", "１２", "1_000", "0", "-5", "+5", "1000000000001", "7.0", " 7"]
)
async def test_the_form_refuses_what_is_no_amount_privately(world: World, amount: str) -> None:
    form = await world.ada.context_menu(world.general, "Award points", world.mia)

    told = await world.ada.submit_modal(form, {"amount": amount, "reason": "odd"})

    assert answer(told).ephemeral
    assert "whole number" in texts(answer(told))
    assert await receipts(world) == EMPTY


async def test_the_menus_refuse_bots_before_anything_is_typed(world: World) -> None:
    given = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    on_message = await world.ada.context_menu(world.general, "Award author", answer(given))
    robot = world.guild.add_member(world.env.create_user("robot", bot=True))
    on_person = await world.ada.context_menu(world.general, "Award points", robot)

    for told in (on_message, on_person):
        assert told.modal is None
        assert answer(told).ephemeral
        assert "is a bot" in texts(answer(told))


@pytest.mark.parametrize("menu", ["Award points", "Award author"])
async def test_a_member_whom_an_admin_showed_the_menu_is_still_refused(world: World, menu: str) -> None:
    await show_to(world, menu, world.noah)
    target: Any = world.mia
    if menu == "Award author":
        target = await world.mia.send(world.general, "hello")

    told = await world.noah.context_menu(world.general, menu, target)

    assert told.modal is None
    assert answer(told).ephemeral
