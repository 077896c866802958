import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jpegmend import errors, jpeg


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body


def insert(data: bytes, *extra: bytes) -> bytes:
    """The file with segments put right after its SOI."""
    return data[:2] + b"".join(extra) + data[2:]


def frame_at(data: bytes) -> int:
    return next(data.index(bytes([0xFF, code])) for code in (0xC0, 0xC1, 0xC2) if bytes([0xFF, code, 0]) in data)


def patch(data: bytes, offset: int, new: bytes) -> bytes:
    """The file with bytes of its frame segment replaced; 0 is the marker."""
    at = frame_at(data) + offset
    return data[:at] + new + data[at + len(new) :]


EXPECTED = {
    "huffman": ("baseline", False, "ycbcr", "4:2:0", 1),
    "arithmetic": ("extended", True, "ycbcr", "4:2:0", 1),
    "arithmetic-progressive": ("progressive", True, "ycbcr", "4:2:0", 10),
    "one-scan-each": ("baseline", False, "ycbcr", "4:2:0", 3),
    "sixteen-bit-tables": ("extended", False, "ycbcr", "4:2:0", 1),
    "rgb": ("baseline", False, "rgb", "4:4:4", 1),
    "4-4-0": ("baseline", False, "ycbcr", "4:4:0", 1),
    "4-1-1": ("baseline", False, "ycbcr", "4:1:1", 1),
    "4-1-0": ("baseline", False, "ycbcr", "4:1:0", 1),
    "3x1": ("baseline", False, "ycbcr", "3x1,1x1,1x1", 1),
    "2x2-2x1-1x2": ("baseline", False, "ycbcr", "2x2,2x1,1x2", 1),
    "gray": ("baseline", False, "gray", "4:0:0", 1),
    "progressive gray": ("progressive", False, "gray", "4:0:0", 6),
    "4:2:2": ("baseline", False, "ycbcr", "4:2:2", 1),
    "cmyk": ("baseline", False, "cmyk", "4:4:4:4", 1),
    "ycck": ("baseline", False, "ycck", "4:4:4:4", 1),
    "rgb by pillow": ("baseline", False, "rgb", "4:4:4", 1),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_kind_of_file(name, kinds):
    header = jpeg.read_header(kinds[name])
    found = (header.coding, header.arithmetic, header.colour, header.sampling, header.scans)
    assert found == EXPECTED[name]
    assert header.adobe_inverted == (header.colour in ("cmyk", "ycck"))
    assert header.complete and not header.warnings


def test_size_and_tables_agree_with_pillow(kinds):
    for name, data in kinds.items():
        header, picture = jpeg.read_header(data), Image.open(io.BytesIO(data))
        assert (header.width, header.height) == picture.size, name
        found = [component.table.reshape(64).tolist() for component in header.components]
        assert found == [picture.quantization[slot] for *_, slot in picture.layer], name


def test_restart_interval(stored):
    assert jpeg.read_header(stored["arithmetic-restart"]).restart_interval == 3
    assert jpeg.read_header(stored["huffman"]).restart_interval == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [(0xC3, "lossless"), (0xC5, "hierarchical"), (0xCB, "lossless"), (0xF7, "JPEG-LS"), (0xDE, "hierarchical")],
)
def test_other_kinds_of_jpeg_are_named(code, words, stored):
    with pytest.raises(errors.UnsupportedJpeg, match=words):
        jpeg.read(patch(stored["huffman"], 1, bytes([code])))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0xC4, r"a table of Huffman codes \(DHT, marker ffc4\)"),
        (0xDB, r"a quantisation table \(DQT, marker ffdb\)"),
        (0xC0, r"the frame header \(SOF0, marker ffc0\)"),
        (0xDA, r"a scan header \(SOS, marker ffda\)"),
        (0xE0, r"metadata \(APP0, marker ffe0\)"),
    ],
)
def test_a_file_cut_in_its_header_is_told_where(code, words, stored):
    data = stored["huffman"]
    with pytest.raises(errors.DamagedJpeg, match=f"ends, or goes wrong, inside {words}$"):
        jpeg.read(data[: data.index(bytes([0xFF, code])) + 6])


