"""scripts/release-check and scripts/lowest-versions: what they refuse, and that pyproject.toml passes."""

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module; no compiled file is left beside it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = spec_from_loader(name, SourceFileLoader(name, str(SCRIPTS / name)))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return script("release-check", monkeypatch)


@pytest.mark.parametrize(
    "name",
    [
        "jpegmend/.DS_Store",
        "jpegmend/weights/cards/notes.txt",
        "jpegmend/weights/cards/new.pt",
        "jpegmend/__pycache__/errors.cpython-311.pyc",
        "jpegmend/jpeg/scratch.ipynb",
        "tests/jpeg/test_read.py",
        "README.md",
    ],
)
def test_strays_in_a_wheel_are_found(check: ModuleType, name: str) -> None:
    belongs = [
        "jpegmend/__init__.py",
        "jpegmend/jpeg/markers.py",
        "jpegmend/evaluation/papers/published.csv",
        "jpegmend/py.typed",
        "jpegmend/weights/cards/dcsc-32.onnx",
        "jpegmend-0.1.0.dist-info/licenses/LICENSE",
    ]
    assert check.strays([name, *belongs], check.WHEEL_FILES) == [name]


@pytest.mark.parametrize(
    "name", [".ci/run", "runs/a/best.safetensors", "src/.env", "tests/x.jpg.bak", "datasets/a.png"]
)
def test_strays_in_an_sdist_are_found(check: ModuleType, name: str) -> None:
    belongs = [
        "PKG-INFO",
        "src/jpegmend/py.typed",
        "scripts/test",
        "tests/restoration/golden/mend-s.npz",
        "recipes/a.toml",
    ]
    assert check.strays([name, *belongs], check.SDIST_FILES) == [name]


def card(**changes: Any) -> dict[str, Any]:
    files = {"onnx": {"file": "a.onnx", "sha256": "12"}}
    return {"name": "a", "licence": "Apache-2.0", "data": ["BSDS500"], "files": files} | changes


def test_whole_cards_pass(check: ModuleType) -> None:
    assert check.weights_problems([card(), {"name": "placeholder"}], {"a.onnx": "12"}) == []


@pytest.mark.parametrize(
    ("cards", "shipped", "named"),
    [
        ([card()], {"a.onnx": "12", "b.onnx": "13"}, "b.onnx: no card names it"),
        ([card()], {"a.onnx": "13"}, "another sha256"),
        ([card()], {}, "is not shipped"),
        ([card(licence="")], {"a.onnx": "12"}, "licence"),
        ([card(data=[])], {"a.onnx": "12"}, "data"),
    ],
)
def test_weights_without_papers_are_refused(
    check: ModuleType, cards: list[dict[str, Any]], shipped: dict[str, str], named: str
) -> None:
    (problem,) = check.weights_problems(cards, shipped)
    assert named in problem


def test_the_size_is_counted_and_torch_refused(check: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(check.Refused, match="brings PyTorch"):
        check.check_packages(installed(tmp_path / "a", "numpy", "torch"))
    packages = installed(tmp_path / "b", "numpy", "pip")
    check.check_packages(packages, most=1000)  # pip's own 1,000 bytes are not counted
    with pytest.raises(check.Refused, match="takes 1,000 bytes, promised are at most 999"):
        check.check_packages(packages, most=999)


def installed(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_bytes(b"\n" * 1000)
    return folder


def test_every_dependency_has_a_lowest_version(monkeypatch: pytest.MonkeyPatch) -> None:
    found = script("lowest-versions", monkeypatch).constraints()
    assert len(found) == len({line.split("==")[0] for line in found}) > 8


@pytest.mark.parametrize("requirement", ["numpy", "numpy<3", "numpy==1.26", "numpy~=1.26"])
def test_a_dependency_without_one_is_refused(requirement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="lowest version"):
        script("lowest-versions", monkeypatch).lowest([requirement])


def test_lower_bounds_become_constraints(monkeypatch: pytest.MonkeyPatch) -> None:
    lowest = script("lowest-versions", monkeypatch).lowest
    assert lowest(["pyjpegio>=0.3,<0.4", "a.b[c]>=2024.5.22"]) == ["pyjpegio==0.3", "a.b==2024.5.22"]
