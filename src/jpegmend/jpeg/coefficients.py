"""Entropy decoding: JPEG bytes to quantised DCT coefficients."""

from __future__ import annotations

import numpy as np

from jpegmend import decoding
from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import DamagedJpeg
from jpegmend.jpeg.image import Component, Header, JpegImage
from jpegmend.jpeg.markers import survey
from jpegmend.jpeg.missing import estimate_loss

_LEVEL_BYTES = 2
_PLAUSIBLE_BLOCKS = 250_000
"""Number of blocks (16 megapixels) up to which the size in a header is not compared with the size of the file."""
_LEAST_BITS, _LEAST_BITS_ARITHMETIC = 0.1, 0.0001
"""Least plausible number of bits per block. A Huffman-coded block of one colour takes two, or one in a progressive
file; a tenth of that allows for truncated files. Arithmetic coding takes far less than a bit on an empty page."""
_EOI = b"\xff\xd9"


def read(data: bytes, *, max_pixels: int = MAX_PIXELS, timeout: float | None = None, strict: bool = False) -> JpegImage:
    """Decode a JPEG to its quantised DCT coefficients.

    ``timeout`` limits the wall time in seconds; None: the limits of time grow with the picture (``decoding.limits``).
    With ``strict`` any defect of the file is an error; without it, the readable part is decoded, and ``lost`` and
    ``warnings`` describe the defects.

    The C library runs in a worker process with limits of time and memory, so that a malicious file can neither hang
    nor crash this process. Raises the errors of ``read_header``; ``DamagedJpeg`` if nothing can be decoded or a time
    limit was exceeded; ``TooLarge`` if the picture needs more memory than allowed.
    """
    header, end = survey(data, max_pixels=max_pixels)
    if strict and header.warnings:
        raise DamagedJpeg(f"{'; '.join(header.warnings)} (strict reading was asked for)")
    _refuse_implausible(header, end)
    coefficients = _blocks(header) * 64
    limits = decoding.jpeg_limits(
        end, coefficients=coefficients, scans=header.scans, max_pixels=max_pixels, timeout=timeout
    )
    decoded = decoding.decode("jpeg", (memoryview(data)[:end], _EOI), limits, room=coefficients * _LEVEL_BYTES)
    _check_shapes(decoded, header)
    said = tuple(line.strip() for line in decoded.log.splitlines() if line.strip())
    if strict and said:
        raise DamagedJpeg(f"{'; '.join(said)} (strict reading was asked for)")
    broken = bool(said) or not header.complete
    return JpegImage(
        header=header,
        components=tuple(
            Component(
                identifier=frame.identifier,
                vertical=frame.vertical,
                horizontal=frame.horizontal,
                table=frame.table,
                levels=levels if frame.zero is None else np.where(frame.zero, np.int16(0), levels),
                rows=frame.rows,
                columns=frame.columns,
                unknown_bits=None if header.unknown_bits is None else header.unknown_bits[index],
            )
            for index, (frame, levels) in enumerate(zip(header.components, decoded.arrays, strict=True))
        ),
        lost=estimate_loss(header, decoded.arrays) if broken else 0.0,
        warnings=(*header.warnings, *header.notes, *said),
    )


def _blocks(header: Header) -> int:
    return sum(c.block_rows * c.block_columns for c in header.components)


def _refuse_implausible(header: Header, size: int) -> None:
    """Raise ``DamagedJpeg`` if the header states far more blocks than the file can hold, before memory is allocated."""
    blocks = _blocks(header)
    least = blocks / 8 * (_LEAST_BITS_ARITHMETIC if header.arithmetic else _LEAST_BITS)
    if blocks > _PLAUSIBLE_BLOCKS and size < least:
        raise DamagedJpeg(
            f"the header claims {header.width}x{header.height} pixels, but {size:,} bytes cannot hold a tenth "
            "of such a picture"
        )


def _check_shapes(decoded: decoding.Decoded, header: Header) -> None:
    found = [array.shape[:2] for array in decoded.arrays]
    expected = [(c.block_rows, c.block_columns) for c in header.components]
    if found != expected:
        raise DamagedJpeg(f"the decoder found components of {found} blocks, the header says {expected}")
