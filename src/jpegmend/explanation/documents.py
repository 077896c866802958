"""The reports in the documentation: a page and a folder of figures for each released model.

python -m jpegmend.explanation.documents docs/explain
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jpegmend import weights
from jpegmend.errors import extra_needed
from jpegmend.evaluation.measure.degrade_and_score import encode
from jpegmend.explanation.explanation import Explanation, explain
from jpegmend.writing.atomic import write_bytes

QUALITY = 10
NAME = "astronaut at quality 10"
_AREA = (slice(0, 256), slice(96, 352))
"""Rows and columns of the photograph that is shown."""
_COMMAND = "python -m jpegmend.explanation.documents docs/explain"


def photograph() -> tuple[bytes, bytes]:
    """A clear photograph as PNG and its JPEG of quality 10, 4:2:0: Eileen Collins, NASA, public domain.

    Raises:
        MissingExtra: scikit-image, which brings the picture, is not installed.
    """
    with extra_needed("the photograph", "evaluation"):
        from skimage import data
    from PIL import Image

    pixels = Image.fromarray(data.astronaut()[_AREA])  # type: ignore[no-untyped-call]
    clear = io.BytesIO()
    pixels.save(clear, "PNG")
    return clear.getvalue(), encode(np.asarray(pixels), QUALITY, "4:2:0")


def write_page(found: Explanation, folder: Path) -> Path:
    """Write ``NAME.md`` and its figures, ``NAME/FIGURE.svg`` or ``.webp``, for the model of that name."""
    name = found.subject.card.name
    (folder / name).mkdir(parents=True, exist_ok=True)
    lines = [f"# {name}, shown on one photograph", "", f"Made by `{_COMMAND}`, as all figures here.", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {key} | {text} |" for key, text in found.facts.items()), ""]
    lines += [f"{note}\n" for note in found.notes]
    kept = set()
    for section in found.sections:
        lines += [f"## {section.title}", ""]
        for drawing in section.drawings:
            file = folder / name / f"{drawing.name}.{'webp' if drawing.photographic else 'svg'}"
            write_bytes(file, drawing.webp() if drawing.photographic else drawing.svg.encode())
            kept.add(file)
            lines += [f"### {drawing.title}", "", f"![{drawing.alt}]({name}/{file.name})", "", drawing.caption, ""]
    for old in set((folder / name).iterdir()) - kept:
        old.unlink()
    page = folder / f"{name}.md"
    write_bytes(page, "\n".join(lines).encode())
    return page


def main(words: Sequence[str] | None = None) -> None:
    """Write the pages of all released models, or of those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", nargs="+", help="names; by default every released model that restores")
    given = parser.parse_args(words)
    released = [name for name, card in weights.PACKAGED.items() if card.released and card.scale == 1]
    clear, compressed = photograph()
    for name in given.model or released:
        page = write_page(explain(compressed, model=name, reference=clear, threads=1, name=NAME), given.folder)
        sys.stdout.write(f"wrote {page}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
