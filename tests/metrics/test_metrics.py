"""Metrics compared with scikit-image and with sums written by hand, and their limits."""

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from jpegmend import metrics
from jpegmend.errors import InvalidOption


@pytest.fixture(scope="module")
def compressed() -> list[tuple[np.ndarray, np.ndarray]]:
    """Gray uint8 pairs (original, JPEG), one with sides that are no multiples of 8."""
    pairs = []
    for picture, quality in ((data.camera()[:256, :200], 10), (data.coins()[:171, :229], 30)):
        target = io.BytesIO()
        Image.fromarray(picture).save(target, "JPEG", quality=quality)
        pairs.append((picture, np.asarray(Image.open(target))))
    return pairs


def test_psnr_is_that_of_scikit_image(compressed):
    for a, b in compressed:
        expected = peak_signal_noise_ratio(a, b, data_range=255)
        assert metrics.psnr(a, b, peak=255) == pytest.approx(expected, abs=1e-12)
        assert metrics.psnr(a / 255, b / 255, peak=1) == pytest.approx(expected, abs=1e-9)


def test_psnr_takes_colour_and_does_not_wrap_uint8():
    a, b = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert metrics.psnr(a, b, peak=255) == 0
    assert metrics.psnr(b, a, peak=255) == 0


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}),
        ({"sample_covariance": True}, {"gaussian_weights": True, "sigma": 1.5}),
        ({"window": "uniform", "size": 7, "sample_covariance": True}, {"win_size": 7}),
        ({"window": "uniform", "size": 9}, {"win_size": 9, "use_sample_covariance": False}),
        ({"k1": 0.05, "window": "uniform", "size": 7, "sample_covariance": True}, {"K1": 0.05}),
    ],
    ids=["matlab", "gaussian sample", "uniform 7 sample", "uniform 9", "k1"],
)
def test_ssim_is_that_of_scikit_image(compressed, ours, theirs):
    for a, b in compressed:
        expected = structural_similarity(a, b, data_range=255, **theirs)
        assert metrics.ssim(a, b, peak=255, **ours) == pytest.approx(expected, abs=1e-12)


def test_ssim_with_an_even_uniform_window_is_the_formula_written_out():
    """The 8x8 window of some papers; scikit-image has no even windows."""
    rng = np.random.default_rng(3)
    a, b = rng.uniform(0, 255, (2, 11, 13))
    values = []
    for y in range(4):
        for x in range(6):
            p, q = a[y : y + 8, x : x + 8], b[y : y + 8, x : x + 8]
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            covariance = ((p - p.mean()) * (q - q.mean())).mean()
            above = (2 * p.mean() * q.mean() + c1) * (2 * covariance + c2)
            values.append(above / ((p.mean() ** 2 + q.mean() ** 2 + c1) * (p.var() + q.var() + c2)))
    assert metrics.ssim(a, b, peak=255, window="uniform", size=8) == pytest.approx(np.mean(values), abs=1e-12)


