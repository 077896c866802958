"""Adopts networks of others with random weights and restores a picture by each: for docs/weights-of-others.md.

    python benchmarks/networks_of_others.py

Six architectures of spandrel, smaller than those that are published, as safetensors; and files in the layouts of
DnCNN's and AR-CNN's authors (.mat) and of DCSC's (TensorFlow checkpoint), made up by the tests' writers. Prints a
table: parameters, what was found out about tiles, seconds of that, seconds a megapixel of a restoration. Needs the
extras spandrel, matlab and training, and runs from the root of the repository.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

EXAMPLE = Path(__file__).parents[1] / "examples" / "harbour.jpg"
SIDE = 384
"""Side in pixels of the picture that is restored."""
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "FBCNN": ("FBCNN", {"nc": [4, 4, 4, 512], "nb": 2}),
    "SwinIR": ("SwinIR", {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 7, "mlp_ratio": 2}),
    "SCUNet": ("SCUNet", {"in_nc": 3, "config": [1] * 7, "dim": 64}),
    "DRUNet": ("DRUNet", {"in_nc": 2, "out_nc": 1, "nc": [8] * 4, "nb": 2}),
    "RealPLKSR": ("PLKSR", {"dim": 16, "n_blocks": 2, "upscaling_factor": 1}),
    "ESRGAN": ("ESRGAN", {"num_filters": 8, "num_blocks": 1, "scale": 1}),
}
"""Of each architecture its module in spandrel, and the arguments that make it small."""
SWINIR = {"img_size": 14, "upscale": 1, "img_range": 255.0}


def architectures(folder: Path) -> Iterator[tuple[str, Path]]:
    """The name and the file of each."""
    import torch
    from safetensors.torch import save_file
    from tests.adoption.torchvision_stand_in import stand_in_if_needed

    stand_in_if_needed()

    for name, (module, facts) in SHAPES.items():
        torch.manual_seed(0)
        given = facts | (SWINIR if name == "SwinIR" else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = getattr(importlib.import_module(f"spandrel.architectures.{module}"), name)(**given)
        file = folder / f"{name}.safetensors"
        save_file({key: value.detach().clone() for key, value in network.state_dict().items()}, file)
        yield name, file


def adoptions(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The name of each architecture and the call that adopts its file."""
    from jpegmend.adoption import adopt

    for name, file in architectures(folder):
        yield name, lambda file=file, name=name: adopt(file, name.lower())


def authors_files(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """As :func:`adoptions`, for files in the layouts of three papers' authors."""
    from tests.conversion.made_up_files import arcnn_file, dcsc_file, dncnn_file

    from jpegmend.conversion import convert

    for name, source, make in (
        ("DnCNN-3's `.mat`", "dncnn-mat", dncnn_file),
        ("AR-CNN's `.mat`", "arcnn-mat", arcnn_file),
        ("DCSC's checkpoint", "dcsc-tf", dcsc_file),
    ):
        file = make(folder)[0]
        yield name, lambda file=file, source=source: convert(file, source, source, licence="made up")


def tiles_of(card: Any) -> str:
    """What was found out about tiles, in words."""
    if card.tiling == "window":
        return f"windows of {card.window}"
    return f"exact, halo {card.halo}" + (f", from multiples of {card.multiple}" if card.multiple > 1 else "")


def main() -> None:
    """Adopt and restore each, and print a line."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sys.path.insert(0, os.getcwd())
    from jpegmend import restore

    with Image.open(EXAMPLE) as image:
        picture = np.asarray(image.convert("RGB").crop((0, 0, SIDE, SIDE)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["JPEGMEND_MODELS"] = str(folder / "models")
        stored = folder / "a.jpg"
        Image.fromarray(picture).save(stored, quality=20)
        print("| network | parameters | tiles | difference in windows | check, s | s a megapixel |")
        print("| --- | ---: | --- | ---: | ---: | ---: |")
        for name, take in chain(authors_files(folder), adoptions(folder)):
            started = time.perf_counter()
            card = take()
            checked = time.perf_counter() - started
            restore(stored, model=card.name)
            started = time.perf_counter()
            report = restore(stored, model=card.name).report
            rate = (time.perf_counter() - started) * 1e6 / SIDE**2
            apart = card.foreign.difference if card.foreign and card.tiling == "window" else None
            cells = (f"{card.parameters / 1e6:.2f} M", tiles_of(card), "" if apart is None else f"{apart:.1g}")
            assert report.model == card.name and report.consistent
            print(f"| {name} | {' | '.join(cells)} | {checked:.0f} | {rate:.1f} |", flush=True)


if __name__ == "__main__":
    main()
