"""Admins see and change how points work, and every change is on record."""

import re
from collections.abc import Sequence
from typing import Any

import discord
import pytest
import simcord

import bot.demo.member_counts  # noqa: F401 - the simulation answers that question too
from points_core import audit, policy
from points_core.audit import AuditEntry
from points_core.policy import Policy
from tests.stories.answers import answer, private
from tests.stories.world import World

SETTINGS = "points-settings"
OURS = (SETTINGS, "points-setup")


async def rules_of(world: World) -> Policy:
    return await world.points.read(policy.of, world.community)


async def record_of(world: World) -> Sequence[AuditEntry]:
    return await world.points.read(audit.recent, world.community)


async def asked(world: World, subcommand: str, **options: object) -> str:
    """Return what the admin is told, privately, for a subcommand of /points-settings."""
    result = await world.olivia.slash(world.general, f"{SETTINGS} {subcommand}", **options)
    return private(result)


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("limits", {"minimum": 5}, {"min_award": 5}, "Smallest amount**: 1 point → 5 points"),
    ("limits", {"maximum": 50}, {"max_award": 50}, "Largest amount**: 1,000 points → 50 points"),
    ("limits", {"daily-limit": 200}, {"daily_limit": 200}, "Daily limit of a giver**: none → 200 points"),
    (
        "limits",
        {"negative-balances": True},
        {"allow_negative": True},
        "Balances below 0**: not allowed → allowed",
    ),
    (
        "approval",
        {"threshold": 10},
        {"approval_threshold": 10},
        "more than 100 points wait → more than 10 points wait",
    ),
    ("approval", {"threshold": 0}, {"approval_threshold": 0}, "more than 100 points wait → everything waits"),
    (
        "approval",
        {"threshold": -1},
        {"approval_threshold": None},
        "more than 100 points wait → nothing waits",
    ),
    ("approval", {"quorum": 2}, {"quorum": 2}, "Quorum**: 1 person → 2 people"),
    ("approval", {"expires-after": 24}, {"request_hours": 24}, "expires after**: 72 hours → 24 hours"),
    ("privacy", {"erasure-days": 0}, {"erasure_days": 0}, "carried out after**: 7 days → no wait"),
    (
        "privacy",
        {"leave": "hide"},
        {"leave_policy": "hide"},
        "Who left is**: kept as they are → hidden from boards",
    ),
    ("privacy", {"leave-days": 1}, {"leave_days": 1}, "gone after**: 30 days → 1 day"),
    ("time", {"zone": "Europe/Berlin"}, {"timezone": "Europe/Berlin"}, "Time zone**: UTC → Europe/Berlin"),
]


@pytest.mark.parametrize("subcommand, options, after, told", CHANGES, ids=[str(c[1]) for c in CHANGES])
async def test_a_setting_is_changed_answered_and_on_record_with_before_and_after(
    world: World, subcommand: str, options: dict[str, Any], after: dict[str, Any], told: str
) -> None:
    before = (await rules_of(world)).model_dump(mode="json")

    assert told in await asked(world, subcommand, **options)

    assert (await rules_of(world)).model_dump(mode="json", include=set(after)) == after
    (entry,) = await record_of(world)
    assert (entry.action, entry.actor.user_id) == ("policy.change", str(world.olivia.id))
    assert (entry.before, entry.after) == ({name: before[name] for name in after}, after)


@pytest.mark.parametrize(
    "option, setting",
    [
        ("announcements", "announcements_channel"),
        ("approvals", "approvals_channel"),
        ("log", "log_channel"),
    ],
)
async def test_a_channel_is_chosen_and_cleared(world: World, option: str, setting: str) -> None:
    chosen = str(world.leaderboard.id)

    assert f"→ <#{chosen}>" in await asked(world, "channels", **{option: world.leaderboard})
    assert getattr(await rules_of(world), setting) == chosen

    assert f": <#{chosen}> → " in await asked(world, "channels", clear=setting)
    assert getattr(await rules_of(world), setting) is None
    latest, first = await record_of(world)
    assert (first.before, first.after) == ({setting: None}, {setting: chosen})
    assert (latest.before, latest.after) == ({setting: chosen}, {setting: None})


