"""Admins make rules, change them part by part, try them out, switch them and look at them."""

import re
from datetime import timedelta
from typing import Any

import discord
import pytest
import simcord
from simcord.results import InteractionResult
from sqlalchemy import Connection

from points_core import history as ledger_history
from points_core import rules
from points_core.policy import Capability
from points_core.rules import reading, stored
from points_core.rules.definition import (
    AllOf,
    AnyOf,
    BetweenHours,
    Condition,
    Definition,
    HasRole,
    InChannels,
    IsReply,
    MinimumLength,
    Multiplier,
    NoneOf,
    OnReactionReceived,
    OnRoleGained,
    OnSchedule,
    OnVoice,
    OnWeekdays,
    Rule,
    TotalAtLeast,
)
from points_core.rules.recipes import RECIPES
from points_core.values import Actor, ActorKind, Mode, Origin
from tests.stories.answers import answer, private
from tests.stories.world import World


async def rule_of(world: World, number: int = 1) -> Rule:
    return (await world.points.read(reading.get, world.community, number)).rule


async def begun(world: World, start: str = "recipe:messages", **options: Any) -> InteractionResult:
    """Olivia begins a rule and sees its card."""
    return await world.olivia.slash(world.general, "rule new", start=start, **options)


async def chosen(world: World, card: InteractionResult, menu: str, option: str) -> InteractionResult:
    """Olivia chooses an option of one of the card's menus."""
    return await world.olivia.select(answer(card), [option], custom_id=f"points:rule:1:{menu}")


async def changed(
    world: World, card: InteractionResult, menu: str, option: str, values: dict[str, Any]
) -> InteractionResult:
    """Olivia chooses an option and fills its form in."""
    return await world.olivia.submit_modal(await chosen(world, card, menu, option), values)


async def pressed(world: World, card: InteractionResult, act: str) -> InteractionResult:
    return await world.olivia.click(answer(card), custom_id=f"points:rule:1:{act}")


def words(card: InteractionResult) -> str:
    """Return what an answer, or a card changed in its place, says."""
    return str(answer(card).content)


def buttons(card: InteractionResult) -> list[str]:
    return [
        part["label"] for row in answer(card).components for part in row["components"] if part["type"] == 2
    ]


def options(card: InteractionResult, menu: str) -> list[str]:
    return [
        option["label"]
        for row in answer(card).components
        for part in row["components"]
        if part.get("custom_id") == f"points:rule:1:{menu}"
        for option in part["options"]
    ]


# ── making and changing ──


async def test_a_rule_begins_as_a_draft_from_a_recipe_and_reads_as_a_sentence(world: World) -> None:
    card = await begun(world, name="Talk")

    told = private(card)
    assert "**#1 Talk** · draft: it does nothing yet" in told
    assert (
        "> Whoever writes a message gets 1 point if they have been here for at least 1 day; at most" in told
    )
    assert (await rule_of(world)).definition == RECIPES[0].definition
    assert buttons(card) == ["Shadow", "Switch on", "Retire", "Try it out"]


@pytest.mark.parametrize("each", [pytest.param(each, id=each.key) for each in RECIPES])
async def test_every_recipe_can_be_begun(world: World, each: Any) -> None:
    card = await begun(world, f"recipe:{each.key}")
    assert each.name in words(card)
    assert (await rule_of(world)).definition == each.definition


async def test_a_trigger_that_means_nothing_alone_asks_first(world: World) -> None:
    shown = await begun(world, "trigger:role-gained")
    card = await world.olivia.submit_modal(shown, {"roles": [world.moderator]})

    assert f"Whoever is given <@&{world.moderator.id}> gets 5 points." in words(card)
    assert (await rule_of(world)).definition.trigger == OnRoleGained(roles=(str(world.moderator.id),))

    shown = await begun(world, "trigger:schedule")
    await world.olivia.submit_modal(shown, {"every": ["week"], "at": "9:30", "roles": [world.moderator]})
    assert (await rule_of(world, 2)).definition.trigger == OnSchedule(
        every="week", at="09:30", roles=(str(world.moderator.id),)
    )


