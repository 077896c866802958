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
    return write_dcsc(folder / "model", tensors, optimiser), tensors


def write_dcsc(base: Path, tensors: dict[str, np.ndarray], optimiser: bool = True) -> Path:
    """A checkpoint of kernels [h, w, I, O] and biases [O] by name, with what Adam adds to it."""
    made = dict(tensors)
    if optimiser:
        made |= {f"{name}/Adam": values + 1 for name, values in tensors.items()}
        made |= {"beta1_power": np.float32([0.9]).reshape(()), "global_step": np.array(7, np.int64)}
    return checkpoints.write(base, made)


def cells(parts: list[Any]) -> np.ndarray:
    made = np.empty((1, len(parts)), object)
    for place, part in enumerate(parts):
        made[0, place] = part
    return made


def dncnn_file(folder: Path) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """A MatConvNet file of three layers: filters [h, w, I, O] and biases [O, 1] of each."""
    widths = [1, 5, 5, 1]
    filters = [weights(3, 3, taken, given) for taken, given in zip(widths, widths[1:], strict=False)]
    biases = [weights(count)[:, None] for count in widths[1:]]
    return write_dncnn(folder / "DnCNN3.mat", filters, biases), filters, biases


def write_dncnn(file: Path, filters: list[np.ndarray], biases: list[np.ndarray]) -> Path:
    """Filters [h, w, I, O] and biases [O, 1] as MatConvNet stores them, ReLU between two layers."""
    from scipy.io import savemat

    parts: list[Any] = []
    for place, (kernel, bias) in enumerate(zip(filters, biases, strict=True)):
        stored = kernel[..., 0] if kernel.shape[3] == 1 else kernel  # MATLAB drops the last axis
        parts.append({"type": "conv", "weights": cells([stored, bias]), "pad": 1, "stride": 1})
        if place < len(filters) - 1:
            parts.append({"type": "relu"})
    savemat(file, {"net": {"layers": cells(parts)}})
    return file


def arcnn_file(folder: Path) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """A file of four layers: kernels [h, w, I, O] and biases [O] of each."""
    sides, widths = (9, 7, 1, 5), (1, 6, 4, 3, 1)
    kernels = [weights(side, side, *pair) for side, *pair in zip(sides, widths, widths[1:], strict=False)]
    biases = [weights(count) for count in widths[1:]]
    return write_arcnn(folder / "q10.mat", kernels, biases), kernels, biases


def write_arcnn(file: Path, kernels: list[np.ndarray], biases: list[np.ndarray]) -> Path:
    """Kernels [h, w, I, O] and biases [O] as AR-CNN's authors store them."""
    from scipy.io import savemat

    found: dict[str, np.ndarray] = {}
    for name, kernel, bias in zip(("1", "2", "22", "3"), kernels, biases, strict=True):
        # [I, H W, O], pixels of a kernel column by column, as MATLAB's reshape does.
        by_columns = [[k.ravel("F") for k in inputs] for inputs in kernel.transpose(2, 3, 0, 1)]
        found[f"weights_conv{name}"] = np.array(by_columns).transpose(0, 2, 1)
        found[f"biases_conv{name}"] = bias[:, None]
    found["weights_conv3"] = found["weights_conv3"][..., 0]
    savemat(file, found)
    return file
