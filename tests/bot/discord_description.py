"""Discord's published description of its HTTP API, made ready to judge what discord.py sends.

The OpenAPI document is taken as it is, but for the exemptions listed here: unknown fields are refused,
references become absolute, and files are not asked for, since no record holds them.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import simcord
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.bot.discord_limits import Complaint

Schema = dict[str, Any]

SCHEMAS: Final = "#/components/schemas/"  # how the document points at a schema of its own
SHORT: Final = 120  # characters of a value or sentence that a line of the report shows


@dataclass(frozen=True)
class Exemption:
    """A spot where the description is stricter than Discord, or silent about what discord.py sends.

    places: keys that lead there, from the document's schemas. becomes: the schema that stands there instead.
    """

    name: str
    places: tuple[tuple[str, ...], ...]
    becomes: Schema
    why: str


# One more stands in `_readings`: a query is text, and discord.py writes its booleans as 1 and 0.
EXEMPTIONS: Final = (
    Exemption(
        "ids may be numbers",
        (("SnowflakeType",),),
        {"type": ["string", "integer"], "pattern": "^(0|[1-9][0-9]*)$", "minimum": 0, "format": "snowflake"},
        "discord.py writes the ids of attachments, mentions and replies as numbers; Discord reads both.",
    ),
    Exemption(
        "commands have an nsfw field",
        (
            ("ApplicationCommandUpdateRequest", "properties", "nsfw"),
            ("ApplicationCommandCreateRequest", "properties", "nsfw"),
        ),
        {"type": "boolean"},
        "Discord's pages document it, the description leaves it out.",
    ),
    Exemption(
        "embeds carry flags",
        (("RichEmbed", "properties", "flags"),),
        {"type": "integer"},
        "discord.py sends the flags it would read from Discord; they are dropped.",
    ),
    Exemption(
        "edits say that they are not spoken",
        (
            ("MessageEditRequestPartial", "properties", "tts"),
            ("IncomingWebhookUpdateRequestPartial", "properties", "tts"),
            ("IncomingWebhookUpdateForInteractionCallbackRequestPartial", "properties", "tts"),
        ),
        {"const": False},
        "discord.py adds tts to every body; false is what an edit does anyway.",
    ),
    Exemption(
        "a role's permissions are written as text",
        (("CreateRoleRequest", "properties", "permissions"),),
        {"type": ["string", "integer", "null"], "pattern": "^(0|[1-9][0-9]*)$"},
        "Discord's pages document the number as text, for more bits than a number holds; so discord.py sends it.",
    ),
    Exemption(
        "messages can be forwarded",
        (("MessageReferenceType",),),
        {"type": "integer", "enum": [0, 1]},
        "Discord's pages document type 1, the description knows replies only.",
    ),
    Exemption(
        "kept attachments are sent whole",
        (("MessageAttachmentRequest", "additionalProperties"),),
        {},
        "discord.py repeats all that it knows of a file that an edit keeps; Discord looks at the id.",
    ),
)


class Description:
    """Discord's OpenAPI document, ready to validate requests; validators are compiled on first use."""

    def __init__(self, document: Schema, exemptions: Iterable[Exemption] = EXEMPTIONS) -> None:
        document = copy.deepcopy(document)
        for exemption in exemptions:
            _put(document["components"]["schemas"], exemption)
        _prepare(document)
        self._paths: dict[tuple[str, ...], Schema] = {
            tuple(template.strip("/").split("/")): item for template, item in document["paths"].items()
        }
        # Every schema is a resource of its own, so that a $ref is one look-up and not a walk.
        self._registry: Registry[bool | Mapping[str, Any]] = Registry().with_resources(
            (_address_of(name), DRAFT202012.create_resource(schema))
            for name, schema in document["components"]["schemas"].items()
        )
        self._validators: dict[int, Draft202012Validator] = {}
        self._sound: set[tuple[int, bytes]] = set()

    def complaints(self, record: simcord.HttpLogEntry) -> Iterator[Complaint]:
        """What the description has against one request; pointers into the record, as in `discord_limits`."""
        segments = record.path.strip("/").split("/")
        found = self._find(record.method.lower(), segments)
        if isinstance(found, str):
            yield ("path",), found
            return
        template, item = found
        operation = item[record.method.lower()]
        known = [*item.get("parameters", ()), *operation.get("parameters", ())]
        filled = dict(zip(template, segments, strict=True))
        yield from self._path_parameters(known, filled)
        yield from self._query(known, record.params)
        yield from self._body(operation, record.json)

    def _find(self, method: str, segments: list[str]) -> tuple[tuple[str, ...], Schema] | str:
        fitting = [template for template in self._paths if _fits(template, segments)]
        able = [template for template in fitting if method in self._paths[template]]
        if not able:
            return "has no such method" if fitting else "no such path"
        best = min(able, key=lambda template: sum(part.startswith("{") for part in template))
        return best, self._paths[best]

    def _path_parameters(self, known: Iterable[Schema], filled: dict[str, str]) -> Iterator[Complaint]:
        for parameter in known:
            if parameter["in"] == "path":
                value = unquote(filled[f"{{{parameter['name']}}}"])
                for _, sentence in self._faults(parameter["schema"], value):
                    yield ("path", parameter["name"]), sentence

    def _query(self, known: Iterable[Schema], query: dict[str, Any]) -> Iterator[Complaint]:
        schemas = {
            parameter["name"]: parameter["schema"] for parameter in known if parameter["in"] == "query"
        }
        for name, value in query.items():
            if name not in schemas:
                yield ("params", name), "no such parameter"
                continue
            # A query is text, and its schema speaks of what the text means: take the kindest reading.
            readings = [list(self._faults(schemas[name], reading)) for reading in _readings(value)]
            for _, sentence in min(reversed(readings), key=len):
                yield ("params", name), sentence

    def _body(self, operation: Schema, body: object) -> Iterator[Complaint]:
        if "requestBody" not in operation:
            if body:
                yield ("json",), "this request takes no body"
        elif body is not None:
            for place, sentence in self._faults(_body_schema(operation["requestBody"]["content"]), body):
                yield ("json", *place), sentence
        elif operation["requestBody"].get("required"):
            yield ("json",), "this request needs a body"

    def _faults(self, schema: Schema, value: object) -> Iterator[Complaint]:
        # All commands are sent in one body of half a megabyte, the same one at each start of a bot
        seen = (id(schema), sha256(json.dumps(value).encode()).digest())
        if seen in self._sound:
            return
        sound = True
        for error in self._validator(schema).iter_errors(value):
            sound = False
            for leaf in _leaves(error):
                yield tuple(leaf.absolute_path), _sentence(leaf)
        if sound:
            self._sound.add(seen)

    def _validator(self, schema: Schema) -> Draft202012Validator:
        # Schemas live as long as the document, so their identity is a key.
        if id(schema) not in self._validators:
            self._validators[id(schema)] = Draft202012Validator(
                schema, registry=self._registry, format_checker=FORMATS
            )
        return self._validators[id(schema)]


