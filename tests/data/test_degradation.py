"""Degradation of crops: shares of samplings, tables, double compression and uploads."""

import random

import pytest
import torch

from jpegmend.data.degradation import Degradation, as_written, degrade, table_pair
from jpegmend.errors import InvalidRecipe


def psnr(seen, truth):
    return float(-10 * torch.log10((seen.planes - truth).square().mean()))


@pytest.fixture
def clean(photos):
    return photos[:, :, :64, :64].to(torch.uint8)


def test_gray_truth_is_the_studio_luma_of_the_protocol(clean):
    _, truth = degrade(clean, Degradation(studio=1.0), random.Random(0))
    r, g, b = clean.double().unbind(1)
    expected = torch.round((65.481 * r + 128.553 * g + 24.966 * b) / 255 + 16)
    assert torch.allclose(truth[:, 0] * 255, expected.float(), atol=1e-3)
    assert torch.all(truth[:, 1:] == 0.5)


def test_a_range_of_one_quality_uses_its_table(clean):
    seen, _ = degrade(clean, Degradation(qualities=[(37, 37, 1.0)]), random.Random(0))
    assert torch.equal(seen.tables[2, 0], table_pair(37, clean.device)[0])


def test_a_mixture_draws_from_both_ranges(clean):
    made = Degradation(qualities=[(10, 10, 1.0), (90, 90, 1.0)])
    first = {float(degrade(clean, made, random.Random(seed))[0].tables[0, 0, 0, 0]) for seed in range(12)}
    assert first == {float(table_pair(quality, clean.device)[0][0, 0]) for quality in (10, 90)}


def test_custom_tables_replace_libjpegs(clean):
    luma, chroma = list(range(1, 65)), [7] * 64
    made = Degradation(tables=[(luma, chroma)], custom=1.0, sampling={"444": 1.0})
    seen, _ = degrade(clean, made, random.Random(0))
    assert seen.tables[0, 0].flatten().tolist() == luma
    assert torch.all(seen.tables[:, 1:] == 7)


@pytest.mark.parametrize("shifted", [0.0, 1.0])
def test_an_earlier_compression_costs_quality(clean, shifted):
    once = Degradation(qualities=[(90, 90, 1.0)], sampling={"444": 1.0})
    twice = Degradation(
        qualities=[(90, 90, 1.0)], sampling={"444": 1.0}, double=1.0, double_qualities=(10, 10), shifted=shifted
    )
    good, bad = (psnr(*degrade(clean, kind, random.Random(3))) for kind in (once, twice))
    assert bad < good - 3


def test_an_aligned_earlier_compression_leaves_zeros_and_a_shifted_one_does_not(clean):
    shares = []
    for shifted in (0.0, 1.0):
        kind = Degradation(
            qualities=[(98, 98, 1.0)], sampling={"444": 1.0}, double=1.0, double_qualities=(5, 5), shifted=shifted
        )
        seen, _ = degrade(clean, kind, random.Random(5))
        cells = seen.planes[:, :1].reshape(4, 8, 8, 8, 8).permute(0, 1, 3, 2, 4)
        shares.append(float((cells.diff(dim=-1).abs() < 2 / 255).float().mean()))
    assert shares[0] > shares[1]


@pytest.mark.parametrize("sampling", ["gray", "444", "420"])
@pytest.mark.parametrize("shifted", [0.0, 1.0])
def test_a_first_compression_that_is_found_gives_its_tables_and_grid(clean, sampling, shifted):
    """Seen after a second compression at 98, a picture is nearly what it was after the first at 10 alone."""
    shares = {"sampling": {sampling: 1.0}, "studio": 0.0}
    once = Degradation(qualities=[(10, 10, 1.0)], **shares)
    twice = Degradation(
        qualities=[(98, 98, 1.0)], double=1.0, double_qualities=(10, 10), shifted=shifted, found=1.0, **shares
    )
    (seen, truth), (expected, same) = (degrade(clean, kind, random.Random(3)) for kind in (twice, once))
    assert torch.equal(seen.tables, expected.tables) and torch.equal(truth, same)
    inside = (..., slice(8, -8), slice(8, -8))  # at the edge a moved picture comes round
    difference = (seen.planes - expected.planes)[inside] * 255
    assert difference[:, 0].abs().mean() < 1.5


@pytest.mark.parametrize("encoder", ["batched", "pillow"])
def test_a_weaker_first_compression_is_there_but_not_found(clean, encoder):
    """The tables stay those of the second, and the truth moves with the picture."""
    shares = {"qualities": [(30, 30, 1.0)], "sampling": {"gray": 1.0}, "studio": 0.0, "encoder": encoder}
    twice = Degradation(double=1.0, double_qualities=(35, 60), shifted=1.0, found=1.0, **shares)
    (seen, truth), (once, still) = (degrade(clean, kind, random.Random(3)) for kind in (twice, Degradation(**shares)))
    assert torch.equal(seen.tables, once.tables)
    assert not torch.equal(truth, still)
    assert psnr(seen, truth) > psnr(once, still) - 3  # 16 dB less if the truth is not moved
    none = Degradation(double=0.0, found=1.0, **shares)
    assert torch.equal(degrade(clean, none, random.Random(3))[0].tables, once.tables)


def test_a_site_makes_pictures_smaller_and_the_truth_with_them(clean):
    kind = Degradation(social=1.0, smaller=(0.5, 0.5), sampling={"420": 1.0}, qualities=[(80, 80, 1.0)])
    seen, truth = degrade(clean, kind, random.Random(0))
    assert seen.planes.shape == truth.shape == (4, 3, 32, 32)
    assert psnr(seen, truth) > 15


def test_pillow_gives_the_same_batch(clean):
    for sampling in ("gray", "420"):
        pair = [
            degrade(clean, Degradation(sampling={sampling: 1.0}, encoder=encoder, double=0.5), random.Random(1))
            for encoder in ("batched", "pillow")
        ]
        assert torch.equal(pair[0][0].planes, pair[1][0].planes)
        assert torch.equal(pair[0][1], pair[1][1])


def test_colour_truth_is_not_rounded(photos):
    assert not torch.equal(as_written(photos, "444", False), as_written(photos, "444", False).round())


@pytest.mark.parametrize(
    "wrong",
    [
        {"qualities": [(0, 10, 1.0)]},
        {"qualities": [(20, 10, 1.0)]},
        {"double_qualities": (90, 10)},
        {"sampling": {"411": 1.0}},
        {"sampling": {"gray": 0.0}},
        {"double": 1.5},
        {"found": -0.1},
        {"custom": 0.5},
        {"tables": [([1] * 63, [1] * 64)]},
        {"smaller": (0.0, 2.0)},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(InvalidRecipe, match=next(iter(wrong))):
        Degradation(**wrong)
