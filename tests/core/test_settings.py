"""The environment: what it may say, and that what it may not is refused by the variable's name."""

from pathlib import Path

import pytest

from points_core.errors import SettingsInvalid
from points_core.settings import (
    DEFAULT_CATEGORIES,
    Settings,
    async_url,
    database_file,
    sync_url,
)

TOO_MANY = ",".join(f"c{number}" for number in range(26))

# Variable, value, and what the refusal says
REFUSED = [
    ("POINTS_CATEGORIES", "events,helping,Events", "'Events' is named twice"),
    ("POINTS_CATEGORIES", "straße,STRASSE", "named twice"),
    ("POINTS_CATEGORIES", "x" * 51, "1 to 50 characters"),
    ("POINTS_CATEGORIES", "bell\x07,b", "characters that can be stored"),
    ("POINTS_CATEGORIES", TOO_MANY, "at most 25 categories, found 26"),
    ("POINTS_TIMEZONE", "Mars/Olympus", "such as Europe/Paris"),
    ("POINTS_TIMEZONE", "europe/paris", "such as Europe/Paris"),
    ("POINTS_TIMEZONE", "../../etc/passwd", "such as Europe/Paris"),
    ("POINTS_TIMEZONE", "+02:00", "such as Europe/Paris"),
    ("POINTS_QUORUM", "0", "greater than or equal to 1"),
    ("POINTS_QUORUM", "26", "less than or equal to 25"),
    ("POINTS_APPROVAL_THRESHOLD", "-1", "plain digits"),
    ("POINTS_LOG_LEVEL", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("POINTS_COMMUNITY", "two words", "an id of 1 to 64"),
    ("POINTS_COMMUNITY", "x" * 65, "an id of 1 to 64"),
    ("POINTS_DATABASE_URL", "points.db", "sqlite:///FILE"),
    ("POINTS_DATABASE_URL", "sqlite://", "need a file"),
    ("POINTS_DATABASE_URL", "sqlite://points.db", "need a file"),
    ("POINTS_DATABASE_URL", "sqlite://host/points.db", "need a file"),
    ("POINTS_DATABASE_URL", "sqlite:///:memory:", "need a file"),
    ("POINTS_DATABASE_URL", "sqlite:///file::memory:?cache=shared&uri=true", "need a file"),
    ("POINTS_DATABASE_URL", "sqlite:///file:points?mode=memory&uri=true", "need a file"),
    ("POINTS_DATABASE_URL", "mysql://root@localhost/points", "mysql is not supported"),
    ("POINTS_DATABASE_URL", "postgresql://localhost:port/points", "postgresql://USER"),
    ("POINTS_PUBLIC_URL", "points.example.org", "https://HOST"),
    ("POINTS_PUBLIC_URL", "http://points.example.org", "only for localhost"),
    ("POINTS_PUBLIC_URL", "http://localhost.example.org", "only for localhost"),
    ("POINTS_PUBLIC_URL", "https://points.example.org/points", "without a path"),
    ("POINTS_PUBLIC_URL", "https://points.example.org/?x=1", "https://HOST"),
    ("POINTS_PUBLIC_URL", "https://ada:secret@points.example.org", "https://HOST"),
    ("POINTS_PUBLIC_URL", "https://points.example.org:port", "https://HOST"),
    ("POINTS_PUBLIC_URL", "https://points.example.org\r\nX: y", "https://HOST"),
    ("POINTS_PUBLIC_URL", "https://[::1", "https://HOST"),
    ("POINTS_PUBLIC_URL", "https://", "https://HOST"),
    ("POINTS_PUBLIC_URL", "javascript:alert(1)", "https://HOST"),
    ("DISCORD_CLIENT_ID", "points-bot", "15 to 20 digits"),
    ("DISCORD_CLIENT_ID", "１４５６０７４４４３９８０８０００００", "15 to 20 digits"),
    ("DISCORD_CLIENT_ID", "1456074443980800000/../@me", "15 to 20 digits"),
    ("POINTS_LINKED_COMMUNITY", "two words", "an id of 1 to 64"),
]
NO_NUMBERS = (
    "true",
    "1e3",
    "1_000",
    "１２",
    "+5",
    "05",
    "5.0",
    "-5",
    "five",
    str(2**63),
    "[5]",
    "9" * 10_000,
)
NUMBERS = ("POINTS_MIN_AWARD", "POINTS_MAX_AWARD", "POINTS_QUORUM", "POINTS_APPROVAL_THRESHOLD")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the process stands: no `.env` but the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> SettingsInvalid:
    with pytest.raises(SettingsInvalid) as refused:
        Settings.load()
    return refused.value


def test_nothing_has_to_be_set() -> None:
    settings = Settings.load()

    assert (settings.database_url, settings.community) == ("sqlite:///points.db", "default")
    assert settings.categories == DEFAULT_CATEGORIES
    assert settings.discord_token is None


@pytest.mark.parametrize(
    "written,meant",
    [
        ("events,helping", ("events", "helping")),
        (" events ,  helping hands ", ("events", "helping hands")),
        ("events", ("events",)),
        ("events,", ("events",)),
        ("1042", ("1042",)),
        ('["events"]', ('["events"]',)),
        ("", DEFAULT_CATEGORIES),
        (",", ()),
        ("x" * 50, ("x" * 50,)),
        (TOO_MANY.removesuffix(",c25"), tuple(f"c{number}" for number in range(25))),
    ],
)
def test_categories_are_written_with_commas(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: tuple[str, ...]
) -> None:
    monkeypatch.setenv("POINTS_CATEGORIES", written)
    assert Settings.load().categories == meant


@pytest.mark.parametrize(
    "name,value,said", REFUSED, ids=[f"{name}-{ascii(value)[:30]}" for name, value, _ in REFUSED]
)
def test_what_cannot_be_is_refused_by_name_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)

    refused = refusal()
    assert refused.name == name
    assert said in refused.why
    assert len(refused.why) < 200


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: ascii(value)[:10])
def test_a_number_is_written_in_plain_digits(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert refusal().name == name


def test_a_number_may_have_spaces_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_MAX_AWARD", " 250 ")
    monkeypatch.setenv("POINTS_APPROVAL_THRESHOLD", "0")
    assert (Settings.load().max_award, Settings.load().approval_threshold) == (250, 0)


def test_the_largest_award_is_not_below_the_smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_MIN_AWARD", "10")
    monkeypatch.setenv("POINTS_MAX_AWARD", "9")

    refused = refusal()
    assert (refused.name, refused.why) == ("POINTS_MIN_AWARD", "POINTS_MIN_AWARD is above POINTS_MAX_AWARD")


@pytest.mark.parametrize("name", [*NUMBERS, "POINTS_TIMEZONE", "POINTS_DATABASE_URL", "POINTS_LOG_LEVEL"])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without = Settings.load()
    monkeypatch.setenv(name, "")
    assert Settings.load() == without


def test_the_file_beside_the_process_is_read_and_the_environment_comes_first(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / ".env").write_text(
        "# ours\nPOINTS_TIMEZONE=Europe/Paris\nPOINTS_QUORUM=3\nPOINTS_CATEGORIES='Bücher, ärger'\n"
        "DISCORD_TOKEN=secret-token\nPOSTGRES_PASSWORD=of another program\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("POINTS_QUORUM", "2")

    settings = Settings.load()
    assert (settings.timezone, settings.quorum) == ("Europe/Paris", 2)
    assert settings.categories == ("Bücher", "ärger")


def test_a_file_that_is_no_text_is_refused_by_name(empty_folder: Path) -> None:
    (empty_folder / ".env").write_bytes(b"POINTS_TIMEZONE=\xff\xfe\n")
    assert refusal().name == ".env"


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "secret-token")
    settings = Settings.load()

    assert "secret-token" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    monkeypatch.setenv("POINTS_QUORUM", "0")
    assert "secret-token" not in str(refusal())


def test_a_password_is_not_in_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", "mysql://root:hunter2@localhost/points")
    assert "hunter2" not in str(refusal())


@pytest.mark.parametrize(
    "text,writer,readers",
    [
        ("sqlite:///points.db", "sqlite:///points.db", "sqlite+aiosqlite:///points.db"),
        ("sqlite+aiosqlite:////data/p.db", "sqlite:////data/p.db", "sqlite+aiosqlite:////data/p.db"),
        ("postgresql://u@h/n", "postgresql+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
        ("postgresql+asyncpg://u@h/n", "postgresql+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
    ],
)
def test_the_drivers_are_ours_whatever_the_url_names(text: str, writer: str, readers: str) -> None:
    assert str(sync_url(text)) == writer
    assert str(async_url(sync_url(text))) == readers


def test_the_file_behind_a_url_is_known() -> None:
    assert database_file(sync_url("sqlite:///a/points.db")) == Path("a/points.db")
    assert database_file(sync_url("sqlite:///file:points.db?uri=true")) == Path("points.db")
    assert database_file(sync_url("postgresql://u@h/n")) is None


@pytest.mark.parametrize(
    "given,address",
    [
        ("https://points.example.org", "https://points.example.org"),
        (" https://Points.Example.org/ ", "https://points.example.org"),
        ("https://points.example.org:8443", "https://points.example.org:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ],
)
def test_a_public_address_is_kept_without_what_it_does_not_need(given: str, address: str) -> None:
    assert Settings(_env_file=None, POINTS_PUBLIC_URL=given).public_url == address


def test_the_client_secret_is_shown_nowhere_and_one_of_spaces_is_none() -> None:
    settings = Settings(_env_file=None, DISCORD_CLIENT_SECRET=" a-secret\n")
    assert settings.discord_client_secret is not None
    assert settings.discord_client_secret.get_secret_value() == "a-secret"
    assert "a-secret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert Settings(_env_file=None, DISCORD_CLIENT_SECRET="  ").discord_client_secret is None
