"""Each limit that stands in Discord's prose only is seen failing."""

import pytest

from tests.bot.discord_api import violations
from tests.bot.discord_requests import (
    EVENTS,
    V2,
    Record,
    answer,
    asked,
    button,
    buttons,
    command,
    commands,
    edit,
    label,
    message,
    one,
    option,
    row,
    rows,
    select,
    text,
)

REFUSED_BY_THE_LIMITS = {
    "a long audit reason": (
        Record("PUT", "/guilds/1/bans/2", {}, None, "r" * 513),
        "/reason: audit log reason",
    ),
    "content": (message(content="x" * 2001), "/json/content: 2001 characters, at most 2000"),
    "a follow-up of nothing": (
        Record("POST", "/webhooks/1/token", {}, {"content": ""}, None),
        "/json: an empty message",
    ),
    "nothing to say": (message(embeds=[], components=[]), "/json: an empty message"),
    "an answer of nothing": (answer(4), "/json/data: an empty message"),
    "an answer without data": (
        Record("POST", "/interactions/1/token/callback", {}, {"type": 4}, None),
        "/json/data: a reply without a message",
    ),
    "a secret for all": (message(content="x", flags=64), "/json/flags: only an answer to an interaction"),
    "embeds together": (
        message(embeds=[{"title": "t", "description": "d" * 3000}] * 2),
        "/json/embeds: 6002 characters in all embeds together, at most 6000",
    ),
    "one embed's parts": (
        one(description="d" * 4096, footer={"text": "f" * 1900}, author={"name": "abc"}, fields=EVENTS),
        "6001 characters in all embeds together",
    ),
    "a blank field": (one(fields=[{"name": " ", "value": "v"}]), "/json/embeds/0/fields/0/name: blank"),
    "pinged twice": (
        message(content="x", allowed_mentions={"parse": ["users"], "users": ["1"]}),
        "/json/allowed_mentions/users: named one by one",
    ),
    "a picture not sent": (
        one(image={"url": "attachment://x.png"}),
        "/json/embeds/0/image/url: attachment://x.png",
    ),
    "a picture taken away": (
        edit(embeds=[{"image": {"url": "attachment://x.png"}}], attachments=[]),
        "attachment://x.png names no file",
    ),
    "a file without a name": (
        message(attachments=[{"id": 0}]),
        "/attachments/0/filename: a new file without",
    ),
    "a file twice": (
        message(attachments=[{"id": 0, "filename": "x"}] * 2),
        "attachment id '0' stands 2 times",
    ),
    "six rows": (
        message(components=[row(part) for part in buttons(6)]),
        "/json/components: 6 action rows, at most 5",
    ),
    "41 components": (
        message(flags=V2, components=[{"type": 17, "components": [text("x")] * 40}]),
        "/json/components: 41 components, at most 40",
    ),
    "a layout without its flag": (message(components=[text("x")]), "10 needs the components V2 flag"),
    "content beside a layout": (
        message(flags=V2, content="x", components=[text("x")]),
        "/json/content: not beside",
    ),
    "a layout's text": (
        message(flags=V2, components=[text("x" * 2001)] * 2),
        "4002 characters of text together",
    ),
    "one custom_id twice": (rows(button(), button()), "/json/components: custom_id 'go' stands 2 times"),
    "a select beside a button": (rows(button(), select("a")), "/json/components/0/components: a row holds"),
    "a link with a custom_id": (
        rows(button(style=5, url="https://a.org")),
        "/components/0/custom_id: a button of",
    ),
    "a link to nowhere": (rows(button(style=5, custom_id=None)), "/components/0/url: a button of style 5"),
    "a button without id": (rows(button(custom_id=None)), "/components/0/custom_id: a button of style 1"),
    "a button without words": (rows(button(label=None)), "/components/0/label: a button without label"),
    "more than there is": (rows(select("a", max_values=2)), "/components/0/max_values: 2 of 1 options"),
    "min over max": (
        rows(select("a", "b", min_values=2, max_values=1)),
        "/min_values: 2 is more than max_values",
    ),
    "an option twice": (rows(select("a", "a")), "/components/0/options: value 'a' stands 2 times"),
    "two chosen of one": (
        rows(select(options=[{"label": v, "value": v, "default": True} for v in "ab"])),
        "/components/0/options: more than 1 chosen from the start",
    ),
    "six questions": (asked(*(label(custom_id=str(n)) for n in range(6))), "/json/data/components: 6 parts"),
    "a question's lengths": (
        asked(label(min_length=9, max_length=5)),
        "/min_length: 9 is more than max_length, 5",
    ),
    "a suggestion twice": (
        answer(8, choices=EVENTS * 2),
        "/json/data/choices: choice name 'n' stands 2 times",
    ),
    "capitals": (commands(command(name="Award")), "/json/0/name: 'Award': only lower-case letters"),
    "a space": (commands(command(name="award it")), "/json/0/name: 'award it': only lower-case"),
    "one command": (
        Record("POST", "/applications/1/guilds/2/commands", {}, command(name="a b"), None),
        "/json/name: 'a b': only lower-case",
    ),
    "no description": (commands(command(description="")), "/json/0/description: a slash command needs"),
    "a menu that explains": (commands(command(type=2)), "/json/0: a menu command has neither"),
    "a command twice": (commands(command(), command()), "/json: command name 'award' stands 2 times"),
    "16 menus": (
        commands(*({"type": 2, "name": str(n)} for n in range(16))),
        "/json: 16 commands of type 2, at most 15",
    ),
    "a required option last": (
        commands(command(options=[option(), option(name="more", required=True)])),
        "/json/0/options/1/required: required options stand before",
    ),
    "an option's name": (
        commands(command(options=[option(name="As-Of")])),
        "/json/0/options/0/name: 'As-Of'",
    ),
    "a nested option's name": (
        commands(command(options=[option(type=1, options=[option(name="A")])])),
        "/json/0/options/0/options/0/name: 'A'",
    ),
    "an option named twice": (
        commands(command(options=[option(), option()])),
        "option name 'reason' stands 2",
    ),
    "an empty range": (
        commands(command(options=[option(type=4, min_value=2, max_value=1)])),
        "/json/0/options/0/min_value: 2 is more than max_value, 1",
    ),
    "an empty length": (
        commands(command(options=[option(min_length=2, max_length=1)])),
        "/json/0/options/0/min_length: 2 is more than max_length, 1",
    ),
    "choices and autocomplete": (
        commands(command(options=[option(choices=EVENTS, autocomplete=True)])),
        "/json/0/options/0/autocomplete: not beside choices",
    ),
    "a choice twice": (
        commands(command(options=[option(choices=EVENTS * 2)])),
        "/json/0/options/0/choices: choice name 'n' stands 2 times",
    ),
    "a wordy command": (
        commands(
            command(
                options=[
                    option(choices=[{"name": "n", "value": "v" * 5000}, {"name": "m", "value": "w" * 4000}])
                ]
            )
        ),
        "characters in names, descriptions and values, at most 8000",
    ),
}


@pytest.mark.parametrize("case", REFUSED_BY_THE_LIMITS)
def test_what_discord_says_in_prose_only_is_named_with_its_place_once_and_briefly(case: str) -> None:
    record, expected = REFUSED_BY_THE_LIMITS[case]

    lines = violations([record])
    assert any(expected in line for line in lines), lines
    assert len(lines) == len(set(lines)) <= 3
    assert all(len(line) < 250 for line in lines)
