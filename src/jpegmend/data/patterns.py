"""Drawn pictures for training that are unlike photographs: dithering, halftone dots, chessboards, text, shapes.

Networks that learn from photographs alone answer such pictures by something far from them (docs/models/mend.md); with
five in a hundred crops MDU answered most of them better (docs/models/mdu.md). Each picture follows from its number
alone; benchmarks/patterns.py measures on others of its own.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jpegmend.writing.atomic import make_folder, write_bytes

SIDE = 256
"""Rows and columns of a picture."""
_WORDS = ["Lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "0123456789", "(+-=)", "A", "B", "C"]

Plane = NDArray[np.float64]
Random = np.random.Generator


def draw(number: int) -> Image.Image:
    """Picture ``number`` of 0 or above, 256x256, RGB; the kinds take turns. About seven in ten are gray."""
    random = np.random.default_rng(number)
    drawn = _KINDS[number % len(_KINDS)](random)
    low, high = _colours(random)
    return Image.fromarray(np.rint(low + drawn[..., None] * (high - low)).astype(np.uint8), "RGB")


def write(folder: Path, count: int) -> None:
    """Write the pictures 0 to ``count - 1`` into a folder as ``000.png``, ``001.png``, ...; those there are replaced.

    Raises:
        OutputError: the folder cannot be made or written to.
    """
    make_folder(folder)
    for number in range(count):
        stream = io.BytesIO()
        draw(number).save(stream, "PNG")
        write_bytes(folder / f"{number:03}.png", stream.getvalue())


def _colours(random: Random) -> tuple[Plane, Plane]:
    """The colours of 0 and of 1: black and white in two of five pictures, else any two, half of them with hue."""
    if random.random() < 0.4:
        return np.zeros(3), np.full(3, 255.0)
    low, high = np.sort(random.uniform(0, 255, 2))
    hue = random.uniform(-60, 60, (2, 3)) if random.random() < 0.5 else np.zeros((2, 3))
    return np.clip(low + hue[0], 0, 255), np.clip(high + hue[1], 0, 255)


def _grid() -> tuple[Plane, Plane]:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    return rows, columns


def _tone(random: Random) -> Plane:
    """A soft picture, 0..1: a ramp in any direction, and some broad waves."""
    rows, columns = _grid()
    angle = random.uniform(0, 2 * np.pi)
    tone = np.cos(angle) * rows + np.sin(angle) * columns
    for _ in range(int(random.integers(4))):
        waves, phase = random.normal(0, 0.04, 2), random.uniform(0, 2 * np.pi)
        tone = tone + random.uniform(10, 80) * np.sin(waves[0] * rows + waves[1] * columns + phase)
    return np.asarray((tone - tone.min()) / np.ptp(tone))


def _noise(random: Random) -> Plane:
    """Dithering by chance, each point one to three pixels wide."""
    size = int(random.integers(1, 4))
    tone = _tone(random)
    chance = random.random((-(-SIDE // size),) * 2).repeat(size, 0).repeat(size, 1)[:SIDE, :SIDE]
    return np.asarray((chance < tone).astype(np.float64))


def _ordered(random: Random) -> Plane:
    """Ordered dithering by Bayer's matrix of 2, 4 or 8."""
    matrix = np.zeros((1, 1))
    for _ in range(int(random.integers(1, 4))):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    matrix = (matrix + 0.5) / matrix.size
    return np.asarray((_tone(random) > np.tile(matrix, (SIDE // len(matrix),) * 2)).astype(np.float64))


def _diffused(random: Random) -> Plane:
    """Error diffusion by Floyd and Steinberg, as Pillow does it."""
    tone = Image.fromarray(np.rint(_tone(random) * 255).astype(np.uint8))
    return np.asarray(tone.convert("1"), np.float64)


def _dots(random: Random) -> Plane:
    """Halftone dots at any angle, 3 to 12 pixels apart, sharp or blurred as a scan is."""
    rows, columns = _grid()
    angle, pitch, edge = random.uniform(0, np.pi), random.uniform(3, 12), random.uniform(0.5, 8)
    down, across = np.cos(angle) * rows + np.sin(angle) * columns, np.cos(angle) * columns - np.sin(angle) * rows
    screen = 0.5 + 0.25 * (np.cos(2 * np.pi * down / pitch) + np.cos(2 * np.pi * across / pitch))
    return np.asarray(np.clip(0.5 + edge * (_tone(random) - screen), 0, 1))


def _board(random: Random) -> Plane:
    """A chessboard with fields of 1 to 12 pixels, not always square."""
    rows, columns = _grid()
    height, width = random.integers(1, 13, 2)
    return np.asarray((rows // height + columns // width) % 2)


def _stripes(random: Random) -> Plane:
    """Stripes at any angle, 1 to 12 pixels wide, hard or soft."""
    rows, columns = _grid()
    angle, width = random.choice([0.0, np.pi / 2, random.uniform(0, np.pi)]), random.uniform(1, 12)
    wave = np.sin(np.pi * (np.cos(angle) * rows + np.sin(angle) * columns + 0.5) / width)
    return np.asarray(np.clip(0.5 + random.choice([0.5, 50.0]) * wave, 0, 1))


def _text(random: Random) -> Plane:
    """Lines of text of 8 to 24 pixels, dark on bright or the other way round."""
    image, top = Image.new("L", (SIDE, SIDE), 255), 2
    pen = ImageDraw.Draw(image)
    while top < SIDE:
        size = int(random.integers(8, 25))
        words = " ".join(random.choice(_WORDS, 12))
        pen.text((int(random.integers(-20, 8)), top), words, fill=0, font_size=size)
        top += size + int(random.integers(2, 8))
    drawn = np.asarray(image, np.float64) / 255
    return drawn if random.random() < 0.7 else 1 - drawn


def _shapes(random: Random) -> Plane:
    """Lines, boxes and ellipses in flat tones, with and without smooth edges."""
    scale = int(random.choice([1, 4]))
    image = Image.new("L", (SIDE * scale,) * 2, int(random.integers(256)))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(6, 30))):
        ends = random.integers(-20, SIDE + 20, (2, 2)) * scale
        box, tone = [*ends.min(0).tolist(), *ends.max(0).tolist()], int(random.integers(256))
        kind = int(random.integers(3))
        if kind == 0:
            pen.line(ends.ravel().tolist(), fill=tone, width=int(random.integers(1, 5)) * scale)
        elif kind == 1:
            pen.rectangle(box, fill=tone)
        else:
            pen.ellipse(box, fill=tone)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) / 255


_KINDS: tuple[Callable[[Random], Plane], ...] = (
    _noise,
    _diffused,
    _dots,
    _text,
    _noise,
    _ordered,
    _board,
    _shapes,
    _stripes,
)
