"""JPEG bytes to quantised DCT coefficients."""

from __future__ import annotations

from jpegmend import decoding
from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import DamagedJpeg
from jpegmend.jpeg.image import Component, Header, JpegImage
from jpegmend.jpeg.markers import survey
from jpegmend.jpeg.missing import estimate_loss

_LEVEL_BYTES = 2
_PLAUSIBLE_BLOCKS = 250_000
"""Blocks (16 megapixels) below which a header that states too large a picture does no harm."""
_LEAST_BITS, _LEAST_BITS_ARITHMETIC = 0.1, 0.0001
"""Bits a block from which a file is believed. A Huffman-coded block of one colour takes two, or one in a progressive
file; a file may be cut short, so a tenth will do. Arithmetic coding can stay far below a bit on an empty page."""
_EOI = b"\xff\xd9"


def read(data: bytes, *, max_pixels: int = MAX_PIXELS, timeout: float | None = None, strict: bool = False) -> JpegImage:
    """Decode a JPEG to its quantised DCT coefficients.

    ``timeout`` is in seconds; without one the limit is on processor time, grows with the picture, and four times
    that on wall time. With ``strict`` anything odd in the file is an error; without, what is there is given and
    ``lost`` and ``warnings`` say what is not.

    The C library runs in another process, with limits on time and memory (``decoding.limits``), so that a hostile
    file can neither hang nor crash this one. Raises what ``read_header`` raises, and ``DamagedJpeg`` where nothing
    can be decoded or a limit of time was hit, ``TooLarge`` where the picture needs more memory than is allowed.
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
                levels=levels,
                rows=frame.rows,
                columns=frame.columns,
            )
            for frame, levels in zip(header.components, decoded.arrays, strict=True)
        ),
        lost=estimate_loss(header, decoded.arrays) if broken else 0.0,
        warnings=(*header.warnings, *said),
    )


def _blocks(header: Header) -> int:
    return sum(c.block_rows * c.block_columns for c in header.components)


def _refuse_implausible(header: Header, size: int) -> None:
    """Refuse a header that claims far more than its file can hold, before memory is spent on it."""
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
