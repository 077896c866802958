"""Entropy decoding: JPEG bytes to quantised DCT coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegmend import decoding
from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import DamagedJpeg
from jpegmend.jpeg.image import Component, Header, JpegImage
from jpegmend.jpeg.markers import survey
from jpegmend.jpeg.missing import estimate_loss

_LEVEL_BYTES = 2
_PLAUSIBLE_BLOCKS = 250_000
"""Number of blocks (16 megapixels) up to which the size in a header is not compared with the size of the file."""
_BITS = {"sequential": 2, "progressive": 1, "arithmetic": 0.1}
"""Least number of bits per block. A Huffman code has one bit at least, and a sequential block has two codes.
Arithmetic coding has no such limit; pages that were scanned take far more than this."""
_SHARE = 0.1
"""Least share of a large picture that a file must be able to hold."""
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
    pieces, rows = _shorten(data, header, end)
    limits = decoding.jpeg_limits(
        end,
        coefficients=coefficients * rows // header.height,
        scans=header.scans,
        max_pixels=max_pixels,
        timeout=timeout,
    )
    result_bytes = coefficients * _LEVEL_BYTES * rows // header.height
    decoded = decoding.decode("jpeg", pieces, limits, result_bytes=result_bytes)
    arrays = _extend(decoded, header, rows)
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
            for index, (frame, levels) in enumerate(zip(header.components, arrays, strict=True))
        ),
        lost=estimate_loss(header, arrays) if broken else 0.0,
        warnings=(*header.warnings, *header.notes, *said),
    )


def _blocks(header: Header) -> int:
    return sum(c.block_rows * c.block_columns for c in header.components)


def _least_bits(header: Header) -> float:
    if header.arithmetic:
        return _BITS["arithmetic"]
    return _BITS["progressive" if header.coding == "progressive" else "sequential"]


def _refuse_implausible(header: Header, size: int) -> None:
    """Raise ``DamagedJpeg`` if the header states far more blocks than the file can hold, before memory is allocated."""
    blocks = _blocks(header)
    if blocks > _PLAUSIBLE_BLOCKS and 8 * size < blocks * _least_bits(header) * _SHARE:
        raise DamagedJpeg(
            f"the header claims {header.width}x{header.height} pixels, but {size:,} bytes cannot hold a tenth "
            "of such a picture"
        )


def _shorten(data: bytes, header: Header, end: int) -> tuple[tuple[bytes | memoryview, ...], int]:
    """The file for the decoder, with a smaller height where its bytes cannot hold all rows, and that height."""
    whole = memoryview(data)[:end]
    mcu = 8 * header.largest_vertical
    sequential = len(header.scan_list) == 1 and header.coding != "progressive" and not header.arithmetic
    row = _blocks(header) / -(-header.height // mcu)  # blocks of a row of MCUs
    rows = mcu * (int(8 * end / _BITS["sequential"] / row) + 2)
    if not sequential or rows >= header.height:
        return (whole, _EOI), header.height
    at = header.frame_at + 5  # after marker, length and precision, T.81 B.2.2
    return (whole[:at], rows.to_bytes(2, "big"), whole[at + 2 :], _EOI), rows


def _extend(decoded: decoding.Decoded, header: Header, rows: int) -> tuple[NDArray[np.int16], ...]:
    """The levels of all blocks; rows that the decoder was not asked for are zeros, which take no memory."""
    tallest = header.largest_vertical
    expected = [(-(-rows * c.vertical // (8 * tallest)), c.block_columns) for c in header.components]
    found = [array.shape[:2] for array in decoded.arrays]
    if found != expected:
        raise DamagedJpeg(f"the decoder found components of {found} blocks, the header says {expected}")
    if rows == header.height:
        return decoded.arrays
    whole = [np.zeros((c.block_rows, c.block_columns, 8, 8), np.int16) for c in header.components]
    for array, part in zip(whole, decoded.arrays, strict=True):
        array[: part.shape[0]] = part[: array.shape[0]]
        array.setflags(write=False)
    return tuple(whole)
