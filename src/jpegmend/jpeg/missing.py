"""Estimate of the share of blocks that are missing from a truncated or damaged file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegmend.jpeg.image import Header, Scan
from jpegmend.jpeg.tables import ZIGZAG

_BAND = 256


def estimate_loss(header: Header, levels: Sequence[NDArray[np.int16]]) -> float:
    """Share of the blocks, 0..1, for which a damaged file holds no data.

    libjpeg leaves blocks without data at zero. The estimate counts the zero MCUs at the end of each component's first
    scan (with restart markers: at the end of each restart interval), and all blocks of components without a scan. A
    flat mid-gray area at such an end is zero too and is counted by mistake. Missing refinement scans of a progressive
    file are not counted.
    """
    lost = 0.0
    seen: set[int] = set()
    for scan in header.scan_list:
        fresh = [index for index in scan.components if index not in seen]
        if scan.first != 0 or not fresh:
            continue
        seen.update(fresh)
        filled = _filled_mcus(header, levels, scan.components)
        blocks = sum(levels[index].shape[0] * levels[index].shape[1] for index in fresh)
        lost += blocks * _trailing_empty(filled, header.restart_interval)
    total: int = sum(part.shape[0] * part.shape[1] for part in levels)
    never: int = sum(part.shape[0] * part.shape[1] for i, part in enumerate(levels) if i not in seen)
    return float(min(1.0, (lost + never) / total))


def unknown_bits(coding: str, components: int, scans: Sequence[Scan]) -> NDArray[np.uint8] | None:
    """Low bits of the levels of each component [C, 8, 8] that no scan gives; of a progressive file no whole scan.

    16 is a frequency without any scan. None: all levels are given in full.
    """
    unknown = np.full((components, 64), 16, np.uint8)
    for scan in scans:
        if coding != "progressive":
            unknown[list(scan.components)] = 0
        elif scan.complete:
            for index in scan.components:
                unknown[index, ZIGZAG[scan.first : scan.last + 1]] = scan.lowest_bit
    return unknown.reshape(components, 8, 8) if unknown.any() else None


def note_missing(unknown: NDArray[np.uint8] | None) -> tuple[str, ...]:
    """A note where the scans do not give every level in full precision."""
    if unknown is None:
        return ()
    return (f"scans are missing: {(unknown > 0).mean():.0%} of the frequencies are coarse or not there",)


def _filled_mcus(header: Header, levels: Sequence[NDArray[np.int16]], components: Sequence[int]) -> NDArray[np.bool_]:
    """For every MCU of a scan, in file order, whether any of its levels is not zero."""
    if len(components) == 1:  # T.81 A.2.2: a scan of one component has MCUs of one block
        return _filled_blocks(levels[components[0]]).reshape(-1)
    rows = -(-header.height // (8 * header.largest_vertical))
    columns = -(-header.width // (8 * header.largest_horizontal))
    filled = np.zeros((rows, columns), bool)
    for index in components:
        part = header.components[index]
        blocks = _filled_blocks(levels[index])
        whole = np.zeros((rows * part.vertical, columns * part.horizontal), bool)
        whole[: blocks.shape[0], : blocks.shape[1]] = blocks
        filled |= whole.reshape(rows, part.vertical, columns, part.horizontal).any(axis=(1, 3))
    return filled.reshape(-1)


def _filled_blocks(levels: NDArray[np.int16]) -> NDArray[np.bool_]:
    # In bands, because the levels may be memory-mapped and much larger than the memory.
    bands = [levels[first : first + _BAND].any(axis=(2, 3)) for first in range(0, levels.shape[0], _BAND)]
    return np.concatenate(bands)


def _trailing_empty(filled: NDArray[np.bool_], interval: int) -> float:
    """Share of MCUs after the last nonzero one of their restart interval; an interval of 0 is the whole scan."""
    length = interval or filled.size
    count = -(-filled.size // length)
    padded = np.zeros(count * length, bool)
    padded[: filled.size] = filled
    backwards = padded.reshape(count, length)[:, ::-1]
    empty = np.where(backwards.any(axis=1), backwards.argmax(axis=1), length)
    return float(empty.sum() - (padded.size - filled.size)) / filled.size
