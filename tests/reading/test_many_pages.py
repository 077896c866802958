"""TIFF files of many pages: each page by itself, whatever the form of the file, and without reading the others."""

import io
import os
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, TiffImagePlugin

from jpegmend import decoding
from jpegmend.decoding import pictures, tiff_pages, transport
from jpegmend.decoding.samples import FormError
from jpegmend.errors import DamagedJpeg, InvalidOption, UnsupportedJpeg
from jpegmend.reading import open_source

PAGES = 12


@pytest.fixture(scope="module")
def pages() -> list[np.ndarray]:
    return [np.full((9, 16 + number), 20 * number, np.uint8) for number in range(PAGES)]


def write(pages: list[np.ndarray], **options: object) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, **options) as writer:
        for page in pages:
            writer.write(page, metadata=None, compression="zlib", contiguous=False)
    return stream.getvalue()


@pytest.mark.parametrize(("big", "order"), [(False, "<"), (False, ">"), (True, "<")])  # Pillow reads no other
def test_every_page_of_every_form(pages: list[np.ndarray], big: bool, order: str) -> None:
    data = write(pages, bigtiff=big, byteorder=order)
    with decoding.stored(data):
        for number in (1, 2, PAGES, 1):
            opened = open_source(data, page=number)
            assert opened.pages == PAGES and np.array_equal(opened.values, pages[number - 1])
        with pytest.raises(InvalidOption, match="there is no page 13"):
            open_source(data, page=PAGES + 1)


def test_a_big_tiff_with_the_high_byte_first_is_not_called_damage(pages: list[np.ndarray]) -> None:
    with pytest.raises(UnsupportedJpeg, match="low byte first"):
        open_source(write(pages, bigtiff=True, byteorder=">"))


def test_a_chain_that_returns_to_itself_or_is_cut_ends_there(pages: list[np.ndarray]) -> None:
    data = bytearray(write(pages[:3]))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        places = [page.offset for page in file.pages]
    at = places[2] + 2 + 12 * struct.unpack_from("<H", data, places[2])[0]
    for wrong in (places[0], len(data) + 50):
        struct.pack_into("<I", data, at, wrong)
        opened = open_source(bytes(data), page=3)
        assert opened.pages == 3 and np.array_equal(opened.values, pages[2])
        assert any("breaks off after page 3" in warning for warning in open_source(bytes(data)).warnings)


def test_a_page_with_half_a_directory_is_damaged_not_black(pages: list[np.ndarray]) -> None:
    data = bytearray(write(pages[:3]))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        first, last = file.pages[1].offset, file.pages[2].offset
    size = 2 + 12 * struct.unpack_from("<H", data, last)[0]
    struct.pack_into("<I", data, first + size, len(data))
    data += data[last : last + size]  # at the end of the file, as libtiff writes it
    assert np.array_equal(open_source(bytes(data), page=3).values, pages[2])
    with pytest.raises(DamagedJpeg, match="directory of this page"):
        open_source(bytes(data[:-1]), page=3)


def test_a_black_page_is_read() -> None:
    for black in (np.zeros((9, 16), np.uint8), np.zeros((9, 16, 3), np.uint8), np.zeros((9, 16), np.uint16)):
        assert not open_source(write([black] * 2), page=2).values.any()


@pytest.mark.skipif(os.name == "nt", reason="the file would take its 4 GiB of the disk")
def test_a_compressed_page_beyond_4_gib_is_refused_not_black(tmp_path) -> None:
    with (tmp_path / "scan").open("w+b") as file, tifffile.TiffWriter(file, bigtiff=True) as writer:
        for compression in ("zlib", "zlib", None):
            writer.write(np.full((8, 8), 200, np.uint8), metadata=None, compression=compression, contiguous=False)
            file.seek(max(1 << 32, file.seek(0, io.SEEK_END)))

    def decode(page: int) -> bytes:
        with (tmp_path / "samples").open("w+b") as out:
            pictures.decode("tiff", str(tmp_path / "scan"), out, lambda **size: None, page)
            out.seek(0)
            return out.read()

    assert decode(1) == bytes([200]) * 64
    with pytest.raises(FormError, match="beyond 4 GiB"):
        decode(2)
    assert decode(3) == bytes([200]) * 64


def test_a_page_has_no_metadata_of_another() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, stream = Image.new("RGB", (8, 8)), io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stream, True) as writer:
        for options in ({}, {"icc_profile": profile, "dpi": (300, 300)}, {}):
            plain.save(writer, "TIFF", **options)
            writer.newFrame()
    found = [open_source(stream.getvalue(), page=number).metadata for number in (1, 2, 3)]
    assert [each.icc for each in found] == [None, profile, None]
    assert [each.density for each in found] == [None, (300, 300, "dpi"), None]


@pytest.mark.parametrize("deep", [False, True])
def test_other_pages_are_not_read(tmp_path, monkeypatch, deep: bool) -> None:
    shape, kind = ((8, 8, 3), np.uint16) if deep else ((8, 8), np.uint8)
    (tmp_path / "scan").write_bytes(write([np.full(shape, np.iinfo(kind).max, kind)] * 40))
    read, load = [], TiffImagePlugin.ImageFileDirectory_v2.load
    monkeypatch.setattr(
        TiffImagePlugin.ImageFileDirectory_v2, "load", lambda tags, file: (read.append(1), load(tags, file))
    )
    with (tmp_path / "samples").open("w+b") as out:
        facts = pictures.decode("tiff", str(tmp_path / "scan"), out, lambda **size: None, 40)["facts"]
    assert facts["pages"] == 40
    assert len(read) < 10
    misses = tiff_pages.find_pages.cache_info().misses
    with (tmp_path / "samples").open("w+b") as out:
        pictures.decode("tiff", str(tmp_path / "scan"), out, lambda **size: None, 39)
    assert tiff_pages.find_pages.cache_info().misses == misses  # the chain itself is followed once


def test_the_file_is_stored_once(pages: list[np.ndarray], tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(transport, "_scratch", lambda size: str(tmp_path))
    data, asked, ask = write(pages), [], transport.POOL.ask
    monkeypatch.setattr(
        transport.POOL, "ask", lambda request, seconds: (asked.append(request), ask(request, seconds))[1]
    )
    with decoding.stored(data):
        for number in (1, 2):
            open_source(data, page=number)
        open_source(bytes(bytearray(data)), page=3)  # an equal file, but another
    first, second, other = (request["source"] for request in asked)
    assert first == second != other
    assert all(str(tmp_path) in folder for folder in asked[0]["folders"]) and len(asked[0]["folders"]) == 2
    assert list(tmp_path.iterdir()) == []
