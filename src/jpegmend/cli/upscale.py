"""``jpegmend upscale``: enlarge a picture by a super-resolution network."""

from __future__ import annotations

import json
import sys
from argparse import BooleanOptionalAction, Namespace
from pathlib import Path
from typing import Any

from jpegmend.cli import DONE
from jpegmend.cli.options import MAX_PIXELS, RUNTIMES, documented
from jpegmend.cli.parser import Parser, whole
from jpegmend.errors import InvalidOption, OutputError
from jpegmend.formats import WRITTEN


def add(parser: Parser) -> None:
    """The options of ``jpegmend upscale``."""
    said = documented()
    parser.add_argument("file", metavar="FILE", type=Path, help="a picture")
    parser.add_argument(
        "-o", "--output", metavar="PATH", type=Path, help="file to write; else beside it, as NAME.x3.png"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a result that exists; never the input")
    parser.add_argument("--format", choices=tuple(WRITTEN), help="by the suffix of -o, else png")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8, help="16 for png and tiff (8)")
    parser.add_argument("--model", metavar="NAME", default="mdu-sr-x3", help="a network that enlarges (mdu-sr-x3)")
    parser.add_argument(
        "--restore-first",
        action=BooleanOptionalAction,
        help="restore by mend-s before enlarging (with mdu-sr-x3: where the quality is 40 or below)",
    )
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help=f"{said['runtime']} (auto)")
    parser.add_argument("--threads", type=whole(1), metavar="N", help=said["threads"])
    parser.add_argument("--memory", metavar="SIZE", help=said["memory"])
    parser.add_argument(
        "--max-pixels",
        type=whole(1),
        default=MAX_PIXELS,
        metavar="N",
        help=f"{said['max_pixels']}; holds for the result too (500 million)",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def run(given: Namespace) -> int:
    """Enlarge a picture by a super-resolution network, which also removes JPEG artifacts."""
    from jpegmend import weights
    from jpegmend.cli.networks_of_others import tell_licence
    from jpegmend.cli.progress import Bar
    from jpegmend.restoration import upscale

    card = weights.find(given.model)
    target = given.output or _beside(given.file, card.scale, given.format or "png")
    _check(given, target)
    tell_licence(card, quiet=given.quiet)
    bar = Bar(1, shown=not (given.quiet or given.json))
    try:
        larger = upscale(
            given.file,
            model=card,
            restore_first=given.restore_first,
            bits=given.bits,
            runtime=given.runtime,
            threads=given.threads,
            memory=given.memory,
            max_pixels=given.max_pixels,
            progress=bar.tiles(str(given.file)),
        )
    finally:
        bar.close()
    left_out = larger.save(target, format=given.format, bits=given.bits, overwrite=given.overwrite)
    _tell(given, target, larger.report.as_dict(), left_out)
    return DONE


def _beside(file: Path, scale: int, format: str) -> Path:
    """``photo.x3.png`` for ``photo.jpg``; other files keep their whole name, as those of ``restore``."""
    stem = file.stem if file.suffix.lower() == ".jpg" else file.name
    return file.with_name(f"{stem}.x{scale}{WRITTEN[format].suffixes[0]}")


def _check(given: Namespace, target: Path) -> None:
    """Check before the work that the target is free and its format holds the depth."""
    from jpegmend.writing import check_target, find_format

    format = find_format(target, given.format)
    if given.bits == 16 and not WRITTEN[format].deep:
        raise InvalidOption(f"--bits 16: {format} holds 8 bits; choose png or tiff")
    check_target(target, overwrite=given.overwrite)
    if target.exists() and given.file.exists() and target.samefile(given.file):
        raise OutputError(f"{target} is the input, which is never overwritten; choose another -o")


def _tell(given: Namespace, target: Path, report: dict[str, Any], left_out: tuple[str, ...]) -> None:
    if given.json:
        facts = {"file": str(given.file), "output": str(target), "not_kept": list(left_out)}
        sys.stdout.write(json.dumps({**facts, **report}) + "\n")
    elif not given.quiet:
        notes = [*report["warnings"], *(f"not kept: {what}" for what in left_out)]
        lines = [
            f"{given.file} -> {target}  ({report['width']}x{report['height']}, {report['model']}, "
            f"{report['seconds']:.1f} s)",
            *(f"  note: {note}" for note in notes),
        ]
        sys.stdout.write("\n".join(lines) + "\n")
