"""Speed and memory of API and command by image size, model, runtime and threads, as ratios to a reference network.

python benchmarks/speed.py --model mend-s jpeg --size 512 1024 2048 --threads 1 2 --out docs/results/speed.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from jpegmend.evaluation.benchmark import synthetic, timing
from jpegmend.evaluation.report import benchmark_tables, plots


def main() -> None:
    """Measure, print, write JSON and a plot beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["mend-s", "jpeg"])
    parser.add_argument("--size", nargs="+", default=["512", "1024", "2048"])
    parser.add_argument("--threads", nargs="+", type=int, default=[None], help="each is a run of its own")
    parser.add_argument("--runtime", nargs="+", default=["auto"], help="auto, onnx, torch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-command", action="store_true", help="leave the whole command out")
    parser.add_argument("--out", type=Path, default=Path("speed.json"))
    options = parser.parse_args()
    sizes = [synthetic.parse_size(text) for text in options.size]
    found: dict[str, Any] = {"speed": []}
    for threads in options.threads:
        for runtime in options.runtime:
            run = timing.benchmark(options.model, sizes, threads=threads, runtime=runtime, repeats=options.repeats)
            # Only where it tells rows apart: the documents look networks up by their names.
            marks = [f"{threads} threads"] * (len(options.threads) > 1) + [runtime] * (len(options.runtime) > 1)
            lines = [{**line, "what": ", ".join([line["what"], *marks])} for line in run.pop("speed")]
            found = {**run, "speed": found["speed"] + lines}
    if not options.no_command:
        found["speed"] += [
            whole_command(model, size) for model in options.model if model != "jpeg" for size in sizes[:1]
        ]
    print(benchmark_tables.markdown(found))
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    options.out.with_suffix(".svg").write_text(drawing(found["speed"]), "utf-8")


def whole_command(model: str, size: tuple[int, int]) -> dict[str, Any]:
    """The line of the whole command, start included."""
    width, height = size
    took = timing.command(synthetic.synthetic_jpeg(width, height), model)
    per_megapixel = 1e6 * took["seconds"] / (width * height)
    return {
        "what": f"{model}, whole command",
        "width": width,
        "height": height,
        "seconds_per_megapixel": per_megapixel,
        "times_reference": None,
        **took,
    }


def drawing(lines: list[dict[str, Any]]) -> str:
    """Seconds a megapixel against megapixels, a line for each thing measured."""
    figure, (axis,) = plots.panels(1, width=6.4, height=4.0)
    for number, name in enumerate(dict.fromkeys(line["what"] for line in lines)):
        mine = [line for line in lines if line["what"] == name]
        areas = [line["width"] * line["height"] / 1e6 for line in mine]
        axis.plot(areas, [line["seconds_per_megapixel"] for line in mine], label=name, **plots.style(number))
    axis.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="seconds a megapixel")
    axis.legend(frameon=False, fontsize=8)
    return plots.svg(figure)


if __name__ == "__main__":
    main()
