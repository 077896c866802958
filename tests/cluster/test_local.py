"""Whole jobs by processes of this machine: results, failures, resuming."""

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile
from PIL import Image
from pyarrow import parquet

from jpegmend import cli
from jpegmend.cluster.drive import make_scheduler
from jpegmend.cluster.job import marker_key, open_job, piece_key, pieces_of, results_key
from jpegmend.cluster.status import read_status
from jpegmend.cluster.storage import Storage, Stored
from jpegmend.cluster.tasks import CLOSE, PUT_ASIDE, Task
from jpegmend.cluster.work import Session, read_listing
from jpegmend.errors import StorageError

from .conftest import jpeg, results

DECODE = ("--strength", "0")


def test_the_results_are_those_of_the_command(place: Path, cluster) -> None:
    assert cli.run(["src", "-r", "-o", "alone", "-q"]) == 0
    code, planned = cluster("plan", "src", "dst", "--shard", 4)
    assert (code, planned["pictures"], planned["shards"]) == (0, 11, 3)
    code, ran = cluster("run", "dst", "--jobs", 2)
    assert (code, ran["done"], ran["shards"]) == (0, 11, 3)
    assert results(place / "dst") == results(place / "alone")
    assert len(results(place / "dst")) == 11


def test_result_rows(place: Path, cluster, in_this_process) -> None:
    (place / "src" / "a text.jpg").write_bytes(b"no picture")
    cluster("plan", "src", "dst", "--shard", 100, *DECODE)
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"], ran["failed"]) == (1, 11, 1)
    rows = {row["key"]: row for row in parquet.read_table(place / "dst" / results_key(0)).to_pylist()}
    assert len(rows) == 12
    assert rows["a text.jpg"]["outcome"] == "failed"
    assert rows["a text.jpg"]["error"] == "NotAnImage"
    assert rows["below/9.jpeg"]["output"] == "below/9.jpeg.restored.png"
    whole = place / "dst" / rows["below/9.jpeg"]["output"]
    assert rows["below/9.jpeg"]["written"] == whole.stat().st_size
    code, status = cluster("status", "dst")
    assert (code, status["done"], status["failed"], status["left"]) == (1, 11, 1, 0)
    assert status["errors"] == {"NotAnImage": 1}
    assert status["examples"]["NotAnImage"].startswith("a text.jpg: ")
    assert not list((place / "dst" / "jpegmend-job" / "pieces").rglob("*.parquet"))


def test_a_file_whose_result_lacks_pages_failed_and_has_its_result(place: Path, cluster, in_this_process) -> None:
    pages = [Image.effect_noise((16 * number, 16), 60).convert("RGB") for number in (1, 2, 3)]
    pages[0].save(place / "src/scan.tif", save_all=True, append_images=pages[1:], compression="jpeg")
    data = bytearray((place / "src/scan.tif").read_bytes())
    with tifffile.TiffFile(place / "src/scan.tif") as file:
        for offset in file.pages[1].dataoffsets:
            data[offset : offset + 2] = b"??"
    (place / "src/scan.tif").write_bytes(data)
    cluster("plan", "src", "dst", "--shard", 100, *DECODE, "--pages", "all")
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"], ran["failed"]) == (1, 11, 1)
    (row,) = (row for row in parquet.read_table(place / "dst" / results_key(0)).to_pylist() if row["error"])
    assert row["outcome"] == "failed" and row["message"].startswith("1 of 3 pages is left out of the result: page 2: ")
    with tifffile.TiffFile(place / "dst" / row["output"]) as file:
        assert [page.shape[1] for page in file.pages] == [16, 48]


def test_names_that_no_result_can_have_cost_no_other_picture(place: Path, cluster, in_this_process) -> None:
    """A name that is too long, that of a folder, and a folder with the name of a file."""
    (place / "src" / ("x" * 245 + ".jpg")).write_bytes(jpeg(1))
    (place / "dst" / "1.restored.png").mkdir(parents=True)
    (place / "dst" / "below").touch()
    cluster("plan", "src", "dst", "--shard", 100, "--overwrite", *DECODE)
    code, ran = cluster("run", "dst", "--jobs", 1)
    below = len(list((place / "src" / "below").iterdir()))
    assert (code, ran["done"], ran["failed"], ran["shards"]) == (1, 10 - below, 2 + below, 1)
    status = cluster("status", "dst")[1]
    assert status["errors"] == {"OutputError": 2 + below} and status["left"] == 0


