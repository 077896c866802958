"""CQR's trained ranker on disk: its weights file, and its ONNX form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.errors import WeightsDamaged
from jpegmend.models import files, onnx_file
from jpegmend.models.contract import make_config
from jpegmend.models.cqr import Ranker, RankerConfig
from jpegmend.runtimes.ranker import SCORE

NETWORK = "ranker"
"""Name of the network in the header of such a file."""


def load_ranker(path: Path) -> tuple[Ranker, dict[str, Any]]:
    """The ranker of a weights file, float32 and in evaluation mode, and the file's header.

    A run saves it as ``auxiliary.ranker.safetensors``, a release as ``NAME.ranker.safetensors``. Raises
    :class:`~jpegmend.errors.WeightsDamaged` for a file that is broken or holds another network.
    """
    tensors, header = files.read_tensors(path)
    if header["network"] != NETWORK:
        raise WeightsDamaged(f"{path} holds a {header['network']}, not a {NETWORK}; load it with jpegmend.load")
    try:
        ranker = Ranker(make_config(RankerConfig, header["config"]))
        ranker.load_state_dict(tensors)
    except (TypeError, RuntimeError) as error:
        raise WeightsDamaged(f"{path}: {error}") from error
    return ranker.eval(), header


class _Score(nn.Module):
    """The score alone: the features are needed in training only."""

    def __init__(self, ranker: Ranker) -> None:
        super().__init__()
        self.ranker = ranker

    # The exporter of networks passes its inputs as one tuple.
    def forward(self, *tensors: Tensor) -> Tensor:
        score: Tensor = self.ranker(tensors[0]).score
        return score


def export_ranker(path: Path, ranker: Ranker) -> None:
    """Write the ranker as ONNX: ``planes [1, C, H, W]`` in 0..1, of any height and width, to the score ``[1]``."""
    planes = torch.rand(1, ranker.config.channels, 96, 128, generator=torch.Generator().manual_seed(0))
    onnx_file.write(path, _Score(ranker).eval(), (planes,), ("planes",), [SCORE])
