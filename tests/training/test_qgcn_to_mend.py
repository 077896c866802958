"""scripts/qgcn-to-mend: what it makes restores gray pictures as the QGCN did, and other networks are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from jpegmend.models import files, qgcn
from jpegmend.models.contract import Observation

FACTS = {"data": ["A"], "recipe": {}, "steps": 1, "seconds": 1, "earlier": {"steps": 7, "seconds": 8}}


Script = Callable[[str, Path], tuple[int, str]]


@pytest.fixture
def script(run_script: Callable[..., tuple[int, str]]) -> Script:
    return lambda weights, out: run_script("qgcn-to-mend", weights, str(out))


def save_qgcn(config: qgcn.Config, folder: Path) -> str:
    torch.manual_seed(1)
    network = qgcn.QGCN(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        if network.branch is not None:  # the same vector for every picture
            network.branch.fc2.weight.zero_()
    files.save_weights(folder / "qgcn.safetensors", "qgcn", config, network.state_dict(), FACTS)
    return str(folder / "qgcn.safetensors")


@pytest.mark.parametrize("whole", [True, False])
@torch.no_grad()
def test_gray_is_restored_as_before(tmp_path: Path, script: Script, whole: bool) -> None:
    config = qgcn.Config(
        channels=1, blocks=4, width=8, global_widths=(4, 8), hidden=8, vector=4, fold=2, skip=True, whole=whole
    )
    assert script(save_qgcn(config, tmp_path), tmp_path / "mend.safetensors")[0] == 0
    assert FACTS.items() <= files.read_tensors(tmp_path / "mend.safetensors")[1].items()
    old, new = (files.load_weights(tmp_path / f"{name}.safetensors")[0].eval() for name in ("qgcn", "mend"))
    luma, table = torch.rand(1, 1, 96, 112), torch.randint(1, 100, (1, 1, 8, 8)).float()
    planes = torch.cat([luma, torch.full((1, 2, 96, 112), 0.5)], 1)
    tables = torch.cat([table, torch.ones(1, 2, 8, 8)], 1)
    gray = torch.zeros(1, 2)
    expected = old(Observation(luma, table, gray, torch.rand(1, 1, 112, 112))).planes
    found = new(Observation(planes, tables, gray)).planes
    assert (expected - luma).abs().max() > 1e-2
    inner = (..., slice(32, -32), slice(32, -32))
    assert torch.allclose(found[:, :1][inner], expected[inner], atol=2e-4)
    assert torch.equal(found[:, 1:], planes[:, 1:])


@pytest.mark.parametrize("wrong", [{"fold": 1}, {"skip": False}, {"tables": False}, {"channels": 3}])
def test_a_qgcn_of_another_kind_is_refused(tmp_path: Path, script: Script, wrong: dict[str, Any]) -> None:
    kind = {"channels": 1, "fold": 2, "skip": True, "whole": False} | wrong
    weights = save_qgcn(qgcn.Config(blocks=4, width=8, **kind), tmp_path)
    code, said = script(weights, tmp_path / "mend.safetensors")
    assert code == 2 and "no QGCN for single planes with fold=2, skip=True and tables=True" in said
    assert not (tmp_path / "mend.safetensors").exists()


def test_an_unknown_name_is_refused(tmp_path: Path, script: Script) -> None:
    code, said = script("qgcn-nothing", tmp_path / "mend.safetensors")
    assert code == 2 and "qgcn-nothing" in said