async def test_categories_are_added_renamed_and_retired(world: World) -> None:
    assert "— → gardening" in await asked(world, "categories add", name="gardening")
    assert "gardening → weeding" in await asked(
        world, "categories rename", category="gardening", to="weeding"
    )
    assert "weeding → retired" in await asked(world, "categories retire", category="weeding")

    rules = await rules_of(world)
    assert "weeding" not in rules.open_categories
    assert "weeding" in [category.name for category in rules.categories]
    assert [(entry.action, entry.before, entry.after) for entry in await record_of(world)] == [
        ("category.retire", {"name": "weeding"}, None),
        ("category.rename", {"id": 5, "name": "gardening"}, {"id": 5, "name": "weeding"}),
        ("category.add", None, {"name": "gardening"}),
    ]


async def test_what_the_core_refuses_is_said_and_changes_nothing(world: World) -> None:
    told = await asked(world, "limits", minimum=500, maximum=5)
    assert "min award" in told
    assert "Mars" in await asked(world, "time", zone="Mars/Base")
    assert "no category" in await asked(world, "categories retire", category="nothing")
    assert "categories" in await asked(world, "categories add", name="HELPING")

    assert await record_of(world) == ()
    assert (await rules_of(world)).version == 0


async def test_a_command_without_an_option_says_what_it_takes(world: World) -> None:
    assert "at least one option" in await asked(world, "limits")
    assert "at least one option" in await asked(world, "approval")
    assert "at least one option" in await asked(world, "channels")


async def test_setting_what_is_set_already_is_no_change(world: World) -> None:
    assert "how it was already" in await asked(world, "approval", quorum=1)

    assert await record_of(world) == ()


async def test_a_channel_in_which_the_bot_cannot_write_is_refused_with_the_fix(world: World) -> None:
    assert world.bot.user is not None
    silent = world.guild.create_text_channel(
        "silent", overwrites={world.bot.user: discord.PermissionOverwrite(send_messages=False)}
    )
    await world.env.settle()

    told = await asked(world, "channels", log=silent, announcements=world.general)

    assert f"<#{silent.id}> I lack **Send Messages**" in told
    assert "Edit Channel → Permissions" in told
    assert (await rules_of(world)).version == 0  # the other channel was not taken either


