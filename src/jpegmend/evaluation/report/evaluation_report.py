"""The report of an evaluation: ``report.md`` for repositories, ``report.html`` with plots and crops in one file."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from jpegmend.errors import MissingExtra
from jpegmend.evaluation.measure.methods_under_test import methods
from jpegmend.evaluation.measure.results import Result, read_rows
from jpegmend.evaluation.measure.run import ROWS
from jpegmend.evaluation.report import markdown, plots
from jpegmend.evaluation.report.report_crops import Crop, strips

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 76rem; margin: 2rem auto;
       padding: 0 1.2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #e4e4e4; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #1c1c1c; } td.n, th.n { text-align: right; }
figure { margin: 1.5rem 0; } figure svg, figure img { max-width: 100%; height: auto; }
figcaption { font-size: .9rem; color: #555; }
"""


def write_report(result: Result, data: Sequence[Path], out: Path, *, pictures: bool = True) -> list[Path]:
    """Write the reports of a finished evaluation beside its ``images.csv``; returns what was written.

    Without matplotlib the plots are left out, and the report says so. With ``pictures`` the pictures that gained
    least and most are restored once more for their crops.
    """
    rows = read_rows(out / ROWS)
    text = markdown.report(result, rows)
    drawings, remark = _drawings(result, out)
    shown = _crops(result, data, out) if pictures else []
    for number, crop in enumerate(shown):
        (out / f"crop-{number}.png").write_bytes(crop.png)
    for name, drawing in drawings.items():
        (out / f"{name}.svg").write_text(drawing, "utf-8")
    links = [f"![{name}]({name}.svg)" for name in drawings]
    links += [f"![{crop.caption}](crop-{number}.png)\n\n{crop.caption}" for number, crop in enumerate(shown)]
    (out / "report.md").write_text("\n\n".join([text.rstrip(), *filter(None, [remark]), *links]) + "\n", "utf-8")
    (out / "report.html").write_text(page(text + remark, list(drawings.values()), shown), "utf-8")
    return [out / "report.md", out / "report.html"]


def _drawings(result: Result, out: Path) -> tuple[dict[str, str], str]:
    if set(result.models) <= {"jpeg"}:
        return {}, ""
    try:
        return {
            "gain": plots.gain_by_quality(result),
            "frontier": plots.frontier(result),
            "scatter": plots.scatter(read_rows(out / ROWS)),
        }, ""
    except MissingExtra as error:
        return {}, f"No plots: {error}"


def _crops(result: Result, data: Sequence[Path], out: Path) -> list[Crop]:
    rows = read_rows(out / ROWS)
    names = sorted({row.model for row in rows} - {"jpeg"})
    used = methods(names, consistent=result.protocol.consistent, both=False)
    return [crop for method in used for crop in strips(rows, method, result.protocol, data)]


def page(text: str, drawings: Sequence[str], crops: Sequence[Crop]) -> str:
    """One HTML file with everything in it: the Markdown text, SVG drawings, crops as data."""
    body = [to_html(text)]
    body += [f"<figure>{drawing}</figure>" for drawing in drawings]
    for crop in crops:
        data = base64.b64encode(crop.png).decode()
        caption = html.escape(crop.caption)
        image = f'<img src="data:image/png;base64,{data}" alt="{caption}">'
        body.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    title = html.escape(text.splitlines()[0].lstrip("# "))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head><body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def to_html(text: str) -> str:
    """The little Markdown that reports use: headings, tables, paragraphs. Everything is escaped.

    >>> to_html("# a < b")
    '<h1>a &lt; b</h1>'
    """
    return "\n".join(_block(block) for block in text.strip().split("\n\n"))


def _block(block: str) -> str:
    if block.startswith("#"):
        level = len(block) - len(block.lstrip("#"))
        return f"<h{level}>{html.escape(block[level:].strip())}</h{level}>"
    if not block.startswith("|"):
        return f"<p>{html.escape(block)}</p>"
    header, rule, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines())
    sides = [' class="n"' if mark.endswith(":") else "" for mark in rule]

    def line(cells: list[str], tag: str) -> str:
        inner = (f"<{tag}{side}>{html.escape(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True))
        return f"<tr>{''.join(inner)}</tr>"

    return f"<table>{line(header, 'th')}{''.join(line(cells, 'td') for cells in lines)}</table>"
