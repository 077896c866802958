"""Search for an earlier JPEG compression: calibration of its probability, and what it finds.

    python benchmarks/earlier.py fit --data TRAINING...      # prints the constants of jpegmend/blocks/earlier.py
    python benchmarks/earlier.py find --data VALIDATION... --out docs/results/earlier.json
    python benchmarks/earlier.py restore --data LIVE1 --out docs/results/earlier-restored.json

``fit`` and ``find`` compress pictures once (any quality and sampling; drawings and periodic textures among them) and
twice (on the same grid, on shifted ones, and scaled in between), and look at what ``find_earlier`` and ``find_scaled``
say. ``restore`` compares the PSNR of files compressed twice, restored as they come, with the search off, and with the
earlier compression told.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image, ImageDraw

from jpegmend import metrics, restore
from jpegmend.blocks import Earlier, Scaling, decode, earlier, find_scaled
from jpegmend.evaluation.measure.degrade_and_score import encode as encode_pixels
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.jpeg import read
from jpegmend.reading import open_source
from jpegmend.restoration import guess
from jpegmend.restoration.scene import make_scene

FIRST, SECOND = (10, 20, 30), (50, 75, 90, 95)
SCALES = (0.6, 0.75, 0.9, 1.25, 1.6)
FITTED = (8, 10, 12, 15, 20, 25, 30, 35, 40)
ONCE = (5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92, 95, 98)
SAMPLINGS = ("gray", "4:4:4", "4:2:2", "4:2:0")
SURE = guess.SURE


@dataclass(frozen=True)
class Case:
    """One file to look at."""

    picture: str
    first: int | None
    second: int
    shift: tuple[int, int]
    sampling: str
    data: bytes
    scale: float = 1.0
    """Between the compressions."""

    @property
    def kind(self) -> str:
        """``aligned`` and ``shifted`` grids, or ``scaled-0.7``."""
        return f"scaled-{self.scale:g}" if self.scale != 1 else "shifted" if any(self.shift) else "aligned"


def encode(picture: Image.Image, quality: int, sampling: str = "4:2:0") -> bytes:
    """A JPEG file by Pillow."""
    return encode_pixels(np.asarray(picture.convert("L" if sampling == "gray" else "RGB")), quality, sampling)


def scaled(picture: Image.Image, scale: float) -> Image.Image:
    """A picture scaled by the bicubic filter."""
    if scale == 1:
        return picture
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC)


def twice(
    picture: Image.Image, first: int, second: int, shift: tuple[int, int], sampling: str = "4:2:0", scale: float = 1.0
) -> bytes:
    """Compressed, scaled, cut by ``shift`` rows and columns at the top left, compressed again."""
    once = scaled(Image.open(io.BytesIO(encode(picture, first, sampling))), scale)
    return encode(once.crop((shift[1], shift[0], *once.size)), second, sampling)


def opened(path: Path, scale: float = 1.0, most: int = 512) -> Image.Image:
    """The middle of a picture, scaled by Lanczos."""
    picture = Image.open(path).convert("RGB")
    if scale != 1:
        width, height = (round(side * scale) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (max(0, side - most) // 2 for side in picture.size)
    return picture.crop((left, top, min(left + most, picture.width), min(top + most, picture.height)))


def drawn(seed: int) -> Image.Image:
    """A drawing: flat shapes, text, cells, lines or a periodic texture."""
    rng = random.Random(seed)
    noise = np.random.default_rng(seed)
    side = rng.choice((240, 320, 400))
    kind = seed % 5
    if kind == 0:
        cell = rng.choice((2, 3, 4, 5, 6, 8))
        cells = noise.integers(2, size=(side // cell, side // cell)) * rng.randint(60, 250)
        return Image.fromarray(cells.repeat(cell, 0).repeat(cell, 1).astype(np.uint8)).convert("RGB")
    if kind == 1:
        y, x = np.mgrid[:side, :side]
        waves = [
            rng.uniform(5, 60)
            * np.sin(2 * np.pi * (y * rng.uniform(-1, 1) + x * rng.uniform(-1, 1)) / rng.uniform(3, 20))
            for _ in range(3)
        ]
        values = np.clip(128 + sum(waves) + noise.normal(0, rng.uniform(0, 3), (side, side)), 0, 255)
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    picture = Image.new("RGB", (side, side), rng.choice(("white", "black", "#eef", "#234")))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.randint(20, 120)):
        x, y, colour = rng.randrange(side), rng.randrange(side), tuple(rng.choices(range(256), k=3))
        if kind == 2:
            pen.text((x, y), "".join(rng.choices("abcdefghijklm nopqrstuvw,.ABCDE", k=14)), fill=colour)
        elif kind == 3:
            pen.rectangle((x, y, x + rng.randrange(4, 80), y + rng.randrange(4, 80)), fill=colour)
        else:
            pen.line((x, y, rng.randrange(side), rng.randrange(side)), fill=colour, width=rng.randint(1, 6))
    return picture


def once_cases(paths: list[Path], count: int, scale: float) -> Iterator[Case]:
    """Files compressed once; a fourth of them are drawings."""
    rng = random.Random(1)
    for number in range(count):
        quality, sampling = ONCE[number % len(ONCE)], rng.choice(list(SAMPLINGS))
        if number % 4 == 0:
            name, picture = f"drawing {number}", drawn(number // 4)
        else:
            path = paths[number % len(paths)]
            name, picture = path.name, opened(path, scale)
        yield Case(name, None, quality, (0, 0), sampling, encode(picture, quality, sampling))


def twice_cases(paths: list[Path], each: int, firsts: tuple[int, ...] = FIRST) -> Iterator[Case]:
    """Files compressed twice: for each pair of qualities ``each`` pictures on the same grid, shifted, and scaled."""
    rng = random.Random(2)
    for index, (first, second, way) in enumerate(itertools.product(firsts, SECOND, ("same", "moved", *SCALES))):
        scale = way if isinstance(way, float) else 1.0
        for number in range(each):
            path = paths[(index * 7 + number) % len(paths)]
            shift = (0, 0)
            while way != "same" and shift == (0, 0):
                shift = (rng.randrange(8), rng.randrange(8))
            sampling = rng.choice(("gray", "4:2:0", "4:4:4"))
            data = twice(opened(path), first, second, shift, sampling, scale)
            yield Case(path.name, first, second, shift, sampling, data, scale)


def is_right(case: Case, found: Earlier) -> bool:
    """Whether the earlier compression was found: its quality within 5, and its grid or scale."""
    if case.first is None or abs(found.quality - case.first) > 5:
        return False
    if found.scaling is None:
        return case.scale == 1 and found.offset == tuple(-part % 8 for part in case.shift)
    return all(abs(axis.scale / case.scale - 1) < 0.01 for axis in found.scaling)


def fit(paths: list[Path], count: int) -> None:
    """Print the constants of the logistic regressions, and keep nothing."""
    seen: dict[str, list[tuple[tuple[float, ...], bool]]] = {"shifted": [], "aligned": [], "scaled": []}
    cases = itertools.chain(once_cases(paths, count, 1.0), twice_cases(paths, max(1, count // 252), FITTED))
    for case in cases:
        luma = read(case.data).components[0]
        for kind, evidence in earlier.find_evidence(luma.levels, luma.table, case.second).items():
            right = is_right(case, Earlier(evidence.quality, evidence.offset, 0.0))
            if right or case.first is None or case.kind != kind:
                seen[kind].append((evidence.features, right))
        plane = decode(luma.levels, luma.table)[: luma.rows, : luma.columns]
        if (found := find_scaled(plane, own_grid=True)) is not None:
            right = is_right(case, Earlier(found.quality, (0, 0), 0.0, found.scaling))
            seen["scaled"].append((found.features, right))
    print({kind: tuple(round(float(x), 3) for x in regress(rows)) for kind, rows in seen.items()})


def regress(rows: list[tuple[tuple[float, ...], bool]], penalty: float = 0.02) -> Any:
    """Weights of a logistic regression by Newton's method, the constant first; wrong finds weigh three times."""
    inputs = np.array([(1.0, *features) for features, _ in rows])
    truth = np.array([right for _, right in rows], np.float64)
    importance = np.where(truth > 0, 1.0, 3.0)
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        found = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (importance * (found - truth)) + penalty * weights
        bend = (inputs.T * (importance * found * (1 - found))) @ inputs + penalty * np.eye(len(weights))
        weights -= np.linalg.solve(bend, slope)
    return weights


