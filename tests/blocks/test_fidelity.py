"""Projection into quantisation cells: quantising the result gives the file's levels."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpegmend import blocks, jpeg
from jpegmend.blocks import fidelity, quantisation
from jpegmend.errors import InvalidOption
from jpegmend.jpeg.tables import standard_chroma, standard_luma

QUALITIES = st.integers(1, 100)
SEEDS = st.integers(0, 2**32 - 1)
FACTORS = {"4:2:2": (1, 2), "4:2:0": (2, 2), "4:4:0": (2, 1), "4:1:1": (1, 4)}


def random_file(rng: np.random.Generator, table: np.ndarray) -> np.ndarray:
    """Levels [2, 3, 8, 8] of pictures from flat to pure noise with every sample at an end of its range."""
    contrast = rng.choice([0, 1, 30, 127.5])
    signs = rng.choice([-1.0, 1.0], (16, 24)) if rng.random() < 0.5 else rng.uniform(-1, 1, (16, 24))
    return blocks.quantise((127.5 + contrast * signs) / 255, table)


def disturb(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Any restored plane: near, far, out of range."""
    spread = rng.choice([1e-3, 0.05, 1.0])
    return rng.normal(0.5, spread, shape).astype(np.float32)


@given(QUALITIES, SEEDS)
@settings(max_examples=150, deadline=None)
def test_projected_plane_quantises_to_the_levels(quality, seed):
    rng = np.random.default_rng(seed)
    table = standard_luma(quality)
    levels = random_file(rng, table)
    plane = blocks.fidelity.project(disturb(rng, (16, 24)), levels, table)
    assert plane.dtype == np.float32
    assert np.array_equal(blocks.quantise(plane, table), levels)


@given(QUALITIES, st.sampled_from(list(FACTORS.values())), SEEDS)
@settings(max_examples=150, deadline=None)
def test_projected_chroma_quantises_to_the_levels(quality, factors, seed):
    v, h = factors
    rng = np.random.default_rng(seed)
    table = standard_chroma(quality)
    levels = random_file(rng, table)
    plane = fidelity.project(disturb(rng, (v * 16, h * 24)), levels, table, v, h)
    assert plane.dtype == np.float32
    assert np.array_equal(blocks.quantise(blocks.down_box(plane, v, h), table), levels)


@given(SEEDS, st.sampled_from([1, 7, 255]))
@settings(max_examples=60, deadline=None)
def test_tables_with_steps_far_apart_keep_the_promise(seed, largest):
    """A level of many large steps beside a step of 1 is the worst case for float32."""
    rng = np.random.default_rng(seed)
    table = rng.choice([1, largest], (8, 8)).astype(np.uint16)
    levels = random_file(rng, table)
    plane = fidelity.project(disturb(rng, (16, 24)), levels, table)
    assert np.array_equal(blocks.quantise(plane, table), levels)


def test_every_quality_on_a_real_picture(photos):
    gray = blocks.studio_y(photos["coffee"])[:64, :96].astype(np.float32) / 255
    for quality in range(1, 101):
        table = standard_luma(quality)
        levels = blocks.quantise(gray, table)
        blurred = blocks.up_box(blocks.down_box(gray, 2, 2), 2, 2)
        assert np.array_equal(blocks.quantise(fidelity.project(blurred, levels, table), table), levels)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_the_files_own_levels_come_back_from_a_real_file(photos, rng, subsampling):
    target = io.BytesIO()
    Image.fromarray(photos["astronaut"]).save(target, "JPEG", quality=35, subsampling=subsampling)
    luma, *chroma = jpeg.read(target.getvalue()).components
    for part in (luma, *chroma):
        v, h = luma.vertical // part.vertical, luma.horizontal // part.horizontal
        plane = blocks.up_box(blocks.decode(part.levels, part.table), v, h)
        restored = plane + rng.normal(0, 0.1, plane.shape).astype(np.float32)
        restored = fidelity.project(restored, part.levels, part.table, v, h)
        assert np.array_equal(blocks.quantise(blocks.down_box(restored, v, h), part.table), part.levels)


@given(QUALITIES, st.sampled_from([(1, 1), *FACTORS.values()]), SEEDS)
@settings(max_examples=60, deadline=None)
def test_projecting_twice_changes_nothing(quality, factors, seed):
    v, h = factors
    rng = np.random.default_rng(seed)
    table = standard_luma(quality)
    levels = random_file(rng, table)
    once = fidelity.project(disturb(rng, (v * 16, h * 24)), levels, table, v, h)
    again = fidelity.project(once, levels, table, v, h)
    assert np.abs(again - once).max() < 2e-6 * max(1, np.abs(once).max())


