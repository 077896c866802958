"""Metadata of opened pictures: orientation, resolution, EXIF, texts."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin, TiffImagePlugin, TiffTags
from tests.jpeg.conftest import draw_picture
from tests.reading.conftest import chunks_of, save

from jpegmend import inspect, restore
from jpegmend.errors import InvalidOption
from jpegmend.jpeg import read_orientation
from jpegmend.reading import open_source


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_tiff_is_read_as_stored_and_turned_once(orientation):
    """With the density of its sides: 300 by 150 pixels an inch become 150 by 300 where rows become columns."""
    from PIL import ImageOps

    picture = draw_picture(24, 40)
    for deep in (False, True):
        stored = picture.astype(np.uint16) * 257 if deep else picture
        data = save(stored, "tiff", orientation=orientation, density=(300, 150, "dpi"))
        upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        opened = open_source(data)
        assert opened.metadata.orientation == orientation
        assert np.array_equal(opened.values, stored)
        restored, kept = (restore(data, strength=0.0, orientation=asked) for asked in ("apply", "keep"))
        assert np.array_equal(restored.to_array(8), upright) and np.array_equal(kept.to_array(8), picture)
        assert restored.metadata.density == ((150, 300, "dpi") if orientation > 4 else (300, 150, "dpi"))
        assert kept.metadata.orientation == read_orientation(kept.metadata.exif) == orientation
        assert read_orientation(restored.metadata.exif) == restored.metadata.orientation == 1
        assert inspect(data).metadata.get("orientation", "1") == str(orientation)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "I;16"])
def test_an_uncompressed_tiff_on_its_side_is_turned(mode, tmp_path):
    """Pillow maps such files into memory, with rows of a wrong length."""
    gray = draw_picture(24, 40)[..., 2]
    pixels = Image.fromarray(gray.astype(np.uint16) * 257 if mode == "I;16" else gray)
    picture = pixels if mode == "I;16" else pixels.convert(mode)
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(tmp_path / "flat.tif")
    picture.save(tmp_path / "side.tif", exif=turned)
    stored = open_source(tmp_path / "flat.tif").values
    opened, upright = open_source(tmp_path / "side.tif"), np.rot90(stored, -1)
    assert np.array_equal(opened.values, stored) and opened.metadata.orientation == 6
    opened = open_source(Image.open(tmp_path / "side.tif"))
    assert np.array_equal(opened.values, upright) and opened.metadata.orientation == 1


def test_metadata_that_makes_no_sense_costs_no_picture():
    picture = draw_picture(20, 20)
    exif = b"MM\0*\0\0\0\x08\xff\xff nothing of the kind"
    for source in (chunks_of(picture.astype(np.uint16), 2, (b"eXIf", exif)), save(picture, "webp", exif=exif)):
        assert open_source(source).height == 20
    exif = b"no structure"
    for source in (chunks_of(picture.astype(np.uint16), 2, (b"eXIf", exif)), save(picture, "webp", exif=exif)):
        opened = open_source(source)
        assert opened.metadata.exif is None and "the exif in the file is invalid and is left out" in opened.warnings
    image = Image.fromarray(picture)
    image.info["dpi"] = (float("nan"), 0)
    image.info["exif"] = exif
    opened = open_source(image)
    assert np.array_equal(opened.values, picture)
    assert opened.metadata.density is None
    with pytest.raises(InvalidOption, match="empty"):
        open_source(Image.new("RGB", (0, 0)))


@pytest.mark.parametrize(("most", "kept"), [(1 << 24, (1 << 24, 1 << 24, "dpi")), ((1 << 32) - 1, None)])
def test_a_density_beyond_reason_is_left_out(most, kept):
    stream = io.BytesIO()
    tifffile.imwrite(stream, draw_picture(20, 20), photometric="rgb", resolution=(most, most))
    opened = open_source(stream.getvalue())
    assert opened.metadata.density == kept
    assert (kept is None) == any("the density in the file is invalid" in warning for warning in opened.warnings)
    assert save(opened.values, "png", density=opened.metadata.density)


def test_a_resolution_of_0_to_0_and_an_orientation_in_letters_cost_no_picture():
    picture, stream = draw_picture(20, 20), io.BytesIO()
    tifffile.imwrite(stream, picture, photometric="rgb", resolution=(72, 72))
    tags = tifffile.TiffFile(io.BytesIO(stream.getvalue())).pages[0].tags
    tiff = bytearray(stream.getvalue())
    for name in ("XResolution", "YResolution"):
        tiff[tags[name].valueoffset : tags[name].valueoffset + 8] = bytes(8)
    letters = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0"
    for source, left_out in ((bytes(tiff), "density"), (save(picture, "webp", exif=letters), "orientation")):
        opened = open_source(source)
        assert opened.height == 20 and opened.metadata.orientation == 1
        assert [warning for warning in opened.warnings if f"the {left_out} in the file is invalid" in warning]


def test_the_exif_of_a_tiff_has_neither_its_xmp_nor_its_profile_nor_what_photoshop_keeps():
    xmp, profile = b"<x:xmpmeta>exif:GPSLatitude</x:xmpmeta>", b"a profile"
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    layers = {34377: b"8BIM a preview", 37724: b"Adobe Photoshop layers", 50255: b"annotations"}
    for tag, value in {700: xmp, **layers}.items():
        tags[tag], tags.tagtype[tag] = value, TiffTags.UNDEFINED if tag != 700 else TiffTags.BYTE
    tags[315] = "an artist"
    stream = io.BytesIO()
    Image.fromarray(draw_picture(16, 16)).save(stream, "TIFF", tiffinfo=tags, icc_profile=profile)
    metadata = open_source(stream.getvalue()).metadata
    assert (metadata.xmp, metadata.icc) == (xmp, profile)
    assert b"an artist" in metadata.exif
    assert not [each for each in (xmp, profile, *layers.values()) if each in metadata.exif]
    exif = Image.Exif()
    exif.load(metadata.exif)
    assert dict(exif) == {315: "an artist"}


@pytest.mark.parametrize("page", [1, 2])
def test_the_exif_of_a_big_tiff_has_the_form_that_readers_of_exif_know(page):
    given, exif, stream = Image.Exif(), Image.Exif(), io.BytesIO()
    given[315] = "an artist"
    given[0x8769] = {0x9003: "2001:02:03 04:05:06"}
    exif.load(given.tobytes())  # Pillow writes no directory of one that was not loaded
    picture = Image.fromarray(draw_picture(16, 16))
    picture.save(stream, "TIFF", big_tiff=True, exif=exif, save_all=True, append_images=[picture])
    again = Image.Exif()
    again.load(open_source(stream.getvalue(), page=page).metadata.exif)
    assert again[315] == "an artist"
    assert again.get_ifd(0x8769) == {0x9003: "2001:02:03 04:05:06"}


@pytest.mark.parametrize(("options", "density"), [({}, None), ({"dpi": (300, 150)}, (300, 150, "dpi"))])
def test_a_tiff_without_a_resolution_gets_none(options, density):
    stream = io.BytesIO()
    Image.fromarray(draw_picture(16, 16)).save(stream, "TIFF", **options)
    assert open_source(stream.getvalue()).metadata.density == density


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_pixels_that_are_no_squares_stay_so(form):
    picture = draw_picture(16, 16)
    for density, kept in (((2, 1, "aspect"), (2, 1, "aspect")), ((72, 72, "aspect"), None)):
        assert open_source(save(picture, form, density=density)).metadata.density == kept


def png_with(**chunks: bytes) -> bytes:
    texts = PngImagePlugin.PngInfo()
    for name, body in chunks.items():
        texts.add(name.encode(), body)
    stream = io.BytesIO()
    Image.fromarray(draw_picture(16, 16)).save(stream, "PNG", pnginfo=texts)
    return stream.getvalue()


def primaries(green_x: int) -> bytes:
    return struct.pack(">8I", 31270, 32900, 64000, 33000, green_x, 60000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ({"gAMA": struct.pack(">I", 45455), "cHRM": primaries(30000)}, False),
        ({"gAMA": struct.pack(">I", 100_000)}, True),
        ({"gAMA": struct.pack(">I", 100_000), "sRGB": b"\0"}, False),
        ({"cHRM": primaries(21000)}, True),
        ({"tEXt": b"Title\0" + b"a" * 100_000, "cICP": bytes([9, 16, 0, 1])}, True),
        ({"cICP": bytes([1, 13, 0, 1])}, False),
    ],
    ids=["srgb", "linear", "srgb after all", "adobe", "bt.2020 by numbers", "srgb by numbers"],
)
def test_colours_of_a_png_that_no_profile_carries_on_are_told(chunks, said):
    assert any("other than sRGB" in warning for warning in open_source(png_with(**chunks)).warnings) == said


@pytest.mark.parametrize(("numbers", "said"), [((1, 13), False), ((12, 13), True), ((9, 16), True)], ids=str)
@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_colours_of_an_avif_or_heic_that_no_profile_carries_on_are_told(format, numbers, said):
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    stream = io.BytesIO()
    Image.fromarray(draw_picture(16, 16)).save(stream, format)
    head, box, rest = stream.getvalue().partition(b"colrnclx")
    assert box
    data = head + box + struct.pack(">HH", *numbers) + rest[4:]
    assert any("other than sRGB" in warning for warning in open_source(data).warnings) == said


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF", "TIFF", "opened by Pillow"])
def test_xmp_of_any_format_no_longer_states_a_film_that_the_result_lacks(form):
    lead, tail = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" ', b'x:xmptk="a"/>'
    stated = lead + b'xmlns:C="http://ns.google.com/photos/1.0/camera/" C:MotionPhoto="1" ' + tail
    broken = stated.replace(b"/>", b"><C:Directory></x:xmpmeta>")
    cases = ((stated, lead + tail, "says of it"), (broken, None, "could not be kept"), (lead + tail, lead + tail, ""))
    for xmp, kept, end in cases:
        data = save(draw_picture(16, 16), form.lower() if form.isupper() else "png", xmp=xmp)
        opened = open_source(data if form.isupper() else Image.open(io.BytesIO(data)))
        assert opened.metadata.xmp == kept
        assert [note[-len(end) :] for note in opened.warnings] == ([end] if xmp != kept else [])


def test_of_several_comments_of_a_png_one_is_kept_and_told():
    """As this package writes those of a JPEG."""
    comments = (b"one", b"two", b"\xe6\xb8\xaf")
    opened = open_source(save(draw_picture(16, 16), "png", comments=comments))
    assert opened.metadata.comments == comments[-1:]
    assert opened.warnings == ("of the 3 comments of the PNG one is kept",)


def test_texts_of_a_png_that_are_not_carried_on_are_told():
    texts = PngImagePlugin.PngInfo()
    for keyword in ("Title", "Comment", "Software", "date:create"):
        texts.add_text(keyword, "words")
    texts.add_itxt("Copyright", "\u00a9")
    stream = io.BytesIO()
    Image.fromarray(draw_picture(16, 16)).save(stream, "PNG", pnginfo=texts)
    opened = open_source(stream.getvalue())
    assert opened.metadata.comments == (b"words",)
    assert opened.warnings == ("texts of the PNG are left out: Title, Copyright",)
