"""Every refusal and fault has a status, a title and an address that says what it means; none tells secrets."""

import re
from collections.abc import Iterator

import pytest

from points_core import errors
from points_core.errors import Fault, PointsError
from points_core.http import problems
from tests.bot.test_refusals import SAID
from tests.http.conftest import Api


def leaves(kind: type[PointsError]) -> Iterator[type[PointsError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for one in below:
        yield from leaves(one)


def test_every_refusal_and_fault_has_a_status() -> None:
    assert set(leaves(PointsError)) == set(problems.PROBLEMS)


def test_refusals_are_the_callers_and_faults_are_ours() -> None:
    for kind, (status, title) in problems.PROBLEMS.items():
        assert (500 if issubclass(kind, Fault) else 400) == status // 100 * 100, kind
        assert re.fullmatch(r"[A-Z].*\.", title)


@pytest.mark.parametrize("error", [error for error, _ in SAID], ids=lambda error: type(error).__name__)
def test_a_problem_document_is_plain_and_tells_no_secrets(error: PointsError) -> None:
    answer = problems.response(error)

    assert answer.media_type == "application/problem+json"
    text = bytes(answer.body).decode("ascii")
    assert "/srv" not in text or not isinstance(error, Fault)
    assert "secret" not in text or not isinstance(error, Fault)


def test_a_lone_surrogate_in_a_refusal_can_be_answered() -> None:
    assert b"\\ud800" in problems.response(errors.InvalidTime("\ud800")).body


async def test_each_type_leads_to_what_it_means(api: Api) -> None:
    listed = (await api.http.get("/problems")).json()

    assert len(listed) == len(problems.catalogue())
    for each in listed:
        assert (await api.http.get(each["type"])).json() == each
    assert (await api.http.get("/problems/none")).status_code == 404
