"""Charts: what is drawn, what is said of it, and which names can be drawn."""

import struct
from datetime import timedelta
from pathlib import Path

import pytest

from points_core import reports
from points_core.database import writer_engine
from points_core.reports import Chart, ReportKind
from points_core.reports.canvas import DPI, MAX_NAME, SIZE_IN, Signs
from points_core.reports.charts import MAX_WORDS
from points_core.settings import sync_url
from tests.conftest import Databases
from tests.core.posting import NOON, Move, Town


@pytest.fixture
def town(databases: Databases) -> Town:
    return Town(writer_engine(sync_url(databases.new("sqlite"))))


def drawn(town: Town, kind: ReportKind, **asked: object) -> Chart:
    chart = reports.chart(town.read(reports.OPERATIONS[kind], NOON, **asked))
    assert chart is not None
    return chart


@pytest.mark.parametrize("kind", ReportKind)
def test_every_report_is_drawn_and_described(town: Town, kind: ReportKind, tmp_path: Path) -> None:
    town.post([Move("ada", 30, "events", by="bo", name="Ada"), Move("ada", -4, by="bo")])
    asked = {"user_id": "ada"} if kind is ReportKind.MEMBER else {}

    chart = drawn(town, kind, **asked)

    width, height = struct.unpack(">II", chart.png[16:24])
    assert (width, height) == tuple(round(inches * DPI) for inches in SIZE_IN)
    assert "30" in chart.words


def test_names_that_cannot_be_drawn_stand_as_signs_and_are_said_in_full(town: Town) -> None:
    names = ("李小龍", "يوسف", "a$b$ {x}_y^2", "👩‍🚀", "Zoë", "Ольга")
    town.post([Move(f"m{n}", 5 + n, by=f"g{n}", name=name) for n, name in enumerate(names)])

    chart = drawn(town, ReportKind.GIVERS)

    assert {name for _, name in chart.signs} == {"李小龍", "يوسف", "👩‍🚀"}
    assert all(name in chart.words for name in names)


def test_a_sign_is_given_once_and_is_no_name() -> None:
    signs = Signs()

    assert [signs(name) for name in ("李", "Bo", "龍", "李")] == ["(A)", "Bo", "(B)", "(A)"]
    assert [signs(chr(0x4E00 + n)) for n in range(26)][-2:] == ["(A1)", "(B1)"]
    assert signs("x" * 40) == "x" * (MAX_NAME - 1) + "…"


def test_words_beside_a_picture_fit_into_discords_description(town: Town) -> None:
    town.post([Move("ada", 5, effective_at=NOON - timedelta(days=n)) for n in range(300)])

    chart = drawn(town, ReportKind.ACTIVITY, window="all", every="day")

    assert len(chart.words) == MAX_WORDS
