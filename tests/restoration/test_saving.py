"""Results of ``Restored``: arrays, Pillow images, files."""

import io
import os
import re
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jpegmend import Restored, restore
from jpegmend.errors import InvalidOption, OutputError


@pytest.fixture(scope="module")
def restored(identity, draw, encode):
    return restore(encode(draw(30, 40), quality=30, dpi=(72, 72)), model=identity)


def test_eight_bits_are_the_rounded_sixteen(restored):
    deep, shallow = restored.to_array(16), restored.to_array(8)
    assert deep.dtype == np.uint16
    assert shallow.dtype == np.uint8
    assert np.abs(deep / 257 - shallow).max() <= 0.5
    assert (restored.to_array() == deep).all()
    with pytest.raises(InvalidOption):
        restored.to_array(12)


@pytest.mark.parametrize(
    "options",
    [{"quality": "80"}, {"quality": 80.5}, {"quality": 101}, {"compression": "9"}, {"compression": 2.5}],
    ids=str,
)
@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_settings_of_an_encoder_are_whole_numbers(restored, options, format):
    with pytest.raises(InvalidOption, match="give a whole number from"):
        restored.to_bytes(format, **options)


def test_a_setting_may_be_an_integer_of_numpy(restored):
    assert restored.to_bytes("jpeg", quality=np.int64(50)) == restored.to_bytes("jpeg", quality=50)
    assert restored.to_bytes("png", compression=np.int64(9)) == restored.to_bytes("png", compression=9)


@pytest.mark.parametrize(
    ("format", "options", "words"),
    [
        ("png", {"quality": 50}, "quality 50: png is without loss; leave it out, or choose a format of webp, jpeg"),
        ("tiff", {"quality": 95}, "quality 95: tiff is without loss"),
        ("jpeg", {"compression": 3}, "compression 3: of png alone, not of jpeg; leave it out"),
        ("tiff", {"compression": 3}, "of png alone"),
        ("jpeg", {"quality": True}, "give a whole number"),
        ("png", {"bits": 0}, "0 bits; allowed: 8, 16"),
    ],
    ids=str,
)
def test_settings_that_a_format_does_not_have_are_refused(restored, format, options, words):
    with pytest.raises(InvalidOption, match=words):
        restored.to_bytes(format, **options)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "cannot write to a NoneType; give a path or a binary file"),
        (3, "cannot write to a int"),
        (io.StringIO(), "the StringIO takes text; open the file in binary mode, 'wb'"),
    ],
    ids=["none", "number", "text stream"],
)
def test_a_target_that_takes_no_picture_is_told(restored, target, words):
    with pytest.raises(InvalidOption, match=words):
        restored.save(target, format="png")


def test_a_temporary_file_of_text_is_told(restored):
    with tempfile.NamedTemporaryFile("w") as file, pytest.raises(InvalidOption, match="takes text"):
        restored.save(file)


def test_a_path_may_be_bytes(restored, tmp_path):
    restored.save(os.fsencode(tmp_path / "a.png"))
    assert (tmp_path / "a.png").read_bytes() == restored.to_bytes()


@pytest.mark.parametrize("append", ["x", 7, None, [None], ("x",)], ids=str)
def test_further_pages_are_results(restored, append, tmp_path):
    for pages, words in ((append, "append"), (restored, "append is a Restored; give a list of results")):
        with pytest.raises(InvalidOption, match=words):
            restored.save(tmp_path / "a.tif", append=pages)
    assert not list(tmp_path.iterdir())


def test_a_page_that_is_no_result_is_told_when_it_is_asked_for(restored, tmp_path):
    with pytest.raises(InvalidOption, match="append holds a int"):
        restored.save(tmp_path / "a.tif", append=range(2))
    assert not list(tmp_path.iterdir())


def test_the_image_has_what_the_file_carried(restored):
    image = restored.to_image()
    assert image.size == (40, 30)
    assert image.info["dpi"] == (72, 72)
    assert np.array_equal(np.asarray(image), restored.to_array(8))


def test_saved_pixels_are_the_pixels(restored, tmp_path):
    restored.save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), restored.to_array(8))
    stream = io.BytesIO()
    restored.save(stream, format="tiff", bits=16)
    import tifffile

    assert np.array_equal(tifffile.imread(io.BytesIO(stream.getvalue())), restored.to_array(16))
    with pytest.raises(OutputError):
        restored.save(tmp_path / "a.png")
    restored.save(tmp_path / "a.png", overwrite=True)


