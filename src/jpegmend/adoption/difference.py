"""The difference that windows make: the result in windows against the result of the whole picture in one run."""

from __future__ import annotations

from dataclasses import replace
from math import lcm

import numpy as np

from jpegmend.adoption.receptive_field import compress, draw_discs
from jpegmend.restoration import restore
from jpegmend.restoration.tiles import round_up
from jpegmend.weights import Card

_QUALITY = 10
_SHIFT = 48


def measure(card: Card) -> float:
    """The largest difference in 0..1 for a drawing of a quarter more than a window a side.

    Of a network of fixed size, which cannot see the whole, between two results whose windows are shifted.
    """
    assert card.window is not None and card.foreign is not None
    align = lcm(8, card.multiple)
    if card.foreign.size is None:
        side = round_up(card.window + card.window // 4, align)
        jpeg = compress(draw_discs(side), _QUALITY)
        whole = replace(card, window=side)
        tiled, untiled = (_planes(jpeg, each) for each in (card, whole))
        return float(np.abs(tiled - untiled).max())
    shift = round_up(_SHIFT, align)
    side = round_up(2 * card.window, align) + 3 * shift
    drawing = draw_discs(side)
    first = _planes(compress(drawing, _QUALITY), card)[:, shift:, shift:]
    second = _planes(compress(drawing[shift:, shift:], _QUALITY), card)
    inside = slice(shift, side - 2 * shift)
    return float(np.abs(first - second)[:, inside, inside].max())


def _planes(jpeg: bytes, card: Card) -> np.ndarray:
    """The planes that the network restored, of the first plane's size."""
    planes = restore(jpeg, model=card, consistent=False, keep_planes=True).planes
    assert planes is not None
    return np.stack([plane for plane in planes if plane.shape == planes[0].shape])
