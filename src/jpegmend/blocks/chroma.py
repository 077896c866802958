"""Subsampling and upsampling of chroma planes.

Factors are whole numbers, vertical first: 4:2:0 is (2, 2), 4:2:2 is (1, 2), 4:4:0 is (2, 1). Values may be
in any unit; float64 stays, everything else is float32. Nothing is rounded.
"""

import numpy as np

from jpegmend.blocks.dct import Floats
from jpegmend.errors import InvalidOption


def _check(plane: Floats, vertical: int, horizontal: int) -> Floats:
    if plane.ndim != 2 or not plane.size:
        raise InvalidOption(f"an array of shape {plane.shape}; a plane must be [H, W] and not empty")
    for factor in (vertical, horizontal):
        if factor != int(factor) or factor < 1:
            raise InvalidOption(f"sampling factors {vertical}x{horizontal}; they must be whole numbers from 1 up")
    return plane if plane.dtype == np.float64 else plane.astype(np.float32, copy=False)


def down_box(plane: Floats, v: int, h: int) -> Floats:
    """The mean of every v by h box: [v*R, h*K] to [R, K], what libjpeg's encoder does before rounding.

    ``v * h * down_box`` is the adjoint of ``up_box``.

    Raises:
        InvalidOption: a factor is no whole number from 1 up, or a side is no multiple of its factor.

    >>> down_box(np.array([[0.0, 1.0], [2.0, 3.0]]), 2, 2)
    array([[1.5]])
    """
    plane = _check(plane, v, h)
    height, width = plane.shape
    if height % v or width % h:
        raise InvalidOption(f"a {height}x{width} plane is no whole number of {v}x{h} boxes; pad it first")
    # Strided sums are several times faster than a mean over two short axes.
    rows = sum((plane[i::v] for i in range(1, v)), plane[::v])
    boxes = sum((rows[:, j::h] for j in range(1, h)), rows[:, ::h])
    return np.asarray(boxes * plane.dtype.type(1 / (v * h)))


def up_box(plane: Floats, v: int, h: int) -> Floats:
    """Every sample repeated v by h times: [R, K] to [v*R, h*K]; a copy, also for 1x1.

    Raises:
        InvalidOption: a factor is no whole number from 1 up.

    >>> up_box(np.array([[1.0, 2.0]]), 1, 2)
    array([[1., 1., 2., 2.]])
    """
    plane = _check(plane, v, h)
    height, width = plane.shape
    larger = np.empty((height, v, width, h), plane.dtype)
    larger[...] = plane[:, None, :, None]
    return larger.reshape(height * v, width * h)


def up_fancy(plane: Floats, v: int, h: int) -> Floats:
    """libjpeg-turbo's default upsampling, a triangle filter: [R, K] to [v*R, h*K], not rounded.

    A new sample is 3/4 of the nearer and 1/4 of the farther old sample; the edge is replicated. As in libjpeg-turbo
    (``jdsample.c``) the filter is used for 1x2, 2x1 and 2x2, and columns are doubled by it only if there are at least
    three; everything else repeats samples as ``up_box`` does. To equal libjpeg the plane must be cut to the
    component's true size, without the padding of its blocks, and clipped to 0..1.

    Raises:
        InvalidOption: a factor is no whole number from 1 up.

    >>> up_fancy(np.array([[0.0, 4.0, 8.0]]), 1, 2)
    array([[0., 1., 3., 5., 7., 8.]])
    """
    plane = _check(plane, v, h)
    too_narrow = h == 2 and plane.shape[1] <= 2
    if (v, h) not in ((1, 2), (2, 1), (2, 2)) or too_narrow:
        return up_box(plane, v, h)
    if v == 2:
        plane = _double_rows(plane)
    return np.ascontiguousarray(_double_rows(plane.T).T) if h == 2 else plane


def _double_rows(plane: Floats) -> Floats:
    near = plane * plane.dtype.type(0.75)
    far = plane * plane.dtype.type(0.25)
    # empty_like keeps the memory order of a transposed plane, so that the accesses below stay contiguous.
    doubled = np.empty_like(plane, shape=(2 * plane.shape[0], plane.shape[1]))
    doubled[0::2] = near
    doubled[1::2] = near
    doubled[2::2] += far[:-1]
    doubled[1:-1:2] += far[1:]
    doubled[0] += far[0]
    doubled[-1] += far[-1]
    return doubled
