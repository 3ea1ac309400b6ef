from functools import partial
from typing import Any

import discord
import pytest
import simcord
from simcord.results import InteractionResult

from points_core import approvals, history
from points_core.values import Actor, ActorKind, Kind, Origin, Request, RequestState
from tests.stories.pressing import press
from tests.stories.world import Wire, World

BIG = 150  # more than the 100 points that move at once


async def asks(world: World, who: simcord.MemberActor | None = None, **changes: object) -> Request:
    """Ada asks for a large award to Mia; return the request."""
    options: dict[str, Any] = {"member": world.mia, "amount": BIG, "reason": "ran the harvest"} | changes
    command = options.pop("command", "award")
    answer = await (who or world.ada).slash(world.general, command, **options)
    assert answer.ephemeral
    return (await waiting(world))[-1]


async def waiting(world: World) -> tuple[Request, ...]:
    return await world.points.read(approvals.pending, world.community)


async def request(world: World, number: int = 1) -> Request:
    return await world.points.read(approvals.get, world.community, number)


async def points_of(world: World, member: simcord.MemberActor) -> int:
    return (await world.points.read(history.balance, world.community, str(member.id))).current


def card(world: World, channel: simcord.ChannelHandle | None = None) -> discord.Message:
    """The latest card in the approvals channel, or in `channel`."""
    channel = channel or world.approvals
    return [message for message in channel.history() if message.components or _is_over(message)][-1]


def _is_over(message: discord.Message) -> bool:
    return bool(message.embeds) and (message.embeds[0].title or "").startswith("Request #")


def fields(message: discord.Message) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in message.embeds[0].fields}


def labels(message: discord.Message) -> list[str]:
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return [str(item.label) for row in rows for item in row.children if isinstance(item, discord.Button)]


def title(message: discord.Message) -> str:
    return str(message.embeds[0].title)


def description(message: discord.Message | simcord.ResponseMessage | None) -> str:
    assert message is not None
    return str(message.embeds[0].description)


def last(channel: simcord.ChannelHandle) -> discord.Message:
    """The latest message in a channel."""
    message = channel.last_message
    assert message is not None
    return message


def words(answer: InteractionResult) -> str:
    """What was answered."""
    assert answer.response is not None
    return str(answer.response.content)


def pings(world: World, channel: simcord.ChannelHandle) -> list[set[str]]:
    """Who was rung by each of the bot's messages in a channel: mentioned in its text, and allowed to be rung."""
    return [
        {
            str(user)
            for user in (body.get("allowed_mentions") or {}).get("users", [])
            if f"<@{user}>" in body.get("content", "")
        }
        for body in world.sent(f"/channels/{channel.id}/messages")
    ]


async def time_passes(world: World, *, hours: float = 0.03) -> None:
    """Move the clock, by two minutes if nothing else is said, and let the bot do what is due then."""
    world.env.backend.clock.advance(hours * 3_600)
    await look(world)


async def look(world: World) -> None:
    """Let the bot look at the clock and do what is due."""
    await world.bot.ticker.tick(world.env.now())
    await world.bot.courier.idle()
    await world.env.settle()


async def next_round(world: World) -> None:
    """Let the bot look at every card, as it does once an hour."""
    cog: Any = world.bot.get_cog("Approvals")
    assert cog.rounds.is_running()
    assert cog.rounds.hours == 1
    await cog.rounds()
    await world.env.settle()


def told_privately(member: simcord.MemberActor) -> list[str]:
    """What the bot wrote to somebody alone."""
    return [message.content for message in member.user.dm_channel.history()]


@pytest.fixture
async def room(world: World) -> World:
    """The server with a channel for approvals."""
    await world.configure(approvals_channel=world.approvals)
    return world


# The card


