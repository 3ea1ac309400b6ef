"""An admin sets points up in five minutes, and is told what the bot lacks and where."""

from typing import Any

import discord
import simcord
from simcord.backend.models import Overwrite
from simcord.enums import OverwriteType

from points_core import audit, policy
from points_core.policy import Policy
from tests.stories.answers import answer
from tests.stories.world import World


async def rules_of(world: World) -> Policy:
    return await world.points.read(policy.of, world.community)


async def setup_page(world: World) -> simcord.InteractionResult:
    result = await world.olivia.slash(world.general, "points-setup")
    assert result.ephemeral
    return result


def check(shown: Any) -> list[str]:
    """Return the lines of the self-check on a page."""
    return str(shown.embeds[0].fields[-1].value).split("\n")


async def silence(world: World, channel: simcord.ChannelHandle, *denied: str) -> None:
    """Take these permissions, and no others, away from the bot in one channel."""
    mine = discord.Permissions(**dict.fromkeys(denied, True))
    world.env.backend.set_overwrite(
        channel.id, Overwrite(world.env.backend.bot_user.id, OverwriteType.MEMBER, deny=mine.value)
    )
    await world.env.settle()


async def test_a_new_server_is_told_that_everything_is_right(world: World) -> None:
    page = await setup_page(world)

    embed = answer(page).embeds[0]
    assert "`/award` works already" in str(embed.description)
    assert embed.fields[-1].name == "Check: all is right"
    assert check(answer(page)) == ["✅ Approval requests: where they are asked for"]


async def test_channels_are_chosen_in_menus_and_each_choice_is_on_record(world: World) -> None:
    page = await setup_page(world)
    chosen = {"approvals": world.approvals, "announcements": world.general, "log": world.log}
    result = page

    for name, channel in chosen.items():
        result = await world.olivia.select(
            answer(page), [channel], custom_id=f"points:channel:{name}_channel"
        )
        assert f"→ <#{channel.id}>" in answer(result).content

    rules = await rules_of(world)
    assert (rules.approvals_channel, rules.announcements_channel, rules.log_channel) == tuple(
        str(channel.id) for channel in chosen.values()
    )
    entries = await world.points.read(audit.recent, world.community)
    assert [entry.target for entry in entries] == [
        "log_channel",
        "announcements_channel",
        "approvals_channel",
    ]
    assert f"✅ Log: <#{world.log.id}>" in check(answer(result))


async def test_an_emptied_menu_clears_the_channel(world: World) -> None:
    await world.configure(log_channel=world.log)
    page = await setup_page(world)

    await world.olivia.select(answer(page), [], custom_id="points:channel:log_channel")

    assert (await rules_of(world)).log_channel is None


async def test_a_channel_the_bot_cannot_use_is_refused_and_the_menu_shows_what_is_in_force(
    world: World,
) -> None:
    await silence(world, world.approvals, "add_reactions", "embed_links")
    page = await setup_page(world)

    result = await world.olivia.select(
        answer(page), [world.approvals], custom_id="points:channel:approvals_channel"
    )

    assert "I lack **Embed Links**, **Add Reactions**" in answer(result).content
    assert (await rules_of(world)).approvals_channel is None
    menu = answer(result).components[0]["components"][0]
    assert not menu.get("default_values")


async def test_the_check_finds_a_missing_permission_and_sees_that_it_was_put_right(world: World) -> None:
    await world.configure(approvals_channel=world.approvals, log_channel=world.log)
    await silence(world, world.approvals, "add_reactions")

    page = await setup_page(world)

    assert answer(page).embeds[0].fields[-1].name == "Check: 1 to put right"
    wrong, right = check(answer(page))
    assert wrong.startswith(
        f"❌ Approval requests, <#{world.approvals.id}>: I lack **Add Reactions**. **Fix**: Edit"
    )
    assert right == f"✅ Log: <#{world.log.id}>"

    await silence(world, world.approvals)
    again = await world.olivia.click(answer(page), label="Check again")
    assert answer(again).embeds[0].fields[-1].name == "Check: all is right"


