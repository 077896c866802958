"""Colour conversion: JFIF YCbCr, CMYK and YCCK, and the studio-range luma of the papers' gray protocol.

Arrays are planes first, [C, H, W], 0..1, unless a docstring says otherwise; nothing is clipped or rounded.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.dct import Floats
from jpegmend.errors import InvalidOption

KR, KG, KB = 0.299, 0.587, 0.114
"""Luma weights of ITU-R BT.601, which JFIF 1.02 prescribes."""

NEUTRAL = 128 / 255
"""Chroma value of gray in JFIF: 128 of 0..255, which is not the middle of 0..1."""

GRAY_CHROMA = 0.5
"""Value of the chroma planes that a network of three planes gets for a gray picture, in training and inference."""

STUDIO = np.array([65481, 128553, 24966], np.int32)
"""Weights of R, G and B, 0..1, in the studio-range luma of BT.601 (MATLAB ``rgb2ycbcr``), in thousandths of 1/255."""


def _check(planes: Floats, count: int) -> Floats:
    if planes.ndim != 3 or planes.shape[0] != count:
        raise InvalidOption(f"an array of shape {planes.shape}; it must be [{count}, H, W], planes first")
    return planes if planes.dtype == np.float64 else planes.astype(np.float32, copy=False)


def rgb_to_ycbcr(rgb: Floats) -> Floats:
    """RGB [3, H, W] to full-range YCbCr [3, H, W], all 0..1, chroma centred at 128/255 (JFIF 1.02, p. 3).

    Raises:
        InvalidOption: not three planes.

    >>> rgb_to_ycbcr(np.ones((3, 1, 1)))[:, 0, 0].round(6).tolist()
    [1.0, 0.501961, 0.501961]
    """
    red, green, blue = _check(rgb, 3)
    luma = KR * red + KG * green + KB * blue
    return np.stack([luma, (blue - luma) / (2 - 2 * KB) + NEUTRAL, (red - luma) / (2 - 2 * KR) + NEUTRAL])


def ycbcr_to_rgb(ycbcr: Floats) -> Floats:
    """Full-range YCbCr [3, H, W] to RGB [3, H, W]: the inverse of ``rgb_to_ycbcr``; not clipped.

    Where chroma is neutral, red, green and blue are equal to the last bit.

    Raises:
        InvalidOption: not three planes.
    """
    luma, blueness, redness = _check(ycbcr, 3)
    red, blue = (2 - 2 * KR) * (redness - NEUTRAL), (2 - 2 * KB) * (blueness - NEUTRAL)
    return np.stack([luma + red, luma - (KR * red + KB * blue) / KG, luma + blue])


def ycck_to_cmyk(ycck: Floats) -> Floats:
    """Components of a YCCK file [4, H, W] to those of the CMYK file it encodes [4, H, W].

    As in libjpeg (``jdcolor.c``): CMY is 1 - RGB, K is copied. Values that Adobe's programs inverted stay inverted,
    see ``cmyk_to_rgb``.

    Raises:
        InvalidOption: not four planes.
    """
    ycck = _check(ycck, 4)
    return np.concatenate([1 - ycbcr_to_rgb(ycck[:3]), ycck[3:]])


def cmyk_to_rgb(cmyk: Floats, *, adobe_inverted: bool) -> Floats:
    """CMYK components as a file stores them [4, H, W] to RGB [3, H, W], without a colour profile.

    R = (1 - C)(1 - K), and likewise G and B. ``adobe_inverted``: the file stores 1 - ink, as Photoshop does (marked by
    an Adobe segment). Values are clipped to 0..1 first.

    Raises:
        InvalidOption: not four planes.

    >>> cmyk_to_rgb(np.zeros((4, 1, 1)), adobe_inverted=False).ravel().tolist()
    [1.0, 1.0, 1.0]
    """
    stored = np.clip(_check(cmyk, 4), 0, 1)
    light = stored if adobe_inverted else 1 - stored
    return np.asarray(light[:3] * light[3:])


def studio_y(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Studio-range luma of BT.601 (the papers' gray pictures): uint8 RGB [H, W, 3] to uint8 [H, W].

    As MATLAB's ``rgb2ycbcr``: (65.481 R + 128.553 G + 24.966 B) / 255 + 16, rounded. Computed in integers, so that
    halves are rounded up on every machine.

    Raises:
        InvalidOption: not uint8, or not [H, W, 3].

    >>> studio_y(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)).tolist()
    [[16, 235]]
    """
    found: NDArray[Any] = np.asarray(rgb)
    if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3:
        raise InvalidOption(f"{found.dtype} of shape {found.shape}; studio luma is made of uint8 [H, W, 3] RGB")
    red, green, blue = (found[..., i] * STUDIO[i] for i in range(3))
    whole = (red + green + blue + 127_500) // 255_000 + 16
    return np.asarray(whole, np.uint8)
