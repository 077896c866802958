"""Clear pictures, which are compressed for training and evaluation: opened by Pillow, 8 bits a sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from jpegmend.decoding.picture_metadata import ORIENTATION
from jpegmend.decoding.samples import FormError, read_turned, to_samples
from jpegmend.errors import InputError
from jpegmend.writing.depth import to_bits


def open_clear(path: Path) -> Image.Image:
    """A picture by Pillow, its orientation not applied; 16-bit gray, which Pillow would clip to white, has 8 bits.

    Raises:
        InputError: it cannot be read; the message names the file.
    """
    with _named(path), Image.open(path) as image:
        read_turned(image)
        image.load()
        # It refuses what Pillow would take for other values, such as floats of 0..1 for black.
        samples = to_samples(image)
        if samples.dtype == "uint8":
            return image
        narrow = Image.fromarray(to_bits(np.concatenate(list(samples.bands)), 8))
        narrow.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
        return narrow


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of a picture, from its header.

    Raises:
        InputError: it cannot be read; the message names the file.
    """
    with _named(path), Image.open(path) as image:
        return image.height, image.width


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Raise Pillow's errors as ``InputError`` with the file's name."""
    try:
        yield
    except (OSError, ValueError, SyntaxError, FormError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read: {error}; replace it, or take it away") from error
