"""Colour shift, as in QGCN's fig. 4: CIEDE2000 to the original on low-passed pictures, before and after restoring.

python benchmarks/colour.py --data PICTURES --model mend-s --quality 10 20 --out docs/results/colour-shift.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from jpegmend.evaluation.measure import degrade_and_score, methods_under_test, protocols
from jpegmend.evaluation.measure.colour_shift import colour_shift
from jpegmend.evaluation.measure.degrade_and_score import Picture
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.evaluation.report import benchmark_tables


def drawing(side: int = 384) -> Picture:
    """Flat colours with hard edges: what 4:2:0 hurts most. uint8 RGB."""
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side, 3), 245, np.uint8)
    colours = ((220, 30, 40), (30, 60, 200), (250, 200, 0), (20, 140, 70), (120, 30, 130))
    for number, colour in enumerate(colours):
        across, down = 60 + 65 * number, 110 + 150 * (number % 2)
        picture[np.hypot(rows - down, columns - across) < 48] = colour
        picture[(abs(rows - 0.6 * columns - 40 * number) < 3)] = colour
    return picture


def sky(side: int = 384) -> Picture:
    """A soft gradient with fine grain: where blocks and wrong tints are seen at once. uint8 RGB."""
    height = np.linspace(0, 1, side)[:, None, None]
    low, high = np.array([205, 222, 240.0]), np.array([62, 116, 190.0])
    grain = np.random.default_rng(0).normal(0, 1.2, (side, side, 1))
    return np.clip(np.round(high + (low - high) * height + grain), 0, 255).astype(np.uint8)


def main() -> None:
    """Measure each picture, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="folders or single pictures, more than ours")
    parser.add_argument("--model", nargs="+", default=["mend-s"])
    parser.add_argument("--quality", nargs="+", default=["10", "20"])
    parser.add_argument("--sigma", type=float, default=4.0, help="of the low pass, pixels")
    parser.add_argument("--out", type=Path, default=Path("colour.json"))
    options = parser.parse_args()
    protocol = protocols.find("rgb-420").stamped()
    measured = methods_under_test.methods(options.model, consistent=True, both=False)
    originals = {"drawing (made here)": drawing(), "sky (made here)": sky()}
    files = [file for folder in options.data for file in pictures(folder)]
    originals |= {file.name: degrade_and_score.open_original(file, protocol) for file in files}
    lines = []
    for image, original in originals.items():
        for quality in options.quality:
            trial = degrade_and_score.degrade(original, protocol, protocols.parse_case(quality))
            seen = {"JPEG": trial.decoded, **{s.name: s.restore(trial.file)[0] for s in measured}}
            for name, picture in seen.items():
                shift = colour_shift(trial.truth, picture, sigma=options.sigma)
                values = {"mean": shift.mean, "percentile95": shift.percentile95}
                lines.append({"image": image, "quality": quality, "what": name, **values})
    found = {"colour": lines, "sigma": options.sigma, "protocol": protocol.to_json(), "environment": environment()}
    print(benchmark_tables.colour(found))
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
