"""Every option of ``restore`` and ``save`` has its effect."""

import inspect
import io
import json
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

import jpegmend
from jpegmend import restore
from jpegmend.blocks import Earlier
from jpegmend.errors import DamagedJpeg, InvalidOption, UnknownModel
from jpegmend.jpeg.tables import standard_chroma, standard_luma
from jpegmend.restoration import guess, opening, tile_sizes


@pytest.fixture(scope="module")
def data(draw, encode):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a title", 6
    return encode(draw(40, 56), quality=40, exif=exif.tobytes(), comment=b"hello", dpi=(72, 72))


def test_keywords_are_the_fields_of_options():
    """Signature, defaults and checks stand in one place."""
    parameters = list(inspect.signature(restore).parameters.values())[1:]
    assert {each.name: each.default for each in parameters} == {f.name: f.default for f in fields(jpegmend.Options)}


@pytest.mark.parametrize("function", [restore, jpegmend.upscale, jpegmend.restore_many])
def test_an_unknown_option_is_told_in_the_words_of_the_function(function):
    name = function.__name__
    with pytest.raises(TypeError, match=rf"^{name}\(\) .* 'thread'; did you mean 'threads'\?$"):
        function([b""], thread=1)
    with pytest.raises(TypeError, match=rf"^{name}\(\) .* 'xyz'; there are model, bits, .*, progress"):
        function([b""], xyz=1)


def test_options_without_a_name_are_refused():
    with pytest.raises(TypeError, match=r"^restore\(\) takes one source; give options by name"):
        restore(b"", "out.png")


def test_runtime_and_threads_arrive(data, identity, monkeypatch):
    asked = []

    def open_and_note(card, **options):
        asked.append((card.name, options))
        return jpegmend.runtimes.open_runtime(card, **options)

    monkeypatch.setattr(opening, "open_runtime", open_and_note)
    restore(data, model=identity, threads=1, runtime="onnx", provider="cpu")
    restore(data, model=identity, strength=0)
    assert asked == [("identity", {"runtime": "onnx", "threads": 1, "provider": "cpu"})]


@pytest.mark.parametrize("bits", [8, 16])
def test_bits(bits, data, make_card):
    restored = restore(data, model=make_card("gain", 0.9), bits=bits)
    assert restored.pixels.dtype == {8: np.uint8, 16: np.uint16}[bits]
    assert (restored.report.bits, restored.report.bits_read) == (bits, 8)


def test_bits_read_follow_the_input(identity):
    assert restore(np.zeros((8, 8), np.uint16), model=identity).report.bits_read == 16
    assert restore(np.zeros((8, 8), np.float32), model=identity, bits=8).report.bits_read == 16