def find(paths: list[Path], count: int, out: Path) -> None:
    """What is found: recall by pair of qualities, wrong finds in files compressed once."""
    table: dict[str, list[tuple[bool, bool, float]]] = {}
    wrong = []
    # BSDS500's pictures are JPEGs of quality 95: scaled by 2/3 they are clean.
    for case in itertools.chain(once_cases(paths, count, 2 / 3), twice_cases(paths, max(1, count // 25))):
        found = guess.find_earlier_compression(make_scene(open_source(case.data)), case.second)
        used = found is not None and found.probability >= SURE
        if case.first is None:
            if used:
                wrong.append(
                    {"picture": case.picture, "quality": case.second, "sampling": case.sampling, "found": found}
                )
            continue
        key = f"{case.first}+{case.second} {case.kind}"
        right = found is not None and is_right(case, found)
        table.setdefault(key, []).append((used, right, found.probability if found else 0.0))
    uses = [right for rows in table.values() for used, right, _ in rows if used]
    result = {
        "earlier": {
            key: [round(float(np.mean([u and r for u, r, _ in rows])), 4), len(rows)] for key, rows in table.items()
        },
        "precision": round(sum(uses) / max(1, len(uses) + len(wrong)), 5),
        "once": {"files": count, "wrong": wrong},
        "threshold": SURE,
        "environment": environment(),
    }
    out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "environment"}, indent=1))


