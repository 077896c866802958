"""scripts/mend-to-integers: what it makes restores nearly as before, and other networks are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jpegmend.models import files, mend
from jpegmend.models.files import example

FACTS = {"data": ["A"], "recipe": {}, "steps": 1, "seconds": 1, "earlier": {"steps": 7, "seconds": 8}}
GROUPS = mend.Config(shape="groups", widths=(16, 16), blocks=(4, 1), embedding=8, scale=0.1)


@pytest.fixture
def script(run_script: Callable[..., tuple[int, str]], tmp_path: Path) -> Callable[[str], tuple[int, str]]:
    """The command, on one picture."""
    smooth = np.cumsum(np.random.default_rng(0).normal(0, 3, (160, 160, 3)), 1) + 128
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)).save(tmp_path / "pictures" / "a.png")
    return lambda weights: run_script(
        "mend-to-integers", weights, str(tmp_path / "new.safetensors"), "--data", str(tmp_path / "pictures")
    )


def save_mend(config: mend.Config, folder: Path) -> str:
    torch.manual_seed(1)
    network = mend.build(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
            if name == "embed.2.weight":  # the same vector for every file
                parameter.zero_()
    files.save_weights(folder / "old.safetensors", "mend", config, network.state_dict(), FACTS)
    return str(folder / "old.safetensors")


@torch.no_grad()
def test_it_restores_nearly_as_before(tmp_path: Path, script: Callable[[str], tuple[int, str]]) -> None:
    assert script(save_mend(GROUPS, tmp_path)) == (0, "")
    (old, _), (new, header) = (files.load_weights(tmp_path / f"{name}.safetensors") for name in ("old", "new"))
    assert FACTS.items() <= header.items() and header["config"]["integers"]
    seen = example(mend.SPEC, GROUPS, 64, 64)
    smooth = torch.nn.functional.avg_pool2d(seen.planes, 7, 1, 3)  # white noise is beyond the ranges of pictures
    before, after = (network.eval()(seen._replace(planes=smooth)).planes for network in (old, new))
    change = (before - smooth).square().mean().sqrt()
    assert 0 < (after - before).square().mean().sqrt() < 0.05 * change


def test_others_are_refused(tmp_path: Path, script: Callable[[str], tuple[int, str]]) -> None:
    for config in (mend.Config(widths=(8,), blocks=(1,)), mend.Config(**(vars(GROUPS) | {"tables": "maps"}))):
        code, said = script(save_mend(config, tmp_path))
        assert code == 2 and 'no mend of shape "groups"' in said
    code, said = script("mend-nothing")
    assert code == 2 and "mend-nothing" in said
    assert not (tmp_path / "new.safetensors").exists()
