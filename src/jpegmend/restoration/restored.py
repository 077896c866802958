"""The result of a restoration: pixels, metadata and the report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption
from jpegmend.formats import WRITTEN
from jpegmend.jpeg import Metadata
from jpegmend.restoration.report import Report
from jpegmend.runtimes import Floats
from jpegmend.writing.depth import to_bits

if TYPE_CHECKING:
    from PIL import Image

_SHOWN = 2000
"""Pixels a side that a notebook shows at most."""


class _Pages(Sequence[Any]):
    """Pixels, metadata and mark of pictures, each taken when it is asked for."""

    def __init__(self, pictures: Sequence[Restored], bits: int | None, mark: bool) -> None:
        self._pictures, self._bits, self._mark = pictures, bits, mark

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, number: Any) -> Any:
        picture = self._pictures[number]
        _check_page(picture)
        pixels = to_bits(picture.pixels, self._bits or picture.report.bits_read)
        return pixels, picture.metadata, self._mark and picture.report.runtime is not None


def _check_pages(append: object) -> None:
    if isinstance(append, (str, bytes)) or not isinstance(append, Sequence):
        raise InvalidOption(f"append is a {type(append).__name__}; give a list of results, such as append=[second]")
    if isinstance(append, (list, tuple)):  # another sequence may restore each page when it is asked for
        for picture in append:
            _check_page(picture)


def _check_page(picture: object) -> None:
    if not isinstance(picture, Restored):
        raise InvalidOption(f"append holds a {type(picture).__name__}; give results only, such as append=[second]")


class Restored:
    """A restored picture."""

    def __init__(
        self,
        pixels: NDArray[np.uint8] | NDArray[np.uint16],
        metadata: Metadata,
        report: Report,
        planes: tuple[Floats, ...] | None = None,
        traces: Mapping[str, tuple[Floats, ...]] = MappingProxyType({}),
    ) -> None:
        self.pixels = pixels
        """[H, W] gray, [H, W, 3] RGB or [H, W, 4] RGBA, uint8 or uint16 over their whole range."""
        self.metadata = metadata
        """Metadata of the input, adapted to these pixels."""
        self.report = report
        self.planes = planes
        """With ``keep_planes``: float32 planes 0..1, not clipped, padded to whole blocks, without the orientation. A
        plane that was restored alone is [8R, 8K]; chroma restored together with luma is [v*8R, h*8K] for sampling
        factors v and h. Planes and ``traces`` of a picture that was restored at the scale of an earlier compression
        have that scale (``report.earlier_size``)."""
        self.traces = dict(traces)  # a mapping proxy cannot be sent to another process
        """With ``traces``: intermediate results of the network by name, float32, without the orientation. Arrays on
        the grid of the planes, or on one coarser by an integer factor s, are merged from the tiles to [K, H/s, W/s];
        others (a vector, a scalar) are those of the first tile. If the network restores components one by one, these
        are the traces of the first component."""

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    def to_array(self, bits: int | None = None) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The pixels as uint8 or uint16; by default with the depth of ``pixels``. May be a view: do not write to it.

        Raises:
            InvalidOption: ``bits`` is neither 8 nor 16.
        """
        if bits not in (None, 8, 16):
            raise InvalidOption(f"{bits} bits; allowed: 8, 16")
        return to_bits(self.pixels, bits or self.pixels.itemsize * 8)

    def to_image(self) -> Image.Image:
        """The picture for Pillow, 8 bits: mode L, RGB or RGBA, with its ICC profile, EXIF and density."""
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(self.to_array(8)))
        if self.metadata.icc:
            image.info["icc_profile"] = self.metadata.icc
        if self.metadata.exif:
            image.info["exif"] = b"Exif\0\0" + self.metadata.exif
        if self.metadata.density and self.metadata.density[2] != "aspect":
            per_inch = 2.54 if self.metadata.density[2] == "dpcm" else 1.0
            image.info["dpi"] = (self.metadata.density[0] * per_inch, self.metadata.density[1] * per_inch)
        return image

    def save(
        self,
        path: str | bytes | PathLike[str] | PathLike[bytes] | BinaryIO,
        *,
        format: str | None = None,
        bits: int | None = None,
        overwrite: bool = False,
        strip: bool | str = False,
        srgb: bool = False,
        quality: int | None = None,
        compression: int | None = None,
        mark: bool = False,
        append: Sequence[Restored] = (),
    ) -> tuple[str, ...]:
        """Write the picture as PNG, TIFF, WebP, JPEG, AVIF or JPEG XL (``jxl``), by suffix or ``format``.

        ``path`` may be a file that is open for writing in binary mode, too. ``append`` are further pages of a TIFF;
        each is taken when it is written.

        ``bits`` is 8 or 16; None: as many as the input had, each page apart, and 8 in all but PNG and TIFF.

        Metadata is kept as far as the format can hold it; returns descriptions of the metadata that was not kept.
        ``strip`` drops ``notes`` (True: EXIF, XMP, comments and density; the ICC profile stays), the position ``gps``
        alone, or ``all``, after conversion to sRGB. ``srgb`` converts to sRGB and drops the profile. ``quality`` is for
        JPEG, WebP, AVIF and JPEG XL, 1..100 (None is 95); ``compression`` for PNG, 0..9 (zlib's levels; None is the
        fastest for photos). ``mark`` states in the XMP that an algorithm altered the picture (IPTC DigitalSourceType
        ``algorithmicallyEnhanced``), but not of pages that no network altered.

        Raises:
            OutputError: the file exists and not ``overwrite``, or it cannot be written to that place or format.
            InvalidOption: ``path`` is neither a path nor a binary file, ``append`` no list of results; ``bits``,
                ``quality`` or ``compression`` out of range, or for another format.
        """
        from jpegmend import writing

        target = writing.as_target(path)
        name = writing.find_format(None if hasattr(target, "write") else target, format)
        writing.check_options(name, bits, quality, compression)
        _check_pages(append)
        depth = bits or (self.report.bits_read if WRITTEN[name].deep else 8)
        return writing.write(
            to_bits(self.pixels, depth) if append else self.pixels,
            self.metadata,
            target,
            format=format,
            bits=None if append else depth,  # pages have depths of their own
            overwrite=overwrite,
            strip=strip,
            srgb=srgb,
            quality=quality,
            compression=compression,
            mark=mark and self.report.runtime is not None,
            pages=_Pages(append, bits, mark),
        )

    def to_bytes(
        self,
        format: str = "png",
        *,
        bits: int | None = None,
        strip: bool | str = False,
        srgb: bool = False,
        quality: int | None = None,
        compression: int | None = None,
        mark: bool = False,
    ) -> bytes:
        """The bytes of a file of this format; arguments and errors are those of :meth:`save`."""
        stream = io.BytesIO()
        self.save(
            stream,
            format=format,
            bits=bits,
            strip=strip,
            srgb=srgb,
            quality=quality,
            compression=compression,
            mark=mark,
        )
        return stream.getvalue()

    def _repr_png_(self) -> bytes:
        """A PNG for notebooks: 8 bits, reduced by a whole factor to at most 2,000 pixels a side, with its profile."""
        image = self.to_image()
        stream = io.BytesIO()
        shown = image.reduce(-(-max(image.size) // _SHOWN))
        shown.save(stream, "PNG", icc_profile=image.info.get("icc_profile"))
        return stream.getvalue()

    def __repr__(self) -> str:
        depth = self.pixels.itemsize * 8
        how = f"by {self.report.model}" if self.report.runtime else "decoded only"
        return f"<Restored {self.width}x{self.height}, {self.report.colour}, {depth} bits, {how}>"
