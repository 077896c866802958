"""``jpegmend explain``: a report of figures on one restoration."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jpegmend.cli import DONE
from jpegmend.cli.options import PARALLEL, add_limits, documented, parse_size, translate
from jpegmend.cli.parser import Parser, whole
from jpegmend.cli.streams import naming, printable
from jpegmend.errors import InvalidOption, OutputError

if TYPE_CHECKING:
    from jpegmend.explanation.explanation import Explanation

THEMES = ("light", "dark", "both")


def add(parser: Parser) -> None:
    """The options of ``jpegmend explain``."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a picture that was compressed too hard")
    parser.add_argument(
        "--model", default="mend-s", metavar="NAME", help="the network: its name, or the path of its card (mend-s)"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="the clear original in the same size: error maps and PSNR"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder for report and figures; without it NAME.MODEL beside the file",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a report and figures that are there")
    parser.add_argument(
        "--side",
        type=whole(64),
        default=256,
        metavar="N",
        help="side in pixels of the square on which the inside of the network is shown (256)",
    )
    parser.add_argument("--theme", choices=THEMES, default="light", help="colours of the PNG files (light)")
    parser.add_argument("--assume-quality", type=whole(1, 100), metavar="Q", help=documented()["quality"])
    parser.add_argument("--threads", **PARALLEL, help=documented()["threads"])
    add_limits(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def run(given: Namespace) -> int:
    """Write a report of figures: what was changed in a picture, and what happened inside the network."""
    from jpegmend import explain, weights
    from jpegmend.batch.inputs import read_input
    from jpegmend.cli.networks_of_others import tell_licence
    from jpegmend.explanation.explanation import REPORT
    from jpegmend.writing.atomic import check_target, make_folder

    card = weights.find(given.model)
    if given.file.is_dir():
        raise InvalidOption(f"{given.file} is a folder; explain takes one picture")
    with naming(given.file):
        data = read_input(given.file, parse_size("--max-bytes", given.max_bytes))
    folder = given.out or given.file.with_name(f"{given.file.stem}.{card.name}")
    made = not folder.exists()
    make_folder(folder)
    try:
        check_target(folder / REPORT, overwrite=given.overwrite)
        tell_licence(card, quiet=given.quiet)
        with naming(given.file):
            found = explain(
                data,
                name=given.file.name,
                model=card,
                reference=given.reference,
                side=given.side,
                quality=given.assume_quality,
                threads=given.threads,
                max_pixels=given.max_pixels,
                timeout=given.timeout,
            )
        _spare_inputs(folder, found, given)
        report = found.save(folder, overwrite=given.overwrite, theme=given.theme)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    if not given.quiet:
        _tell(given.file, report, found)
    return DONE


def _spare_inputs(folder: Path, found: Explanation, given: Namespace) -> None:
    for read in filter(None, (given.file, given.reference)):
        for file in found.files:
            written = folder / file
            if written.exists() and Path(read).exists() and written.samefile(read):
                raise OutputError(f"{written} is an input; inputs are never overwritten, choose another -o")


def _tell(source: Path, report: Path, found: Explanation) -> None:
    where = f"{printable(source)} -> {printable(report)}"
    notes = "".join(f"  note: {translate(note)}\n" for note in found.notes)
    sys.stdout.write(f"{where}  ({len(found.figures)} figures as PNG and SVG beside it)\n{notes}")
