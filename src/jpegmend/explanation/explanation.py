"""``explain``: restore a picture, draw the figures of its model, and write them as a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import MissingExtra, WeightsMissing, extra_needed
from jpegmend.explanation import themes
from jpegmend.explanation.coefficients import coefficient_drawings
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.general import general_drawings
from jpegmend.explanation.page import Section, html_page
from jpegmend.explanation.subject import REGION, Subject, prepare, psnr
from jpegmend.reading import Source
from jpegmend.restoration.options import Options
from jpegmend.weights import DEFAULT, Card
from jpegmend.writing.atomic import check_target, make_folder, write_bytes

NETWORKS: Mapping[str, str] = {
    "dcsc": "jpegmend.explanation.dcsc",
    "cqr": "jpegmend.explanation.cqr",
    "qgcn": "jpegmend.explanation.qgcn",
    "mdu": "jpegmend.explanation.mdu",
    "dual": "jpegmend.explanation.dual",
}
"""Module with the figures of each network by the network's name; it has a function ``drawings``."""
REPORT = "report.html"
"""Name of the report in its folder."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The figures of one restoration, in the order of the report."""

    subject: Subject
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""

    @property
    def figures(self) -> Mapping[str, Drawing]:
        """Every figure by name; in a notebook each shows itself."""
        return {drawing.name: drawing for section in self.sections for drawing in section.drawings}

    @property
    def facts(self) -> Mapping[str, str]:
        """What was restored by what, and with which result, as texts by name."""
        return facts(self.subject)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that :meth:`save` writes."""
        return (*(f"{name}.{suffix}" for name in self.figures for suffix in ("png", "svg")), REPORT)

    def to_html(self) -> str:
        """The report as one HTML file with all figures inside; it loads nothing."""
        return html_page(f"{self.subject.name} by {self.subject.card.name}", self.facts, self.sections, self.notes)

    def save(self, folder: str | PathLike[str], *, overwrite: bool = False, theme: str = "light") -> Path:
        """Write ``report.html``, and every figure as PNG (in ``theme``) and SVG, into a folder; make it if needed.

        Returns the path of the report.

        Raises:
            OutputError: the folder cannot be made, or holds a file of one of these names and not ``overwrite``.
            InvalidOption: an unknown theme.
        """
        themes.find(theme)
        folder = Path(folder)
        make_folder(folder)
        for file in self.files:
            check_target(folder / file, overwrite=overwrite)
        for name, drawing in self.figures.items():
            write_bytes(folder / f"{name}.png", drawing.png(theme))
            write_bytes(folder / f"{name}.svg", drawing.svg.encode())
        # Names of files may hold bytes that are no text.
        write_bytes(folder / REPORT, self.to_html().encode(errors="replace"))
        return folder / REPORT

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"<Explanation of {self.subject.name} by {self.subject.card.name}: {', '.join(self.figures)}>"


def explain(
    source: Source,
    *,
    model: str | Path | Card = DEFAULT,
    reference: Source | None = None,
    side: int = REGION,
    quality: int | None = None,
    threads: int | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    timeout: float | None = None,
) -> Explanation:
    """Restore a picture and draw what the restoration changed, and what happens inside the network.

    ``source`` and ``model`` are those of :func:`jpegmend.restore`. ``reference`` is the clear original in the same
    size; with it there are error maps and PSNR. ``side`` is that of the square, in pixels, on which the inside of
    the network is shown: the one with the largest change. ``quality`` treats the picture as compressed at that
    libjpeg quality. ``name`` is that of the picture in the report; by default the file's.
    ``max_pixels`` and ``timeout`` are limits on each picture read, as in :func:`jpegmend.restore`.
    The inside of networks needs PyTorch; without it only the figures of every model are drawn, and ``notes`` says so.

    Raises:
        MissingExtra: matplotlib is not installed.
        InputError, ModelError: see :func:`jpegmend.restore`.
        InvalidOption: nothing was restored, the picture or ``side`` has fewer than 16 pixels, the reference has another
            size, or an argument is out of range.
    """
    themes.check_matplotlib()
    options = Options(
        model=model,
        quality=quality,
        threads=threads,
        page=1,  # without it a note names the option that selects another, which there is not here
        max_pixels=max_pixels,
        timeout=timeout,
    )
    subject = prepare(source, options, reference, side=side, name=name)
    sections = [Section("What was changed", tuple([*general_drawings(subject), *coefficient_drawings(subject)]))]
    notes = list(_missing(subject))
    try:
        sections += _inside(subject)
    except (MissingExtra, WeightsMissing) as error:
        notes.append(f"The inside of {subject.card.name} is not shown: {error}")
    return Explanation(subject, tuple(sections), tuple(notes))


def _inside(subject: Subject) -> Iterator[Section]:
    """The figures of the network itself, where it has some."""
    if module := NETWORKS.get(subject.card.network):
        with extra_needed("it", "torch"):
            from jpegmend.explanation.traced_run import trace_network
        traced = trace_network(subject)
        yield Section(f"Inside {subject.card.title}", tuple(import_module(module).drawings(traced)))


def _missing(subject: Subject) -> Iterator[str]:
    if subject.opened.pages > 1:
        yield f"Page 1 of {subject.opened.pages} is shown; the others are left out."
    if subject.reference is None:
        yield "Without the clear original there are no error maps and no PSNR; give it as the reference."
    elif subject.clear is None:
        yield f"Planes in {subject.colour} are not compared with the reference."
    if not subject.on_grid:
        yield "No DCT coefficients are shown: the picture is not on the block grid of a JPEG file with tables."


def facts(subject: Subject) -> dict[str, str]:
    """Rows of the table at the top of the report."""
    report, card = subject.final.report, subject.card
    found: dict[str, Any] = {
        "picture": f"{subject.name}, {report.width} x {report.height} pixels, {report.format}",
        "coding": ", ".join(filter(None, (report.coding, report.sampling, report.colour))),
        "quality": None if report.quality is None else f"{report.quality} by its tables",
        "model": f"{card.name}: {card.title}",
        "paper": card.paper,
        "size of the model": f"{card.parameters:,} parameters, {card.multiply_adds / 1e3:,.0f} k multiply-adds a pixel",
        "strength": None
        if report.strength == 1
        else f"{report.strength:.2f}, the card's caution at this quality; the inside of the network is shown at 1",
        "projection": report.consistent_why,
    }
    if report.estimated_quality is not None:
        name = "quality by the pixels" if report.quality is None else "quality of the earlier compression"
        found[name] = f"about {report.estimated_quality}"
    if subject.clear is not None:
        before, after = (psnr(subject.luma(part), subject.clear) for part in (subject.decoded, subject.final))
        found["PSNR of luma"] = f"{before:.2f} dB before, {after:.2f} dB after ({after - before:+.2f})"
    return {name: str(words) for name, words in found.items() if words}
