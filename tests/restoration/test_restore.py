"""Input of the network and results of ``restore``: arrays, depth, alpha, orientation, options."""

import dataclasses
import io
import json
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from jpegmend import restore
from jpegmend.blocks import Earlier
from jpegmend.errors import (
    DamagedJpeg,
    InputError,
    InvalidOption,
    NotAnImage,
    TooLarge,
    UnsupportedJpeg,
)
from jpegmend.jpeg.tables import standard_chroma, standard_luma
from jpegmend.restoration import guess


@pytest.fixture
def found(monkeypatch):
    """Pixels are taken to be of quality 30, on the grid that begins at (0, 0)."""
    monkeypatch.setattr(guess, "estimate_compression", lambda _: guess.Guess(30, (0, 0), 1.0))


def told(restored, plain):
    """By how much each plane was shifted by the network that tells what it was told."""
    return [float(np.median(a - b)) for a, b in zip(restored.planes, plain.planes, strict=True)]


SAMPLINGS = [(0, (1, 1)), (1, (1, 2)), (2, (2, 2))]


@pytest.mark.parametrize(("subsampling", "factors"), SAMPLINGS)
@pytest.mark.parametrize("kind", ["ycbcr", "y"])
def test_tables_and_sampling_arrive(subsampling, factors, kind, make_card, draw, encode):
    data = encode(draw(60, 60), quality=40, subsampling=subsampling)
    network, plain = make_card("teller", planes=kind), make_card("identity", planes=kind)
    planes = [restore(data, model=card, keep_planes=True, consistent=False) for card in (network, plain)]
    v, h = factors if kind == "ycbcr" else (0, 0)
    tables = [standard_luma(40), standard_chroma(40), standard_chroma(40)]
    expected = [table.mean() / 1000 + 0.01 * v + 0.002 * h for table in tables]
    assert told(*planes) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["ycbcr", "y", "rgb"])
def test_gray_has_no_sampling(kind, make_card, draw, encode):
    data = encode(draw(60, 60), quality=40, mode="L")
    network, plain = make_card("teller", planes=kind), make_card("identity", planes=kind)
    planes = [restore(data, model=card, keep_planes=True, consistent=False) for card in (network, plain)]
    assert told(*planes) == pytest.approx([standard_luma(40).mean() / 1000], abs=1e-4)


def test_quality_replaces_the_tables(make_card, draw, encode):
    data = encode(draw(60, 60), quality=90, subsampling=0)
    network, plain = make_card("teller"), make_card("identity")
    planes = [restore(data, model=card, keep_planes=True, quality=10) for card in (network, plain)]
    assert told(*planes)[0] == pytest.approx(standard_luma(10).mean() / 1000 + 0.012, abs=1e-4)
    assert planes[0].report.estimated
    assert not planes[0].report.consistent


@pytest.mark.parametrize("strength", [0, 0.25, 0.5, 1])
def test_strength_blends(strength, make_card, draw, encode):
    data = encode(draw(60, 60), quality=40, mode="L")
    card = make_card("gain", 0.5)
    plain = restore(data, model=card, strength=0).to_array(16).astype(float)
    blended = restore(data, model=card, strength=strength, consistent=False).to_array(16)
    assert np.abs(blended - plain * (1 - strength / 2)).max() <= 1


def test_arrays_and_files_without_tables_are_estimated(found, identity, draw, encode):
    picture = draw(50, 40)
    for source in (picture, encode(picture, format="PNG"), Image.fromarray(picture)):
        restored = restore(source, model=identity)
        assert np.array_equal(restored.to_array(8), picture)
        assert restored.report.estimated
        assert restored.report.estimated_quality == 30
        assert restored.report.quality is None
        assert not restored.report.consistent
    assert restore(encode(picture, format="PNG"), model=identity).report.format == "png"


