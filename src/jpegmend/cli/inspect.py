"""``jpegmend inspect``: what a file is."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.files import STANDARD, find_sources
from jpegmend.errors import JpegmendError


def command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, folders, patterns; - is standard input.")
    ],
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Also the folders below.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a file.")] = False,
    max_pixels: Annotated[int, typer.Option(min=1, help="Refuse files that claim more.")] = 500_000_000,
) -> int:
    """Say what files are: size, coding, sampling, tables, quality by table and by pixels, metadata."""
    from jpegmend.restoration.inspection import inspect

    code = DONE
    for source, _ in find_sources(files, recursive=recursive):
        try:
            found = inspect(sys.stdin.buffer.read() if source == STANDARD else source, max_pixels=max_pixels)
        except (JpegmendError, OSError) as error:
            code = SOME_FAILED
            if as_json:
                failure = {"file": str(source), "error": type(error).__name__, "message": str(error)}
                sys.stdout.write(json.dumps(failure) + "\n")
            else:
                sys.stderr.write(f"jpegmend: {source}: {error}\n")
            continue
        if as_json:
            sys.stdout.write(json.dumps({"file": str(source), **found.as_dict()}) + "\n")
        else:
            sys.stdout.write(f"{source}\n{found.as_text()}\n")
    return code
