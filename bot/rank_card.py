"""A member's rank card: one picture with name, level, the way to the next, rank, points, streak and badges.

Drawn in a thread, never in the event loop. The message beside it says the same in words.
"""

from io import BytesIO
from threading import Lock
from typing import Final

from PIL import Image, ImageDraw

from bot.lettering import Rgb, fitted
from bot.rank_facts import Card

WIDTH, EDGE, RADIUS = 900, 44, 28
HEIGHT, HEIGHT_WITHOUT_LEVELS = 324, 216
BAR: Final = (EDGE, 150, WIDTH - EDGE, 172)
PANEL, TRACK = (0x23, 0x25, 0x2D), (0x3D, 0x41, 0x4E)
INK, FAINT, ACCENT = (
    (0xF4, 0xF5, 0xF8),
    (0xB4, 0xB8, 0xC6),
    (0x7F, 0xB2, 0xFF),
)  # 14, 7.7 and 7.0 to 1 on the panel
FINER: Final = (
    4  # shapes are drawn so many times as large and then made smaller: Pillow's own edges are jagged
)
GAP: Final = 28  # pixels between texts that stand beside each other
NAME, LEVEL, NUMBERS, NOTES = (44, 24), (26, 15), (34, 12), (22, 15)  # letters' sizes: as wanted, at least

_ONE_AT_A_TIME = Lock()  # a font is not for two threads at once


def drawn(card: Card) -> bytes:
    """Return the card as PNG, its corners transparent: it lies on light and on dark."""
    with _ONE_AT_A_TIME:
        return _drawn(card)


def _drawn(card: Card) -> bytes:
    image = _shapes(card)
    room = WIDTH - 2 * EDGE - _rank(image, card) - GAP
    _write(image, EDGE, 78, card.name, NAME, INK, room)
    if card.level:
        _write(image, EDGE, 120, card.level, LEVEL, ACCENT, room)
        _write(image, EDGE, 204, card.goal, NOTES, FAINT, WIDTH - 2 * EDGE)
    _facts(image, card, image.height - 66)
    out = BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _rank(image: Image.Image, card: Card) -> int:
    """Write the rank on the right and return how wide it is."""
    if card.rank is None:
        return _write(image, WIDTH - EDGE, 78, "not on the board yet", NOTES, FAINT, WIDTH // 3, right=True)
    first = _write(image, WIDTH - EDGE, 78, f"#{card.rank:,}", NAME, ACCENT, WIDTH // 3, right=True)
    second = _write(image, WIDTH - EDGE, 114, f"of {card.members:,}", NOTES, FAINT, WIDTH // 3, right=True)
    return max(first, second)


def _facts(image: Image.Image, card: Card, stands: int) -> None:
    """Write the numbers side by side, each over what it counts."""
    facts = [(card.points, "point" if abs(card.points) == 1 else "points")]
    facts += [(card.streak, "day in a row" if card.streak == 1 else "days in a row")] if card.streak else []
    facts += [(card.badges, "badge" if card.badges == 1 else "badges")] if card.badges else []
    at, room = EDGE, (WIDTH - 2 * EDGE - GAP * (len(facts) - 1)) // len(facts)
    for number, counted in facts:
        _write(image, at, stands, f"{number:,}".replace("-", "−"), NUMBERS, INK, room)
        _write(image, at, stands + 30, counted, NOTES, FAINT, room)
        at += room + GAP


def _shapes(card: Card) -> Image.Image:
    """Return the panel, and the bar as full as the level."""
    height = HEIGHT if card.level else HEIGHT_WITHOUT_LEVELS
    image = Image.new("RGBA", (WIDTH, height))
    _rounded(image, (0, 0, WIDTH, height), RADIUS, PANEL)
    if card.level:
        left, top, right, bottom = BAR
        radius = (bottom - top) // 2
        _rounded(image, BAR, radius, TRACK)
        share = 1.0 if card.have is None or not card.need else min(1.0, max(0.0, card.have / card.need))
        if share > 0:
            full = left + max(2 * radius, round((right - left) * share))
            _rounded(image, (left, top, full, bottom), radius, ACCENT)
    return image


def _rounded(image: Image.Image, box: tuple[int, int, int, int], radius: int, colour: Rgb) -> None:
    wide, high = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (wide * FINER, high * FINER))
    whole = (0, 0, wide * FINER - 1, high * FINER - 1)
    ImageDraw.Draw(mask).rounded_rectangle(whole, radius=radius * FINER, fill=255)
    image.paste((*colour, 255), box, mask.resize((wide, high), Image.Resampling.LANCZOS))


def _write(
    image: Image.Image,
    x: int,
    stands: int,
    words: str,
    sizes: tuple[int, int],
    colour: Rgb,
    room: int,
    *,
    right: bool = False,
) -> int:
    """Write `words` in at most `room` pixels, from `x` or up to it, and return how wide they are."""
    line = fitted(words, sizes[0], room, sizes[1])
    left = x - round(line.width) if right else x
    image.alpha_composite(line.drawn(colour), (max(0, left - line.margin), stands - line.up))
    return round(line.width)
