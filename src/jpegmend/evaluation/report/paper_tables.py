"""The papers' tables and figures as Markdown, our scores beside the printed ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from jpegmend.evaluation.measure.results import Result
from jpegmend.evaluation.papers import tables
from jpegmend.evaluation.papers.comparison import Line, fitting, lines, state, usable
from jpegmend.evaluation.papers.published import PAIRS, PAPERS, STAND_INS
from jpegmend.evaluation.papers.tables import Figure, Table
from jpegmend.evaluation.report.markdown import gains_table, grid, number, provenance

NOTE = (
    "Ours is measured with the projection off, as the papers do. A difference stands only where our metric is known "
    "to be the printed one: the JPEG row of that table, or a re-run of the authors' weights, gives the printed figure; "
    "and where our set has as many pictures as the printed one. Everything else is not comparable."
)


def papers(stored: Sequence[Result]) -> dict[str, str]:
    """Every table and figure of every paper as one text a paper."""
    found: dict[str, list[str]] = {}
    for name in [*tables.TABLES, *tables.FIGURES]:
        found.setdefault(name.split(":")[0], []).append(show(name, stored))
    return {paper: "\n".join(parts) for paper, parts in found.items()}


def show(name: str, stored: Sequence[Result]) -> str:
    """One table or figure of a paper as Markdown, with our scores from stored results.

    Raises:
        InvalidOption: no such table; the message lists them.
    """
    wanted = tables.find(name)
    if isinstance(wanted, tables.Figure):
        return figure_table(wanted, stored)
    used = usable(wanted, stored)
    return paper_table(wanted, lines(wanted, used), used)


def paper_table(table: Table, found: Sequence[Line], results: Sequence[Result]) -> str:
    """A paper's table: printed score, our score and the difference for each metric, and remarks on each row."""
    metrics = [m for m in ("psnr", "ssim", "psnr_b") if any(getattr(line.row, m) is not None for line in found)]
    extra = [m for m in ("parameters", "seconds") if any(getattr(line.row, m) is not None for line in found)]
    titles = {"psnr": "PSNR", "ssim": "SSIM", "psnr_b": "PSNR-B", "parameters": "parameters, 1e5", "seconds": "seconds"}
    header = ["set", "quality", "method"]
    header += [text for m in metrics for text in (titles[m], "ours", "difference")]
    header += [titles[m] for m in extra] + ["remarks"]
    lines = [
        [
            line.row.data_set,
            line.row.quality,
            f"{line.row.method}, {line.row.variant}" if line.row.variant else line.row.method,
            *(text for m in metrics for text in line.cell(m)),
            *(number(getattr(line.row, m), 2 if m == "parameters" else 4) for m in extra),
            line.remark,
        ]
        for line in found
    ]
    parts = [f"# {table.title}", f"Printed in: {PAPERS[table.paper]}.", grid(header, lines, numbers=3), NOTE]
    parts += _how_to_measure({line.row.data_set for line in found})
    if "seconds" in extra:
        parts.append(
            "Seconds are of the papers' machines: no difference to ours is meaningful; see `jpegmend benchmark`."
        )
    parts += [f"Ours: {provenance(result)}." for result in results]
    return "\n\n".join(parts) + "\n"


def _how_to_measure(sets: Collection[str]) -> list[str]:
    """Sentences on sets of pairs, and on sets that are replaced by others."""
    pairs = [
        f"{name}: {how}; put originals and files into two folders of {name}/ and measure with "
        f"`jpegmend evaluate --pairs {name}/originals {name}/files`."
        for name, how in PAIRS.items()
        if name in sets
    ]
    stand_ins = [
        f"{name}: which pictures is not known, so ours are measured on {' and '.join(names)}; no difference is "
        "meaningful."
        for name, names in STAND_INS.items()
        if name in sets
    ]
    return pairs + stand_ins


def figure_table(figure: Figure, results: Sequence[Result]) -> str:
    """Our results for a paper's figure as one table a protocol, and the networks without results."""
    parts = [f"# {figure.title}", f"Printed in: {PAPERS[figure.paper]}, as curves only; the figures below are ours."]
    measured: set[str] = set()
    for protocol in figure.protocols:
        found = fitting(protocol, results)
        measured |= {name for result in found for name in result.models}
        rows = [_only(result, figure.models) for result in found]
        if any(result.means for result in rows):
            parts += [f"By {protocol}:"] * (len(figure.protocols) > 1) + [gains_table(rows)]
    missing = [state(name) for name in figure.models if name not in measured]
    if missing:
        parts.append("Missing: " + "; ".join(missing) + ".")
    return "\n\n".join(parts) + "\n"


def _only(result: Result, models: Sequence[str]) -> Result:
    kept = tuple(row for row in result.means if row.model in models and not row.consistent)
    return replace(result, means=kept)
