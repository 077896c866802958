"""Memory of a machine and its container, by files like those of the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from jpegmend.decoding import memory
from jpegmend.decoding.memory import _GROUPS


@pytest.fixture(params=_GROUPS, ids=["version 2", "version 1"])
def group(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> memory._Group:
    found: memory._Group = request.param._replace(folder=str(tmp_path))
    monkeypatch.setattr(memory, "_GROUPS", (found,))
    monkeypatch.setattr(memory, "_meminfo", lambda: 50 << 30)
    monkeypatch.setattr(memory, "_machine", lambda: 64 << 30)
    return found


def write(group: memory._Group, limit: str, used: int, files: int) -> None:
    folder = Path(group.folder)
    (folder / group.limit).write_text(f"{limit}\n")
    (folder / group.used).write_text(f"{used}\n")
    inactive, active = group.cached
    (folder / "memory.stat").write_text(f"anon 5\n{inactive} {files - 7}\nfile_mapped 3\n{active} 7\n")


def test_pages_of_files_are_not_used_memory(group: memory._Group) -> None:
    write(group, str(16 << 30), used=15 << 30, files=12 << 30)
    assert memory.available_memory() == 13 << 30
    assert memory.physical_memory() == 16 << 30


@pytest.mark.parametrize("limit", ["max", str(1 << 62)])
def test_a_container_without_a_limit_has_the_memory_of_the_machine(group: memory._Group, limit: str) -> None:
    write(group, limit, used=15 << 30, files=12 << 30)
    assert memory.available_memory() == 50 << 30
    assert memory.physical_memory() == 64 << 30


def test_no_container(group: memory._Group) -> None:
    assert memory.available_memory() == 50 << 30
    assert memory.physical_memory() == 64 << 30
