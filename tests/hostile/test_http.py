"""Hostile input in every path, query, header and body field that the HTTP API describes.

What is tried comes from its own description, so a new field is tried without anybody remembering it. Every answer
is one the description allows for, never a 5xx; a refusal is a problem document in words and leaves every table as
it was; what was accepted comes back word for word.
"""

import gzip
import json
from collections.abc import Iterator
from itertools import count
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from points_core import verification
from points_core.database import Points
from points_core.http.app import create_app
from tests.conftest import Databases
from tests.core.conftest import row_counts, settings_for
from tests.hostile.corpus import DAYS, IDS, NUMBERS, TEXTS, everywhere
from tests.hostile.test_commands import nothing
from tests.http.conftest import ADA, Api, Program, new_key, served

PER_FIELD: Final = 8
LARGEST: Final = 20_000  # characters of an address: more is no HTTP

WORDS: Final = {
    **TEXTS,
    **{f"id: {n}": v for n, v in IDS.items()},
    **{f"day: {n}": v for n, v in DAYS.items()},
}
ANYTHING: Final[dict[str, Any]] = {
    **WORDS,
    **{f"number: {n}": v for n, v in NUMBERS.items()},
    "nested": [[[{"a": [1]}]]],
}

_names = count(1)

HONEST: Final[dict[str, Any]] = {
    "user_id": ADA, "amount": 5, "reason": "helped", "url": "https://hook.invalid/x", "approve": True,
    "on_behalf_of": "81384788765712399", "event": "won", "number": 1, "table": "balances",
    "rows": [{"user_id": ADA, "amount": 5, "reason": "helped"}], "at": "2026-03-18T12:00:00Z",
}  # fmt: skip


def honest(name: str) -> Any:
    """Return what an honest program sends in a required field. A KeyError asks for a line in HONEST."""
    return f"heading {next(_names)}" if name == "name" else HONEST[name]


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    url = databases.new("sqlite")
    yield url
    databases.drop(url)