async def test_a_large_award_waits_on_a_card_that_says_what_why_and_until_when(room: World) -> None:
    await room.configure(quorum=2)
    asked = await asks(room, category="events", evidence="https://example.org/harvest")

    shown = card(room)
    assert await points_of(room, room.mia) == 0
    assert "Request #1" in title(shown)
    assert "ran the harvest" in description(shown)
    said = fields(shown)
    assert said["For"] == f"<@{room.mia.id}>"
    assert "+150 points" in said["Points"]
    assert said["Asked by"] == f"<@{room.ada.id}>"
    assert said["Agree"] == "**0** of 2"
    assert said["Expires"] == f"<t:{int(asked.expires_at.timestamp())}:R>"
    assert "More than 100 points wait until 2 other moderators agree" in said["Why it waits"]
    assert said["Evidence"] == "https://example.org/harvest"
    assert labels(shown) == ["Approve", "Reject", "Cancel"]
    message = await discord_message(room, asked)
    assert [(str(reaction.emoji), reaction.me) for reaction in message.reactions] == [
        ("✅", True),
        ("❌", True),
    ]
    assert pings(room, room.approvals) == [set()]


async def discord_message(world: World, asked: Request) -> discord.Message:
    now = await request(world, asked.number)
    assert now.card is not None
    channel = world.bot.get_partial_messageable(int(now.card[0]))
    return await channel.fetch_message(int(now.card[1]))


async def test_without_a_channel_for_approvals_the_card_appears_where_it_was_asked(world: World) -> None:
    await asks(world)

    assert labels(card(world, world.general)) == ["Approve", "Reject", "Cancel"]


async def test_a_card_whose_channel_is_closed_to_the_bot_appears_where_it_was_asked(room: World) -> None:
    room.env.backend.delete_channel(room.approvals.id)
    await room.env.settle()

    await asks(room)

    assert labels(card(room, room.general)) == ["Approve", "Reject", "Cancel"]


async def test_peoples_text_on_a_card_is_only_text(room: World) -> None:
    await asks(room, reason="[free points](https://evil.example) @everyone **now**")

    said = description(card(room))
    assert "\\[free points\\]" in said
    assert "@everyone" not in said
    assert "\\*\\*now\\*\\*" in said


async def test_a_card_whose_answer_was_lost_is_there_once(room: World, wire: Wire) -> None:
    wire.cut("POST", f"/channels/{room.approvals.id}/messages", answer_only=True)

    asked = await asks(room)
    await time_passes(room)

    assert len(list(room.approvals.history())) == 1
    assert (await request(room, asked.number)).card is not None


async def test_a_card_that_could_not_be_sent_is_sent_again(room: World) -> None:
    room.env.inject_error("POST", f"/channels/{room.approvals.id}/messages", status=503, code=0, times=1)
    await asks(room)
    assert list(room.approvals.history()) == []

    await time_passes(room)

    assert len(list(room.approvals.history())) == 1
    nonces = [body["nonce"] for body in room.sent(f"/channels/{room.approvals.id}/messages")]
    assert len(nonces) == 2
    assert len(set(nonces)) == 1


# Votes


async def test_another_moderators_approval_moves_the_points_and_tells_those_concerned(room: World) -> None:
    await asks(room)

    pressed = await room.grace.click(card(room), label="Approve")

    assert await points_of(room, room.mia) == BIG
    assert pressed.response is not None
    over = card(room)
    assert "approved" in title(over)
    assert labels(over) == []
    assert fields(over)["Outcome"] == "Approved: transaction **#1**."
    told = last(room.general)
    assert "+150 points" in told.content
    assert f"<@{room.grace.id}>" in told.content
    assert "0 → **150**" in fields(told)["Balance"]
    assert labels(told) == ["Undo"]
    assert pings(room, room.general) == [{str(room.ada.id), str(room.mia.id)}]


async def test_a_reaction_is_a_vote(room: World) -> None:
    await asks(room)

    await room.grace.react(card(room), "✅")

    assert await points_of(room, room.mia) == BIG
    assert "approved" in title(card(room))
    assert "+150 points" in last(room.general).content


async def test_a_button_and_a_reaction_count_together_to_the_quorum(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)

    await room.grace.click(card(room), label="Approve")
    assert fields(card(room))["Agree"] == "**1** of 2"
    assert await points_of(room, room.mia) == 0
    await room.linus.react(card(room), "✅")

    assert await points_of(room, room.mia) == BIG
    assert (await request(room)).approvals == 2


