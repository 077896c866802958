"""The example of docs/adding-a-model.md: a network outside the package is trained, released and restores a file."""

import dataclasses
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.contracts import test_networks as contract

import jpegmend
from jpegmend import cli, models
from jpegmend.errors import UnknownModel
from jpegmend.models import Estimate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-model.md").read_text()


def block(language: str, number: int = 0) -> str:
    """The text of a fenced block of the page."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for kind, text in fenced if kind == language][number]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no clone: the network's file, its recipe, a picture; then every command of the page."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "blind.py").write_text(block("python"))
    (folder / "blind.toml").write_text(block("toml"))
    (folder / "photos").mkdir()
    (folder / "photos" / "harbour.jpg").write_bytes((ROOT / "examples" / "harbour.jpg").read_bytes())
    commands = [shlex.split(line) for line in block("").splitlines()]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(models, "NETWORKS", dict(models.NETWORKS))
        for program, *arguments in commands:
            assert program == "jpegmend"
            assert cli.run(arguments) == cli.DONE
    return folder


def test_the_commands_leave_a_released_network(place: Path) -> None:
    assert "blind" not in models.NETWORKS
    card = json.loads((place / "mine" / "blind.json").read_text())
    assert (card["inputs"], card["quality_from"], card["halo"]) == (["planes", "quality"], "middle", 6)
    assert (place / "better.png").stat().st_size > 10_000


def test_its_quality_stands_in_the_report_without_torch(place: Path) -> None:
    code = (
        "import json, sys, jpegmend; told = jpegmend.restore('photos/harbour.jpg', model='mine/blind.json').report; "
        "assert 'torch' not in sys.modules; print(json.dumps(told.as_dict()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["runtime"] == "onnx cpu"
    assert 0 < report["quality_by_network"] < 100


def test_the_python_of_the_page_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(models, "NETWORKS", dict(models.NETWORKS))
    names: dict[str, object] = {}
    exec(compile(block("python", 1), "adding-a-model.md", "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"quality \d+\.\d, by onnx cpu", said[0])
    restored = names["restored"]
    assert isinstance(restored, jpegmend.Restored)
    height, width = (-(-side // 8) * 8 for side in (restored.height, restored.width))
    assert [part.shape for part in restored.traces["features"]] == [(16, height, width)] * 4
    by_onnx = float(said[0].split()[1].rstrip(","))
    assert restored.report.quality_by_network == pytest.approx(by_onnx, abs=0.2)


def test_the_contract_holds_whether_or_not_the_quality_feeds_the_planes(place: Path, tmp_path: Path) -> None:
    spec = _spec(place / "blind.py")

    class Apart(torch.nn.Module):
        """The same network, never told its own estimate."""

        def __init__(self, config: object) -> None:
            super().__init__()
            self.network = spec.build(config)

        def forward(self, seen: models.Observation, collect: bool = False) -> Estimate:
            own = self.network(seen._replace(quality=None)).quality
            fixed = seen._replace(quality=torch.full_like(own, 50.0))
            return self.network(fixed, collect)._replace(quality=own)

    for each in (spec, dataclasses.replace(spec, build=Apart, inputs=("planes",), quality_from="tiles")):
        (config,) = each.small_configs()
        contract.test_shape_is_kept_at_odd_sizes(each, config)
        contract.test_gradient_reaches_every_parameter(each, config)
        contract.test_traces_only_when_asked(each, config)
        contract.test_quality_is_one_number_a_picture(each, config)


def _spec(file: Path) -> models.Spec:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "NETWORKS", dict(models.NETWORKS))
        return models.add(file)


def test_files_without_a_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="is no Python file"):
        models.add(tmp_path / "nothing.py")
    (tmp_path / "empty.py").write_text("SPEC = 3\n")
    with pytest.raises(UnknownModel, match="defines no SPEC"):
        models.add(tmp_path / "empty.py")
    (tmp_path / "fails.py").write_text("import math\nimport no_such_module\n")
    with pytest.raises(UnknownModel, match=r"fails\.py, line 2: ModuleNotFoundError: .*no_such_module.*; give a file"):
        models.add(tmp_path / "fails.py")
    (tmp_path / "ends.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UnknownModel, match=r"ends\.py, line 1: SystemExit: 3; give a file"):
        models.add(tmp_path / "ends.py")
    (tmp_path / "wrong.py").write_text("\ndef f(:\n")
    with pytest.raises(UnknownModel, match=r"wrong\.py, line 2: SyntaxError: invalid syntax; give a file"):
        models.add(tmp_path / "wrong.py")
    with pytest.raises(UnknownModel, match=r"no network 'mine'; there are: mend, .*--network FILE\.py"):
        models.find("mine")
