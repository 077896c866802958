"""Broken files give a picture or one of our input errors, through the whole pipeline."""

import numpy as np

from jpegmend import restore
from jpegmend.errors import InputError

MUTANTS = 80


def test_mutants(identity, draw, encode, odd_files):
    random = np.random.default_rng(11)
    picture = draw(40, 56)
    sources = [
        encode(picture, quality=30),
        encode(picture, quality=90, subsampling=0, progressive=True),
        encode(picture, mode="L"),
        encode(picture, mode="CMYK"),
        *odd_files.values(),
    ]
    shown = 0
    for number in range(MUTANTS):
        data = bytearray(sources[number % len(sources)])
        for place in random.integers(2, len(data), random.integers(1, 6)):
            data[place] = random.integers(0, 256)
        if number % 5 == 0:
            data = data[: random.integers(2, len(data))]
        try:
            restored = restore(bytes(data), model=identity, max_pixels=1_000_000)
        except InputError:
            continue
        shown += 1
        assert restored.pixels.shape[:2] == (restored.height, restored.width)
        assert restored.report.megapixels <= 1
    assert shown > MUTANTS / 4