async def test_a_reaction_updates_the_count_on_the_card(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)

    await room.grace.react(card(room), "✅")

    assert fields(card(room))["Agree"] == "**1** of 2"
    assert f"✅ <@{room.grace.id}>" in fields(card(room))["Votes"]


async def test_a_vote_whose_card_could_not_be_edited_stands_and_the_next_round_shows_it(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)
    path = f"/channels/{room.approvals.id}/messages/{card(room).id}"
    room.env.inject_error("PATCH", path, status=503, code=0, times=1)

    await room.grace.react(card(room), "✅")
    assert fields(card(room))["Agree"] == "**0** of 2"
    await next_round(room)

    assert (await request(room)).approvals == 1
    assert fields(card(room))["Agree"] == "**1** of 2"


async def test_one_moderator_is_one_vote_through_both_doors(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)

    await room.grace.click(card(room), label="Approve")
    await room.grace.react(card(room), "✅")
    again = await room.grace.click(card(room), label="Approve")

    assert again.ephemeral
    assert (await request(room)).approvals == 1
    assert await points_of(room, room.mia) == 0
    assert told_privately(room.grace) == []


async def test_a_change_of_mind_is_answered_in_private_and_changes_nothing(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)

    await room.grace.react(card(room), "✅")
    await room.grace.react(card(room), "❌")

    assert (await request(room)).state is RequestState.PENDING
    assert "already voted for request #1" in told_privately(room.grace)[-1]


async def test_a_no_with_its_reason_ends_the_request(room: World) -> None:
    await asks(room)

    form = await room.grace.click(card(room), label="Reject")
    await room.grace.submit_modal(form, {"note": "The harvest was last year"})

    assert await points_of(room, room.mia) == 0
    assert (await request(room)).state is RequestState.REJECTED
    assert fields(card(room))["Outcome"] == f"Rejected by <@{room.grace.id}>: The harvest was last year"
    told = last(room.general)
    assert "rejected" in told.content
    assert "The harvest was last year" in fields(told)["Outcome"]
    assert pings(room, room.general) == [{str(room.ada.id), str(room.mia.id)}]


async def test_a_no_needs_no_reason_and_a_reaction_can_say_it(room: World) -> None:
    await asks(room)
    form = await room.grace.click(card(room), label="Reject")
    await room.grace.submit_modal(form, {"note": ""})
    await asks(room, reason="ran the planting")
    await room.grace.react(card(room), "❌")

    assert {(await request(room, number)).state for number in (1, 2)} == {RequestState.REJECTED}
    assert await points_of(room, room.mia) == 0


@pytest.mark.parametrize("door", ["button", "reaction"])
async def test_neither_who_asked_nor_who_receives_can_vote(room: World, door: str) -> None:
    await asks(room, member=room.grace)

    for person in (room.ada, room.grace):
        if door == "button":
            answer = await person.click(card(room), label="Approve")
            assert answer.ephemeral
            assert "another moderator has to decide" in words(answer)
        else:
            await person.react(card(room), "✅")
            assert "another moderator has to decide" in told_privately(person)[-1]

    assert (await request(room)).votes == ()
    assert await points_of(room, room.grace) == 0


async def test_a_member_without_the_right_cannot_vote_and_their_reaction_stays(room: World) -> None:
    asked = await asks(room)

    pressed = await room.noah.click(card(room), label="Approve")
    await room.noah.react(card(room), "✅")
    await room.noah.unreact(card(room), "✅")
    await room.noah.react(card(room), "✅")

    assert pressed.ephemeral
    assert (await request(room)).votes == ()
    assert len(told_privately(room.noah)) == 1
    message = await discord_message(room, asked)
    assert [reaction.count for reaction in message.reactions] == [2, 1]


async def test_a_member_who_takes_no_messages_is_not_told_and_nothing_breaks(room: World) -> None:
    await asks(room)
    room.env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=1)

    await room.noah.react(card(room), "✅")

    assert (await request(room)).votes == ()


async def test_roles_chosen_for_approving_replace_the_permission(room: World) -> None:
    treasurer = room.guild.create_role("Treasurer")
    room.env.backend.add_member_role(room.guild.id, room.noah.id, treasurer.id)
    await room.configure(roles={"approve": (str(treasurer.id),)})
    await asks(room)

    refused = await room.grace.click(card(room), label="Approve")
    await room.noah.react(card(room), "✅")

    assert refused.ephemeral
    assert await points_of(room, room.mia) == BIG


