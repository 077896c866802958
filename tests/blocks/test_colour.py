import io

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2ycbcr

from jpegmend import blocks, jpeg
from jpegmend.errors import InvalidOption


def test_ycbcr_agrees_with_libjpegs_conversion(photos):
    for pixels in photos.values():
        target = io.BytesIO()
        Image.fromarray(pixels).save(target, "JPEG", quality=100, subsampling=0)
        picture = Image.open(target)
        picture.draft("YCbCr", picture.size)
        theirs = np.asarray(picture).transpose(2, 0, 1)
        ours = np.clip(np.round(255 * blocks.rgb_to_ycbcr(pixels.transpose(2, 0, 1) / 255)), 0, 255)
        assert np.abs(ours - theirs).max() <= 3  # steps of 1 in the file
        # A wrong centre of chroma would shift the mean by half a level.
        assert np.abs((ours - theirs).mean(axis=(1, 2))).max() < 0.05


def test_rgb_comes_back(rng):
    rgb = rng.uniform(size=(3, 6, 5))
    assert np.abs(blocks.ycbcr_to_rgb(blocks.rgb_to_ycbcr(rgb)) - rgb).max() < 1e-14
    single = blocks.ycbcr_to_rgb(blocks.rgb_to_ycbcr(rgb.astype(np.float32)))
    assert single.dtype == np.float32 and np.abs(single - rgb).max() < 1e-6


def test_gray_has_no_colour():
    gray = np.full((3, 2, 2), 0.25)
    expected = np.array([0.25, blocks.NEUTRAL, blocks.NEUTRAL])[:, None, None]
    assert np.allclose(blocks.rgb_to_ycbcr(gray), expected)


def test_neutral_chroma_is_exactly_gray(rng):
    planes = np.full((3, 40, 40), blocks.NEUTRAL, np.float32)
    planes[0] = rng.uniform(size=(40, 40))
    assert (blocks.ycbcr_to_rgb(planes) == planes[0]).all()


def test_studio_luma_is_that_of_scikit_image_rounded(photos):
    for pixels in photos.values():
        assert np.abs(blocks.studio_y(pixels) - rgb2ycbcr(pixels)[..., 0]).max() <= 0.5 + 1e-9


def test_studio_luma_rounds_halves_up():
    # 65.481 * 146 + 128.553 * 124 + 24.966 * 97 over 255 is 109.5 exactly; in floating point, a little less.
    assert blocks.studio_y(np.array([[[146, 124, 97]]], np.uint8)).item() == 126


def test_cmyk_file_agrees_with_pillow(photos):
    target = io.BytesIO()
    Image.fromarray(photos["astronaut"]).convert("CMYK").save(target, "JPEG", quality=95)
    image = jpeg.read(target.getvalue())
    stored = np.stack([blocks.decode(c.levels, c.table)[: c.rows, : c.columns] for c in image.components])
    ours = 255 * blocks.cmyk_to_rgb(stored, adobe_inverted=image.header.adobe_inverted)
    theirs = np.asarray(Image.open(target).convert("RGB")).transpose(2, 0, 1)
    assert np.abs(ours - theirs).max() <= 2


def test_ycck_is_cmyk_with_its_inks_as_rgb(rng):
    rgb, black = rng.uniform(size=(3, 4, 4)), rng.uniform(size=(1, 4, 4))
    ycck = np.concatenate([blocks.rgb_to_ycbcr(rgb), black])
    cmyk = blocks.ycck_to_cmyk(ycck)
    assert np.allclose(cmyk[:3], 1 - rgb) and np.array_equal(cmyk[3:], black)
    assert np.allclose(blocks.cmyk_to_rgb(cmyk, adobe_inverted=True), (1 - rgb) * black)
    assert np.allclose(blocks.cmyk_to_rgb(cmyk, adobe_inverted=False), rgb * (1 - black))


def test_wrong_arrays_are_refused():
    for convert in (blocks.rgb_to_ycbcr, blocks.ycbcr_to_rgb, blocks.ycck_to_cmyk):
        with pytest.raises(InvalidOption, match="planes first"):
            convert(np.zeros((8, 8, 3)))
    with pytest.raises(InvalidOption, match="uint8"):
        blocks.studio_y(np.zeros((4, 4, 3)))  # type: ignore[arg-type]
