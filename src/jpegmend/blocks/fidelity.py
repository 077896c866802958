"""Projection of a plane onto the quantisation cells of a file.

The cell of a DCT coefficient with level k and step q is the interval [(k - 1/2) q, (k + 1/2) q], which held the
original coefficient. A plane is consistent with the file if all its coefficients lie in their cells. The DCT is
orthonormal, so clamping the coefficients gives the nearest consistent plane (a projection onto a convex set).

``inset`` narrows each cell by that share of its step on both sides, for two reasons. First, a value at the end of
the interval could leave it by rounding in float32 when it is quantised again: an inset of 0.01 leaves a margin of
0.01 at the smallest step of 1, while float32 errs by less than 0.0005 for coefficients of 8-bit pictures. Second,
rounding a restored plane to 8 bits moves a coefficient by 0.29 (root mean square), and with an inset more
coefficients of large steps stay in their cells. For very large coefficients (damaged files) the margin grows with
the largest of the block, up to the centre of the cell.

A network's answer to a photograph lies in nearly all cells. Where it is far outside, the network does not know what it
sees (chessboards, dithering, a quality that it did not learn), and its projection is mostly worse than the decoded
block. The measure is the mean square of a block's correction, as a share of the mean square error of quantisation,
step^2 / 12: above about 0.1 the decoded block was nearer to the original, at every quality, in photographs, graphics
and patterns alike (docs/models/mend.md).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.chroma import down_box, up_box
from jpegmend.blocks.dct import Floats, idct, join_blocks, split_blocks
from jpegmend.blocks.quantisation import PEAK, check_table, coefficients, dequantise
from jpegmend.errors import InvalidOption

INSET = 0.01
"""Default inset: share of the step by which a cell is narrowed on each side."""

AGREES, CONTRADICTS = 0.05, 0.2
"""Mean square of a block's correction, as a share of that of quantisation, up to which an answer is used as it is, and
from which the decoded block is used in its place."""

# Float32 error of transform and inverse, relative to the largest coefficient of a block; measured below 1e-6.
_NOISE = 4e-6


def project(
    plane: Floats,
    levels: NDArray[np.integer[Any]],
    table: NDArray[Any],
    v: int = 1,
    h: int = 1,
    *,
    inset: float = INSET,
    unknown_bits: NDArray[np.uint8] | None = None,
) -> Floats:
    """Project a plane [v*8R, h*8K], 0..1, onto the file's cells; the result is not clipped.

    levels [R, K, 8, 8] and table [8, 8] are the file's. Of a subsampled component, brought up by v and h, the v by h
    box means are projected: this assumes that the encoder averages boxes, as libjpeg does. For D that mean,
    D D^T = I / (v*h), so the exact projection adds the correction of the means, repeated v by h times.

    Blocks that are consistent already are returned bit for bit. ``inset`` is a share of the step, from 0 (the whole
    cell) to 0.5 (only its centre: the result is the decoded plane). For insets from 0.001 up, ``quantise`` of the
    result equals ``levels``. ``unknown_bits`` [8, 8]: low bits of the levels that the file does not give, which widens
    their cells; 16 is a level that is not given at all.

    Raises:
        InvalidOption: shapes or factors do not fit, or ``inset`` is outside 0..0.5.

    >>> plane = project(np.zeros((8, 8)), np.zeros((1, 1, 8, 8), np.int16), np.full((8, 8), 16))
    >>> float((plane[0, 0] * 255 - 128).round(2))  # 0.49 of a step of 16 below the middle, over 8
    -0.98
    """
    correction = _correction(down_box(plane, v, h), levels, table, inset, unknown_bits)
    return np.asarray(plane + up_box(correction, v, h), _kind(plane))


def project_answer(
    answer: Floats,
    decoded: Floats,
    levels: NDArray[np.integer[Any]],
    table: NDArray[Any],
    strength: float = 1.0,
    *,
    unknown_bits: NDArray[np.uint8] | None = None,
) -> tuple[Floats, NDArray[np.float32]]:
    """Project a network's answer, after blocks that contradict the file were drawn towards the decoded ones.

    ``answer`` and ``decoded`` are planes [8R, 8K], 0..1, the first already mixed with the second where ``strength``,
    its weight by the user's choice, is below 1; the rest is as in :func:`project`. Returns the projected plane, and
    how much of each block of the answer was kept, [R, K], 0..1 (:func:`kept_share`).
    """
    # The answer is judged before it was mixed: else with half the strength wrong blocks would be kept, and the result
    # be worse than with none or all of it.
    whole = answer if strength == 1 else decoded + (answer - decoded) / strength
    correction = _correction(whole, levels, table, INSET, unknown_bits)
    share = kept_share(correction, table)
    if share.min(initial=1) < 1:
        by_pixel = up_box(share, 8, 8)
        # Other blocks stay as they are bit for bit: they must not depend on what else lies in the same tile.
        answer = np.where(by_pixel < 1, decoded + by_pixel * (answer - decoded), answer)
    elif strength == 1:
        return np.asarray(answer + correction, _kind(answer)), share
    return project(answer, levels, table, unknown_bits=unknown_bits), share


def kept_share(correction: Floats, table: NDArray[Any]) -> NDArray[np.float32]:
    """How much of each block of a network's answer is kept, 0..1, [R, K], by the correction [8R, 8K] that it needs.

    1 where the mean square of the correction is up to ``AGREES`` of that of quantisation, 0 from ``CONTRADICTS`` on,
    between them linear in its logarithm.
    """
    contradiction = np.square(split_blocks(correction) * PEAK).mean((-2, -1)) / (
        np.square(check_table(table)).mean() / 12
    )
    share = np.log(np.maximum(contradiction, 1e-9) / CONTRADICTS) / np.log(AGREES / CONTRADICTS)
    return np.asarray(share.clip(0, 1), np.float32)


def _kind(plane: Floats) -> type:
    return np.float64 if plane.dtype == np.float64 else np.float32


def _correction(
    plane: Floats, levels: NDArray[Any], table: NDArray[Any], inset: float, unknown_bits: NDArray[np.uint8] | None
) -> Floats:
    """The smallest correction of a plane [8R, 8K], 0..1, that moves its coefficients into their cells."""
    if not 0 <= inset <= 0.5:
        raise InvalidOption(f"inset {inset}; it is a share of the quantisation step, from 0 to 0.5")
    found = coefficients(plane)
    if found.shape != levels.shape:
        raise InvalidOption(
            f"a plane of shape {plane.shape} has blocks {found.shape}, the levels are {levels.shape}; "
            "crop or pad the plane to the levels' blocks"
        )
    centre = dequantise(levels, table)
    steps = check_table(table)
    largest = np.abs(centre).max(axis=(-2, -1), keepdims=True)
    margin = np.maximum(inset * steps, _NOISE * largest) if inset else np.zeros_like(steps)
    half = steps / 2 - np.minimum(margin, steps / 2)
    low, high = centre - half, centre + half
    if unknown_bits is not None:
        below, above = _widen(levels, steps, unknown_bits)
        low, high = low - below, high + above
    return join_blocks(idct(np.clip(found, low, high) - found)) / found.dtype.type(PEAK)


def _widen(levels: NDArray[Any], steps: Floats, bits: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """How far cells reach further down and up where that many low bits of the levels [R, K, 8, 8] are missing.

    T.81 G.1.2: a progressive scan cuts the bits of a DC level by an arithmetic shift, and of the magnitude of an AC
    level. A level without any scan can have every value.
    """
    more = np.where(bits < 16, (2.0**bits - 1) * steps, np.inf).astype(steps.dtype)
    down, up = np.asarray(levels <= 0), np.asarray(levels >= 0)
    down[..., 0, 0], up[..., 0, 0] = bits[0, 0] >= 16, True
    return np.where(down, more, 0), np.where(up, more, 0)