async def test_reactions_elsewhere_and_other_emoji_mean_nothing(room: World) -> None:
    await asks(room)
    chat = await room.mia.send(room.general, "hello")

    await room.grace.react(chat, "✅")
    await room.grace.react(card(room), "🎉")

    assert (await request(room)).votes == ()


async def test_two_approvers_at_once_move_the_points_once(room: World) -> None:
    await asks(room)
    shown = card(room)

    presses = [
        press(room, room.approvals, actor, shown, "points:approve:1") for actor in (room.grace, room.linus)
    ]
    await room.env.settle()

    assert await points_of(room, room.mia) == BIG
    assert len((await room.points.read(history.page, room.community)).receipts) == 1
    assert sorted(bool(answer.ephemeral) for answer in presses) == [False, True]
    assert len([m for m in room.general.history() if "+150 points" in m.content]) == 1


async def test_two_reactions_at_once_move_the_points_once(room: World) -> None:
    await asks(room)
    shown = card(room)
    for actor in (room.grace, room.linus):
        room.env.backend.set_reaction(room.approvals.id, shown.id, "✅", actor.id, True)
    await room.env.settle()

    assert await points_of(room, room.mia) == BIG
    assert len([m for m in room.general.history() if "+150 points" in m.content]) == 1


async def test_forty_deliveries_of_one_press_are_one_vote(room: World) -> None:
    await asks(room)
    press(room, room.approvals, room.grace, card(room), "points:approve:1")
    event = [p for _, name, p in room.env.backend.transcript if name == "INTERACTION_CREATE"][-1]
    for _ in range(39):
        room.env.backend.emit("INTERACTION_CREATE", event)
    await room.env.settle()

    assert await points_of(room, room.mia) == BIG
    assert len((await request(room)).votes) == 1
    room.expected.append("40060")


async def test_a_yes_that_the_balance_does_not_allow_is_no_vote(room: World) -> None:
    await room.ada.slash(room.general, "award", member=room.mia, amount=20, reason="watering")
    await room.configure(approval_threshold=10)
    await asks(room, command="deduct", amount=20, reason="first")
    await asks(room, command="deduct", amount=15, reason="second")
    first, second = list(room.approvals.history())[-2:]
    await room.grace.click(first, label="Approve")

    refused = await room.grace.click(second, label="Approve")
    await room.linus.react(second, "✅")

    assert refused.ephemeral
    assert "the balance is 0 points" in words(refused)
    assert "request #2 did not count" in told_privately(room.linus)[-1]
    assert (await request(room, 2)).state is RequestState.PENDING
    assert (await request(room, 2)).votes == ()


# How a request ends otherwise


async def test_who_asked_can_cancel_and_others_without_the_right_cannot(room: World) -> None:
    await asks(room)

    refused = await room.noah.click(card(room), label="Cancel")
    await room.ada.click(card(room), label="Cancel")

    assert refused.ephemeral
    assert (await request(room)).state is RequestState.CANCELLED
    assert labels(card(room)) == []
    assert "cancelled" in last(room.general).content


async def test_a_request_that_nobody_decided_expires_and_says_so(room: World) -> None:
    await asks(room)

    await time_passes(room, hours=72)

    assert (await request(room)).state is RequestState.EXPIRED
    assert "expired" in title(card(room))
    assert labels(card(room)) == []
    assert "expired" in last(room.general).content
    assert pings(room, room.general) == [{str(room.ada.id), str(room.mia.id)}]


async def test_a_vote_after_the_time_is_over_comes_too_late_even_before_anybody_noticed(room: World) -> None:
    await asks(room)
    room.env.backend.clock.advance(72 * 3_600)

    late = await room.grace.click(card(room), label="Approve")
    await room.linus.react(card(room), "✅")

    assert late.response is not None
    assert late.ephemeral
    assert "already expired" in words(late)
    assert "already expired" in told_privately(room.linus)[-1]
    assert (await request(room)).votes == ()
    assert await points_of(room, room.mia) == 0


