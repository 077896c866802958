"""Table of the networks' costs at their papers' sizes: ``python -m jpegmend.models.cost_table FILE [--side N]``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from jpegmend.models import NETWORKS, cost
from jpegmend.models.contract import Spec
from jpegmend.models.files import example

_HEAD = """# What the networks cost
Written by `python -m jpegmend.models.cost_table docs/models/costs.md` for the default `Config` of each network: the
paper's values, or `mend-s` for mend. Multiply-adds are those of convolutions and matrix products. Bytes are the peak
memory of float32 inference. For networks that run in windows (CQR, RNAN, Dual) both are counted in one window. The halo
is the overlap of tiles on each side. Tiles are "exact" (the result equals that of the whole picture), "global" (each
tile comes with a small copy of the whole picture) or "window" (windows of a fixed size that see nothing else and are
blended where they overlap).

| network | parameters | multiply-adds a pixel | bytes a pixel | halo, pixels | tiles |{name}
| --- | ---: | ---: | ---: | ---: | --- |{line}
"""


def rows(side: int | None) -> Iterator[str]:
    """A line of Markdown for each network; without ``side`` nothing is timed."""
    for name, spec in NETWORKS.items():
        config = spec.config()
        pixel = cost.count(spec, config)
        network = spec.build(config)
        seconds = "" if side is None else f" {_seconds(spec, config, side) / side**2 * 1e6:.1f} |"
        yield (
            f"| {name} | {cost.parameters(network):,} | {pixel.multiply_adds:,.0f} | {pixel.peak_bytes:,.0f} "
            f"| {spec.halo(config)} | {spec.tiling} |{seconds}"
        )


@torch.inference_mode()
def _seconds(spec: Spec, config: Any, side: int) -> float:
    network, seen = spec.build(config).eval(), example(spec, config, side, side)
    network(example(spec, config, 32, 32))
    start = time.perf_counter()
    network(seen)
    return time.perf_counter() - start


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--side", type=int, default=None, help="time a picture of this side; a multiple of 16")
    given = parser.parse_args()
    timed = f" seconds a megapixel, {torch.get_num_threads()} threads, eager |" if given.side else ""
    head = _HEAD.format(name=timed, line=" ---: |" if given.side else "")
    given.file.write_text(head + "\n".join(rows(given.side)) + "\n")


if __name__ == "__main__":
    main()
