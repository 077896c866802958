"""Super-resolution (MDU, fig. 12) against bicubic interpolation, of the JPEG and of the JPEG restored by mend-s.

    python benchmarks/upscale.py --data LIVE1 --out docs/results/upscale

Gray originals are cut to a multiple of the scale, reduced by bicubic interpolation, compressed and enlarged again; PSNR
is over the whole picture. Writes the means as JSON, and crops of the picture ``--show`` at ``--shown`` as WebP.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from jpegmend import metrics, restore, upscale, weights
from jpegmend.evaluation.measure.degrade_and_score import Picture, decode, encode
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, mosaic

CROP = 96
"""Side of the crops in pixels of the original."""


def main() -> None:
    """Reduce, compress, enlarge, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--model", default="mdu-sr-x3")
    parser.add_argument("--quality", type=int, nargs="+", default=[10, 20, 40, 60, 90])
    parser.add_argument("--show", default="", help="file name of the picture in the figure; the first by default")
    parser.add_argument("--shown", type=int, default=60, help="its quality")
    parser.add_argument("--out", type=Path, default=Path("upscale"), help="without a suffix")
    options = parser.parse_args()
    card, paths = weights.find(options.model), pictures(options.data)
    scale = card.scale
    shown = next((path for path in paths if path.name == options.show), paths[0])
    rows = []
    for quality in options.quality:
        scores: dict[str, list[float]] = {}
        for path in paths:
            truth = reducible(path, scale)
            for name, picture in enlarged(reduced(truth, scale, quality), card).items():
                scores.setdefault(name, []).append(metrics.psnr(truth, picture, peak=255))
        rows.append({"quality": quality} | {name: float(np.mean(values)) for name, values in scores.items()})
        print(rows[-1], flush=True)
    truth = reducible(shown, scale)
    seen = enlarged(reduced(truth, scale, options.shown), card) | {"original": truth}
    title = f"{shown.stem} at quality {options.shown}, enlarged by {scale}"
    options.out.with_suffix(".webp").write_bytes(figure(seen, title).webp())
    found = {"upscale": rows, "scale": scale, "pictures": len(paths), "model": card.name}
    text = json.dumps(found | {"environment": environment()}, indent=1)
    options.out.with_suffix(".json").write_text(text + "\n", "utf-8")


def reducible(path: Path, scale: int) -> Picture:
    """A picture [H, W] in gray, H and W cut to multiples of ``scale``."""
    pixels = np.asarray(Image.open(path).convert("L"))
    height, width = (side - side % scale for side in pixels.shape)
    return pixels[:height, :width]


def reduced(truth: Picture, scale: int, quality: int) -> bytes:
    """The JPEG file of the picture at 1 / ``scale`` of its width and height."""
    height, width = (side // scale for side in truth.shape)
    small = Image.fromarray(truth).resize((width, height), Image.Resampling.BICUBIC)
    return encode(np.asarray(small), quality, "gray")


def enlarged(file: bytes, card: weights.Card) -> Mapping[str, Picture]:
    """The picture of a JPEG, enlarged by each method."""
    restored = np.asarray(restore(file, model="mend-s", bits=8).to_array(8))
    return {
        "JPEG, bicubic": bicubic(decode(file), card.scale),
        "mend-s, bicubic": bicubic(restored, card.scale),
        card.name: np.asarray(upscale(file, model=card, bits=8, restore_first=False).to_array(8)),
        f"mend-s, {card.name}": np.asarray(upscale(file, model=card, bits=8, restore_first=True).to_array(8)),
    }


def bicubic(picture: Picture, scale: int) -> Picture:
    """The picture enlarged by bicubic interpolation."""
    height, width = (side * scale for side in picture.shape)
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def figure(seen: Mapping[str, Picture], title: str) -> Drawing:
    """Crops from the middle side by side."""
    panels = []
    for name, picture in seen.items():
        top, left = (max(0, (size - CROP) // 2) for size in picture.shape)
        panels.append(Panel(picture[top : top + CROP, left : left + CROP].astype(np.float32) / 255, name))
    return Drawing(
        name="upscale",
        title=title,
        caption="",
        alt=f"{title}: {', '.join(seen)}",
        draw=lambda: mosaic(panels, len(panels), zoom=2),
        photographic=True,
    )


if __name__ == "__main__":
    main()
