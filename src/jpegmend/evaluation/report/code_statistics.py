"""DCSC's sparse codes by iteration: how much they change, how sparse they are, and the PSNR of the answer.

python -m jpegmend.evaluation.report.code_statistics dcsc-32 PICTURE... --page docs/models/dcsc.md
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure import protocols
from jpegmend.evaluation.measure.degrade_and_score import degrade, open_original
from jpegmend.evaluation.report.documents import fill
from jpegmend.metrics import psnr
from jpegmend.models import files
from jpegmend.models.contract import Observation
from jpegmend.models.dcsc import DCSC
from jpegmend.models.layers import unfold


@dataclass(frozen=True)
class CodeStatistics:
    """Statistics of one iteration r, means over pictures."""

    iteration: int
    change: float
    """``|U_r - U_(r-1)| / |U_r|``, Euclidean; not a number for r = 0."""
    zeros: float
    """Share of the code's elements that are 0."""
    gain_db: float
    """PSNR of the picture that W_R computes from U_r, minus that of the decoded picture."""


def code_statistics(network: DCSC, pairs: Iterable[tuple[Tensor, Tensor]]) -> list[CodeStatistics]:
    """Statistics of U_0 to U_R over pairs of decoded and clear planes, each ``[1, 1, H, W]`` in 0..1.

    The paper shows pictures of codes over the iterations instead (fig. 4).
    """
    by_picture = [list(_of_one(network, decoded, clear)) for decoded, clear in pairs]
    return [_mean(rows) for rows in zip(*by_picture, strict=True)]


@torch.inference_mode()
def _of_one(network: DCSC, decoded: Tensor, clear: Tensor) -> Iterator[CodeStatistics]:
    before = psnr(decoded.numpy(), clear.numpy(), peak=1.0)
    seen = Observation(decoded, decoded.new_ones(1, 1, 8, 8), decoded.new_zeros(1, 2))
    previous: Tensor | None = None
    for iteration, U in enumerate(network(seen, collect=True).traces["U"]):
        H = unfold(network.W_R(U), network.config.fold, *decoded.shape[-2:])
        change = math.nan if previous is None else float((U - previous).norm() / U.norm())
        after = psnr((decoded + H).clamp(0, 1).numpy(), clear.numpy(), peak=1.0)
        yield CodeStatistics(iteration, change, float((U == 0).float().mean()), after - before)
        previous = U


def _mean(rows: Sequence[CodeStatistics]) -> CodeStatistics:
    def mean(name: str) -> float:
        return float(sum(getattr(row, name) for row in rows) / len(rows))

    return CodeStatistics(rows[0].iteration, mean("change"), mean("zeros"), mean("gain_db"))


def as_markdown(rows: Sequence[CodeStatistics], shown: Sequence[int]) -> str:
    """A Markdown table of those iterations in ``shown`` that exist."""
    lines = ["| iteration | change of U | zeros | gain, dB |", "| ---: | ---: | ---: | ---: |"]
    for row in rows:
        if row.iteration in shown:
            change = "" if math.isnan(row.change) else f"{row.change:.3f}"
            lines.append(f"| {row.iteration} | {change} | {100 * row.zeros:.0f} % | {row.gain_db:.2f} |")
    return "\n".join(lines) + "\n"


def decoded_and_clear(path: Path, quality: int) -> tuple[Tensor, Tensor]:
    """The luma of a picture after JPEG compression, and the original, each ``[1, 1, H, W]`` in 0..1."""
    protocol = protocols.find("papers-gray")
    trial = degrade(open_original(path, protocol), protocol, (quality,))
    decoded, clear = (torch.from_numpy(np.float32(plane) / 255) for plane in (trial.decoded, trial.truth))
    return decoded[None, None], clear[None, None]


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, and write it into the page's block ``<!-- table:codes -->``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a released DCSC: its name, or the path of its card")
    parser.add_argument("pictures", type=Path, nargs="+", help="clear pictures")
    parser.add_argument("--quality", type=int, default=10)
    parser.add_argument("--iterations", type=int, help="R, where it is not the card's")
    parser.add_argument("--shown", type=int, nargs="+", default=[0, 1, 2, 5, 10, 15, 20, 30, 40, 60, 80])
    parser.add_argument("--page", type=Path, help="a Markdown file with the block")
    given = parser.parse_args(words)
    changes = {} if given.iterations is None else {"iterations": given.iterations}
    network, _ = files.load_weights(weights.path(weights.find(given.model), "safetensors"), changes)
    if not isinstance(network, DCSC):
        raise InvalidOption(f"{given.model} has no sparse codes; give a DCSC")
    pairs = (decoded_and_clear(path, given.quality) for path in given.pictures)
    table = as_markdown(code_statistics(network, pairs), given.shown)
    sys.stdout.write(table)
    if given.page:
        given.page.write_text(fill(given.page.read_text("utf-8"), {"codes": lambda: table.rstrip()}), "utf-8")


if __name__ == "__main__":
    main()