async def test_an_approved_award_is_announced_where_the_policy_says_and_told_where_it_was_asked(
    room: World,
) -> None:
    await room.configure(announcements_channel=room.leaderboard)
    await asks(room)

    await room.grace.click(card(room), label="Approve")

    assert "+150 points" in last(room.leaderboard).content
    assert "+150 points" in last(room.general).content
    assert pings(room, room.leaderboard) == [set()]
    assert pings(room, room.general) == [{str(room.ada.id), str(room.mia.id)}]


async def hidden_channel(world: World, name: str) -> simcord.ChannelHandle:
    """Make a channel that moderators can look into, and members cannot."""
    unseen, seen = (discord.PermissionOverwrite(view_channel=may) for may in (False, True))
    assert world.bot.user is not None
    overwrites: dict[Any, discord.PermissionOverwrite] = {
        world.guild.default_role: unseen,
        world.moderator: seen,
        world.bot.user: seen,
    }
    channel = world.guild.create_text_channel(name, overwrites=overwrites)
    await world.env.settle()
    return channel


@pytest.fixture
async def back_room(room: World) -> simcord.ChannelHandle:
    """Where moderators are among themselves."""
    return await hidden_channel(room, "back-room")


async def asks_in(world: World, channel: simcord.ChannelHandle) -> None:
    answer = await world.ada.slash(channel, "award", member=world.mia, amount=BIG, reason="ran the harvest")
    assert answer.ephemeral


async def test_a_member_who_cannot_see_where_it_was_asked_is_rung_where_it_is_announced(
    room: World, back_room: simcord.ChannelHandle
) -> None:
    await room.configure(announcements_channel=room.leaderboard)
    await asks_in(room, back_room)

    await room.grace.click(card(room), label="Approve")

    assert pings(room, room.leaderboard) == [{str(room.mia.id)}]
    assert str(room.ada.id) in pings(room, back_room)[-1]
    assert told_privately(room.mia) == []


@pytest.mark.parametrize("announced", [False, True])
async def test_a_member_who_can_see_neither_place_is_told_alone(
    room: World, back_room: simcord.ChannelHandle, announced: bool
) -> None:
    if announced:
        await room.configure(announcements_channel=await hidden_channel(room, "staff-news"))
    await asks_in(room, back_room)

    await room.grace.click(card(room), label="Approve")

    (told,) = room.mia.user.dm_channel.history()
    assert told.content.startswith("In Open Garden: ")
    assert "+150 points" in told.content
    assert labels(told) == []


async def test_a_member_is_told_alone_of_a_no_that_was_said_where_they_cannot_see_it(
    room: World, back_room: simcord.ChannelHandle
) -> None:
    await room.configure(announcements_channel=room.leaderboard)
    await asks_in(room, back_room)

    await room.grace.react(card(room), "❌")

    (told,) = told_privately(room.mia)
    assert "is rejected" in told


async def test_a_member_who_takes_no_messages_is_not_told_alone_and_the_rest_is_told(
    room: World, back_room: simcord.ChannelHandle
) -> None:
    await asks_in(room, back_room)
    room.env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=2)

    await room.grace.click(card(room), label="Approve")

    assert "+150 points" in last(back_room).content
    assert len(room.sent("/users/@me/channels")) == 2


async def test_who_has_left_meanwhile_is_not_written_to(
    room: World, back_room: simcord.ChannelHandle
) -> None:
    await asks_in(room, back_room)
    room.guild.remove_member(room.mia)
    await room.env.settle()

    await room.grace.click(card(room), label="Approve")

    assert "+150 points" in last(back_room).content
    assert room.sent("/users/@me/channels") == []


async def test_news_whose_answer_was_lost_are_told_once(room: World, wire: Wire) -> None:
    await asks(room)
    wire.cut("POST", f"/channels/{room.general.id}/messages", answer_only=True)

    await room.grace.click(card(room), label="Approve")
    await time_passes(room)

    assert len([m for m in room.general.history() if "+150 points" in m.content]) == 1


async def test_if_it_can_no_longer_be_told_where_it_was_asked_it_is_told_beside_the_card(room: World) -> None:
    await asks(room)
    room.env.backend.delete_channel(room.general.id)
    await room.env.settle()

    await room.grace.click(card(room), label="Approve")

    assert "+150 points" in last(room.approvals).content


