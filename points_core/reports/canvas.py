"""What charts are drawn on: one dark card that reads well in both of Discord's themes, and its letters.

matplotlib takes a second to import and another for its first picture, so it is imported when first used and
never through pyplot, which keeps figures alive and belongs to one thread.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUND, PANEL, LINE, LETTERS, FAINT = "#2b2d31", "#313338", "#4e5058", "#f2f3f5", "#b5bac1"
GIVEN, TAKEN, NET, PEOPLE = "#5fd38d", "#ff7b7d", "#8ab4ff", "#f2c14e"
"""Points given lie above the line and points taken below it: nobody needs the colours to tell them apart."""

SIZE_IN, DPI = (6.6, 4.0), 150  # 990 × 600 pixels; Discord shows it 400 wide, so letters have to be large
MAX_NAME = 13  # characters of a name beside a bar
MAX_TICKS = 8  # dates under a chart that do not touch
ROOM_FOR_LEGEND = 22  # points of height, between a panel and its title

_drawing = Lock()  # matplotlib's caches of fonts know no threads


def figure(columns: int = 1, widths: Sequence[float] | None = None) -> tuple["Figure", list["Axes"]]:
    """Return an empty card with `columns` panels beside each other."""
    from matplotlib.figure import Figure

    made = Figure(figsize=SIZE_IN, dpi=DPI, facecolor=GROUND, layout="constrained")
    panels = made.subplots(1, columns, squeeze=False, width_ratios=widths)[0]
    for panel in panels:
        _dress(panel)
    return made, list(panels)


def titled(panel: "Axes", title: str) -> None:
    """Write a panel's title over it."""
    panel.set_title(title, color=LETTERS, fontsize=11, loc="left", pad=ROOM_FOR_LEGEND, parse_math=False)


def png(drawn: "Figure") -> bytes:
    """Return the card as a PNG file."""
    written = BytesIO()
    drawn.savefig(written, format="png", facecolor=GROUND)
    return written.getvalue()


def drawing() -> Lock:
    """Return what to hold while drawing."""
    return _drawing


def amounts(axis: Any, *, whole: bool = True) -> None:  # noqa: ANN401 - matplotlib's XAxis or YAxis
    """Have an axis count in points: 1,000 is 1k, and no points come in halves."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=4, integer=whole))
    axis.set_major_formatter(EngFormatter(sep=""))


def beneath(panel: "Axes", labels: Sequence[str], *, leaning: bool = True) -> None:
    """Write labels under bars at 0, 1, 2 …, leaving out what would not fit."""
    step = -(-len(labels) // MAX_TICKS) or 1
    places = range(0, len(labels), step)
    panel.set_xticks(list(places), [labels[place] for place in places])
    if leaning:
        panel.tick_params(axis="x", labelrotation=30)
        for written in panel.get_xticklabels():
            written.set_horizontalalignment("right")
    _literal(panel.get_xticklabels())


def beside(panel: "Axes", labels: Sequence[str]) -> None:
    """Write labels beside bars at 0, 1, 2 …, the first on top."""
    panel.set_yticks(list(range(len(labels))), list(labels))
    panel.invert_yaxis()
    _literal(panel.get_yticklabels())


class Signs:
    """Names as they can be drawn: those whose letters cannot are (A), (B) and so on.

    The font that comes along has Latin, Greek and Cyrillic, and no one shapes or turns other scripts: a box
    for each letter, or letters in the wrong order, would be worse than a sign.
    """

    def __init__(self) -> None:
        self._signs: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return `name`, shortened, or the sign that stands for it."""
        shown = " ".join(name.split())
        if shown and all(_drawable(letter) for letter in shown):
            return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1].rstrip() + "…"
        return self._signs.setdefault(name, _sign(len(self._signs)))

    @property
    def explained(self) -> tuple[tuple[str, str], ...]:
        """Return each sign with the name it stands for."""
        return tuple((sign, name) for name, sign in self._signs.items())


def _sign(number: int) -> str:
    """Return (A) to (Z), then (A1) to (Z1), and so on: the brackets say that nobody is called so."""
    round_, letter = divmod(number, 26)
    return f"({chr(ord('A') + letter)}{round_ or ''})"


def _drawable(letter: str) -> bool:
    """A letter that stands alone, goes from left to right, and is in the font."""
    alone = not unicodedata.category(letter).startswith(("M", "C"))
    return alone and unicodedata.bidirectional(letter) not in {"R", "AL", "AN"} and ord(letter) in _glyphs()


@cache
def _glyphs() -> frozenset[int]:
    import matplotlib as mpl
    from matplotlib.ft2font import FT2Font

    font = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return frozenset(FT2Font(str(font)).get_charmap())


def _dress(panel: "Axes") -> None:
    panel.set_facecolor(PANEL)
    panel.tick_params(colors=FAINT, labelcolor=LETTERS, labelsize=10, length=0)
    panel.grid(visible=True, color=LINE, linewidth=0.6)
    panel.set_axisbelow(True)
    for side in panel.spines.values():
        side.set_visible(False)


def legend(panel: "Axes") -> None:
    """Say between the panel and its title which colour is what."""
    panel.legend(
        loc="lower left",
        bbox_to_anchor=(-0.03, 0.98),
        ncols=2,
        fontsize=9,
        labelcolor=LETTERS,
        frameon=False,
        handlelength=1.2,
        columnspacing=1.0,
    )


def _literal(labels: Sequence[Any]) -> None:
    """Take people's dollar signs for what they are; matplotlib would read formulas between them."""
    for label in labels:
        label.set_parse_math(False)
