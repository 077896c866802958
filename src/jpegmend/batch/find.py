"""Search of input pictures: files, folders and patterns."""

from __future__ import annotations

import functools
import glob
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jpegmend.batch.journal import JOURNAL
from jpegmend.errors import InvalidOption
from jpegmend.formats import SUFFIXES

STANDARD = Path("-")
"""Standard input or output."""

MARK = ".restored."
"""Part of the names of results of ``restore``."""
_UPSCALED = ".x3."
"""Part of the names of results of ``upscale``."""
_MARKS = re.compile("|".join(re.escape(mark[:-1]) + r"(?=\.)" for mark in (MARK, _UPSCALED)))


@dataclass(frozen=True)
class Found:
    """One file to read, or a folder below the one searched that cannot be read."""

    path: Path
    below: Path
    """Its path relative to the folder that was searched; the file name if the file itself was given."""
    folder: Path | None = None
    """The folder that was searched; None for a file that was given itself, or matched a pattern."""
    named: bool = True
    """Whether the file itself was given, not a folder or a pattern."""
    result: bool = False
    """Whether it has the name of a result of another file that was given."""


@dataclass(frozen=True)
class Search:
    """Result of a search."""

    pictures: tuple[Found, ...]
    passed_over: Mapping[str, int]
    """Number of files in folders that were skipped, by reason: ``hidden``, ``results``, a suffix, ...; and of given
    folders that could not be read."""


def find_pictures(names: Sequence[str], *, recursive: bool, output: Path | None = None) -> Search:
    """Find the pictures given as files, folders and patterns, each once, folders in sorted order.

    Folders are searched for pictures, with ``recursive`` also their subfolders; hidden files, results of earlier runs,
    files of other kinds, links to folders and the folder ``output`` are skipped. Patterns are for shells that do not
    expand them; they match results of earlier runs only if they name them (``*.restored.png``). Files that have the
    names of results of others that are given are marked, and counted as skipped.

    Raises:
        InvalidOption: a folder or a pattern without any picture.
    """
    found: dict[tuple[str, str], Found] = {}
    passed: Counter[str] = Counter()
    # One folder may be given by several paths; a link to a file is a picture of its own.
    resolve = functools.cache(os.path.realpath)
    for name in names:
        passed_here: Counter[str] = Counter()
        here = list(_expand(name, recursive, output, passed_here))
        passed.update(passed_here)
        if not here:
            seen = f" ({describe(passed_here)} passed over)" if passed_here else ""
            advice = "give files, or folders with pictures" + " (-r for below)" * (not recursive)
            raise InvalidOption(f"{name}: no pictures there{seen}; {advice}")
        for picture in here:
            standard = picture.path == STANDARD
            found.setdefault(("" if standard else resolve(picture.path.parent), picture.path.name), picture)
    # A shell gives results too when a pattern is used for the second time.
    given = {(folder, name.lower()) for folder, name in found}
    for place, picture in found.items():
        if is_result(place[1]) and _is_result_of(given, *place):
            found[place] = replace(picture, result=True)
            passed["results"] += 1
    return Search(tuple(found.values()), dict(passed))


def _is_result_of(given: Collection[tuple[str, str]], folder: str, name: str) -> bool:
    """Whether a file has the name of a result of one of the ``given`` files (folder, name in small letters)."""
    name = name.lower()
    befores = [name[: mark.start()] for mark in _MARKS.finditer(name)]
    return any((folder, before + suffix) in given for before in befores for suffix in ("", ".jpg"))


def describe(passed_over: Mapping[str, int]) -> str:
    """Counts of skipped files as text.

    >>> describe({"hidden": 2, ".jp2": 1})
    '2 hidden, 1 .jp2'
    """
    return ", ".join(f"{count} {reason}" for reason, count in passed_over.items())


def _expand(name: str, recursive: bool, output: Path | None, passed: Counter[str]) -> Iterator[Found]:
    if not name:
        raise InvalidOption("an empty file name; a variable of the shell may be empty")
    path = Path(name)
    if name == "-":
        yield Found(STANDARD, STANDARD)
    elif os.path.isdir(path):
        yield from _walk(path, recursive, output, passed)
    elif not os.path.lexists(path) and glob.has_magic(name):
        asks_for_results = any(mark.strip(".") in path.name for mark in (MARK, _UPSCALED))
        for match in map(Path, sorted(glob.glob(name, recursive=True))):
            if is_result(match.name) and not asks_for_results:
                passed["results"] += 1
            elif os.path.isfile(match):
                yield Found(_file(match), Path(match.name), named=False)
    else:
        # A file that does not exist is kept and fails later, so that the others are still restored.
        yield Found(_file(path), Path(path.name))


def _file(path: Path) -> Path:
    """The path of a file, so that one called ``-`` in the working folder is not taken for standard input."""
    return path.absolute() if path == STANDARD else path


def _walk(folder: Path, recursive: bool, output: Path | None, passed: Counter[str]) -> Iterator[Found]:
    kept_out = output.resolve() if output and output.resolve() != folder.resolve() else None
    unreadable: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=unreadable.append):
        passed["hidden"] += sum(name.startswith(".") for name in folders) if recursive else 0
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        # Not followed, as they may lead back to a folder above; given itself, such a link is searched.
        passed["links to folders"] += sum(os.path.islink(os.path.join(here, name)) for name in folders)
        if kept_out is not None:
            folders[:] = [name for name in folders if Path(here, name).resolve() != kept_out]
        for name in sorted(files):
            path = Path(here, name)
            if name == JOURNAL:
                continue
            if reason := _reason_against(path):
                passed[reason] += 1
            else:
                yield Found(_file(path), path.relative_to(folder), folder, named=False)
    for path in (Path(error.filename) for error in unreadable):
        if path == folder:
            passed["unreadable folders"] += 1
        else:
            # Kept, and fails later, as a file does that cannot be read: there may be pictures in it.
            yield Found(path, path.relative_to(folder), folder, named=False)
    passed += Counter()  # drops counts of 0


def _reason_against(path: Path) -> str:
    """Reason for skipping a file of a folder; empty if it is an input."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return "hidden"
    if not os.path.isfile(path):
        return "not files"
    if is_result(path.name):
        return "results"
    if suffix in SUFFIXES or (not suffix and _begins_as_jpeg(path)):
        return ""
    return suffix or "without suffix"


def is_result(name: str) -> bool:
    """Whether the name of a file is one that ``restore`` or ``upscale`` gives to its results."""
    return MARK in name or _UPSCALED in name


def _begins_as_jpeg(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(3) == b"\xff\xd8\xff"
    except OSError:
        return False


def without(pictures: Collection[Found], results: Collection[Path]) -> tuple[Found, ...]:
    """The pictures that are not themselves ``results``, as absolute paths; named files stay."""
    return tuple(picture for picture in pictures if picture.named or Path(os.path.abspath(picture.path)) not in results)
