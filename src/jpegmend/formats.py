"""Picture formats: which are read, which are written, and the suffixes of their files.

>>> READ["tiff"]
('.tif', '.tiff')
"""

from __future__ import annotations

from dataclasses import dataclass

READ = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "png": (".png",),
    "webp": (".webp",),
    "bmp": (".bmp",),
    "tiff": (".tif", ".tiff"),
    "gif": (".gif",),
    "pnm": (".ppm", ".pgm", ".pbm", ".pnm"),
    "avif": (".avif",),
    "heic": (".heic", ".heif"),
    "jpeg xl": (".jxl",),
}
"""Formats that are read, with their suffixes. Only the search of folders goes by suffix; a named file is recognised by
its content."""

SUFFIXES = tuple(suffix for suffixes in READ.values() for suffix in suffixes)
"""Suffixes, in lower case, of the files that a search of a folder finds."""


@dataclass(frozen=True, kw_only=True)
class OutputFormat:
    """Properties of an output format."""

    suffixes: tuple[str, ...]
    """File name suffixes; new files get the first."""
    largest: int
    """Greatest width and height, in pixels."""
    deep: bool = False
    """Whether it holds 16 bits a sample."""
    transparent: bool = True
    """Whether it holds an alpha channel."""
    lossy: bool = False
    """Whether it takes a quality, 1..100."""
    profiles: bool = True
    """Whether it holds an ICC profile; else pixels are converted to sRGB."""
    orientations: bool = True
    """Whether it states an EXIF orientation; else pixels are turned by it."""


WRITTEN = {
    "png": OutputFormat(suffixes=(".png",), largest=2**31 - 1, deep=True),
    "tiff": OutputFormat(suffixes=(".tif", ".tiff"), largest=2**31 - 1, deep=True),
    "webp": OutputFormat(suffixes=(".webp",), largest=16383, lossy=True),
    "jpeg": OutputFormat(suffixes=(".jpg", ".jpeg"), largest=65500, transparent=False, lossy=True),
    # AVIF itself has room for 65,536 pixels, but libavif, by which most programs read it, takes no more than these.
    "avif": OutputFormat(suffixes=(".avif",), largest=32768, lossy=True),
    "jxl": OutputFormat(suffixes=(".jxl",), largest=2**30 - 1, lossy=True, profiles=False, orientations=False),
}
"""Formats that are written, by name."""

WRITTEN_SUFFIXES = {suffix: name for name, kind in WRITTEN.items() for suffix in kind.suffixes}
"""The output format for each suffix."""