async def test_an_approval_whose_answer_was_lost_stands_and_nothing_more_is_said(
    room: World, wire: Wire
) -> None:
    await asks(room)
    wire.cut("POST", "/interactions/*/*/callback", answer_only=True)

    pressed = await room.grace.click(card(room), label="Approve")

    assert await points_of(room, room.mia) == BIG
    assert "approved" in title(card(room))
    assert pressed.followups == []
    assert not pressed.ephemeral


async def test_an_answer_that_did_not_reach_discord_is_given_again(room: World, wire: Wire) -> None:
    await room.configure(quorum=2)
    await asks(room)
    wire.cut("POST", "/interactions/*/*/callback", answer_only=False)

    pressed = await room.grace.click(card(room), label="Approve")

    assert pressed.acknowledged
    assert not pressed.ephemeral
    assert fields(card(room))["Agree"] == "**1** of 2"


# Restarts, deleted cards, and what happened meanwhile


async def test_buttons_and_reactions_work_after_a_restart(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)

    await room.restart()
    await room.grace.click(card(room), label="Approve")
    await room.restart()
    await room.linus.react(card(room), "✅")

    assert await points_of(room, room.mia) == BIG


async def test_reactions_given_while_the_bot_was_away_are_counted_at_the_start(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)
    shown = card(room)

    async def meanwhile() -> None:
        for person in (room.ada, room.noah, room.grace, room.linus):  # who asked, a member, two moderators
            room.env.backend.set_reaction(room.approvals.id, shown.id, "✅", person.id, True)

    await room.restart(meanwhile=meanwhile)
    await room.env.settle()

    assert await points_of(room, room.mia) == BIG
    assert {vote.user_id for vote in (await request(room)).votes} == {str(room.grace.id), str(room.linus.id)}
    assert "approved" in title(card(room))
    assert told_privately(room.noah) == []


async def test_a_no_given_while_the_bot_was_away_is_heard_before_a_yes(room: World) -> None:
    await asks(room)
    shown = card(room)

    async def meanwhile() -> None:
        room.env.backend.set_reaction(room.approvals.id, shown.id, "✅", room.grace.id, True)
        room.env.backend.set_reaction(room.approvals.id, shown.id, "❌", room.linus.id, True)

    await room.restart(meanwhile=meanwhile)
    await room.env.settle()

    assert (await request(room)).state is RequestState.REJECTED


async def test_a_moderator_who_left_meanwhile_does_not_count(room: World) -> None:
    await asks(room)
    shown = card(room)

    async def meanwhile() -> None:
        room.env.backend.set_reaction(room.approvals.id, shown.id, "✅", room.grace.id, True)
        room.guild.remove_member(room.grace)

    await room.restart(meanwhile=meanwhile)
    await room.env.settle()

    assert (await request(room)).votes == ()


async def test_what_was_counted_once_is_not_counted_at_the_next_start(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)
    await room.grace.react(card(room), "✅")

    await room.restart()
    await room.env.settle()

    assert (await request(room)).approvals == 1


async def test_reactions_lost_with_the_connection_are_counted_when_it_is_back(room: World) -> None:
    await asks(room)
    shown = card(room)
    await room.bot.ws.close()
    room.env.backend.set_reaction(room.approvals.id, shown.id, "✅", room.grace.id, True)
    assert await points_of(room, room.mia) == 0

    room.bot.ws.open = True  # type: ignore[misc]
    room.env._gateway_feed("RESUMED", {})
    await room.env.settle()

    assert await points_of(room, room.mia) == BIG


async def test_a_card_deleted_while_the_bot_was_away_is_posted_again_and_works(room: World) -> None:
    asked = await asks(room)
    old = card(room)

    async def meanwhile() -> None:
        room.env.backend.delete_message(room.approvals.id, old.id)

    await room.restart(meanwhile=meanwhile)
    await room.env.settle()

    assert card(room).id != old.id
    assert (await request(room, asked.number)).card == (str(room.approvals.id), str(card(room).id))
    await room.grace.react(card(room), "✅")
    assert await points_of(room, room.mia) == BIG