@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_other_formats(format, mode, found, identity, draw, encode):
    options = {"lossless": True} if format == "WEBP" else {}
    if (format, mode) in {("WEBP", "P"), ("BMP", "RGBA"), ("GIF", "RGBA")}:
        pytest.skip("Pillow does not write that")
    data = encode(draw(30, 40), format=format, mode=mode, **options)
    image = Image.open(io.BytesIO(data))
    expected = np.asarray(image.convert(image.mode if image.mode in ("L", "RGB", "RGBA") else "RGB"))
    assert np.array_equal(restore(data, model=identity).to_array(8), expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
def test_alpha_is_kept(kind, found, make_card, draw):
    values = np.concatenate([draw(30, 40), np.arange(1200).reshape(30, 40, 1) % 256], -1).astype(np.uint8)
    scaled = {"uint8": values, "uint16": values.astype(np.uint16) * 257}.get(np.dtype(kind).name)
    source = (values / 255).astype(kind) if scaled is None else scaled
    restored = restore(source, model=make_card("gain", 0.5))
    assert np.array_equal(restored.to_array(8)[..., 3], values[..., 3])
    assert np.array_equal(restored.to_array(16)[..., 3], values[..., 3].astype(np.uint16) * 257)
    assert np.abs(restored.to_array(8)[..., :3].astype(int) - values[..., :3]).min(-1).mean() > 10


def test_sixteen_bits_come_through(found, identity):
    values = (np.arange(60 * 60, dtype=np.uint16) * 18).reshape(60, 60)
    restored = restore(values, model=identity)
    assert np.array_equal(restored.to_array(), values)
    assert restored.to_array().dtype == np.uint16
    assert restore(values, model=identity, bits=8).to_array().dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("alpha", [False, True])
def test_orientation(orientation, alpha, found, identity, draw, encode):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = draw(24, 40)
    if alpha:
        picture = np.concatenate([picture, picture[..., :1]], -1)
    data = encode(picture, format="PNG", exif=exif.tobytes(), dpi=(72, 144))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    restored = restore(data, model=identity)
    assert np.array_equal(restored.to_array(8), upright)
    assert restored.metadata.orientation == 1
    assert restored.to_image().getexif().get(0x0112, 1) == 1
    assert restored.metadata.density == ((144, 72, "dpi") if orientation >= 5 else (72, 144, "dpi"))
    kept = restore(data, model=identity, orientation="keep")
    assert np.array_equal(kept.to_array(8), picture)
    assert kept.metadata.orientation == orientation
    assert restored.report.orientation == orientation
    assert restored.report.orientation_applied == (orientation != 1)


def test_metadata_is_carried(identity, draw, encode):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a title", 6
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    data = encode(draw(24, 40), exif=exif.tobytes(), icc_profile=b"p" * 200, xmp=xmp, comment=b"hello", dpi=(72, 96))
    restored = restore(data, model=identity)
    assert restored.metadata.icc == b"p" * 200
    assert restored.metadata.comments == (b"hello",)
    assert b'tiff:Orientation="1"' in restored.metadata.xmp
    assert restored.to_image().getexif()[0x010E] == "a title"
    assert restored.report.metadata == ("icc", "exif", "xmp", "comments", "density")


def test_one_pixel(identity, make_card, encode):
    data = encode(np.full((1, 1, 3), 77, np.uint8), quality=100)
    for card in (identity, make_card("gain", 1.0, multiple=16)):
        assert np.abs(restore(data, model=card).to_array(8).astype(int) - 77).max() <= 2
    assert restore(np.full((1, 1), 9, np.uint8), model=identity).to_array(8) == 9


def test_no_trace_of_compression_no_change(make_card, monkeypatch, draw):
    monkeypatch.setattr(guess, "estimate_compression", lambda _: None)
    card = make_card("gain", 0.5)
    picture = draw(60, 60)
    restored = restore(picture, model=card)
    assert np.array_equal(restored.to_array(8), picture)
    assert restored.report.strength == 0
    assert restored.report.runtime is None
    assert any("no trace" in warning for warning in restored.report.warnings)
    assert not np.array_equal(restore(picture, model=card, quality=20).to_array(8), picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_saturated_colours_without_a_trace_stay_exactly(dtype):
    full = np.iinfo(dtype).max
    bars = np.array([[r, g, b] for r in (0, full) for g in (0, full) for b in (0, full)], dtype)
    picture = bars.repeat(16, 0)[None].repeat(16, 0)
    assert (restore(picture, bits=None).pixels == picture).all()


@pytest.mark.parametrize("offset", [(0, 0), (3, 6)])
def test_compressed_twice(offset, make_card, monkeypatch, draw, encode):
    monkeypatch.setattr(guess, "find_earlier_compression", lambda *_: Earlier(20, offset, 1.0))
    data = encode(draw(60, 60), quality=95, mode="L")
    restored = restore(data, model=make_card("teller"))
    shift = restored.to_array(16).astype(float) - restore(data, model=make_card("identity"), strength=0).to_array(16)
    assert np.median(shift) / 65535 == pytest.approx(standard_luma(20).mean() / 1000, abs=3e-3)
    assert restored.report.estimated
    assert restored.report.grid == offset
    assert "twice" in restored.report.consistent_why
    assert not restored.report.consistent


def test_report_is_plain(identity, draw, encode):
    report = restore(encode(draw(60, 60), quality=35), model=identity).report
    found = json.loads(json.dumps(report.as_dict()))
    assert found["quality"] == 35
    assert found["quality_exact"]
    assert found["sampling"] == "4:2:0"
    assert found["model"] == "identity"
    assert found["runtime"] == "onnx cpu"
    assert found["seconds"] > 0
    assert set(found) == {field.name for field in dataclasses.fields(report)}


def test_progress_counts_tiles(make_card, draw, encode):
    seen = []
    card = make_card("identity", bytes_per_pixel=40_000.0)
    restored = restore(encode(draw(200, 200)), model=card, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, restored.report.tiles) for done in range(restored.report.tiles + 1)]


def test_sources(identity, draw, encode, tmp_path):
    data = encode(draw(20, 20))
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with path.open("rb") as file:
        results = [restore(each, model=identity) for each in (data, path, str(path), bytearray(data), file)]
    assert all(np.array_equal(results[0].pixels, each.pixels) for each in results)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"", NotAnImage),
        (b"plain text, nothing else", NotAnImage),
        (b"\0\0\0\x0cJXL \r\n\x87\n", DamagedJpeg if find_spec("pillow_jxl") else UnsupportedJpeg),
        (b"\x89PNG\r\n\x1a\nbroken", InputError),
        ("/no/such/file.jpg", InputError),
        (io.StringIO("text"), InputError),
        (7, InvalidOption),
        (np.zeros((4, 4, 2), np.uint8), InvalidOption),
        (np.zeros((0, 4), np.uint8), InvalidOption),
        (np.zeros((4, 4), np.int32), InvalidOption),
        (np.full((4, 4), 7.0), InvalidOption),
        (Image.new("F", (4, 4)), UnsupportedJpeg),
    ],
)
def test_sources_that_are_refused(source, error, identity):
    with pytest.raises(error):
        restore(source, model=identity)


