"""Pictures that were compressed, scaled and saved again are restored at the scale of the first compression."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jpegmend import explain, inspect, metrics, restore
from jpegmend.blocks import Scaling
from jpegmend.errors import InvalidOption
from jpegmend.restoration.unscaled import fits

PHOTO = Image.fromarray(data.astronaut()).crop((60, 0, 380, 288))
SCALE = 1.4
SIZE = (round(320 * SCALE), round(288 * SCALE))
CLEAR = np.asarray(PHOTO.resize(SIZE, Image.Resampling.BICUBIC))


def saved(picture: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


LARGER = Image.open(io.BytesIO(saved(PHOTO, quality=12))).resize(SIZE, Image.Resampling.BICUBIC)
FILE = saved(LARGER, quality=88)


def psnr(restored: np.ndarray) -> float:
    return metrics.psnr(CLEAR, restored, peak=255)


def test_the_first_compression_is_undone() -> None:
    found, left = restore(FILE, bits=8), restore(FILE, bits=8, earlier=False)
    assert psnr(found.to_array()) > psnr(left.to_array()) + 0.6
    report = found.report
    assert abs((report.estimated_quality or 0) - 12) <= 3 and not report.consistent
    assert report.earlier_size is not None and left.report.earlier_size is None
    for length, true in zip(report.earlier_size, PHOTO.size, strict=True):
        assert 0 <= length - true <= 9
    assert (report.width, report.height) == SIZE
    assert "scaled by 1.4" in report.warnings[-1]


def test_half_the_strength_is_half_the_change() -> None:
    whole, half, none = (restore(FILE, bits=16, strength=part).to_array(16).astype(float) for part in (1, 0.5, 0))
    # Where nothing is clipped. Decoded pixels have 8 bits: a step is 257.
    inside = (np.minimum(whole, none) > 2000) & (np.maximum(whole, none) < 63000)
    assert np.abs(half - (whole + none) / 2)[inside].max() < 257


def test_pixels_alpha_and_orientation() -> None:
    alpha = Image.fromarray(np.tile(np.arange(SIZE[0]) % 256, (SIZE[1], 1)).astype(np.uint8))
    picture = LARGER.copy()
    picture.putalpha(alpha)
    restored = restore(saved(picture, "PNG"), bits=8)
    assert restored.report.earlier_size is not None
    assert np.array_equal(restored.to_array()[..., 3], np.asarray(alpha))
    assert psnr(restored.to_array()[..., :3]) > psnr(np.asarray(LARGER)) + 0.6
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = restore(saved(LARGER, quality=88, exif=turned.tobytes()), bits=8).to_array()
    assert np.array_equal(upright, np.rot90(restore(FILE, bits=8).to_array(), -1))


def test_pixels_of_a_file_that_was_compressed_before_it_was_scaled() -> None:
    pixels = saved(Image.open(io.BytesIO(FILE)), "PNG")
    restored, facts = restore(pixels, bits=8), inspect(pixels)
    assert psnr(restored.to_array()) > psnr(restore(pixels, bits=8, earlier=False).to_array()) + 0.6
    assert restored.report.earlier_size is not None
    assert restored.report.estimated_quality == facts.estimated_quality
    assert restored.report.earlier_probability == facts.earlier_probability


def test_gray_with_another_quality_told() -> None:
    gray = saved(LARGER.convert("L"), quality=88)
    found, told = restore(gray), restore(gray, quality=30)
    assert found.report.earlier_size == told.report.earlier_size is not None
    assert found.pixels.shape == SIZE[::-1] and not np.array_equal(found.pixels, told.pixels)


def test_the_files_own_cells_can_be_asked_for() -> None:
    restored = restore(FILE, consistent=True)
    assert restored.report.consistent and restored.report.earlier_size is None


def test_without_strength_the_pixels_stay_as_they_are() -> None:
    restored = restore(saved(LARGER, "PNG"), strength=0, bits=8)
    assert restored.report.earlier_size is None
    assert np.array_equal(restored.to_array(), np.asarray(LARGER))


def test_a_picture_that_would_not_fit_into_memory_is_restored_as_it_is() -> None:
    scaling = Scaling.from_blocks((3000, 4000), (0.6, 0.6), (0.0, 0.0))
    assert fits(scaling, None) and fits(scaling, 4_000_000_000) and not fits(scaling, 2_000_000_000)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_inspection(form: str) -> None:
    facts = inspect(saved(LARGER, form, **({"quality": 88} if form == "JPEG" else {})))
    assert facts.conflict is not None and "scaled by 1.40" in facts.conflict
    assert facts.grid is None and abs((facts.estimated_quality or 0) - 12) <= 3


def test_an_explanation_is_of_the_picture_as_it_is() -> None:
    pytest.importorskip("matplotlib")
    assert len(explain(FILE, side=64).figures) >= 5
    with pytest.raises(InvalidOption, match="it was scaled since it was compressed"):
        explain(saved(LARGER, "PNG"), side=64)
