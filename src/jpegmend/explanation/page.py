"""The report as one HTML file: facts, notes, and figures as SVG inside, in the reader's colour scheme."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.themes import THEMES

_STYLE = f"""
:root {{ color-scheme: light dark; --ink: {THEMES["light"].ink}; --paper: {THEMES["light"].paper}; --line: #d0d5da; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: {THEMES["dark"].ink}; --paper: {THEMES["dark"].paper}; --line: #3a4046; }}
}}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
       margin: 2rem auto; padding: 0 1.2rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
         font-weight: normal; }}
th {{ white-space: nowrap; opacity: .75; }}
figure {{ margin: 1rem 0 2.2rem; }} figure img {{ max-width: 100%; height: auto; }}
figcaption {{ max-width: 46rem; }}
h2 {{ margin-top: 2.6rem; }} h3 {{ margin-bottom: 0; }}
nav a {{ color: inherit; margin-right: 1rem; }}
"""


@dataclass(frozen=True)
class Section:
    """Figures under one heading."""

    title: str
    drawings: tuple[Drawing, ...]


def html_page(title: str, facts: Mapping[str, str], sections: Sequence[Section], notes: Sequence[str]) -> str:
    """One HTML file with everything in it; all texts are escaped."""
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in facts.items())
    body = [f"<h1>{html.escape(title)}</h1>", f"<table>{rows}</table>"]
    body += [f"<p>{html.escape(note)}</p>" for note in notes]
    links = "".join(f'<a href="#{d.name}">{html.escape(d.title)}</a> ' for s in sections for d in s.drawings)
    body.append(f"<nav>{links}</nav>")
    for section in sections:
        body.append(f"<h2>{html.escape(section.title)}</h2>")
        body += [_figure(drawing) for drawing in section.drawings]
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head><body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _figure(drawing: Drawing) -> str:
    data = base64.b64encode(drawing.svg.encode()).decode()
    alt = html.escape(drawing.alt)
    return (
        f'<figure id="{drawing.name}"><h3>{html.escape(drawing.title)}</h3>'
        f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}">'
        f"<figcaption>{html.escape(drawing.caption)}</figcaption></figure>"
    )
