"""HEIC and JPEG XL by their plugins: pixels, metadata, sizes in headers, JPEG files inside, and their absence."""

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.jpeg.conftest import draw_picture, encode_picture

from jpegmend import decoding, restore
from jpegmend.decoding import plugins
from jpegmend.errors import DamagedJpeg, InvalidOption, MissingExtra, TooLarge, UnsupportedJpeg
from jpegmend.jpeg import Metadata, read_orientation
from jpegmend.reading import open_source
from jpegmend.writing import write


def save(format: str, pixels: np.ndarray, **options: object) -> bytes:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    else:
        pytest.importorskip("pillow_jxl")
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format, **options)
    return stream.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112], block[271] = orientation, "maker"
    return block.tobytes()


def test_heic_is_read_as_pillow_heif_reads_it_and_turned_once():
    pixels = draw_picture(48, 80)
    data = save("HEIF", pixels, quality=90, exif=exif(6), xmp=b"<x/>")
    opened = open_source(data)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(opened.values, np.asarray(image))
    assert (opened.format, opened.height, opened.width) == ("heic", 80, 48)
    assert opened.metadata.orientation == 1 and b"maker" in opened.metadata.exif and opened.metadata.xmp == b"<x/>"
    assert np.abs(opened.values.astype(int) - np.rot90(pixels, -1)).mean() < 10


def test_heic_of_10_bits_is_read_with_8_and_says_so():
    module = pytest.importorskip("pillow_heif")
    deep, stream = draw_picture(40, 56).astype(np.uint16) * 257, io.BytesIO()
    module.from_bytes(mode="RGB;16", size=(56, 40), data=deep.tobytes()).save(stream, quality=90)
    opened = open_source(stream.getvalue())
    assert opened.bits == 8 and opened.warnings == ("10-bit samples of this kind are read with 8 bits",)


@pytest.mark.parametrize("primary", [0, 1, 2])
def test_every_picture_of_a_heic_has_a_page_and_the_primary_one_is_the_first(primary):
    module = pytest.importorskip("pillow_heif")
    levels, stream = [40, 120, 200], io.BytesIO()
    file = module.HeifFile()
    for level in levels:
        file.add_from_pillow(Image.new("RGB", (16, 16), (level,) * 3))
    file.save(stream, quality=-1, primary_index=primary)
    found = [int(open_source(stream.getvalue(), page=page).values.mean().round()) for page in (1, 2, 3)]
    assert found == [levels.pop(primary), *levels]


@pytest.mark.parametrize("shape", [(40, 56, 3), (40, 56, 4), (40, 56)])
def test_lossless_jpeg_xl_is_read_bit_by_bit(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    opened = open_source(save("JXL", pixels, lossless=True, exif=exif(1)))
    assert np.array_equal(opened.values, pixels[..., :3] if len(shape) == 3 else pixels)
    assert shape[2:] != (4,) or np.array_equal(opened.alpha, pixels[..., 3])
    assert b"maker" in opened.metadata.exif and opened.format == "jpeg xl"


def test_the_orientation_in_the_exif_of_jpeg_xl_is_void():
    pixels = draw_picture(40, 56)
    opened = open_source(save("JXL", pixels, lossless=True, exif=exif(6)))
    assert np.array_equal(opened.values, pixels) and opened.metadata.orientation == 1
    assert b"maker" in opened.metadata.exif and read_orientation(opened.metadata.exif) == 1


def test_a_jpeg_file_inside_jpeg_xl_is_restored_as_the_jpeg_that_it_is():
    module = pytest.importorskip("pillow_jxl")
    jpeg = encode_picture(draw_picture(48, 80), quality=20)
    encoder = module.Encoder(mode="RGB", lossless=True, use_container=True, num_threads=0)
    opened = open_source(bytes(encoder(jpeg, 80, 48, jpeg_encode=True)))
    plain = open_source(jpeg)
    assert opened.quality == 20 and "holds a JPEG" in opened.warnings[0]
    for ours, theirs in zip(opened.components, plain.components, strict=True):
        assert np.array_equal(ours.levels, theirs.levels) and np.array_equal(ours.table, theirs.table)


def test_strict_holds_for_the_jpeg_file_inside_jpeg_xl(monkeypatch):
    jpeg = encode_picture(draw_picture(48, 80), quality=20)
    decode, cut = decoding.decode, np.frombuffer(jpeg[: -len(jpeg) // 4], np.uint8)
    inside = decoding.Decoded((cut,), {"file": "jpeg"}, "")
    monkeypatch.setattr(
        decoding, "decode", lambda kind, *given, **more: inside if kind == "jpeg xl" else decode(kind, *given, **more)
    )
    assert open_source(b"\xff\x0a").lost > 0
    with pytest.raises(DamagedJpeg, match="strict"):
        open_source(b"\xff\x0a", strict=True)


@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), container=st.booleans())
def test_the_size_in_a_jpeg_xl_header(tmp_path_factory, height, width, container):
    data = save("JXL", np.zeros((height, width), np.uint8), use_container=container, effort=1)
    file = tmp_path_factory.mktemp("jxl") / "x.jxl"
    file.write_bytes(data)
    assert plugins.read_jxl_header(str(file)) == (width, height, 8, False)


def boxes(codestream: bytes, *, before: int = 0, parts: int = 0) -> bytes:
    """A JPEG XL container (ISO/IEC 18181-2) with a box of ``before`` bytes, and the codestream in one box or parts."""

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    start = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"xml ", bytes(before))
    if not parts:
        return start + box(b"jxlc", codestream)
    pieces = [codestream[at : at + 3] for at in range(0, 3 * parts, 3)] + [codestream[3 * parts :]]
    numbers = [*range(parts), 1 << 31 | parts]
    return start + b"".join(
        box(b"jxlp", struct.pack(">I", number) + piece) for number, piece in zip(numbers, pieces, strict=True)
    )


