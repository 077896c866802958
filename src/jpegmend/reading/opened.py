"""``Opened``: a decoded picture with its metadata, the same type for every kind of source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.jpeg import Component, JpegImage, Metadata
from jpegmend.jpeg.tables import nearest_quality


@dataclass(frozen=True, eq=False, kw_only=True)
class Opened:
    """A picture as stored in its file, with metadata and facts of its coding.

    A JPEG file fills ``components`` (quantised DCT levels and tables), any other source fills ``values`` (samples).
    """

    format: str
    """``jpeg``, ``jpeg in tiff``, another name of ``formats.READ``, ``pillow image`` or ``array``."""
    height: int
    width: int
    """Size in pixels before the EXIF orientation is applied."""
    colour: str
    """Colour space of the components or samples: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``."""
    bits: int
    """Depth of a sample: 8 or 16; 16 for floats."""
    metadata: Metadata
    components: tuple[Component, ...] = ()
    values: NDArray[Any] | None = None
    """[H, W] gray or [H, W, 3] RGB; uint8, uint16, or float 0..1."""
    alpha: NDArray[Any] | None = None
    """[H, W], of the same type as ``values``."""
    coding: str | None = None
    """``baseline``, ``extended`` or ``progressive``, with ``, arithmetic`` where it is; None if no JPEG."""
    sampling: str | None = None
    """``4:2:0`` and the like; None if no JPEG."""
    scans: int | None = None
    """Scans of a JPEG file, strips or tiles of JPEG data in a TIFF; None if no JPEG."""
    restart_interval: int | None = None
    """MCUs between restart markers, 0 for none; None if no JPEG."""
    quality: int | None = None
    """The libjpeg quality nearest to the luma table; None if no JPEG."""
    quality_exact: bool | None = None
    """Whether the luma table is exactly that quality's."""
    ink_inverted: bool = False
    """Whether CMYK or YCCK values are 1 - ink, as Adobe's programs store them."""
    stated: tuple[NDArray[np.uint16], ...] = ()
    """Tables [8, 8] of the components of JPEG data that was decoded to ``values``; () for all other pictures."""
    pages: int = 1
    """Pictures in the file."""
    lost: float = 0.0
    """Share of the picture's blocks that are missing from the file, 0..1."""
    warnings: tuple[str, ...] = ()
    """Defects of the file and properties that are not kept, one sentence each."""

    @property
    def has_tables(self) -> bool:
        """Whether the source is a JPEG file, with quantisation tables."""
        return bool(self.components)

    @property
    def bytes_held(self) -> int:
        """Bytes of memory of the levels or samples."""
        arrays = [*(component.levels for component in self.components), self.values, self.alpha]
        return sum(array.nbytes for array in arrays if array is not None)


def from_jpeg(image: JpegImage) -> Opened:
    """The ``Opened`` of an entropy-decoded JPEG file."""
    header = image.header
    quality, exact = nearest_quality(image.components[0].table)
    return Opened(
        format="jpeg",
        height=header.height,
        width=header.width,
        colour=header.colour,
        bits=header.precision,
        metadata=header.metadata,
        components=image.components,
        coding=header.coding + (", arithmetic" if header.arithmetic else ""),
        sampling=header.sampling,
        scans=header.scans,
        restart_interval=header.restart_interval,
        quality=quality,
        quality_exact=exact,
        ink_inverted=header.adobe_inverted,
        lost=image.lost,
        warnings=image.warnings,
    )


def from_samples(samples: NDArray[Any], metadata: Metadata, format: str, warnings: tuple[str, ...] = ()) -> Opened:
    """The ``Opened`` of samples [H, W] gray, [H, W, 3] RGB or [H, W, 4] RGBA: uint8, uint16, or float 0..1."""
    transparent = samples.ndim == 3 and samples.shape[2] == 4
    return Opened(
        format=format,
        height=samples.shape[0],
        width=samples.shape[1],
        colour="gray" if samples.ndim == 2 else "rgb",
        bits=8 if samples.dtype.itemsize == 1 else 16,
        metadata=metadata,
        values=samples[..., :3] if transparent else samples,
        alpha=samples[..., 3] if transparent else None,
        warnings=warnings,
    )