def test_strict_refuses_what_is_damaged(identity, draw, encode):
    whole = encode(draw(200, 200))
    cut = whole[: len(whole) // 2]
    assert restore(cut, model=identity).report.lost > 0
    with pytest.raises(DamagedJpeg, match="strict"):
        restore(cut, model=identity, strict=True)
    assert restore(whole, model=identity, strict=True).report.lost == 0


def test_orientation_of_a_jpeg(data, identity):
    applied, kept = restore(data, model=identity), restore(data, model=identity, orientation="keep")
    assert (applied.width, applied.height, applied.metadata.orientation) == (40, 56, 1)
    assert (kept.width, kept.height, kept.metadata.orientation) == (56, 40, 6)
    assert np.array_equal(np.rot90(kept.pixels, -1), applied.pixels)


def test_timeout_and_max_pixels_arrive(data, identity, draw, encode):
    with pytest.raises(DamagedJpeg, match="stopped"):
        restore(encode(draw(400, 400)), model=identity, timeout=1e-6)
    with pytest.raises(jpegmend.TooLarge):
        restore(data, model=identity, max_pixels=40 * 56 - 1)
    assert restore(data, model=identity, max_pixels=40 * 56).width == 40


def test_assumed_quality(data, make_card):
    """The network is told the tables of that quality, and the file's cells no longer hold."""
    network, plain = make_card("teller", planes="y"), make_card("identity", planes="y")
    told = restore(data, model=network, quality=15, keep_planes=True)
    decoded = restore(data, model=plain, strength=0, keep_planes=True)
    shifts = [float(np.median(a - b)) for a, b in zip(told.planes, decoded.planes, strict=True)]
    tables = [standard_luma(15), standard_chroma(15), standard_chroma(15)]
    assert shifts == pytest.approx([table.mean() / 1000 for table in tables], abs=1e-4)


@pytest.mark.parametrize("consistent", [None, True, False])
def test_consistent(consistent, data, make_card):
    restored = restore(data, model=make_card("gain", 0.5), consistent=consistent)
    decoded = restore(data, model=make_card("identity"), strength=0)
    kept = abs(float(restored.pixels.mean()) / float(decoded.pixels.mean()) - 1) < 0.15
    assert kept == restored.report.consistent == (consistent is not False)


def test_consistent_goes_by_the_files_own_grid(make_card, draw, encode, monkeypatch):
    """Also where an earlier compression had another grid: otherwise there would be no cells to project into."""
    monkeypatch.setattr(guess, "find_earlier_compression", lambda *_: Earlier(20, (3, 6), 1.0))
    data = encode(draw(64, 64), quality=95, mode="L")
    report = restore(data, model=make_card("gain", 0.5)).report
    assert (report.grid, report.estimated, report.consistent) == ((3, 6), True, False)
    restored = restore(data, model=make_card("gain", 0.5), consistent=True)
    assert (restored.report.grid, restored.report.estimated, restored.report.consistent) == ((0, 0), False, True)
    decoded = restore(data, model=make_card("identity"), strength=0)
    assert np.abs(restored.pixels.astype(int) - decoded.pixels).max() < 10 * 257


def test_strip_and_quality_of_a_saved_file(data, identity, tmp_path):
    restored = restore(data, model=identity)
    for suffix in (".png", ".tif", ".webp", ".jpg"):
        restored.save(tmp_path / f"kept{suffix}")
        restored.save(tmp_path / f"bare{suffix}", strip=True)
        assert b"a title" in (tmp_path / f"kept{suffix}").read_bytes()
        assert b"a title" not in (tmp_path / f"bare{suffix}").read_bytes()
    restored.save(tmp_path / "low.jpg", quality=20)
    with Image.open(tmp_path / "low.jpg") as low:
        assert low.quantization[0] == standard_luma(20).reshape(64).tolist()
    with pytest.raises(InvalidOption, match="quality"):
        restored.save(tmp_path / "none.jpg", quality=0)


def test_windows_blend_over_their_overlap(make_card):
    """A zero-padded blur darkens the border of each window; without overlap neighbours would differ by far more."""
    flat = np.full((200, 200), 40000, np.uint16)
    card = make_card("blur", 4, 2, planes="y", tiling="window", window=64)
    values = restore(flat, model=card, quality=50).pixels[16:-16, 16:-16].astype(float)
    assert values.min() < 39900  # windows do show
    steps = max(np.abs(np.diff(values, axis=axis)).max() for axis in (0, 1))
    assert steps < 0.06 * 40000


@pytest.mark.parametrize("kind", ["jpeg", "array"])
def test_memory_counts_the_picture_and_its_result(kind, make_card, draw, encode, monkeypatch):
    side, each = 640, 100.0
    monkeypatch.setattr(guess, "estimate_compression", lambda _: guess.Guess(30, (0, 0), 1.0))
    picture = draw(side, side)
    source = encode(picture, quality=30, subsampling=0) if kind == "jpeg" else picture.astype(np.uint16) * 257
    held = side * side * 3 * 2 * 2  # three levels or samples of two bytes a pixel, and as much for the result
    memory = int(tile_sizes.BASE_BYTES) + held + 2_000_000
    report = restore(source, model=make_card("identity", bytes_per_pixel=each), memory=memory).report
    tile = side * side / report.tiles
    assert tile * (each + tile_sizes.OWN_BYTES_PER_PIXEL) + held + tile_sizes.BASE_BYTES <= memory
    assert report.tiles < 120
    planes = side * side * 3 * 4
    more = restore(
        source, model=make_card("identity", bytes_per_pixel=each), memory=memory + planes, keep_planes=True
    ).report
    assert more.tiles == report.tiles


CAUTION = ((30, 1.0), (90, 0.2))


def test_caution_is_judged_by_the_luma_table(make_card, draw, encode):
    card = make_card("identity", caution=CAUTION)
    luma, chroma = (table.reshape(64).tolist() for table in (standard_luma(90), standard_chroma(20)))
    report = restore(encode(draw(60, 60), qtables=[luma, chroma]), model=card).report
    assert report.strength == pytest.approx(0.2)


def test_caution_is_judged_by_the_quality_that_is_told(make_card, draw, encode, monkeypatch):
    card, data = make_card("identity", caution=CAUTION), encode(draw(60, 60), quality=90)
    assert restore(data, model=card).report.strength == pytest.approx(0.2)
    assert restore(data, model=card, quality=30).report.strength == 1
    assert restore(data, model=card, quality=60, strength=0.5).report.strength == pytest.approx(0.3)
    for offset in ((0, 0), (3, 6)):  # compressed twice: the earlier quality counts
        monkeypatch.setattr(guess, "find_earlier_compression", lambda *_, where=offset: Earlier(20, where, 1.0))
        assert restore(data, model=card).report.strength == 1
        assert restore(data, model=card).report.estimated_quality == 20
    monkeypatch.setattr(guess, "find_earlier_compression", lambda *_: None)
    monkeypatch.setattr(guess, "estimate_compression", lambda _: guess.Guess(20, (0, 0), 1.0))
    assert restore(draw(60, 60), model=card).report.strength == 1


def test_saved_stream_has_the_depth_asked_for(data, identity):
    restored = restore(data, model=identity)
    for bits in (8, 16):
        stream = io.BytesIO()
        restored.save(stream, bits=bits)
        assert jpegmend.restore(stream.getvalue(), model=identity, strength=0).report.bits_read == bits


@pytest.mark.parametrize(
    "options",
    [
        {"strength": 1.5},
        {"strength": -0.1},
        {"bits": 12},
        {"orientation": "turn"},
        {"quality": 0},
        {"runtime": "fast"},
        {"threads": 0},
        {"threads": 1025},
        {"memory": 0},
        {"max_pixels": 0},
        {"timeout": 0},
        {"thorough": True},  # 1, which is the least thorough
        {"thorough": [4]},
        {"quality": True},
        {"traces": None},
    ],
    ids=str,
)
def test_options_out_of_range(options, identity, draw):
    with pytest.raises(InvalidOption):
        restore(draw(8, 8), model=identity, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"bits": np.int64(8), "threads": np.int64(1), "thorough": np.int64(2), "quality": np.uint8(30)},
        {"max_pixels": np.int64(10**6), "page": np.int64(1), "timeout": np.float32(60), "memory": np.int64(10**9)},
        {"strength": np.float32(0.5), "strict": np.False_, "earlier": np.False_, "consistent": np.True_},
    ],
    ids=lambda options: " ".join(options),
)
def test_numbers_of_numpy_are_taken(options, data, identity):
    """The request to the decoding process is JSON, and so is the report of many callers."""
    json.dumps(restore(data, model=identity, **options).report.as_dict())


def test_unknown_models(draw):
    with pytest.raises(UnknownModel, match="there are"):
        restore(draw(8, 8), model="no-such-network")