async def test_a_card_deleted_under_the_bots_eyes_is_posted_again_by_pending(room: World) -> None:
    await asks(room)
    old = card(room)
    room.env.backend.delete_message(room.approvals.id, old.id)
    await room.env.settle()

    listed = await room.grace.slash(room.approvals, "pending")

    new = card(room)
    assert new.id != old.id
    assert f"/{room.approvals.id}/{new.id})" in description(listed.response)


async def test_a_deleted_card_comes_back_with_the_hourly_round(room: World) -> None:
    await asks(room)
    old = card(room)
    room.env.backend.delete_message(room.approvals.id, old.id)

    await next_round(room)

    assert card(room).id != old.id


async def test_a_vote_on_a_card_deleted_a_moment_later_counts_and_the_card_comes_back(room: World) -> None:
    await room.configure(quorum=2)
    await asks(room)
    old = card(room)

    room.env.backend.set_reaction(room.approvals.id, old.id, "✅", room.grace.id, True)
    room.env.backend.delete_message(room.approvals.id, old.id)
    await room.env.settle()

    assert card(room).id != old.id
    assert fields(card(room))["Agree"] == "**1** of 2"


async def test_a_programs_request_gets_its_card_once_there_is_a_channel_for_it(world: World) -> None:
    origin = Origin(world.community, Actor(ActorKind.CLIENT), world.env.now(), "program:1")
    ask = partial(
        approvals.request, kind=Kind.AWARD, user_id=str(world.mia.id), amount=BIG, reason="a contest"
    )
    await world.points.write(ask, origin)
    await look(world)
    assert (await request(world)).card is None

    await world.configure(approvals_channel=world.approvals)
    await next_round(world)
    await world.grace.react(card(world), "✅")

    assert await points_of(world, world.mia) == BIG
    assert "+150 points" in last(world.approvals).content


async def test_the_decision_on_a_deleted_card_is_told_all_the_same(room: World) -> None:
    await asks(room)
    old = card(room)
    room.env.backend.delete_message(room.approvals.id, old.id)

    await time_passes(room, hours=72)

    assert list(room.approvals.history()) == []
    assert "expired" in last(room.general).content


async def test_a_request_opened_just_before_the_bot_stopped_gets_its_card_at_the_start(room: World) -> None:
    room.env.inject_error("POST", f"/channels/{room.approvals.id}/messages", status=503, code=0, times=1)
    await asks(room)

    await room.restart(away=120)
    await room.env.settle()

    assert len(list(room.approvals.history())) == 1


# The list


async def test_pending_lists_what_waits_with_the_way_to_each_card(room: World) -> None:
    await asks(room)
    await asks(room, member=room.zoe, reason="drew the map")

    listed = await room.linus.slash(room.general, "pending")

    assert listed.ephemeral
    said = description(listed.response)
    for number, reason in ((1, "ran the harvest"), (2, "drew the map")):
        place = (await request(room, number)).card
        assert place is not None
        assert f"[#{number}](https://discord.com/channels/{room.guild.id}/{place[0]}/{place[1]})" in said
        assert reason in said


async def test_pending_goes_on_past_ten(room: World) -> None:
    for number in range(12):
        await asks(room, reason=f"reason {number}")

    first = await room.linus.slash(room.general, "pending")
    rest = await room.linus.slash(room.general, "pending", after=10)

    assert first.response is not None
    assert rest.response is not None
    assert first.response.embeds[0].footer.text == "More wait: /pending after:10"
    assert "[#12]" not in description(first.response)
    assert "[#12]" in description(rest.response)
    assert rest.response.embeds[0].footer.text is None


async def test_pending_says_when_nothing_waits_and_is_not_for_everybody(room: World) -> None:
    nothing = await room.ada.slash(room.general, "pending")
    (command,) = [c for c in await room.bot.tree.fetch_commands() if c.name == "pending"]
    room.guild.set_command_permissions(command, {room.noah: True})
    refused = await room.noah.slash(room.general, "pending")

    assert words(nothing) == "Nothing waits for approval."
    assert refused.ephemeral
    assert "cannot" in words(refused)
