"""Decoded levels compared with jpeglib, and their pixels with Pillow."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpegmend import jpeg
from jpegmend.decoding import transport

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jpeglib

ARITHMETIC = ["arithmetic", "arithmetic-progressive", "arithmetic-restart"]


def cosines() -> np.ndarray:
    """The orthonormal DCT matrix [8, 8] (T.81 A.3.3), rows are frequencies."""
    k, n = np.mgrid[:8, :8]
    return np.where(k == 0, np.sqrt(1 / 8), np.sqrt(1 / 4)) * np.cos((2 * n + 1) * k * np.pi / 16)


def samples(component: jpeg.Component) -> np.ndarray:
    """Float samples on 0..255, cut to the component's true size."""
    C = cosines()
    pixels = C.T @ (component.levels * component.table.astype(np.float64)) @ C + 128
    rows, columns = component.levels.shape[:2]
    return pixels.swapaxes(1, 2).reshape(8 * rows, 8 * columns)[: component.rows, : component.columns]


def test_levels_are_jpeglibs(kinds, tmp_path):
    compared = 0
    for name, data in kinds.items():
        if name in ARITHMETIC:  # jpeglib cannot
            continue
        path = tmp_path / "picture.jpg"
        path.write_bytes(data)
        theirs, ours = jpeglib.read_dct(str(path)), jpeg.read(data)
        planes = [theirs.Y, theirs.Cb, theirs.Cr, theirs.K][: len(ours.components)]
        for i, (component, plane) in enumerate(zip(ours.components, planes, strict=True)):
            assert np.array_equal(component.levels, plane), name
            assert np.array_equal(component.table, theirs.qt[theirs.quant_tbl_no[i]]), name
            compared += 1
        assert ours.lost == 0 and ours.warnings == (), name
    assert compared > 60


@pytest.mark.parametrize("name", [*ARITHMETIC, "one-scan-each", "progressive-restart"])
def test_coding_changes_no_level(name, stored):
    """cjpeg writes the same levels in every coding, so the plain file says what is in the others."""
    plain, other = jpeg.read(stored["huffman"]), jpeg.read(stored[name])
    for a, b in zip(plain.components, other.components, strict=True):
        assert np.array_equal(a.levels, b.levels)


@pytest.mark.parametrize("name", ["gray", "progressive gray", "rgb", "rgb by pillow", "cmyk"])
def test_levels_times_table_are_pillows_pixels(name, kinds):
    ours = np.stack([samples(c) for c in jpeg.read(kinds[name]).components], axis=-1)
    theirs = np.asarray(Image.open(io.BytesIO(kinds[name]))).astype(float).reshape(ours.shape)
    if name == "cmyk":
        theirs = 255 - theirs  # Pillow turns Adobe's inverted ink round
    assert np.abs(np.clip(ours, 0, 255).round() - theirs).max() <= 1


def test_sizes_cover_the_picture(kinds):
    for name, data in kinds.items():
        image = jpeg.read(data)
        for component, frame in zip(image.components, image.header.components, strict=True):
            rows, columns = component.levels.shape[:2]
            assert component.levels.dtype == np.int16 and component.table.dtype == np.uint16
            assert not component.levels.flags.writeable
            assert 8 * (rows - 1) < component.rows <= 8 * rows, name
            assert 8 * (columns - 1) < component.columns <= 8 * columns, name
            assert (component.rows, component.columns) == (frame.rows, frame.columns)
        first = image.components[0]
        if max(c.vertical for c in image.components) == first.vertical:
            assert first.rows == image.header.height, name


def test_large_pictures_stay_in_a_mapped_file(draw, encode, monkeypatch):
    data = encode(draw(200, 300))
    small = jpeg.read(data)
    monkeypatch.setattr(transport, "_IN_MEMORY", 1000)
    mapped = jpeg.read(data)
    whole = mapped.components[0].levels
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    assert isinstance(whole, np.memmap)
    for a, b in zip(small.components, mapped.components, strict=True):
        assert np.array_equal(a.levels, b.levels)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_byte_types_are_read(kind, stored):
    assert jpeg.read(kind(stored["huffman"])).header.width == 43


steps = st.lists(st.integers(1, 255), min_size=64, max_size=64)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    subsampling=st.integers(0, 2),
    progressive=st.booleans(),
    rows=st.integers(0, 2),
    tables=st.one_of(st.integers(1, 100), st.lists(steps, min_size=1, max_size=2)),
    seed=st.integers(0, 99),
)
def test_any_size_sampling_and_table(draw, encode, height, width, subsampling, progressive, rows, tables, seed):
    """Oracle: Pillow's tables, and its pixels where chroma need not be brought up."""
    options = {"quality": tables} if isinstance(tables, int) else {"qtables": tables}
    picture = draw(height, width, seed)
    data = encode(picture, subsampling=subsampling, progressive=progressive, restart_marker_rows=rows, **options)
    image, theirs = jpeg.read(data), Image.open(io.BytesIO(data))
    assert image.warnings == ()
    assert [(c.horizontal, c.vertical) for c in image.components][1:] == [(1, 1), (1, 1)]
    for component, (_, _, _, slot) in zip(image.components, theirs.layer, strict=True):
        assert component.table.reshape(64).tolist() == theirs.quantization[slot]
    theirs.draft("YCbCr", None)
    luma = np.asarray(theirs)[..., 0].astype(float)
    assert np.abs(np.clip(samples(image.components[0]), 0, 255).round() - luma).max() <= 1