@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_bef_is_the_definition_written_out(height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float64)
    picture += 400 * (np.add.outer(np.arange(height) // 8, np.arange(width) // 8) % 2)
    across, within = [], []
    for y in range(height):
        for x in range(width):
            if x + 1 < width:
                (across if x % 8 == 7 else within).append((picture[y, x] - picture[y, x + 1]) ** 2)
            if y + 1 < height:
                (across if y % 8 == 7 else within).append((picture[y, x] - picture[y + 1, x]) ** 2)
    scale = math.log2(8) / math.log2(min(height, width))
    expected = max(0, scale * (np.mean(across) - np.mean(within))) if across else 0
    assert metrics.bef(picture) == pytest.approx(expected, rel=1e-9)


def common_code(picture: np.ndarray) -> float:
    """BEF as the code around FBCNN computes it, in its order: too few boundaries for odd sides."""
    height, width = picture.shape
    columns, rows = np.arange(7, width - 1, 8), np.arange(7, height - 1, 8)
    other_columns = np.setdiff1d(np.arange(width - 1), columns)
    other_rows = np.setdiff1d(np.arange(height - 1), rows)

    def sums(at_columns: np.ndarray, at_rows: np.ndarray) -> float:
        across = ((picture[:, at_columns] - picture[:, at_columns + 1]) ** 2).sum()
        return across + ((picture[at_rows] - picture[at_rows + 1]) ** 2).sum()

    boundaries = height * (width // 8 - 1) + width * (height // 8 - 1)
    others = height * (width - 1) + width * (height - 1) - boundaries
    difference = sums(columns, rows) / boundaries - sums(other_columns, other_rows) / others
    return max(0, math.log2(8) / math.log2(min(height, width)) * difference)


def test_variant_fbcnn_is_the_common_code_and_differs_for_odd_sides_only(compressed):
    (_, even), (_, odd) = compressed
    for picture in (even.astype(float), odd.astype(float)):
        assert metrics.bef(picture, variant="fbcnn") == pytest.approx(common_code(picture), rel=1e-12)
    assert metrics.bef(even) == pytest.approx(metrics.bef(even, variant="fbcnn"), rel=1e-12)
    assert metrics.bef(odd, variant="fbcnn") > metrics.bef(odd) > 0


def test_psnr_b_is_below_psnr_by_the_blocking_of_the_second_picture(compressed):
    for a, b in compressed:
        both = metrics.psnr_b(a, b, peak=255)
        error = np.square(a.astype(float) - b).mean()
        assert both == pytest.approx(10 * math.log10(255**2 / (error + metrics.bef(b))))
        assert both < metrics.psnr(a, b, peak=255)
        assert metrics.psnr_b(a / 255, b / 255, peak=1) == pytest.approx(both)


def test_blocks_off_the_grid_are_not_counted():
    blocks = np.kron([[0, 1], [1, 0]], np.ones((8, 8)))
    assert metrics.bef(blocks) > 0
    assert metrics.bef(np.roll(blocks, 4, axis=(0, 1))) == 0


def test_equal_pictures():
    picture = np.random.default_rng(0).integers(0, 256, (24, 24))
    assert metrics.psnr(picture, picture, peak=255) == math.inf
    assert metrics.psnr(picture, np.full(picture.shape, np.inf), peak=255) == -math.inf
    assert metrics.ssim(picture, picture, peak=255) == pytest.approx(1, abs=1e-12)
    flat = np.full((24, 24), 7)
    assert metrics.psnr_b(flat, flat, peak=255) == math.inf
    assert metrics.ssim(flat, flat, peak=255) == 1


def test_a_picture_of_one_block_has_no_boundaries():
    picture = np.arange(64.0).reshape(8, 8)
    for variant in ("true", "fbcnn"):
        assert metrics.bef(picture, variant=variant) == 0
    # One boundary that the common code does not count.
    assert metrics.bef(np.pad(picture, ((0, 0), (0, 1))), variant="fbcnn") == 0
    assert metrics.bef(np.pad(picture, ((0, 0), (0, 1)))) > 0


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim, metrics.psnr_b])
def test_wrong_pairs_and_peaks_are_refused(metric):
    square = np.zeros((16, 16))
    with pytest.raises(InvalidOption, match="alike"):
        metric(square, np.zeros((16, 17)), peak=255)
    with pytest.raises(InvalidOption, match="not empty"):
        metric(np.zeros((0, 16)), np.zeros((0, 16)), peak=255)
    for peak in (0, -1, math.inf, math.nan):
        with pytest.raises(InvalidOption, match="peak"):
            metric(square, square, peak=peak)


def test_sizes_below_window_or_block_are_refused():
    with pytest.raises(InvalidOption, match="window of 11x11"):
        metrics.ssim(np.zeros((10, 40)), np.zeros((10, 40)), peak=1)
    with pytest.raises(InvalidOption, match="at least 8"):
        metrics.psnr_b(np.zeros((7, 40)), np.zeros((7, 40)), peak=1)
    for metric in (metrics.ssim, metrics.psnr_b):
        with pytest.raises(InvalidOption, match=r"\[H, W\]"):
            metric(np.zeros((16, 16, 3)), np.zeros((16, 16, 3)), peak=1)


def test_unknown_variants_are_refused():
    square = np.zeros((16, 16))
    with pytest.raises(InvalidOption, match="'true' and 'fbcnn'"):
        metrics.bef(square, variant="other")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="'gaussian'"):
        metrics.ssim(square, square, peak=1, window="box")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="sigma 0"):
        metrics.ssim(square, square, peak=1, sigma=0)
    with pytest.raises(InvalidOption, match="size 1"):
        metrics.ssim(square, square, peak=1, size=1)
