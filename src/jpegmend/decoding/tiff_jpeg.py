"""JPEG data inside a TIFF page (compression 7, TIFF Technical Note 2): its DCT levels and quantisation tables.

Each strip or tile is a JPEG stream of its own, without the tables that the page holds once for all (tag JPEGTables).
It runs in the worker process and imports no other part of this package than ``decoding``.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from jpegmend.decoding.worker import read_jpeg

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _TABLES = 322, 323, 324, 325, 347
_COLOURS = {(1, 1): "gray", (2, 3): "rgb", (6, 3): "ycbcr", (5, 4): "cmyk"}
"""Colour spaces by photometric interpretation and samples a pixel; libtiff too ignores markers of the JPEG streams."""
_JPEG = 7


@dataclass(frozen=True)
class _Layout:
    """Strips or tiles of a page, in pixels."""

    height: int
    width: int
    part_height: int
    part_width: int
    places: tuple[tuple[int, int], ...]
    """Offset and size of each part in the file, row by row; a size of 0 is a part that is left out."""
    tables: bytes

    @property
    def across(self) -> int:
        return -(-self.width // self.part_width)


def colour_of(image: Any) -> str | None:
    """Colour space of a page with JPEG data; None if there is none, or of a kind that only Pillow decodes."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_COMPRESSION) != _JPEG or tags.get(_PLANAR, 1) != 1 or set(tags.get(_BITS, (8,))) != {8}:
        return None
    return _COLOURS.get((int(tags.get(_PHOTOMETRIC, -1)), int(tags.get(_SAMPLES, 1))))


