"""Tables of well-known networks: their printed scores, and the README's table with ours beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegmend import weights
from jpegmend.evaluation.measure.results import Result
from jpegmend.evaluation.papers import published
from jpegmend.evaluation.papers.comparison import fitting, measured
from jpegmend.evaluation.papers.paper_names import key
from jpegmend.evaluation.papers.published import Published
from jpegmend.evaluation.report.benchmark_tables import seconds_per_megapixel, timings
from jpegmend.evaluation.report.distance import QUALITIES, SHOWN
from jpegmend.evaluation.report.markdown import grid, number


@dataclass(frozen=True)
class Rival:
    """A well-known network, and its printed scores."""

    name: str
    paper: str
    table: str
    method: str
    """Paper, table and method of its printed rows in ``published.csv``."""
    multiply_adds: float | None = None
    """Multiply-adds a pixel, counted by us from its description; None where a card of ours states them."""

    def rows(self) -> dict[tuple[str, str], Published]:
        """Its gray rows by set and quality."""
        rows = published.select(self.paper, (self.table,))
        return {(row.data_set, row.quality): row for row in rows if row.method == self.method and row.channel == "Y"}

    def psnr(self, data_set: str, quality: str) -> float | None:
        """A printed PSNR in dB; None where it is doubtful (``published.csv`` says why)."""
        row = self.rows()[data_set, quality]
        return row.psnr if row.known["psnr"] else None

    def cost(self) -> float | None:
        """Multiply-adds a pixel; None where they are not known."""
        card = next((card for name, card in weights.PACKAGED.items() if key(name) == key(self.name)), None)
        return card.multiply_adds if card else self.multiply_adds


RIVALS = (
    Rival("AR-CNN", "mdu", "I", "ARCNN"),
    Rival("DnCNN-3", "mdu", "I", "DnCNN"),
    Rival("FBCNN", "later work", "", "FBCNN", 2.5e6),
    Rival("SwinIR", "later work", "", "SwinIR", 4.5e6),
)
IN_README = ("AR-CNN", "DnCNN-3", "FBCNN")
README_QUALITIES = ("10", "20", "40")


def rivals() -> str:
    """A table of the printed PSNR of all rivals in dB, by set and quality, the papers' gray protocol."""
    lines = [
        [data_set, rival.name, *(number(rival.psnr(data_set, quality)) for quality in QUALITIES)]
        for data_set in SHOWN
        for rival in RIVALS
    ]
    return grid(["set", "printed", *(f"quality {quality}" for quality in QUALITIES)], lines, numbers=2)


def readme(stored: Sequence[Result], benchmarks: Sequence[Mapping[str, Any]]) -> str:
    """The README's table: the JPEG and the released sizes of the default network as measured, three others as printed.

    PSNR in dB at qualities 10, 20 and 40, multiply-adds a pixel, seconds a megapixel from the benchmark ``speed``.
    """
    timed = timings(benchmarks)
    network = weights.PACKAGED[weights.DEFAULT].network
    ours = [card for card in weights.PACKAGED.values() if card.network == network and card.released]
    scores = measured("papers-gray", stored)
    lines = [["JPEG, not restored", *_scores_of("jpeg", scores), "", ""]]
    lines += [
        [
            f"**{card.name}**",
            *_scores_of(card.name, scores),
            _thousands(card.multiply_adds),
            number(seconds_per_megapixel(card.name, timed), 1),
        ]
        for card in sorted(ours, key=lambda card: card.name != weights.DEFAULT)
    ]
    for rival in (rival for rival in RIVALS if rival.name in IN_README):
        cells = [_three([rival.psnr(name, quality) for quality in README_QUALITIES]) for name in SHOWN]
        took = number(seconds_per_megapixel("reference", timed), 1) if rival.name == "DnCNN-3" else ""
        lines.append([rival.name, *cells, _thousands(rival.cost()), took])
    sets = [f"{name} at {', '.join(README_QUALITIES)}" for name in SHOWN]
    header = ["network", *sets, "multiply-adds a pixel", "seconds a megapixel"]
    made = [result for result in stored if {card.name for card in ours} & {mean.model for mean in result.means}]
    return f"{grid(header, lines, numbers=1)}\n\n<sub>{'; '.join(_notes(made, timed))}.</sub>"


def _scores_of(model: str, scores: Mapping[tuple[str, str, str], Any]) -> list[str]:
    found = [[scores.get((model, name.lower(), quality)) for quality in README_QUALITIES] for name in SHOWN]
    return [_three([mean.scores["psnr"] if mean else None for mean in means]) for means in found]


def _three(values: Sequence[float | None]) -> str:
    return " / ".join(number(value) or "?" for value in values)


def _thousands(multiply_adds: float | None) -> str:
    return f"{multiply_adds / 1e3:,.0f} k" if multiply_adds else ""


def _notes(stored: Sequence[Result], timed: Sequence[Mapping[str, Any]]) -> list[str]:
    commits = dict.fromkeys(str(result.environment["commit"]) for result in fitting("papers-gray", stored))
    notes = [
        f"PSNR in dB, gray, projection off, commit {', '.join(commits)}",
        "? where the printed score is [doubtful](docs/evaluation.md#the-papers-tables)",
    ]
    if timed:
        where = timed[0]["environment"]
        notes.append(
            f"seconds of a whole restoration in colour, {where['machine']}, commit {where['commit']}; of DnCNN-3 its "
            "layers alone on one plane, in the same run"
        )
    return notes
