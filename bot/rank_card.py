"""A member's rank card: one picture with name, level, the way to the next, rank, points, streak and badges.

Drawn in a thread, never in the event loop. Letters come from the first font that has them: DejaVu, which
matplotlib brings, then what the host has installed (Noto, WenQuanYi, emoji in colour); a letter that no font
has is a box. The message beside it says the same in words.
"""

from functools import cache
from io import BytesIO
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from bot.rank_facts import Card

WIDTH, HEIGHT, EDGE = 900, 280, 36
GROUND, PANEL, BAR, INK, FAINT, ACCENT = "#1e1f26", "#2a2c36", "#3a3d4a", "#f4f5f8", "#a9adbb", "#6ea8fe"
EMOJI_SIZE: Final = 109  # the one size in which Noto Color Emoji has its pictures
FOLDERS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts")
OTHERS: Final = ("NotoSans-Bold.ttf", "NotoSansCJK-Bold.ttc", "NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc")
EMOJI: Final = "NotoColorEmoji.ttf"
UNSEEN: Final = frozenset("\u200d\ufe0e\ufe0f")  # joiners and how an emoji is to be drawn

Font = ImageFont.FreeTypeFont

_ONE_AT_A_TIME = Lock()  # a font is not for two threads at once


def drawn(card: Card) -> bytes:
    """Return the card as PNG."""
    with _ONE_AT_A_TIME:
        return _drawn(card)


def _drawn(card: Card) -> bytes:
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((12, 12, WIDTH - 12, HEIGHT - 12), radius=22, fill=PANEL)
    rank = f"#{card.rank:,}" if card.rank is not None else "–"
    taken = _write(image, WIDTH - EDGE, 34, rank, 52, ACCENT, right=True)
    _write(image, EDGE, 38, card.name, 46, INK, room=WIDTH - 2 * EDGE - taken - 30)
    _write(image, EDGE, 104, card.level, 28, ACCENT, room=WIDTH // 2)
    among = f"of {card.members:,}" if card.rank is not None else "not on the board yet"
    _write(image, WIDTH - EDGE, 104, among, 22, FAINT, right=True)
    if card.level:
        _progress(image, pen, card)
    facts = [f"{card.points:,} points"]
    facts += [f"{card.streak:,} {'day' if card.streak == 1 else 'days'} in a row"] if card.streak else []
    facts += [f"{card.badges:,} {'badge' if card.badges == 1 else 'badges'}"] if card.badges else []
    _write(image, EDGE, 222, "   ·   ".join(facts), 24, INK, room=WIDTH - 2 * EDGE)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _progress(image: Image.Image, pen: ImageDraw.ImageDraw, card: Card) -> None:
    left, right, top, bottom = EDGE, WIDTH - EDGE, 150, 176
    pen.rounded_rectangle((left, top, right, bottom), radius=13, fill=BAR)
    share = 1.0 if card.have is None or not card.need else min(1.0, max(0.0, card.have / card.need))
    if share > 0:
        full = left + max(26, int((right - left) * share))
        pen.rounded_rectangle((left, top, full, bottom), radius=13, fill=ACCENT)
    _write(image, EDGE, 186, card.goal, 20, FAINT, room=WIDTH - 2 * EDGE)


def _write(
    image: Image.Image,
    x: int,
    y: int,
    words: str,
    size: int,
    colour: str,
    *,
    room: int = WIDTH,
    right: bool = False,
) -> int:
    """Write `words` at most `room` pixels wide, from `x` or up to it, and return how wide they are."""
    words = "".join(letter for letter in words if letter not in UNSEEN)
    runs, width = _laid_out(words, size)
    while width > room and words:
        words = words.rstrip("…")[:-1]
        runs, width = _laid_out(words + "…", size)
        words += "…"
    at = x - width if right else x
    for text, font in runs:
        at += _run(image, at, y, text, font, size, colour)
    return width


def _laid_out(words: str, size: int) -> tuple[list[tuple[str, Font]], int]:
    runs = [("".join(run), font) for font, run in groupby(words, lambda letter: _font_for(letter, size))]
    return runs, sum(_width(text, font, size) for text, font in runs)


def _width(text: str, font: Font, size: int) -> int:
    return round(font.getlength(text) * (size / EMOJI_SIZE if _is_emoji(font) else 1))


def _run(image: Image.Image, x: int, y: int, text: str, font: Font, size: int, colour: str) -> int:
    width = _width(text, font, size)
    if not _is_emoji(font):
        ascent = font.getmetrics()[0]
        base = _font(str(_dejavu()), size).getmetrics()[0]  # all letters stand on one line
        ImageDraw.Draw(image).text((x, y + base - ascent), text, font=font, fill=colour)
        return width
    picture = Image.new("RGBA", (max(1, round(font.getlength(text))), EMOJI_SIZE + 20))
    ImageDraw.Draw(picture).text((0, 0), text, font=font, embedded_color=True)
    scaled = picture.resize((max(1, width), round(picture.height * size / EMOJI_SIZE)))
    image.paste(scaled, (x, y + size // 10), scaled)
    return width


def _is_emoji(font: Font) -> bool:
    return Path(str(font.path)).name == EMOJI


def _font_for(letter: str, size: int) -> Font:
    """Return the first font that has `letter`, in `size`; DejaVu, and its box, where none has."""
    for file in _files():
        if ord(letter) in _letters(str(file)):
            return _font(str(file), EMOJI_SIZE if file.name == EMOJI else size)
    return _font(str(_dejavu()), size)


@cache
def _font(file: str, size: int) -> Font:
    return ImageFont.truetype(file, size)


@cache
def _dejavu() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


@cache
def _files() -> tuple[Path, ...]:
    """Return the fonts there are, in the order in which they are asked."""
    found = {file.name: file for folder in FOLDERS if folder.is_dir() for file in folder.rglob("*.tt[fc]")}
    return (_dejavu(), *(found[name] for name in (*OTHERS, EMOJI) if name in found))


@cache
def _letters(file: str) -> frozenset[int]:
    """Return the letters that a font has."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    with TTFont(file, fontNumber=0, lazy=True) as font:
        return frozenset(font.getBestCmap())