def read_levels(image: Any, source: str, out: IO[bytes]) -> tuple[list[Any], dict[str, Any]]:
    """Write the levels of a page to ``out``; returns types and shapes of its arrays, and facts of its coding.

    Raises ``ValueError`` if the parts do not fit together: the picture can then be had as pixels only.
    """
    layout = _find_layout(image.tag_v2)
    streams = _Streams(source, layout)
    first, part = streams.first()
    if part is None:
        raise ValueError("no strip or tile of it can be decoded")
    frame, progressive = _frame(part), bool(part.progressive_mode)
    sizes = _component_sizes(frame, layout)
    _check_grid(frame, layout)
    arrays = _allocate(out, [(-(-rows // 8), -(-columns // 8)) for rows, columns in sizes])
    _place(part, frame, arrays, first, layout)
    missing = first
    for number in range(first + 1, len(layout.places)):
        del part  # two large ones in memory would exceed the worker's limit
        part = streams.read(number)
        if part is None:
            missing += 1
        elif _frame(part) != frame:
            raise ValueError("its strips or tiles have different tables or sampling")
        else:
            _place(part, frame, arrays, number, layout)
    return [["int16", list(array.shape)] for array in arrays], {
        "components": [{**part, "size": list(size)} for part, size in zip(frame, sizes, strict=True)],
        "size": [layout.height, layout.width],
        "progressive": progressive,
        "lost": missing / len(layout.places),
        "parts": len(layout.places),
    }


def read_tables(image: Any, source: str) -> list[list[int]]:
    """The quantisation table of each component in the first readable strip or tile, row by row; [] if there is none."""
    layout = _find_layout(image.tag_v2)
    _, part = _Streams(source, layout).first()
    return [] if part is None else [facts["table"] for facts in _frame(part)]


def _find_layout(tags: Any) -> _Layout:
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    if _TILE_OFFSETS in tags:
        size, keys = (int(tags[_TILE_HEIGHT]), int(tags[_TILE_WIDTH])), (_TILE_OFFSETS, _TILE_COUNTS)
    else:
        size, keys = (min(int(tags.get(_STRIP_ROWS, height)), height), width), (_STRIP_OFFSETS, _STRIP_COUNTS)
    if min(size) < 1:
        raise ValueError("its strips or tiles are empty")
    places = tuple(zip(*(tags[key] for key in keys), strict=True))
    if len(places) != -(-height // size[0]) * -(-width // size[1]):
        raise ValueError(f"{len(places)} strips or tiles do not cover it")
    return _Layout(height, width, *size, places, bytes(tags.get(_TABLES, b"")))


class _Streams:
    """The parts of a page as JPEG files."""

    def __init__(self, source: str, layout: _Layout) -> None:
        self._source, self._layout = source, layout
        self._file = Path(source + ".part.jpg")

    def first(self) -> tuple[int, Any]:
        """The number of the first part that can be decoded, and that part; their count and None if there is none."""
        for number in range(len(self._layout.places)):
            if (part := self.read(number)) is not None:
                return number, part
        return len(self._layout.places), None

    def read(self, number: int) -> Any:
        """One part, decoded by the library; None if it is left out or cannot be decoded."""
        offset, size = self._layout.places[number]
        try:
            with open(self._source, "rb") as file:
                file.seek(offset)
                body = file.read(size)
        except (OSError, ValueError, OverflowError):  # an offset or a size that no file has, in a damaged BigTIFF
            return None
        if not body.startswith(b"\xff\xd8"):
            return None
        tables = self._layout.tables.removesuffix(b"\xff\xd9")
        self._file.write_bytes((tables or b"\xff\xd8") + body[2:] + b"\xff\xd9")
        try:
            return read_jpeg(str(self._file))
        except (ImportError, MemoryError):
            raise
        except Exception:  # the library's errors have no base class; other parts may be sound
            return None


def _frame(part: Any) -> list[dict[str, Any]]:
    """Identifier, sampling factors and table of each component."""
    return [
        {
            "identifier": component.component_id,
            "vertical": component.v_samp_factor,
            "horizontal": component.h_samp_factor,
            "table": np.asarray(part.quant_tables[component.quant_tbl_no]).reshape(64).astype(int).tolist(),
        }
        for component in part.comp_info
    ]


def _component_sizes(frame: list[dict[str, Any]], layout: _Layout) -> list[tuple[int, int]]:
    tallest, widest = (max(part[key] for part in frame) for key in ("vertical", "horizontal"))
    return [
        (-(-layout.height * part["vertical"] // tallest), -(-layout.width * part["horizontal"] // widest))
        for part in frame
    ]


def _check_grid(frame: list[dict[str, Any]], layout: _Layout) -> None:
    """Parts must begin at whole MCUs of the picture; only the last row and column may end inside one."""
    tall, wide = (8 * max(part[key] for part in frame) for key in ("vertical", "horizontal"))
    if layout.part_height < layout.height and layout.part_height % tall:
        raise ValueError(f"its parts have {layout.part_height} rows, no multiple of {tall}")
    if layout.part_width < layout.width and layout.part_width % wide:
        raise ValueError(f"its parts have {layout.part_width} columns, no multiple of {wide}")


def _allocate(out: IO[bytes], shapes: list[tuple[int, int]]) -> list[Any]:
    """Zeros in the file ``out``, as int16 [R, K, 8, 8] for each component; what is never written takes no memory."""
    counts = [rows * columns * 64 for rows, columns in shapes]
    if shutil.disk_usage(out.name).free < 2 * sum(counts):  # writing to a map without room ends the process
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    out.truncate(2 * sum(counts))
    whole = np.memmap(out, np.int16, "r+", shape=(sum(counts),))
    pieces = np.split(whole, np.cumsum(counts)[:-1])
    return [piece.reshape(rows, columns, 8, 8) for piece, (rows, columns) in zip(pieces, shapes, strict=True)]


def _place(part: Any, frame: list[dict[str, Any]], arrays: list[Any], number: int, layout: _Layout) -> None:
    """Copy the levels of one part to their place; tiles are padded beyond the edges of the picture."""
    tallest, widest = (max(facts[key] for facts in frame) for key in ("vertical", "horizontal"))
    row, column = divmod(number, layout.across)
    for levels, facts, whole in zip(part.coef_arrays, frame, arrays, strict=True):
        top = row * layout.part_height * facts["vertical"] // (8 * tallest)
        left = column * layout.part_width * facts["horizontal"] // (8 * widest)
        here = whole[top : top + levels.shape[0] // 8, left : left + levels.shape[1] // 8]
        blocks = levels.reshape(levels.shape[0] // 8, 8, levels.shape[1] // 8, 8).transpose(0, 2, 1, 3)
        np.copyto(here, blocks[: here.shape[0], : here.shape[1]], casting="unsafe")
