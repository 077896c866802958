"""scripts/mix-weights: the sum of weights by their shares, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jpegmend.models import files, mend, qgcn

FACTS = {"data": ["A"], "recipe": {"name": "first"}, "steps": 1, "seconds": 1}

Script = Callable[..., tuple[int, str]]


@pytest.fixture
def script(run_script: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """The script with ``out.safetensors`` in the current folder, a temporary one, as its first argument."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_script("mix-weights", "out.safetensors", *arguments)


def save_mend(path: Path, seed: int, *, width: int = 8) -> dict[str, torch.Tensor]:
    config = mend.Config(shape="groups", widths=(width, 8), blocks=(2, 1))
    torch.manual_seed(seed)
    network = mend.build(config)
    files.save_weights(path, "mend", config, network.state_dict(), FACTS | {"steps": seed})
    return load_file(path)


def test_the_mean(tmp_path: Path, script: Script) -> None:
    first, second = (save_mend(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2))
    assert script("1.safetensors=0.25", "2.safetensors=0.75") == (0, "")
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == first.keys()
    for key, tensor in found.items():
        expected = 0.25 * first[key].float() + 0.75 * second[key].float()
        assert torch.allclose(tensor.float(), expected, atol=1e-3, rtol=1e-3), key
    assert not torch.equal(found["first.0.first.weight"], first["first.0.first.weight"])
    assert files.read_tensors(tmp_path / "out.safetensors")[1]["steps"] == 1


def test_what_a_training_changed_in_smaller_weights_is_added(tmp_path: Path, script: Script) -> None:
    start = save_mend(tmp_path / "large.safetensors", 1, width=12)
    before, after = (save_mend(tmp_path / f"{seed}.safetensors", seed) for seed in (2, 3))
    assert script("large.safetensors=1", "3.safetensors=0.5", "2.safetensors=-0.5")[0] == 0
    found = load_file(tmp_path / "out.safetensors")["merge.weight"].float()
    expected = start["merge.weight"].float()
    expected[:8, :8] += 0.5 * (after["merge.weight"].float() - before["merge.weight"].float())
    assert torch.allclose(found, expected, atol=1e-3)


def test_weights_of_another_network_are_refused(tmp_path: Path, script: Script) -> None:
    save_mend(tmp_path / "1.safetensors", 1)
    config = qgcn.Config(channels=1, blocks=2, width=8, whole=False)
    files.save_weights(tmp_path / "q.safetensors", "qgcn", config, qgcn.QGCN(config).state_dict(), FACTS)
    code, said = script("1.safetensors=0.5", "q.safetensors=0.5")
    assert code == 2 and "q.safetensors holds qgcn, 1.safetensors holds mend" in said
    assert not (tmp_path / "out.safetensors").exists()


def test_weights_that_cannot_grow_are_refused(tmp_path: Path, script: Script) -> None:
    save_mend(tmp_path / "1.safetensors", 1)
    save_mend(tmp_path / "2.safetensors", 2, width=12)
    code, said = script("1.safetensors=0.5", "2.safetensors=0.5")
    assert code == 2 and "do not grow" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1.safetensors=0.5", "1b.safetensors=0.6"], "the shares add up to 1.1; they must add up to 1"),
        (["1.safetensors"], "1.safetensors: give the weights and their share"),
        (["1.safetensors=nan"], "1.safetensors=nan: give the weights and their share"),
        (["=1"], "=1: give the weights and their share"),
    ],
)
def test_wrong_shares_are_refused(script: Script, arguments: list[str], said: str) -> None:
    code, error = script(*arguments)
    assert code == 2 and said in " ".join(error.split())
