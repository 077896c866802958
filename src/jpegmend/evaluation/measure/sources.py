"""The pictures of an evaluation: originals that a protocol degrades, and pairs that somebody else compressed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jpegmend.data import sets
from jpegmend.errors import InvalidOption, MissingData
from jpegmend.evaluation.measure.degrade_and_score import Trial, degrade, in_channel, open_original, open_picture
from jpegmend.evaluation.measure.protocols import Case, Protocol, label
from jpegmend.formats import SUFFIXES

_NAMED = 5
"""Greatest number of files that a message names."""


@dataclass(frozen=True)
class PairedSet:
    """Originals and the compressed files that others made of them: two folders matched by stem, or two files."""

    originals: Path
    compressed: Path


@dataclass(frozen=True, kw_only=True)
class Source:
    """One picture at one quality: its files, and how a trial is made of them."""

    data_set: str
    image: str
    """Name of the file inside the set."""
    path: Path
    """The original."""
    protocol: Protocol
    case: Case
    compressed: Path | None = None
    """The given compressed file; None where the protocol compresses."""

    @property
    def quality(self) -> str:
        """The case as results write it."""
        return label(self.case)

    @property
    def files(self) -> tuple[Path, ...]:
        """The original, and the compressed file where one is given."""
        return (self.path,) if self.compressed is None else (self.path, self.compressed)

    def trial(self) -> Trial:
        """Read the original and the compressed file, or compress.

        Raises:
            InvalidOption: the two files of a pair differ in size, or the original is too small or too large.
        """
        if self.compressed is None:
            try:
                return degrade(open_original(self.path, self.protocol), self.protocol, self.case)
            except InvalidOption as error:
                raise InvalidOption(f"{self.path}: {error}") from error
        original, decoded = open_picture(self.path), open_picture(self.compressed)
        if original.shape[:2] != decoded.shape[:2]:
            sizes = ["x".join(map(str, picture.shape[1::-1])) for picture in (original, decoded)]
            raise InvalidOption(
                f"{self.path} has {sizes[0]} pixels and {self.compressed} {sizes[1]}; pairs are compared pixel by "
                "pixel: crop or scale the original in the same way"
            )
        channel, gray = self.protocol.channel, original.ndim == 2
        truth, seen = (in_channel(picture, channel, gray=gray) for picture in (original, decoded))
        return Trial(self.compressed.read_bytes(), truth, seen, channel, gray)


def sources(data: Sequence[Path | PairedSet], protocol: Protocol) -> list[Source]:
    """Every picture of every set, at every quality of the protocol; sets in order, then qualities, then pictures.

    Raises:
        MissingData: a folder holds no pictures, or a file of a pair is missing.
        InvalidOption: two sets of one name, or pairs with a protocol that compresses, or the other way round.
    """
    names = [set_name(each) for each in data]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidOption(f"two sets are called {', '.join(twice)}; rename a folder, sets are told apart by name")
    found: list[Source] = []
    for each, name in zip(data, names, strict=True):
        if isinstance(each, PairedSet) != protocol.paired:
            needed = "pairs of files" if protocol.paired else "clear pictures alone"
            raise InvalidOption(f"protocol {protocol.name} measures {needed}; {name} is something else")
        if isinstance(each, PairedSet):
            found += _pairs(each, name, protocol)
        else:
            found += _originals(each, name, protocol)
    return found


def _originals(folder: Path, name: str, protocol: Protocol) -> list[Source]:
    files = {path: path.name if folder.is_file() else path.relative_to(folder).as_posix() for path in pictures(folder)}
    return [
        Source(data_set=name, image=_as_text(image), path=path, protocol=protocol, case=case)
        for case in protocol.qualities
        for path, image in files.items()
    ]


def _as_text(name: str) -> str:
    """A file's name for results, which are UTF-8: bytes of it that are none are replaced."""
    return os.fsencode(name).decode("utf-8", "replace")


def _pairs(each: PairedSet, name: str, protocol: Protocol) -> list[Source]:
    if each.originals.is_file() and each.compressed.is_file():
        matched = [(each.originals, each.compressed)]
    else:
        originals, compressed = _by_stem(each.originals), _by_stem(each.compressed)
        if alone := sorted(originals.keys() ^ compressed.keys()):
            more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
            raise MissingData(
                f"{', '.join(alone[:_NAMED])}{more} in only one of {each.originals} and {each.compressed}; "
                "give both files of a pair the same name, or take the single one away"
            )
        matched = [(originals[stem], compressed[stem]) for stem in originals]
    return [
        Source(data_set=name, image=_as_text(file.name), path=original, protocol=protocol, case=(), compressed=file)
        for original, file in matched
    ]


def _by_stem(folder: Path) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for path in pictures(folder):
        if other := found.get(path.stem):
            raise InvalidOption(f"{other.name} and {path.name} in {folder} have one stem; pairs are matched by stem")
        found[path.stem] = path
    return found


def pictures(folder: Path) -> list[Path]:
    """The picture files of a data set, sorted by name; a single file is a set of one.

    A folder without pictures of its own, but with folders named train, val or test, is all of these together.

    Raises:
        MissingData: no such path, or nothing in it is a picture.
    """
    if folder.is_file():
        return [folder]
    found = sets.picture_files(folder) or [path for split in sets.SPLITS for path in sets.picture_files(folder / split)]
    if not found:
        raise MissingData(
            f"no pictures in {folder}; give a folder of {', '.join(SUFFIXES)} files ('jpegmend data' says where "
            "the known sets are to be had)"
        )
    return found


def set_name(data: Path | PairedSet) -> str:
    """The name of a data set in results: its folder's name, for a split with the name of the folder above.

    Pairs are called by the folder that holds both folders, else by that of the compressed files.

    >>> set_name(Path("sets/bsds500/val"))
    'bsds500-val'
    >>> set_name(PairedSet(Path("Twitter/original"), Path("Twitter/downloaded")))
    'Twitter'
    """
    if isinstance(data, PairedSet):
        originals, compressed = data.originals.resolve(), data.compressed.resolve()
        return _as_text((compressed.parent if originals.parent == compressed.parent else compressed).name)
    return _as_text(sets.set_name(data))