def test_large_claims_are_refused(identity, draw, encode):
    for source in (encode(draw(40, 40)), encode(draw(40, 40), format="PNG"), draw(40, 40)):
        with pytest.raises(TooLarge, match="1,599"):
            restore(source, model=identity, max_pixels=1599)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_gray_picture_stored_as_colour_stays_gray(subsampling, make_card, draw, encode):
    gray = np.repeat(draw(60, 60)[..., 1:2], 3, axis=2)
    restored = restore(encode(gray, quality=50, subsampling=subsampling), model=make_card("gain", 0.9)).to_array(16)
    assert not np.ptp(restored, axis=2).any()
    coloured = restore(encode(draw(60, 60), quality=50), model=make_card("gain", 0.9), consistent=False).to_array(8)
    assert np.ptp(coloured.astype(int), axis=2).max() > 10


def test_gray_pixels_stored_as_colour_stay_gray(make_card, draw):
    gray = np.repeat(draw(60, 60)[..., 1:2], 3, axis=2)
    restored = restore(gray, model=make_card("gain", 0.9), quality=50).to_array(16)
    assert not np.ptp(restored, axis=2).any() and restored.mean() < 0.91 * 257 * gray.mean()
    gray[-1, -1, 2] ^= 8  # one pixel in colour, the last one
    coloured = restore(gray, model=make_card("gain", 0.9), quality=50).to_array(8)
    assert np.ptp(coloured.astype(int), axis=2).max() > 10
