"""Known data sets: sources, licences, and their folders on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jpegmend.errors import MissingData
from jpegmend.formats import SUFFIXES

VARIABLE = "JPEGMEND_DATA"
"""Environment variable that names the folder of all sets; ``datasets`` in the current folder where it is not set."""

SPLITS = ("train", "val", "test")
"""Folders that are parts of a set."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One archive file to download."""

    file: str
    """Name of the downloaded file."""
    urls: tuple[str, ...]
    """Sources, tried in order."""
    sha256: str | None = None
    """None if no checksum is known: that of the first download is then stored beside the file and checked later."""
    inside: Mapping[str, str]
    """Folder inside the archive to folder inside the set; ``""`` is the top."""


@dataclass(frozen=True, kw_only=True)
class PictureSet:
    """A known data set."""

    name: str
    about: str
    licence: str
    page: str
    """Web page that describes it, or where to request it."""
    archives: tuple[Archive, ...] = ()
    """Empty for a set that must be requested, or is drawn."""
    drawn: bool = False
    """Whether :mod:`jpegmend.data.patterns` draws it."""
    counts: Mapping[str, int]
    """Pictures by folder inside the set; ``""`` is the top."""


_DIV2K = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
_BSDS = "BSR/BSDS500/data/images"

SETS: Mapping[str, PictureSet] = {
    known.name: known
    for known in (
        PictureSet(
            name="BSDS500",
            about="500 photos of 481x321, themselves JPEGs of quality 95; train and test to learn, val to measure",
            licence="research use",
            page="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
            archives=(
                Archive(
                    file="BSR_bsds500.tgz",
                    urls=(
                        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
                        "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
                    ),
                    inside={f"{_BSDS}/{part}": part for part in ("train", "test", "val")},
                ),
            ),
            counts={"train": 200, "test": 200, "val": 100},
        ),
        PictureSet(
            name="DIV2K",
            about="800 photos of 2K to learn, 100 to validate, PNG",
            licence="academic research use",
            page="https://data.vision.ee.ethz.ch/cvl/DIV2K/",
            archives=(
                Archive(
                    file="DIV2K_train_HR.zip",
                    urls=(f"{_DIV2K}/DIV2K_train_HR.zip",),
                    inside={"DIV2K_train_HR": "train"},
                ),
                Archive(
                    file="DIV2K_valid_HR.zip", urls=(f"{_DIV2K}/DIV2K_valid_HR.zip",), inside={"DIV2K_valid_HR": "val"}
                ),
            ),
            counts={"train": 800, "val": 100},
        ),
        PictureSet(
            name="Flickr2K",
            about="2650 photos of 2K, PNG",
            licence="research use; each photo under its photographer's terms",
            page="https://github.com/limbee/NTIRE2017",
            archives=(
                Archive(
                    file="Flickr2K.tar",
                    urls=("https://cv.snu.ac.kr/research/EDSR/Flickr2K.tar",),
                    inside={"Flickr2K/Flickr2K_HR": ""},
                ),
            ),
            counts={"": 2650},
        ),
        PictureSet(
            name="LIVE1",
            about="29 reference photos of the LIVE image quality database; only to measure",
            licence="research use",
            page="https://live.ece.utexas.edu/research/Quality/subjective.htm",
            counts={"": 29},
        ),
        PictureSet(
            name="Classic5",
            about="5 gray pictures: barbara, boats, baboon, lena, peppers; only to measure",
            licence="research use",
            page="https://github.com/cszn/DnCNN/tree/master/testsets/classic5",
            counts={"": 5},
        ),
        PictureSet(
            name="Twitter",
            about="114 pairs of photos and what the site made of them (Dong et al. 2015)",
            licence="research use",
            page="http://mmlab.ie.cuhk.edu.hk/projects/ARCNN.html",
            counts={},
        ),
        PictureSet(
            name="WeChat",
            about="300 pairs of photos and what the app made of them (published with Dual)",
            licence="research use",
            page="https://xueyangfu.github.io/",
            counts={},
        ),
        PictureSet(
            name="CID22",
            about="250 pictures of 512x512 from the Cloudinary Image Dataset '22",
            licence="CC BY-SA 4.0",
            page="https://cloudinary.com/labs/cid22",
            counts={"": 250},
        ),
        PictureSet(
            name="CLIC",
            about="photos of the Challenge on Learned Image Compression",
            licence="Unsplash licence",
            page="https://clic2025.compression.cc/",
            counts={},
        ),
        PictureSet(
            name="Kodak",
            about="24 scanned photos of 768x512, PNG; many of LIVE1's are made from them, so only to measure",
            licence="released for unrestricted use by Eastman Kodak",
            page="https://r0k.us/graphics/kodak/",
            archives=tuple(
                Archive(
                    file=f"kodim{number:02}.png",
                    urls=(f"https://r0k.us/graphics/kodak/kodak/kodim{number:02}.png",),
                    inside={},
                )
                for number in range(1, 25)
            ),
            counts={"": 24},
        ),
        PictureSet(
            name="Patterns",
            about="90 pictures of 256x256 unlike photographs: dithering, halftone dots, chessboards, text, shapes",
            licence="Apache-2.0",
            page="drawn by this program",
            drawn=True,
            counts={"": 90},
        ),
    )
}
"""Every known set by name. No set comes with this package."""


