"""JPEG bytes to quantised coefficients: the one place that knows which library decodes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import DamagedJpeg, TooLarge, UnsupportedJpeg
from jpegmend.jpeg.image import Component, FrameComponent, Header, JpegImage
from jpegmend.jpeg.markers import MAX_PIXELS, survey
from jpegmend.jpeg.missing import estimate_loss
from jpegmend.jpeg.process import DECODER

_MEBI = 1 << 20
_IN_MEMORY = 32 * _MEBI
"""Levels up to this many bytes become ordinary arrays, more stay in a mapped file."""
_LEVEL_BYTES = 2
_DECODER_BYTES = 2 + 4
"""Bytes the decoder holds for each coefficient: libjpeg's own int16 and the library's int32 copy."""
_PLAUSIBLE_BLOCKS = 250_000  # 16 megapixels: below that a lying header does no harm
_EOI = b"\xff\xd9"


def read(data: bytes, *, max_pixels: int = MAX_PIXELS, timeout: float | None = None, strict: bool = False) -> JpegImage:
    """Decode a JPEG to its quantised DCT coefficients.

    ``timeout`` is in seconds; without one the limit is on processor time, grows with the picture, and four times
    that on the clock. With ``strict`` anything odd in the file is an
    error; without, what is there is given and ``lost`` and ``warnings`` say what is not.

    The C library runs in another process, with limits on time and memory, so that a hostile file can neither hang
    nor crash this one. Raises what ``read_header`` raises, and ``DamagedJpeg`` where nothing can be decoded or a
    limit was hit, ``TooLarge`` where the picture does not fit the machine's memory.
    """
    header, end = survey(data, max_pixels=max_pixels)
    if strict and header.warnings:
        raise DamagedJpeg(f"{'; '.join(header.warnings)} (strict reading was asked for)")
    _refuse_implausible(header, end)
    levels, log = _decode(header, memoryview(data)[:end], timeout)
    said = tuple(line.strip() for line in log.splitlines() if line.strip())
    if strict and said:
        raise DamagedJpeg(f"{'; '.join(said)} (strict reading was asked for)")
    broken = bool(said) or not header.complete
    return JpegImage(
        header=header,
        components=tuple(_component(c, a) for c, a in zip(header.components, levels, strict=True)),
        lost=estimate_loss(header, levels) if broken else 0.0,
        warnings=(*header.warnings, *said),
    )


def prepare() -> None:
    """Start the decoding process now, without waiting for it, so that the first ``read`` finds it ready."""
    DECODER.start()


def _component(frame: FrameComponent, levels: NDArray[np.int16]) -> Component:
    return Component(
        identifier=frame.identifier,
        vertical=frame.vertical,
        horizontal=frame.horizontal,
        table=frame.table,
        levels=levels,
        rows=frame.rows,
        columns=frame.columns,
    )


def _blocks(header: Header) -> int:
    return sum(c.block_rows * c.block_columns for c in header.components)


def _refuse_implausible(header: Header, size: int) -> None:
    """Refuse a header that claims far more than its file can hold, before memory is spent on it."""
    blocks = _blocks(header)
    # A Huffman-coded block takes a bit at the least. A file may be cut short, so a hundredth of that will do;
    # arithmetic coding can stay far below a bit on an empty page.
    least = blocks / 8 / (10_000 if header.arithmetic else 100)
    if blocks > _PLAUSIBLE_BLOCKS and size < least:
        raise DamagedJpeg(
            f"the header claims {header.width}x{header.height} pixels, but {size:,} bytes cannot hold a hundredth "
            "of such a picture"
        )
    machine = _physical_memory()
    if machine and _memory_for(header, size) > machine:
        raise TooLarge(
            f"decoding {header.width}x{header.height} pixels takes {_memory_for(header, size) / 2**30:.1f} GiB; "
            f"this machine has {machine / 2**30:.1f} GiB"
        )


def _memory_for(header: Header, size: int) -> int:
    """Bytes the worker may take for this file: coefficients, the file and its saved markers, and some slack."""
    return int(_blocks(header) * 64 * _DECODER_BYTES * 1.1) + 4 * size + 128 * _MEBI


def _seconds_for(header: Header, size: int) -> float:
    """Processor time allowed, in seconds: at least ten times what a sound file takes on a desktop core of 2020."""
    megasamples = _blocks(header) * 64 / 1e6
    return 5 + megasamples * (0.05 + 0.005 * min(header.scans, 30)) + 0.2 * size / _MEBI


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _decode(header: Header, data: memoryview, timeout: float | None) -> tuple[tuple[NDArray[np.int16], ...], str]:
    size = len(data)
    room = _blocks(header) * 64 * _LEVEL_BYTES
    # The folder goes away at once. A mapped file lives on without its name, and leaves nothing behind.
    with tempfile.TemporaryDirectory(prefix="jpegmend-", dir=_scratch(size + room)) as folder:
        source, target = Path(folder, "source.jpg"), Path(folder, "levels")
        with source.open("wb") as file:
            file.write(data)
            file.write(_EOI)
        target.touch()
        seconds = _seconds_for(header, size) if timeout is None else timeout
        request = {
            "source": str(source),
            "target": str(target),
            "memory": _memory_for(header, size),
            "seconds": seconds,
        }
        # On a busy machine the clock on the wall says little about the file.
        answer = DECODER.ask(request, 30 + 4 * seconds if timeout is None else timeout)
        _check_answer(answer.content, header)
        return _load(target, header), answer.log


def _scratch(size: int) -> str | None:
    """Folder for temporary files of ``size`` bytes; None is the system's usual one.

    Small ones go to memory. Large ones do not: pages of a file on a disk can be given back under pressure, pages
    of /dev/shm count as used.
    """
    memory = "/dev/shm"
    if size > 2 * _IN_MEMORY or not os.access(memory, os.W_OK | os.X_OK):
        return None
    return memory if shutil.disk_usage(memory).free > 2 * size else None


def _check_answer(content: dict[str, Any], header: Header) -> None:
    if "error" in content:
        _raise_for(str(content["error"]), header)
    expected = [[c.block_rows, c.block_columns] for c in header.components]
    if content["shapes"] != expected:
        raise DamagedJpeg(f"the decoder found components of {content['shapes']} blocks, the header says {expected}")


def _raise_for(message: str, header: Header) -> None:
    message = message.removeprefix("[JSTRUCT] ")
    lower = message.lower()
    if "memory" in lower or "bad_alloc" in lower:
        DECODER.close()  # the library does not give back what it held when memory ran out
        raise TooLarge(f"decoding {header.width}x{header.height} pixels ran out of memory: {message}")
    if header.arithmetic and "arithmetic" in lower:
        raise UnsupportedJpeg("arithmetic coding; the decoder installed here was built without it")
    raise DamagedJpeg(f"the JPEG decoder gave up: {message}")


def _load(path: Path, header: Header) -> tuple[NDArray[np.int16], ...]:
    shapes = [(c.block_rows, c.block_columns, 8, 8) for c in header.components]
    small = _blocks(header) * 64 * _LEVEL_BYTES <= _IN_MEMORY
    # Windows cannot remove a file that is mapped.
    if small or os.name == "nt":
        whole: NDArray[np.int16] = np.fromfile(path, np.int16)
        whole.setflags(write=False)
    else:
        whole = np.asarray(np.memmap(path, np.int16, mode="r"))
    ends = np.cumsum([r * k * 64 for r, k, _, _ in shapes])
    parts = np.split(whole, ends[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