def test_a_picture_that_ends_its_process_three_times_is_set_aside(place: Path, cluster, poison) -> None:
    (place / "src" / "5b.jpg").write_bytes(poison())
    cluster("plan", "src", "dst", "--shard", 6, *DECODE)
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"], ran["set_aside"], ran["failed"]) == (1, 11, 1, 0)
    assert ran["lost"] == 3
    code, status = cluster("status", "dst")
    assert status["aside"] == ["5b.jpg"]
    assert "5b.restored.png" not in results(place / "dst")


def test_retry(place: Path, cluster, in_this_process) -> None:
    cluster("plan", "src", "dst", "--shard", 4, *DECODE)
    (place / "src" / "3.jpg").rename(place / "away.jpg")
    (place / "src" / "4.jpg").write_bytes(jpeg(77))
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"], ran["failed"]) == (1, 9, 2)
    examples = cluster("status", "dst")[1]["examples"]
    assert any("4.jpg has changed" in text or "3.jpg does not exist" in text for text in examples.values())
    (place / "away.jpg").rename(place / "src" / "3.jpg")
    before = {path: path.stat().st_mtime_ns for path in (place / "dst").glob("*.png")}
    assert cluster("retry", "dst") == (0, {"again": 2})
    code, status = cluster("status", "dst")
    assert (status["done"], status["left"]) == (9, 2)
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"], ran["failed"]) == (1, 1, 1)
    assert len(results(place / "dst")) == 10
    assert {path: path.stat().st_mtime_ns for path in before} == before, "results that were done are not made again"


def test_some_shards_alone(place: Path, cluster, in_this_process) -> None:
    cluster("plan", "src", "dst", "--shard", 2, *DECODE)
    assert cluster("run", "dst", "--jobs", 1, "--shards", "1-2")[1]["done"] == 4
    assert (place / "dst" / marker_key(1)).exists() and not (place / "dst" / marker_key(0)).exists()
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 7
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 0


@pytest.mark.parametrize("stopped", [False, True])
def test_the_row_of_a_picture_that_is_set_aside_says_why(place: Path, cluster, stopped: bool) -> None:
    cluster("plan", "src", "dst", "--shard", 11, *DECODE)
    session = Session("dst", open_job(Storage("dst")).hash, 1, None)
    assert session.do(Task(0, 3, 4, PUT_ASIDE, stopped)).set_aside == 1
    (row,) = parquet.read_table(place / "dst" / piece_key(0, 3, 4)).to_pylist()
    assert row["outcome"] == "set aside"
    assert row["message"].startswith("took longer than a run waits" if stopped else "its worker ended each time")