def test_the_original_and_the_decoded_plane_are_left_alone(photos):
    gray = blocks.studio_y(photos["drawing"])[:96, :128].astype(np.float32) / 255
    table = standard_luma(20)
    levels = blocks.quantise(gray, table)
    # Without an inset the original is in its cells (but for rounding at their edges): it defines the levels.
    assert np.abs(fidelity.project(gray, levels, table, inset=0) - gray).max() < 1e-6
    decoded = blocks.decode(levels, table)
    assert np.array_equal(fidelity.project(decoded, levels, table), decoded)


def test_it_is_the_nearest_consistent_plane(rng):
    """Variational inequality: no consistent plane lies in the direction that the projection took away."""
    table = standard_luma(30)
    levels = blocks.quantise(rng.uniform(size=(16, 16)), table)
    start = rng.uniform(size=(16, 16))
    nearest = fidelity.project(start, levels, table, inset=0.1)
    for _ in range(20):
        inside = levels * table + rng.uniform(-0.4, 0.4, levels.shape) * table
        other = (blocks.join_blocks(blocks.idct(inside.astype(np.float64))) + 128) / 255
        assert np.vdot(start - nearest, other - nearest) <= 1e-9


def test_it_comes_nearer_to_the_original(photos, rng):
    gray = blocks.studio_y(photos["coffee"])[:96, :96].astype(np.float32) / 255
    table = standard_luma(40)
    levels = blocks.quantise(gray, table)
    guess = blocks.decode(levels, table) + rng.normal(0, 0.05, gray.shape).astype(np.float32)
    projected = fidelity.project(guess, levels, table, inset=0)
    assert np.square(projected - gray).mean() < 0.9 * np.square(guess - gray).mean()


def test_half_an_inset_leaves_the_decoded_plane(rng):
    table = standard_luma(60)
    levels = blocks.quantise(rng.uniform(size=(16, 16)), table)
    plane = fidelity.project(rng.uniform(size=(16, 16)), levels, table, inset=0.5)
    assert np.abs(plane - blocks.decode(levels, table)).max() < 1e-6


def test_wild_levels_of_a_damaged_file_stay_finite(rng):
    levels = rng.integers(-32768, 32768, (2, 2, 8, 8)).astype(np.int16)
    plane = fidelity.project(np.zeros((16, 16), np.float32), levels, np.full((8, 8), 65535, np.uint16))
    assert np.isfinite(plane).all()


def test_inputs_are_not_written_to(rng):
    table, plane = standard_luma(10), rng.uniform(size=(16, 16)).astype(np.float32)
    levels = np.zeros((2, 2, 8, 8), np.int16)
    before = plane.copy()
    for given_plane in (plane, np.asfortranarray(plane)):
        fidelity.project(given_plane, levels, table)
        assert np.array_equal(given_plane, before)


@pytest.mark.parametrize("inset", [-0.01, 0.51, float("nan")])
def test_an_inset_beyond_the_cell_is_refused(inset):
    with pytest.raises(InvalidOption, match="inset"):
        fidelity.project(np.zeros((8, 8)), np.zeros((1, 1, 8, 8), np.int16), np.ones((8, 8)), inset=inset)


def test_planes_that_do_not_fit_the_levels_are_refused():
    levels = np.zeros((1, 2, 8, 8), np.int16)
    with pytest.raises(InvalidOption, match="crop or pad"):
        fidelity.project(np.zeros((8, 8)), levels, np.ones((8, 8)))
    with pytest.raises(InvalidOption, match="crop or pad"):
        fidelity.project(np.zeros((16, 16)), levels, np.ones((8, 8)), 2, 2)


@pytest.mark.parametrize("place", [(0, 0), (0, 1)], ids=["DC", "AC"])
@pytest.mark.parametrize("level", [-8, -4, 0, 4, 8])
def test_missing_low_bits_widen_a_cell_to_every_level_they_allow(place: tuple[int, int], level: int) -> None:
    """T.81 G.1.2, by trial of all levels: two bits of DC are cut by a shift, two of AC from the magnitude."""

    def cut(whole: int) -> int:
        return whole >> 2 << 2 if place == (0, 0) else int(np.sign(whole)) * (abs(whole) >> 2 << 2)

    allowed = [whole for whole in range(-40, 41) if cut(whole) == level]
    table, bits, levels = np.full((8, 8), 10), np.zeros((8, 8), np.uint8), np.zeros((1, 1, 8, 8), np.int16)
    bits[place], bits[3, 3], levels[0, 0][place] = 2, 16, level
    for far, bound in ((-1000.0, min(allowed) - 0.5), (1000.0, max(allowed) + 0.5)):
        wanted = np.zeros((1, 1, 8, 8))
        wanted[0, 0][place] = wanted[0, 0, 3, 3] = far
        plane = (blocks.join_blocks(blocks.idct(wanted)) + 128) / 255
        found = quantisation.coefficients(fidelity.project(plane, levels, table, inset=0.0, unknown_bits=bits))[0, 0]
        assert found[place] == pytest.approx(10 * bound, abs=1e-6)
        assert found[3, 3] == pytest.approx(far, abs=1e-6), "a level without any scan can have every value"