class Operation:
    """One method of one address, as the description has it."""

    def __init__(self, method: str, path: str, described: dict[str, Any], schemas: dict[str, Any]) -> None:
        self.method, self.path = method.upper(), path
        self.parameters = described.get("parameters", [])
        body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        self.schema = schemas[body["$ref"].rpartition("/")[2]] if body else None

    def body(self) -> dict[str, Any] | None:
        if self.schema is None:
            return None
        return {name: honest(name) for name in self.schema.get("required", ())}

    def fields(self) -> Iterator[tuple[str, str]]:
        """Yield where a value can go, and its name there."""
        for each in self.parameters:
            yield each["in"], each["name"]
        yield from (("body", name) for name in (self.schema or {}).get("properties", {}))

    async def ask(
        self, program: Program, where: str = "", name: str = "", value: Any = None
    ) -> httpx.Response:
        """Send an honest request with one value put somewhere."""
        path = self.path
        query: dict[str, Any] = {}
        headers: dict[str, Any] = {**program.headers}
        body = self.body()
        for each in self.parameters:
            put = value if (where, name) == (each["in"], each["name"]) else None
            if each["in"] == "path":
                given = honest_path(each["name"]) if put is None else put
                path = path.replace(f"{{{each['name']}}}", quoted(given))
            elif each["name"] == "Idempotency-Key":
                headers[each["name"]] = new_key() if put is None else put.encode("utf-8", "surrogatepass")
            elif put is not None or each["required"]:
                query[each["name"]] = honest(each["name"]) if put is None else put
        if where == "body":
            body = {**(body or {}), name: value}
        text = "&".join(f"{name}={quoted(each)}" for name, each in query.items())
        content = None if body is None else as_json(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        url = f"{path}?{text}" if text else path
        return await program.http.request(self.method, url, headers=headers, content=content)


def honest_path(name: str) -> str:
    return {"slug": "not-found"}.get(name) or str(honest(name))


def quoted(value: object) -> str:
    return quote(str(value).encode("utf-8", "surrogatepass"), safe="")


def as_json(body: object) -> bytes:
    """Return JSON as Python writes it: NaN, Infinity and lone surrogates included."""
    try:
        return json.dumps(body).encode()
    except ValueError:  # a number of thousands of digits
        return json.dumps(body, default=str).encode()


def operations(points: Points) -> list[Operation]:
    described = create_app(points).openapi()
    schemas = described["components"]["schemas"]
    return [
        Operation(method, path, operation, schemas)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def judged(answer: httpx.Response, what: str) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    if answer.status_code >= 500:
        yield f"{what}: {answer.status_code} {answer.text[:200]}"
    elif answer.status_code >= 400 and answer.headers["Content-Type"] == "application/problem+json":
        if not answer.json()["title"]:
            yield f"{what}: refused without words"
    elif answer.status_code >= 400 and "Invalid HTTP" not in answer.text:
        yield f"{what}: {answer.status_code} is no problem document: {answer.text[:200]}"
    if "Traceback" in answer.text:
        yield f"{what}: it shows where it broke"
    for name, value in answer.headers.items():
        if "\n" in value or "\r" in value or name.lower() in {"set-cookie", "x"}:
            yield f"{what}: it has the header {name}: {value}"


async def test_every_field_takes_hostile_input(database_url: str) -> None:
    wrong: list[str] = []
    async with (
        Points.opened(settings_for(database_url)) as points,
        served(points, ticks=iter(range(0, 10**9, 60)).__next__) as api,
    ):
        program = await prepared(api)
        for operation in operations(points):
            asked = await operation.ask(program)
            if asked.status_code in {
                400,
                415,
                422,
            }:  # the shape is wrong, and so would be what is tried with it
                wrong.append(f"{operation.method} {operation.path}: an honest request got {asked.text[:200]}")
            for where, name in operation.fields():
                field = f"{operation.method} {operation.path} {where} {name}"
                values = ANYTHING if where == "body" else WORDS
                for called, value in everywhere(field, values, PER_FIELD).items():
                    put = value if where == "body" else value[:LARGEST]
                    before = await row_counts(points)
                    try:
                        answer = await operation.ask(program, where, name, put)
                    except (httpx.LocalProtocolError, httpx.InvalidURL):
                        continue  # no client can send it
                    wrong += judged(answer, f"{field}: {called}")
                    if answer.status_code >= 400 and await row_counts(points) != before:
                        wrong.append(f"{field}: {called}: refused, and yet something was written")
        assert await points.read(verification.verify) == []
    nothing(wrong)


async def prepared(api: Api) -> Program:
    """Leave one of everything, and return a program that may everything."""
    program = await api.program()
    for amount in (10, 20, 900):
        assert (await program.award(ADA, amount)).is_success
    assert (await program.post("/points/webhooks", {"url": "https://hook.invalid/1"})).is_success
    return program


BODIES: Final[dict[str, bytes]] = {
    "nothing": b"",
    "a word": b"hello",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b"[" * 50_000 + b"]" * 50_000,
    "twice the same name": b'{"user_id":"1","user_id":"2","amount":1,"amount":1000,"reason":"x"}',
    "NaN": b'{"user_id":"1","amount":NaN,"reason":"x"}',
    "infinity": b'{"user_id":"1","amount":-Infinity,"reason":"x"}',
    "beyond floats": b'{"user_id":"1","amount":1e400,"reason":"x"}',
    "thousands of digits": b'{"user_id":"1","amount":' + b"9" * 5_000 + b',"reason":"x"}',
    "minus zero": b'{"user_id":"1","amount":-0,"reason":"x"}',
    "five as a float": b'{"user_id":"1","amount":5.0,"reason":"x"}',
    "a list": b"[]",
    "null": b"null",
    "a string": b'"user_id"',
    "UTF-16": '{"user_id":"1","amount":5,"reason":"x"}'.encode("utf-16"),
    "no UTF-8": b'{"user_id":"1","amount":5,"reason":"\xff\xfe"}',
    "a byte order mark": b'\xef\xbb\xbf{"user_id":"1","amount":5,"reason":"x"}',
    "a raw NUL": b'{"user_id":"1","amount":5,"reason":"a\x00b"}',
    "an escaped NUL": b'{"user_id":"1","amount":5,"reason":"a\\u0000b"}',
    "a lone surrogate": b'{"user_id":"1","amount":5,"reason":"a\\ud800b"}',
    "two documents": b'{"user_id":"1","amount":5,"reason":"x"}{"a":1}',
    "a comment": b'/* x */{"user_id":"1","amount":5,"reason":"x"}',
    "single quotes": b"{'user_id':'1','amount':5,'reason':'x'}",
    "a prototype": b'{"user_id":"1","amount":5,"reason":"x","__proto__":{"a":1}}',
    "zipped": gzip.compress(b'{"user_id":"1","amount":5,"reason":"x"}'),
    "a bomb": gzip.compress(b" " * 5_000_000),
}
HEADERS: Final[dict[str, dict[str, str]]] = {
    "as form": {"Content-Type": "application/x-www-form-urlencoded"},
    "as form data": {"Content-Type": "multipart/form-data; boundary=x"},
    "as XML": {"Content-Type": "application/xml"},
    "as nothing": {"Content-Type": ""},
    "as JSON of another charset": {"Content-Type": "application/json; charset=utf-7"},
    "said to be zipped": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    "said to be small": {"Content-Type": "application/json", "Accept": "\x7f"},
    "from elsewhere": {"Content-Type": "application/json", "Host": "evil.example", "Origin": "https://evil.example"},
    "for another method": {"Content-Type": "application/json", "X-HTTP-Method-Override": "DELETE"},
    "for somebody": {"Content-Type": "application/json", "X-Forwarded-For": "' OR 1=1 --"},
}  # fmt: skip


async def test_every_body_is_read_as_what_it_is(database_url: str) -> None:
    wrong: list[str] = []
    async with (
        Points.opened(settings_for(database_url)) as points,
        served(points, ticks=iter(range(0, 10**9, 60)).__next__) as api,
    ):
        program = await prepared(api)
        addresses = [each for each in operations(points) if each.schema is not None]
        for operation in addresses:
            url = operation.path.replace("{number}", "1")
            for called, content in everywhere(url, BODIES, 12).items():
                for headed, headers in {
                    "plain": {"Content-Type": "application/json"},
                    **everywhere(url + called, HEADERS, 2),
                }.items():
                    what = f"{operation.method} {url}: {called}, {headed}"
                    sent = program.headers | {"Idempotency-Key": new_key()} | headers
                    before = await row_counts(points)
                    try:
                        answer = await program.http.request(
                            operation.method, url, headers=sent, content=content
                        )
                    except httpx.LocalProtocolError:
                        continue
                    wrong += judged(answer, what)
                    if answer.status_code >= 400 and await row_counts(points) != before:
                        wrong.append(f"{what}: refused, and yet something was written")

        async def pieces() -> Any:
            for at in range(0, len(body), 3):
                yield body[at : at + 3]

        body = as_json({"user_id": ADA, "amount": 5, "reason": "in pieces"})
        sent = program.headers | {"Idempotency-Key": new_key(), "Content-Type": "application/json"}
        chunked = await program.http.post("/points/award", headers=sent, content=pieces())
        assert chunked.status_code == 201
        assert await points.read(verification.verify) == []
    nothing(wrong)


async def test_what_is_accepted_comes_back_word_for_word_and_is_no_formula(database_url: str) -> None:
    async with (
        Points.opened(settings_for(database_url)) as points,
        served(points, ticks=iter(range(0, 10**9, 60)).__next__) as api,
    ):
        program = await api.program()
        kept: dict[int, str] = {}
        for text in TEXTS.values():
            answer = await program.http.post(
                "/points/award",
                headers=program.headers | {"Idempotency-Key": new_key(), "Content-Type": "application/json"},
                content=as_json({"user_id": ADA, "amount": 1, "reason": text}),
            )
            if answer.status_code == 201:
                kept[answer.json()["number"]] = text.strip()
            else:
                assert answer.status_code in {413, 422}, answer.text

        assert len(kept) > 30
        for number, text in kept.items():
            assert (await program.get(f"/points/transactions/{number}")).json()["reason"] == text
        sheet = (await program.get("/points/history", {"Accept": "text/csv"})).text
        cells = [cell for row in _csv(sheet) for cell in row]
    formulas = [
        cell for cell in cells if cell.startswith(tuple("=+-@\t\r")) and not cell.lstrip("+-").isdigit()
    ]
    assert formulas == []


def _csv(text: str) -> list[list[str]]:
    import csv
    import io

    return list(csv.reader(io.StringIO(text, newline="")))