@pytest.mark.parametrize("facts", [{}, {"before": 70_000}, {"parts": 3}], ids=str)
def test_the_size_is_checked_before_decoding(facts):
    data = save("JXL", np.zeros((300, 400), np.uint8), effort=1, use_container=False)
    data = boxes(data, **facts) if facts else data
    assert open_source(data).values.shape == (300, 400)
    with pytest.raises(TooLarge, match="400x300"):
        open_source(data, max_pixels=100_000)


def test_jpeg_xl_of_pixels_that_are_turned_when_it_is_written_states_their_sizes():
    """The encoder states no orientation. EXIF by Pillow's plugin, XMP as it stands in the file."""
    pytest.importorskip("pillow_jxl")
    block, packet = Image.Exif(), b'<x tiff:Orientation="6" tiff:ImageWidth="80" tiff:ImageLength="48"/>'
    block[0x0112] = 6
    block.get_ifd(0x8769).update({0xA002: 80, 0xA003: 48})
    carried = Metadata(exif=block.tobytes()[6:], xmp=packet, orientation=6)
    stream = io.BytesIO()
    said = write(draw_picture(48, 80), carried, stream, format="jxl")
    assert "turned" in said[0]
    with Image.open(io.BytesIO(stream.getvalue())) as written:
        inner = written.getexif().get_ifd(0x8769)
        assert written.size == (inner[0xA002], inner[0xA003]) == (48, 80)
    assert b'<x tiff:Orientation="1" tiff:ImageLength="80" tiff:ImageWidth="48"/>' in stream.getvalue()


DEEP = """
ff0a415040d12208040100bc004b2834267e464121400c78b2db1863740c7e558ce401bcbed80280a031cee39b609cc71fc8f09547676cfdf71bf01c
"""
ANIMATED = """
ff0a41044d00202608040100e0004b189bed4e6114144ca09c91e6188367b5c6513106671803b10718da955a00a061b6fe3739bbf9afd88a465f5d79ddf3
dc13db006905e40408040500fc004b28b06dbc4d8bc23d0505a3e6194b1163702806a7d0184c26bdc5608118463dc05067cf8fc517e7b7d3ebe682e1ad8d
356c66fdfd36482f997acc302ca8dc
"""
"""Pictures of 8x8 pixels by libjxl, which Pillow's plugin does not write: of 10 bits a sample, and of two frames."""


@pytest.mark.parametrize(
    ("data", "said"), [(DEEP, "10-bit samples"), (ANIMATED, "last frame")], ids=["deep", "animated"]
)
def test_what_is_lost_of_a_jpeg_xl_is_said(data, said):
    pytest.importorskip("pillow_jxl")
    (warning,) = open_source(bytes.fromhex(data)).warnings
    assert said in warning