def test_twelve_bits_are_refused(stored):
    with pytest.raises(errors.UnsupportedJpeg, match="12-bit"):
        jpeg.read(patch(stored["sixteen-bit-tables"], 4, b"\x0c"))


def test_height_in_a_later_marker_is_refused(stored):
    with pytest.raises(errors.UnsupportedJpeg, match="DNL"):
        jpeg.read(patch(stored["huffman"], 5, b"\0\0"))


def test_two_components_are_refused(stored):
    data, at = stored["huffman"], frame_at(stored["huffman"])
    frame = segment(0xC0, data[at + 4 : at + 9] + b"\2" + data[at + 10 : at + 16])
    with pytest.raises(errors.UnsupportedJpeg, match="2 colour components"):
        jpeg.read(data[:at] + frame + data[at + 19 :])


def test_more_pixels_than_allowed_are_refused(stored):
    with pytest.raises(errors.TooLarge, match="1,247 pixels, allowed are 1,246"):
        jpeg.read_header(stored["huffman"], max_pixels=1246)
    assert jpeg.read_header(stored["huffman"], max_pixels=1247).width == 43
    with pytest.raises(errors.TooLarge, match="65500x65500"):
        jpeg.read(patch(stored["huffman"], 5, struct.pack(">HH", 65500, 65500)))


@pytest.mark.parametrize(
    ("identifiers", "adobe", "jfif", "colour"),
    [
        (b"\1\2\3", None, False, "ycbcr"),
        (b"RGB", None, False, "rgb"),
        (b"RGB", None, True, "ycbcr"),
        (b"RGB", 1, False, "ycbcr"),
        (b"\1\2\3", 0, False, "rgb"),
        (b"\1\2\3", 0, True, "ycbcr"),
        (b"xyz", None, False, "ycbcr"),
        (b"\1\2\3", 9, False, "ycbcr"),
    ],
)
def test_colour_is_decided_as_libjpeg_does(identifiers, adobe, jfif, colour, encode, draw):
    """Oracle: Pillow's pixels, which libjpeg converts or leaves by its own decision."""
    data = encode(draw(16, 16), subsampling=0)
    at, scan = frame_at(data), data.index(b"\xff\xda")
    data = bytearray(data)
    for i, identifier in enumerate(identifiers):
        data[at + 10 + 3 * i] = data[scan + 5 + 2 * i] = identifier
    data = bytes(data[:2] + data[20:])  # without the JFIF marker
    extra = [segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")] if jfif else []
    if adobe is not None:
        extra.append(segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe])))
    data = insert(data, *extra)
    assert jpeg.read_header(data).colour == colour
    untouched = np.asarray(Image.open(io.BytesIO(encode(draw(16, 16), subsampling=0))))
    same = np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - untouched).max() == 0
    assert same == (colour == "ycbcr")


def test_markers_behind_the_first_scan_do_not_change_the_colour(kinds):
    data = kinds["progressive"]
    bare = data[:2] + data[data.index(b"JFIF") + 14 :]  # the ids alone decide
    behind = bare.index(b"\xff\xc4", bare.index(b"\xff\xda"))
    late = bare[:behind] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\0") + bare[behind:]
    theirs = np.asarray(Image.open(io.BytesIO(late)))
    assert np.array_equal(theirs, np.asarray(Image.open(io.BytesIO(bare))))
    assert jpeg.read_header(late).colour == jpeg.read_header(bare).colour == "ycbcr"