PARTS: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    (
        "recipe:messages",
        "amount",
        {"amount": "7", "reason": "Talked", "category_id": ["1"]},
        {"amount": 7, "reason": "Talked", "category_id": 1},
        "gets 7 points in events",
    ),
    (
        "recipe:voice",
        "trigger",
        {"minutes": "30", "grace_seconds": "0", "people": "3", "most_minutes": "60"},
        {"trigger": OnVoice(minutes=30, grace_seconds=0, people=3, most_minutes=60)},
        "spends 30 minutes in a voice channel with at least 2 others",
    ),
    (
        "recipe:reactions",
        "trigger",
        {"emoji": "❤️ <:party:123456789012345678>"},
        {"trigger": OnReactionReceived(emoji=("❤", "123456789012345678"))},
        "gets a ❤ or <:emoji:123456789012345678> reaction",
    ),
    (
        "recipe:reactions",
        "cooldowns",
        {"member_cooldown": "90s", "pair_cooldown": "2 d", "channel_cooldown": ""},
        {"limits.member_cooldown": 90, "limits.pair_cooldown": 172_800, "limits.channel_cooldown": 0},
        "once every 90 seconds, once every 2 days for the same two people",
    ),
    (
        "recipe:messages",
        "member-caps",
        {"member_day": "", "member_week": "100", "every_rule_member_day": "1000"},
        {"limits.member_day": None, "limits.member_week": 100, "limits.every_rule_member_day": 1_000},
        "100 points a week each and 1,000 points a day each from all rules together",
    ),
    (
        "recipe:messages",
        "all-caps",
        {"rule_day": "500", "rule_week": "", "community_day": "", "community_week": "9000"},
        {"limits.rule_day": 500, "limits.rule_week": None, "limits.community_week": 9_000},
        "500 points a day in all",
    ),
    (
        "recipe:check-in",
        "more",
        {
            "approval": ["yes"],
            "counts_for_streak": ["no"],
            "role": [],
            "role_days": "",
            "expires_at": "2026-12-31",
        },
        {"approval": True, "counts_for_streak": False, "role": None},
        "moderators have to agree first; until 2027-01-01 00:00 UTC",
    ),
]


@pytest.mark.parametrize(
    "start, part, filled, after, told", PARTS, ids=[f"{part[0]} {part[1]}" for part in PARTS]
)
async def test_a_part_is_changed_by_its_form(
    world: World, start: str, part: str, filled: dict[str, Any], after: dict[str, Any], told: str
) -> None:
    card = await changed(world, await begun(world, start), "change", part, filled)

    assert told in words(card)
    rule = await rule_of(world)
    assert rule.version == 2
    for path, value in after.items():
        found: Any = rule.definition
        for name in path.split("."):
            found = getattr(found, name)
        assert found == value


async def test_a_rule_gets_another_name(world: World) -> None:
    card = await changed(world, await begun(world), "change", "name", {"name": "Chatter"})
    assert "**#1 Chatter**" in words(card)
    assert (await rule_of(world)).name == "Chatter"


async def test_a_rule_gives_a_role_for_a_while(world: World) -> None:
    veteran = world.guild.create_role("Veteran")
    await world.env.settle()
    filled = {"approval": ["no"], "role": [veteran], "role_days": "30", "expires_at": ""}
    card = await changed(world, await begun(world, "recipe:anniversary"), "change", "more", filled)
    assert f"gets 50 points and <@&{veteran.id}> for 30 days." in words(card)


async def test_multipliers_are_added_replaced_and_taken_away(world: World) -> None:
    card = await begun(world)
    for percent in ("150", "0"):
        filled = {"role": [world.moderator], "channel": [], "percent": percent}
        card = await changed(world, card, "change", "multiplier", filled)
    role = str(world.moderator.id)
    assert f"nothing for who has <@&{role}>" in words(card)
    assert (await rule_of(world)).definition.multipliers == (Multiplier(role=role, percent=0),)

    assert "0 % for @Moderator" in options(card, "drop")
    card = await chosen(world, card, "drop", f"x:{role}")
    assert (await rule_of(world)).definition.multipliers == ()


