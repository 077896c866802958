"""Files that differ from the standard and that other programs show: they are read, and what is not in them is told."""

import io

import numpy as np
import pytest
from PIL import Image
from tests.jpeg.conftest import draw_picture, encode_picture

from jpegmend import DamagedJpeg, jpeg, restore
from jpegmend.blocks import fidelity
from jpegmend.blocks.quantisation import coefficients
from jpegmend.jpeg import segments as seg


def without(data: bytes, code: int, start: bytes = b"") -> bytes:
    """The file without its segments of this kind."""
    kept, last = b"", 0
    for segment in seg.segments(data):
        if segment.code == code and segment.body.startswith(start):
            kept += data[last : segment.at]
            last = segment.at + 4 + len(segment.body)
    return kept + data[last:]


def until_scan(data: bytes, number: int) -> bytes:
    """A progressive file with its first scans only, and an end marker."""
    starts = [segment.at for segment in seg.segments(data) if segment.code == seg.SOS]
    return data[: starts[number]] + b"\xff\xd9"


def decoded_by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_file_without_huffman_tables():
    data = encode_picture(draw_picture(48, 64), quality=30)
    bare = without(data, 0xC4)
    assert len(bare) < len(data) - 400
    found = jpeg.read(bare)
    for ours, theirs in zip(found.components, jpeg.read(data).components, strict=True):
        assert np.array_equal(ours.levels, theirs.levels)
    assert found.warnings == () and found.lost == 0


def test_steps_of_zero_are_frequencies_that_are_lost():
    data = bytearray(encode_picture(draw_picture(48, 64), quality=30, subsampling=0))
    at = data.index(b"\xff\xdb") + 5
    data[at + 3] = data[at + 7] = 0
    found = restore(bytes(data), strength=0, bits=8)
    assert np.abs(found.pixels - decoded_by_pillow(bytes(data))).max() <= 3
    assert "2 steps" in found.report.warnings[0] and "lost" in found.report.warnings[0]
    image = jpeg.read(bytes(data))
    assert (image.components[0].table > 0).all() and (image.components[0].table == 255).sum() == 2
    assert restore(bytes(data)).report.runtime
    with pytest.raises(DamagedJpeg, match="zero"):
        jpeg.read(bytes(data), strict=True)


@pytest.mark.parametrize("marker", [True, False])
def test_cmyk_is_inverted_with_and_without_adobes_marker(marker):
    data = encode_picture(draw_picture(48, 64), mode="CMYK", quality=90)
    data = data if marker else without(data, 0xEE, b"Adobe")
    found = restore(data, strength=0, bits=8)
    assert np.abs(found.pixels - decoded_by_pillow(data)).mean() < 1.5
    assert any("without Adobe's marker" in note for note in found.report.warnings) is not marker


def psnr(pixels: np.ndarray, original: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(pixels.astype(float) - original).mean()))


def test_cells_are_as_wide_as_the_missing_scans_make_them():
    """Every level of the whole file lies in the cells of the file without scans: nothing true is forbidden."""
    data = encode_picture(draw_picture(64, 64), quality=60, progressive=True, subsampling=0)
    whole = jpeg.read(data)
    for scans in (1, 3, 5, 7, 9):
        part = jpeg.read(until_scan(data, scans))
        for ours, theirs in zip(part.components, whole.components, strict=True):
            plane = np.asarray(fidelity.project(np.zeros((64, 64)), theirs.levels, theirs.table, inset=0.5))
            projected = fidelity.project(plane, ours.levels, ours.table, inset=0.0, unknown_bits=ours.unknown_bits)
            assert np.allclose(projected, plane, atol=1e-6)
    assert part.components[0].unknown_bits is not None and whole.components[0].unknown_bits is None


def test_cells_of_missing_scans_are_no_wider_than_needed():
    data = until_scan(encode_picture(draw_picture(64, 64), quality=60, progressive=True, subsampling=0), 9)
    part = jpeg.read(data).components[0]
    far = np.random.default_rng(0).normal(0.5, 2, (64, 64))
    found = coefficients(fidelity.project(far, part.levels, part.table, unknown_bits=part.unknown_bits)) / part.table
    assert part.unknown_bits[3, 3] == 1
    assert (np.abs(found[..., 3, 3])[part.levels[..., 3, 3] == 0] <= 1.5).all()
    assert (np.abs(found[..., 3, 3] - part.levels[..., 3, 3]) <= 1.5).all()


def test_missing_scans_are_restored_and_told():
    original = draw_picture(96, 96)
    data = until_scan(encode_picture(original, quality=60, progressive=True), 6)
    decoded, restored = restore(data, strength=0, bits=8), restore(data, bits=8)
    assert restored.report.consistent and "scans are missing" in restored.report.warnings[0]
    assert not any("twice" in note for note in restored.report.warnings)
    assert psnr(restored.pixels, original) > psnr(decoded.pixels, original)
