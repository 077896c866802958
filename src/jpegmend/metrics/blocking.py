"""PSNR-B: Yim and Bovik, "Quality assessment of deblocked images" (IEEE TIP 2011), eq. 17 to 24."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption
from jpegmend.metrics.peak import Doubles, decibels, pair

BLOCK = 8

Variant = Literal["true", "fbcnn"]


def bef(picture: NDArray[Any], *, variant: Variant = "true") -> float:
    """Blocking effect factor of a picture [H, W], in squared units of its values, at least 0.

    It is max(0, eta (D_B - D_BC)): the mean squared difference of neighbours across the boundaries of the 8x8 grid
    (from the top left corner), less that of all other neighbours, times eta = log2(8) / log2(min(H, W)).

    ``variant`` is how boundaries are counted. "true" counts all, W * floor((H - 1) / 8) and
    H * floor((W - 1) / 8). "fbcnn" is the count in the code of FBCNN and SwinIR, W * (floor(H / 8) - 1) and
    so on: equal for sides that are multiples of 8, too few for others, where the factor is then too large.
    Without boundaries (by the variant's count) the factor is 0.

    Raises:
        InvalidOption: not [H, W], a side below 8, or an unknown variant.

    >>> bef(np.kron([[0, 1], [1, 0]], np.ones((8, 8))))
    0.75
    """
    if variant not in ("true", "fbcnn"):
        raise InvalidOption(f"PSNR-B variant {variant!r}; there are 'true' and 'fbcnn'")
    values = np.asarray(picture, np.float64)
    if values.ndim != 2 or min(values.shape) < BLOCK:
        raise InvalidOption(
            f"a picture of shape {values.shape}; blocking is measured on [H, W] with sides of at least 8"
        )
    across, within, boundaries, others = (
        sum(both) for both in zip(_steps(values, variant), _steps(values.T, variant), strict=True)
    )
    if not boundaries:
        return 0.0
    # Two sides of 8 have no boundary and returned above, so there are other steps and min(H, W) is over 1.
    excess = across / boundaries - within / others
    return max(0.0, math.log2(BLOCK) / math.log2(min(values.shape)) * excess)


def psnr_b(a: NDArray[Any], b: NDArray[Any], *, peak: float, variant: Variant = "true") -> float:
    """PSNR in dB with the blocking effect factor of ``b`` added to the mean squared error; never above ``psnr``.

    ``a`` [H, W] is the original, ``b`` [H, W] the picture that is measured; the order matters. ``inf`` if they are
    equal and the factor is 0; equal pictures with blocking have a finite value. For ``variant`` see ``bef``.

    Raises:
        InvalidOption: shapes differ, not [H, W], a side below 8, ``peak`` not positive, or unknown variant.

    >>> blocky = np.kron([[0, 1], [1, 0]], np.ones((8, 8)))
    >>> round(psnr_b(np.zeros((16, 16)), blocky, peak=255), 2)  # squared error 0.5, blocking 0.75
    47.16
    """
    original, judged = pair(a, b, peak)
    return decibels(float(np.square(original - judged).mean()) + bef(judged, variant=variant), peak)


def _steps(picture: Doubles, variant: Variant) -> tuple[float, float, int, int]:
    """Squared differences of neighbours in a row: sums across boundaries and elsewhere, then both counts."""
    height, width = picture.shape
    squares = np.square(np.diff(picture, axis=1))
    across = float(squares[:, BLOCK - 1 :: BLOCK].sum())
    columns = (width - 1) // BLOCK if variant == "true" else width // BLOCK - 1
    boundaries = height * columns
    return across, float(squares.sum()) - across, boundaries, squares.size - boundaries