def test_the_scheduler_learns_the_bytes_of_a_task_from_the_listing(
    place: Path, cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster("plan", "src", "dst", "--shard", 11, *DECODE)
    storage, other = Storage("dst"), Storage("dst")
    bytes_of, not_known = (make_scheduler(each, open_job(each))._bytes_of for each in (storage, other))
    sizes = [row.size for row in read_listing(storage, open_job(storage), 0)]
    assert bytes_of(Task(0, 2, 5)) == sum(sizes[2:5])

    def refuse(key: str) -> bytes:
        raise StorageError("503")

    for each in (storage, other):
        monkeypatch.setattr(each, "read", refuse)
    assert bytes_of(Task(0, 0, 1)) == sizes[0], "it is read once"
    assert not_known(Task(0, 0, 1)) == math.inf, "no worker is ended because the storage does not answer"


def test_a_part_that_vanished_is_named_at_the_closing(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--shard", 11, *DECODE)
    session = Session("dst", open_job(Storage("dst")).hash, 1, None)
    assert session.do(Task(0, 0, 4)).done == 4
    (place / "dst" / piece_key(0, 0, 4)).unlink()
    assert session.do(Task(0, 3, 11)).done == 8
    assert session.do(Task(0, 0, 0, CLOSE)).missing == ((0, 3),)
    assert not (place / "dst" / marker_key(0)).exists()
    session.do(Task(0, 0, 3))
    assert session.do(Task(0, 0, 0, CLOSE)).missing == ()
    assert (place / "dst" / marker_key(0)).exists()


def test_a_shard_that_another_run_closes_meanwhile(
    place: Path, cluster, in_this_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster("plan", "src", "dst", "--shard", 11, *DECODE)
    job, other, listed = open_job(Storage("dst")), Storage("dst"), Storage.list

    def close_after_listing(storage: Storage, prefix: str = "") -> Iterator[Stored]:
        found = list(listed(storage, prefix))
        if storage is other and any("pieces/" in each.key for each in found):
            session.do(Task(0, 0, 0, CLOSE))
        return iter(found)

    monkeypatch.setattr(Storage, "list", close_after_listing)
    session, late = Session("dst", job.hash, 1, None), Session("dst", job.hash, 1, None)
    late._destination = other
    for look in (
        lambda: read_status(other, job),
        lambda: make_scheduler(other, job),
        lambda: late.do(Task(0, 0, 0, CLOSE)),
    ):
        session.do(Task(0, 0, 11))
        look()
        assert (place / "dst" / marker_key(0)).exists()
        (place / "dst" / marker_key(0)).unlink()


def start(jobs: int = 2) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jpegmend", "cluster", "run", "dst", "--jobs", str(jobs), "-q"]
    return subprocess.Popen(command, start_new_session=True, env={**os.environ, "TMPDIR": os.getcwd()})


def count(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*.restored.png") if not path.name.startswith("."))


def test_a_part_that_a_killed_worker_was_writing_is_passed_over(place: Path, cluster, in_this_process) -> None:
    cluster("plan", "src", "dst", "--shard", 100, *DECODE)
    left = place / "dst" / pieces_of(0) / f".{Path(piece_key(0, 0, 4)).name}.0123456789ab.part"
    left.parent.mkdir(parents=True)
    left.touch()
    code, status = cluster("status", "dst")
    assert (code, status["left"]) == (0, 11)
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 11
    assert not left.exists()


def test_a_marker_that_a_killed_worker_was_writing_is_no_marker(place: Path, cluster, in_this_process) -> None:
    cluster("plan", "src", "dst", "--shard", 6, *DECODE)
    marker = place / "dst" / marker_key(1)
    marker.parent.mkdir(parents=True)
    marker.with_name(f".{marker.name}.0123456789ab.part").write_text("{")
    assert cluster("status", "dst")[1]["shards_done"] == 0
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 11
    assert cluster("status", "dst")[1]["shards_done"] == 2
    assert cluster("retry", "dst") == (0, {"again": 0})


@pytest.mark.skipif(os.name != "posix", reason="signals of process groups")
def test_files_that_the_system_adds_are_passed_over(place: Path, cluster, in_this_process) -> None:
    cluster("plan", "src", "dst", "--shard", 4, *DECODE)
    cluster("run", "dst", "--jobs", 1, "--shards", 0)
    destination = Storage("dst")
    Session(str(place / "dst"), open_job(destination).hash, 1, None).do(Task(1, 0, 2))
    for name in ("done/.DS_Store", "done/notes.json", "pieces/.DS_Store", "pieces/0000001/._0000000-0000002.parquet"):
        destination.write(f"jpegmend-job/{name}", b"of the system")
    code, status = cluster("status", "dst")
    assert (code, status["done"], status["shards_done"], status["shards_begun"]) == (0, 6, 1, 1)
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"]) == (0, 5)


def test_the_driver_is_killed_and_goes_on(place: Path, cluster, in_this_process) -> None:
    for seed in range(20, 80):
        (place / "src" / f"{seed}.jpg").write_bytes(jpeg(seed))
    cluster("plan", "src", "whole", "--shard", 1000, *DECODE)
    cluster("run", "whole", "--jobs", 1)
    expected = results(place / "whole")
    assert len(expected) == 71
    cluster("plan", "src", "dst", "--shard", 15, *DECODE)
    rng = random.Random(0)
    for kill in range(2):  # the driver alone, then its workers too
        enough = count(place / "dst") + rng.randint(1, 8)
        run = start()
        ends = time.monotonic() + 60
        while count(place / "dst") < enough and time.monotonic() < ends:
            time.sleep(0.01)
        (os.killpg if kill % 2 else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        there = results(place / "dst")
        assert {name: expected[name] for name in there} == there, "a result is whole or not there"
    code, status = cluster("status", "dst")
    assert code == 0, status
    left = status["left"]
    assert left, "all was done before the last kill: this proves nothing, take more pictures"
    code, ran = cluster("run", "dst", "--jobs", 1)
    assert (code, ran["done"]) == (0, left)
    assert results(place / "dst") == expected
    assert cluster("status", "dst")[1]["shards_done"] == 5
    assert not list((place / "dst").glob("*.part"))
