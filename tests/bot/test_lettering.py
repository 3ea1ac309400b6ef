"""Any script can be written, in its own direction, and emoji are pictures."""

import time

import pytest
from PIL import Image

from bot import lettering
from bot.lettering import clusters, fitted, laid_out

INK = (255, 255, 255)
BOX = 0  # the number of the glyph that stands for letters a font lacks


def coloured(words: str) -> int:
    """Return how many pixels of a line in white are not grey."""
    picture = laid_out(words, 40).drawn(INK)
    return sum(max(pixel[:3]) - min(pixel[:3]) > 40 for pixel in pixels(picture) if pixel[3] > 128)


def pixels(picture: Image.Image) -> list[tuple[int, ...]]:
    raw = picture.tobytes()
    return [tuple(raw[at : at + 4]) for at in range(0, len(raw), 4)]


@pytest.mark.parametrize(
    "name",
    [
        "Ada Łukasz Ñandú Øystein Đặng",
        "Зоя Αθηνά Հայկ ნინო",
        "王小明 陳大文 佐藤さくら サトウ 김민준",
        "عائشة יעל ܝܘܚܢܢ އައިޝާ",
        "विक्रम বিক্রম ਵਿਕਰਮ વિક્રમ ବିକ୍ରମ விக்ரம் విక్రమ్ ವಿಕ್ರಮ್ വിക്രം වික්‍රම",
        "สมชาย ສົມຊາຍ សុខ မောင် བཀྲ་ཤིས",
        "አማኑኤል ⵢⵓⴱⴰ ߊߡߊߘߎ ꕙꔤ ᏣᎳᎩ ᐃᓄᒃ ᠮᠣᠩᠭᠣᠯ ꆈꌠ",
        "𝓐𝓭𝓪 𝕱𝖗𝖆𝖐 Ⓐ ꧁༺ ༻꧂ ★彡 ♛ ✿ ░▒▓ ツ ⁂ ™ €",
        "😀 🫠 🦄 ❤️ ☕ 🎉",
    ],
)
def test_no_letter_is_a_box(name: str) -> None:
    boxes = [glyph for glyph in laid_out(name, 40).glyphs if glyph.number == BOX]

    assert boxes == []


def test_a_letter_that_no_font_has_is_a_box_and_nothing_worse() -> None:
    (glyph,) = laid_out("\U0010fffd", 40).glyphs

    assert glyph.number == BOX


@pytest.mark.parametrize(
    "emoji",
    ["😀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "👩🏽‍🤝‍👨🏿", "❤️", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "❤️‍🔥"],
)
def test_an_emoji_of_however_many_parts_is_one_picture_in_colour(emoji: str) -> None:
    glyphs = laid_out(emoji, 40).glyphs

    assert {glyph.font for glyph in glyphs} == {lettering.EMOJI}
    assert laid_out(emoji, 40).width == laid_out("😀", 40).width
    assert coloured(emoji) > 100


@pytest.mark.parametrize("text", ["❤", "1", "#", "™", "王", "㊗︎", "❤︎"])
def test_what_is_not_asked_for_as_a_picture_is_text(text: str) -> None:
    assert coloured(text) == 0


@pytest.mark.parametrize(
    "logical, visual",
    [
        ("Ada שלום", "Ada םולש"),
        ("שלום Ada", "Ada םולש"),
        ("שלום Ada 12 יעל", "לעי Ada 12 םולש"),
        ("Ada שלום 12", "Ada 12 םולש"),
        ("Ada (שלום) x", "Ada (םולש) x"),
        ("שלום👍🏽", "👍🏽םולש"),
        ("עדה 👨‍👩‍👧‍👦 יעל Bob 12", "Bob 12 לעי 👨‍👩‍👧‍👦 הדע"),
        ("no letter turns", "no letter turns"),
    ],
)
def test_each_script_runs_in_its_own_direction(logical: str, visual: str) -> None:
    runs = list(lettering._runs(logical))

    turned = (text[::-1] if back and font != lettering.EMOJI else text for text, font, back in runs)
    assert "".join(turned) == visual


def test_arabic_letters_join() -> None:
    alone = [laid_out(letter, 40).glyphs[0].number for letter in "عائشة"]
    joined = [glyph.number for glyph in reversed(laid_out("عائشة", 40).glyphs)]

    assert alone != joined


def test_a_joined_emoji_in_a_line_from_right_to_left_stays_one() -> None:
    line = laid_out("עדה 👨‍👩‍👧‍👦", 40)

    assert [glyph.font for glyph in line.glyphs].count(lettering.EMOJI) == 1
    assert line.glyphs[0].font == lettering.EMOJI  # the end of the line, on the left


@pytest.mark.parametrize(
    "words, parts",
    [
        ("Ada", ["A", "d", "a"]),
        ("e\u0301x", ["e\u0301", "x"]),
        ("👨‍👩‍👧‍👦!", ["👨‍👩‍👧‍👦", "!"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("👍🏽❤️", ["👍🏽", "❤️"]),
        ("வி", ["வி"]),
    ],
)
def test_people_count_letters_so(words: str, parts: list[str]) -> None:
    assert list(clusters(words)) == parts


def test_long_text_is_made_smaller_before_it_is_cut() -> None:
    smaller = fitted("W" * 12, 44, 400, 24)
    cut = fitted("W" * 32, 44, 400, 24)

    assert 24 <= smaller.size < 44
    assert len(smaller.glyphs) == 12
    assert (cut.size, len(cut.glyphs)) == (24, len(cut.glyphs))
    assert len(cut.glyphs) < 32
    assert all(340 < line.width <= 400 for line in (smaller, cut))


@pytest.mark.parametrize("room", range(40, 400, 17))
def test_a_cut_goes_through_no_emoji_and_no_flag(room: int) -> None:
    families = fitted("👨‍👩‍👧‍👦" * 20, 40, room, 40)
    flags = fitted("🇩🇪" * 20, 40, room, 40)

    whole = laid_out("👨‍👩‍👧‍👦", 40).glyphs[0].number, laid_out("🇩🇪", 40).glyphs[0].number
    assert {glyph.number for glyph in families.glyphs[:-1]} <= {whole[0]}
    assert {glyph.number for glyph in flags.glyphs[:-1]} <= {whole[1]}
    assert families.width <= room
    assert flags.width <= room


@pytest.mark.parametrize(
    "hostile", ["a\x00b", "a\u202eb", "a\u2067b", "a\nb", "a\u2028b", "a\ud800b", "a\u200bb"]
)
def test_what_is_not_to_be_seen_takes_no_room_and_turns_nothing(hostile: str) -> None:
    assert laid_out(hostile, 40) == laid_out("ab", 40)


@pytest.mark.parametrize(
    "hostile", ["", "\u200d", "\ufe0f", "\u0301", "\u200d\u200d", "a" + "\u0301" * 1_000, "\U0001f1e6"]
)
def test_what_stands_alone_or_in_heaps_can_be_drawn(hostile: str) -> None:
    line = fitted(hostile, 44, 400, 24)

    assert line.drawn(INK).height == line.up + line.down
    assert line.width <= 400


def test_cutting_a_long_text_takes_no_time_by_the_square_of_its_length() -> None:
    began = time.perf_counter()
    fitted("W" * 4_000, 44, 400, 24)

    assert time.perf_counter() - began < 3  # 0.2 s; letter by letter it was minutes