def everything(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Each subcommand once."""
    moderator = world.moderator
    return [
        ("points-settings show", {}),
        ("points-settings audit", {}),
        ("points-settings limits", {"minimum": 2}),
        ("points-settings limits", {}),
        ("points-settings approval", {"quorum": 2}),
        ("points-settings roles", {"right": "award"}),
        ("points-settings roles", {"right": "configure", "add": moderator}),
        ("points-settings channels", {"log": world.log}),
        ("points-settings time", {"zone": "Europe/Berlin"}),
        ("points-settings privacy", {"erasure-days": 3}),
        ("points-settings categories add", {"name": "mine"}),
        ("points-settings categories retire", {"category": "helping"}),
        ("points-settings categories rename", {"category": "helping", "to": "mine"}),
        ("points-setup", {}),
    ]


async def test_whom_the_server_let_in_but_who_may_not_configure_is_refused_everywhere(world: World) -> None:
    await let_in(world, world.ada)

    for command, options in everything(world):
        result = await world.ada.slash(world.general, command, **options)
        assert result.ephemeral, command
        assert "You cannot change the settings here" in answer(result).content, command
        assert not answer(result).embeds

    assert (await rules_of(world)).version == 0
    assert await record_of(world) == ()


async def test_whom_the_server_did_not_let_in_is_not_offered_the_commands(world: World) -> None:
    for person in (world.ada, world.mia):
        offered = person.available_commands(world.general)
        assert not [name for name in offered if name.startswith(OURS)]
    assert f"{SETTINGS} show" in world.olivia.available_commands(world.general)


async def let_in(world: World, person: simcord.MemberActor) -> None:
    """Override Discord's own permission for the commands, as a server's admin can."""
    for command in await world.bot.tree.fetch_commands():
        if command.name in OURS:
            world.guild.set_command_permissions(command, {person: True})


async def test_every_subcommand_is_tried_by_the_one_who_may_not(world: World) -> None:
    tried = {command for command, _ in everything(world)}
    offered = {name for name in world.olivia.available_commands(world.general) if name.startswith(OURS)}
    assert tried == offered


async def test_suggestions_help_admins_and_tell_others_nothing(world: World) -> None:
    zones = await world.olivia.autocomplete(world.general, f"{SETTINGS} time", "zone", "new york")
    assert zones[0]["value"] == "America/New_York"
    assert re.search(r"now \d\d:\d\d", zones[0]["name"])
    berlin = await world.olivia.autocomplete(world.general, f"{SETTINGS} time", "zone", "berl")
    assert berlin[0]["value"] == "Europe/Berlin"
    categories = await world.olivia.autocomplete(
        world.general, f"{SETTINGS} categories retire", "category", "HELP"
    )
    assert [choice["value"] for choice in categories] == ["helping"]

    await let_in(world, world.ada)

    assert await world.ada.autocomplete(world.general, f"{SETTINGS} time", "zone", "ber") == []
    assert await world.ada.autocomplete(world.general, f"{SETTINGS} categories retire", "category", "") == []
    assert await world.ada.autocomplete(world.general, f"{SETTINGS} categories rename", "category", "") == []


async def test_show_says_every_setting(world: World) -> None:
    await world.configure(
        log_channel=world.log, roles={"undo": (str(world.moderator.id),)}, daily_limit=1_234
    )

    result = await world.olivia.slash(world.general, f"{SETTINGS} show")

    assert result.ephemeral
    told = "\n".join(f"{field.name}\n{field.value}" for field in answer(result).embeds[0].fields)
    for part in (
        "Smallest amount: **1 point**",
        "Largest amount: **1,000 points**",
        "**1,234 points**",
        "Balances below 0: **not allowed**",
        "**more than 100 points wait**",
        "Quorum: **1 person**",
        "**72 hours**",
        "Time zone: **UTC**",
        f"Log: **<#{world.log.id}>**",
        f"May undo: <@&{world.moderator.id}>",
        "May configure: who has **Manage Server**",
        "events, helping, content, moderation",
    ):
        assert part in told


async def test_audit_shows_recent_changes_and_turns_to_older_ones_after_a_restart(world: World) -> None:
    for quorum in range(2, 16):
        await asked(world, "approval", quorum=quorum, threshold=quorum)

    first = await world.olivia.slash(world.general, f"{SETTINGS} audit")
    assert first.ephemeral
    newest = answer(first).embeds[0].description or ""
    assert newest.count("\n") == 9
    assert "14 people → 15 people" in newest
    assert f"<@{world.olivia.id}>" in newest

    await world.restart()
    older = await world.olivia.click(answer(first), label="Older")
    rest = answer(older).embeds[0].description or ""
    assert rest.count("\n") == 3
    assert "1 person → 2 people" in rest


async def test_the_audit_button_is_refused_to_whoever_lost_the_right_meanwhile(world: World) -> None:
    for quorum in range(2, 14):
        await asked(world, "approval", quorum=quorum)
    shown = await world.olivia.slash(world.general, f"{SETTINGS} audit")
    menu = await world.olivia.slash(world.general, f"{SETTINGS} roles", right="award")
    await world.configure(roles={"configure": (str(world.moderator.id),)})
    before = await rules_of(world)

    refused = await world.olivia.click(answer(shown), label="Older")
    assert "You cannot change the settings here" in answer(refused).content
    refused = await world.olivia.select(answer(menu), [world.moderator], custom_id="points:rights:award")
    assert "You cannot change the settings here" in answer(refused).content
    assert await rules_of(world) == before
