"""A line of people's text as a picture: any script, in its own direction, and emoji in colour.

The fonts lie beside this file, so that every machine draws the same (their sources: bot/fonts/README.md).
HarfBuzz shapes and paints; the Unicode bidirectional algorithm says what runs from right to left. One line at a
time: a font of HarfBuzz is not for two threads at once.

Unicode: https://www.unicode.org/reports/tr9/ (directions), tr29 (clusters), tr51 (emoji).
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

import uharfbuzz as hb  # type: ignore[import-untyped]
from bidi import algorithm as bidi  # type: ignore[import-untyped]
from PIL import Image

FONTS: Final = Path(__file__).parent / "fonts"
FIRST: Final = "NotoSans.ttf"
SIGNS: Final = (
    "NotoSansCJK.otf",
    "NotoSansSymbols.ttf",
    "NotoSansSymbols2.ttf",
    "NotoSansMath.ttf",
    "NotoSansMono.ttf",
)
EMOJI: Final = "TwemojiMozilla.ttf"
ELLIPSIS: Final = "…"

JOINER, AS_EMOJI, AS_TEXT, KEYCAP = "\u200d", "\ufe0f", "\ufe0e", "\u20e3"
FLAGS: Final = range(0x1F1E6, 0x1F200)  # letters that make a flag in pairs
TONES: Final = range(0x1F3FB, 0x1F400)  # skins
TAGS: Final = range(0xE0020, 0xE0080)  # what makes a black flag the flag of Wales
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, directions, lone halves, ends of lines
FINE: Final = 64  # parts of a pixel: letters stand where they should, not on the next whole pixel
IDEOGRAPHS: Final = range(0x3000, 0x3400)  # signs as wide as emoji, and none

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Glyph:
    font: str
    number: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text laid out; sizes in pixels. `width` is what it takes, `up` and `down` from where it stands."""

    glyphs: tuple[_Glyph, ...]
    size: int
    width: float
    up: int
    down: int

    def drawn(self, colour: Rgb) -> Image.Image:
        """Return it on nothing: its left edge `margin` from the picture's, standing `up` from the top."""
        paint = hb.RasterPaint()
        margin, high = self.margin, self.up + self.down
        wide = round(self.width) + 2 * margin
        paint.extents = hb.RasterExtents(-margin, -self.down, wide, high, 0)
        paint.foreground = hb.Color(*colour, 255)
        for glyph in self.glyphs:
            paint.transform = (1 / FINE, 0, 0, 1 / FINE, glyph.x, glyph.y)
            paint.paint_glyph(_font(glyph.font, self.size), glyph.number)
        painted = paint.render()
        raw = bytes(painted.buffer)
        # Premultiplied, its rows from the bottom up
        return Image.frombytes("RGBa", (wide, high), raw, "raw", "BGRa", 0, -1).convert("RGBA")

    @property
    def margin(self) -> int:
        """How far letters may reach beyond their width."""
        return self.size // 2


def fitted(words: str, size: int, room: int, smallest: int) -> Line:
    """Return `words` laid out to at most `room` pixels: smaller if need be, cut where that is not enough."""
    line = laid_out(words, size)
    while line.width > room and size > smallest:
        size = max(smallest, min(size - 1, int(size * room / line.width)))
        line = laid_out(words, size)
    return line if line.width <= room else _cut(words, size, room)


def _cut(words: str, size: int, room: int) -> Line:
    """Return as much of `words` as there is room for, never half a letter."""
    parts = list(clusters(words))
    fits, does_not = 0, len(parts)
    while does_not - fits > 1:
        middle = (fits + does_not) // 2
        if laid_out("".join(parts[:middle]).rstrip() + ELLIPSIS, size).width <= room:
            fits = middle
        else:
            does_not = middle
    return laid_out("".join(parts[:fits]).rstrip() + ELLIPSIS, size)


def laid_out(words: str, size: int) -> Line:
    """Return `words` laid out in letters of `size` pixels, on one line, without what is not to be seen."""
    glyphs: list[_Glyph] = []
    at = 0.0
    for text, font, right_to_left in _runs("".join(letter for letter in words if _is_seen(letter))):
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if right_to_left else "ltr"
        hb.shape(_font(font, size), buffer)
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            x, y = at + position.x_offset / FINE, position.y_offset / FINE
            glyphs.append(_Glyph(font, info.codepoint, x, y))
            at += position.x_advance / FINE
    return Line(tuple(glyphs), size, at, round(size * 1.4), round(size * 0.8))


