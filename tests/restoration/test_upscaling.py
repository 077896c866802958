"""Enlargement: position of pixels, tiles, colour, orientation, and what is refused."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from jpegmend import restore
from jpegmend.blocks import Earlier
from jpegmend.errors import InvalidOption, ModelError, TooLarge, WeightsDamaged
from jpegmend.reading import sources
from jpegmend.restoration import guess, tile_sizes, upscale, upscaling


def repeated(pixels):
    return pixels.repeat(3, 0).repeat(3, 1)


@pytest.fixture(scope="module")
def repeating(make_card):
    return make_card("enlarger", 3)


@pytest.mark.parametrize("size", [(40, 56), (37, 50)])
@pytest.mark.parametrize("options", [{"mode": "L"}, {"subsampling": 0}])
def test_every_pixel_arrives_in_its_place(size, options, repeating, identity, draw, encode):
    data = encode(draw(*size), quality=40, **options)
    decoded = restore(data, model=identity, strength=0).to_array(16)
    larger = upscale(data, model=repeating, restore_first=False)
    assert np.array_equal(larger.to_array(16), repeated(decoded))


def test_every_kind_of_file(repeating, identity, odd_files):
    for name, data in odd_files.items():
        decoded = restore(data, model=identity, strength=0).to_array(8)
        larger = upscale(data, model=repeating, restore_first=False).to_array(8)
        assert larger.shape == repeated(decoded).shape, name
        assert np.abs(larger.astype(float) - repeated(decoded)).mean() < 4, name  # chroma is interpolated, not repeated


@pytest.mark.parametrize("kind", ["y", "ycbcr", "rgb"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_tiled_equals_untiled(kind, subsampling, make_card, draw, encode):
    card, many = (make_card("enlarger", 3, "linear", planes=kind, bytes_per_pixel=b) for b in (100.0, 60_000.0))
    data = encode(draw(203, 185), quality=20, subsampling=subsampling)
    whole, tiled = (upscale(data, model=each, restore_first=False) for each in (card, many))
    assert whole.report.tiles == 1 and tiled.report.tiles >= 4
    assert np.abs(whole.to_array(16).astype(int) - tiled.to_array(16)).max() <= 8  # of 65535


def test_subsampled_chroma_stays_on_luma(make_card):
    """Blue rises by two levels a column; a chroma plane one enlarged pixel off would be 0.67 levels off."""
    columns = np.arange(96)
    planes = [np.full((48, 96), 128.0), np.tile(30.0 + 2 * columns, (48, 1)), np.full((48, 96), 128.0)]
    picture = Image.frombytes("YCbCr", (96, 48), np.stack(planes, -1).astype(np.uint8).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=100, subsampling=2)
    larger = upscale(stream.getvalue(), model=make_card("enlarger", 3, "linear"))
    r, g, b = larger.to_array(16)[60:84, 60:-60].mean(0).T / 257
    found = 128 + (b - (0.299 * r + 0.587 * g + 0.114 * b)) / 1.772
    expected = 30 + 2 * ((np.arange(60, 288 - 60) + 0.5) / 3 - 0.5)
    inside = (expected > 60) & (expected < 200)  # where blue is not clipped
    assert inside.sum() > 100
    assert abs((found - expected)[inside].mean()) < 0.2


def test_orientation_alpha_and_metadata(repeating, draw, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(draw(24, 40), exif=exif.tobytes(), dpi=(72, 72))
    turned, kept = upscale(data, model=repeating), upscale(data, model=repeating, orientation="keep")
    assert np.array_equal(turned.to_array(8), np.rot90(kept.to_array(8), -1))
    assert (turned.width, turned.height) == (72, 120)
    assert turned.metadata.orientation == 1 and kept.metadata.orientation == 6
    assert turned.metadata.density == (72, 72, "dpi")
    alpha = np.tile(np.arange(0, 200, 5, dtype=np.uint8), (24, 1))
    picture = np.dstack([draw(24, 40), alpha])
    larger = upscale(picture, model=repeating).to_array(8)[..., 3]
    assert larger.shape == (72, 120)
    middle = larger[36, 12:-12].astype(float)
    assert np.abs(middle - 5 * ((np.arange(12, 108) + 0.5) / 3 - 0.5)).max() < 1


@pytest.fixture
def default(repeating, monkeypatch):
    """The repeating network in the place of the default one, by which pictures of low quality are restored first."""
    monkeypatch.setattr(upscaling, "MODEL", repeating.name)
    return repeating


def is_restored(larger):
    return "restored by mend-s" in " ".join(larger.report.warnings)


@pytest.mark.parametrize(
    ("quality", "asked", "restored"), [(40, None, True), (50, None, False), (50, True, True), (40, False, False)]
)
def test_low_quality_is_restored_first(quality, asked, restored, default, draw, encode):
    data = encode(draw(33, 50), quality=quality, subsampling=0)
    larger = upscale(data, model=default, restore_first=asked)
    strength = 1 if restored else 0
    assert np.array_equal(larger.to_array(16), repeated(restore(data, strength=strength).to_array(16)))
    assert is_restored(larger) == restored
    assert larger.report.quality == quality and larger.report.model == "enlarger"


def test_a_picture_beyond_the_usual_limit_is_restored_first_too(default, draw, encode, monkeypatch):
    monkeypatch.setitem(sources.open_source.__kwdefaults__, "max_pixels", 100)
    assert is_restored(upscale(encode(draw(33, 50), quality=20), model=default, max_pixels=10**6))


def test_networks_for_which_it_was_not_measured_restore_first_only_when_asked(repeating, draw, encode):
    data = encode(draw(33, 50), quality=20)
    assert not is_restored(upscale(data, model=repeating))
    assert is_restored(upscale(data, model=repeating, restore_first=True))


def test_an_earlier_compression_counts_and_is_reported(default, draw, encode, monkeypatch):
    data = encode(draw(40, 40), quality=90)
    for found, restored in (15, True), (60, False):
        monkeypatch.setattr(guess, "find_earlier_compression", lambda *_, found=found: Earlier(found, (3, 6), 1.0))
        larger = upscale(data, model=default)
        assert is_restored(larger) == restored
        report = larger.report
        assert (report.estimated_quality, report.grid, report.earlier_probability) == (found, (3, 6), 1.0)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_pixels_of_a_jpeg_keep_their_alpha(mode, default, draw, encode):
    picture = Image.open(io.BytesIO(encode(draw(136, 128), quality=15, mode=mode[:-1])))
    picture.putalpha(Image.fromarray(np.tile(np.arange(128, dtype=np.uint8), (136, 1))))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    png = stream.getvalue()
    larger, plain = (upscale(png, model=default, restore_first=first) for first in (None, False))
    assert is_restored(larger) and not is_restored(plain)
    assert np.array_equal(larger.pixels[..., 3], plain.pixels[..., 3])
    difference = larger.pixels[..., :3] - repeated(restore(png).pixels[..., :3]).astype(int)
    assert np.abs(difference).max() <= 2  # of 65535: colour is converted and converted back


def test_what_restoring_found_is_kept(default, draw):
    """Orientation, ink and warnings of the file survive the restoration before."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    inks = Image.fromarray(draw(24, 40)).convert("CMYK")
    inks.save(stream, "JPEG", quality=20, exif=exif.tobytes())
    larger = upscale(stream.getvalue(), model=default, bits=None)
    restored = restore(stream.getvalue(), bits=16)
    assert larger.pixels.shape == (120, 72, 3) and larger.pixels.dtype == np.uint8
    assert np.abs(larger.to_array(8) - repeated(restored.to_array(8)).astype(int)).max() <= 1
    assert larger.metadata == restored.metadata and set(restored.report.warnings) < set(larger.report.warnings)


