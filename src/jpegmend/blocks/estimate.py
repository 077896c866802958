"""Estimate of JPEG quality and block grid from pixels.

For pictures without tables (a PNG made from a JPEG) and for files that were compressed more than once, whose tables
are those of the last compression.

Model: on the grid of the compression, a DCT coefficient is a multiple of its quantisation step plus a little noise
(from rounding to 8 bits, or from a later, finer compression); on another grid, or without compression, it is
Laplacian. The most likely of libjpeg's qualities, several noise levels and "no compression" is chosen.

Shape letters: N blocks, F frequencies, S steps, Q qualities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.dct import Floats, dct, split_blocks
from jpegmend.blocks.step_likelihood import gains
from jpegmend.errors import InvalidOption

Array = NDArray[np.float64]

SMALLEST = 24
"""Smallest side in pixels of a picture for which there is an estimate."""
_BLOCKS, _FEW_BLOCKS = 1500, 500
"""Number of blocks used for the final estimate, and for choosing the grid and a quality."""
_ALL, _SPREAD = np.arange(1, 99), np.arange(5, 99, 5)
"""Qualities tried on the grid that was chosen, and for choosing it."""
_NEAR = 3
"""How far the final estimate may be from the quality chosen on fewer blocks."""
_NOISE = (0.33, 0.55, 0.9, 1.5)
"""Standard deviations of the noise tried, 0..255 scale: that of 8-bit rounding is 0.29, a second compression adds."""
_LEAST_COUNT = 8
"""Number of coefficients above ``_CLEAR_SIZE`` that a frequency needs to be used."""
_CLEAR_SIZE = 2.0
"""Least absolute value of a coefficient that counts, 0..255 scale."""
_SQUARE, _LEAST_RANGE, _PLANE_ERROR = 16, 4.0, 0.4
"""Side in pixels of the squares tried for a linear gradient, their least range, and the root mean square error of one,
both 0..255 scale: rounding makes 0.2 to 0.3."""
_HALF_CONFIDENT, _LEAST_GAIN = 0.33, 40.0
"""Log-likelihood gain over "no compression" at which the confidence is one half: in nats per block, and the least total
in nats. Compressed pictures have 1 to 10 per block; wrong estimates have been seen at 0.3."""
_SURE = 0.95
"""Confidence from which a picture is not tried turned: LIVE1's turned by a quarter have up to 0.88 before that."""
_TURNED_GAIN = 1.5
"""Least ratio of the gain of the transposed picture to that of the picture as it is. In 120 crops of LIVE1 of 64 to 512
pixels, qualities 10 to 97, the ratio of the right gain to the wrong one was at least 2.8."""

# Low frequencies of the standard luma table (ITU-T T.81, K.1), those most often nonzero first.
# fmt: off
FREQUENCIES = (
    (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0),
    (3, 1), (2, 2), (1, 3), (0, 4), (0, 5), (1, 4), (2, 3), (3, 2), (4, 1), (5, 0),
)
_BASE = (
    11, 12, 14, 12, 10, 16, 14, 13, 14, 18,
    17, 16, 19, 24, 40, 26, 24, 22, 22, 24,
)
# fmt: on


class Compression(NamedTuple):
    """Compression estimated from pixels."""

    quality: int | None
    """libjpeg quality, 1..100; None if no trace of compression was found."""
    offset: tuple[int, int]
    """Row and column of the picture where the first whole block begins, 0..7 each."""
    confidence: float
    """0..1."""
    turned: bool = False
    """Whether the picture was turned by a quarter since (or transposed): rows were columns then."""


NOTHING = Compression(None, (0, 0), 0.0)


def estimate(plane: Floats) -> Compression:
    """Quality and block grid of the strongest compression found in a luma plane ``[H, W]``, 0..1.

    The tables of libjpeg are not symmetric, so a picture that was turned by a quarter is recognised by its transpose.
    Nothing is found in pictures under 24 pixels a side, in flat ones, in linear gradients, and above quality 97 or so,
    where steps of 1 and 2 cannot be told from the rounding to 8 bits.

    Raises:
        InvalidOption: not a plane.
    """
    if plane.ndim != 2:
        raise InvalidOption(f"an array of shape {plane.shape}; give one plane [H, W]")
    if min(plane.shape) < SMALLEST or _is_gradient(plane):
        return NOTHING
    gain, found = _estimate_upright(plane)
    if found.confidence >= _SURE:
        return found
    turned_gain, turned = _estimate_upright(plane.T)
    if turned_gain <= _TURNED_GAIN * gain:
        return found
    return turned._replace(offset=turned.offset[::-1], turned=True)


