"""Moderators award and deduct points, are asked when it looks like a repetition, and are refused what may not be."""

import pytest
import simcord
from simcord import OptionError

from points_core import approvals
from tests.stories.answers import answer
from tests.stories.books import EMPTY, current, receipts, show_to
from tests.stories.reading import pinged, texts
from tests.stories.world import Wire, World


async def test_an_award_is_announced_with_its_number_balance_reason_and_an_undo_button(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    told = await world.ada.slash(
        world.general,
        "award",
        member=world.mia,
        amount=10,
        reason="reviewed a *patch*",
        category="events",
        evidence="https://example.org/patch",
    )

    assert not answer(told).ephemeral
    said = texts(answer(told))
    assert f"<@{world.mia.id}> received **+10 points** from Ada" in said
    assert "#2" in said
    assert "5 → **15**" in said
    assert r"reviewed a \*patch\*" in said
    assert "Category: events" in said
    assert "https://example.org/patch" in said
    assert [button["label"] for row in answer(told).components for button in row["components"]] == ["Undo"]
    assert [r.amount for r in await receipts(world)] == [10, 5]
    assert (await receipts(world))[0].reason == "reviewed a *patch*"


async def test_a_movement_pings_the_member_and_nobody_else(world: World) -> None:
    told = await world.ada.slash(
        world.general,
        "award",
        member=world.mia,
        amount=5,
        reason=f"@everyone and <@{world.noah.id}> and <@&{world.moderator.id}>",
    )

    assert pinged(answer(told)) == [world.mia.id]
    assert not answer(told).message.mention_everyone
    assert answer(told).message.role_mentions == []
    [body] = world.sent("/interactions/*/*/callback")
    assert body["data"]["allowed_mentions"] == {"parse": [], "users": [world.mia.id]}


async def test_a_deduction_is_announced_with_its_balance_and_by_whom(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=10, reason="planted trees")

    told = await world.ada.slash(world.general, "deduct", member=world.mia, amount=4, reason="advertised")

    assert "had **4 points** deducted by Ada" in texts(answer(told))
    assert "10 → **6**" in texts(answer(told))
    assert pinged(answer(told)) == [world.mia.id]
    assert await current(world, world.mia) == 6


async def test_more_than_there_is_cannot_be_deducted_and_only_the_asker_is_told(world: World) -> None:
    told = await world.ada.slash(world.general, "deduct", member=world.mia, amount=4, reason="advertised")

    assert answer(told).ephemeral
    assert "the balance is 0 points" in texts(answer(told))
    assert await receipts(world) == EMPTY


async def test_nobody_awards_themselves(world: World) -> None:
    told = await world.ada.slash(world.general, "award", member=world.ada, amount=4, reason="I am great")

    assert answer(told).ephemeral
    assert "cannot award points to yourself" in texts(answer(told))
    assert await receipts(world) == EMPTY


@pytest.mark.parametrize("command", ["award", "deduct"])
async def test_bots_keep_no_points(world: World, command: str) -> None:
    robot = world.guild.add_member(world.env.create_user("robot", bot=True))

    told = await world.ada.slash(world.general, command, member=robot, amount=4, reason="beeping")

    assert answer(told).ephemeral
    assert "is a bot" in texts(answer(told))
    assert await receipts(world) == EMPTY


async def test_somebody_who_left_can_still_receive_points_by_their_id(world: World) -> None:
    world.guild.remove_member(world.noah)

    told = await world.ada.slash(
        world.general, "award", member=world.noah.user, amount=4, reason="left us a handbook"
    )

    assert f"<@{world.noah.id}> received **+4 points**" in texts(answer(told))
    assert await current(world, world.noah) == 4


@pytest.mark.parametrize("amount", [0, -5, 10**12 + 1, 2**63, "1e3", True, "１２", 1.5])
async def test_discords_form_refuses_what_is_no_amount(world: World, amount: object) -> None:
    with pytest.raises(OptionError):
        await world.ada.slash(world.general, "award", member=world.mia, amount=amount, reason="odd")

    assert await receipts(world) == EMPTY


async def test_discords_form_refuses_a_reason_of_more_than_300_characters(world: World) -> None:
    with pytest.raises(OptionError):
        await world.ada.slash(world.general, "award", member=world.mia, amount=1, reason="x" * 301)


async def test_more_than_the_maximum_is_refused_with_the_limits(world: World) -> None:
    told = await world.ada.slash(world.general, "award", member=world.mia, amount=1_001, reason="too much")

    assert answer(told).ephemeral
    assert "from 1 to 1,000" in texts(answer(told))
    assert await receipts(world) == EMPTY


async def test_an_unknown_category_is_refused_with_those_there_are(world: World) -> None:
    told = await world.ada.slash(
        world.general, "award", member=world.mia, amount=1, reason="odd", category="juggling"
    )

    assert answer(told).ephemeral
    assert "There are: events, helping" in texts(answer(told))
    assert await receipts(world) == EMPTY


async def test_evidence_must_be_a_link(world: World) -> None:
    told = await world.ada.slash(
        world.general, "award", member=world.mia, amount=1, reason="odd", evidence="javascript:alert(1)"
    )

    assert answer(told).ephemeral
    assert await receipts(world) == EMPTY


@pytest.mark.parametrize("command", ["award", "deduct"])
async def test_a_member_whom_an_admin_showed_the_command_is_still_refused(world: World, command: str) -> None:
    await show_to(world, command, world.noah)

    told = await world.noah.slash(world.general, command, member=world.mia, amount=1, reason="a friend")

    assert answer(told).ephemeral
    assert f"You cannot {command} points here" in texts(answer(told))
    assert await receipts(world) == EMPTY


async def test_members_are_not_offered_what_moderators_do(world: World) -> None:
    offered = set(world.noah.available_commands(world.general))

    assert offered.isdisjoint({"award", "deduct", "undo", "Award points", "Award author"})
    assert offered >= {"balance", "history", "leaderboard"}
    assert set(world.ada.available_commands(world.general)) >= {"award", "deduct", "undo", "balance"}


async def test_open_categories_are_offered_as_one_types(world: World) -> None:
    offered = await world.ada.autocomplete(world.general, "award", "category", "ING")

    assert [choice["value"] for choice in offered] == ["helping"]


async def test_amounts_are_offered_and_those_that_wait_say_so(world: World) -> None:
    offered = await world.ada.autocomplete(world.general, "award", "amount", "15")

    assert [(choice["name"], choice["value"]) for choice in offered] == [("15 points", 15)]
    offered = await world.ada.autocomplete(world.general, "award", "amount", "200")
    assert offered[0]["name"] == "200 points · waits for approval"
    assert await world.ada.autocomplete(world.general, "award", "amount", "5000") == []


# ── the same again ──


async def award_twice(world: World, amount: int = 5) -> simcord.InteractionResult:
    """Have Ada award the same twice; return how the bot answered the second time."""
    wish = {"member": world.mia, "amount": amount, "reason": "planted trees"}
    await world.ada.slash(world.general, "award", **wish)
    return await world.ada.slash(world.general, "award", **wish)


async def test_retyping_an_award_within_a_minute_is_asked_about_and_not_paid(world: World) -> None:
    asked = await award_twice(world)

    assert answer(asked).ephemeral
    assert "#1" in texts(answer(asked))
    assert await current(world, world.mia) == 5


async def test_do_it_again_pays_a_second_time_and_announces_it(world: World) -> None:
    asked = await award_twice(world)

    told = await world.ada.click(answer(asked), label="Do it again")

    assert not answer(told).ephemeral
    assert "#2" in texts(answer(told))
    assert pinged(answer(told)) == [world.mia.id]
    first, second = await receipts(world)
    assert (first.amount, first.reason, first.actor) == (second.amount, second.reason, second.actor)


async def test_however_often_it_is_pressed_one_question_pays_once(world: World) -> None:
    asked = await award_twice(world)
    await world.ada.click(answer(asked), label="Do it again")

    told = await world.ada.click(answer(asked), label="Do it again")

    assert answer(told).ephemeral
    assert "done already: #2" in texts(answer(told))
    assert await current(world, world.mia) == 10


async def test_do_it_again_works_after_a_restart(world: World) -> None:
    asked = await award_twice(world)
    await world.restart()

    await world.ada.click(answer(asked), label="Do it again")

    assert await current(world, world.mia) == 10


async def test_another_proof_is_another_award(world: World) -> None:
    for page in ("1", "2"):
        await world.ada.slash(
            world.general,
            "award",
            member=world.mia,
            amount=5,
            reason="answered a question",
            evidence=f"https://example.org/{page}",
        )

    assert [r.evidence for r in await receipts(world)] == ["https://example.org/2", "https://example.org/1"]


async def test_a_request_asked_for_twice_is_asked_about_and_can_be_made_again(world: World) -> None:
    asked = await award_twice(world, amount=500)
    assert "request #1, which waits" in texts(answer(asked))

    await world.ada.click(answer(asked), label="Do it again")

    waiting = await world.points.read(approvals.pending, world.community)
    assert [request.amount for request in waiting] == [500, 500]


async def test_one_event_delivered_forty_times_moves_points_once(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")
    event = [found for _, name, found in world.env.backend.transcript if name == "INTERACTION_CREATE"][-1]

    for _ in range(40):
        world.env.backend.emit("INTERACTION_CREATE", event)
    await world.env.settle()

    assert await current(world, world.mia) == 5
    assert len(world.general.history(viewer=world.noah)) == 1
    world.expected += ["40060"]


# ── a request ──


async def test_an_award_above_the_threshold_waits_and_only_the_asker_is_told(world: World) -> None:
    await world.configure(approvals_channel=world.approvals, quorum=2)

    told = await world.ada.slash(
        world.general, "award", member=world.mia, amount=500, reason="ran the festival"
    )

    assert answer(told).ephemeral
    said = texts(answer(told))
    assert f"**+500 points** for <@{world.mia.id}> wait for 2 other moderators: **request #1**" in said
    assert await receipts(world) == EMPTY


async def test_the_answer_to_a_request_links_to_its_card(world: World) -> None:
    await world.configure(approvals_channel=world.approvals)

    told = await world.ada.slash(
        world.general, "award", member=world.mia, amount=500, reason="ran the festival"
    )

    request = await world.points.read(approvals.get, world.community, 1)
    assert request.card is not None
    assert f"https://discord.com/channels/{world.guild.id}/{request.card[0]}/{request.card[1]}" in texts(
        answer(told)
    )


# ── trouble on the way ──


@pytest.mark.parametrize("answer_only", [True, False])
async def test_a_broken_connection_neither_loses_nor_doubles_the_announcement(
    world: World, wire: Wire, answer_only: bool
) -> None:
    wire.cut("POST", "/interactions/*/*/callback", answer_only=answer_only)

    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="planted trees")

    assert len(world.general.history(viewer=world.noah)) == 1
    assert await current(world, world.mia) == 5