async def test_conditions_are_put_together_changed_and_taken_away(world: World) -> None:
    general, role = str(world.general.id), str(world.moderator.id)
    card = await begun(world, "trigger:message")
    card = await changed(world, card, "if", "channels", {"channels": [world.general], "side": ["so"]})
    card = await changed(world, card, "if", "weekdays", {"days": ["7", "6"], "side": ["so"]})
    card = await changed(world, card, "if", "roles", {"roles": [world.moderator], "side": ["not"]})
    weekend, here = OnWeekdays(days=(6, 7)), InChannels(channels=(general,))
    no_moderator = NoneOf(of=(HasRole(roles=(role,)),))
    assert (await rule_of(world)).definition.when == AllOf(of=(here, weekend, no_moderator))
    assert f"if it is in <#{general}> and it is a Saturday or Sunday and it is not so that" in words(card)
    assert options(card, "drop") == [
        "if it is in #general",
        "if it is a Saturday or Sunday",
        "unless they have @Moderator",
    ]

    card = await pressed(world, card, "any")
    assert (await rule_of(world)).definition.when == AllOf(of=(AnyOf(of=(here, weekend)), no_moderator))
    assert "All conditions are needed" in buttons(card)
    card = await pressed(world, card, "all")

    card = await changed(world, card, "if", "weekdays", {"days": ["1"], "side": ["so"]})
    card = await chosen(world, card, "drop", "so:channels")
    card = await chosen(world, card, "drop", "not:roles")
    assert (await rule_of(world)).definition.when == OnWeekdays(days=(1,))


LEAVES: list[tuple[str, dict[str, Any], Condition]] = [
    ("reply", {}, IsReply()),
    ("length", {"characters": "20"}, MinimumLength(characters=20)),
    ("hours", {"start": "8:00", "end": "20:00"}, BetweenHours(start="08:00", end="20:00")),
    ("total", {"points": "500", "category_id": ["1"]}, TotalAtLeast(points=500, category_id=1)),
]


@pytest.mark.parametrize("kind, filled, condition", LEAVES, ids=[leaf[0] for leaf in LEAVES])
async def test_each_kind_of_condition_has_its_form(
    world: World, kind: str, filled: dict[str, Any], condition: Condition
) -> None:
    await changed(world, await begun(world, "trigger:message"), "if", kind, filled | {"side": ["so"]})
    assert (await rule_of(world)).definition.when == condition


async def test_conditions_nested_by_a_program_can_only_be_taken_away_as_a_whole(world: World) -> None:
    card = await begun(world)
    await nested(world)
    refused = await chosen(world, card, "if", "reply")
    assert "take them all away first" in private(refused)

    card = await world.olivia.slash(world.general, "rule edit", number=1)
    assert options(card, "drop") == ["All conditions"]
    await chosen(world, card, "drop", "all")
    assert (await rule_of(world)).definition.when is None


async def nested(world: World) -> None:
    origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "nested")
    either = AnyOf(of=(IsReply(), HasRole(roles=("1",))))
    definition: Definition = (await rule_of(world)).definition.model_copy(
        update={"when": AllOf(of=(either, IsReply()))}
    )
    await world.points.write(stored.edit, origin, 1, definition)


async def test_what_cannot_be_is_refused_with_words_and_changes_nothing(world: World) -> None:
    card = await begun(world)
    refusals: list[tuple[str, dict[str, Any], str]] = [
        ("amount", {"amount": "0", "reason": "x", "category_id": []}, "whole number from 1"),
        ("cooldowns", {"member_cooldown": "soon", "channel_cooldown": ""}, "a length as 90s, 5m, 2h or 1d"),
        ("multiplier", {"role": [], "channel": [], "percent": "5"}, "for a role or for a channel"),
    ]
    for part, filled, told in refusals:
        assert told in private(await changed(world, card, "change", part, filled))
    assert (await rule_of(world)).version == 1


# ── switching ──


async def test_a_rule_is_switched_step_by_step_and_asked_about_before_it_is_live(world: World) -> None:
    card = await pressed(world, await begun(world), "to:shadow")
    assert "shadow: it records what it would give" in words(card)
    assert buttons(card) == ["Back to draft", "Switch on", "Pause", "Retire", "Try it out"]

    question = await pressed(world, card, "to:live")
    assert "From then on it gives points by itself." in words(question)
    assert (await rule_of(world)).mode is Mode.SHADOW
    back = await pressed(world, question, "back")
    assert (await rule_of(world)).mode is Mode.SHADOW
    card = await pressed(world, await pressed(world, back, "to:live"), "sure:live")
    assert "· live" in words(card)
    assert (await rule_of(world)).mode is Mode.LIVE

    card = await pressed(world, await pressed(world, card, "to:retired"), "sure:retired")
    assert (await rule_of(world)).mode is Mode.RETIRED
    assert answer(card).components == []


