"""Small files that claim large pictures: what cannot be there takes neither memory nor network."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.jpeg.conftest import draw_picture, encode_picture

from jpegmend import DamagedJpeg, TooLarge, decoding, jpeg, restore, weights
from jpegmend.reading import open_source


def claim(data: bytes, width: int, height: int) -> bytes:
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc9", b"\xff\xc2") if marker in data)
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize("kind", ["huffman", "arithmetic", "progressive"])
def test_half_a_gigapixel_in_a_few_bytes_is_refused(kind, stored):
    data = encode_picture(draw_picture(64, 64), progressive=True) if kind == "progressive" else stored[kind]
    with pytest.raises(DamagedJpeg, match="cannot hold a tenth"):
        jpeg.read(claim(data, 22_000, 22_000))


def test_rows_that_cannot_be_in_the_file_are_not_decoded(monkeypatch):
    """The decoder is asked for the rows that the bytes can hold, and gives their levels unchanged."""
    data, asked = encode_picture(draw_picture(64, 256), quality=20, subsampling=2), []
    plain, decode = jpeg.read(data), decoding.decode

    def watch(format, pieces, limits, **options):
        decoded = decode(format, pieces, limits, **options)
        asked.append(decoded.arrays[0].shape[0])
        return decoded

    monkeypatch.setattr(decoding, "decode", watch)
    found = jpeg.read(claim(data, 256, 16_000))
    assert asked[-1] < found.components[0].levels.shape[0] == 2000
    for ours, theirs in zip(found.components, plain.components, strict=True):
        assert ours.levels.shape[0] >= 1000 and not ours.levels[theirs.levels.shape[0] + 8 :].any()
        assert np.array_equal(ours.levels[: theirs.levels.shape[0]], theirs.levels)
    assert found.lost > 0.99


def test_the_network_is_not_asked_about_what_never_arrived(monkeypatch):
    """Nor about the rest of a tile that begins with a few rows: the picture is that of the network run on all of it."""
    from jpegmend.restoration import pipeline, plane_groups, tile_runner
    from jpegmend.restoration.tiles import Window

    bands = [Window(top, min(top + 1024, 4000), 0, 64) for top in range(0, 4000, 1024)]
    monkeypatch.setattr(pipeline, "choose_tiles", lambda *args, **options: bands)

    rows = []
    plain = tile_runner.TileRunner._ask
    monkeypatch.setattr(
        tile_runner.TileRunner, "_ask", lambda self, group, part: rows.append(part.shape[1]) or plain(self, group, part)
    )
    data = claim(encode_picture(draw_picture(64, 64), quality=20, subsampling=2), 64, 4000)
    restored = restore(data, bits=8)
    halo = weights.find(weights.DEFAULT).halo
    assert rows == [64 + 16 + 2 * halo]  # the decoder garbles an MCU after the end of the data
    assert np.abs(restored.pixels[:56].astype(int) - restore(data, strength=0, bits=8).pixels[:56]).max() > 3

    monkeypatch.setattr(plane_groups.Group, "filled_part", lambda self, window: window)
    whole = restore(data, bits=8).pixels.astype(int)
    assert len(rows) == 1 + len(bands)
    assert np.array_equal(restored.pixels[:64], whole[:64])
    assert np.abs(restored.pixels - whole).max() <= 1


def make_png(side: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_plain_formats_that_cannot_hold_their_pixels():
    with pytest.raises(TooLarge, match="file of its size can hold 64,000,000 at most"):
        open_source(make_png(20_000))
    stream = io.BytesIO()
    Image.new("1", (6000, 8000)).save(stream, "PNG")  # an empty page at 600 dots an inch, of 6 kB
    assert open_source(stream.getvalue()).height == 8000
