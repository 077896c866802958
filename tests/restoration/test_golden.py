"""Every released network gives the output stored at its release, in golden/.

``python tests/restoration/test_golden.py NAME...`` makes them anew, for weights that changed on purpose.
"""

import io
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegmend import restore, upscale, weights

GOLDEN = Path(__file__).parent / "golden"
RELEASED = [name for name, card in weights.PACKAGED.items() if card.released]
QUALITIES = (8, 35)


def clear() -> Image.Image:
    """A sky that grows darker, a disc, stripes and grain, 104 x 88, in colour."""
    y, x = np.mgrid[:88, :104].astype(float)
    picture = np.stack([90 + y, 130 + 0.8 * y, 230 - 0.6 * y], -1)
    picture[(y - 40) ** 2 + (x - 30) ** 2 < 400] = (210, 60, 40)
    picture[:, 60:][np.sin(x[:, 60:] * (0.4 + y[:, 60:] / 100)) > 0] *= 0.5
    picture[60:] += np.random.default_rng(11).normal(0, 12, (28, 104, 3))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def answers(name: str) -> np.ndarray:
    """Both qualities restored or enlarged, one below the other, ``[2 H, W, 3]`` uint8."""
    found = []
    for quality in QUALITIES:
        stream = io.BytesIO()
        clear().save(stream, "JPEG", quality=quality)
        run = restore if weights.MODELS[name].scale == 1 else partial(upscale, restore_first=False)
        found.append(run(stream.getvalue(), model=name, threads=1).to_array(8))
    return np.concatenate(found)


@pytest.mark.parametrize("name", RELEASED)
def test_answers_are_those_of_the_release(name):
    if "onnx" not in weights.MODELS[name].files:
        pytest.importorskip("torch")
    assert (GOLDEN / f"{name}.png").exists(), f"new weights? python tests/restoration/test_golden.py {name}"
    with Image.open(GOLDEN / f"{name}.png") as file:
        expected = np.asarray(file).astype(int)
    difference = np.abs(answers(name).astype(int) - expected)
    # Other processors round otherwise: a level here and there.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_no_picture_is_left_of_a_network_that_is_gone():
    assert {path.stem for path in GOLDEN.glob("*.png")} == set(RELEASED)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in sys.argv[1:]:
        Image.fromarray(answers(name)).save(GOLDEN / f"{name}.png", optimize=True)