def _is_seen(letter: str) -> bool:
    return letter == JOINER or ord(letter) in TAGS or unicodedata.category(letter) not in UNSEEN


def clusters(words: str) -> Iterator[str]:
    """Yield what people take for letters: with its marks, an emoji of several parts, a flag."""
    cluster = ""
    for letter in words:
        if cluster and not _belongs(letter, cluster):
            yield cluster
            cluster = ""
        cluster += letter
    if cluster:
        yield cluster


def _belongs(letter: str, cluster: str) -> bool:
    """Say whether `letter` goes on with `cluster`."""
    number = ord(letter)
    if number in FLAGS:
        return len(cluster) == 1 and ord(cluster) in FLAGS
    if unicodedata.category(letter).startswith("M") or number in TONES or number in TAGS:
        return True
    return letter == JOINER or cluster.endswith(JOINER)


def _runs(words: str) -> Iterator[tuple[str, str, bool]]:
    """Yield pieces of one font and one direction as they stand from left to right."""
    levels = _levels(words)
    pieces: list[tuple[str, str, int]] = []
    at = 0
    for cluster in clusters(words):
        pieces.append((cluster, _font_for(cluster), levels[at]))
        at += len(cluster)
    runs = [
        ("".join(piece[0] for piece in run), font, level)
        for (font, level), run in groupby(pieces, lambda piece: piece[1:])
    ]
    for level in range(max(levels, default=0), 0, -1):
        runs = _turned(runs, level)
    return ((text, font, level % 2 == 1) for text, font, level in runs)


def _turned(runs: list[tuple[str, str, int]], level: int) -> list[tuple[str, str, int]]:
    """Return `runs` with each stretch at `level` or above turned round: the algorithm's rule L2."""
    turned: list[tuple[str, str, int]] = []
    for inside, found in groupby(runs, lambda run: run[2] >= level):
        stretch = list(found)
        turned += stretch[::-1] if inside else stretch
    return turned


def _levels(words: str) -> list[int]:
    """Return for each letter how deep it lies: odd where it runs from right to left."""
    if not any(unicodedata.bidirectional(letter) in {"R", "AL", "AN"} for letter in words):
        return [0] * len(words)
    storage = bidi.get_empty_storage()
    base = bidi.get_base_level(words)
    # The algorithm drops joiners and tags; a mark goes with its letter as they do
    words = "".join(AS_EMOJI if unicodedata.bidirectional(letter) == "BN" else letter for letter in words)
    storage["base_level"], storage["base_dir"] = base, ("L", "R")[base]
    bidi.get_embedding_levels(words, storage)
    bidi.explicit_embed_and_overrides(storage)
    bidi.resolve_weak_types(storage)
    bidi.resolve_neutral_types(storage, False)
    bidi.resolve_implicit_levels(storage, False)
    return [letter["level"] for letter in storage["chars"]]


def _font_for(cluster: str) -> str:
    """Return the first font that has all of `cluster`, else one that has its beginning, else the first."""
    letters = [ord(letter) for letter in cluster if letter not in {JOINER, AS_EMOJI, AS_TEXT}]
    first = letters[0] if letters else ord(" ")
    fonts = (EMOJI, *_text_fonts()) if _is_emoji(cluster) else (*_text_fonts(), EMOJI)
    for font in fonts:
        if all(letter in _letters(font) for letter in letters):
            return font
    return next((font for font in fonts if first in _letters(font)), FIRST)


def _is_emoji(cluster: str) -> bool:
    """Say whether it is a picture: asked for as one, or wide as pictures are."""
    number = ord(cluster[0])
    if AS_EMOJI in cluster or KEYCAP in cluster or number in FLAGS:
        return True
    return (
        AS_TEXT not in cluster
        and number not in IDEOGRAPHS
        and unicodedata.east_asian_width(cluster[0]) == "W"
    )


@cache
def _text_fonts() -> tuple[str, ...]:
    """Return the fonts in the order in which they are asked: signs after letters."""
    rest = sorted(file.name for file in FONTS.glob("*.ttf") if file.name not in {FIRST, EMOJI, *SIGNS})
    return (FIRST, *rest, *SIGNS)


@cache
def _face(font: str) -> hb.Face:
    return hb.Face(hb.Blob.from_file_path(str(FONTS / font)))


@cache
def _letters(font: str) -> hb.Set:
    return _face(font).unicodes


@cache
def _font(font: str, size: int) -> hb.Font:
    made = hb.Font(_face(font))
    made.scale = (size * FINE, size * FINE)
    return made
