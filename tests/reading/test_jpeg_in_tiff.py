"""JPEG data in TIFF: levels and tables are those of the strips and tiles, pages are selected, damage is told."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.jpeg.conftest import draw_picture

from jpegmend import inspect, jpeg, restore
from jpegmend.decoding import tiff_jpeg
from jpegmend.errors import DamagedJpeg, InputError, InvalidOption
from jpegmend.reading import open_source

YCBCR, GRAY, RGB = 6, 1, 2


def encode(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=20, **options)
    return stream.getvalue()


def make_tiff(
    pixels: np.ndarray, rows: int, columns: int = 0, *, photometric: int = YCBCR, shared: bool = True, **options: Any
) -> bytes:
    """A TIFF of strips (or tiles with ``columns``) of that many rows, each a JPEG stream by Pillow."""
    height, width = pixels.shape[:2]
    parts = []
    for top in range(0, height, rows):
        for left in range(0, width, columns or width):
            part = pixels[top : top + rows, left : left + (columns or width)]
            if columns:
                padding = [(0, rows - part.shape[0]), (0, columns - part.shape[1])] + [(0, 0)] * (part.ndim - 2)
                part = np.pad(part, padding, mode="edge")
            parts.append(encode(part, **({"streamtype": 2} if shared else {}), **options))
    tables = encode(pixels[:16, :16], streamtype=1, **options) if shared else b""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    return lay_out(pixels.shape, parts, tables, {262: photometric, 277: samples}, rows, columns)


def lay_out(
    shape: tuple[int, ...], parts: list[bytes], tables: bytes, tags: dict[int, int], rows: int, columns: int
) -> bytes:
    """A TIFF of one page (TIFF 6.0, section 2): the parts, then the values of its tags, then the directory."""
    body, offsets = bytearray(b"II*\0\0\0\0\0"), []
    for part in parts:
        offsets.append(len(body))
        body += part
    sizes = [len(part) for part in parts]
    numbers = {256: [shape[1]], 257: [shape[0]], 258: [8] * tags[277], 259: [7], 284: [1]}
    numbers |= {tag: [value] for tag, value in tags.items()}
    numbers |= (
        {322: [columns], 323: [rows], 324: offsets, 325: sizes} if columns else {273: offsets, 278: [rows], 279: sizes}
    )
    entries = {tag: (4, len(values), struct.pack(f"<{len(values)}I", *values)) for tag, values in numbers.items()}
    if tables:
        entries[347] = (7, len(tables), tables)
    directory = struct.pack("<H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", len(body))
        body += value if len(value) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, count) + place
    body[4:8] = struct.pack("<I", len(body))
    return bytes(body + directory + bytes(4))


KINDS = {
    "gray": {"photometric": GRAY},
    "4:4:4": {"subsampling": 0},
    "4:2:0": {"subsampling": 2},
    "rgb": {"photometric": RGB, "keep_rgb": True},
    "tables in each part": {"subsampling": 2, "shared": False},
    "a Huffman table in each part": {"subsampling": 2, "shared": False, "optimize": True},
    "progressive": {"subsampling": 2, "shared": False, "progressive": True},
}


@pytest.mark.parametrize("columns", [0, 32], ids=["strips", "tiles"])
@pytest.mark.parametrize("kind", KINDS)
def test_levels_and_tables_are_those_of_one_jpeg_of_the_whole(kind, columns):
    """Quantisation acts on blocks: strips and tiles of whole MCUs have the levels of one JPEG of the picture."""
    pixels = draw_picture(80, 112)
    if kind == "gray":
        pixels = pixels[..., 0]
    options = {key: value for key, value in KINDS[kind].items() if key not in ("photometric", "shared")}
    whole = jpeg.read(encode(pixels, **options))
    opened = open_source(make_tiff(pixels, 32, columns, **KINDS[kind]))
    assert (opened.format, opened.colour, opened.height, opened.width) == ("jpeg in tiff", whole.header.colour, 80, 112)
    assert (opened.quality, opened.quality_exact, opened.lost) == (20, True, 0)
    assert opened.sampling == whole.header.sampling
    for ours, theirs in zip(opened.components, whole.components, strict=True):
        assert np.array_equal(ours.table, theirs.table)
        # The picture ends inside a tile, whose padding is another than the encoder's.
        rows, columns = theirs.rows // 8 - 1, theirs.columns // 8 - 1
        assert np.array_equal(ours.levels[:rows, :columns], theirs.levels[:rows, :columns])


@pytest.mark.parametrize("options", [{"subsampling": 0}, KINDS["rgb"]], ids=["ycbcr", "rgb"])
def test_the_picture_is_that_of_libtiff(options):
    data = make_tiff(draw_picture(83, 117), 16, **options)
    with Image.open(io.BytesIO(data)) as image:
        theirs = np.asarray(image.convert("RGB")).astype(int)
    ours = restore(data, strength=0, bits=8).pixels
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() <= 3


def test_the_result_is_projected_and_inspect_says_where_the_tables_are_from():
    data = make_tiff(draw_picture(64, 64), 16, subsampling=2)
    restored = restore(data)
    assert restored.report.consistent and restored.report.runtime and not restored.report.estimated
    found = inspect(data)
    assert "jpeg in tiff" in found.as_text() and "4 strips or tiles" in found.as_text()
    assert len(found.components) == 3 and found.components[1].exact


def test_strips_that_end_inside_an_mcu_give_pixels_and_tables():
    data = make_tiff(draw_picture(64, 64), 8, subsampling=2)
    opened = open_source(data)
    assert opened.format == "tiff" and opened.values is not None
    assert [int(table[0, 0]) for table in opened.stated] == [40, 43, 43]
    restored = restore(data)
    assert restored.report.runtime and not restored.report.estimated and not restored.report.consistent
    assert "do not fit" in restored.report.warnings[0]


def test_parts_that_are_left_out_or_damaged_are_told():
    data = bytearray(make_tiff(draw_picture(64, 64), 16, subsampling=2))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        offsets = file.pages[0].dataoffsets
    data[offsets[1] : offsets[1] + 2] = b"??"
    opened = open_source(bytes(data))
    assert opened.lost == 0.25 and not opened.components[0].levels[2:4].any()
    assert opened.components[0].levels[4:].any()
    with pytest.raises(DamagedJpeg, match="1 of 4 strips or tiles.*strict"):
        restore(bytes(data), strict=True)
    for offset in offsets:
        data[offset : offset + 2] = b"??"
    with pytest.raises(InputError):
        open_source(bytes(data))


@pytest.mark.parametrize("place", [(1 << 62, 9), ((1 << 64) - 1, 9), (0, 1 << 63)])
def test_a_part_at_a_place_that_no_file_has_is_left_out(tmp_path, place):
    part = encode(draw_picture(16, 16))
    (tmp_path / "x.tif").write_bytes(part)
    layout = tiff_jpeg._Layout(16, 32, 16, 16, (place, (0, len(part))), b"")
    number, read = tiff_jpeg._Streams(str(tmp_path / "x.tif"), layout).first()
    assert number == 1 and len(read.coef_arrays) == 3


def test_strict_refuses_a_strip_that_is_cut_short():
    data = bytearray(make_tiff(draw_picture(64, 64), 16, subsampling=2))
    assert not open_source(bytes(data), strict=True).warnings
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        middle, end = page.dataoffsets[2] + page.databytecounts[2] // 2, page.dataoffsets[2] + page.databytecounts[2]
    data[middle:end] = bytes(end - middle)
    assert open_source(bytes(data)).warnings
    with pytest.raises(DamagedJpeg, match="strict"):
        open_source(bytes(data), strict=True)


def test_each_strip_is_decoded_once(tmp_path, monkeypatch):
    import jpegio

    decoded = []
    read = jpegio.read
    monkeypatch.setattr(jpegio, "read", lambda name: decoded.append(name) or read(name))
    file = tmp_path / "x.tif"
    file.write_bytes(make_tiff(draw_picture(64, 64), 16, subsampling=2))
    with Image.open(file) as image, (tmp_path / "levels").open("w+b") as out:
        tiff_jpeg.read_levels(image, str(file), out)
    assert len(decoded) == 4


def test_one_strip_of_a_large_picture_is_within_the_memory_limit():
    """Two decoded copies of it would not be: 18 bytes a pixel each, where 20 are allowed."""
    flat = np.full((4000, 4000, 3), 200, np.uint8)
    assert open_source(make_tiff(flat, 4000, subsampling=0)).sampling == "4:4:4"


def test_a_page_is_selected():
    first, second = draw_picture(40, 56), draw_picture(24, 32, seed=1)
    stream = io.BytesIO()
    Image.fromarray(first).save(stream, "TIFF", save_all=True, append_images=[Image.fromarray(second)])
    data = stream.getvalue()
    assert np.array_equal(open_source(data, page=2).values, second)
    restored = restore(data, strength=0, bits=8)
    assert restored.report.pages == 2 and "page 1 of 2" in restored.report.warnings[-1]
    assert not any("page" in warning for warning in restore(data, strength=0, page=1).report.warnings)
    assert "first of 2 pages" in inspect(data).as_text()
    with pytest.raises(InvalidOption, match="2 pages; there is no page 3"):
        restore(data, page=3)
    with pytest.raises(InvalidOption, match="one picture"):
        restore(encode(first), page=2)
    with pytest.raises(InvalidOption, match="from 1"):
        restore(data, page=0)


def test_pages_are_written_into_one_tiff():
    pages = [restore(draw_picture(40, 56, seed), strength=0, bits=8) for seed in range(3)]
    stream = io.BytesIO()
    pages[0].save(stream, format="tiff", bits=8, append=pages[1:])
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        assert [np.array_equal(page.asarray(), made.pixels) for page, made in zip(file.pages, pages, strict=True)]
    from jpegmend.errors import OutputError

    with pytest.raises(OutputError, match="one page"):
        pages[0].save(io.BytesIO(), format="png", append=pages[1:])
