"""Under which name weights for a row that a paper prints are, or would be, released: that of a recipe."""

from __future__ import annotations

from collections.abc import Mapping

from jpegmend.evaluation.papers.published import Published

METHODS: Mapping[str, str] = {
    "JPEG": "jpeg",
    "Inputs": "jpeg",
    "ARCNN": "arcnn",
    "AR-CNN": "arcnn",
    "DnCNN": "dncnn",
    "DnCNN-3": "dncnn",
    "DCSC": "dcsc",
    "DCSC-128": "dcsc-128",
    "CQR": "cqr",
    "EDSR": "edsr",
    "QCN": "qcn",
    "QGCN": "qgcn",
    "RNAN": "rnan",
    "MDU": "mdu",
    "Dual": "dual",
}
"""Printed methods that this package has."""

VARIANTS: Mapping[tuple[str, str], str] = {
    ("DCSC", "without dilation"): "dcsc-without-dilation",
    ("DCSC", "with dilation"): "dcsc",
    ("DCSC", "iterations 40, filters 32"): "dcsc-32",
    ("DCSC", "iterations 40, filters 64"): "dcsc",
    **{
        ("DCSC", f"iterations {rounds}, filters {filters}"): f"dcsc-iterations-{rounds}-filters-{filters}"
        for rounds in (20, 40, 60)
        for filters in (32, 64, 128)
        if rounds != 40 or filters == 128
    },
    ("DCSC", "MAE loss"): "dcsc",
    ("DCSC", "MSE loss"): "dcsc-mse",
    ("CQR", "full"): "cqr",
    **{
        ("CQR", f"without {part}"): f"cqr-without-{part.replace(' ', '-')}"
        for part in ("ranker", "dilation", "quality loss", "feature matching")
    },
    **{
        (method, f"about {millions}e6 parameters"): name
        for method, by_size in {
            "DnCNN": {1: "mdu-dncnn-80", 3: "mdu-dncnn-140", 5: "mdu-dncnn-180"},
            "RNAN": {1: "mdu-rnan-24", 3: "mdu-rnan-36", 5: "mdu-rnan-48"},
            "MDU": {1: "mdu-16", 3: "mdu-width-24", 5: "mdu-width-32"},
        }.items()
        for millions, name in by_size.items()
    },
    ("MDU", "ResNet depth 10"): "mdu",
    **{("MDU", f"ResNet depth {depth}"): f"mdu-depth-{depth}" for depth in (4, 6, 8, 12)},
    ("MDU", "ResNet"): "mdu",
    ("MDU", "l1"): "mdu-proximal-l1",
    ("MDU", "ADMM-CSNET"): "mdu-proximal-piecewise",
    ("MDU", "ResNet + l1"): "mdu-proximal-resnet-l1",
    ("MDU", "ResNet + ADMM-CSNET"): "mdu-proximal-resnet-piecewise",
    ("MDU", "DenseNet"): "mdu-proximal-densenet",
    ("MDU", "DLA"): "mdu-proximal-dla",
    ("MDU", "dilations {1}"): "mdu-dilations-1",
    ("MDU", "dilations {1, 2}"): "mdu-dilations-1-2",
    ("MDU", "dilations {1, 2, 4} (default)"): "mdu",
    ("MDU", "dilations {1, 2, 4, 6}"): "mdu-dilations-1-2-4-6",
    ("MDU", "alpha^{(T)} = 1, beta^{(T)} = 0, alpha^{(t)} = 0, beta^{(t)} = 0"): "mdu-loss-picture-only",
    ("MDU", "alpha^{(T)} = 1, beta^{(T)} = 1, alpha^{(t)} = 0, beta^{(t)} = 0"): "mdu-loss-last-stage",
    ("MDU", "alpha^{(T)} = 1, beta^{(T)} = 1, alpha^{(t)} = 0.1, beta^{(t)} = 0"): "mdu-loss-all-pictures",
    ("MDU", "alpha^{(T)} = 1, beta^{(T)} = 1, alpha^{(t)} = 0, beta^{(t)} = 0.1"): "mdu-loss-all-artifacts",
    ("MDU", "alpha^{(T)} = 1, beta^{(T)} = 1, alpha^{(t)} = 0.1, beta^{(t)} = 0.1"): "mdu",
    ("MDU", "MAE"): "mdu",
    ("MDU", "SSIM"): "mdu-ssim",
    ("MDU", "MAE + SSIM"): "mdu-mae-ssim",
    ("MDU", "MAE + BCE"): "mdu-mae-bce",
    ("Dual", "de-blocker l1 sparsity"): "dual-deblocker-l1",
    ("Dual", "de-blocker DnCNN"): "dual-deblocker-dncnn",
    ("Dual", "de-blocker ours"): "dual",
}
"""By method and variant as printed."""

COLOUR: Mapping[str, str] = {"arcnn": "qgcn-arcnn"}
"""Recipes of networks that a colour table has and that are gray otherwise."""
GRAY: Mapping[str, str] = {"qgcn": "qgcn-gray"}
"""And the other way round."""


def model_of(row: Published) -> str | None:
    """The name under which weights for a printed row are, or would be, released; None for methods not built here.

    Raises:
        KeyError: a variant of a network of ours that no recipe trains.

    >>> from jpegmend.evaluation.papers import published
    >>> model_of(next(row for row in published.rows() if row.variant == "ResNet depth 4"))
    'mdu-depth-4'
    """
    name = METHODS.get(row.method)
    if name is None or name == "jpeg":
        return name
    if row.variant:
        return VARIANTS[row.method, row.variant]
    return (COLOUR if row.channel == "RGB" else GRAY).get(name, name)
