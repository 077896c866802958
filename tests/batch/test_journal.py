"""Lines of a journal that are cut or wrong, and its lock."""

import contextlib
import json
from pathlib import Path

import pytest

from jpegmend.batch.journal import JOURNAL, Entry, Journal, read
from jpegmend.errors import OutputError


@pytest.mark.parametrize(
    "wrong",
    [{"output": ["a"]}, {"input": None}, {"sha256": 1}, {"size": "1"}, {"replaces": "no"}, {"seconds": []}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_line_with_a_value_of_another_type_is_ignored(tmp_path: Path, wrong: dict[str, object]) -> None:
    facts = {"output": "a.png", "outcome": "done", "input": "a.jpg", "seconds": 1, "more": []}
    lines = [facts, {**facts, "outcome": "failed", **wrong}]
    (tmp_path / JOURNAL).write_text("".join(json.dumps(line) + "\n" for line in lines) + "[" * 100_000)
    with contextlib.closing(Journal(tmp_path, writing=True)) as journal:
        assert journal.results() == {tmp_path / "a.png"}
        assert journal.find(tmp_path / "a.png") == Entry(output="a.png", outcome="done", input="a.jpg", seconds=1)


def test_a_line_that_a_full_disk_cut_is_told_and_costs_no_other(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    with contextlib.closing(Journal(tmp_path, writing=True)) as journal:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
        try:
            with pytest.raises(OutputError, match="cannot be written"):
                journal.add(Entry(output="a.png", outcome="began", input="a.jpg"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        for name in ("b.png", "c.png"):
            journal.add(Entry(output=name, outcome="done", input="b.jpg"))
    assert list(read(tmp_path / JOURNAL)) == ["b.png", "c.png"]


def test_a_folder_has_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpegmend.batch.journal._PATIENCE", 0.2)
    with contextlib.closing(Journal(tmp_path, writing=True)):
        with pytest.raises(OutputError, match="another run"):
            Journal(tmp_path, writing=True)
        Journal(tmp_path, writing=False).close()
    Journal(tmp_path, writing=True).close()


def test_looking_leaves_no_journal(tmp_path: Path) -> None:
    Journal(tmp_path, writing=False).close()
    assert not list(tmp_path.iterdir())
