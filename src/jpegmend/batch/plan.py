"""Plan of a run: target of each picture, and whether it is restored or skipped, decided before any restoration."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jpegmend.batch.comparison import compared_with
from jpegmend.batch.find import STANDARD, Found, without
from jpegmend.batch.inputs import is_stream, quality_of, read_input, sha256, state_of
from jpegmend.batch.journal import Entry, Journal
from jpegmend.batch.names import Place, Template, target_of
from jpegmend.batch.settings import Settings
from jpegmend.errors import InputError, OutputError
from jpegmend.writing.atomic import check_new_folder, check_target, remove_parts

Journals = Mapping[Path, Journal]
"""The journal of each folder that has one."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One picture of a run."""

    picture: Found
    target: Path
    skip: str = ""
    """Reason for skipping it: ``done`` by the journal, or ``exists``; empty if it is to be restored."""
    problem: str = ""
    """Error message if it cannot be restored."""
    overwrite: bool = False
    """Whether an existing file at the target may be replaced."""
    ours: bool = False
    """Whether an existing file at the target is a result, by the journal, and not a file of somebody else."""
    journal: Journal | None = None
    data: bytes | None = None
    """The input, if it was read to compare it and can be read only once: standard input or a pipe."""

    @property
    def has_work(self) -> bool:
        """Whether the picture is to be restored."""
        return not self.skip and not self.problem


@contextmanager
def open_journals(pictures: Sequence[Found], place: Place, *, writing: bool) -> Iterator[Journals]:
    """The journal of the output folder, or of each input folder; none for single files without an output folder."""
    if place.folder is not None:
        folders = [place.folder]
    else:
        folders = sorted({picture.folder for picture in pictures if picture.folder})
    with ExitStack() as stack:
        yield {folder: stack.enter_context(closing(Journal(folder, writing=writing))) for folder in folders}


def plan(
    pictures: Sequence[Found], place: Place, template: Template, settings: Settings, journals: Journals
) -> list[Item]:
    """The items of a run, in the order of the pictures, without results of earlier runs.

    Results that were given by their names are inputs where they would be overwritten.
    """
    known = set().union(*(journal.results() for journal in journals.values())) if journals else set()
    pictures = without(pictures, known | {compared_with(path) for path in known})
    read = [picture.path for picture in pictures if settings.overwrite or not picture.result]
    read += [settings.output.reference] if settings.output.reference else []
    inputs = {identity for path in read if (identity := _identity(path))}
    taken: dict[str, Path] = {}
    items = []
    for picture in pictures:
        if picture.result:
            continue
        quality = quality_of(picture.path, settings.max_bytes) if template.needs_quality else ""
        target = target_of(picture, place, template, settings.card.name, quality)
        journal = journals.get(place.folder or picture.folder or Path())
        problem = _problem(target, picture, inputs, taken, template.word, compares=settings.output.compare)
        if problem:
            items.append(Item(picture=picture, target=target, problem=problem))
            continue
        item = Item(picture=picture, target=target, overwrite=settings.overwrite, journal=journal)
        items.append(item if place.file is not None else _decide(item, settings))
    return items


def _problem(
    target: Path, picture: Found, inputs: set[tuple[int, int]], taken: dict[str, Path], word: str, *, compares: bool
) -> str:
    if target == STANDARD:
        return ""
    for written in (target, compared_with(target)) if compares else (target,):
        if _identity(written) in inputs:
            return f"{written} is an input; inputs are never overwritten, choose another -o"
        first = taken.setdefault(_key(written), picture.path)
        if first != picture.path:
            advice = f"give --name '{{name}}.{word}{{suffix}}'"
            if first.name == picture.path.name:
                advice = "give each another -o, or the folder above both with -r"
            return f"its result would be {written}, that of {first} too; {advice}"
    return ""


