"""Recognition of a JPEG compression in pixels without a file, as of a PNG made from a JPEG: share found, false alarms.

    python benchmarks/recognition.py --data BSDS500/val --out docs/results/recognition.json

Text and drawings are made here; photographs are halved by the box filter, which leaves no trace of their own
compression. Each is compressed (gray, 4:2:0 or 4:4:4, every second one cut so that the grid is shifted), and decoded.
Found is a compression whose quality is right within 2 and whose grid is right. False alarms are counted in pictures
that were never compressed: those, dithered ones, gradients, and enlarged small pictures whose cells are like blocks.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jpegmend.evaluation.measure.degrade_and_score import encode
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.restoration import guess
from jpegmend.restoration.scene import PixelScene

QUALITIES = (10, 20, 30, 50, 75, 90, 95)
SAMPLINGS = ("gray", "4:2:0", "4:4:4")
SIZES = (9, 11, 12, 14, 16, 20, 28, 40)
WORDS = ("The", "restored", "picture,", "page", "12", "(see", "table", "3)", "compressed", "at", "quality;", "1,284.50")
SIDE = 256


def text(seed: int) -> Image.Image:
    """Lines of black text on white, in one size."""
    return written(seed, "white", "black")


def coloured_text(seed: int) -> Image.Image:
    """Lines of text in a dark colour on a light one, or the other way round."""
    rng = random.Random(seed)
    paper, ink = rng.choice(("white", "#ffffe0", "#ddeeff")), tuple(rng.choices(range(200), k=3))
    return written(seed, ink, paper) if seed % 4 == 3 else written(seed, paper, ink)


def written(seed: int, paper: Any, ink: Any) -> Image.Image:
    """Lines of text in two colours."""
    rng = random.Random(seed)
    size = SIZES[seed % len(SIZES)]
    font = ImageFont.load_default(size)
    picture = Image.new("RGB", (SIDE + 8 * rng.randrange(16), SIDE), paper)
    pen = ImageDraw.Draw(picture)
    y = rng.randrange(4, 16)
    while y < SIDE - size:
        line = " ".join(rng.choices(WORDS, k=picture.width // (3 * size)))
        pen.text((rng.randrange(3, 12), y), line, fill=ink, font=font)
        y += round(size * rng.choice((1.2, 1.3, 1.5, 2.5)))
    return picture


def drawing(seed: int) -> Image.Image:
    """Shapes in three to eight colours; two thirds of the drawings with smooth edges."""
    rng = random.Random(seed)
    scale = 1 if seed % 3 == 0 else 4
    side = SIDE * scale
    colours = [tuple(rng.choices(range(256), k=3)) for _ in range(rng.randint(3, 8))]
    picture = Image.new("RGB", (side, side), rng.choice(("white", colours[0])))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.randint(5, 25)):
        x, y, size, colour = rng.randrange(side), rng.randrange(side), rng.randint(8, 120) * scale, rng.choice(colours)
        shape = rng.randrange(4)
        if shape == 0:
            pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        elif shape == 1:
            pen.rectangle((x, y, x + size, y + rng.randint(8, 100) * scale), fill=colour)
        elif shape == 2:
            corners = [(x + rng.randint(-size, size), y + rng.randint(-size, size)) for _ in range(4)]
            pen.polygon(corners, fill=colour)
        else:
            pen.line((x, y, rng.randrange(side), rng.randrange(side)), fill=colour, width=rng.randint(1, 9) * scale)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def enlarged(seed: int) -> Image.Image:
    """Small pictures of few colours, enlarged so that their cells have 4 to 16 pixels a side."""
    noise = np.random.default_rng(seed)
    colours = noise.integers(0, 256, (int(noise.integers(3, 12)), 3))
    small = Image.fromarray(colours[noise.integers(0, len(colours), (36, 40))].astype(np.uint8))
    cell = (8, 8, 4, 5, 16)[seed % 5]
    how = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[seed % 3]
    return small.resize((small.width * cell, small.height * cell), how)


def gradient(seed: int) -> Image.Image:
    """Linear gradients, half of them with waves, a third with rectangles upon them."""
    rng = random.Random(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    planes = [rng.uniform(0, 255) + rng.uniform(-2, 2) * x + rng.uniform(-2, 2) * y for _ in range(3)]
    values = np.stack(planes, axis=-1) + (seed % 2) * 60 * np.sin(x / rng.uniform(8, 60))[..., None]
    picture = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(6 * (seed % 3 == 0)):
        pen.rectangle((rng.randrange(SIDE), rng.randrange(SIDE), SIDE, SIDE), fill=tuple(rng.choices(range(256), k=3)))
    return picture


def dithered(seed: int) -> Image.Image:
    """Gradients, drawings and text in two colours or twelve, dithered."""
    picture = (gradient, drawing, coloured_text)[seed % 3](seed)
    return picture.convert("1").convert("RGB") if seed % 2 else picture.quantize(12).convert("RGB")


MADE: dict[str, Callable[[int], Image.Image]] = {"text": text, "coloured text": coloured_text, "drawings": drawing}
"""The kinds that are compressed."""
UNCOMPRESSED = {**MADE, "enlarged": enlarged, "gradients": gradient, "dithered": dithered}
"""The kinds in which false alarms are counted."""


def halved(path: Path) -> Image.Image:
    """The middle of a photograph, at half its size."""
    picture = Image.open(path).convert("RGB")
    picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
    left, top = (max(0, side - SIDE) // 2 for side in picture.size)
    return picture.crop((left, top, min(left + SIDE, picture.width), min(top + SIDE, picture.height)))


def found_in(picture: Image.Image) -> guess.Guess | None:
    """The estimate of the command."""
    return guess.estimate_compression(PixelScene(np.asarray(picture), 50, (0, 0), (1, 1)))


def is_found(picture: Image.Image, quality: int, number: int) -> bool:
    """Whether the compression is found; the number of the picture chooses sampling and cut."""
    sampling = SAMPLINGS[number // 2 % len(SAMPLINGS)]
    values = np.asarray(picture.convert("L") if sampling == "gray" else picture)
    down, across = (0, 0) if number % 2 == 0 else divmod(1 + 7 * number % 63, 8)
    decoded = Image.open(io.BytesIO(encode(values, quality, sampling)))
    found = found_in(decoded.crop((across, down, *decoded.size)))
    return found is not None and abs(found.quality - quality) <= 2 and found.offset == (-down % 8, -across % 8)


def shares(kind: str, made: list[Image.Image]) -> Iterator[tuple[str, list[float]]]:
    """The share found and the number of pictures, by kind and quality."""
    for quality in QUALITIES:
        found = [is_found(picture, quality, number) for number, picture in enumerate(made)]
        print(kind, quality, f"{sum(found)} of {len(found)}", flush=True)
        yield f"{kind} {quality}", [round(sum(found) / len(found), 4), len(found)]


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="folders of photographs")
    parser.add_argument("--count", type=int, default=24, help="pictures of each kind that are compressed")
    parser.add_argument("--uncompressed", type=int, default=100, help="pictures of each kind that are not")
    parser.add_argument("--out", type=Path, default=Path("recognition.json"))
    options = parser.parse_args()
    photographs = [path for folder in options.data for path in pictures(folder)][: options.uncompressed]
    result: dict[str, list[float]] = {}
    for kind, make in MADE.items():
        result.update(shares(kind, [make(seed) for seed in range(options.count)]))
    if photographs:
        result.update(shares("photographs", [halved(path) for path in photographs[: options.count]]))
    alarms: list[str] = []
    number = 0
    # Other seeds than those of the compressed pictures.
    for kind, make in UNCOMPRESSED.items():
        for seed in range(1000, 1000 + options.uncompressed):
            number += 1
            alarms += [f"{kind} {seed}"] * (found_in(make(seed)) is not None)
        print(kind, "never compressed:", len(alarms), "false alarms of", number, flush=True)
    for path in photographs:
        number += 1
        alarms += [path.name] * (found_in(halved(path)) is not None)
    record = {
        "recognition": result,
        "uncompressed": {"pictures": number, "alarms": alarms},
        "environment": environment(),
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print("false alarms:", len(alarms), "of", number, alarms)


if __name__ == "__main__":
    main()
