"""The description passes what discord.py really sends, and each way to break it is seen failing."""

import asyncio
import io
import json
import time
from functools import cache
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands

from tests.bot.discord_api import description_path, violations
from tests.bot.discord_description import EXEMPTIONS, Description, Exemption
from tests.bot.discord_requests import (
    EVENTS,
    Record,
    answer,
    asked,
    button,
    buttons,
    command,
    commands,
    described,
    label,
    message,
    one,
    option,
    query,
    row,
    rows,
    select,
)

# a bot that sends one of everything


class Form(discord.ui.Modal, title="Award points"):
    why: discord.ui.Label[Any] = discord.ui.Label(
        text="Why", component=discord.ui.TextInput(min_length=1, max_length=100)
    )
    who: discord.ui.Label[Any] = discord.ui.Label(text="Who", component=discord.ui.UserSelect())


class Card(discord.ui.View):
    @discord.ui.button(label="Approve", style=discord.ButtonStyle.green, custom_id="approve", emoji="✅")
    async def approve(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await interaction.response.edit_message(
            content="approved", view=None, embed=embed().set_image(url=None)
        )

    @discord.ui.select(custom_id="pick", options=[discord.SelectOption(label="a", default=True, emoji="✅")])
    async def pick(self, interaction: discord.Interaction, _: discord.ui.Select[Any]) -> None:
        await interaction.response.defer()


class Layout(discord.ui.LayoutView):
    box: discord.ui.Container[Any] = discord.ui.Container(
        discord.ui.TextDisplay("standings"),
        discord.ui.Section("a", accessory=discord.ui.Button(label="more", custom_id="more")),
    )


def picture() -> discord.File:
    return discord.File(io.BytesIO(b"1"), "x.png", description="a board")


def embed() -> discord.Embed:
    made = discord.Embed(title="t", description="d", colour=3, timestamp=discord.utils.utcnow())
    made.set_footer(text="f").set_author(name="a").set_image(url="attachment://x.png")
    return made.add_field(name="n", value="v")


def toy_bot() -> discord.Client:
    class Toy(discord.Client):
        tree: app_commands.CommandTree

        async def setup_hook(self) -> None:
            await self.tree.sync()

    none = discord.AllowedMentions.none()
    bot = Toy(intents=discord.Intents(guilds=True, guild_reactions=True), allowed_mentions=none)
    bot.tree = app_commands.CommandTree(bot)

    @bot.tree.command(description="Give points")
    @app_commands.default_permissions(moderate_members=True)
    async def award(
        interaction: discord.Interaction,
        member: discord.Member,
        amount: app_commands.Range[int, 1, 10**12],
        category: str | None = None,
    ) -> None:
        only = discord.AllowedMentions(users=[member])
        await interaction.response.send_message(
            "ok", embed=embed(), view=Card(timeout=None), file=picture(), allowed_mentions=only
        )
        await interaction.followup.send("more", ephemeral=True, view=Card(timeout=None))
        await interaction.edit_original_response(content="x", view=Card(timeout=None))
        channel = interaction.channel
        assert isinstance(channel, discord.TextChannel)
        message = await channel.send("hi", nonce="slot-1", allowed_mentions=only, silent=True)
        await message.add_reaction("✅")
        await message.edit(content="y", embed=None)
        await message.reply("re", mention_author=False)
        await message.forward(channel)
        await channel.send(view=Layout())
        shown = await channel.send("z", files=[picture(), picture()])
        await shown.edit(attachments=[shown.attachments[0]])
        await shown.delete()
        assert [earlier async for earlier in channel.history(limit=5)]
        await member.send("a word")

    @award.autocomplete("category")
    async def offered(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=typed, value="events")]

    @bot.tree.command(description="Waits")
    async def later(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        assert interaction.guild is not None
        await interaction.guild.create_role(name="Fellow", permissions=discord.Permissions.none())
        word = await interaction.followup.send("x", wait=True)
        await word.edit(content="y")
        await interaction.delete_original_response()

    @bot.tree.context_menu(name="Award Points")
    async def menu(interaction: discord.Interaction, _: discord.Member) -> None:
        await interaction.response.send_modal(Form())

    return bot


async def play() -> list[Record]:
    async with simcord.run(toy_bot()) as env:
        guild = env.create_guild()
        channel = guild.create_text_channel("general")
        grace = guild.add_member(
            env.create_user("grace"), roles=[guild.create_role("mod", permissions=discord.Permissions.all())]
        )
        ada = guild.add_member(env.create_user("ada"))
        await grace.autocomplete(channel, "award", "category", "ev")
        result = await grace.slash(channel, "award", member=ada, amount=5)
        assert result.response is not None
        await grace.select(result.response, ["a"], custom_id="pick")
        await grace.click(result.response, custom_id="approve")
        await grace.slash(channel, "later")
        await grace.context_menu(channel, "Award Points", ada)
        return list(env.http_requests)


@cache
def sent() -> list[Record]:
    return asyncio.run(play())


@described
def test_what_discord_py_sends_is_what_discord_describes() -> None:
    records = sent()

    assert violations(records) == []
    answers = {(record.json or {}).get("type") for record in records if record.path.endswith("/callback")}
    assert answers == {4, 5, 6, 7, 8, 9}
    assert {record.method for record in records} == {"GET", "POST", "PUT", "PATCH", "DELETE"}


@described
@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda exemption: exemption.name)
def test_each_exemption_is_needed(exemption: Exemption) -> None:
    path = description_path()
    assert path is not None
    document = json.loads(path.read_text(encoding="utf-8"))

    stricter = Description(document, [other for other in EXEMPTIONS if other is not exemption])

    assert violations(sent(), stricter) != []


