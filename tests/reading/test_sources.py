"""Opening of pictures: all bits of their samples, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.jpeg.conftest import draw_picture, encode_picture
from tests.reading.conftest import chunks_of, save

from jpegmend import decoding
from jpegmend.decoding.pool import POOL
from jpegmend.errors import DamagedJpeg, InputError, NotAnImage, TooLarge, UnsupportedJpeg
from jpegmend.reading import open_source, read_bytes
from jpegmend.writing import png


def random_samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 65536, shape, np.uint16)


def interlaced(pixels: np.ndarray) -> bytes:
    """A 16-bit RGB PNG in the seven passes of Adam7 (PNG specification, 8.1), rows not filtered."""
    height, width, _ = pixels.shape
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b""
    for top, left, down, across in passes:
        part = pixels[top::down, left::across].astype(">u2")
        rows += b"".join(b"\0" + row.tobytes() for row in part) if part.size else b""
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 1)
    stream = io.BytesIO()
    stream.write(b"\x89PNG\r\n\x1a\n")
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        png._write_chunk(stream, name, body)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["png", "tiff"])
@pytest.mark.parametrize("shape", [(37, 53), (37, 53, 3), (37, 53, 4), (1, 1, 3)])
def test_what_is_written_with_16_bits_is_read_with_16_bits(format, shape):
    pixels = random_samples(*shape)
    opened = open_source(save(pixels, format))
    assert (opened.bits, opened.format, opened.height, opened.width) == (16, format, *shape[:2])
    assert np.array_equal(opened.values, pixels[..., :3] if len(shape) == 3 else pixels)
    if shape[2:] == (4,):
        assert np.array_equal(opened.alpha, pixels[..., 3])
    else:
        assert opened.alpha is None
    assert opened.warnings == ()


def test_a_large_picture_is_read_in_bands():
    pixels = random_samples(1200, 1100, 3)
    assert np.array_equal(open_source(save(pixels, "png")).values, pixels)


def test_interlaced_16_bits():
    pixels = random_samples(29, 21, 3)
    assert np.array_equal(open_source(interlaced(pixels)).values, pixels)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}], ids=str)
def test_tiffs_of_other_programs(order, channels, options):
    pixels, stream = random_samples(40, 33, channels), io.BytesIO()
    tifffile.imwrite(
        stream, pixels, photometric="rgb", byteorder=order, extrasamples=["unassalpha"] * (channels - 3), **options
    )
    opened = open_source(stream.getvalue())
    assert np.array_equal(opened.values, pixels[..., :3])
    assert channels == 3 or np.array_equal(opened.alpha, pixels[..., 3])


def test_16_bit_gray_with_alpha():
    pixels = random_samples(13, 17, 2)
    opened = open_source(chunks_of(pixels, 4))
    assert opened.bits == 16
    assert all(np.array_equal(opened.values[..., c], pixels[..., 0]) for c in range(3))
    assert np.array_equal(opened.alpha, pixels[..., 1])


@pytest.mark.parametrize("gray", [False, True])
def test_one_transparent_colour_of_16_bits(gray):
    pixels = random_samples(13, 17) if gray else random_samples(13, 17, 3)
    key = np.atleast_1d(pixels[4, 5]).astype(">u2").tobytes()
    opened = open_source(chunks_of(pixels, 0 if gray else 2, (b"tRNS", key)))
    assert (opened.alpha == 0).sum() == 1 and opened.alpha[4, 5] == 0
    assert opened.alpha.max() == 65535
    assert np.array_equal(opened.values[..., 0] if gray else opened.values, pixels)


def test_other_16_bit_samples_say_that_bits_are_lost():
    pixels, stream = random_samples(20, 20, 4), io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="separated")
    opened = open_source(stream.getvalue())
    assert opened.bits == 8
    assert any("8 bits" in warning for warning in opened.warnings)


def test_a_jpeg_is_its_levels():
    opened = open_source(encode_picture(draw_picture(45, 61), quality=35, progressive=True))
    assert (opened.format, opened.coding, opened.sampling) == ("jpeg", "progressive", "4:2:0")
    assert (opened.quality, opened.quality_exact, opened.bits, opened.lost) == (35, True, 8, 0)
    assert opened.has_tables and opened.values is None
    assert opened.bytes_held == sum(part.levels.size * 2 for part in opened.components)


def test_bytes_held_counts_alpha():
    opened = open_source(np.zeros((10, 20, 4), np.uint16))
    assert opened.bytes_held == 10 * 20 * 4 * 2
    assert not opened.has_tables


@pytest.mark.parametrize(("mode", "format"), [("1", "PNG"), ("1", "TIFF"), ("P", "PNG"), ("P", "GIF")])
def test_one_bit_and_palettes_keep_their_colours(mode, format):
    image, stream = Image.fromarray(draw_picture(20, 21)).convert(mode), io.BytesIO()
    image.save(stream, format)
    values = open_source(stream.getvalue()).values
    assert values.shape == ((20, 21) if mode == "1" else (20, 21, 3))
    assert np.array_equal(values, np.asarray(image.convert("L" if mode == "1" else "RGB")))


def test_a_layout_that_is_not_read_is_not_called_damage():
    stream = io.BytesIO()
    Image.fromarray(draw_picture(8, 8)).save(stream, "BMP")
    data = bytearray(stream.getvalue())
    data[28] = 64  # bits a pixel
    with pytest.raises(UnsupportedJpeg, match=r"Unsupported BMP pixel depth \(64\)"):
        open_source(bytes(data))


class Endless(io.RawIOBase):
    """A stream that never ends, of which no more than ``most`` bytes may be asked for."""

    def __init__(self, start: bytes, most: int) -> None:
        self._given, self._start, self._most = 0, start, most

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all of it"
        piece = self._start + bytes(size - len(self._start)) if not self._given else bytes(size)
        self._given += size
        assert self._given <= self._most, "a reader that does not stop would fill the memory"
        return piece


def test_a_stream_without_end_is_refused():
    with pytest.raises(NotAnImage):
        open_source(Endless(b"", 2 << 20))
    with pytest.raises(TooLarge, match="bytes"):
        read_bytes(Endless(b"\xff\xd8\xff", 66 << 20), max_pixels=1000)


def bomb(format: str, side: int) -> bytes:
    """A small file of one colour that claims side x side pixels."""
    stream = io.BytesIO()
    quick = {
        "PNG": {},
        "WEBP": {"lossless": True, "method": 0, "quality": 0},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    Image.new("L" if format == "PNG" else "RGB", (side, side)).save(stream, format, **quick.get(format, {}))
    return stream.getvalue()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_plain_formats_have_limits_of_memory_and_time(format, monkeypatch):
    from jpegmend.decoding import limits

    data = bomb(format, 4000)
    assert open_source(data).width == 4000
    with monkeypatch.context() as patch:
        patch.setattr(limits, "physical_memory", lambda: 600 << 20)
        with pytest.raises(TooLarge, match="half of this machine"):
            open_source(data)
    with monkeypatch.context() as patch:
        patch.setattr(limits, "_SLACK", 8 << 20)
        patch.setattr(limits, "_BYTES_PER_PIXEL", 0.1)
        with pytest.raises((TooLarge, DamagedJpeg)):
            open_source(data)
    with pytest.raises(TooLarge, match="claims 4000x4000"):
        open_source(data, max_pixels=15_999_999)
    with pytest.raises(DamagedJpeg, match="stopped after"):
        open_source(data, timeout=0.001)


def test_arrays_and_images_start_no_worker():
    decoding.close()
    open_source(draw_picture(8, 8))
    open_source(Image.fromarray(draw_picture(8, 8)))
    assert POOL.pids() == []
    open_source(save(draw_picture(8, 8), "png"))
    assert len(POOL.pids()) == 1
    decoding.close()
    assert POOL.pids() == []


def test_one_worker_for_every_format():
    decoding.close()
    picture = draw_picture(20, 20)
    open_source(encode_picture(picture))
    pids = POOL.pids()
    for format in ("png", "tiff", "webp", "jpeg"):
        open_source(save(picture, format))
    assert POOL.pids() == pids


@pytest.mark.parametrize("mode", ["P5", "P6"])
def test_pnm(mode):
    picture = draw_picture(11, 7)
    values = picture[..., 0] if mode == "P5" else picture
    opened = open_source(f"{mode}\n7 11\n255\n".encode() + values.tobytes())
    assert opened.format == "pnm"
    assert np.array_equal(opened.values, values)


def test_kinds_that_are_refused():
    stream = io.BytesIO()
    Image.new("F", (4, 4)).save(stream, "TIFF")
    with pytest.raises(UnsupportedJpeg, match="mode 'F'"):
        open_source(stream.getvalue())
    with pytest.raises(InputError):
        open_source("/no/such/file.jpg")


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_an_array_may_have_the_byte_order_of_a_file(kind, tmp_path):
    values = random_samples(20, 30, 3) if kind is np.uint16 else (random_samples(20, 30, 3) / 65535).astype(kind)
    tifffile.imwrite(tmp_path / "mapped.tif", values, byteorder=">", photometric="rgb")
    mapped = tifffile.memmap(tmp_path / "mapped.tif", mode="r")
    assert mapped.dtype.byteorder == ">"
    opened = open_source(mapped)
    assert opened.values.dtype == kind and np.array_equal(opened.values, values)


def test_nothing_is_no_picture():
    with pytest.raises(NotAnImage, match="^the file is empty; give a picture$"):
        open_source(b"")


def test_a_file_that_is_open_as_text_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_picture(draw_picture(16, 16)))
    with path.open(encoding="utf-8") as stream, pytest.raises(InputError, match="open as text.*binary mode, 'rb'"):
        read_bytes(stream)