async def test_the_command_switches_too_and_says_which_steps_there_are_not(world: World) -> None:
    await begun(world)
    question = await world.olivia.slash(world.general, "rule mode", number=1, mode="live")
    await pressed(world, question, "sure:live")
    assert (await rule_of(world)).mode is Mode.LIVE
    refused = await world.olivia.slash(world.general, "rule mode", number=1, mode="draft")
    assert refused.ephemeral
    assert (await rule_of(world)).mode is Mode.LIVE


async def test_a_rule_that_needs_an_intent_says_so_and_who_can_help(world: World) -> None:
    card = await begun(world, "recipe:anniversary")
    assert "needs Discord's privileged intent `members`" in words(card)
    assert "`POINTS_INTENTS`" in words(card)
    assert "privileged" not in private(await begun(world))


async def test_the_card_outlives_a_restart_of_the_bot(world: World) -> None:
    card = await begun(world)
    await world.restart()

    card = await changed(world, card, "change", "name", {"name": "Later"})
    await pressed(world, card, "to:shadow")

    rule = await rule_of(world)
    assert (rule.name, rule.mode) == ("Later", Mode.SHADOW)


# ── looking ──


async def test_rules_are_listed_shown_and_their_versions_told(world: World) -> None:
    empty = await world.olivia.slash(world.general, "rule list")
    assert "There are no rules here." in private(empty)
    await begun(world)
    await begun(world, "recipe:boost")
    card = await world.olivia.slash(world.general, "rule edit", number=2)
    await world.olivia.select(answer(card), ["name"], custom_id="points:rule:2:change")
    await world.olivia.click(answer(card), custom_id="points:rule:2:to:shadow")

    listed = await world.olivia.slash(world.general, "rule list")
    fields = [(field.name, field.value) for field in answer(listed).embeds[0].fields]
    assert [name for name, _ in fields] == ["#1 Message activity · draft", "#2 Server boost · shadow"]
    assert str(fields[1][1]).startswith(
        "Whoever boosts the server gets 100 points; at most once every 7 days."
    )

    shown = await world.olivia.slash(world.general, "rule show", number=2)
    assert "It has given nothing yet." in private(shown)
    assert "Version 2" in private(shown)

    history = await world.olivia.slash(world.general, "rule history", number=2)
    names = [field.name for field in answer(history).embeds[0].fields]
    assert names == ["Version 2 · shadow · by Olivia", "Version 1 · draft · by Olivia"]


async def test_retired_rules_are_listed_only_when_asked_for(world: World) -> None:
    await pressed(world, await pressed(world, await begun(world), "to:retired"), "sure:retired")
    assert "There are no rules here." in private(await world.olivia.slash(world.general, "rule list"))
    listed = await world.olivia.slash(world.general, "rule list", retired=True)
    assert answer(listed).embeds[0].fields[0].name == "#1 Message activity · retired"


async def test_numbers_are_suggested_to_admins(world: World) -> None:
    await begun(world)
    offered = await world.olivia.autocomplete(world.general, "rule show", "number", "")
    assert offered == [{"name": "#1 Message activity (draft)", "value": 1}]


async def test_only_who_may_configure_can_touch_a_rule(world: World) -> None:
    card = await begun(world)
    await world.configure(roles={Capability.CONFIGURE: (str(world.moderator.id),)})

    refused = await pressed(world, card, "to:shadow")
    assert "You cannot change the settings here." in private(refused)
    refused = await world.olivia.slash(world.general, "rule show", number=1)
    assert "You cannot change the settings here." in private(refused)
    assert (await rule_of(world)).mode is Mode.DRAFT


# ── trying out ──


async def wrote(world: World, person: simcord.MemberActor, *, times: int = 1) -> None:
    """Somebody writes so many messages, a minute apart."""
    for number in range(times):
        await person.send(world.general, f"about roses {number}")
        world.env.backend.clock.advance(61)


