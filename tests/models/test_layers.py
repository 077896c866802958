"""Folding, its adjoint and the DCT, against numpy's reshaping and SciPy; the ONNX file folds every size."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import scipy.fft
import torch
from torch import Tensor, nn

from jpegmend.models import onnx_file
from jpegmend.models.layers import cosines, fold, fold_adjoint, unfold


def folded_by_numpy(x: np.ndarray, factor: int) -> np.ndarray:
    B, C, H, W = x.shape
    x = np.pad(x, ((0, 0), (0, 0), (0, -H % factor), (0, -W % factor)), mode="edge")
    cells = x.reshape(B, C, x.shape[2] // factor, factor, x.shape[3] // factor, factor)
    return cells.transpose(0, 1, 3, 5, 2, 4).reshape(B, C * factor**2, cells.shape[2], cells.shape[4])


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 12), (7, 13), (1, 2)])
def test_folding_is_numpys_and_comes_back(factor: int, height: int, width: int) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    folded = fold(x, factor)
    np.testing.assert_array_equal(folded.numpy(), folded_by_numpy(x.numpy(), factor))
    assert torch.equal(unfold(folded, factor, height, width), x)


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 12), (7, 13), (1, 2)])
def test_adjoint_of_folding(factor: int, height: int, width: int) -> None:
    """By its definition, which holds where sides are padded only if copies of a pixel are added to it."""
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    folded = fold(x, factor)
    other = torch.rand(folded.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close((folded * other).sum(), (x * fold_adjoint(other, factor, height, width)).sum())


@pytest.mark.parametrize("size", [1, 2, 9, 640])
def test_cosines_are_scipys(size: int) -> None:
    expected = scipy.fft.dct(np.eye(size), norm="ortho", axis=0)
    np.testing.assert_allclose(cosines(size, torch.empty(0)).numpy(), expected, atol=3e-7)


def test_factor_1_is_the_tensor_itself() -> None:
    x = torch.rand(1, 1, 5, 7)
    assert fold(x, 1) is x and unfold(x, 1, 5, 7) is x


class _Weighted(nn.Module):
    """Folds, weights every channel differently, and unfolds."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, 5.0)[None, :, None, None])

    def forward(self, *tensors: Tensor) -> Tensor:
        planes = tensors[0]
        return unfold(fold(planes, 2) * self.weight, 2, *planes.shape[-2:])


def test_export_folds_at_other_sizes(tmp_path) -> None:
    path = tmp_path / "folding.onnx"
    onnx_file.write(path, _Weighted(), (torch.rand(1, 1, 32, 48),), ("planes",), ("folded",))
    session = onnxruntime.InferenceSession(path.read_bytes())
    for height, width in ((37, 53), (8, 6)):
        planes = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
        (out,) = session.run(None, {"planes": planes.numpy()})
        np.testing.assert_array_equal(out, _Weighted()(planes).detach().numpy())
