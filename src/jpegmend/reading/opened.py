"""``Opened``: a picture that has been read, the same value whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from jpegmend.jpeg import Component, JpegImage, Metadata
from jpegmend.jpeg.tables import nearest_quality


@dataclass(frozen=True, eq=False, kw_only=True)
class Opened:
    """A picture as its file has it, with everything the file says about it.

    Either ``components`` (a JPEG file: quantised levels and tables) or ``values`` (anything else: samples) is there.
    """

    format: str
    """``jpeg``, ``png``, ``webp``, ``bmp``, ``tiff``, ``gif``, ``pnm``, ``pillow image`` or ``array``."""
    height: int
    width: int
    """Size in pixels before the EXIF orientation is applied."""
    colour: str
    """What the components or samples are: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``."""
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
    restart_interval: int | None = None
    """MCUs between restart markers, 0 for none; None if no JPEG."""
    quality: int | None = None
    """The libjpeg quality nearest to the luma table; None if no JPEG."""
    quality_exact: bool | None = None
    """Whether the luma table is exactly that quality's."""
    ink_inverted: bool = False
    """CMYK or YCCK that stores 1 - ink, as Adobe's programs do."""
    lost: float = 0.0
    """Share of the picture's blocks that are missing from the file, 0..1."""
    warnings: tuple[str, ...] = ()

    @property
    def has_tables(self) -> bool:
        """Whether the file states its quantisation tables: whether it is a JPEG."""
        return bool(self.components)

    @property
    def bytes_held(self) -> int:
        """Memory that the levels or samples take."""
        arrays = [*(component.levels for component in self.components), self.values, self.alpha]
        return sum(array.nbytes for array in arrays if array is not None)


def from_jpeg(image: JpegImage) -> Opened:
    """A decoded JPEG file."""
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
    """Samples [H, W], [H, W, 3] RGB or [H, W, 4] RGBA of any other source."""
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