def field(result: InteractionResult, name: str) -> str:
    (embed,) = answer(result).embeds
    return next(str(each.value) for each in embed.fields if each.name == name)


async def test_a_rule_is_tried_on_what_was_written_and_gives_nothing(world: World) -> None:
    await wrote(world, world.mia, times=5)
    await wrote(world, world.noah, times=2)
    await begun(world, "trigger:message")

    tried = await world.olivia.slash(world.general, "rule try", number=1, days=1)

    assert tried.ephemeral
    assert "**35 points** to **2 members**, 7 times" in str(answer(tried).embeds[0].description)
    assert re.search(
        r"1\. <@\d+> Mia · 25 points\n2\. <@\d+> Noah · 10 points", field(tried, "Most would have gone to")
    )
    assert field(tried, "By day").endswith(" 35")
    assert "7 messages in" in str(answer(tried).embeds[0].footer.text)
    shown = await world.olivia.slash(world.general, "rule show", number=1)
    assert "It has given nothing yet." in private(shown)


async def test_a_trial_looks_roles_up_and_names_what_was_refused(world: World) -> None:
    await wrote(world, world.ada, times=2)
    await wrote(world, world.mia, times=3)
    await begun(world, "trigger:message")
    card = await world.olivia.slash(world.general, "rule edit", number=1)
    await changed(world, card, "if", "roles", {"roles": [world.moderator], "side": ["so"]})

    tried = await world.olivia.slash(world.general, "rule try", number=1, days=1)

    assert "**10 points** to **1 member**" in str(answer(tried).embeds[0].description)
    assert field(tried, "What was refused") == f"3 × not so: they have <@&{world.moderator.id}>"


async def test_a_rule_about_reactions_is_tried_on_those_that_are_there(world: World) -> None:
    helpful = await world.mia.send(world.general, "water them at dawn")
    for person, emoji in ((world.noah, "👍"), (world.zoe, "👍"), (world.mia, "👍"), (world.zoe, "🌧️")):
        await person.react(helpful, emoji)
    await begun(world, "recipe:reactions")

    tried = await world.olivia.slash(world.general, "rule try", number=1)

    assert "**4 points** to **1 member**, 2 times" in str(answer(tried).embeds[0].description)
    assert "A reaction counts at the time of its message" in str(answer(tried).embeds[0].footer.text)


async def test_a_trial_says_which_channels_it_may_not_read(world: World) -> None:
    await wrote(world, world.mia)
    me = world.bot.user
    assert me is not None
    closed: dict[Any, discord.PermissionOverwrite] = {me: discord.PermissionOverwrite(view_channel=False)}
    world.guild.create_text_channel("secret", overwrites=closed)
    await world.env.settle()
    await begun(world, "trigger:message")

    tried = await world.olivia.slash(world.general, "rule try", number=1)

    assert "1 message in 4 channels; archived threads are not read." in str(
        answer(tried).embeds[0].footer.text
    )
    assert "I may not read 1 channel." in str(answer(tried).embeds[0].footer.text)


async def test_the_button_tries_a_rule_too(world: World) -> None:
    await wrote(world, world.mia)
    tried = await pressed(world, await begun(world, "trigger:message"), "try")
    assert "**5 points** to **1 member**" in str(answer(tried).embeds[0].description)


async def test_a_trial_reads_only_the_last_days(world: World) -> None:
    await wrote(world, world.mia)
    world.env.backend.clock.advance(2 * 86_400)
    await wrote(world, world.noah)
    await begun(world, "trigger:message")

    for days, members in ((1, "1 member"), (3, "2 members")):
        tried = await world.olivia.slash(world.general, "rule try", number=1, days=days)
        assert f"to **{members}**" in str(answer(tried).embeds[0].description)


async def test_a_rule_about_what_discord_does_not_tell_later_is_tried_in_shadow(world: World) -> None:
    await begun(world, "recipe:check-in")
    tried = await world.olivia.slash(world.general, "rule try", number=1)
    assert "Switch the rule to **shadow**" in private(tried)


