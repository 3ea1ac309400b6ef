"""The process's environment: where the database is, what a new community starts with, the bot's token.

Settings are read once at the start. A community's own numbers are its policy (policy.py); the POINTS_…
values here are only the defaults with which a new community begins.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from points_core.errors import InvalidSetting, InvalidText, SettingsInvalid
from points_core.shards import Shards
from points_core.values import MAX_AMOUNT, MAX_CATEGORIES, MAX_CATEGORY_NAME, MAX_ID, clean_id, clean_text
from points_core.windows import zone_named

DEFAULT_CATEGORIES = ("events", "helping", "content", "moderation")
ENV_FILE = ".env"

_DIGITS = re.compile(r"0|[1-9][0-9]{0,12}", re.ASCII)
_SNOWFLAKE = re.compile(r"[1-9][0-9]{14,19}", re.ASCII)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


def _plain_digits(value: Any) -> Any:  # noqa: ANN401 - whatever the environment holds
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if type(value) is int or value is None:
        return value
    raise ValueError("expected a whole number in plain digits")


Number = Annotated[int, BeforeValidator(_plain_digits)]
"""A whole number: pydantic alone also takes 1_000, +5, 5.0 and true."""


def _shards(value: Any) -> Shards | None:  # noqa: ANN401 - whatever the environment holds
    return Shards.parse(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """The environment variables, or lines of a `.env` file beside the process."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = Field("sqlite:///points.db", validation_alias="POINTS_DATABASE_URL")
    """Where the books are: an SQLite file, or `postgresql://user:password@host/name`."""
    replica_url: str | None = Field(None, validation_alias="POINTS_REPLICA_URL")
    """A streaming replica of that PostgreSQL, for what only looks: boards, histories, reports, exports."""
    community: str = Field("default", validation_alias="POINTS_COMMUNITY")
    """The community that Python callers and the command line mean when they name none (a Discord server's id)."""
    min_award: Number = Field(1, validation_alias="POINTS_MIN_AWARD", ge=1, le=MAX_AMOUNT)
    """The smallest award or deduction, in points."""
    max_award: Number = Field(1_000, validation_alias="POINTS_MAX_AWARD", ge=1, le=MAX_AMOUNT)
    """The largest award or deduction, in points."""
    categories: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT_CATEGORIES, validation_alias="POINTS_CATEGORIES"
    )
    """The categories a community begins with, comma-separated."""
    timezone: str = Field("UTC", validation_alias="POINTS_TIMEZONE")
    """The time zone in which days, weeks and schedules are counted."""
    approval_threshold: Number | None = Field(
        100, validation_alias="POINTS_APPROVAL_THRESHOLD", ge=0, le=MAX_AMOUNT
    )
    """Awards and deductions of more points than this wait for approval; 0 for all of them."""
    quorum: Number = Field(1, validation_alias="POINTS_QUORUM", ge=1, le=25)
    """How many other moderators must agree."""
    backup_directory: Path | None = Field(None, validation_alias="POINTS_BACKUP_DIRECTORY")
    """Where `points backup` writes, and the bot by itself; None for no scheduled backups."""
    backup_second: Path | None = Field(None, validation_alias="POINTS_BACKUP_SECOND")
    """A second directory, on another disk, that gets a copy of each backup."""
    backup_every_hours: Number = Field(24, validation_alias="POINTS_BACKUP_EVERY_HOURS", ge=1, le=24 * 7)
    """How many hours lie between the bot's own backups."""
    backup_daily: Number = Field(7, validation_alias="POINTS_BACKUP_DAILY", ge=1, le=3_650)
    """Of how many days the last backup is kept."""
    backup_weekly: Number = Field(5, validation_alias="POINTS_BACKUP_WEEKLY", ge=0, le=520)
    """Of how many weeks the last backup is kept."""
    restore_points: Number = Field(5, validation_alias="POINTS_RESTORE_POINTS", ge=0, le=100)
    """How many copies from before migrations and restores are kept beside an SQLite file; 0 makes none."""
    discord_token: SecretStr | None = Field(None, validation_alias="DISCORD_TOKEN")
    """The bot's token, for `points-bot run`."""
    intents: Annotated[tuple[Literal["members", "message_content"], ...], NoDecode] = Field(
        (), validation_alias="POINTS_INTENTS"
    )
    """Which privileged intents the bot asks Discord for: `members`, `message_content`; some rules need one."""
    shards: Annotated[Shards | None, NoDecode, PlainValidator(_shards)] = Field(
        None, validation_alias="POINTS_SHARDS"
    )
    """Which of the bot's shards this process has, such as 0-3/16, or `auto`; None for one connection without shards."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="POINTS_LOG_LEVEL"
    )
    """How much is logged: DEBUG, INFO, WARNING or ERROR."""

    http_host: str = Field("127.0.0.1", validation_alias="POINTS_HTTP_HOST")
    """Where the HTTP API listens; 0.0.0.0 for every network, behind something that speaks https."""
    http_port: Number | None = Field(None, validation_alias="POINTS_HTTP_PORT", ge=1, le=65_535)
    """The HTTP API's port inside the bot's process; none, no HTTP API there."""

    public_url: str | None = Field(None, validation_alias="POINTS_PUBLIC_URL")
    """Where browsers reach that port, such as https://points.example.org: for Linked Roles."""
    discord_client_id: str | None = Field(None, validation_alias="DISCORD_CLIENT_ID")
    """The id of the bot's application, from its OAuth2 page: for Linked Roles."""
    discord_client_secret: SecretStr | None = Field(None, validation_alias="DISCORD_CLIENT_SECRET")
    """The application's secret, from the same page; what is kept of people's permission is sealed with it."""
    linked_community: str | None = Field(None, validation_alias="POINTS_LINKED_COMMUNITY")
    """The community whose points Linked Roles show; None for the only one there is."""

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - each setting has its own type
        """Read the environment; `values` override it, by the names of the fields or of the variables.

        Raises TypeError for a name that is neither, and pydantic's ValidationError.
        """
        fields = type(self).model_fields
        variables = {name: str(field.validation_alias) for name, field in fields.items()}
        known = set(variables) | set(variables.values())
        if unknown := sorted(name for name in values if name not in known and not name.startswith("_env")):
            raise TypeError(f"there is no setting {unknown[0]!r}")
        super().__init__(**{variables.get(name, name): value for name, value in values.items()})

    @field_validator("categories", "intents", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the environment holds
        if isinstance(value, str):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("categories")
    @classmethod
    def _nameable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(names) > MAX_CATEGORIES:
            raise ValueError(f"expected at most {MAX_CATEGORIES} categories, found {len(names)}")
        seen: set[str] = set()
        for name in names:
            _category_name(name)
            if name.casefold() in seen:
                raise ValueError(f"{name!r} is named twice")
            seen.add(name.casefold())
        return names

    @field_validator("community", "linked_community")
    @classmethod
    def _outside_id(cls, value: str | None) -> str | None:
        try:
            return None if value is None else clean_id("community", value)
        except InvalidText:
            raise ValueError(
                f"expected an id of 1 to {MAX_ID} letters, digits, dots, colons, @, - or _"
            ) from None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zone_named(value)
        except InvalidSetting as refusal:
            raise ValueError(f"expected {refusal.expected}") from refusal
        return value

    @field_validator("database_url", "replica_url")
    @classmethod
    def _usable_url(cls, value: str | None) -> str | None:
        if value is not None:
            sync_url(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        return None if value is None else origin_url(value)

    @field_validator("discord_client_id")
    @classmethod
    def _snowflake(cls, value: str | None) -> str | None:
        if value is not None and not _SNOWFLAKE.fullmatch(value):
            raise ValueError("expected the application's id, 15 to 20 digits")
        return value

    @field_validator("discord_client_secret", mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the environment holds
        return value.strip() or None if isinstance(value, str) else value

    @model_validator(mode="after")
    def _replicated(self) -> "Settings":
        servers = [sync_url(url).get_backend_name() for url in (self.database_url, self.replica_url) if url]
        if self.replica_url and servers != ["postgresql"] * 2:
            raise ValueError(
                "POINTS_REPLICA_URL is for a replica of a PostgreSQL that POINTS_DATABASE_URL names"
            )
        return self

    @model_validator(mode="after")
    def _ordered(self) -> "Settings":
        if self.min_award > self.max_award:
            raise ValueError("POINTS_MIN_AWARD is above POINTS_MAX_AWARD")
        return self

    @classmethod
    def load(cls) -> "Settings":
        """Return the settings from the environment. Raises SettingsInvalid naming the first wrong variable."""
        try:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(ENV_FILE, f"the file cannot be read: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "POINTS_MIN_AWARD"
            raise SettingsInvalid(name, first["msg"].removeprefix("Value error, ")) from error


def _category_name(name: str) -> None:
    try:
        clean_text("category", name, MAX_CATEGORY_NAME)
    except InvalidText:
        raise ValueError(
            f"{name[:MAX_CATEGORY_NAME]!r} cannot name a category: "
            f"expected 1 to {MAX_CATEGORY_NAME} characters that can be stored"
        ) from None


def origin_url(text: str) -> str:
    """Return a public address as https://HOST or https://HOST:PORT. Raises ValueError for anything else.

    Plain http is for this machine alone: a browser would send the cookie of a visit in the clear.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ValueError(_NO_ORIGIN) from None
    host = parts.hostname or ""
    here = host in ("localhost", "127.0.0.1")
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    if not _HOST.fullmatch(host) or not bare or parts.scheme not in ("https", *(["http"] if here else [])):
        raise ValueError(_NO_ORIGIN)
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


_NO_ORIGIN = "expected https://HOST, without a path; http:// only for localhost"


def sync_url(text: str) -> URL:
    """Return the SQLAlchemy URL of the writer for `text`. Raises ValueError for what cannot hold the books."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the second for a port that is no number
        raise ValueError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME") from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.host or ":memory:" in url.database or "mode=memory" in text:
            raise ValueError("the books need a file: sqlite:///points.db")
        return url.set(drivername="sqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise ValueError(f"{backend} is not supported; use sqlite or postgresql")


def async_url(url: URL) -> URL:
    """Return the URL of the readers beside the writer's `url`."""
    return url.set(drivername="sqlite+aiosqlite") if url.get_backend_name() == "sqlite" else url


def database_file(url: URL) -> Path | None:
    """Return the file behind an SQLite `url`, None for a server."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(unquote(url.database.removeprefix("file:")))