def _key(written: Path) -> str:
    """A result's path, alike for names that file systems take for one: in another case, or with accents coded apart."""
    path = os.path.abspath(written)
    path = path.casefold() if sys.platform in ("darwin", "win32") else path
    return unicodedata.normalize("NFC", path) if sys.platform == "darwin" else path


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _decide(item: Item, settings: Settings) -> Item:
    """An item with what follows from the file at its target and from the journal's last entry of that."""
    target = item.target
    if os.path.isdir(target):
        return item  # refused before the work, as with `overwrite`; skipped it would count as a success
    entry, there = item.journal.find(target) if item.journal else None, os.path.lexists(target)
    if entry is None or not _is_result(entry, target, there=there):
        return replace(item, skip="exists") if there and not settings.overwrite else item
    again = replace(item, overwrite=True, ours=True)
    if not there:
        return again
    if settings.overwrite:
        return replace(item, ours=_is_of_path(entry, item.picture.path))
    return _beside_result(again, entry, settings)


def _beside_result(again: Item, entry: Entry, settings: Settings) -> Item:
    """The item of a picture where a result of an earlier run is at its target: skipped, made again, or refused."""
    path = again.picture.path
    stream = is_stream(path)
    by_path = not stream and _is_of_path(entry, path)
    if not by_path:
        try:
            data = _data_of(path, entry, settings)
        except InputError as error:
            return replace(again, problem=str(error))
        if data is None:
            made_from = "an earlier standard input" if Path(entry.input).name == "-" else entry.input
            advice = "give another -o or --name, or --overwrite"
            return replace(again, problem=f"{again.target} exists already, made from {made_from}; {advice}")
        again = replace(again, data=data if stream else None)
    if entry.outcome != "done" or _asks_for_more(again.target, settings):
        # Where a run was stopped during this picture the file may be of an earlier run with other options.
        return again
    same = entry.options in settings.accepted and entry.weights == settings.weights_hash
    if same and (not by_path or _is_unchanged(path, entry, settings)):
        return replace(again, skip="done", data=None)
    return again


def input_name(path: Path) -> str:
    """The name of an input in a journal."""
    return str(Path(os.path.abspath(path)))


def _is_of_path(entry: Entry, path: Path) -> bool:
    """Whether an entry is of the file of that path, whatever is in it."""
    if entry.input == input_name(path):
        return True
    try:
        return os.path.samefile(entry.input, path)
    except (OSError, ValueError):
        return False


def _data_of(path: Path, entry: Entry, settings: Settings) -> bytes | None:
    """The bytes of an input if they are those of the journal's entry, by its SHA-256; else None."""
    state = state_of(path)
    if entry.sha256 is None or (state is not None and state.size != entry.size):
        return None
    data = read_input(path, settings.max_bytes)
    return data if sha256(data) == entry.sha256 else None


def _is_result(entry: Entry, target: Path, *, there: bool) -> bool:
    """Whether the file at a target, or what a stopped run left for one, is a result by the target's last entry."""
    if entry.outcome != "done":
        return entry.replaces
    # Another size: somebody has changed the result, or put another file in its place.
    return there and (entry.written is None or os.lstat(target).st_size == entry.written)


def with_obstacles(items: Sequence[Item], *, compares: bool) -> list[Item]:
    """The items of a run that writes nothing, with the problem of each that is not there or could not be written."""
    return [replace(item, problem=_obstacle(item, compares)) if item.has_work else item for item in items]


def _obstacle(item: Item, compares: bool) -> str:
    try:
        if item.picture.path != STANDARD:
            os.stat(item.picture.path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if item.target == STANDARD:
        return ""
    try:
        for written in (item.target, compared_with(item.target)) if compares else (item.target,):
            if os.path.isdir(written.parent):
                check_target(written, overwrite=item.overwrite)
            else:
                check_new_folder(written.parent)
    except OutputError as error:
        return str(error)
    return ""


def _asks_for_more(target: Path, settings: Settings) -> bool:
    """Whether a run wants what only a restoration gives, beside the result that there is."""
    compares = settings.output.compare and not os.path.lexists(compared_with(target))
    return compares or settings.output.reference is not None


def _is_unchanged(path: Path, entry: Entry, settings: Settings) -> bool:
    """Whether the file of an entry's path is as it was then: by size and time, else by its SHA-256."""
    state = state_of(path)
    if state is not None and (state.size, state.mtime_ns) == (entry.size, entry.mtime_ns):
        return True
    try:
        return state is not None and _data_of(path, entry, settings) is not None
    except InputError:
        return False


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files of a result whose process was killed."""
    remove_parts(target)
    remove_parts(compared_with(target))
