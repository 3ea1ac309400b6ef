"""Words and shapes all messages share; text from people leaves here harmless.

shown                        people's text: one line, no markdown, no mentions, nothing invisible
plain                        the same where nothing is obeyed: in a picture, in its description
points, signed, who, when    numbers, people, times
Colour, Post, Reply          what a message is made of
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from typing import Literal, TypedDict

import discord
from discord import ui

from points_core.values import MAX_REASON

NOTHING = "—"
MINUS = "−"  # a true minus sign: as wide as the plus, and never a list's bullet
MAX_MARKS = 3  # combining marks on one letter: enough for any script, too few to climb into other lines

_ZERO_WIDTH_SPACE = "\u200b"
_ZERO_WIDTH_JOINER = "\u200d"
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters by name, invisible by design
_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_LINK = re.compile(r"https?://[^\s<>()\[\]|*`~\\@\"']+", re.IGNORECASE)
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]])")
_LINE_START = re.compile(r"^(?:([-+#])|(\d+)(?=[.)]\s))")
_MENTION = re.compile(r"@(?=everyone|here|[!&]?\d)", re.IGNORECASE)


class Colour(IntEnum):
    """The strip beside an embed."""

    GREEN = 0x3BA55D  # points were given, a request was approved
    RED = 0xD83C3E  # points were taken, a request was rejected
    AMBER = 0xE0A030  # something waits
    BLUE = 0x4F7BD9  # something to read
    GREY = 0x80848E  # over: taken back, expired, cancelled


class Post(TypedDict, total=False):
    """The arguments of `channel.send`."""

    content: str
    embed: discord.Embed
    embeds: list[discord.Embed]
    files: list[discord.File]
    view: ui.View
    allowed_mentions: discord.AllowedMentions
    suppress_embeds: bool
    silent: bool


class Reply(Post, total=False):
    """The arguments of `interaction.response.send_message` and `interaction.followup.send`."""

    ephemeral: bool


def shown(text: str | None, limit: int = MAX_REASON) -> str:
    """Return text from people so that it is only text: one line of at most `limit` visible characters.

    Markdown and masked links are escaped, mentions broken, invisible and direction-changing characters
    removed; a plain link stays one. A dash where nothing is left.
    """
    return _escaped(_line(text, limit)) or NOTHING


def plain(text: str | None, limit: int = MAX_REASON) -> str:
    """Return text from people as one line of at most `limit` visible characters, unescaped; a dash for nothing."""
    return _line(text, limit) or NOTHING


def _line(text: str | None, limit: int) -> str:
    line = " ".join("".join(_visible((text or "")[: 4 * limit])).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _visible(text: str) -> Iterator[str]:
    marks, last = 0, ""
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Mn":
            marks += 1
        elif character != _ZERO_WIDTH_JOINER:
            marks = 0
        if character.isspace():
            yield " "
        elif character == _ZERO_WIDTH_JOINER and last in {"So", "Sk", "Mn"}:
            yield character  # it makes one emoji of several
        elif kind not in _NEVER_SHOWN and character not in _BLANK and marks <= MAX_MARKS:
            yield character
        last = kind


def _escaped(line: str) -> str:
    parts: list[str] = []
    end = 0
    for link in _LINK.finditer(line):
        parts += [_MARKDOWN.sub(r"\\\1", line[end : link.start()]), link.group()]
        end = link.end()
    parts.append(_MARKDOWN.sub(r"\\\1", line[end:]))
    return _MENTION.sub("@" + _ZERO_WIDTH_SPACE, _LINE_START.sub(_stopped, "".join(parts)))


def _stopped(start: re.Match[str]) -> str:
    """Keep the line from becoming a heading or a list; Discord escapes no digits, so its dot is escaped."""
    return f"\\{start[1]}" if start[1] else f"{start[2]}\\"


def points(amount: int) -> str:
    """Return `amount` with its unit: "1,042 points", "1 point"."""
    number = f"{amount:,}".replace("-", MINUS)
    return f"{number} point" if abs(amount) == 1 else f"{number} points"


def signed(amount: int) -> str:
    """Return `amount` with its sign: "+10", "−10", "0"."""
    return f"{amount:+,}".replace("-", MINUS) if amount else "0"


def who(user_id: str | None, name: str | None = None) -> str:
    """Return how to show a person: a mention for a Discord id, else the name or id."""
    if user_id is not None and user_id.isascii() and user_id.isdigit():
        return f"<@{user_id}>"
    if name or user_id:
        return shown(name or user_id, 32)
    return "someone erased"


def when(moment: datetime, style: Literal["R", "f", "d", "D", "t", "F"] = "R") -> str:
    """Return an aware time as Discord shows it to each reader: "in 3 days" for R, a date for d or D."""
    return f"<t:{int(moment.timestamp())}:{style}>"


def category(name: str | None) -> str:
    """Return a category's name, or that there is none."""
    return shown(name, 50) if name else "no category"