@pytest.mark.parametrize("orientation", ["apply", "keep"])
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_the_sizes_that_a_written_file_states_are_its_own(format, orientation, repeating, draw):
    """A camera's picture on its side, enlarged: EXIF and XMP, read by Pillow, against the pixels."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0xA002: 40, 0xA003: 24})
    packet = b'<x tiff:ImageWidth="40" tiff:ImageLength="24" exif:PixelXDimension="40" exif:PixelYDimension="24"/>'
    stream = io.BytesIO()
    Image.fromarray(draw(24, 40)).save(stream, "JPEG", quality=20, exif=exif, xmp=packet)
    larger = upscale(stream.getvalue(), model=repeating, orientation=orientation)
    with Image.open(io.BytesIO(larger.to_bytes(format))) as written:
        assert written.size == ((72, 120) if orientation == "apply" else (120, 72))
        xmp = written.info.get("xmp") or written.info["XML:com.adobe.xmp"].encode()
        names = b"tiff:ImageWidth", b"tiff:ImageLength", b"exif:PixelXDimension", b"exif:PixelYDimension"
        stated = [int(re.search(name + rb'="(\d+)"', xmp)[1]) for name in names]
        assert stated == [*written.size, *written.size]
        inner = written.getexif().get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003]) == written.size


def test_a_restoration_that_is_asked_for_and_not_done_is_told(repeating, draw, encode):
    for source, why in (draw(40, 48), "no trace"), (encode(draw(7, 5), quality=10), "smaller than one block"):
        for asked in True, None:
            warnings = " ".join(upscale(source, model=repeating, restore_first=asked).report.warnings)
            assert (f"not restored before it was enlarged: {why}" in warnings) == bool(asked)


@pytest.mark.parametrize("value", [0, "no", 1.0])
def test_restore_first_is_a_truth_value(value, repeating, draw):
    with pytest.raises(InvalidOption, match="restore_first"):
        upscale(draw(16, 16), model=repeating, restore_first=value)


def test_the_report_says_what_was_done(repeating, draw, encode):
    report = upscale(encode(draw(20, 30), quality=60), model=repeating).report
    assert (report.width, report.height, report.model, report.consistent) == (90, 60, "enlarger", False)
    assert report.quality == 60 and report.runtime == "onnx cpu"


def test_models_of_the_other_kind_are_refused(repeating, identity, draw):
    with pytest.raises(InvalidOption, match="keeps the size"):
        upscale(draw(16, 16), model=identity)
    with pytest.raises(InvalidOption, match="enlarges by 3"):
        restore(draw(16, 16), model=repeating)


def test_answers_of_another_size_are_refused(make_card, draw):
    with pytest.raises(ModelError, match="answered"):
        upscale(draw(16, 16), model=make_card("enlarger", 2))


def test_cards_that_enlarge_are_exact(make_card):
    with pytest.raises(WeightsDamaged, match="scale 3"):
        make_card("enlarger", 3, tiling="window", window=64)


def test_the_result_counts_as_pixels(repeating, draw):
    with pytest.raises(TooLarge, match="enlarged by 3"):
        upscale(draw(16, 16), model=repeating, max_pixels=256)
    assert upscale(draw(16, 16), model=repeating, max_pixels=9 * 256).width == 48


def test_memory_counts_the_picture_and_its_larger_result(make_card, draw):
    side, each = 320, 100.0
    source = draw(side, side).astype(np.uint16) * 257
    held = source.nbytes + 9 * source.nbytes
    memory = int(tile_sizes.BASE_BYTES) + held + 2_000_000
    card = make_card("enlarger", 3, planes="rgb", halo=0, bytes_per_pixel=each)
    tiles = upscale(source, model=card, memory=memory).report.tiles
    assert side * side / tiles * (each + 9 * tile_sizes.OWN_BYTES_PER_PIXEL) <= 2_000_000
    assert tiles < 120


def test_a_page_is_selected(repeating, draw):
    first, second = (Image.fromarray(draw(24, 32, seed)) for seed in (0, 1))
    stream = io.BytesIO()
    first.save(stream, "TIFF", save_all=True, append_images=[second])
    larger = upscale(stream.getvalue(), model=repeating, page=2)
    expected = upscale(np.asarray(second), model=repeating)
    assert np.array_equal(larger.pixels, expected.pixels)
    for asked in True, False:
        warnings = upscale(stream.getvalue(), model=repeating, restore_first=asked).report.warnings
        assert [warning for warning in warnings if "page" in warning] == [
            "page 1 of 2 is enlarged; page= selects another"
        ]
