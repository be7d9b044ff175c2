"""Draw six pictures as people upload them: JPEG, one turned by EXIF, PNG in three colour modes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

EXIF_ORIENTATION = 0x0112
TURNED_LEFT = 8
"""EXIF: rotate by 270° clockwise to stand upright; what a phone held on its side writes."""


def write_images(folder: Path) -> None:
    """Write the six files into an existing folder."""
    from PIL import Image

    for name, draw in DRAWINGS.items():
        picture = draw()
        if name == "lighthouse.jpg":
            exif = Image.Exif()
            exif[EXIF_ORIENTATION] = TURNED_LEFT
            picture.transpose(Image.Transpose.ROTATE_270).save(folder / name, quality=78, exif=exif)
        elif name.endswith(".jpg"):
            picture.save(folder / name, quality=78)
        else:
            picture.save(folder / name, optimize=True)


def _harbour() -> Image.Image:
    picture, pen = _sky((1280, 853), top=(255, 196, 140), bottom=(88, 92, 150))
    pen.ellipse((560, 300, 720, 460), fill=(255, 240, 200))
    pen.rectangle((0, 520, 1280, 853), fill=(40, 62, 96))
    for row in range(12):
        y = 530 + row * 26
        pen.line((640 - 40 - row * 12, y, 640 + 40 + row * 12, y), fill=(255, 222, 170), width=4)
    for x, size in ((180, 90), (420, 60), (900, 110), (1120, 70)):
        pen.polygon(
            (
                (x - size, 540),
                (x + size, 540),
                (x + size // 2, 540 + size // 2),
                (x - size // 2, 540 + size // 2),
            ),
            fill=(24, 30, 44),
        )
        pen.polygon(((x, 540 - size * 2), (x, 525), (x + size, 525)), fill=(240, 236, 224))
    return picture


def _pines() -> Image.Image:
    picture, pen = _sky((1280, 960), top=(210, 230, 238), bottom=(244, 246, 240))
    chance = random.Random(7)
    for depth, shade in enumerate(((150, 182, 176), (96, 140, 130), (48, 92, 82), (18, 48, 44))):
        base = 620 + depth * 110
        for x in range(-40, 1330, 90 - depth * 8):
            height = 220 + depth * 60 + chance.randrange(90)
            middle = x + chance.randrange(60)
            for tier in range(4):
                top = base - height + tier * height // 5
                half = 22 + tier * 16 + depth * 5
                pen.polygon(
                    (
                        (middle, top),
                        (middle - half, top + height // 3),
                        (middle + half, top + height // 3),
                    ),
                    fill=shade,
                )
        pen.rectangle((0, base - 30, 1280, 960), fill=shade)
    return picture


def _lighthouse() -> Image.Image:
    picture, pen = _sky((800, 1200), top=(30, 40, 84), bottom=(120, 150, 190))
    pen.polygon(((400, 250), (0, 60), (0, 360)), fill=(250, 236, 170))
    for band in range(7):
        y, half = 300 + band * 100, 62 + band * 8
        colour = (206, 58, 50) if band % 2 else (246, 244, 240)
        pen.polygon(
            (
                (400 - half, y),
                (400 + half, y),
                (400 + half + 8, y + 100),
                (400 - half - 8, y + 100),
            ),
            fill=colour,
        )
    pen.rectangle((350, 210, 450, 300), fill=(252, 224, 120))
    pen.polygon(((330, 210), (470, 210), (400, 140)), fill=(70, 30, 36))
    pen.ellipse((-200, 960, 1000, 1500), fill=(44, 50, 52))
    return picture


def _circles() -> Image.Image:
    from PIL import Image, ImageDraw

    picture = Image.new("RGBA", (900, 900), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture, "RGBA")
    for step in range(12):
        angle = step * math.tau / 12
        x, y = 450 + round(230 * math.cos(angle)), 450 + round(230 * math.sin(angle))
        pen.ellipse((x - 180, y - 180, x + 180, y + 180), outline=(61, 84, 196, 255), width=18)
    pen.ellipse((390, 390, 510, 510), fill=(191, 38, 43, 255))
    return picture


def _quilt() -> Image.Image:
    from PIL import Image, ImageDraw

    chance = random.Random(11)
    colours = ("#11181a", "#f4f6f6", "#d0741f", "#1a8fab", "#529c74", "#a35bbb")
    picture = Image.new("RGB", (1200, 800), colours[1])
    pen = ImageDraw.Draw(picture)
    for x in range(0, 1200, 100):
        for y in range(0, 800, 100):
            corners = [(x, y), (x + 100, y), (x + 100, y + 100), (x, y + 100)]
            del corners[chance.randrange(4)]
            pen.polygon(corners, fill=chance.choice(colours))
    return picture.quantize(8)


def _waves() -> Image.Image:
    from PIL import Image, ImageDraw

    picture = Image.new("L", (1400, 500), 250)
    pen = ImageDraw.Draw(picture)
    for row in range(24):
        points = [
            (x, 20 + row * 20 + 14 * math.sin(x / 60 + row * 0.7) * math.sin(row / 4))
            for x in range(0, 1401, 10)
        ]
        pen.line(points, fill=30 + row * 7, width=5)
    return picture


def _sky(
    size: tuple[int, int], *, top: tuple[int, int, int], bottom: tuple[int, int, int]
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a picture with a vertical gradient, and a pen for it."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", size)
    pen = ImageDraw.Draw(picture)
    for y in range(size[1]):
        share = y / size[1]
        pen.line(
            (0, y, size[0], y),
            fill=tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)),
        )
    return picture, pen


DRAWINGS: dict[str, Callable[[], Image.Image]] = {
    "harbour.jpg": _harbour,
    "pines.jpg": _pines,
    "lighthouse.jpg": _lighthouse,
    "circles.png": _circles,
    "quilt.png": _quilt,
    "waves.png": _waves,
}
