"""Limits that Discord documents in prose and its published API description leaves out.

Each check yields `(pointer, sentence)`: where in the record of a request, as the parts of a JSON pointer,
and what is wrong there. Lengths are counted in code points.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Pointer = tuple[str | int, ...]
Complaint = tuple[Pointer, str]
Body = Mapping[str, Any]

ROOT: Pointer = ("json",)
DATA: Pointer = ("json", "data")

CONTENT = 2_000  # the description says 4,000, which is what people with Nitro may write
EMBEDS_TOGETHER = 6_000
ACTION_ROWS = 5  # in a message without the components V2 flag
COMPONENTS = 40  # nested ones included
LAYOUT_TEXT = 4_000  # all text displays of a V2 message together
MODAL_PARTS = 5
COMMAND_TEXT = 8_000  # names, descriptions and values of one command, its options and choices
COMMANDS = {1: 100, 2: 15, 3: 15}  # by type: slash, user menu, message menu
REASON = 512

EPHEMERAL, COMPONENTS_V2 = 1 << 6, 1 << 15
SUBSTANCE = ("content", "embeds", "components", "attachments", "poll", "sticker_ids")  # one at least
FORWARD = 1
SLASH = 1
ROW, BUTTON, STRING_SELECT, TEXT_DISPLAY = 1, 2, 3, 10
SELECTS = {3, 5, 6, 7, 8}
LINK, PREMIUM = 5, 6
SUBCOMMANDS = {1, 2}

_CHANNEL_MESSAGE = re.compile(r"/channels/\d+/messages(/\d+)?")
_WEBHOOK_MESSAGE = re.compile(r"/webhooks/\d+/[^/]+(/messages/[^/]+)?")
_CALLBACK = re.compile(r"/interactions/\d+/[^/]+/callback")
_COMMANDS = re.compile(r"/applications/\d+(/guilds/\d+)?/commands(/\d+)?")


def complaints(method: str, path: str, body: object, reason: str | None) -> Iterator[Complaint]:
    """What one request breaks; `reason` is the line for the server's audit log.

    Pointers begin with the record's field: `json` for the body, or `reason`.
    """
    if reason is not None and len(reason) > REASON:
        yield ("reason",), f"audit log reason of {len(reason)} characters, at most {REASON}"
    if method not in {"POST", "PUT", "PATCH"}:
        return
    if _COMMANDS.fullmatch(path):
        yield from _commands(body)
    elif not isinstance(body, Mapping):
        return
    elif _CALLBACK.fullmatch(path):
        yield from _callback(body)
    elif match := _CHANNEL_MESSAGE.fullmatch(path):
        yield from _message(body, ROOT, creates=match[1] is None)
        yield from _public_flags(body)
    elif match := _WEBHOOK_MESSAGE.fullmatch(path):
        yield from _message(body, ROOT, creates=match[1] is None)


def _callback(body: Body) -> Iterator[Complaint]:
    answer, content = body.get("type"), body.get("data")
    if not isinstance(content, Mapping):
        if answer == 4:
            yield DATA, "a reply without a message"
    elif answer in {4, 7}:
        yield from _message(content, DATA, creates=answer == 4)
    elif answer == 9:
        yield from _modal(content, DATA)
    elif answer == 8:
        yield from _choices(content, DATA)


def _public_flags(body: Body) -> Iterator[Complaint]:
    if _whole(body.get("flags")) & EPHEMERAL:
        yield (*ROOT, "flags"), "only an answer to an interaction can be ephemeral"


# messages


def _message(body: Body, at: Pointer, *, creates: bool) -> Iterator[Complaint]:
    content = body.get("content")
    if isinstance(content, str) and len(content) > CONTENT:
        yield (*at, "content"), f"{len(content)} characters, at most {CONTENT}"
    forwards = _mapping(body.get("message_reference")).get("type") == FORWARD
    if creates and not forwards and not any(body.get(key) for key in SUBSTANCE):
        yield at, "an empty message"
    yield from _embeds(body, at)
    yield from _mentions(body, at)
    yield from _attachments(body, at, creates=creates)
    yield from _components(body, at, creates=creates)


def _embeds(body: Body, at: Pointer) -> Iterator[Complaint]:
    total = 0
    for index, embed in enumerate(_mappings(body.get("embeds"))):
        place = (*at, "embeds", index)
        total += _embed_length(embed)
        for number, field in enumerate(_mappings(embed.get("fields"))):
            for part in ("name", "value"):
                if isinstance(field.get(part), str) and not field[part].strip():
                    yield (*place, "fields", number, part), "blank"
    if total > EMBEDS_TOGETHER:
        yield (*at, "embeds"), f"{total} characters in all embeds together, at most {EMBEDS_TOGETHER}"


def _embed_length(embed: Body) -> int:
    fields = [field.get(part) for field in _mappings(embed.get("fields")) for part in ("name", "value")]
    inner = [_mapping(embed.get("footer")).get("text"), _mapping(embed.get("author")).get("name")]
    return sum(len(text) for text in (embed.get("title"), embed.get("description"), *fields, *inner) if text)


def _mentions(body: Body, at: Pointer) -> Iterator[Complaint]:
    allowed = _mapping(body.get("allowed_mentions"))
    for kind in ("users", "roles"):
        if kind in (allowed.get("parse") or ()) and allowed.get(kind):
            yield (*at, "allowed_mentions", kind), f"named one by one although parse holds {kind!r}"


def _attachments(body: Body, at: Pointer, *, creates: bool) -> Iterator[Complaint]:
    files = _mappings(body.get("attachments"))
    yield from _repeated((str(file.get("id")) for file in files), (*at, "attachments"), "attachment id")
    for index, file in enumerate(files):
        if creates and not file.get("filename"):
            yield (*at, "attachments", index, "filename"), "a new file without a name"
    if not creates and not all(file.get("filename") for file in files):
        return  # a file kept from before has a name that this request does not tell
    if not creates and "attachments" not in body:
        return
    names = {file.get("filename") for file in files}
    for pointer, url in _strings({key: body.get(key) for key in ("embeds", "components")}, at):
        if url.startswith("attachment://") and url.removeprefix("attachment://") not in names:
            yield pointer, f"{url} names no file of this message"


# components


def _components(body: Body, at: Pointer, *, creates: bool) -> Iterator[Complaint]:
    found = list(_walk(body, at))
    if len(found) > COMPONENTS:
        yield (*at, "components"), f"{len(found)} components, at most {COMPONENTS}"
    if _whole(body.get("flags")) & COMPONENTS_V2:
        yield from _layout(body, found, at)
    else:
        yield from _rows(body, at, creates=creates)
    yield from _parts(found, (*at, "components"))


def _parts(found: list[tuple[Pointer, Body]], at: Pointer) -> Iterator[Complaint]:
    yield from _repeated((part["custom_id"] for _, part in found if part.get("custom_id")), at, "custom_id")
    for place, part in found:
        match part.get("type"):
            case 1:
                yield from _row(part, place)
            case 2:
                yield from _button(part, place)
            case 4:
                yield from _ordered(part, place, "min_length", "max_length")
            case kind if kind in SELECTS:
                yield from _select(part, place)


def _layout(body: Body, found: list[tuple[Pointer, Body]], at: Pointer) -> Iterator[Complaint]:
    for key in ("content", "embeds", "poll", "sticker_ids"):
        if body.get(key):
            yield (*at, key), "not beside components V2"
    text = sum(len(part.get("content") or "") for _, part in found if part.get("type") == TEXT_DISPLAY)
    if text > LAYOUT_TEXT:
        yield (*at, "components"), f"{text} characters of text together, at most {LAYOUT_TEXT}"


def _rows(body: Body, at: Pointer, *, creates: bool) -> Iterator[Complaint]:
    rows = _mappings(body.get("components"))
    if not creates and any(row.get("type") != ROW for row in rows):
        return  # an edit need not repeat the V2 flag
    if len(rows) > ACTION_ROWS:
        yield (*at, "components"), f"{len(rows)} action rows, at most {ACTION_ROWS}"
    for index, row in enumerate(rows):
        if row.get("type") != ROW:
            yield (*at, "components", index, "type"), f"{row.get('type')} needs the components V2 flag"


def _row(row: Body, at: Pointer) -> Iterator[Complaint]:
    kinds = [part.get("type") for part in _mappings(row.get("components"))]
    if len(kinds) > 1 and any(kind != BUTTON for kind in kinds):
        yield (*at, "components"), "a row holds up to five buttons or one select"


def _button(button: Body, at: Pointer) -> Iterator[Complaint]:
    style = button.get("style")
    target = {LINK: "url", PREMIUM: "sku_id"}.get(style if isinstance(style, int) else 0, "custom_id")
    for key in ("url", "sku_id", "custom_id"):
        if bool(button.get(key)) != (key == target):
            yield (*at, key), f"a button of style {style} has {target} and nothing else to go to"
    if style != PREMIUM and not (button.get("label") or button.get("emoji")):
        yield (*at, "label"), "a button without label or emoji"


def _select(select: Body, at: Pointer) -> Iterator[Complaint]:
    yield from _ordered(select, at, "min_values", "max_values")
    options = _mappings(select.get("options"))
    if select.get("type") != STRING_SELECT:
        return
    most = _whole(select.get("max_values"), 1)
    if most > len(options):
        yield (*at, "max_values"), f"{most} of {len(options)} options"
    if sum(bool(option.get("default")) for option in options) > most:
        yield (*at, "options"), f"more than {most} chosen from the start"
    yield from _repeated((str(option.get("value")) for option in options), (*at, "options"), "value")


def _modal(modal: Body, at: Pointer) -> Iterator[Complaint]:
    parts = _mappings(modal.get("components"))
    if len(parts) > MODAL_PARTS:
        yield (*at, "components"), f"{len(parts)} parts of a modal, at most {MODAL_PARTS}"
    yield from _parts(list(_walk(modal, at)), (*at, "components"))


def _walk(parent: Body, at: Pointer) -> Iterator[tuple[Pointer, Body]]:
    for key in ("components", "accessory", "component"):
        value = parent.get(key)
        children = [((*at, key), value)] if isinstance(value, Mapping) else []
        children += [((*at, key, index), child) for index, child in enumerate(_mappings(value))]
        for place, child in children:
            yield place, child
            yield from _walk(child, place)


# commands


def _commands(body: object) -> Iterator[Complaint]:
    if isinstance(body, Mapping):
        yield from _command(body, ROOT)
        return
    commands = _mappings(body)
    for index, command in enumerate(commands):
        yield from _command(command, (*ROOT, index))
    for kind, most in COMMANDS.items():
        names = [str(command.get("name")) for command in commands if command.get("type", SLASH) == kind]
        yield from _repeated(names, ROOT, "command name")
        if len(names) > most:
            yield ROOT, f"{len(names)} commands of type {kind}, at most {most}"


def _command(command: Body, at: Pointer) -> Iterator[Complaint]:
    description = command.get("description")
    if command.get("type", SLASH) == SLASH:
        yield from _name(command, at)
        if "name" in command and not description:
            yield (*at, "description"), "a slash command needs 1 to 100 characters"
    elif description or command.get("options"):
        yield at, "a menu command has neither description nor options"
    yield from _options(command, at)
    text = sum(_command_length(command))
    if text > COMMAND_TEXT:
        yield at, f"{text} characters in names, descriptions and values, at most {COMMAND_TEXT}"


def _options(parent: Body, at: Pointer) -> Iterator[Complaint]:
    options = _mappings(parent.get("options"))
    yield from _repeated((str(option.get("name")) for option in options), (*at, "options"), "option name")
    optional_seen = False
    for index, option in enumerate(options):
        place = (*at, "options", index)
        yield from _name(option, place)
        if option.get("required") and optional_seen:
            yield (*place, "required"), "required options stand before optional ones"
        optional_seen |= option.get("type") not in SUBCOMMANDS and not option.get("required")
        yield from _ordered(option, place, "min_value", "max_value")
        yield from _ordered(option, place, "min_length", "max_length")
        if option.get("autocomplete") and option.get("choices"):
            yield (*place, "autocomplete"), "not beside choices"
        yield from _choices(option, place)
        yield from _options(option, place)


def _choices(parent: Body, at: Pointer) -> Iterator[Complaint]:
    names = [str(choice.get("name")) for choice in _mappings(parent.get("choices"))]
    yield from _repeated(names, (*at, "choices"), "choice name")


def _name(named: Body, at: Pointer) -> Iterator[Complaint]:
    name = named.get("name")
    if isinstance(name, str) and (name != name.lower() or not all(map(_allowed_in_name, name))):
        yield (*at, "name"), f"{name!r}: only lower-case letters, digits, - _ and ' make a command's name"


def _allowed_in_name(sign: str) -> bool:
    # Devanagari and Thai are written with combining marks, which Discord allows for them alone.
    marks = "\u0900" <= sign <= "\u097f" or "\u0e00" <= sign <= "\u0e7f"
    return sign in "-_'" or unicodedata.category(sign)[0] in "LN" or marks


def _command_length(part: Body) -> Iterator[int]:
    yield from (len(str(part[key])) for key in ("name", "description", "value") if part.get(key) is not None)
    for key in ("options", "choices"):
        for child in _mappings(part.get(key)):
            yield from _command_length(child)


# shapes


def _repeated(values: Iterable[str], at: Pointer, word: str) -> Iterator[Complaint]:
    for value, count in Counter(values).items():
        if count > 1:
            yield at, f"{word} {value!r} stands {count} times"


def _ordered(part: Body, at: Pointer, low: str, high: str) -> Iterator[Complaint]:
    least, most = part.get(low), part.get(high)
    if least is not None and most is not None and least > most:
        yield (*at, low), f"{least} is more than {high}, {most}"


def _strings(node: object, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    if isinstance(node, str):
        yield at, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _strings(value, (*at, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _strings(value, (*at, index))


def _mappings(value: object) -> list[Body]:
    """The objects of a list; what is no list has none, and the schema says so."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Body:
    return value if isinstance(value, Mapping) else {}


def _whole(value: object, otherwise: int = 0) -> int:
    return value if isinstance(value, int) else otherwise
