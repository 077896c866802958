"""Scores of networks of others by the papers' gray protocol, projection off and on: for docs/weights-of-others.md.

    python benchmarks/scores_of_others.py --out docs/results/scores-of-others.json

Released networks of ours are written in the files of others: an ONNX graph without its card, spandrel's state dict of
DnCNN, DnCNN's and AR-CNN's .mat, DCSC's TensorFlow checkpoint. They are adopted and measured beside themselves: a score
must not depend on the file. The six architectures of networks_of_others.py have random weights, so that theirs show
only that every step works. Needs the extras spandrel, matlab and training, and runs from the root of the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jpegmend import weights
from jpegmend.adoption import Given, adopt
from jpegmend.conversion import convert
from jpegmend.data.sets import locate
from jpegmend.evaluation import PROTOCOLS
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.run import evaluate
from networks_of_others import architectures

PROTOCOL = "papers-gray"
Line = tuple[str, str, str]
"""A file in words, the network whose weights it holds (empty: random ones), and the name under which it was adopted."""


def tensors_of(name: str) -> dict[str, np.ndarray]:
    """The released weights in float32, kernels as [h, w, I, O]; normalisation merged into its convolution."""
    from safetensors.numpy import load_file

    state = {
        key: value.astype(np.float32)
        for key, value in load_file(weights.path(weights.find(name), "safetensors")).items()
    }
    for key in [key for key in state if key.endswith("running_var")]:
        place = int(key.split(".")[1])
        mean, variance, gain, shift = (
            state.pop(f"R.{place}.{part}") for part in ("running_mean", "running_var", "weight", "bias")
        )
        factor = gain / np.sqrt(variance + np.float32(1e-5))
        state[f"R.{place - 1}.weight"] = state[f"R.{place - 1}.weight"] * factor[:, None, None, None]
        state[f"R.{place - 1}.bias"] = shift - mean * factor
    return {key: value.transpose(2, 3, 1, 0) if value.ndim == 4 else value for key, value in state.items()}


def in_order(state: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    """The tensors named ``ROOM.NUMBER.kind``, by number."""
    names = [name for name in state if name.endswith(f".{kind}")]
    return [state[name] for name in sorted(names, key=lambda name: int(name.split(".")[1]))]


def graphs_without_cards() -> Iterator[Line]:
    """The ONNX files of two released networks, as if nothing was known of them."""
    for name in ("dncnn", "arcnn"):
        yield "ONNX", name, adopt(weights.path(weights.find(name), "onnx"), f"{name}-by-onnx").name


def state_dict(folder: Path) -> Iterator[Line]:
    """DnCNN with spandrel's names of tensors."""
    from safetensors.numpy import save_file
    from tests.adoption.torchvision_stand_in import stand_in_if_needed

    stand_in_if_needed()
    state = tensors_of("dncnn")
    renamed: dict[str, np.ndarray] = {}
    for place, (kernel, bias) in enumerate(zip(in_order(state, "weight"), in_order(state, "bias"), strict=True)):
        renamed[f"model.{2 * place}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        renamed[f"model.{2 * place}.bias"] = bias
    save_file(renamed, folder / "a.safetensors")
    yield "safetensors, by spandrel", "dncnn", adopt(folder / "a.safetensors", "dncnn-by-spandrel").name


def layouts(folder: Path) -> Iterator[Line]:
    """Files in the layouts of three papers' authors."""
    from tests.conversion.made_up_files import write_arcnn, write_dcsc, write_dncnn

    state = tensors_of("dncnn")
    biases = [bias[:, None] for bias in in_order(state, "bias")]
    file = write_dncnn(folder / "a.mat", in_order(state, "weight"), biases)
    yield "MatConvNet's `.mat`", "dncnn", convert(file, "dncnn-mat", "dncnn-by-mat").name
    state = tensors_of("arcnn")
    file = write_arcnn(folder / "b.mat", in_order(state, "weight"), in_order(state, "bias"))
    yield "MATLAB's `.mat`", "arcnn", convert(file, "arcnn-mat", "arcnn-by-mat").name
    state = tensors_of("dcsc-32")
    theirs = {}
    for place, name in enumerate(("extract.0", "extract.1", "extract.2", "G", "S", "W_R")):
        layer = "net/conv2d" + (f"_{place}" if place else "")
        theirs |= {f"{layer}/kernel": state[f"{name}.weight"]}
        theirs |= {f"{layer}/bias": state[f"{name}.bias"]} if f"{name}.bias" in state else {}
    file = write_dcsc(folder / "model", theirs)
    yield "TensorFlow's checkpoint", "dcsc-32", convert(file, "dcsc-tf", "dcsc-by-checkpoint").name


def random_ones(folder: Path, windows: int) -> Iterator[Line]:
    """Six architectures of spandrel."""
    for name, file in architectures(folder):
        yield "safetensors, by spandrel", "", adopt(file, name.lower(), given=Given(window=windows)).name


def measure(lines: Sequence[Line], data: Path, quality: int, out: Path) -> tuple[list[dict[str, Any]], int]:
    """PSNR of each in dB without and with projection, and the number of pictures."""
    own = list(dict.fromkeys(network for _, network, _ in lines if network))
    models = [*own, *(name for _, _, name in lines), "jpeg"]
    result = evaluate(models, [data], PROTOCOLS[PROTOCOL], out, qualities=[(quality,)])
    scores: dict[str, dict[bool, float]] = {}
    for mean in result.means:
        scores.setdefault(mean.model, {})[mean.consistent] = mean.scores["psnr"]
    files = [("as released", name, name) for name in own] + list(lines) + [("", "", "jpeg")]
    found = []
    for file, network, name in files:
        score = scores[name]
        found.append({"what": network or name, "file": file, "random": bool(file and not network)})
        found[-1] |= {"psnr": score[False], "psnr_projected": score.get(True)}
    return sorted(found, key=lambda line: (line["random"], line["what"])), result.means[0].pictures


def main() -> None:
    """Write the files, adopt them, measure, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Classic5", metavar="SET", help="name of a set, or a folder (Classic5)")
    parser.add_argument("--quality", type=int, default=10, metavar="Q")
    parser.add_argument("--window", type=int, default=512, metavar="PIXELS", help="where tiles cannot be exact (512)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    data = locate(options.data, packed=False)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["JPEGMEND_MODELS"] = str(folder / "models")
        sources = (graphs_without_cards(), layouts(folder), state_dict(folder), random_ones(folder, options.window))
        lines = [line for source in sources for line in source]
        found, pictures = measure(lines, data, options.quality, folder / "out")
    record = {"others": found, "protocol": PROTOCOL, "set": data.name, "pictures": pictures, "quality": options.quality}
    text = json.dumps(record | {"environment": environment()}, indent=1) + "\n"
    options.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
