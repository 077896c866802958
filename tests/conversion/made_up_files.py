"""Files in the layouts of three papers' authors, with random numbers, and the numbers themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.conversion import checkpoints

RANDOM = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return (RANDOM.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)


def dcsc_file(folder: Path, names: str = "conv2d", optimiser: bool = True) -> tuple[Path, dict[str, np.ndarray]]:
    features, filters = 4, 6
    shapes = [(1, features)] * 3 + [(3 * features, filters), (filters, filters), (filters, 1)]
    tensors: dict[str, np.ndarray] = {}
    for place, shape in enumerate(shapes):
        name = f"net/{names}" + (f"_{place}" if place else "")
        tensors[f"{name}/kernel"] = weights(3, 3, *shape) * (0.5 if shape == (filters, filters) else 1)
        if place not in (3, 4):
            tensors[f"{name}/bias"] = weights(shape[1])
    made = dict(tensors)
    if optimiser:
        made |= {f"{name}/Adam": values + 1 for name, values in tensors.items()}
        made |= {"beta1_power": np.float32([0.9]).reshape(()), "global_step": np.array(7, np.int64)}
    return checkpoints.write(folder / "model", made), tensors


def cells(parts: list[Any]) -> np.ndarray:
    made = np.empty((1, len(parts)), object)
    for place, part in enumerate(parts):
        made[0, place] = part
    return made


def dncnn_file(folder: Path) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """A MatConvNet file of three layers: filters [h, w, I, O] and biases [O, 1] of each."""
    from scipy.io import savemat

    widths = [1, 5, 5, 1]
    filters = [weights(3, 3, taken, given) for taken, given in zip(widths, widths[1:], strict=False)]
    biases = [weights(count)[:, None] for count in widths[1:]]
    parts: list[Any] = []
    for place, (kernel, bias) in enumerate(zip(filters, biases, strict=True)):
        stored = kernel[..., 0] if kernel.shape[3] == 1 else kernel  # MATLAB drops the last axis
        parts.append({"type": "conv", "weights": cells([stored, bias]), "pad": 1, "stride": 1})
        if place < 2:
            parts.append({"type": "relu"})
    file = folder / "DnCNN3.mat"
    savemat(file, {"net": {"layers": cells(parts)}})
    return file, filters, biases


def arcnn_file(folder: Path) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """A file of four layers: kernels [h, w, I, O] and biases [O] of each."""
    from scipy.io import savemat

    sides, widths = (9, 7, 1, 5), (1, 6, 4, 3, 1)
    kernels = [weights(side, side, *pair) for side, *pair in zip(sides, widths, widths[1:], strict=False)]
    biases = [weights(count) for count in widths[1:]]
    found: dict[str, np.ndarray] = {}
    for name, kernel, bias in zip(("1", "2", "22", "3"), kernels, biases, strict=True):
        # [I, H W, O], pixels of a kernel column by column, as MATLAB's reshape does.
        flat = kernel.transpose(2, 0, 1, 3).reshape(kernel.shape[2], -1, kernel.shape[3], order="F")
        by_columns = np.stack([[k.ravel("F") for k in kernel[:, :, i].transpose(2, 0, 1)] for i in range(len(flat))])
        found[f"weights_conv{name}"] = by_columns.transpose(0, 2, 1)
        found[f"biases_conv{name}"] = bias[:, None]
    found["weights_conv3"] = found["weights_conv3"][..., 0]
    file = folder / "q10.mat"
    savemat(file, found)
    return file, kernels, biases
