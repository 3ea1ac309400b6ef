"""Numbers of another community are no numbers here: every operation and every address, taken from their signatures.

The village has one of everything under number 1; the town has nothing. Whatever takes a number is asked in the town
for number 1 and for one that nobody has: the answers are the same but for the number, and nothing is written.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from sqlalchemy import Connection

import points_core
from points_core import approvals, clients, imports, policy, rules, schedules, seasons, webhooks
from points_core.achievements import badges
from points_core.achievements.goals import FirstAward
from points_core.clients import Scope
from points_core.database import Points
from points_core.errors import PointsError
from points_core.imports import Options
from points_core.rules import On
from points_core.values import Actor, Kind, Mode
from points_core.windows import parse_day
from tests.conftest import Databases
from tests.core.conftest import ADA, MOD, NOON, OTHER_MOD, by, row_counts, settings_for
from tests.hostile.test_http import operations
from tests.http.conftest import TOWN, VILLAGE, served

NOBODYS: Final = 999
DEFINITION: Final = {"trigger": {"on": On.CHECK_IN.value}, "amount": 1, "reason": "was here"}

BESIDES: Final[dict[str, Any]] = {
    "reason": "a mistake",
    "approve": True,
    "note": "no",
    "user_id": ADA,
    "name": "another",
    "mode": Mode.PAUSED,
    "definition": DEFINITION,
    "anybodys": True,
    "now": NOON,
    "at": NOON,
    "made": lambda definition: definition,
    "change": lambda definition: definition,
    "kind": Kind.AWARD,
    "amount": 1,
    "channel": "1",
    "message": "1",
    "key": "k",
    "voter": Actor.member(OTHER_MOD),
    "after": 0,
    "slot": "2026-03-18",
    "place": "1",
}
"""What operations take beside the number."""

PUT_DOWN: Final = {"points_core.announcements.remember", "points_core.outbox.unsaid"}
"""What the bot puts down of what it has just done itself: nothing is looked up by the number."""

NUMBERS: Final = {"number", "batch", "transaction", "rule", "badge", "request"}


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    url = databases.new("sqlite")
    yield url
    databases.drop(url)


async def settled(points: Points) -> None:
    """Give the village one of everything, and the town nothing but a policy."""

    def there(user_id: str = MOD) -> Any:
        return by(user_id, community=VILLAGE)

    await points.write(policy.change, by(MOD, community=TOWN), quorum=2)
    await points.write(policy.add_category, there(), "number five")  # the first four are everybody's own
    for amount in (10, 500):
        await points.write(
            approvals.request, there(), kind=Kind.AWARD, user_id=ADA, amount=amount, reason="helped"
        )
    await points.write(
        seasons.start, there(), name="Spring", first=parse_day("2026-03-01"), last=parse_day("2026-03-31")
    )
    await points.write(schedules.add, there(), channel="5", window="week", every="day", at="09:00")
    await points.write(badges.add, there(), name="Firsts", goal=FirstAward())
    rule = await points.write(rules.create, there(), name="Here", definition=DEFINITION)
    await points.write(rules.set_mode, there(), rule.rule.number, Mode.LIVE)
    await points.write(clients.create, there(), token=clients.new_token(), name="shop", scopes=tuple(Scope))
    await points.write(webhooks.add, there(), url="https://hook.invalid/1")
    file = imports.opened(b"user_id,points\n81384788765712384,7\n")
    await points.write(imports.run, there(), file, Options())


def numbered() -> Iterator[tuple[str, Callable[..., Any], str, str]]:
    """Yield the core's public operations that take a community (or an origin) and a number in it."""
    seen: set[int] = set()
    for found in pkgutil.walk_packages(points_core.__path__, "points_core."):
        if ".migrations" in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != found.name or id(function) in seen:
                continue
            seen.add(id(function))
            parameters = list(inspect.signature(function).parameters)
            where = next((each for each in ("origin", "community") if each in parameters[1:2]), None)
            number = next((each for each in parameters[2:] if each in NUMBERS), None)
            called = f"{found.name}.{name}"
            if parameters[:1] == ["tx"] and where and number and called not in PUT_DOWN:
                yield called, function, where, number


def asked(function: Callable[..., Any], where: str, number: str, value: int) -> Callable[[Connection], Any]:
    """Return what asks for number `value` in the town, honestly otherwise."""
    signature = inspect.signature(function)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in list(signature.parameters.items())[1:]:
        if name == where:
            given: Any = by(MOD, community=TOWN) if where == "origin" else TOWN
        elif name == number:
            given = value
        elif (
            parameter.default is not inspect.Parameter.empty
            or parameter.kind is inspect.Parameter.VAR_KEYWORD
        ):
            continue
        else:
            given = BESIDES[name]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kwargs[name] = given
        else:
            args.append(given)
    return lambda tx: function(tx, *args, **kwargs)


async def outcome(points: Points, operation: Callable[[Connection], Any]) -> str:
    try:
        return repr(await points.write(operation))
    except PointsError as refusal:
        return repr(refusal)


def without(text: str, number: int) -> str:
    return text.replace(f"{number:,}", "#").replace(str(number), "#")


async def test_no_operation_finds_another_communitys_numbers(database_url: str) -> None:
    found = list(numbered())
    assert len(found) >= 25, [name for name, *_ in found]
    wrong: list[str] = []
    async with Points.opened(settings_for(database_url)) as points:
        await settled(points)
        for name, function, where, number in found:
            before = await row_counts(points)
            one = 5 if name.endswith("_category") else 8 if name.endswith("audit.find") else 1
            theirs = await outcome(points, asked(function, where, number, one))
            nobodys = await outcome(points, asked(function, where, number, NOBODYS))
            if without(theirs, one) != without(nobodys, NOBODYS):
                wrong.append(f"{name}: {theirs:.200} is not {nobodys:.200}")
            if await row_counts(points) != before:
                wrong.append(f"{name}: something was written")
    assert wrong == []


async def test_no_address_finds_another_communitys_numbers(database_url: str) -> None:
    wrong: list[str] = []
    async with (
        Points.opened(settings_for(database_url)) as points,
        served(points, ticks=iter(range(0, 10**9, 60)).__next__) as api,
    ):
        await settled(points)
        program = await api.program(community=TOWN)
        for operation in operations(points):
            names = [each["name"] for each in operation.parameters if each["in"] in {"path", "query"}]
            for name in names:
                if name not in {"number", "client", "batch", "webhook", "before", "after"}:
                    continue
                where = next(each["in"] for each in operation.parameters if each["name"] == name)
                number = 5 if "/categories/" in operation.path else 1
                before = await row_counts(points)
                theirs = await operation.ask(program, where, name, str(number))
                nobodys = await operation.ask(program, where, name, str(NOBODYS))
                what = f"{operation.method} {operation.path} {name}"
                if (theirs.status_code, without(theirs.text, number)) != (
                    nobodys.status_code,
                    without(nobodys.text, NOBODYS),
                ):
                    wrong.append(f"{what}: {theirs.text:.200} is not {nobodys.text:.200}")
                if await row_counts(points) != before:
                    wrong.append(f"{what}: something was written")
        balance = await program.get("/points/balance", user_id=ADA)
        assert balance.json()["current"] == 0
        assert (await program.get("/points/history")).json()["transactions"] == []
    assert wrong == []
