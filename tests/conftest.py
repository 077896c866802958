"""No test sees the networks that the developer adopted."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_adopted_networks(tmp_path_factory: pytest.TempPathFactory) -> None:
    import os

    os.environ["JPEGMEND_MODELS"] = str(tmp_path_factory.mktemp("models"))


@pytest.fixture
def user_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of adopted networks."""
    folder = tmp_path / "models"
    monkeypatch.setenv("JPEGMEND_MODELS", str(folder))
    return folder