@described
def test_fifty_requests_are_validated_in_a_moment() -> None:
    fifty = (sent() * 3)[:50]
    violations(fifty)  # the validators are compiled once

    began = time.perf_counter()
    violations(fifty)

    assert time.perf_counter() - began < 1  # about 0.03 s where it was written


# what must be caught

REFUSED_BY_THE_DESCRIPTION = {
    "no such path": (Record("GET", "/guild/1", {}, None, None), "/path: no such path"),
    "a method": (Record("PUT", "/channels/1/messages", {}, None, None), "/path: has no such method"),
    "a word as an id": (Record("GET", "/channels/general", {}, None, None), "/path/channel_id: "),
    "an id past 64 bits": (Record("GET", f"/channels/{2**64}", {}, None, None), "/path/channel_id: "),
    "a query nobody knows": (query(newest=1), "/params/newest: no such parameter"),
    "a query's limit": (query(limit=101), "/params/limit: 101 is greater than the maximum of 100"),
    "no body": (Record("POST", "/channels/1/messages", {}, None, None), "/json: this request needs a body"),
    "a body to a get": (
        Record("GET", "/channels/1", {}, {"a": 1}, None),
        "/json: this request takes no body",
    ),
    "an unknown field": (message(content="x", embed={}), "'embed' was unexpected"),
    "content is a number": (message(content=5), "/json/content: 5 is not of type 'string', 'null'"),
    "title": (one(title="t" * 257), "/json/embeds/0/title: 257 characters, at most 256"),
    "description": (one(description="d" * 4097), "/json/embeds/0/description: 4097 characters, at most 4096"),
    "26 fields": (one(fields=EVENTS * 26), "/json/embeds/0/fields: 26 items, at most 25"),
    "field name": (one(fields=[{"name": "n" * 257, "value": "v"}]), "/fields/0/name: 257 characters"),
    "field value": (one(fields=[{"name": "n", "value": "v" * 1025}]), "/fields/0/value: 1025 characters"),
    "a field without value": (one(fields=[{"name": "n"}]), "/fields/0: 'value' is a required property"),
    "footer": (one(footer={"text": "f" * 2049}), "/footer/text: 2049 characters, at most 2048"),
    "author": (one(author={"name": "f" * 257}), "/author/name: 257 characters, at most 256"),
    "colour": (one(title="t", color=1 << 24), "/color: 16777216 is greater than the maximum of 16777215"),
    "a naive time": (one(title="t", timestamp="2026-11-01T00:00:00"), "/timestamp: "),
    "a scripted link": (one(title="t", url="javascript:alert(1)"), "/url: "),
    "an address that is a number": (one(title="t", url=5), "/json/embeds/0/url: 5 is not of type"),
    "a nonce of no kind": (
        message(content="x", nonce=[5]),
        "/json/nonce: [5] is none of what may stand here",
    ),
    "11 embeds": (message(embeds=[{"title": "t"}] * 11), "/json/embeds: 11 items, at most 10"),
    "nonce": (message(content="x", nonce="n" * 26), "/json/nonce: 26 characters, at most 25"),
    "custom_id": (rows(button(custom_id="c" * 101)), "/components/0/components/0/custom_id: 101 characters"),
    "button label": (rows(button(label="l" * 81)), "/components/0/components/0/label: 81 characters"),
    "button style": (rows(button(style=9)), "/components/0/components/0/style: 9 is not one of"),
    "six buttons": (rows(*buttons(6)), "/json/components/0/components: 6 items, at most 5"),
    "an empty row": (message(content="x", components=[row()]), "0 items, at least 1"),
    "26 options": (rows(select(*map(str, range(26)))), "/components/0/options: 26 items, at most 25"),
    "an unknown component": (rows({"type": 99}), "/components/0/components/0: type 99 does not belong here"),
    "a component in no row": (message(components=[button()]), "/json/components/0: type 2 does not belong"),
    "whom to ping": (
        message(content="x", allowed_mentions={"users": ["ada"]}),
        "/allowed_mentions/users/0: ",
    ),
    "a file name": (
        message(attachments=[{"id": 0, "filename": ""}]),
        "/attachments/0/filename: 0 characters",
    ),
    "a follow-up": (
        Record(
            "POST", "/webhooks/1/token", {"wait": "perhaps"}, {"content": "x", "username": "u" * 81}, None
        ),
        "/params/wait: 'perhaps' is not of type 'boolean'",
    ),
    "a webhook's name": (
        Record("POST", "/webhooks/1/token", {}, {"content": "x", "username": "u" * 81}, None),
        "/json/username: 81 characters, at most 80",
    ),
    "an original's embed": (
        Record("PATCH", "/webhooks/1/t/messages/@original", {}, {"embeds": [{"title": "t" * 257}]}, None),
        "/json/embeds/0/title: 257 characters, at most 256",
    ),
    "a reply's embed": (
        answer(4, embeds=[{"title": "t" * 257}]),
        "/json/data/embeds/0/title: 257 characters",
    ),
    "an unknown answer": (answer(2), "/json: type 2 does not belong here"),
    "26 suggestions": (answer(8, choices=EVENTS * 26), "/json/data/choices: 26 items, at most 25"),
    "a long suggestion": (answer(8, choices=[{"name": "n" * 101, "value": "v"}]), "/choices/0/name: 101"),
    "modal title": (
        answer(9, custom_id="f", title="t" * 46, components=[label()]),
        "/data/title: 46 characters",
    ),
    "modal text": (asked(label(max_length=4001)), "/component/max_length: 4001 is greater than"),
    "command name": (commands(command(name="a" * 33)), "/json/0/name: 33 characters, at most 32"),
    "command description": (commands(command(description="d" * 101)), "/json/0/description: 101 characters"),
    "26 command options": (commands(command(options=[option()] * 26)), "/json/0/options: 26 items"),
    "option name": (commands(command(options=[option(name="n" * 33)])), "/0/options/0/name: 33 characters"),
    "no option description": (commands(command(options=[option(description="")])), "/0/description: 0 char"),
    "an option's description": (
        commands(command(options=[option(description="d" * 101)])),
        ": 101 characters",
    ),
    "26 choices": (
        commands(command(options=[option(choices=EVENTS * 26)])),
        "/choices: 26 items, at most 25",
    ),
    "an unknown option": (
        commands(command(options=[option(type=12)])),
        "/options/0: type 12 does not belong",
    ),
}


@described
@pytest.mark.parametrize("case", REFUSED_BY_THE_DESCRIPTION)
def test_what_the_description_forbids_is_named_with_its_place_once_and_briefly(case: str) -> None:
    record, expected = REFUSED_BY_THE_DESCRIPTION[case]

    lines = violations([record])
    assert any(expected in line for line in lines), lines
    assert len(lines) == len(set(lines)) <= 3
    assert all(len(line) < 250 for line in lines)
