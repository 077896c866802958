"""``jpegmend data``: list, download, draw and pack known data sets."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from jpegmend.cli.parser import Parser
from jpegmend.errors import InvalidOption, extra_needed


def add(parser: Parser) -> None:
    """The options of ``jpegmend data``."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "prepare", "check", "pack"),
        default="list",
        help="list; prepare: download or draw, and check; check what is here; pack: make one file for training",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="known sets; for pack also folders and files")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="name of the packed file")


def run(given: Namespace) -> int:
    """List, prepare, check or pack the known data sets; interrupted downloads are resumed."""
    if given.output and given.action != "pack":
        raise InvalidOption(f"--output has no effect with {given.action}; leave it out, it names the file of pack")
    if given.action == "list" and given.names:
        raise InvalidOption(f"list with {' '.join(given.names)}; leave the names out, it lists every known set")
    if given.action == "list":
        _list()
    elif not given.names:
        raise InvalidOption(f"{given.action} needs names; `jpegmend data` lists the known sets")
    elif given.action == "pack":
        _pack(given.names, given.output)
    else:
        return _get(given.names, download=given.action == "prepare")
    return 0


def _list() -> None:
    from jpegmend.data import prepare, sets

    for known in sets.SETS.values():
        missing = prepare.wrong_counts(known, sets.root() / known.name)
        sys.stdout.write(f"{known.name:<9} {'missing' if missing else 'here':<8} {known.about}\n")
        sys.stdout.write(f"{'':<18} {known.licence}; {known.page}\n")
    sys.stdout.write(f"Sets lie in {sets.root()}; the environment variable {sets.VARIABLE} names another folder.\n")


def _get(names: list[str], *, download: bool) -> int:
    from jpegmend.data import prepare, sets

    failed = 0
    for known in map(sets.find, names):
        if download:
            try:
                folder = prepare.prepare(known, sets.root(), progress=_show)
            finally:
                _draw("")  # else what is printed next would stand behind the progress
            sys.stdout.write(f"{known.name}: whole, in {folder}\n")
        else:
            wrong = prepare.wrong_counts(known, sets.root() / known.name)
            failed += bool(wrong)
            sys.stdout.write(f"{known.name}: {'; '.join(wrong) or 'whole'}\n")
    return 1 if failed else 0


def _show(name: str, done: int, total: int | None) -> None:
    of = f" of {total / 1e6:.0f}" if total else ""
    _draw(f"{name}: {done / 1e6:.0f}{of} MB")


def _draw(line: str) -> None:
    """Replace the progress line on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()


def _pack(names: list[str], output: Path | None) -> None:
    with extra_needed("packing", "torch"):
        from jpegmend.data import pack, sets
        from jpegmend.data.clear_pictures import picture_size
        from jpegmend.data.pictures import find_pictures, load_rgb
    if output is None and len(names) > 1:
        raise InvalidOption("several sets go into one file; name it with --output")
    places = [sets.locate(name, packed=False) for name in names]
    target = output or sets.root() / (sets.set_name(places[0]) + pack.SUFFIX)
    if target.suffix != pack.SUFFIX:
        raise InvalidOption(f"{target}; a packed file ends in {pack.SUFFIX}")
    index = target.with_suffix(".json")
    if target.exists() != index.exists():
        there = index if index.exists() else target
        raise InvalidOption(
            f"{there} would be replaced, and is no part of a packed set; name another file with --output"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    files = find_pictures(places)
    pack.write(target, [(file.name, *picture_size(file)) for file in files], map(load_rgb, files))
    sys.stdout.write(f"{target}: {len(files)} pictures\n")
