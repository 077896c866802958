"""Samples that Pillow reads in part, or not as they are meant, and unusual Pillow images."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from tests.jpeg.conftest import draw_picture
from tests.restoration.cmyk_profile import make_profile

from jpegmend import writing
from jpegmend.decoding import limits
from jpegmend.errors import DamagedJpeg, NotAnImage, TooLarge, UnsupportedJpeg
from jpegmend.jpeg import Metadata
from jpegmend.reading import open_source
from jpegmend.writing import png


def random_samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 65536, shape, np.uint16)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_both_bytes_of_a_sample_are_those_of_the_page(options):
    pages, stream = (random_samples(20, 24, 3), random_samples(11, 30, 3), random_samples(20, 24, 4)), io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", metadata=None, **options)
    for number, page in enumerate(pages, 1):
        opened = open_source(stream.getvalue(), page=number)
        assert np.array_equal(opened.values, page[..., :3])
        assert page.shape[2] == 3 or np.array_equal(opened.alpha, page[..., 3])


def test_signed_samples_are_refused():
    """Pillow gives 149 for -107; and int16 below 0 has no place in 0..65535."""
    for kind, words in ((np.int8, "signed 8-bit samples"), (np.int16, "outside 0..65535")):
        stream = io.BytesIO()
        tifffile.imwrite(stream, np.full((20, 24), -107, kind), photometric="minisblack")
        with pytest.raises(UnsupportedJpeg, match=words):
            open_source(stream.getvalue())


@pytest.mark.parametrize("profile", [None, make_profile(), b"nonsense" * 40], ids=["none", "printer", "no profile"])
def test_cmyk_becomes_rgb_by_its_profile(profile):
    inks, stream = Image.fromarray(draw_picture(24, 40)).convert("CMYK"), io.BytesIO()
    inks.save(stream, "TIFF", icc_profile=profile)
    opened = open_source(stream.getvalue())
    expected = inks.convert("RGB")
    if profile == make_profile():
        managed = ImageCms.profileToProfile(inks, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert np.abs(np.asarray(managed).astype(int) - expected).mean() > 10, "the profile changes nothing"
        expected = managed
    assert np.array_equal(opened.values, np.asarray(expected))
    assert opened.metadata.icc is None
    (said,) = opened.warnings
    wanted = {None: "without a colour profile", make_profile(): "by the file's ICC profile"}
    assert wanted.get(profile, "could not be used and is dropped") in said


def test_levels_of_cmyk_keep_its_profile():
    """JPEG data in a TIFF stay CMYK, and are converted after they were restored."""
    inks, stream = Image.fromarray(draw_picture(24, 40)).convert("CMYK"), io.BytesIO()
    inks.save(stream, "TIFF", compression="jpeg", icc_profile=make_profile())
    opened = open_source(stream.getvalue())
    assert opened.colour == "cmyk" and opened.metadata.icc == make_profile()


def animated(frames: list[np.ndarray]) -> bytes:
    """An animated PNG of 16-bit RGB frames of one size (PNG specification, third edition, 11.3.6)."""
    height, width, _ = frames[0].shape
    stream = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    stream.seek(0, io.SEEK_END)
    png._write_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    png._write_chunk(stream, b"acTL", struct.pack(">II", len(frames), 0))
    for number, frame in enumerate(frames):
        rows = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in frame))
        control = struct.pack(">IIIIIHHBB", max(0, 2 * number - 1), width, height, 0, 0, 1, 1, 0, 0)
        png._write_chunk(stream, b"fcTL", control)
        name, order = (b"fdAT", struct.pack(">I", 2 * number)) if number else (b"IDAT", b"")
        png._write_chunk(stream, name, order + rows)
    png._write_chunk(stream, b"IEND", b"")
    return stream.getvalue()


def test_a_later_frame_of_a_png_has_8_bits_and_says_so():
    frames = [random_samples(9, 14, 3), random_samples(9, 14, 3)[::-1]]
    data = animated(frames)
    assert np.array_equal(open_source(data, page=1).values, frames[0])
    second = open_source(data, page=2)
    assert second.bits == 8 and np.array_equal(second.values, frames[1] >> 8)
    assert any("8 bits" in warning for warning in second.warnings)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_gray_with_white_at_0_is_turned_around(kind, options):
    pixels, stream = (random_samples(20, 24) >> (8 if kind is np.uint8 else 0)).astype(kind), io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="miniswhite", metadata=None, **options)
    expected = np.iinfo(kind).max - pixels
    assert np.array_equal(open_source(stream.getvalue()).values, expected)
    if kind is np.uint16:
        assert np.array_equal(open_source(Image.open(stream)).values, expected)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("rows", [None, 7])
def test_16_bits_with_a_plane_for_each_colour(order, channels, rows):
    pixels, stream = random_samples(channels, 20, 24), io.BytesIO()
    options = {"photometric": "rgb", "planarconfig": "separate", "byteorder": order, "rowsperstrip": rows}
    tifffile.imwrite(stream, pixels, extrasamples=["unassalpha"] * (channels - 3), metadata=None, **options)
    opened = open_source(stream.getvalue())
    assert opened.bits == 16 and np.array_equal(opened.values, pixels[:3].transpose(1, 2, 0))
    assert channels == 3 or np.array_equal(opened.alpha, pixels[3])


def test_16_bits_in_compressed_planes_are_read_with_8_and_say_so():
    pixels, stream = random_samples(3, 20, 24), io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb", planarconfig="separate", compression="zlib", metadata=None)
    opened = open_source(stream.getvalue())
    assert np.array_equal(opened.values, pixels.transpose(1, 2, 0) >> 8)
    assert any("8 bits" in warning for warning in opened.warnings)


def test_a_layout_that_pillow_does_not_know_is_not_called_damage():
    pixels, stream = random_samples(20, 24, 2), io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="minisblack", extrasamples=["unassalpha"], metadata=None)
    with pytest.raises(UnsupportedJpeg, match="layout of samples"):
        open_source(stream.getvalue())
    with pytest.raises(DamagedJpeg):
        open_source(stream.getvalue()[:12])


def test_a_compression_that_pillow_does_not_know_is_not_called_damage():
    stream = io.BytesIO()
    tifffile.imwrite(stream, random_samples(20, 24).astype(np.uint8), compression="zlib", metadata=None)
    data = bytearray(stream.getvalue())
    entry = data.index(struct.pack("<HHI", 259, 3, 1))
    struct.pack_into("<H", data, entry + 8, 34887)  # LERC
    with pytest.raises(UnsupportedJpeg, match="compression, 34887, is not read"):
        open_source(bytes(data))


@pytest.mark.parametrize(("extra", "left_out"), [(["unassalpha"], 0), (["unspecified"], 1), (["unspecified"] * 2, 2)])
def test_masks_of_a_tiff_that_are_left_out_are_told(extra, left_out):
    pixels, stream = random_samples(20, 24, 3 + len(extra)).astype(np.uint8), io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb", planarconfig="contig", extrasamples=extra, metadata=None)
    opened = open_source(stream.getvalue())
    assert np.array_equal(opened.values, pixels[..., :3])
    told = [warning for warning in opened.warnings if "left out" in warning]
    assert told == [f"channels of the TIFF beyond colour and transparency are left out: {left_out}"] * bool(left_out)


def tiff_of_12_bits(pixels: np.ndarray) -> bytes:
    """A gray TIFF of 12 bits a sample, two in three bytes (TIFF 6.0, section 4); the width is even."""
    first, second = pixels[:, ::2].astype(np.uint32), pixels[:, 1::2].astype(np.uint32)
    both = first << 12 | second
    body = np.stack([both >> 16, both >> 8 & 255, both & 255], axis=-1).astype(np.uint8).tobytes()
    entries = {256: pixels.shape[1], 257: pixels.shape[0], 258: 12, 259: 1, 262: 1, 277: 1, 279: len(body)}
    entries[273] = 8 + 2 + 12 * (len(entries) + 1) + 4
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + tags + bytes(4) + body


def test_12_bits_reach_from_black_to_white():
    pixels = np.linspace(0, 4095, 20 * 24).astype(np.uint16).reshape(20, 24)
    opened = open_source(tiff_of_12_bits(pixels))
    assert (opened.values.min(), opened.values.max()) == (0, 65535)
    assert np.array_equal(opened.values >> 4, pixels)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_one_transparent_gray_of_few_bits(bits):
    pixels, most = np.arange(16 * 16).reshape(16, 16) % (1 << bits), (1 << bits) - 1
    unpacked = np.unpackbits(pixels.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(unpacked.reshape(16, -1), axis=1))
    stream = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    stream.seek(0, io.SEEK_END)
    png._write_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", 16, 16, bits, 0, 0, 0, 0))
    png._write_chunk(stream, b"tRNS", struct.pack(">H", most - 1))
    png._write_chunk(stream, b"IDAT", zlib.compress(rows))
    png._write_chunk(stream, b"IEND", b"")
    opened = open_source(stream.getvalue())
    assert np.array_equal(opened.values[..., 0], pixels * 255 // most)
    assert np.array_equal(opened.alpha, np.where(pixels == most - 1, 0, 255))


@pytest.mark.parametrize("peak", [65535, 1000])
def test_colour_of_16_bits_in_a_pnm(peak):
    pixels = np.minimum(random_samples(11, 7, 3), peak)
    header = f"P6\n7 11\n{peak}\n".encode()
    opened = open_source(header + pixels.astype(">u2").tobytes())
    assert opened.bits == 16 and opened.warnings == ()
    assert np.abs(opened.values * (peak / 65535) - pixels).max() < 0.01
    with pytest.raises(DamagedJpeg):
        open_source(header + pixels.astype(">u2").tobytes()[:-1])
    in_words = open_source(f"P3\n7 11\n{peak}\n".encode() + " ".join(map(str, pixels.ravel())).encode())
    assert in_words.bits == 8 and any("8 bits" in warning for warning in in_words.warnings)


def test_a_later_frame_of_a_large_gif_has_the_memory_of_its_size(monkeypatch):
    frames, stream = [Image.new("P", (2000, 2000), colour) for colour in (0, 1, 2)], io.BytesIO()
    for frame in frames:
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(limits, "_SLACK", 8 << 20)
    assert open_source(stream.getvalue(), page=3).values[0, 0].tolist() == [0, 255, 0]
    with pytest.raises(TooLarge, match="2000x2000"):
        open_source(stream.getvalue(), page=3, max_pixels=3_999_999)


@pytest.mark.parametrize("tags", [{"extratags": [(50706, 1, 4, (1, 4, 0, 0), True)]}, {"subifds": 1}], ids=str)
def test_camera_raw_is_refused_where_its_first_page_is_a_preview(tags):
    preview = draw_picture(20, 30)
    for kind in (1, 0):
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as writer:
            writer.write(preview, photometric="rgb", subfiletype=kind, metadata=None, **tags)
            writer.write(random_samples(40, 60), photometric="minisblack", metadata=None)
        if kind or "extratags" in tags:
            with pytest.raises(UnsupportedJpeg, match="camera raw"):
                open_source(stream.getvalue())
        else:  # a pyramid, whose first page is the picture
            assert np.array_equal(open_source(stream.getvalue()).values, preview)


@pytest.mark.parametrize("comment", ["plain", "caf\u00e9", "\u6e2f"])
def test_the_comment_of_a_png_is_read(comment):
    stream = io.BytesIO()
    writing.write(draw_picture(8, 8), Metadata(comments=(comment.encode(),)), stream, format="png")
    assert open_source(stream.getvalue()).metadata.comments == (comment.encode(),)


def test_texts_of_a_tiff_keep_their_letters():
    name, stream = "Jürgen 港".encode() + b"\0", io.BytesIO()
    tifffile.imwrite(stream, draw_picture(8, 8), metadata=None, extratags=[(315, 2, len(name), name, True)])
    assert name in (open_source(stream.getvalue()).metadata.exif or b"")


def test_a_pillow_image_of_several_jpegs_is_read_from_its_file():
    first, stream = Image.fromarray(draw_picture(40, 56)), io.BytesIO()
    first.save(stream, "MPO", save_all=True, append_images=[first.rotate(180)], quality=20)
    image = Image.open(stream)
    assert (open_source(image).format, open_source(image).quality) == ("jpeg", 20)
    image.seek(1)
    assert np.array_equal(open_source(image).values, np.asarray(image))
    image.seek(0)
    image.load()
    assert open_source(image).format == "pillow image"


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_pillow_image_whose_file_is_closed(format):
    stream = io.BytesIO()
    Image.fromarray(draw_picture(8, 8)).save(stream, format)
    image = Image.open(stream)
    stream.close()
    with pytest.raises(NotAnImage, match="closed"):
        open_source(image)
