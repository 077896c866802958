"""TIFF, 8 and 16 bits, through tifffile, with the tags that say where a picture comes from."""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.jpeg import Metadata

_XMP, _ORIENTATION = 700, 274
_BYTE, _ASCII, _SHORT = 1, 2, 3
_DESCRIPTION = 270
_NOTES = (_DESCRIPTION, 271, 272, 306, 315, 33432)
"""Description, make, model, date, artist, copyright. The exposure data of EXIF lies in a directory of its own, which
tifffile does not write: it is not carried into TIFF."""

_ROWS_BYTES = 1 << 20


def write(stream: IO[bytes], pixels: NDArray[Any], metadata: Metadata, comment: str | None) -> None:
    """Write ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, uint8 or uint16, compressed without loss (deflate)."""
    import tifffile

    extra: dict[str, Any] = {}
    if metadata.icc:
        extra["iccprofile"] = metadata.icc
    if metadata.density:
        extra["resolution"] = metadata.density[:2]
        extra["resolutionunit"] = {"dpi": 2, "dpcm": 3, "aspect": 1}[metadata.density[2]]
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        extra["extrasamples"] = ["unassalpha"]
    # tifffile needs to move in what it writes; a pipe cannot.
    seekable = stream if stream.seekable() else io.BytesIO()
    tifffile.imwrite(
        seekable,
        np.ascontiguousarray(pixels),
        photometric="minisblack" if pixels.ndim == 2 else "rgb",
        compression="zlib",
        rowsperstrip=max(1, _ROWS_BYTES // max(1, pixels[0].nbytes)),
        metadata=None,
        extratags=_tags(metadata, comment),
        **extra,
    )
    if isinstance(seekable, io.BytesIO) and seekable is not stream:
        stream.write(seekable.getbuffer())


def _tags(metadata: Metadata, comment: str | None) -> list[tuple[int, int, int, Any, bool]]:
    """Tags as tifffile takes them: code, type, count, value, whether only on the first page."""
    tags: list[tuple[int, int, int, Any, bool]] = []
    if metadata.xmp:
        tags.append((_XMP, _BYTE, len(metadata.xmp), metadata.xmp, True))
    if metadata.orientation != 1:
        tags.append((_ORIENTATION, _SHORT, 1, metadata.orientation, True))
    notes = _notes(metadata.exif)
    if comment and _DESCRIPTION not in notes:
        notes[_DESCRIPTION] = comment
    for code, text in notes.items():
        plain = text.encode("ascii", "replace")
        tags.append((code, _ASCII, len(plain) + 1, plain, True))
    return tags


def _notes(exif: bytes | None) -> dict[int, str]:
    """The texts in the first directory of an EXIF block; none where it is broken."""
    if not exif:
        return {}
    from PIL import Image

    found = Image.Exif()
    try:
        found.load(exif)
        return {code: value for code in _NOTES if isinstance(value := found.get(code), str) and value}
    except Exception:
        # Whatever a camera wrote there must not cost the user the picture.
        return {}