async def test_the_check_looks_at_each_channel_for_what_is_done_there(world: World) -> None:
    await world.configure(
        announcements_channel=world.general, approvals_channel=world.approvals, log_channel=world.log
    )
    await world.olivia.slash(
        world.general, "schedule add", channel=world.leaderboard, window="week", every="monday", at="09:00"
    )
    for channel in (world.general, world.approvals, world.log, world.leaderboard):
        await silence(world, channel, "send_messages", "embed_links", "read_message_history", "add_reactions")

    found = {line.split(":")[0]: line for line in check((await setup_page(world)).response)}

    post, vote = (
        "**Send Messages**, **Embed Links**.",
        "**Embed Links**, **Read Message History**, **Add Reactions**.",
    )
    assert f"I lack {post}" in found[f"❌ Announcements, <#{world.general.id}>"]
    assert f"I lack **Send Messages**, {vote}" in found[f"❌ Approval requests, <#{world.approvals.id}>"]
    assert "I lack **Send Messages**." in found[f"❌ Log, <#{world.log.id}>"]
    assert f"I lack {post}" in found[f"❌ Scheduled leaderboards, <#{world.leaderboard.id}>"]


async def test_a_hidden_channel_is_found(world: World) -> None:
    await world.configure(log_channel=world.log)
    await silence(world, world.log, "view_channel")

    (wrong, _) = check((await setup_page(world)).response)

    assert "**View Channel**" in wrong


async def test_a_deleted_channel_and_a_deleted_role_are_found(world: World) -> None:
    helpers = world.guild.create_role("Helpers")
    await world.configure(log_channel=world.log, roles={"award": (str(helpers.id),)})
    await world.env.bot.get_channel(world.log.id).delete()  # type: ignore[union-attr]
    world.env.backend.delete_role(world.guild.id, helpers.id)
    await world.env.settle()

    lines = check((await setup_page(world)).response)

    assert any(f"Log, <#{world.log.id}>: the channel is gone" in line for line in lines)
    assert any(f"May award, <@&{helpers.id}>: the role {helpers.id} is gone" in line for line in lines)


async def test_approvers_who_cannot_see_the_requests_are_found(world: World) -> None:
    assert world.bot.user is not None
    hidden = world.guild.create_text_channel(
        "hidden",
        overwrites={
            world.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            world.bot.user: discord.PermissionOverwrite(view_channel=True),
            world.guild.roles["Admin"]: discord.PermissionOverwrite(view_channel=True),
        },
    )
    await world.env.settle()
    await world.configure(approvals_channel=hidden)

    lines = check((await setup_page(world)).response)

    assert [line for line in lines if line.startswith("❌")] == [
        f"❌ May approve, <@&{world.moderator.id}>: cannot see <#{hidden.id}>. **Fix**: Edit Channel → Permissions "
        f"→ <@&{world.moderator.id}> → allow **View Channel**."
    ]


async def test_without_a_channel_for_requests_the_whole_server_is_checked(world: World) -> None:
    everyone = world.guild.default_role
    for role in (everyone, world.guild.roles["TestBot"]):
        kept = discord.Permissions(world.env.backend.get_role(world.guild.id, role.id).permissions)
        kept.add_reactions = False
        world.env.backend.edit_role(world.guild.id, role.id, {"permissions": kept.value})
    await world.env.settle()

    (wrong,) = check((await setup_page(world)).response)

    assert "I lack **Add Reactions**. **Fix**: Server Settings → Roles" in wrong


async def test_the_menus_work_after_a_restart_and_not_for_whoever_lost_the_right(world: World) -> None:
    page = await setup_page(world)
    await world.restart()

    await world.olivia.select(answer(page), [world.log], custom_id="points:channel:log_channel")
    assert (await rules_of(world)).log_channel == str(world.log.id)

    await world.configure(roles={"configure": (str(world.moderator.id),)})
    before = await rules_of(world)
    refused = await world.olivia.select(answer(page), [], custom_id="points:channel:log_channel")
    assert "You cannot change the settings here" in str(answer(refused).content)
    refused = await world.olivia.click(answer(page), label="Check again")
    assert "You cannot change the settings here" in str(answer(refused).content)
    assert await rules_of(world) == before