def _is_gradient(plane: Floats) -> bool:
    """Whether most of the squares that are not flat are linear gradients, but for rounding.

    They are drawn: photographs have noise, and compression leaves steps at the edges of blocks. All blocks of a
    gradient have the same coefficients, or few different ones, which fit the steps of some table by chance.
    """
    rows, columns = (length // _SQUARE for length in plane.shape)
    cut = plane[: rows * _SQUARE, : columns * _SQUARE].reshape(rows, _SQUARE, columns, _SQUARE).swapaxes(1, 2)
    squares = cut.reshape(-1, _SQUARE, _SQUARE) * np.float32(255)
    squares -= squares.mean(axis=(1, 2), keepdims=True)
    place = np.arange(_SQUARE) - (_SQUARE - 1) / 2
    place /= np.sqrt(np.square(place).sum() * _SQUARE)
    explained = sum(np.square(squares.sum(axis=axis) @ place) for axis in (1, 2))
    error = (np.square(squares).sum(axis=(1, 2)) - explained) / _SQUARE**2
    uneven = np.ptp(squares, axis=(1, 2)) >= _LEAST_RANGE
    return bool(uneven.any() and (error[uneven] <= _PLANE_ERROR**2).mean() >= 0.5)


def _estimate_upright(plane: Floats) -> tuple[float, Compression]:
    """Gain in nats, 0 without one, of the compression found in a plane that was not turned since, and itself."""
    found = [
        (_judge(_coefficients(plane, offset, _FEW_BLOCKS), _SPREAD, _NOISE[1:2]), offset) for offset in _grids(plane)
    ]
    (_, rough), offset = max(found, key=lambda entry: entry[0][0])
    if rough is None:
        return 0.0, NOTHING
    coefficients = _coefficients(plane, offset, _BLOCKS)
    # All qualities on some of the blocks, then those near the best on all of them: the same estimate in less time.
    some = coefficients[:: max(1, len(coefficients) // _FEW_BLOCKS)]
    _, likely = _judge(some, _ALL, _NOISE[1::2])
    if likely is None:
        return 0.0, NOTHING
    near = _ALL[np.abs(_ALL - likely) <= _NEAR]
    gain, quality = _judge(coefficients, near, _NOISE)
    if quality is None or gain <= 0:
        return 0.0, NOTHING
    blocks_seen = min(_BLOCKS, (plane.shape[0] // 8) * (plane.shape[1] // 8))
    return gain, Compression(quality, offset, gain / (gain + max(_LEAST_GAIN, _HALF_CONFIDENT * blocks_seen)))


def _grids(plane: Floats) -> list[tuple[int, int]]:
    """Candidate grids: the two phases with the largest differences at every eighth row and column, and (0, 0)."""
    rows, columns = _edges(plane), _edges(plane.T)
    found = {(row, column) for row in rows for column in columns}
    return [(0, 0), *sorted(found - {(0, 0)})]


def _edges(plane: Floats) -> list[int]:
    """The two phases (0..7) whose rows differ most from the row above, relative to neighbouring rows."""
    step = np.abs(np.diff(plane, axis=0))
    beyond = step[1:-1] - (step[:-2] + step[2:]) / 2
    # Clipped, because large differences are edges of the picture.
    by_row = np.clip(beyond, -0.06, 0.06).mean(axis=1)
    phases = np.array([by_row[(phase - 2) % 8 :: 8].mean() for phase in range(8)])
    return [int(phase) for phase in np.argsort(phases)[-2:]]


def _judge(coefficients: Array, candidates: NDArray[np.int_], noise: tuple[float, ...]) -> tuple[float, int | None]:
    """Gain in nats of the best quality over "no compression" by coefficients [N, F], and that quality."""
    total = np.zeros((len(noise), len(candidates)))
    counted = 0
    for index, values in enumerate(coefficients.T):
        sizes = np.abs(values)
        # Distinct values, because equal coefficients in all blocks come from a drawn gradient, not from compression.
        if len(np.unique(np.round(sizes[sizes > _CLEAR_SIZE], 2))) < _LEAST_COUNT:
            continue
        counted += 1
        steps, place = np.unique(quality_steps(index, candidates), return_inverse=True)
        total += gains(sizes, steps, noise, _CLEAR_SIZE)[:, place]
    if counted < 2:
        return 0.0, None
    best = total.max(axis=0)
    return float(best.max()), int(candidates[best.argmax()])


def quality_steps(index: int, qualities: NDArray[np.int_]) -> NDArray[np.int_]:
    """libjpeg's luma steps of the frequency ``FREQUENCIES[index]`` at qualities 1..100."""
    base = _BASE[index]
    scale = np.where(qualities < 50, 5000 // np.maximum(qualities, 1), 200 - 2 * qualities)
    steps: NDArray[np.int_] = np.clip((base * scale + 50) // 100, 1, 255)
    return steps


def _coefficients(plane: Floats, offset: tuple[int, int], most: int) -> Array:
    """Chosen coefficients ``[N, F]`` of blocks spread over the plane, 0..255 scale."""
    top, left = offset
    height, width = ((length - start) // 8 * 8 for length, start in zip(plane.shape, offset, strict=True))
    cut = split_blocks(plane[top : top + height, left : left + width]).reshape(-1, 8, 8)
    cut = cut[:: max(1, len(cut) // most)]
    transformed = dct(np.ascontiguousarray(cut, dtype=np.float32) * np.float32(255))
    rows, columns = zip(*FREQUENCIES, strict=True)
    return transformed[:, rows, columns].astype(np.float64)