def test_bytes_are_those_of_the_file(restored, tmp_path):
    for form in ("png", "tiff", "webp", "jpeg"):
        restored.save(tmp_path / f"a.{form}", strip=True)
        assert restored.to_bytes(form, strip=True) == (tmp_path / f"a.{form}").read_bytes()
    assert restored.to_bytes(bits=16)[:4] == b"\x89PNG" and restored.to_bytes(bits=16)[24] == 16
    assert len(restored.to_bytes(compression=0)) > len(restored.to_bytes(compression=9))
    with pytest.raises(OutputError, match="no output format"):
        restored.to_bytes("bmp")


def test_a_notebook_shows_it_at_a_size_that_fits(restored, identity):
    with Image.open(io.BytesIO(restored._repr_png_())) as image:
        assert np.array_equal(np.asarray(image), restored.to_array(8))
    wide = restore(np.zeros((10, 4001, 3), np.uint8), strength=0)
    with Image.open(io.BytesIO(wide._repr_png_())) as image:
        assert image.size == (1334, 4)


def test_a_mark_is_only_written_where_a_network_ran(restored, identity):
    assert b"DigitalSourceType" in restored.to_bytes(mark=True)
    assert b"DigitalSourceType" not in restored.to_bytes()
    decoded = restore(restored.to_bytes("jpeg"), model=identity, strength=0)
    assert b"DigitalSourceType" not in decoded.to_bytes(mark=True)
    assert repr(decoded) == "<Restored 40x30, ycbcr, 16 bits, decoded only>"


def test_pages_have_depths_and_marks_of_their_own(restored):
    import tifffile

    decoded = restore(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100, strength=0, bits=16)
    for first, second in ((restored, decoded), (decoded, restored)):
        stream = io.BytesIO()
        first.save(stream, format="tiff", append=[second], mark=True)
        with tifffile.TiffFile(io.BytesIO(stream.getvalue())) as file:
            for page, picture in zip(file.pages, (first, second), strict=True):
                marked = 700 in page.tags and b"DigitalSourceType" in bytes(page.tags[700].value)
                assert marked == (picture is restored)
                assert np.array_equal(page.asarray(), picture.to_array(picture.report.bits_read))


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" \
tiff:ImageWidth="{0}" tiff:ImageLength="{1}" exif:PixelXDimension="{0}" exif:PixelYDimension="{1}" \
tiff:Orientation="{2}" tiff:XResolution="{3}/1" tiff:YResolution="{4}/1"/></rdf:RDF></x:xmpmeta>"""


def properties(xmp):
    return dict(re.findall(r'\b((?:tiff|exif):\w+)="([^"]*)"', xmp))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
@pytest.mark.parametrize(("orientation", "kept"), [("apply", (32, 48, 1, 96, 72)), ("keep", (48, 32, 6, 72, 96))])
def test_sizes_in_the_xmp_of_a_tiff_are_those_of_the_result(draw, identity, compression, orientation, kept):
    """Those of the pixels as they are stored: exchanged where the orientation is applied."""
    stream = io.BytesIO()
    tags = {274: 6, 700: XMP.format(48, 32, 6, 72, 96).encode()}
    Image.fromarray(draw(32, 48)).save(stream, "TIFF", compression=compression, tiffinfo=tags, dpi=(72, 96))
    result = restore(stream.getvalue(), model=identity, strength=0, orientation=orientation)
    assert (result.width, result.height, result.metadata.orientation) == kept[:3]
    for format in ("png", "tiff", "jpeg", "webp", "avif"):
        with Image.open(io.BytesIO(result.to_bytes(format))) as image:
            found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
            text = found if isinstance(found, str) else found.decode()
        assert properties(text) == properties(XMP.format(*kept)), format


def test_says_what_it_is(restored):
    assert repr(restored) == "<Restored 40x30, ycbcr, 16 bits, by identity>"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_density_that_only_the_exif_states_reaches_formats_with_a_place_for_it(format, identity, draw, encode):
    exif = Image.Exif()
    exif[282], exif[283], exif[296], exif[0x0112] = 300.0, 150.0, 2, 6
    picture = restore(encode(draw(24, 40), format=format, exif=exif.tobytes()), model=identity)
    for name in ("tiff", "png"):
        with Image.open(io.BytesIO(picture.to_bytes(name))) as image:
            assert image.info["dpi"] == pytest.approx((150, 300), abs=0.1)
    assert picture.save(io.BytesIO(), format="webp") == ()  # it is in the EXIF


def test_a_density_a_centimetre_becomes_one_an_inch(restored):
    metadata = replace(restored.metadata, density=(100.0, 50.0, "dpcm"))
    image = Restored(restored.pixels, metadata, restored.report).to_image()
    assert image.info["dpi"] == pytest.approx((254, 127))
