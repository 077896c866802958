"""A report as one HTML file: Markdown rendered by markdown-it-py, plots and crops inside."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from markdown_it import MarkdownIt

from jpegmend.evaluation.report.report_crops import Crop

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 76rem; margin: 2rem auto;
       padding: 0 1.2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #e4e4e4; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #1c1c1c; }
figure { margin: 1.5rem 0; } figure svg, figure img { max-width: 100%; height: auto; }
figcaption { font-size: .9rem; color: #555; }
"""


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
    """Markdown with tables as HTML; HTML inside the text is escaped.

    >>> to_html("# a < b")
    '<h1>a &lt; b</h1>\\n'
    """
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
