"""Values of a decoded JPEG file: header, components, quantised levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jpegmend.jpeg.metadata import Metadata

Coding = Literal["baseline", "extended", "progressive"]
Colour = Literal["gray", "ycbcr", "rgb", "cmyk", "ycck"]


@dataclass(frozen=True, eq=False)
class FrameComponent:
    """One component of the frame header."""

    identifier: int
    """Component id as in the file, 0..255."""
    vertical: int
    """Vertical sampling factor, 1..4."""
    horizontal: int
    """Horizontal sampling factor, 1..4."""
    table: NDArray[np.uint16]
    """Its quantisation table [8, 8], natural order, steps 1..65535 (255 in place of 0): the one in its slot at the
    start of its first scan."""
    zero: NDArray[np.bool_] | None
    """Where the file's table has steps of zero [8, 8], whose levels mean nothing; None if there are none."""
    rows: int
    """True height in samples: ceil(height * vertical / largest vertical)."""
    columns: int
    """True width in samples."""

    @property
    def block_rows(self) -> int:
        """Rows of 8x8 blocks that cover ``rows``."""
        return -(-self.rows // 8)

    @property
    def block_columns(self) -> int:
        """Columns of 8x8 blocks that cover ``columns``."""
        return -(-self.columns // 8)


@dataclass(frozen=True)
class Scan:
    """One scan: a scan header and its entropy-coded data."""

    components: tuple[int, ...]
    """Indices into ``Header.components``."""
    first: int
    """First zigzag coefficient it codes; 0 is DC."""
    last: int
    """Last zigzag coefficient it codes."""
    complete: bool
    """Whether a marker follows its data; False if the file ends inside it."""
    lowest_bit: int = 0
    """The lowest bit of the coefficients that it codes; 0 is full precision."""


@dataclass(frozen=True, eq=False)
class Header:
    """Contents of all marker segments of a JPEG file."""

    width: int
    height: int
    precision: int
    """Bits a sample; always 8, other files are refused."""
    coding: Coding
    arithmetic: bool
    """Whether it uses arithmetic instead of Huffman coding."""
    restart_interval: int
    """MCUs between restart markers at the first scan; 0 for none."""
    components: tuple[FrameComponent, ...]
    colour: Colour
    """Colour space, determined as libjpeg does: JFIF, then the Adobe transform, then the component ids."""
    adobe_inverted: bool
    """Whether it is CMYK or YCCK. Their values are taken as inverted (255 is no ink), as Adobe's programs write them,
    also without Adobe's marker, which some tools drop: browsers and Pillow do so too."""
    metadata: Metadata
    scan_list: tuple[Scan, ...]
    sampling: str
    """"4:2:0" and its like; "4:0:0" for gray; factors like "3x1,1x1,1x1" where no such name exists."""
    complete: bool
    """Whether there is an end-of-image marker."""
    warnings: tuple[str, ...] = field(default=())
    """Defects of the markers, one sentence each."""
    notes: tuple[str, ...] = field(default=())
    """What the file holds beside this picture, or what no scan gives, in words; no damage."""
    frame_at: int = 0
    """Offset of the frame header's marker."""
    unknown_bits: NDArray[np.uint8] | None = None
    """Low bits of the levels of each component [C, 8, 8] that no whole scan gives, 16 for all; None: all are given."""

    @property
    def scans(self) -> int:
        """Number of scans in the file; 1 for most baseline files."""
        return len(self.scan_list)

    @property
    def largest_vertical(self) -> int:
        """Largest vertical sampling factor; an MCU of the whole picture is 8 times that high."""
        return max(c.vertical for c in self.components)

    @property
    def largest_horizontal(self) -> int:
        """Largest horizontal sampling factor."""
        return max(c.horizontal for c in self.components)


@dataclass(frozen=True, eq=False)
class Component:
    """One component with its quantised DCT coefficients."""

    identifier: int
    vertical: int
    horizontal: int
    table: NDArray[np.uint16]
    """Quantisation table [8, 8], natural order."""
    levels: NDArray[np.int16]
    """[block_rows, block_columns, 8, 8], natural order: quantised DCT coefficients; times ``table`` they are on the
    0..255 scale. Read-only; memory-mapped if the picture is large."""
    rows: int
    """True height in samples; ``block_rows * 8`` is at least that."""
    columns: int
    """True width in samples."""
    unknown_bits: NDArray[np.uint8] | None = None
    """Low bits of the levels [8, 8] that no whole scan gives, 16 for all; None: the file gives all."""


@dataclass(frozen=True, eq=False)
class JpegImage:
    """An entropy-decoded JPEG file."""

    header: Header
    components: tuple[Component, ...]
    lost: float
    """Share of the picture's blocks that are missing from the file, 0..1; 0 for a whole file."""
    warnings: tuple[str, ...]
    """Defects found in the markers or by the decoder, one sentence each; empty for an intact file."""