async def test_a_rule_in_shadow_is_tried_on_what_it_saw(world: World) -> None:
    card = await begun(world, "recipe:check-in")
    await pressed(world, card, "to:shadow")
    for person in (world.mia, world.noah):
        await told(world, person, on=rules.On.CHECK_IN, key=f"check-in:{person.id}")

    tried = await world.olivia.slash(world.general, "rule try", number=1)

    assert "**10 points** to **2 members**, 2 times" in str(answer(tried).embeds[0].description)
    assert "Looked at: 2 things that rules saw" in str(answer(tried).embeds[0].footer.text)
    assert await balances(world) == [0, 0]


# ── taking back ──


async def told(world: World, person: simcord.MemberActor, **changes: Any) -> None:
    """Have the rules told of something, as a listener does."""
    given: dict[str, Any] = {"on": rules.On.MESSAGE, "at": world.env.now(), "user_id": str(person.id)}
    fact = rules.Fact(**given | {"name": person.name} | changes)
    origin = Origin(world.community, Actor(ActorKind.SYSTEM), world.env.now(), fact.key)
    await world.points.write(rules.fire, origin, fact)


async def gave(world: World, times: int = 3) -> int:
    """Have a live rule that gave Mia and Noah five points so many times; return its number."""
    card = await begun(world, "trigger:message", name="Talk")
    await pressed(world, await pressed(world, card, "to:live"), "sure:live")
    for number in range(times):
        for person in (world.mia, world.noah):
            await told(world, person, key=f"message:{number}:{person.id}")
        world.env.backend.clock.advance(60)
    return 1


async def balances(world: World) -> list[int]:
    return [
        (await world.points.read(ledger_history.balance, world.community, str(person.id))).current
        for person in (world.mia, world.noah)
    ]


async def test_everything_that_a_rule_gave_is_taken_back_after_a_question_and_a_reason(world: World) -> None:
    number = await gave(world)
    shown = await world.olivia.slash(world.general, "rule show", number=number)
    assert "It has given 30 points to 2 members, in 6 times." in private(shown)

    question = await world.olivia.slash(world.general, "rule undo", number=number)
    assert "Take back what **#1 Talk** · live gave?" in private(question)
    assert await balances(world) == [15, 15]
    await world.restart()
    form = await world.olivia.click(answer(question), label="Take it back")
    done = await world.olivia.submit_modal(form, {"reason": "far too much"})

    assert "**Batch 1**: −30 points, 6 transactions of 2 members." in private(done)
    assert await balances(world) == [0, 0]
    again = await world.olivia.slash(world.general, "rule undo", number=number)
    assert "gave nothing that still stands." in private(again)


async def test_what_an_undo_leaves_is_said_before_and_after(world: World) -> None:
    number = await gave(world, times=1)
    definition = {
        "trigger": {"on": "message"},
        "amount": 1,
        "reason": "wrote",
        "when": {"kind": "total", "points": 1},
        "limits": {"community_day": 50},
    }
    origin = Origin(world.community, Actor(ActorKind.SYSTEM), world.env.now(), "second")
    await world.points.write(rules.create, origin, name="Second", definition=definition, mode=Mode.LIVE)
    await told(world, world.mia, key="message:late")

    question = await world.olivia.slash(world.general, "rule undo", number=number)
    form = await world.olivia.click(answer(question), label="Take it back")
    done = await world.olivia.submit_modal(form, {"reason": "far too much"})

    for shown in (question, done):
        assert "Rule #2 asked for a total or a streak meanwhile" in private(shown)
        assert "Rule #2 had a cap on what all rules give" in private(shown)
    assert await balances(world) == [1, 0]


async def test_only_some_days_or_one_version_are_taken_back(world: World) -> None:
    number = await gave(world)
    world.env.backend.clock.advance(86_400)
    nothing = await world.olivia.slash(world.general, "rule undo", number=number, since="2026-01-02")
    assert "gave nothing from" in private(nothing)
    nothing = await world.olivia.slash(world.general, "rule undo", number=number, version=1)
    assert "gave nothing in version 1" in private(nothing)

    question = await world.olivia.slash(
        world.general, "rule undo", number=number, until="2026-01-01", version=2
    )
    form = await world.olivia.click(answer(question), label="Take it back")
    await world.olivia.submit_modal(form, {"reason": "far too much"})
    assert await balances(world) == [0, 0]


