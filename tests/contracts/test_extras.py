"""Missing optional packages: the message names the package and its extra; our own import errors are not hidden."""

import re
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from jpegmend import cli
from jpegmend.errors import OPTIONAL_PACKAGES, MissingExtra, extra_needed

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_every_optional_package_has_its_module() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = {
        re.split(r"[^\w-]", line)[0]
        for extra in ("torch", "evaluation", "training", "web", "matlab", "cluster")
        for line in extras[extra]
    }
    assert set(OPTIONAL_PACKAGES.values()) == wanted - {
        "jpegmend",
        "ray",
    }  # the message of Ray says what else can be done
    for module in OPTIONAL_PACKAGES:
        assert find_spec(module), f"{module} is imported under another name"


@pytest.mark.parametrize("module", ["skimage", "skimage.feature"])
def test_a_missing_package_is_named_with_its_extra(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    message = r'^painting needs scikit-image; pip install "jpegmend\[evaluation\]"$'
    with pytest.raises(MissingExtra, match=message), extra_needed("painting", "evaluation"):
        import skimage.feature  # noqa: F401


@pytest.mark.parametrize("line", ["import jpegmend.nothing", "from torch import nothing", "import no_such_package"])
def test_an_import_error_of_our_own_is_not_taken_for_a_missing_package(line):
    with pytest.raises(ImportError), extra_needed("painting", "training"):
        exec(line)


def test_training_without_pytorch_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.run(["train", "recipe.toml"]) == 2
    assert 'training needs torch; pip install "jpegmend[training]"' in capsys.readouterr().err
