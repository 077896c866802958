"""``jpegmend data``: the known picture sets."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jpegmend.errors import InvalidOption, MissingExtra


class Action(StrEnum):
    """What to do."""

    LIST = "list"
    PREPARE = "prepare"
    CHECK = "check"
    PACK = "pack"


def command(
    action: Annotated[
        Action, typer.Argument(help="list; prepare: download, unpack and check; check; pack.")
    ] = Action.LIST,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Known sets; for pack also folders and files.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The packed file, for pack.")] = None,
) -> int:
    """Show the known picture sets, or get them: downloads go on where they broke off."""
    given = names or []
    if action is not Action.LIST and not given:
        raise InvalidOption(f"{action} needs names; `jpegmend data` lists the known sets")
    if action is Action.LIST:
        _list()
    elif action is Action.PACK:
        _pack(given, output)
    else:
        return _get(given, download=action is Action.PREPARE)
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
            folder = prepare.prepare(known, sets.root(), progress=_show)
            sys.stdout.write(f"{known.name}: whole, in {folder}\n")
        else:
            wrong = prepare.wrong_counts(known, sets.root() / known.name)
            failed += bool(wrong)
            sys.stdout.write(f"{known.name}: {'; '.join(wrong) or 'whole'}\n")
    return 1 if failed else 0


def _show(name: str, done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total / 1e6:.0f}" if total else ""
        sys.stderr.write(f"\r{name}: {done / 1e6:.0f}{of} MB ")


def _pack(names: list[str], output: Path | None) -> None:
    try:
        from jpegmend.data import pack, sets
        from jpegmend.data.pictures import find_pictures, load_rgb, picture_size
    except ImportError as error:
        raise MissingExtra(f"packing needs {error.name}; pip install 'jpegmend[torch]'") from error
    if output is None and len(names) > 1:
        raise InvalidOption("several sets go into one file; name it with --output")
    target = output or sets.root() / (names[0].strip("/").replace("/", "-") + pack.SUFFIX)
    if target.suffix != pack.SUFFIX:
        raise InvalidOption(f"{target}; a packed file ends in {pack.SUFFIX}")
    target.parent.mkdir(parents=True, exist_ok=True)
    files = find_pictures([sets.locate(name) for name in names])
    pack.write(target, [(file.name, *picture_size(file)) for file in files], map(load_rgb, files))
    sys.stdout.write(f"{target}: {len(files)} pictures\n")
