"""Requests as simcord records them, sound until a test breaks one part."""

import pytest
import simcord

from tests.bot.discord_api import description_path

Record = simcord.HttpLogEntry
Part = dict[str, object]
described = pytest.mark.skipif(
    description_path() is None, reason="Discord's API description is not beside the checkout"
)


def message(**body: object) -> Record:
    return Record("POST", "/channels/1/messages", {}, body, None)


def edit(**body: object) -> Record:
    return Record("PATCH", "/channels/1/messages/2", {}, body, None)


def answer(kind: int, **content: object) -> Record:
    return Record("POST", "/interactions/1/token/callback", {}, {"type": kind, "data": content}, None)


def commands(*listed: Part) -> Record:
    return Record("PUT", "/applications/1/commands", {}, list(listed), None)


def command(**parts: object) -> Part:
    return {"type": 1, "name": "award", "description": "Give points", **parts}


def option(**parts: object) -> Part:
    return {"type": 3, "name": "reason", "description": "What for", **parts}


def button(**parts: object) -> Part:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": "go", **parts}


def select(*values: str, **parts: object) -> Part:
    return {
        "type": 3,
        "custom_id": "pick",
        "options": [{"label": value, "value": value} for value in values],
        **parts,
    }


def row(*parts: Part) -> Part:
    return {"type": 1, "components": list(parts)}


def buttons(count: int) -> list[Part]:
    return [button(custom_id=str(number)) for number in range(count)]


def rows(*parts: Part) -> Record:
    return message(components=[row(*parts)])


def one(**parts: object) -> Record:
    return message(embeds=[parts])


def text(content: str) -> Part:
    return {"type": 10, "content": content}


def asked(*parts: Part) -> Record:
    return answer(9, custom_id="form", title="Award", components=list(parts))


def label(**parts: object) -> Part:
    component = {"type": 4, "style": 1, "custom_id": "why", **parts}
    return {"type": 18, "label": "Why", "component": component}


def query(**params: object) -> Record:
    return Record("GET", "/channels/1/messages", params, None, None)


V2 = 1 << 15
EVENTS = [{"name": "n", "value": "v"}]