# the document


def _put(schemas: Schema, exemption: Exemption) -> None:
    for *way, last in exemption.places:
        node = schemas
        for key in way:
            node = node[key]
        node[last] = exemption.becomes


def _prepare(node: object) -> None:
    """Make every $ref absolute, refuse unknown fields, and ask for no files, which no record holds.

    Discord drops fields that it does not know without a word: what such a field meant never happens.
    """
    if isinstance(node, list):
        for part in node:
            _prepare(part)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            node["$ref"] = _address_of(node["$ref"].removeprefix(SCHEMAS))
        _simplify(node)
        if isinstance(node.get("properties"), dict) and "type" in node:
            node.setdefault("additionalProperties", False)
            files = [name for name, part in node["properties"].items() if "contentEncoding" in part]
            node["required"] = [name for name in node.get("required", ()) if name not in files]
        for part in node.values():
            _prepare(part)


def _simplify(node: Schema) -> None:
    """Say enumerations by `enum` alone; the document spells them as unions of one value each."""
    if isinstance(node.get("enum"), list):
        node.pop("allOf", None)
    elif all("const" in choice for choice in node.get("oneOf", ())) and node.get("oneOf"):
        node["enum"] = [choice["const"] for choice in node.pop("oneOf")]


def _address_of(name: str) -> str:
    return f"urn:discord:{name}"


def _body_schema(content: Schema) -> Schema:
    # Where a form is offered beside JSON it is the same body with its files.
    form = content.get("application/json") or content["multipart/form-data"]
    schema: Schema = form["schema"]
    return schema


def _fits(template: tuple[str, ...], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        part.startswith("{") or part == segment for part, segment in zip(template, segments, strict=True)
    )


def _readings(value: object) -> list[object]:
    text = str(value)
    try:
        meant = json.loads(text.lower())
    except ValueError:
        return [text]
    return [text, meant, bool(meant)] if meant in (0, 1) else [text, meant]


# formats

FORMATS: Final = FormatChecker(formats=())


@FORMATS.checks("snowflake")
def _is_snowflake(value: object) -> bool:
    return not str(value).isdigit() or int(str(value)) < 2**64


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def _is_address(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return parts.scheme in {"http", "https", "discord", "attachment"} and bool(parts.netloc)


# words


def _leaves(error: ValidationError) -> list[ValidationError]:
    """The errors that a reader wants: inside a union, those of the branch that was meant."""
    if not error.context:
        return [error]
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [branch for branch in branches.values() if not any(map(_is_other_shape, branch))]
    meant = min(fitting, key=_distance, default=[])
    if not meant or (len(fitting) > 1 and any(map(_is_other_type, meant))):
        return [error]
    return [leaf for inner in meant for leaf in _leaves(inner)]


def _distance(branch: list[ValidationError]) -> tuple[bool, int]:
    return any(map(_is_other_type, branch)), sum(len(_leaves(error)) for error in branch)


def _is_other_shape(error: ValidationError) -> bool:
    """Whether this branch wants another kind of JSON value altogether, such as null."""
    return not error.relative_path and error.validator == "type"


def _is_other_type(error: ValidationError) -> bool:
    """Whether this branch is for another value of Discord's `type` field."""
    return list(error.relative_path) == ["type"]


def _sentence(error: ValidationError) -> str:
    words = WORDS.get(str(error.validator))
    return words(error.instance, error.validator_value) if words else _shortened(error.message)


def _shortened(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT] + " …"


def _no_branch(value: object) -> str:
    if isinstance(value, dict) and "type" in value:
        return f"type {value['type']!r} does not belong here"
    return f"{_shortened(repr(value))} is none of what may stand here"


WORDS: Final[dict[str, Callable[[Any, Any], str]]] = {
    "maxLength": lambda value, most: f"{len(value)} characters, at most {most}",
    "minLength": lambda value, least: f"{len(value)} characters, at least {least}",
    "maxItems": lambda value, most: f"{len(value)} items, at most {most}",
    "minItems": lambda value, least: f"{len(value)} items, at least {least}",
    "oneOf": lambda value, _: _no_branch(value),
    "anyOf": lambda value, _: _no_branch(value),
}