@given(QUALITIES, SEEDS)
@settings(max_examples=150, deadline=None)
def test_an_answer_that_is_partly_replaced_quantises_to_the_levels(quality, seed):
    rng = np.random.default_rng(seed)
    table = standard_luma(quality)
    levels = random_file(rng, table)
    answer, decoded = disturb(rng, (16, 24)), blocks.decode(levels, table)
    plane, share = fidelity.project_answer(answer, decoded, levels, table)
    assert plane.dtype == np.float32 and ((share >= 0) & (share <= 1)).all()
    assert np.array_equal(blocks.quantise(plane, table), levels)


def test_only_blocks_that_contradict_the_file_are_replaced_and_each_by_itself(photos, rng):
    """Of three blocks one is answered near the file, one a little outside of its cells, one with its pattern gone."""
    table = standard_luma(20)
    original = blocks.studio_y(photos["coffee"])[:8, :24].astype(np.float32) / 255
    original[:, 16:] = np.indices((8, 8)).sum(0) % 2
    levels = blocks.quantise(original, table)
    decoded = blocks.decode(levels, table)
    answer = decoded + rng.normal(0, 0.01, decoded.shape).astype(np.float32)
    # A constant is the DC coefficient alone: 8 times its value, here half a step and a third of the mean error over.
    error = np.sqrt(np.square(table.astype(float)).mean() / 12)
    answer[:, 8:16] = decoded[:, 8:16] + (table[0, 0] / 16 + error / 3) / 255
    answer[:, 16:] = 0.5
    plane, share = fidelity.project_answer(answer, decoded, levels, table)
    assert share[0, 0] == 1 and share[0, 2] == 0
    assert 0 < share[0, 1] < 1, "the square of a third lies between AGREES and CONTRADICTS"
    assert np.array_equal(plane[:, :8], fidelity.project(answer[:, :8], levels[:, :1], table))
    assert np.abs(plane[:, 16:] - decoded[:, 16:]).max() < 1e-6
    assert np.square(plane - original).mean() < np.square(fidelity.project(answer, levels, table) - original).mean()
    for block in range(3):
        part = slice(8 * block, 8 * block + 8)
        alone, _ = fidelity.project_answer(answer[:, part], decoded[:, part], levels[:, block : block + 1], table)
        np.testing.assert_allclose(alone, plane[:, part], rtol=0, atol=1e-6, err_msg="it must not depend on its tile")


def test_what_the_file_leaves_open_is_no_contradiction(photos):
    """Levels of a progressive file without its last two bits: the original is no contradiction, a lost pattern is."""
    table, bits = standard_luma(90), np.full((8, 8), 2, np.uint8)
    original = blocks.studio_y(photos["coffee"])[:8, :192].astype(np.float32) / 255
    original[:, 184:] = np.indices((8, 8)).sum(0) % 2
    whole = blocks.quantise(original, table).astype(int)
    levels = np.sign(whole) * (np.abs(whole) >> 2 << 2)
    levels[..., 0, 0] = whole[..., 0, 0] >> 2 << 2
    answer, decoded = original.copy(), blocks.decode(levels.astype(np.int16), table)
    answer[:, 184:] = 0.5
    _, strict = fidelity.project_answer(answer, decoded, levels, table)
    plane, share = fidelity.project_answer(answer, decoded, levels, table, unknown_bits=bits)
    assert (strict[0, :-1] < 1).any()
    assert (share[0, :-1] == 1).all() and share[0, -1] == 0
    np.testing.assert_allclose(plane[:, :184], original[:, :184], rtol=0, atol=0.02 * table.max() / 255)
    np.testing.assert_allclose(plane[:, 184:], decoded[:, 184:], rtol=0, atol=1e-6)


def test_an_answer_is_judged_by_the_mean_over_its_block():
    """One wrong pixel of 64: its square is 64 times the mean."""
    table, correction = np.full((8, 8), 12.0), np.zeros((8, 16), np.float32)
    correction[0, 0], correction[0, 8] = np.sqrt(64 * 12 * np.array([fidelity.AGREES, 0.1])) / 255
    np.testing.assert_allclose(fidelity.kept_share(correction, table), [[1, 0.5]], rtol=0, atol=1e-5)
