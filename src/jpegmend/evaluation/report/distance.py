"""The difference of each gray network's PSNR to its paper's, and the cost of its training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegmend import weights
from jpegmend.evaluation.measure.results import Mean, Result
from jpegmend.evaluation.papers import published
from jpegmend.evaluation.papers.comparison import measured
from jpegmend.evaluation.papers.paper_names import key
from jpegmend.evaluation.papers.published import Published
from jpegmend.evaluation.report.benchmark_tables import seconds_per_megapixel, timings, widest
from jpegmend.evaluation.report.markdown import grid, number
from jpegmend.weights import Card

SHOWN = ("Classic5", "LIVE1")
QUALITIES = ("10", "20", "30", "40")

PREFERRED: Mapping[tuple[str, str], str] = {
    ("dcsc", "errata, 64-filter model"): "errata for 64 filters",
    ("dcsc", "errata, 128-filter model"): "errata for 128 filters",
    ("mdu", "I"): "MDU's table I",
    ("cqr", "2"): "table 2, doubtful",
    ("qgcn", "III"): "table III",
    ("dual", "1"): "table 1",
    ("later work", ""): "printed by FBCNN and SwinIR",
}
"""Tables of gray scores with their names in text; the first that prints a method is its reference."""

AIMS: Mapping[str, str] = {"mend-m": "FBCNN", "mend-q": "FBCNN", "mend-l": "SwinIR"}
"""Printed methods with which networks without a paper are compared; ``DnCNN`` for all others."""


@dataclass(frozen=True)
class Reference:
    """The printed rows with which weights are compared."""

    text: str
    rows: Mapping[tuple[str, str], Published]
    """Printed rows by set and quality."""


def reference(card: Card) -> Reference:
    """The printed gray rows for some weights: of the method whose name their name begins with.

    ``dcsc-32`` is compared with DCSC, ``qgcn-gray-c`` with QGCN. For other names the rows of the network are taken, and
    for a network without a paper those in :data:`AIMS`.
    """
    words = card.name.split("-")
    for name in [*("-".join(words[:count]) for count in range(len(words), 0, -1)), card.network]:
        if any(key(row.method) == key(name) for row in published.rows()):
            return _printed(name) or Reference("no gray scores are printed", {})
    found = _printed(AIMS.get(card.name, "DnCNN"))
    assert found is not None, "AIMS names a method that no preferred table prints"
    return Reference(f"{found.text}, no paper of its own", found.rows)


def _printed(name: str) -> Reference | None:
    for (paper, table), text in PREFERRED.items():
        rows = [row for row in published.select(paper, (table,)) if row.channel == "Y" and key(row.method) == key(name)]
        if rows:
            return Reference(f"{rows[0].method} ({text})", {(row.data_set, row.quality): row for row in rows})
    return None


def table(stored: Sequence[Result]) -> str:
    """One line a network and set: our PSNR and the difference to the printed one at four qualities, and training cost.

    Networks without weights have one line that says so; networks for RGB alone and for super-resolution have none.
    """
    ours = measured("papers-gray", stored)
    header = ["model", "compared with", "set", *(f"quality {quality}" for quality in QUALITIES), "remarks"]
    lines = [line for card in weights.PACKAGED.values() if _compared(card) for line in _lines(card, ours)]
    return f"{grid(header, lines, numbers=3)}\n\n{_NOTE}"


def of_network(network: str, stored: Sequence[Result], benchmarks: Sequence[Mapping[str, Any]]) -> str:
    """The table of a network's page: a line for each released card and set.

    PSNR at four qualities with the difference to the printed one, seconds a megapixel from the benchmark ``speed``, and
    what was spent.
    """
    ours, timed = measured("papers-gray", stored), widest(timings(benchmarks))
    header = ["model", "compared with", "set", *QUALITIES, "seconds a megapixel", "spent"]
    lines = [
        [*line[:-1], number(seconds_per_megapixel(card.name, timed), 1), line[-1]]
        for card in weights.PACKAGED.values()
        if card.network == network and card.released and _compared(card)
        for line in _lines(card, ours)
    ]
    where = timed[0]["environment"] if timed else None
    took = (
        f"\n<sub>Seconds of a picture in colour, 4:2:0: {where['machine']}, commit {where['commit']}.</sub>"
        if where
        else ""
    )
    return f"{grid(header, lines, numbers=3)}\n\n{_NOTE}{took}"


_NOTE = (
    "<sub>PSNR in dB, the papers' gray protocol, projection off; in brackets the difference to the printed figure. "
    "SSIM and PSNR-B stand in the tables of each paper.</sub>"
)


def _compared(card: Card) -> bool:
    """Whether the gray protocol measures the network."""
    return card.planes != "rgb" and card.scale == 1


def _lines(card: Card, ours: Mapping[tuple[str, str, str], Mean]) -> list[list[str]]:
    against = reference(card)
    empty = [card.name, against.text, "", *[""] * len(QUALITIES)]
    if not card.released:
        return [[*empty, f"not trained; recipe: `{card.recipe}`"]]
    lines = [
        [card.name, against.text, name, *cells, _training_cost(card)]
        for name in SHOWN
        if any(cells := [_cell(ours.get((card.name, name.lower(), q)), against.rows.get((name, q))) for q in QUALITIES])
    ]
    return lines or [[*empty, "no result stored"]]


def _cell(mean: Mean | None, row: Published | None) -> str:
    if mean is None:
        return ""
    score = mean.scores["psnr"]
    if row is None or row.psnr is None or row.known["psnr"] is None or math.isnan(score):
        return number(score)
    return f"{number(score)} ({round(score - row.psnr, 2) + 0:+.2f})"


def _training_cost(card: Card) -> str:
    """Multiply-adds, minutes, steps and machine of the training, from the card."""
    minutes, steps = card.trained.get("minutes"), card.trained.get("steps")
    spent = f"{minutes:.0f} minutes, {steps:,} steps on {card.trained.get('machine')}" if minutes and steps else ""
    return "; ".join(filter(None, (f"{card.multiply_adds / 1e3:.0f} k multiply-adds a pixel", spent)))
