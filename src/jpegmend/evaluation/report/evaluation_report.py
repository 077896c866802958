"""The report of an evaluation: ``report.md``, and ``report.html`` with plots and crops in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jpegmend.errors import MissingExtra
from jpegmend.evaluation.measure.methods_under_test import methods
from jpegmend.evaluation.measure.results import Result, Row, read_rows
from jpegmend.evaluation.measure.run import ROWS
from jpegmend.evaluation.measure.sources import PairedSet, sources
from jpegmend.evaluation.report import markdown, plots
from jpegmend.evaluation.report.html_page import page
from jpegmend.evaluation.report.report_crops import Crop, strips


def write_report(result: Result, models: Sequence[str], data: Sequence[Path | PairedSet], out: Path) -> list[Path]:
    """Write the reports of a finished evaluation beside its ``images.csv``; returns the paths of the two files.

    The pictures that gained least and most are restored once more, for their crops.

    Args:
        result: what ``evaluate`` returned.
        models: the names or paths of cards it was called with.
        data: the sets it was called with.
        out: the folder with its ``images.csv``.

    Without matplotlib there are no plots, and the report says so.
    """
    measured = {mean.group for mean in result.means}
    rows = [row for row in read_rows(out / ROWS) if row.group in measured]
    drawings, remark = _drawings(result, rows)
    shown = _crops(result, rows, models, data)
    text = "\n\n".join(filter(None, [markdown.report(result, rows).rstrip(), remark]))
    for number, crop in enumerate(shown):
        (out / f"crop-{number}.png").write_bytes(crop.png)
    for name, drawing in drawings.items():
        (out / f"{name}.svg").write_text(drawing, "utf-8")
    links = [f"![{name}]({name}.svg)" for name in drawings]
    links += [f"![{crop.caption}](crop-{number}.png)\n\n{crop.caption}" for number, crop in enumerate(shown)]
    (out / "report.md").write_text("\n\n".join([text, *links]) + "\n", "utf-8")
    (out / "report.html").write_text(page(text, list(drawings.values()), shown), "utf-8")
    return [out / "report.md", out / "report.html"]


def _drawings(result: Result, rows: Sequence[Row]) -> tuple[dict[str, str], str]:
    """Plots by name; a remark instead if matplotlib is missing."""
    if set(result.models) <= {"jpeg"}:
        return {}, ""
    try:
        return {
            "gain": plots.gain_by_quality(result),
            "frontier": plots.frontier(result),
            "scatter": plots.scatter(rows),
        }, ""
    except MissingExtra as error:
        return {}, f"No plots: {error}."


def _crops(result: Result, rows: Sequence[Row], models: Sequence[str], data: Sequence[Path | PairedSet]) -> list[Crop]:
    names = [str(name) for name in models if name != "jpeg"]
    used = methods(names, consistent=result.protocol.consistent, both=False)
    pictures = sources(data, result.protocol)
    return [crop for method in used for crop in strips(rows, method, pictures)]