def test_table_of_a_component_is_the_one_before_its_first_scan(stored):
    """DQT may come again between scans: Cb and Cr take what is in their slot when their scan begins."""
    data = stored["one-scan-each"]
    second = [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xda"][1]
    again = data[:second] + segment(0xDB, b"\0" + b"\x09" * 64) + segment(0xDB, b"\1" + b"\5" * 64) + data[second:]
    before, after = jpeg.read(data), jpeg.read(again)
    assert np.array_equal(after.components[0].table, before.components[0].table)
    assert (after.components[1].table == 5).all()
    assert (after.components[2].table == 5).all()


def test_three_tables_for_three_components(stored):
    data = patch(stored["huffman"], 18, b"\2")
    with pytest.raises(errors.DamagedJpeg, match="no quantisation table 2"):
        jpeg.read(data)
    image = jpeg.read(insert(data, segment(0xDB, b"\x12" + struct.pack(">64H", *range(300, 364)))))
    assert [int(c.table[0, 0]) for c in image.components] == [8, 9, 300]
    assert image.components[2].table[0].tolist() == [300, 301, 305, 306, 314, 315, 327, 328]


def test_components_of_one_name_are_taken_in_order(stored):
    """Some writers number nothing; libjpeg reads their files."""
    data = bytearray(stored["huffman"])
    frame, scan = frame_at(stored["huffman"]), stored["huffman"].index(b"\xff\xda")
    for i in range(3):
        data[frame + 10 + 3 * i] = data[scan + 5 + 2 * i] = 7
    found, plain = jpeg.read(bytes(data)), jpeg.read(stored["huffman"])
    for a, b in zip(found.components, plain.components, strict=True):
        assert np.array_equal(a.levels, b.levels) and np.array_equal(a.table, b.table)


def test_a_scan_of_an_unknown_component_is_damage(stored):
    scan = stored["huffman"].index(b"\xff\xda")
    data = bytearray(stored["huffman"])
    data[scan + 5] = 99
    with pytest.raises(errors.DamagedJpeg, match="does not have"):
        jpeg.read(bytes(data))


BROKEN = {
    "empty header": (b"\xff\xd8\xff\xd9", "no frame header"),
    "comments without end": (100_001 * segment(0xFE, b""), "100,000 marker segments"),
    "cut in the header": (None, "inside a quantisation table"),
    "steps of zero": (segment(0xDB, bytes(65)), "table of zeros"),
    "half a table": (segment(0xDB, b"\0" + b"\1" * 63), "cut short"),
    "stray marker": (b"\xff\x02\0\4\0\0", "ff02"),
    "restart interval": (segment(0xDD, b"\0"), "restart interval"),
    "scan before the frame": (segment(0xDA, b"\1\1\0\0\x3f\0"), "before a frame header"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_headers_say_what_is_broken(name, stored):
    extra, words = BROKEN[name]
    data = stored["huffman"][:100] if extra is None else extra if "empty" in name else insert(stored["huffman"], extra)
    with pytest.raises(errors.DamagedJpeg, match=words):
        jpeg.read(data)


def test_fill_bytes_and_stray_bytes_before_a_marker(stored):
    data = stored["huffman"]
    assert not jpeg.read(data[:2] + b"\xff\xff\xff" + data[2:]).warnings
    assert "3 bytes" in jpeg.read_header(data[:2] + b"abc" + data[2:]).warnings[0]


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_any_bytes_give_a_header_or_one_of_our_errors(stored, body, lead):
    sound = stored["huffman"]
    before_the_header = sound[:2] + segment(0xFE, lead) + body + sound[2:]
    for data in (body, b"\xff\xd8" + body, b"\xff\xd8" + segment(0xDB, lead) + body, before_the_header):
        try:
            header = jpeg.read_header(data)
        except errors.InputError:
            continue
        assert header.width > 0 and header.height > 0


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", [b"\xff", b"\xff\x00", b"\xff\xd0", b"\xff\xfe\0\2", b"\0", b"\xff\xda\0\2", b"\xff\1"]
)
def test_time_is_linear_in_the_length(unit, stored):
    """Ten megabytes of the same few bytes, after the SOI and after the first scan's header."""
    filler = unit * (10_000_000 // len(unit))
    with pytest.raises(errors.InputError):
        jpeg.read_header(b"\xff\xd8" + filler)
    jpeg.read_header(stored["huffman"][:-2] + filler)
