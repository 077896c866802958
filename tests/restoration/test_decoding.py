"""Strength 0 gives the decoded JPEG, compared with Pillow."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.restoration.cmyk_profile import make_profile

from jpegmend import restore

# libjpeg rounds Y, Cb and Cr to whole levels before it turns them to RGB, and its triangle filter rounds once more; we
# round once, at the end. So colours may be 3 apart, planes only 1.
SIZES = [(1, 1), (3, 2), (8, 8), (17, 23), (37, 61), (120, 161)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("subsampling", [0, 1, 2], ids=["4:4:4", "4:2:2", "4:2:0"])
def test_colour(size, subsampling, identity, draw, encode, decode):
    data = encode(draw(*size), quality=60, subsampling=subsampling)
    restored = restore(data, model=identity, strength=0)
    apart = np.abs(restored.to_array(8).astype(int) - decode(data))
    assert apart.max() <= 3
    assert apart.mean() < 0.6
    assert (apart <= 1).mean() > 0.95 or apart.size < 100


@pytest.mark.parametrize("subsampling", [0, 1, 2], ids=["4:4:4", "4:2:2", "4:2:0"])
def test_luma_plane(subsampling, identity, draw, encode):
    """Before the colours, everything is within one level; chroma too where it is not upsampled."""
    data = encode(draw(45, 61), quality=60, subsampling=subsampling)
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", image.size)
    truth = np.asarray(image).transpose(2, 0, 1)
    planes = restore(data, model=identity, strength=0, keep_planes=True).planes
    for plane, expected in list(zip(planes, truth, strict=True))[: 1 if subsampling else 3]:
        rounded = np.floor(np.clip(plane[:45, :61], 0, 1) * 255 + 0.5)
        assert np.abs(rounded - expected).max() <= 1


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_gray(size, identity, draw, encode, decode):
    data = encode(draw(*size), mode="L", quality=60)
    restored = restore(data, model=identity, strength=0)
    assert restored.to_array(8).shape == size
    assert np.abs(restored.to_array(8).astype(int) - decode(data)).max() <= 1


def test_progressive(identity, draw, encode, decode):
    data = encode(draw(45, 61), quality=30, progressive=True)
    restored = restore(data, model=identity, strength=0)
    assert np.abs(restored.to_array(8).astype(int) - decode(data)).max() <= 2
    assert restored.report.coding == "progressive"


def test_rgb_without_a_transform(identity, draw, encode, decode):
    data = encode(draw(45, 61), quality=60, keep_rgb=True)
    restored = restore(data, model=identity, strength=0)
    assert restored.report.colour == "rgb"
    assert np.abs(restored.to_array(8).astype(int) - decode(data)).max() <= 1


def as_ycck(cmyk: bytes) -> bytes:
    """A CMYK file that says it is YCCK: another picture, but a valid one."""
    place = cmyk.index(b"Adobe") + 11
    return cmyk[:place] + b"\2" + cmyk[place + 1 :]


@pytest.mark.parametrize("ycck", [False, True], ids=["cmyk", "ycck"])
@pytest.mark.parametrize("strength", [0, 1])
def test_ink(ycck, strength, identity, draw, encode, decode):
    data = encode(draw(45, 61), mode="CMYK", quality=75)
    data = as_ycck(data) if ycck else data
    restored = restore(data, model=identity, strength=strength)
    assert restored.report.colour == ("ycck" if ycck else "cmyk")
    assert any("without a colour profile" in warning for warning in restored.report.warnings)
    apart = np.abs(restored.to_array(8).astype(int) - decode(data))
    assert apart.max() <= 3
    assert (apart <= 1).mean() > 0.95


@pytest.mark.parametrize("ycck", [False, True], ids=["cmyk", "ycck"])
def test_ink_with_a_profile(ycck, identity, draw, encode):
    profile = make_profile()
    data = encode(draw(45, 61), mode="CMYK", quality=75, icc_profile=profile)
    data = as_ycck(data) if ycck else data
    restored = restore(data, model=identity, strength=0)
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        unmanaged = np.asarray(image.convert("RGB")).astype(int)
    apart = np.abs(restored.to_array(8).astype(int) - np.asarray(expected))
    assert apart.max() <= 3 and apart.mean() < 0.5
    assert np.abs(unmanaged - expected).mean() > 10, "the profile changes nothing"
    assert restored.metadata.icc is None and "by the file's ICC profile" in restored.report.warnings[-1]


def test_ink_with_a_profile_that_is_no_profile(identity, draw, encode):
    data = encode(draw(20, 20), mode="CMYK", icc_profile=b"nonsense" * 40)
    restored = restore(data, model=identity)
    assert restored.metadata.icc is None
    assert any("could not be used" in warning for warning in restored.report.warnings)


@pytest.mark.parametrize("name", ["4-4-0", "4-1-1", "4-1-0", "3x1", "1x3"])
def test_whole_factors(name, odd_files, identity, decode):
    data = odd_files[name]
    restored = restore(data, model=identity, strength=0)
    apart = np.abs(restored.to_array(8).astype(int) - decode(data))
    assert (apart <= 2).mean() > 0.99
    assert apart.max() <= 4


@pytest.mark.parametrize("name", ["1x1-2x2-2x2", "2x2-2x1-1x2", "3x2-1x2-1x1"])
def test_factors_that_are_seldom_seen(name, odd_files, identity):
    """Whatever the factors, the picture is the same at its size, with every plane alone."""
    data = odd_files[name]
    plain = restore(data, model=identity, strength=0)
    whole = restore(data, model=identity, strength=1, consistent=False)
    assert np.abs(plain.to_array(16).astype(int) - whole.to_array(16)).max() <= 1
    assert plain.to_array().std() > 1000


def test_fractional_factors_keep_positions(identity):
    """A slope in chroma at 2/3 of the resolution stays a slope: no block of it is moved."""
    from fractions import Fraction

    from jpegmend.restoration.scene import Plane, upsample
    from jpegmend.restoration.tiles import Window

    small = ((np.arange(20) + 0.5) * 1.5)[None].repeat(20, 0).astype(np.float32)
    plane = Plane(20, 20, Fraction(3, 2), Fraction(3, 2), np.ones((8, 8), np.float32))
    up = upsample(small, Window(0, 20, 0, 20), plane, Window(3, 27, 3, 27))
    assert np.allclose(up, (np.arange(3, 27) + 0.5)[None], atol=1e-4)


def test_a_truncated_file_says_how_much_is_lost(identity, draw, encode):
    data = encode(draw(200, 200), quality=80)
    restored = restore(data[: len(data) // 2], model=identity)
    assert 0.2 < restored.report.lost < 0.8
    assert restored.report.warnings
    assert (restored.width, restored.height) == (200, 200)


def test_pillow_image_of_a_file_not_yet_loaded_is_that_file(identity, draw, encode):
    data = encode(draw(40, 40), quality=20)
    image = Image.open(io.BytesIO(data))
    assert restore(image, model=identity).report.quality == 20
    image.load()
    assert np.asarray(image).shape == (40, 40, 3)


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [("L", (20, 20), (20, 24)), ("RGB", (20, 20), (20, 24, 3)), ("L", (48, 40), (40, 48))],
    ids=str,
)
def test_pillow_image_with_a_draft_is_what_pillow_shows(identity, draw, encode, mode, size, expected):
    image = Image.open(io.BytesIO(encode(draw(40, 48), quality=20)))
    image.draft(mode, size)
    restored = restore(image, model=identity, strength=0, bits=8)
    assert restored.pixels.shape == expected
    assert np.array_equal(restored.pixels, np.asarray(image))


def test_pillow_image_with_a_draft_of_its_own_size_is_its_file(identity, draw, encode):
    image = Image.open(io.BytesIO(encode(draw(40, 48), quality=20)))
    image.draft("RGB", image.size)
    assert restore(image, model=identity).report.quality == 20