def compare(paths: list[Path], out: Path, model: str) -> None:
    """PSNR in dB of RGB: as decoded, restored without the search, restored as it comes, and with the truth told."""
    rows: dict[str, list[list[float]]] = {}
    ways = ("aligned", "shifted", *SCALES)
    for path, (first, second, way) in itertools.product(paths, itertools.product(FIRST, SECOND, ways)):
        picture, scale = opened(path), way if isinstance(way, float) else 1.0
        shift = (0, 0) if way == "aligned" else (3, 5)
        truth = np.asarray(scaled(picture, scale))[shift[0] :, shift[1] :]
        data = twice(picture, first, second, shift, scale=scale)
        told = Earlier(first, (-shift[0] % 8, -shift[1] % 8), 1.0)
        if scale != 1:
            scales = [new / old for new, old in zip(scaled(picture, scale).size, picture.size, strict=True)][::-1]
            edges = (-shift[0], -shift[1])
            told = Earlier(first, (0, 0), 1.0, Scaling.from_blocks(truth.shape[:2], (scales[0], scales[1]), edges))
        with mock.patch.object(guess, "find_earlier_compression", lambda *_, told=told: told):
            best = restore(data, model=model, bits=8).to_array(8)
        answers = [
            restore(data, model=model, bits=8, strength=0).to_array(8),
            restore(data, model=model, bits=8, earlier=False).to_array(8),
            restore(data, model=model, bits=8).to_array(8),
            best,
        ]
        key = f"{first}+{second} {way if scale == 1 else f'scaled-{scale:g}'}"
        rows.setdefault(key, []).append([metrics.psnr(truth, answer, peak=255) for answer in answers])
    names = ("decoded", "without", "found", "told")
    means = {key: dict(zip(names, np.mean(values, 0).round(3).tolist(), strict=True)) for key, values in rows.items()}
    result = {"earlier-restored": means, "pictures": len(paths), "model": model, "environment": environment()}
    out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(means, indent=1))


def main() -> None:
    """Fit, find or restore."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fit", "find", "restore"))
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="folders of pictures")
    parser.add_argument("--count", type=int, default=1000, help="files compressed once; about as many are twice")
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--model", default="mend-s")
    parser.add_argument("--out", type=Path, default=Path("earlier.json"))
    options = parser.parse_args()
    paths = [path for folder in options.data for path in pictures(folder)][:: options.every]
    if options.what == "fit":
        fit(paths, options.count)
    elif options.what == "find":
        find(paths, options.count, options.out)
    else:
        compare(paths, options.out, options.model)


if __name__ == "__main__":
    main()