async def test_taking_back_since_the_first_of_all_days_is_taking_back_everything(world: World) -> None:
    await world.configure(
        timezone="Europe/Berlin"
    )  # its first of January 1970 began before 1970 did in Greenwich
    number = await gave(world)

    question = await world.olivia.slash(world.general, "rule undo", number=number, since="1970-01-01")

    assert "Take back what **#1 Talk** · live gave?" in private(question)
    assert buttons(question) == ["Take it back"]


async def test_points_that_are_spent_are_left_out_if_somebody_says_so(world: World) -> None:
    number = await gave(world, times=1)
    await world.ada.slash(world.general, "deduct", member=world.mia, amount=5, reason="spent")
    question = await world.olivia.slash(world.general, "rule undo", number=number)
    form = await world.olivia.click(answer(question), label="Take it back")

    refused = await world.olivia.submit_modal(form, {"reason": "too much"})
    assert "1 of the 2 transactions cannot be taken back, so nothing was changed:" in private(refused)
    assert await balances(world) == [0, 5]
    form = await world.olivia.click(answer(refused), label="Take back what can be")
    done = await world.olivia.submit_modal(form, {"reason": "too much"})

    assert "Not taken back: 1 transaction." in private(done)
    assert await balances(world) == [0, 0]


async def test_only_who_may_configure_takes_a_rule_back(world: World) -> None:
    number = await gave(world, times=1)
    question = await world.olivia.slash(world.general, "rule undo", number=number)
    await world.configure(roles={Capability.CONFIGURE: (str(world.moderator.id),)})
    refused = await world.olivia.click(answer(question), label="Take it back")
    assert "You cannot change the settings here." in private(refused)
    assert await balances(world) == [5, 5]


# ── on record ──


async def test_every_step_of_a_rules_life_is_told_in_the_log_channel(world: World) -> None:
    await world.configure(log_channel=world.log)
    card = await begun(world, "recipe:boost", name="Boosts")
    filled = {"amount": "7", "reason": "Thanks", "category_id": ["1"]}
    card = await changed(world, card, "change", "amount", filled)
    card = await changed(world, card, "change", "name", {"name": "Boosters"})
    card = await pressed(world, card, "to:shadow")
    card = await pressed(world, await pressed(world, card, "to:live"), "sure:live")
    await pressed(world, card, "to:paused")
    await world.bot.courier.idle()
    await world.env.settle()

    said = [str(message.content or message.embeds[0].description) for message in world.log.history()]
    changes = [line.partition(f"<@{world.olivia.id}> ")[2] for line in said]
    assert [line.rpartition(" (change")[0] for line in changes if "rule" in line] == [
        "made rule **#1** **Boosts**: Whoever boosts the server gets 100 points, at most once every 7 days.",
        "changed rule **#1**: Whoever boosts the server gets 7 points in events, at most once every 7 days.",
        "renamed rule **#1** **Boosts** → **Boosters**",
        "switched rule **#1** to shadow",
        "switched rule **#1** on",
        "paused rule **#1**",
    ]


async def test_what_rules_noticed_is_forgotten_after_ninety_days(world: World) -> None:
    await gave(world, times=1)
    assert len(await kept(world)) == 2
    await world.bot.ticker.tick(world.env.now() + timedelta(days=89))
    assert len(await kept(world)) == 2
    await world.bot.ticker.tick(world.env.now() + timedelta(days=91))
    assert await kept(world) == []
    assert await balances(world) == [5, 5]


async def kept(world: World) -> list[rules.Fact]:
    def read(tx: Connection) -> list[rules.Fact]:
        now = world.env.now()
        ever = rules.kept(tx, world.community, since=now - timedelta(days=1), until=now + timedelta(days=1))
        return list(ever)

    return await world.points.read(read)


async def test_a_trial_of_a_rule_about_roles_says_that_they_are_those_of_today(world: World) -> None:
    card = await begun(world, "trigger:message")
    await changed(world, card, "if", "roles", {"roles": [world.moderator], "side": ["so"]})
    await world.mia.send(world.general, "hello, all of you")

    tried = await world.olivia.slash(world.general, "rule try", number=1, days=1)

    told = "\n".join(str(embed.footer.text or "") + str(embed.to_dict()) for embed in answer(tried).embeds)
    assert "archived threads are not read" in told
    assert "are those of today: history does not tell them" in told
