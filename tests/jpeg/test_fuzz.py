"""Mutated files: the only outcomes are an image or one of our errors, in bounded time."""

import numpy as np
import pytest

from jpegmend import errors, jpeg

MUTANTS = 2200


def mutate(data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """One of: bytes changed anywhere, bytes changed in the header, cut, slice dropped, doubled, or grafted."""
    mutant = bytearray(data)
    kind = rng.integers(6)
    first, second = sorted(rng.integers(2, len(data), 2).tolist())
    if kind <= 1:
        end = len(data) if kind == 0 else data.index(b"\xff\xda") + 14
        for _ in range(rng.integers(1, 9)):
            mutant[rng.integers(2, end)] = rng.choice([0, 1, 0xFF, 0xD9, 0xDA, 0xC4, rng.integers(256)])
        return bytes(mutant)
    if kind == 2:
        return data[:second]
    if kind == 3:
        return data[:first] + data[second:]
    if kind == 4:
        return data[:second] + data[first:]
    other = others[rng.integers(len(others))]
    return data[:first] + other[rng.integers(2, len(other)) :]


@pytest.fixture(scope="module")
def sources(kinds) -> list[bytes]:
    names = ["gray", "4:2:0", "4:4:4", "progressive", "restart", "cmyk", "rgb by pillow", "optimised"]
    rare = ["arithmetic", "arithmetic-progressive", "3x1", "one-scan-each", "progressive-restart", "sixteen-bit-tables"]
    return [kinds[name] for name in names + rare]


@pytest.mark.timeout(240)
def test_mutants_give_an_image_or_one_of_our_errors(sources):
    rng = np.random.default_rng(2024)
    images = refused = 0
    for i in range(MUTANTS):
        mutant = mutate(sources[i % len(sources)], rng, sources)
        try:
            image = jpeg.read(mutant, max_pixels=2_000_000, timeout=30)
        except errors.InputError as problem:
            assert len(str(problem)) > 20
            refused += 1
            continue
        images += 1
        assert 0 <= image.lost <= 1
        for component in image.components:
            assert 8 * component.levels.shape[0] >= component.rows > 0
            assert 8 * component.levels.shape[1] >= component.columns > 0
            assert component.table.min() > 0
    # The mutations are neither harmless nor hopeless: both roads were walked.
    assert images > MUTANTS / 4
    assert refused > MUTANTS / 10
