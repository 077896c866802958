"""Written files, read back by Pillow and tifffile."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from tests.writing.test_png import read_chunks, unfilter

from jpegmend.errors import InvalidOption, OutputError
from jpegmend.formats import WRITTEN
from jpegmend.jpeg import Metadata
from jpegmend.writing import files

SHAPES = [(13, 17), (13, 17, 3), (13, 17, 4)]
NOTHING = Metadata()


def some_pixels(shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def open_picture(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))  # of a path, Pillow keeps the file open


@pytest.fixture(scope="module")
def rgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def carried(rgb_profile) -> Metadata:
    exif = Image.Exif()
    exif[271], exif[272], exif[315] = "Maker", "Model 1", "An Artist"
    exif.get_ifd(0x8769)[0x829A] = 0.01  # exposure time, in a directory that TIFF gets nothing of
    return Metadata(
        icc=rgb_profile,
        exif=exif.tobytes().removeprefix(b"Exif\0\0"),
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>h\xc3\xa4</x:xmpmeta>",
        comments=(b"first", "zweit\u00e4 \u6e2f".encode()),
        density=(300, 150, "dpi"),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_lossless_formats_keep_every_bit(shape, dtype, suffix, tmp_path):
    pixels = some_pixels(shape, dtype)
    path = tmp_path / f"picture{suffix}"
    assert files.write(pixels, NOTHING, path) == ()
    if suffix == ".tif":
        assert np.array_equal(tifffile.imread(path), pixels)
    elif dtype == np.uint8 or len(shape) == 2:
        assert np.array_equal(np.asarray(open_picture(path)), pixels)
    else:  # Pillow reads only the upper byte of 16-bit colour
        samples = shape[2]
        found = unfilter(path.read_bytes(), shape[0], shape[1] * samples * 2, samples * 2)
        assert np.array_equal(found.view(">u2").reshape(shape), pixels)
        assert np.array_equal(np.asarray(open_picture(path)), pixels >> 8)


def test_png_carries_everything(carried, tmp_path):
    path = tmp_path / "a.png"
    assert files.write(some_pixels((9, 8, 3)), carried, path) == ()
    image = open_picture(path)
    image.load()
    assert image.info["icc_profile"] == carried.icc
    assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02)
    assert image.getexif()[272] == "Model 1"
    assert image.getexif().get_ifd(0x8769)[0x829A] == pytest.approx(0.01)
    chunks = read_chunks(path.read_bytes())
    assert (b"eXIf", carried.exif) in chunks
    assert (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + carried.xmp) in chunks
    assert (b"tEXt", b"Comment\0first") in chunks
    assert (b"iTXt", b"Comment\0\0\0\0\0" + carried.comments[1]) in chunks
    names = [name for name, _ in chunks]
    assert max(names.index(name) for name in (b"iCCP", b"pHYs", b"eXIf")) < names.index(b"IDAT")


@pytest.mark.parametrize(
    ("density", "expected"),
    [((300, 300, "dpi"), (11811, 11811, 1)), ((118, 59, "dpcm"), (11800, 5900, 1)), ((2, 1, "aspect"), (2, 1, 0))],
)
def test_png_density(density, expected):
    stream = io.BytesIO()
    files.write(some_pixels((2, 2)), Metadata(density=density), stream)
    assert struct.unpack(">IIB", dict(read_chunks(stream.getvalue()))[b"pHYs"]) == expected


def test_tiff_carries_what_it_can_and_says_what_not(carried, tmp_path):
    path = tmp_path / "a.tiff"
    (said,) = files.write(some_pixels((9, 8, 3), np.uint16), carried, path)
    assert "EXIF" in said
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        assert bytes(tags[34675].value) == carried.icc
        assert bytes(tags[700].value) == carried.xmp
        assert (tags[271].value, tags[272].value, tags[315].value) == ("Maker", "Model 1", "An Artist")
        assert tags[282].value == (300, 1)
        assert tags[283].value == (150, 1)
        assert tags[296].value == 2
        assert "first" in tags[270].value
    assert open_picture(tmp_path / "a.tiff").info["icc_profile"] == carried.icc


def test_texts_keep_their_letters_in_every_format(tmp_path):
    name = "Jürgen 港".encode()
    exif = Image.Exif()
    exif[315], exif[274] = name, 1
    exif.get_ifd(0x8769)[0xA433] = name
    exif[0x8769] = exif.get_ifd(0x8769)
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    for format in ("png", "webp", "jpeg", "avif", "tiff"):
        path = tmp_path / f"a.{format}"
        files.write(some_pixels((16, 16, 3)), Metadata(exif=block), path, format=format, overwrite=True)
        assert path.read_bytes().count(name + b"\0") == (1 if format == "tiff" else 2), format
    old = exif.tobytes().removeprefix(b"Exif\0\0").replace(name, "Jürgen".encode("latin-1").ljust(len(name), b" "))
    files.write(some_pixels((16, 16, 3)), Metadata(exif=old), tmp_path / "b.tiff")
    assert "Jürgen".encode() in (tmp_path / "b.tiff").read_bytes()


def test_tiff_without_more_exif_loses_nothing(tmp_path):
    exif = Image.Exif()
    exif[271], exif[274] = "Maker", 6
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    path = tmp_path / "a.tif"
    assert files.write(some_pixels((9, 8)), Metadata(exif=block, orientation=6), path) == ()
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].tags[274].value == 6


@pytest.mark.parametrize(
    "block", [b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"nonsense", b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0"]
)
def test_tiff_survives_broken_exif(block):
    stream = io.BytesIO()
    files.write(some_pixels((9, 8)), Metadata(exif=block), stream, format="tiff")
    assert tifffile.imread(io.BytesIO(stream.getvalue())).shape == (9, 8)


@pytest.mark.parametrize(
    ("block", "lost"), [(b"II*\0", True), (b"MM\0*\0\0\0\x08\xff\xff", False), (b"nonsense", True)]
)
@pytest.mark.parametrize("name", ["png", "webp", "jpeg", "avif"])
def test_a_broken_exif_prevents_no_picture(name, block, lost):
    stream = io.BytesIO()
    said = files.write(some_pixels((16, 24, 3)), Metadata(exif=block, orientation=6), stream, format=name)
    with warnings.catch_warnings(action="ignore"):  # Pillow's, of the block
        assert Image.open(stream).size in ((24, 16), (16, 24))
    assert (lost and name == "avif") == any("EXIF, which is damaged" in text for text in said)


def test_jpeg_carries_everything(carried, tmp_path):
    path = tmp_path / "a.jpg"
    assert files.write(some_pixels((16, 24, 3)), carried, path, quality=90) == ()
    image = open_picture(path)
    assert image.info["icc_profile"] == carried.icc
    assert image.info["dpi"] == (300, 150)
    assert image.info["xmp"] == carried.xmp
    assert image.info["comment"] == b"\n".join(carried.comments)
    assert image.getexif()[315] == "An Artist"
    assert all(layer[1:3] == (1, 1) for layer in image.layer)
    twin = io.BytesIO()
    Image.new("L", (8, 8)).save(twin, "JPEG", quality=90)
    assert image.quantization[0] == Image.open(twin).quantization[0]


@pytest.mark.parametrize("quality", [95, 100])
def test_jpeg_takes_noise_and_dithering(quality):
    # More than two bytes a pixel, which Pillow's encoder has no buffer for where it optimises.
    coarse = np.random.default_rng(0).integers(0, 2, (256, 256, 3)).astype(np.uint8) * 255
    stream = io.BytesIO()
    files.write(coarse, NOTHING, stream, format="jpeg", quality=quality)
    assert len(stream.getvalue()) > 2 * 256 * 256
    with Image.open(stream) as written:
        assert np.abs(np.asarray(written).astype(int) - coarse).mean() < 10


def test_jpeg_says_what_does_not_fit():
    huge = Metadata(exif=b"II*\0" + bytes(70_000), xmp=b" " * 70_000, density=(2, 1, "aspect"))
    stream = io.BytesIO()
    said = files.write(some_pixels((8, 8, 3)), huge, stream, format="jpeg")
    assert [word for word in ("EXIF", "XMP", "aspect") if not any(word in text for text in said)] == []
    assert Image.open(stream).size == (8, 8)


@pytest.mark.parametrize(("density", "kept"), [((65535, 600, "dpi"), True), ((70_000, 70_000, "dpi"), False)])
def test_a_density_that_jpeg_has_no_room_for_is_left_out(density, kept):
    stream = io.BytesIO()
    said = files.write(some_pixels((8, 8, 3)), Metadata(density=density), stream, format="jpeg")
    assert Image.open(stream).info.get("dpi") == (density[:2] if kept else None)
    assert kept == (said == ()) and (kept or "density (70000 x 70000 dpi" in said[0])


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_pixels_that_are_no_squares_are_told_where_the_format_cannot_say_so(name):
    for density, said in (((2, 1, "aspect"), ("the pixel aspect ratio",)), ((1, 1, "aspect"), ())):
        pixels, metadata = some_pixels((16, 24, 3)), Metadata(density=density)
        assert files.write(pixels, metadata, io.BytesIO(), format=name) == said


@pytest.mark.parametrize("name", ["webp", "avif"])
def test_a_gray_profile_is_left_out_where_gray_becomes_rgb(name):
    gray = bytearray(128)
    gray[16:20] = b"GRAY"
    stream = io.BytesIO()
    (said,) = files.write(some_pixels((16, 24)), Metadata(icc=bytes(gray)), stream, format=name)
    assert "for gray" in said and Image.open(stream).info.get("icc_profile") is None


def test_webp_carries_profile_exif_xmp(carried, tmp_path):
    path = tmp_path / "a.webp"
    said = files.write(some_pixels((16, 24, 3)), carried, path)
    assert any("comments" in text for text in said)
    assert any("density" in text for text in said)
    image = open_picture(path)
    assert image.info["icc_profile"] == carried.icc
    assert image.info["xmp"] == carried.xmp
    assert image.getexif()[271] == "Maker"


@pytest.mark.parametrize("shape", SHAPES)
def test_webp_of_quality_100_is_lossless(shape):
    pixels, stream = some_pixels(shape), io.BytesIO()
    pixels[:5, ..., -1] = 0  # with alpha: transparent, whose colours are kept too
    files.write(pixels, NOTHING, stream, format="webp", quality=100)
    found = np.asarray(Image.open(stream))
    assert np.array_equal(found if len(shape) == 3 else found[..., 0], pixels)


@pytest.mark.parametrize("name", ["png", "tiff", "webp", "jpeg"])
def test_strip_drops_all(name, carried):
    stripped, bare = io.BytesIO(), io.BytesIO()
    pixels = some_pixels((16, 24, 3))
    assert files.write(pixels, carried, stripped, format=name, strip="all") == ()
    files.write(pixels, NOTHING, bare, format=name)
    assert stripped.getvalue() == bare.getvalue()


@pytest.mark.parametrize("name", ["png", "tiff", "webp", "jpeg"])
def test_profile_of_another_colour_is_left_out(name, carried):
    stream = io.BytesIO()
    said = files.write(some_pixels((16, 24)), Metadata(icc=carried.icc), stream, format=name)
    assert any("ICC" in text for text in said)
    assert "icc_profile" not in Image.open(stream).info


def test_extended_xmp_is_said_to_be_lost():
    for name in ("png", "tiff", "webp", "jpeg"):
        said = files.write(some_pixels((8, 8, 3)), Metadata(extended_xmp=b"x"), io.BytesIO(), format=name)
        assert any("extended" in text for text in said), name


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_alpha_that_is_opaque_everywhere_is_no_hindrance_to_jpeg(kind):
    """Programs that take screenshots write such PNGs."""
    pixels = some_pixels((24, 40, 4), kind)
    pixels[..., 3] = np.iinfo(kind).max
    found, expected = io.BytesIO(), io.BytesIO()
    files.write(pixels, NOTHING, found, format="jpeg", bits=8)
    files.write(pixels[..., :3], NOTHING, expected, format="jpeg", bits=8)
    assert found.getvalue() == expected.getvalue()


class TestRefusals:
    @pytest.mark.parametrize("name", ["webp", "jpeg"])
    def test_sixteen_bits(self, name, tmp_path):
        with pytest.raises(OutputError, match="png or tiff"):
            files.write(some_pixels((8, 8)), NOTHING, tmp_path / f"a.{name}", bits=16)
        assert list(tmp_path.iterdir()) == []

    def test_transparency_in_jpeg(self):
        pixels = np.full((8, 8, 4), 255, np.uint8)
        pixels[7, 7, 3] = 254
        with pytest.raises(OutputError, match="transparency"):
            files.write(pixels, NOTHING, io.BytesIO(), format="jpeg")

    @pytest.mark.parametrize(("width", "name"), [(16384, "webp"), (32769, "avif"), (65501, "jpeg")])
    def test_too_wide(self, width, name):
        with pytest.raises(OutputError, match=str(width)):
            files.write(np.zeros((1, width), np.uint8), NOTHING, io.BytesIO(), format=name)

    @pytest.mark.parametrize("name", ["webp", "avif", "jpeg"])
    def test_the_widest_can_be_read(self, name):
        stream = io.BytesIO()
        files.write(np.zeros((1, WRITTEN[name].largest), np.uint8), NOTHING, stream, format=name)
        with Image.open(stream) as image:
            image.load()

    @pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)])
    def test_other_arrays(self, pixels):
        with pytest.raises(OutputError, match="uint8 or uint16"):
            files.write(pixels, NOTHING, io.BytesIO())

    @pytest.mark.parametrize("options", [{"bits": 12}, {"quality": 0}, {"quality": 101}])
    def test_options(self, options):
        with pytest.raises(InvalidOption):
            files.write(some_pixels((4, 4)), NOTHING, io.BytesIO(), **options)

    @pytest.mark.parametrize(("name", "format"), [("a.gif", None), ("a", None), ("a.png", "gif"), ("a.png", "tiff")])
    def test_formats(self, name, format):
        with pytest.raises(OutputError):
            files.find_format(Path(name), format)

    def test_a_format_names_a_file_without_suffix(self, tmp_path):
        files.write(some_pixels((4, 4)), NOTHING, str(tmp_path / "bare"), format="webp")
        assert open_picture(tmp_path / "bare").format == "WEBP"