def root() -> Path:
    """The folder of all data sets, with a folder for each set, and packed files."""
    return Path(os.environ.get(VARIABLE) or "datasets")


def find(name: str) -> PictureSet:
    """The known set of that name, whatever its case; MissingData lists the names."""
    for known in SETS.values():
        if known.name.lower() == name.lower():
            return known
    raise MissingData(f"no set {name!r} is known; there are: {', '.join(SETS)}; or give the path of a folder")


def locate(name: str | Path, *, packed: bool = True) -> Path:
    """Path of the pictures of ``name``: an existing path, or a set in :func:`root` or in a folder of it.

    A set is named by its folder, upper or lower case; ``BSDS500/val`` and ``BSDS500-val`` are the folder ``val`` in
    ``BSDS500``. With ``packed`` a packed file (``BSDS500.npy``, ``BSDS500-train.npy``) is taken rather than the
    folder. Raises :class:`~jpegmend.errors.MissingData`, saying where it looked and how to get the set.
    """
    if not str(name):  # Path takes an unset variable of a shell for the current folder
        raise MissingData("an empty name; give the name of a set, or the path of a folder ('.' for this one)")
    if Path(name).exists():
        return Path(name)
    if Path(name).is_absolute() or str(name).startswith("."):
        raise MissingData(f"no folder {name}; give a folder or file that exists, or the name of a set")
    wanted = "-".join(Path(name).parts).lower()
    packs = sorted(root().glob("*.npy")) if packed else []
    for place in packs + _folders():
        if wanted in _names(place):
            return place
    known = [each for each in SETS.values() if wanted.startswith(each.name.lower())]
    where = f"{VARIABLE} names it" if os.environ.get(VARIABLE) else f"{VARIABLE} is not set"
    advice = how_to_get(known[0]) if known else f"known sets are {', '.join(SETS)}; or give the path of a folder"
    raise MissingData(f"no path {name} and no set of that name in {root().resolve()} ({where}); {advice}")


def _folders() -> list[Path]:
    """The folders in the two upper levels of the root, upper level first."""
    return [folder for depth in ("*", "*/*") for folder in sorted(root().glob(depth)) if folder.is_dir()]


def _names(place: Path) -> set[str]:
    """Names of a folder or packed file in lower case: ``bsds500-val``, ``test-live1`` and ``live1``."""
    if place.is_file():
        return {place.stem.lower()}
    whole = "-".join(place.relative_to(root()).parts).lower()
    return {whole} if place.name.lower() in SPLITS else {whole, place.name.lower()}


def picture_files(folder: Path, pattern: str = "*") -> list[Path]:
    """The picture files of a folder, sorted; with the pattern ``**/*`` those of the folders below it too.

    Hidden ones are left out: macOS writes a ``._NAME`` beside a file on some disks, with that file's suffix.
    """
    found = folder.glob(pattern) if folder.is_dir() else ()
    return sorted(
        path
        for path in found
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    )


def set_name(place: Path) -> str:
    """The name of a set by its path: that of its folder or file, of a split with the folder above before it.

    >>> set_name(Path("sets/bsds500/val"))
    'bsds500-val'
    """
    whole = place.resolve()
    name = place.stem if place.is_file() else whole.name
    return f"{whole.parent.name}-{name}" if name.lower() in SPLITS else name


def how_to_get(known: PictureSet) -> str:
    """A sentence on how to get a missing set."""
    there = f"{root() / known.name} (to name another folder than {root()}, set {VARIABLE})"
    if known.archives or known.drawn:
        makes = "draws" if known.drawn else "downloads"
        return f"`jpegmend data prepare {known.name}` {makes} it ({known.licence}) to {there}"
    return f"get it from {known.page} ({known.licence}) and put its pictures into {there}"
