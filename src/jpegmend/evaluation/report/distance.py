"""How far each of our networks is from what its paper prints, under the papers' gray protocol, and what was spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jpegmend import weights
from jpegmend.evaluation.measure.results import Mean, Result, merge
from jpegmend.evaluation.papers import published
from jpegmend.evaluation.papers.published import Published
from jpegmend.evaluation.papers.tables import fitting
from jpegmend.evaluation.report.markdown import grid, number
from jpegmend.weights import Card

SHOWN = ("Classic5", "LIVE1")
QUALITIES = ("10", "20", "30", "40")


@dataclass(frozen=True)
class Reference:
    """The printed rows that weights are held against."""

    paper: str
    table: str
    method: str
    words: str


_DNCNN = Reference("mdu", "I", "DnCNN", "DnCNN-3, as the papers copy it")
_DCSC = Reference("dcsc", "errata, 64-filter model", "DCSC", "DCSC with 64 filters, errata")
_MDU = Reference("mdu", "I", "MDU", "MDU, table I")
_RNAN = Reference("mdu", "I", "RNAN", "RNAN, in MDU's table I")
_FBCNN = Reference("later work", "", "FBCNN", "FBCNN (its aim: no paper is behind it)")
_SWINIR = Reference("later work", "", "SwinIR", "SwinIR (its aim: no paper is behind it)")

REFERENCES: Mapping[str, Reference] = {
    "mend-s": Reference("mdu", "I", "DnCNN", "DnCNN-3 (its aim: no paper is behind it)"),
    "mend-m": _FBCNN,
    "mend-l": _SWINIR,
    "dcsc-32": _DCSC,
    "dcsc": _DCSC,
    "dcsc-128": Reference("dcsc", "errata, 128-filter model", "DCSC-128", "DCSC with 128 filters, errata"),
    "arcnn": Reference("mdu", "I", "ARCNN", "AR-CNN, as the papers copy it"),
    "dncnn": _DNCNN,
    "rnan": _RNAN,
    "cqr": Reference("cqr", "2", "CQR", "CQR, table 2 (doubtful)"),
    "qgcn-gray": Reference("qgcn", "III", "QGCN", "QGCN, table III"),
    "mdu-16-3": _MDU,
    "mdu-16": _MDU,
    "mdu": _MDU,
    "dual": Reference("dual", "1", "Dual", "Dual, table 1"),
}
"""By the name of the weights; small versions are held against the whole network of their paper."""


def table(stored: Sequence[Result]) -> str:
    """One line a network and set: ours and the difference to the printed PSNR at four qualities, and what is behind it.

    Networks without weights have one line that says so.
    """
    ours = {
        (mean.model, mean.data_set, mean.quality): mean
        for mean in merge(fitting("papers-gray", stored))
        if not mean.consistent
    }
    header = ["model", "held against", "set", *(f"quality {quality}" for quality in QUALITIES), "remarks"]
    lines = [line for name, reference in REFERENCES.items() for line in _lines(name, reference, ours)]
    return f"{grid(header, lines, numbers=3)}\n\n{_NOTE}"


RIVALS = (("mdu", "I", "ARCNN"), ("mdu", "I", "DnCNN"), ("later work", "", "FBCNN"), ("later work", "", "SwinIR"))
"""Networks that readers know: paper, table and method of their printed rows."""


def rivals() -> str:
    """What is printed of networks that readers know, by set and quality: PSNR in dB, the papers' gray protocol."""
    rows = {
        (row.method, row.data_set, row.quality): row
        for paper, name, method in RIVALS
        for row in published.select(paper, (name,))
        if row.method == method and row.channel == "Y"
    }
    lines = [
        [data_set, method, *(number(rows[method, data_set, q].psnr) for q in QUALITIES)]
        for data_set in SHOWN
        for _, _, method in RIVALS
    ]
    return grid(["set", "printed", *(f"quality {quality}" for quality in QUALITIES)], lines, numbers=2)


_NOTE = (
    "<sub>PSNR in dB, the papers' gray protocol, projection off; in brackets the difference to the printed figure. "
    "SSIM and PSNR-B stand in the tables of each paper.</sub>"
)


def _lines(name: str, reference: Reference, ours: Mapping[tuple[str, str, str], Mean]) -> list[list[str]]:
    card = weights.MODELS.get(name)
    if card is None:
        return []
    if not card.released:
        return [[name, reference.words, "", *[""] * len(QUALITIES), f"not trained; recipe: `{card.recipe}`"]]
    rows = published.select(reference.paper, (reference.table,))
    printed = {
        (row.data_set, row.quality): row for row in rows if row.method == reference.method and row.channel == "Y"
    }
    lines = [
        [name, reference.words, data_set, *cells, _spent(card)]
        for data_set in SHOWN
        if any(cells := [_cell(ours.get((name, data_set, q)), printed.get((data_set, q))) for q in QUALITIES])
    ]
    return lines or [[name, reference.words, "", *[""] * len(QUALITIES), "not measured yet"]]


def _cell(mean: Mean | None, row: Published | None) -> str:
    if mean is None:
        return ""
    score = mean.scores["psnr"]
    if row is None or row.psnr is None or row.known["psnr"] is None or math.isnan(score):
        return number(score)
    return f"{number(score)} ({round(score - row.psnr, 2) + 0:+.2f})"


def _spent(card: Card) -> str:
    """What was spent on the weights, from their card."""
    minutes, steps = card.trained.get("minutes"), card.trained.get("steps")
    spent = f"{minutes:.0f} minutes, {steps:,} steps on {card.trained.get('machine')}" if minutes and steps else ""
    return "; ".join(filter(None, (f"{card.multiply_adds / 1e3:.0f} k multiply-adds a pixel", spent)))