def test_a_page_that_jpeg_xl_does_not_have():
    data = save("JXL", np.zeros((16, 16), np.uint8), effort=1)
    with pytest.raises(InvalidOption, match="1 page; there is no page 2"):
        open_source(data, page=2)


@pytest.mark.parametrize("data", [b"\xff\x0a" + bytes(40), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)])
def test_broken_jpeg_xl_is_an_input_error(data):
    pytest.importorskip("pillow_jxl")
    with pytest.raises(DamagedJpeg, match="cut short or damaged") as caught:
        open_source(data)
    assert "build" not in str(caught.value)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


@pytest.mark.parametrize(("data", "name"), [(HEIC, "pillow-heif"), (b"\xff\x0a" + bytes(40), "pillow-jxl")])
def test_without_the_plugin_the_message_names_the_extra(data, name, monkeypatch, tmp_path):
    for module in ("pillow_heif", "pillow_jxl"):
        (tmp_path / f"{module}.py").write_text("raise ModuleNotFoundError('not installed')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    decoding.close()
    try:
        with pytest.raises(UnsupportedJpeg, match=rf'{name}.*pip install "jpegmend\[formats\]"'):
            open_source(data)
    finally:
        decoding.close()


@pytest.mark.parametrize("format", ["avif", "jxl"])
@pytest.mark.parametrize("shape", [(40, 56, 3), (40, 56, 4), (40, 56)])
def test_results_as_avif_and_jpeg_xl(format, shape):
    if format == "jxl":
        pytest.importorskip("pillow_jxl")
    pixels = draw_picture(40, 56)
    pixels = pixels[..., 0] if len(shape) == 2 else np.dstack([pixels, pixels[..., 1]])[..., : shape[2]]
    stream = io.BytesIO()
    write(pixels, Metadata(exif=exif(1)[6:], xmp=b"<x/>"), stream, format=format, quality=100)
    opened = open_source(stream.getvalue())
    found = opened.values if opened.values.ndim == 3 else opened.values[..., None]
    wanted = pixels[..., :3] if pixels.ndim == 3 else pixels[..., None]
    assert np.abs(found.astype(int) - wanted).max() <= (0 if format == "jxl" else 4)
    assert opened.metadata.xmp == b"<x/>" and b"maker" in opened.metadata.exif


def test_jpeg_xl_turns_pixels_whose_orientation_it_cannot_state():
    pytest.importorskip("pillow_jxl")
    pixels, stream = draw_picture(40, 56), io.BytesIO()
    (lost,) = write(pixels, Metadata(exif=exif(6)[6:], orientation=6), stream, format="jxl", quality=100)
    assert "pixels are turned" in lost
    opened = open_source(stream.getvalue())
    assert np.array_equal(opened.values, np.rot90(pixels, -1)) and opened.metadata.orientation == 1


def test_avif_keeps_the_profile_and_jpeg_xl_converts_to_srgb(draw_p3):
    pixels, icc = draw_p3
    stream = io.BytesIO()
    assert write(pixels, Metadata(icc=icc), stream, format="avif") == ()
    assert open_source(stream.getvalue()).metadata.icc == icc
    pytest.importorskip("pillow_jxl")
    shown, converted = io.BytesIO(), io.BytesIO()
    (lost,) = write(pixels, Metadata(icc=icc), shown, format="jxl", quality=100)
    assert "converted to sRGB" in lost
    write(pixels, Metadata(icc=icc), converted, format="png", srgb=True)
    assert np.array_equal(open_source(shown.getvalue()).values, open_source(converted.getvalue()).values)


@pytest.fixture
def draw_p3() -> tuple[np.ndarray, bytes]:
    """A picture, and a profile that is not sRGB: Pillow makes no RGB one, so sRGB's red and green change places."""
    from PIL import ImageCms

    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = icc.index(b"rXYZ"), icc.index(b"gXYZ")
    icc[red], icc[green] = icc[green], icc[red]
    return draw_picture(24, 24), bytes(icc)


def test_without_an_encoder_nothing_is_begun(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="formats"):
        restore(draw_picture(16, 16), strength=0).save(io.BytesIO(), format="jxl")
    done = subprocess.run(
        [sys.executable, "-c", "import jpegmend.formats, sys; print('PIL' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
