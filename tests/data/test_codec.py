"""The batched codec against libjpeg-turbo, through Pillow and our own reader."""

import numpy as np
import pytest
import torch

from jpegmend.blocks import fidelity
from jpegmend.data import codec, encoder
from jpegmend.data.degradation import as_written, tables_of

KINDS = list(codec.FACTORS)


def compressed(photos, kind, qualities, module):
    tables = tables_of(qualities, photos.device)
    picture = as_written(photos, "gray", studio=False)[:, :1] if kind == "gray" else photos
    return picture, module.compress(picture, *tables, kind)


def psnr(a, b):
    return float(20 * torch.log10(255 / (a - b).square().mean().sqrt()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("qualities", [(1, 5, 10, 20), (30, 40, 60, 75), (90, 95, 98, 100)])
def test_shows_what_libjpeg_shows(photos, kind, qualities):
    picture, ours = compressed(photos, kind, qualities, codec)
    _, real = compressed(photos, kind, qualities, encoder)
    for mine, theirs in zip(ours.levels, real.levels, strict=True):
        assert torch.equal(mine, theirs)
    mine, theirs = codec.show(ours), codec.show(real)
    difference = (mine - theirs).abs()
    assert (difference == 0).float().mean() >= 0.99
    assert difference.max() <= 2
    for one in range(len(photos)):
        assert abs(psnr(mine[one], picture[one]) - psnr(theirs[one], picture[one])) <= 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_both_encoders_are_observed_alike(photos, kind):
    _, ours = compressed(photos, kind, (10, 30, 50, 90), codec)
    _, real = compressed(photos, kind, (10, 30, 50, 90), encoder)
    for mine, theirs in zip(codec.observe(ours), codec.observe(real), strict=True):
        assert (mine is None and theirs is None) or torch.equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_float_decoding_rounds_to_nearly_what_is_shown(photos, kind):
    # libjpeg rounds luma once, chroma twice (times 1.772) and colour once more.
    _, file = compressed(photos, kind, (10, 30, 50, 90), codec)
    planes = (codec.observe(file).planes * 255).clamp(0, 255)
    pixels = planes[:, :1] if kind == "gray" else codec.ycbcr_to_rgb(planes).clamp(0, 255)
    difference = (pixels - codec.show(file)).abs()
    assert difference.max() < (0.7 if kind == "gray" else 2.9)
    assert difference.mean() < 0.6


def test_no_colour_is_half_in_gray_files_and_128_of_255_in_colour_files():
    flat = torch.full((1, 3, 16, 16), 90.0)
    tables = tables_of([50], flat.device)
    gray = codec.observe(codec.compress(flat[:, :1], *tables, "gray"))
    assert torch.all(gray.planes[:, 1:] == 0.5)
    assert torch.all(gray.tables[:, 1:] == 1)
    assert torch.equal(gray.sampling, torch.zeros(1, 2))
    colour = codec.observe(codec.compress(flat, *tables, "420"))
    assert torch.allclose(colour.planes[:, 1:], torch.tensor(128 / 255))
    assert torch.equal(colour.sampling, torch.full((1, 2), 2.0))


def test_float_transforms_are_inverse():
    picture = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 255
    assert torch.allclose(codec.ycbcr_to_rgb(codec.rgb_to_ycbcr(picture)), picture, atol=1e-3)
    D = codec.dct_matrix(dtype=torch.float64)
    assert torch.allclose(D @ D.T, torch.eye(8, dtype=torch.float64), atol=1e-12)


def test_cells_are_those_of_the_projection(photos):
    picture, file = compressed(photos[:1], "gray", (10,), codec)
    decoded = codec.observe(file).planes[:, :1]
    restored = (picture[:, :1] / 255 + 0.1).requires_grad_()
    mine = codec.into_cells(restored, decoded, file.luma)
    theirs = fidelity.project(
        restored[0, 0].detach().numpy(),
        file.levels[0][0].numpy().astype(np.int16),
        file.luma[0].numpy().astype(np.uint16),
        inset=0,
    )
    assert np.abs(mine[0, 0].detach().numpy() - theirs).max() < 1e-5
    assert not torch.allclose(mine, restored, atol=0.05), "a tenth brighter is outside of the cells"
    mine.sum().backward()
    assert torch.isfinite(restored.grad).all()
