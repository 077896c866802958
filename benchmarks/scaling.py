"""Growth of time and memory with the picture, 0.25 to 100 megapixels; the fitted exponent should be 1.0.

    python benchmarks/scaling.py --model mend-s --largest 100 --out docs/results/scaling.json

Each picture is restored in a process of its own; the time is of ``restore``, without the start of the process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from jpegmend.evaluation.benchmark import footprint, synthetic, timing
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.report import plots


def main() -> None:
    """Measure, fit, print, write JSON and a plot beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["mend-s"])
    parser.add_argument("--smallest", type=float, default=0.25, help="megapixels")
    parser.add_argument("--largest", type=float, default=100.0, help="megapixels")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("scaling.json"))
    options = parser.parse_args()
    lines = []
    for width, height in synthetic.squares(options.smallest, options.largest, options.steps):
        for model in options.model:
            lines.append(measured(model, width, height, options.threads))
            print(lines[-1], flush=True)
    exponents = {}
    for model in options.model:
        mine = [line for line in lines if line["what"] == model]
        exponents[model] = timing.exponent([x["megapixels"] for x in mine], [x["seconds"] for x in mine])
        print(f"{model}: time grows with the pixels to the power of {exponents[model]:.3f}")
    found = {"scaling": lines, "exponents": exponents, "environment": environment(threads=options.threads)}
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    options.out.with_suffix(".svg").write_text(drawing(lines, exponents), "utf-8")


def measured(model: str, width: int, height: int, threads: int | None) -> dict[str, Any]:
    """One picture in a fresh process: seconds and peak memory."""
    with tempfile.TemporaryDirectory(prefix="jpegmend-") as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(synthetic.synthetic_jpeg(width, height))
        words = json.dumps({"model": model, "threads": threads})
        found = footprint.measure("restore", str(path), words)
    return {"what": model, "megapixels": width * height / 1e6, **found}


def drawing(lines: list[dict[str, Any]], exponents: dict[str, float]) -> str:
    """Seconds and peak memory against megapixels, both axes logarithmic."""
    figure, axes = plots.panels(2)
    for number, (model, power) in enumerate(exponents.items()):
        mine = [line for line in lines if line["what"] == model]
        areas = [line["megapixels"] for line in mine]
        label = f"{model}, exponent {power:.2f}"
        axes[0].plot(areas, [line["seconds"] for line in mine], label=label, **plots.style(number))
        axes[1].plot(areas, [line["peak_mb"] for line in mine], label=model, **plots.style(number))
    axes[0].set(xscale="log", yscale="log", xlabel="megapixels", ylabel="seconds")
    axes[1].set(xscale="log", yscale="log", xlabel="megapixels", ylabel="peak memory, MB")
    axes[0].legend(frameon=False, fontsize=8)
    return plots.svg(figure)


if __name__ == "__main__":
    main()
