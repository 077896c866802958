"""The gallery of the documentation: one photograph, one scan, one drawing through all released models.

    python benchmarks/gallery.py --out docs

Writes ``gallery.md`` and its pictures, ``gallery/*.webp`` and ``*.svg``, into the folder. PSNR is over all values of
the whole picture; seconds are those of a restoration after the first, on the machine that is named. The plot of quality
against cost is made of docs/results.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np

from jpegmend import metrics, restore, weights
from jpegmend.evaluation.measure.degrade_and_score import Picture, decode, encode
from jpegmend.evaluation.measure.environment import commit, environment, reproducible
from jpegmend.evaluation.report import documents
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.frontier import frontier, measured, printed
from jpegmend.explanation.panels import Panel, mosaic

ROOT = Path(__file__).parents[1]
QUALITIES = (10, 20, 40)
CROP, ZOOM, COLUMNS = 64, 3, 4
NAMES = {"photo": "A photograph", "scan": "A scan", "drawing": "A drawing"}
CROPS = {"photo": (56, 88), "scan": (24, 32), "drawing": (72, 24)}
"""Upper left corner of the crop of each picture."""


def originals() -> dict[str, Picture]:
    """The clear pictures: a NASA photograph (public domain, in scikit-image), and two that examples/make.py draws."""
    from skimage import data

    found = importlib.util.spec_from_file_location("make", ROOT / "examples" / "make.py")
    assert found and found.loader
    make = importlib.util.module_from_spec(found)
    found.loader.exec_module(make)
    return {
        "photo": np.ascontiguousarray(data.astronaut()[0:192, 128:320]),
        "scan": np.asarray(make.scan())[0:128, 0:256],
        "drawing": np.asarray(make.drawing())[176:320, 0:240],
    }


def models() -> list[str]:
    """The released networks that restore, ours first."""
    released = [name for name, card in weights.PACKAGED.items() if card.released and card.scale == 1]
    return sorted(released, key=lambda name: (weights.PACKAGED[name].network != "mend", name))


def measure(clear: Picture, quality: int, name: str) -> tuple[Picture, float, float]:
    """The picture that a model restores, its PSNR in dB, and the seconds of a restoration."""
    file = encode(clear, quality, "4:2:0")
    restored = restore(file, model=name, bits=8)
    picture = np.asarray(restored.to_array(8))
    return picture, metrics.psnr(picture, clear, peak=255), restored.report.seconds


def sheet(kind: str, clear: Picture, quality: int, names: list[str]) -> tuple[Drawing, list[dict[str, object]]]:
    """The crops of one picture at one quality side by side, and their scores."""
    decoded = decode(encode(clear, quality, "4:2:0"))
    shown = [("original", clear, ""), ("JPEG", decoded, f": {metrics.psnr(decoded, clear, peak=255):.2f} dB")]
    rows = []
    for name in names:
        picture, score, seconds = measure(clear, quality, name)
        shown.append((name, picture, f": {score:.2f} dB, {seconds:.1f} s"))
        rows.append({"picture": kind, "quality": quality, "model": name, "psnr": score, "seconds": seconds})
    top, left = CROPS[kind]
    here = (slice(top, top + CROP), slice(left, left + CROP))
    panels = [Panel(picture[here].astype(np.float32) / 255, name + words) for name, picture, words in shown]
    title = f"{NAMES[kind]} at quality {quality}"
    drawing = Drawing(
        name=f"{kind}-{quality}",
        title=title,
        caption="",
        alt=f"{title}, {CROP} by {CROP} pixels at {100 * ZOOM} %: original, JPEG, {', '.join(names)}",
        draw=lambda: mosaic(panels, COLUMNS, zoom=ZOOM),
        photographic=True,
    )
    return drawing, rows


def page(drawings: list[Drawing], plot: Drawing) -> str:
    """The page as Markdown."""
    made = environment()
    lines = [
        "# Gallery",
        "Three pictures restored by every released model: a photograph (192x192), a scan (256x128, gray) and a",
        f"drawing (240x144). Shown are crops of {CROP} by {CROP} pixels at {100 * ZOOM} %. PSNR and seconds are those",
        "of the whole picture. No network was trained on these pictures.",
        "",
        "Made by `python benchmarks/gallery.py --out docs`.",
        "",
    ]
    for drawing in drawings:
        lines += [f"## {drawing.title}", "", f"![{drawing.alt}](gallery/{drawing.name}.webp)", ""]
    lines += [f"## {plot.title}", "", f"![{plot.alt}](gallery/{plot.name}.svg)", "", plot.caption, ""]
    made_on = f"{made.get('machine')}, commit {made.get('commit')}"
    lines.append(
        f"<sub>Seconds: one run on {made_on}; other programs may have run at the same time. Photograph: Eileen "
        "Collins, NASA, public domain. Scan and drawing: `examples/make.py`, CC0.</sub>"
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Restore, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--model", nargs="+", help="names; by default every released one")
    parser.add_argument("--allow-dirty", action="store_true", help="for tests: sources need not be committed")
    given = parser.parse_args()
    if not given.allow_dirty and not reproducible(commit()):
        parser.error(
            f"the sources at {commit()} are not committed, so that nothing could reproduce the gallery; commit"
        )
    folder = given.out / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    names = given.model or models()
    drawings, rows = [], []
    for name in names:
        restore(np.zeros((64, 64), np.uint8), model=name, quality=50)  # loads it, so that no restoration counts that
    for kind, clear in originals().items():
        for quality in QUALITIES:
            drawing, found = sheet(kind, clear, quality, names)
            (folder / f"{drawing.name}.webp").write_bytes(drawing.webp())
            print(f"wrote {folder / drawing.name}.webp", flush=True)
            drawings.append(drawing)
            rows += found
    stored = [ROOT / "docs" / "results"]
    ours = measured(documents.results(stored), documents.benchmarks(stored))
    plot = frontier(ours, printed())
    (folder / f"{plot.name}.svg").write_text(plot.svg, "utf-8")
    (folder / "scores.json").write_text(json.dumps({"rows": rows, "environment": environment()}, indent=1) + "\n")
    (given.out / "gallery.md").write_text(page(drawings, plot), "utf-8")


if __name__ == "__main__":
    main()
