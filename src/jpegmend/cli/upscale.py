"""``jpegmend upscale``: enlarge a picture by a super-resolution network."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import BooleanOptionalAction, Namespace
from pathlib import Path
from typing import Any

from jpegmend.cli import DONE
from jpegmend.cli.options import BITS, RUNTIMES, add_limits, documented, parse_size
from jpegmend.cli.parser import Parser, whole
from jpegmend.errors import InvalidOption, OutputError
from jpegmend.formats import WRITTEN


def add(parser: Parser) -> None:
    """The options of ``jpegmend upscale``."""
    said = documented()
    parser.add_argument("file", metavar="FILE", help="a picture; - is standard input")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="folder or file for the result; - is standard output; without it NAME.x3.png beside the picture",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a result that exists; never the input")
    parser.add_argument(
        "--format", choices=tuple(WRITTEN), help="of the result; without it by the suffix of -o, else png"
    )
    parser.add_argument("--bits", **BITS)
    parser.add_argument("--pages", type=whole(1), metavar="N", help="page N of a file with several; else the first")
    parser.add_argument("--model", metavar="NAME", default="mdu-sr-x3", help="a network that enlarges (mdu-sr-x3)")
    parser.add_argument(
        "--restore-first",
        action=BooleanOptionalAction,
        help="restore by mend-s before enlarging; without either, mdu-sr-x3 does so at quality 40 and below",
    )
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help=f"{said['runtime']} (auto)")
    parser.add_argument("--threads", type=whole(1), metavar="N", help=said["threads"])
    parser.add_argument("--memory", metavar="SIZE", help=said["memory"])
    add_limits(parser, pixels="; holds for the result too")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def run(given: Namespace) -> int:
    """Enlarge a picture by a super-resolution network, which also removes JPEG artifacts."""
    from jpegmend import weights
    from jpegmend.batch.inputs import read_input
    from jpegmend.batch.settings import Output
    from jpegmend.batch.work import save_result
    from jpegmend.cli.networks_of_others import tell_licence
    from jpegmend.cli.progress import Bar
    from jpegmend.cli.streams import naming
    from jpegmend.restoration import upscale

    card = weights.find(given.model)
    source, target, format = _find_place(given, card.scale)
    tell_licence(card, quiet=given.quiet)
    bar = Bar(1, shown=not (given.quiet or given.json))
    with contextlib.closing(bar), naming(source):
        larger = upscale(
            read_input(source, parse_size("--max-bytes", given.max_bytes)),
            model=card,
            restore_first=given.restore_first,
            bits=given.bits,
            page=given.pages,
            runtime=given.runtime,
            threads=given.threads,
            memory=given.memory,
            max_pixels=given.max_pixels,
            timeout=given.timeout,
            progress=bar.tiles(source),
        )
    output = Output(format=format, bits=given.bits)
    left_out = save_result(larger, target, output, overwrite=given.overwrite)
    _tell(given, source, target, larger.report.as_dict(), left_out)
    return DONE


def _find_place(given: Namespace, scale: int) -> tuple[Path, Path, str]:
    """The picture, the path of the result and its format; checked before the work."""
    from jpegmend.batch.find import STANDARD, find_pictures
    from jpegmend.batch.names import find_place
    from jpegmend.batch.work import check_place
    from jpegmend.cli.restore import check_depth
    from jpegmend.cli.streams import check_standard_output
    from jpegmend.writing import check_encoder

    found = find_pictures([given.file], recursive=False).pictures
    if not found[0].named:
        raise InvalidOption(f"{given.file}: a folder or a pattern; upscale takes one picture, give a file")
    source, place = found[0].path, find_place(found, given.output, given.format)
    check_encoder(place.format)
    check_depth(given.bits, place.format)
    target = place.file or (place.folder or source.parent) / _name(source, scale, place.format)
    if target == STANDARD:
        check_standard_output()
    elif target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target} is the input, which is never overwritten; choose another -o")
    check_place(target, overwrite=given.overwrite)
    return source, target, place.format


def _name(source: Path, scale: int, format: str) -> str:
    """``photo.x3.png`` for ``photo.jpg``; other files keep their whole name, as those of ``restore``."""
    from jpegmend.batch.names import name_of

    name = name_of(source)
    stem = name.stem if name.suffix.lower() == ".jpg" else name.name
    return f"{stem}.x{scale}{WRITTEN[format].suffixes[0]}"


def _tell(given: Namespace, source: Path, target: Path, report: dict[str, Any], left_out: tuple[str, ...]) -> None:
    from jpegmend.batch.find import STANDARD
    from jpegmend.cli.show import notes_in_words, report_as_json
    from jpegmend.cli.streams import printable

    # With the picture on standard output, words go to standard error.
    stream = sys.stderr if target == STANDARD else sys.stdout
    if given.json:
        facts = {"file": str(source), "output": str(target), **report_as_json(report, left_out)}
        stream.write(json.dumps(facts) + "\n")
    elif not given.quiet:
        done = f"{report['width']}x{report['height']}, {report['model']}, {report['seconds']:.1f} s"
        lines = [f"{printable(source)} -> {printable(target)}  ({done})", *notes_in_words(report, left_out)]
        stream.write("\n  ".join(lines) + "\n")
