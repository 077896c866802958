"""Pictures unlike photographs: the gain by the projection, and by keeping decoded blocks against contradictions.

    python benchmarks/patterns.py --data BSDS500/val --model mend-s mdu-c --out docs/results/patterns.json

Gray pictures made here (chessboards, dithering, halftone dots, text, a drawing) and photographs, in full range. PSNR
over the decoded JPEG: of the network's answer, of its projection, and of what ``restore`` gives; ``kept back`` is the
share of blocks in which the answer contradicts the file.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jpegmend import jpeg, metrics, restore
from jpegmend.blocks import fidelity
from jpegmend.data.sets import locate
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.evaluation.report import benchmark_tables

Gray = NDArray[np.uint8]
SIDE = 192
"""Rows and columns of the pictures that are made here."""
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
RAMP = COLUMNS / SIDE * 255
ORDER = np.tile(
    np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 16 + 8, (SIDE // 4, SIDE // 4)
)


def chessboard(side: int) -> Gray:
    """Squares of ``side`` pixels."""
    return (((ROWS // side + COLUMNS // side) % 2) * 255).astype(np.uint8)


def dots(pitch: float) -> Gray:
    """A ramp as halftone dots at 45 degrees, ``pitch`` pixels apart, blurred as a scan is."""
    down, across = (ROWS + COLUMNS) / 2**0.5, (ROWS - COLUMNS) / 2**0.5
    screen = 127.5 + 64 * (np.cos(2 * np.pi * down / pitch) + np.cos(2 * np.pi * across / pitch))
    return np.clip(127.5 + 2 * (RAMP - screen), 0, 255).astype(np.uint8)


def text() -> Gray:
    """Lines of small letters."""
    image = Image.new("L", (SIDE, SIDE), 255)
    for line in range(9):
        ImageDraw.Draw(image).text((4, 4 + 20 * line), "The quick brown fox jumps 0123", fill=0)
    return np.asarray(image)


def drawing() -> Gray:
    """Lines and flat shapes, not antialiased."""
    random, image = np.random.default_rng(0), Image.new("L", (SIDE, SIDE), 230)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        ends = [tuple(random.integers(SIDE, size=2).tolist()) for _ in range(2)]
        draw.line(ends, fill=int(random.integers(120)), width=int(random.integers(1, 4)))
    for _ in range(5):
        corner = random.integers(SIDE - 60, size=2)
        draw.ellipse([*corner.tolist(), *(corner + random.integers(20, 60)).tolist()], fill=int(random.integers(255)))
    return np.asarray(image)


PATTERNS: dict[str, Callable[[], Gray]] = {
    "chessboard of single pixels": lambda: chessboard(1),
    "chessboard of 3 pixels": lambda: chessboard(3),
    "ordered dithering": lambda: ((RAMP > ORDER) * 255).astype(np.uint8),
    "random dithering": lambda: ((np.random.default_rng(0).integers(0, 256, RAMP.shape) < RAMP) * 255).astype(np.uint8),
    "halftone dots, 6 pixels apart": lambda: dots(6),
    "text": text,
    "drawing": drawing,
}


def gains(picture: Gray, quality: int, model: str) -> dict[str, float]:
    """PSNR in dB over the decoded JPEG, and the share of blocks kept back."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    file = stream.getvalue()
    part = jpeg.read(file).components[0]
    plain, free, final = (
        restore(file, model=model, strength=strength, consistent=consistent, earlier=False, keep_planes=True)
        for strength, consistent in ((0, False), (1, False), (1, True))
    )
    rows, columns = (8 * count for count in part.levels.shape[:2])
    projected = fidelity.project(free.planes[0][:rows, :columns], part.levels, part.table)
    height, width = picture.shape

    def score(plane: NDArray[np.float32]) -> float:
        return metrics.psnr(picture, np.clip(plane[:height, :width] * 255, 0, 255), peak=255)

    before = score(plain.planes[0])
    return {
        "psnr_jpeg": before,
        "answer": score(free.planes[0]) - before,
        "projected": score(projected) - before,
        "restored": score(final.planes[0]) - before,
        "kept_back": final.report.contradicted or 0.0,
    }


def measure(name: str, originals: Sequence[Gray], quality: int, model: str) -> dict[str, str | int | float]:
    """A row of the table: means over the pictures."""
    each = [gains(original, quality, model) for original in originals]
    means = {key: round(fmean(scores[key] for scores in each), 4) for key in each[0]}
    return {"what": name, "model": model, "quality": quality, "pictures": len(each), **means}


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder of photographs, or the name of a set; without it the patterns alone")
    parser.add_argument("--pictures", type=int, default=20, help="photographs, spread evenly over the folder")
    parser.add_argument("--model", nargs="+", default=["mend-s"])
    parser.add_argument("--quality", nargs="+", type=int, default=[10, 30, 75, 90])
    parser.add_argument("--out", type=Path, default=Path("patterns.json"))
    options = parser.parse_args()
    sets = {name: [make()] for name, make in PATTERNS.items()}
    if options.data:
        files = pictures(locate(options.data, packed=False))
        files = files[:: max(1, len(files) // options.pictures)][: options.pictures]
        sets["photographs"] = [np.asarray(Image.open(file).convert("L")) for file in files]
    lines = [
        measure(name, originals, quality, model)
        for model in options.model
        for quality in options.quality
        for name, originals in sets.items()
    ]
    found = {"patterns": lines, "environment": environment()}
    print(benchmark_tables.patterns(found))
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
