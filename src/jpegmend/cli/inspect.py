"""``jpegmend inspect``: facts of picture files."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.options import add_limits, parse_size, translate
from jpegmend.cli.parser import Parser
from jpegmend.cli.streams import printable
from jpegmend.errors import JpegmendError


def add(parser: Parser) -> None:
    """The options of ``jpegmend inspect``."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="files, folders, patterns such as '*.jpg'; - is standard input"
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="also the folders below")
    parser.add_argument(
        "--ranker",
        metavar="MODEL",
        help="also score the quality by the ranker, a network that was released beside this one (cqr-c)",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON a file")
    add_limits(parser)


def run(given: Namespace) -> int:
    """Print facts of files: size, coding, sampling, tables, quality by table and by pixels, metadata."""
    from jpegmend.batch.find import find_pictures
    from jpegmend.batch.inputs import read_input
    from jpegmend.restoration.inspection import inspect
    from jpegmend.runtimes.ranker import load_ranker

    code, most = DONE, parse_size("--max-bytes", given.max_bytes)
    if given.ranker:
        load_ranker(given.ranker)  # what is wrong with it is told once, not for each picture
    for picture in find_pictures(given.files, recursive=given.recursive).pictures:
        source = picture.path
        try:
            data = read_input(source, most)
            found = inspect(data, max_pixels=given.max_pixels, timeout=given.timeout, ranker=given.ranker)
        except (JpegmendError, OSError) as error:
            code = SOME_FAILED
            if given.json:
                failure = {"file": str(source), "error": type(error).__name__, "message": translate(str(error), source)}
                sys.stdout.write(json.dumps(failure) + "\n")
            else:
                sys.stderr.write(f"jpegmend: {printable(source)}: {printable(translate(str(error), source))}\n")
            continue
        if given.json:
            sys.stdout.write(json.dumps({"file": str(source), **found.as_dict()}) + "\n")
        else:
            lines = [str(source), *found.as_text().split("\n")]
            sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    return code
