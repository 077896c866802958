"""Restoration before and after contrast enhancement, which makes artifacts visible (DCSC, 3.4.1).

    python benchmarks/contrast.py --data PICTURE... --model mend-s --quality 20 --out docs/results/contrast

Compared with the enhanced original. "after": the enhanced JPEG is restored as pixels with the file's quality as an
option, since its coefficients are no longer those of a file. Writes scores as JSON and a strip of pictures as PNG.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from jpegmend import metrics, restore
from jpegmend.evaluation.measure import degrade_and_score, methods_under_test, protocols
from jpegmend.evaluation.measure.degrade_and_score import Picture
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures

GAP = 6


def enhance(picture: Picture, strength: float = 0.6) -> Picture:
    """Global histogram equalisation of luma, mixed with the picture; chroma grows in proportion. uint8 RGB."""
    luma = picture @ np.array([0.299, 0.587, 0.114])
    counts = np.bincount(np.round(luma).astype(int).ravel(), minlength=256)
    curve = 255 * np.cumsum(counts) / luma.size
    target = (1 - strength) * luma + strength * np.interp(luma, np.arange(256), curve)
    return np.clip(np.round(picture * (target / np.maximum(luma, 1))[..., None]), 0, 255).astype(np.uint8)


def main() -> None:
    """Enhance, restore in both orders, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="pictures")
    parser.add_argument("--model", default="mend-s")
    parser.add_argument("--quality", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("contrast"), help="without a suffix")
    options = parser.parse_args()
    protocol = protocols.find("rgb-420").stamped()
    method = methods_under_test.Method(methods_under_test.find(options.model), consistent=True)
    strength = 0.0 if method.card.network == "none" else 1.0
    lines = []
    for path in (file for folder in options.data for file in pictures(folder)):
        trial = degrade_and_score.degrade(degrade_and_score.open_original(path, protocol), protocol, (options.quality,))
        after = restore(enhance(trial.decoded), model=method.card, quality=options.quality, strength=strength, bits=8)
        seen = {
            "original, enhanced": enhance(trial.truth),
            "JPEG, enhanced": enhance(trial.decoded),
            "restored, then enhanced": enhance(method.restore(trial.file)[0]),
            "enhanced, then restored": np.asarray(after.to_array(8)),
        }
        truth = seen["original, enhanced"]
        scores = {name: metrics.psnr(truth, picture, peak=255) for name, picture in list(seen.items())[1:]}
        lines.append({"image": path.name, **scores})
        print(path.name, ", ".join(f"{name} {score:.2f} dB" for name, score in scores.items()))
        if len(lines) == 1:
            save_strip(list(seen.values()), options.out.with_suffix(".png"))
    found = {"contrast": lines, "quality": options.quality, "model": method.name, "environment": environment()}
    options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def save_strip(pictures: list[Picture], path: Path, side: int = 240) -> None:
    """Middle crops side by side, in the order they are listed."""
    top, left = (max(0, (size - side) // 2) for size in pictures[0].shape[:2])
    crops = [picture[top : top + side, left : left + side] for picture in pictures]
    space = np.full((len(crops[0]), GAP, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([part for crop in crops for part in (crop, space)][:-1], axis=1)).save(path)


if __name__ == "__main__":
    main()
