"""8x8 blocks of planes, and their orthonormal DCT-II (ITU-T T.81, A.3.3).

Shape letters: R block row, K block column; a plane is [..., 8R, 8K], its blocks [..., R, K, 8, 8].
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption

Floats = NDArray[np.floating[Any]]

BLOCK = 8


def _basis() -> NDArray[np.float64]:
    frequency, position = np.mgrid[:BLOCK, :BLOCK]
    rows = np.cos((2 * position + 1) * frequency * np.pi / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float64)


BASIS = _basis()
"""[8, 8] float64: row u holds the u-th cosine; ``BASIS @ BASIS.T`` is the identity."""

# One 64x64 product per block takes four times the operations of two 8x8 products, but is several times faster:
# all blocks become a single large matrix product instead of thousands of small ones.
_FORWARD = {kind: np.ascontiguousarray(np.kron(BASIS, BASIS).T, kind) for kind in (np.float32, np.float64)}
_INVERSE = {kind: np.ascontiguousarray(np.kron(BASIS, BASIS), kind) for kind in (np.float32, np.float64)}


def split_blocks(plane: NDArray[Any]) -> NDArray[Any]:
    """Cut a plane [..., 8R, 8K] into blocks [..., R, K, 8, 8]; a view where numpy can give one.

    Raises:
        InvalidOption: a side is no multiple of 8, or there are fewer than two axes.

    >>> split_blocks(np.zeros((16, 24))).shape
    (2, 3, 8, 8)
    """
    if plane.ndim < 2 or plane.shape[-2] % BLOCK or plane.shape[-1] % BLOCK:
        raise InvalidOption(
            f"a plane of shape {plane.shape} cannot be cut into 8x8 blocks; "
            "height and width must be multiples of 8: pad the plane first"
        )
    *lead, height, width = plane.shape
    cut = plane.reshape(*lead, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return cut.swapaxes(-3, -2)


def join_blocks(cut: NDArray[Any]) -> NDArray[Any]:
    """Put blocks [..., R, K, 8, 8] together again to a plane [..., 8R, 8K], contiguous.

    Raises:
        InvalidOption: the last two axes are not 8x8, or there are fewer than four axes.

    >>> join_blocks(np.zeros((2, 3, 8, 8))).shape
    (16, 24)
    """
    if cut.ndim < 4 or cut.shape[-2:] != (BLOCK, BLOCK):
        raise InvalidOption(f"an array of shape {cut.shape} is no grid of blocks; it must be [..., R, K, 8, 8]")
    *lead, rows, columns, _, _ = cut.shape
    return np.ascontiguousarray(cut.swapaxes(-3, -2).reshape(*lead, rows * BLOCK, columns * BLOCK))


def _transform(values: Floats, matrix: dict[Any, Any]) -> Floats:
    if values.shape[-2:] != (BLOCK, BLOCK):
        raise InvalidOption(f"an array of shape {values.shape} holds no 8x8 blocks; it must be [..., 8, 8]")
    kind = np.float64 if values.dtype == np.float64 else np.float32
    flat = values.reshape(-1, BLOCK * BLOCK).astype(kind, copy=False)
    return np.asarray(flat @ matrix[kind]).reshape(values.shape)


def dct(values: Floats) -> Floats:
    """Coefficients [..., 8, 8] of blocks [..., 8, 8], orthonormal, in the unit of the blocks.

    float64 is transformed in float64, everything else in float32. There is no level shift: for the coefficients of a
    file subtract 128 (of 255) first, or use ``quantisation.coefficients``.

    Raises:
        InvalidOption: the last two axes are not 8x8.

    >>> float(dct(np.ones((8, 8)))[0, 0].round(6))
    8.0
    """
    return _transform(values, _FORWARD)


def idct(coefficients: Floats) -> Floats:
    """Blocks [..., 8, 8] of coefficients [..., 8, 8]: the inverse, and the transpose, of ``dct``.

    Raises:
        InvalidOption: the last two axes are not 8x8.
    """
    return _transform(coefficients, _INVERSE)
