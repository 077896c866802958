"""Which files a command means, and where its results go."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jpegmend.errors import InvalidOption

STANDARD = Path("-")
"""Standard input or output."""

SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"))
"""What is looked for in folders; a file that is named is read whatever it is called."""

EXTENSIONS = {"png": ".png", "tiff": ".tif", "webp": ".webp", "jpeg": ".jpg"}
"""Suffix of the result, by format."""

_MARK = ".restored"


@dataclass(frozen=True)
class Job:
    """One file to restore."""

    source: Path
    target: Path


def find_sources(names: Sequence[str], *, recursive: bool) -> list[tuple[Path, Path]]:
    """Files to read, each with its place below the folder or pattern it was found by.

    Folders give the pictures in them (with ``recursive`` also below them), except earlier results. Patterns are
    for shells that pass them on. Raises :class:`~jpegmend.errors.InvalidOption` where a name finds nothing.
    """
    found: dict[Path, Path] = {}
    for name in names:
        here = list(_expand(name, recursive))
        if not here:
            raise InvalidOption(f"{name}: no pictures there; give files, or folders that hold pictures (-r for below)")
        for source, below in here:
            found.setdefault(source, below)
    return list(found.items())


def _expand(name: str, recursive: bool) -> Iterator[tuple[Path, Path]]:
    path = Path(name)
    if path.is_dir():
        for file in sorted(path.rglob("*") if recursive else path.iterdir()):
            if file.suffix.lower() in SUFFIXES and file.is_file() and not file.stem.endswith(_MARK):
                yield file, file.relative_to(path)
    elif name != "-" and not path.exists() and glob.has_magic(name):
        for match in sorted(glob.glob(name, recursive=True)):
            if os.path.isfile(match):
                yield Path(match), Path(Path(match).name)
    else:
        # A file that does not exist is kept: it fails on its own, and the others are still done.
        yield path, Path(path.name)


def place_results(sources: Sequence[tuple[Path, Path]], output: str | None, extension: str) -> list[Job]:
    """Where each result goes: beside its source, into the folder ``output``, or to the one file it names.

    Raises :class:`~jpegmend.errors.InvalidOption` where several results would go to one file.
    """
    single = len(sources) == 1 and sources[0][0].name == sources[0][1].name
    into_folder = output is not None and output != "-" and (output.endswith(("/", os.sep)) or os.path.isdir(output))
    if output is None or into_folder or not single:
        if output is not None and not into_folder and (output == "-" or Path(output).suffix):
            raise InvalidOption(f"-o {output}: {len(sources)} files cannot go to one; give a folder, ending in /")
        jobs = [Job(source, _named(source, below, output, extension)) for source, below in sources]
    else:
        jobs = [Job(sources[0][0], Path(output))]
    return _apart(jobs, extension)


def _named(source: Path, below: Path, folder: str | None, extension: str) -> Path:
    if source == STANDARD:
        return STANDARD if folder is None else Path(folder) / f"stdin{_MARK}{extension}"
    name = f"{source.stem}{_MARK}{extension}"
    return source.with_name(name) if folder is None else Path(folder) / below.parent / name


def _apart(jobs: list[Job], extension: str) -> list[Job]:
    """a.jpg and a.png in one folder would meet in a.restored.png: those keep their whole names."""
    wanted = [job.target for job in jobs]
    return [
        Job(job.source, job.target.with_name(f"{job.source.name}{_MARK}{extension}"))
        if job.target != STANDARD and wanted.count(job.target) > 1
        else job
        for job in jobs
    ]
