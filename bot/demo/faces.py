"""Pictures of people: everybody in Open Garden is a flower."""

import io
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageDraw

SIDE = 128  # pixels
PETAL_SHARE = 0.21  # of the side: petals that touch each other


def flower(background: str, petals: str, count: int) -> bytes:
    """Return a PNG of a flower with `count` petals; colours as #rrggbb. Needs Pillow, which the preview brings."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (SIDE, SIDE), background)
    draw = ImageDraw.Draw(image)
    middle, reach, radius = SIDE / 2, SIDE * 0.25, SIDE * PETAL_SHARE * 5 / (count + 1)
    for number in range(count):
        angle = math.tau * number / count - math.pi / 2
        _disc(draw, middle + reach * math.cos(angle), middle + reach * math.sin(angle), radius, petals)
    _disc(draw, middle, middle, SIDE * 0.13, "#ffd866")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _disc(draw: "ImageDraw.ImageDraw", x: float, y: float, radius: float, colour: str) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
