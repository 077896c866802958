"""Tiled results equal untiled ones; division into tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegmend import restore
from jpegmend.errors import InvalidOption
from jpegmend.restoration import tile_sizes
from jpegmend.restoration.tiles import Window, cut, lattice, ramp, tile_pixels


def both(data, card, many, **options):
    """Planes restored in one tile and in several."""
    whole = restore(data, model=card, keep_planes=True, **options)
    tiled = restore(data, model=many, keep_planes=True, **options)
    assert whole.report.tiles == 1
    assert tiled.report.tiles >= 4
    return whole, tiled


@pytest.mark.parametrize("kind", ["y", "ycbcr", "rgb"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("consistent", [False, True])
def test_tiled_equals_untiled(kind, subsampling, consistent, make_card, draw, encode):
    card, many = (make_card("blur", planes=kind, multiple=16, bytes_per_pixel=b) for b in (100.0, 80_000.0))
    data = encode(draw(203, 185), quality=20, subsampling=subsampling)
    whole, tiled = both(data, card, many, consistent=consistent)
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        assert np.abs(one - other).max() < 1e-4
    apart = np.abs(whole.to_array(16).astype(int) - tiled.to_array(16))
    assert apart.max() <= 8  # of 65535: 1e-4 and the colour matrix


@pytest.mark.parametrize("name", ["4-4-0", "4-1-1", "3x1", "3x2-1x2-1x1", "2x2-2x1-1x2"])
def test_tiled_equals_untiled_for_other_samplings(name, make_card, odd_files):
    card, many = (make_card("blur", 2, 1, multiple=8, bytes_per_pixel=b) for b in (100.0, 100_000.0))
    whole = restore(odd_files[name], model=card, keep_planes=True)
    tiled = restore(odd_files[name], model=many, keep_planes=True)
    assert tiled.report.tiles > 1 or whole.height * whole.width < 2500
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        assert np.abs(one - other).max() < 1e-4
    assert np.abs(whole.to_array(16).astype(int) - tiled.to_array(16)).max() <= 8


def test_a_halo_too_small_would_show(make_card, draw, encode):
    """The test above can fail: with half the halo the tiles differ."""
    data = encode(draw(203, 185), quality=20)
    good = make_card("blur", 12, 2)
    bad = make_card("blur", 12, 2, bytes_per_pixel=80_000.0)
    object.__setattr__(bad, "halo", 1)
    whole, tiled = both(data, good, bad, consistent=False)
    assert max(np.abs(one - other).max() for one, other in zip(whole.planes, tiled.planes, strict=True)) > 1e-3


def test_tiled_pixels_on_a_shifted_grid(make_card, draw, monkeypatch):
    from jpegmend.restoration import guess

    monkeypatch.setattr(guess, "estimate_compression", lambda _: guess.Guess(30, (3, 5), 1.0))
    card, many = (make_card("blur", multiple=16, bytes_per_pixel=b) for b in (100.0, 80_000.0))
    whole, tiled = both(draw(203, 185), card, many)
    assert whole.report.grid == (3, 5)
    assert np.abs(whole.to_array(16).astype(int) - tiled.to_array(16)).max() <= 8


def test_mirrored_passes_leave_no_seam(make_card, draw, encode):
    data = encode(draw(203, 185), quality=20)
    card, many = (make_card("blur", 12, 2, multiple=16, bytes_per_pixel=b) for b in (100.0, 80_000.0))
    whole, tiled = (restore(data, model=each, thorough=4, keep_planes=True) for each in (card, many))
    assert (whole.report.tiles, tiled.report.tiles > 3, tiled.report.passes) == (1, True, 4)
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        assert np.abs(one - other).max() < 1e-4


def test_windows_overlap_and_blend(make_card, draw, encode):
    """A network that is the same everywhere shows no seam; one that is not gives the same however it is tiled."""
    data = encode(draw(203, 185), quality=20)
    same = make_card("identity", tiling="window", window=64, halo=8, multiple=8)
    plain = restore(data, model=make_card("identity"), consistent=False)
    assert np.abs(restore(data, model=same, consistent=False).to_array().astype(int) - plain.to_array()).max() <= 2
    card = make_card("blur", 4, 2, tiling="window", window=64)
    whole, tiled = (restore(data, model=card, keep_planes=True, memory=memory) for memory in (None, 162_500_000))
    assert (whole.report.tiles, tiled.report.tiles > 3) == (1, True)
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        assert np.abs(one - other).max() < 1e-4


def test_the_overview_is_of_the_whole_picture(make_card, draw, encode):
    picture = draw(203, 185)
    picture[:100] //= 4
    data = encode(picture, quality=90, mode="L")
    card = make_card("mean_of_overview", planes="y", bytes_per_pixel=200_000.0)
    restored = restore(data, model=card, consistent=False)
    assert restored.report.tiles > 4
    values = restored.to_array(16) / 65535
    assert values.std() < 1e-6
    plain = restore(data, model=card, strength=0).to_array(16) / 65535
    assert abs(values.mean() - plain.mean()) < 0.01


def test_less_memory_more_tiles(make_card, draw, encode):
    data = encode(draw(256, 256), quality=20)
    card = make_card("blur", bytes_per_pixel=2000.0)
    tiles = [
        restore(data, model=card, memory=memory).report.tiles for memory in (400_000_000, 190_000_000, 175_000_000)
    ]
    assert tiles[0] == 1
    assert tiles[0] < tiles[1] < tiles[2]


def test_a_small_machine_gets_small_tiles(make_card, draw, encode, monkeypatch):
    """Of 1 GB a picture may use half; tiles of 640 MB would be refused."""
    card, data = make_card("identity", bytes_per_pixel=6000.0), encode(draw(320, 320))
    memory = {None: 1, 1_000_000_000: 3}
    found = {}
    for size in memory:
        monkeypatch.setattr(tile_sizes, "physical_memory", lambda size=size: size)
        found[size] = restore(data, model=card).report.tiles
    assert found == memory


def test_too_little_memory_is_said(make_card, draw, encode):
    with pytest.raises(InvalidOption, match="too little"):
        restore(encode(draw(64, 64)), model=make_card("identity"), memory=10_000_000)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 900), st.integers(1, 900), st.sampled_from([16, 32, 48, 128]), st.integers(0, 5), st.floats(1, 40)
)
def test_tiles_cover_everything_once(height, width, align, halos, times):
    halo = 16 * halos
    pixels = int((align + 2 * halo) ** 2 * times)
    covered = np.zeros((height, width), int)
    for tile in cut(height, width, pixels=pixels, halo=halo, align=align):
        covered[tile.slices] += 1
        assert tile.top % align == 0
        assert tile.left % align == 0
        seen = tile.grow(halo).clip(height, width)
        assert seen.height * seen.width <= pixels
    assert (covered == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 300), st.integers(20, 300), st.integers(0, 4), st.floats(4, 14))
def test_no_other_division_computes_much_less(height, width, halos, times):
    halo, align = 16 * halos, 16
    pixels = int((align + 2 * halo) ** 2 * times)

    def computed(tiles):
        seen = [tile.grow(halo).clip(height, width) for tile in tiles]
        fits = all(window.height * window.width <= pixels for window in seen)
        return sum(window.height * window.width for window in seen) if fits else np.inf

    others = [
        computed(
            Window(top, min(top + rows, height), left, min(left + columns, width))
            for top in range(0, height, rows)
            for left in range(0, width, columns)
        )
        for rows in range(align, height + align, align)
        for columns in range(align, width + align, align)
    ]
    found = computed(cut(height, width, pixels=pixels, halo=halo, align=align))
    assert found < np.inf
    # A tile at the edge may be narrower than a halo; its neighbours then compute less than they are counted for.
    assert found <= 1.25 * min(others)


def test_a_square_of_four_tiles_has_halos_on_two_sides_each():
    tiles = list(cut(2048, 2048, pixels=(1024 + 144) ** 2, halo=144, align=16))
    assert len(tiles) == 4


def test_tiles_stay_in_the_budget():
    assert tile_pixels(100e6, 500, 64, 16) == 200_000


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.integers(2, 12), st.integers(0, 5))
def test_windows_cover_everything_and_weigh_something(extent, eighths, overlap_eighths):
    side, overlap = 8 * eighths + 8, 8 * min(overlap_eighths, eighths // 2)
    weight = np.zeros(extent)
    for start in lattice(extent, side, overlap):
        stop = min(start + side, extent)
        weight[start:stop] += ramp(start, stop, extent, overlap)
    assert weight.min() > 0


def test_windows_grow_clip_and_align():
    window = Window(5, 20, 9, 30)
    assert window.grow(8).clip(100, 35) == Window(0, 28, 1, 35)
    assert window.align(8, 16) == Window(0, 24, 0, 32)
    assert window.inside(Window(4, 40, 8, 40)) == (slice(1, 16), slice(1, 22))
    assert Window(5, 3, 0, 1).height == 0


def test_without_a_limit_a_wide_halo_still_gets_tiles():
    assert tile_pixels(1e6, 1000, 128, 16, strict=False) == (32 + 2 * 128) ** 2
    with pytest.raises(InvalidOption, match="too little"):
        tile_pixels(1e6, 1000, 128, 16)
