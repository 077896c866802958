"""Plan of a second run: which pictures are skipped, restored again or refused."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from jpegmend.batch.find import find_pictures
from jpegmend.batch.inputs import _take
from jpegmend.batch.journal import JOURNAL, read
from jpegmend.batch.names import Template, find_place
from jpegmend.batch.plan import Item, open_journals, plan
from jpegmend.batch.run import begin, run
from jpegmend.batch.settings import Output, Settings
from jpegmend.batch.share import Share, share_out
from jpegmend.errors import TooLarge

SETTINGS = Settings(options={"strength": 0.0})


@contextlib.contextmanager
def planned(
    settings: Settings = SETTINGS, output: str | None = "out", name: str | None = None, folder: str = "scans"
) -> Iterator[tuple[list[Item], dict]]:
    pictures = find_pictures([folder], recursive=True).pictures
    place = find_place(pictures, output, None)
    with open_journals(pictures, place, writing=True) as journals:
        yield plan(pictures, place, Template(name), settings, journals), journals


def work_off(settings: Settings = SETTINGS, **options) -> dict[str, str]:
    """Run, and say for each input what was done: done, failed or skipped."""
    with planned(settings, **options) as (items, journals):
        share = share_out(len(items), jobs=1, threads=1, memory=None)
        return {
            item.picture.path.name: "skipped" if outcome is None else "failed" if outcome.error else "done"
            for item, outcome in run(items, settings, share, journals)
        }


@pytest.fixture
def one(scans: Path) -> Path:
    """Only one picture, so that no process is started."""
    for path in scans.rglob("*"):
        if path.is_file() and path.name != "a.jpg":
            path.unlink()
    return scans / "a.jpg"


def test_a_second_run_skips_and_a_third_does_what_is_missing(scans: Path) -> None:
    names = ["a.jpg", "b.JPG", "c.jpeg", "d.png", "e.jpg"]
    (scans / "c.jpeg").write_bytes(b"\xff\xd8\xff nonsense")
    assert work_off() == dict.fromkeys(names, "done") | {"c.jpeg": "failed"}
    assert work_off() == dict.fromkeys(names, "skipped") | {"c.jpeg": "failed"}
    os.unlink("out/below/e.restored.png")
    assert work_off() == dict.fromkeys(names, "skipped") | {"c.jpeg": "failed", "e.jpg": "done"}


def test_changed_inputs_and_options_are_done_anew(one: Path) -> None:
    assert work_off() == {"a.jpg": "done"}
    first = Path("out/a.restored.png").read_bytes()
    for changed in (
        replace(SETTINGS, output=Output(bits=16)),
        replace(SETTINGS, options={"strength": 0.5}),
        replace(SETTINGS, options={"strength": 0.0, "model": "arcnn"}),
        SETTINGS,
    ):
        assert work_off(changed) == {"a.jpg": "done"}
        assert work_off(changed) == {"a.jpg": "skipped"}
    assert Path("out/a.restored.png").read_bytes() == first
    assert work_off(replace(SETTINGS, options={"strength": 0.0, "threads": 1})) == {"a.jpg": "skipped"}
    state = one.stat()
    one.write_bytes(one.read_bytes()[:-2] + b"\xff\xd9")
    os.utime(one, ns=(1, 1))
    assert work_off() == {"a.jpg": "skipped"}, "another time, the same bytes"
    one.write_bytes(one.read_bytes().replace(b"JFIF\0\1\1", b"JFIF\0\1\2"))
    os.utime(one, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert work_off() == {"a.jpg": "done"}, "the same size, other bytes"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no folder in memory")
def test_a_file_in_memory_is_a_file(one: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        shutil.copy(one, folder)
        assert work_off(folder=folder) == {"a.jpg": "done"}
        assert work_off(folder=folder) == {"a.jpg": "skipped"}
        Image.new("RGB", (40, 40)).save(Path(folder, "a.jpg"))
        assert work_off(folder=folder) == {"a.jpg": "done"}, "changed since"


def test_what_only_a_restoration_gives_is_a_reason_for_one(one: Path) -> None:
    compares = replace(SETTINGS, output=Output(compare=True))
    assert work_off(compares) == {"a.jpg": "done"} and work_off(compares) == {"a.jpg": "skipped"}
    os.unlink("out/a.restored.compare.png")
    assert work_off(compares) == {"a.jpg": "done"} and Path("out/a.restored.compare.png").exists()
    measures = replace(SETTINGS, output=Output(compare=True, reference=one))
    assert work_off(measures) == {"a.jpg": "done"}, "the gain is nowhere kept"
    assert work_off(compares) == {"a.jpg": "skipped"}, "a reference does not change the result"
    assert work_off() == {"a.jpg": "skipped"}, "nor does a comparison beside it"
    assert work_off(replace(SETTINGS, output=Output(bits=16))) == {"a.jpg": "done"}
    compares = replace(SETTINGS, output=Output(bits=16, compare=True))
    assert work_off(compares) == {"a.jpg": "done"}, "the comparison that is there is of another result"


def test_overwrite_redoes(one: Path) -> None:
    assert work_off() == {"a.jpg": "done"}
    Path("out/a.restored.png").write_bytes(b"changed")
    assert work_off(replace(SETTINGS, overwrite=True)) == {"a.jpg": "done"}
    assert Path("out/a.restored.png").read_bytes() != b"changed"


def test_results_that_no_journal_knows_are_left_alone(one: Path) -> None:
    Path("out").mkdir()
    Path("out/a.restored.png").write_bytes(b"mine")
    assert work_off() == {"a.jpg": "skipped"}
    assert work_off(replace(SETTINGS, options={"strength": 0.5})) == {"a.jpg": "skipped"}
    assert Path("out/a.restored.png").read_bytes() == b"mine"
    Path("out", JOURNAL).unlink()
    assert work_off() == {"a.jpg": "skipped"}


@pytest.mark.parametrize("stopped", [False, True])
def test_overwrite_makes_no_result_of_what_was_there(one: Path, stopped: bool) -> None:
    whole, target, journal = one.read_bytes(), Path("out/a.restored.png"), Path("out", JOURNAL)
    target.parent.mkdir()
    target.write_bytes(b"mine")
    one.write_bytes(b"\xff\xd8\xff nonsense")
    assert work_off(replace(SETTINGS, overwrite=True)) == {"a.jpg": "failed"}
    if stopped:  # before it could say so
        journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    one.write_bytes(whole)
    assert work_off() == {"a.jpg": "skipped"}
    assert target.read_bytes() == b"mine"
    assert work_off(replace(SETTINGS, overwrite=True)) == {"a.jpg": "done"}
    assert target.read_bytes() != b"mine"


def test_a_failure_over_a_result_of_the_journal_leaves_it_one(one: Path) -> None:
    whole = one.read_bytes()
    assert work_off() == {"a.jpg": "done"}
    one.write_bytes(b"\xff\xd8\xff nonsense")
    assert work_off(replace(SETTINGS, overwrite=True)) == {"a.jpg": "failed"}
    one.write_bytes(whole)
    assert work_off() == {"a.jpg": "done"}


@pytest.mark.parametrize(("name", "other"), [("a.jpg", "A.jpg"), ("\u00e9t\u00e9.jpg", "E\u0301te\u0301.jpg")])
def test_names_that_differ_in_case_or_coding_are_one_where_the_system_takes_them_for_one(
    scans: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: str
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    (scans / "other").mkdir()
    for path in (scans / name, scans / "other" / other):
        path.write_bytes((scans / "a.jpg").read_bytes())
    pictures = find_pictures([f"scans/{name}", f"scans/other/{other}"], recursive=False).pictures
    first, last = plan(pictures, find_place(pictures, "out/", None), Template(None), SETTINGS, {})
    assert not first.problem
    assert f"scans/{name}" in last.problem


def test_a_result_that_was_changed_by_hand_is_left_alone(one: Path) -> None:
    compares = replace(SETTINGS, output=Output(compare=True), options={"strength": 0.5})
    assert work_off() == {"a.jpg": "done"}
    Path("out/a.restored.png").write_bytes(b"retouched")
    assert work_off() == work_off(compares) == {"a.jpg": "skipped"}
    assert Path("out/a.restored.png").read_bytes() == b"retouched"
    assert work_off(replace(SETTINGS, overwrite=True)) == {"a.jpg": "done"}


def test_a_file_in_the_place_of_a_result_that_failed_is_an_input(one: Path) -> None:
    whole = one.read_bytes()
    one.write_bytes(b"\xff\xd8\xff nonsense")
    beside = {"output": None, "name": "{stem}{suffix}"}
    assert work_off(**beside) == {"a.jpg": "failed"}
    (one.parent / "a.png").write_bytes(whole)
    assert set(work_off(**beside)) == {"a.jpg", "a.png"}


def test_what_was_begun_is_done_anew_and_its_leftovers_go(one: Path) -> None:
    with planned() as (items, _):
        begin(items[0], SETTINGS)
    with planned():
        pass  # planning alone removes nothing
    Path("out/a.restored.png").write_bytes(b"older")
    Path("out/.a.restored.png.0123456789ab.part").write_bytes(b"half")
    Path("out/.other.png.0123456789ab.part").write_bytes(b"half")
    assert work_off() == {"a.jpg": "done"}
    assert Path("out/a.restored.png").read_bytes() != b"older"
    assert sorted(path.name for path in Path("out").glob("*.part")) == [".other.png.0123456789ab.part"]


def test_a_file_that_is_too_large_is_refused_by_its_first_piece(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(b"\xff\xd8\xff" + bytes(8 << 20))
    with (tmp_path / "large.jpg").open("rb") as stream:
        with pytest.raises(TooLarge, match="more than 4,194,304 bytes"):
            _take(stream, 4 << 20)
        assert stream.tell() <= 1 << 20


def test_a_cut_line_costs_that_line_only(one: Path) -> None:
    assert work_off() == {"a.jpg": "done"}
    journal = Path("out", JOURNAL)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"output": "a.restored.png", "outcome": "fai')
    assert work_off() == {"a.jpg": "skipped"}
    journal.write_bytes(b"null\n[]\n\xff\xfe\n{}\n" + whole)
    assert work_off() == {"a.jpg": "skipped"}
    assert read(journal)["a.restored.png"].outcome == "done"


@pytest.mark.parametrize("folder", ["scans", "other/../scans"])
def test_results_beside_their_inputs_are_no_inputs_of_the_next_run(one: Path, folder: str) -> None:
    Path("other").mkdir()
    assert work_off(output=None, name="{stem}-better{suffix}", folder=folder) == {"a.jpg": "done"}
    assert Path("scans/a-better.png").exists()
    assert work_off(output=None, name="{stem}-better{suffix}", folder=folder) == {"a.jpg": "skipped"}


def test_two_results_of_one_name_and_results_in_place_of_inputs(scans: Path) -> None:
    with planned(name="x-{stem}{suffix}") as (items, _):
        assert not any(item.problem for item in items)
    (scans / "b.jpg").write_bytes((scans / "a.jpg").read_bytes())
    with planned() as (items, _):
        problems = {item.picture.path.name: item.problem for item in items if item.problem}
    assert list(problems) == ["b.jpg"] and "b.JPG" in problems["b.jpg"] and "--name" in problems["b.jpg"]
    with planned(output="scans", name="{stem}{suffix}") as (items, _):
        assert "never overwritten" in next(item.problem for item in items if item.picture.path.name == "d.png")


@pytest.mark.parametrize(("second", "advice"), [("a.jpg", "the folder above both with -r"), ("a.JPG", "give --name")])
def test_two_files_of_one_result_get_advice_that_helps(scans: Path, second: str, advice: str) -> None:
    other = scans / "other"
    other.mkdir()
    (other / second).write_bytes((scans / "a.jpg").read_bytes())
    pictures = find_pictures([str(scans / "a.jpg"), str(other / second)], recursive=False).pictures
    first, last = plan(pictures, find_place(pictures, "out/", None), Template(None), SETTINGS, {})
    assert not first.problem and advice in last.problem


def test_quality_in_a_name_is_that_of_the_tables(scans: Path) -> None:
    with planned(name="{quality}/{stem}{suffix}") as (items, _):
        targets = {str(item.target.relative_to("out")) for item in items}
    assert {"20/a.png", "unknown/d.png", "below/20/e.png"} <= targets


def test_a_picture_that_needs_more_than_its_share_is_tried_alone(scans: Path) -> None:
    with planned() as (items, journals):
        share = Share(jobs=2, threads=1, all_threads=1, memory=1000, all_memory=2_000_000_000)
        outcomes = [outcome.error for _, outcome in run(items, SETTINGS, share, journals)]
    assert outcomes == [None] * 5
    os.unlink("out/a.restored.png")
    os.unlink("out/b.restored.png")
    with planned() as (items, journals):
        share = Share(jobs=2, threads=1, all_threads=1, memory=1000, all_memory=1000)
        assert [outcome and outcome.error for _, outcome in run(items, SETTINGS, share, journals)][:3] == [
            "InvalidOption",
            "InvalidOption",
            None,
        ]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="finds the worker in /proc")
def test_a_worker_that_the_system_kills_costs_its_picture(scans: Path) -> None:
    """The worker waits for a pipe that nobody writes to when it is killed."""
    os.mkfifo("pipe")
    pictures = find_pictures(["scans/a.jpg", "pipe", "scans/d.png"], recursive=False).pictures
    place = find_place(pictures, "out", None)

    def kill() -> None:
        while b'"pipe.restored.png", "outcome": "began"' not in Path("out", JOURNAL).read_bytes():
            time.sleep(0.01)
        for pid in [
            int(pid) for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()
        ]:
            if b"jpegmend.batch.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    with open_journals(pictures, place, writing=True) as journals:
        items = plan(pictures, place, Template(), SETTINGS, journals)
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        share = share_out(3, jobs=1, threads=1, memory=None)
        outcomes = [outcome for _, outcome in run(items, SETTINGS, share, journals)]
        killer.join()
    assert [outcome and outcome.error for outcome in outcomes] == [None, "WorkerDied", None]
    assert outcomes[1] is not None and "memory" in str(outcomes[1].message)
    assert read(Path("out", JOURNAL))["pipe.restored.png"].outcome == "failed"
