"""Planning: which pictures a job has, what it refuses, and what belongs together."""

from __future__ import annotations

import json
import ntpath
import shutil
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from jpegmend.cli.cluster import takes_gpu
from jpegmend.cluster import tables
from jpegmend.cluster.job import JOB, marker_key, open_job, shard_key
from jpegmend.cluster.storage import Storage, Stored
from jpegmend.cluster.tasks import CLOSE, Task
from jpegmend.cluster.work import Session
from jpegmend.errors import InputError, InvalidOption, JobError
from jpegmend.weights import MODELS

from .conftest import jpeg


def listed(destination: Path) -> list[str]:
    return [key for shard in sorted((destination / "jpegmend-job" / "shards").glob("*")) for key in keys(shard)]


def keys(shard: Path) -> list[str]:
    return parquet.read_table(shard).column("key").to_pylist()


def test_the_listing_is_that_of_the_command(place: Path, cluster) -> None:
    (place / "src" / "notes.txt").write_text("no picture")
    (place / "src" / ".hidden.jpg").write_bytes(jpeg(1))
    (place / "src" / "old.restored.png").write_bytes(b"a result")
    (place / "src" / "odd name %20 é.jpg").write_bytes(jpeg(2))
    (place / "src" / "two\nlines.jpg").write_bytes(jpeg(3))
    code, planned = cluster("plan", "src", "dst", "--shard", 5)
    assert (code, planned["pictures"], planned["shards"], planned["new"]) == (0, 12, 3, True)
    assert planned["passed_over"] == {".txt": 1, "hidden": 1, "results": 1, "with names that cannot be stored": 1}
    assert "odd name %20 é.jpg" in listed(place / "dst") and "below/9.jpeg" in listed(place / "dst")
    assert [len(keys(shard)) for shard in sorted((place / "dst/jpegmend-job/shards").glob("*"))] == [5, 5, 2]
    job = json.loads((place / "dst" / JOB).read_text())
    assert job["pictures"] == 12
    assert job["size"] == sum((place / "src" / key).stat().st_size for key in listed(place / "dst"))


def test_a_second_plan_changes_nothing_or_is_refused(place: Path, cluster) -> None:
    first = cluster("plan", "src", "dst")[1]
    (place / "src" / "later.jpg").write_bytes(jpeg(50))
    second = cluster("plan", "src", "dst")[1]
    assert (second["new"], second["job"], second["pictures"]) == (False, first["job"], 11)
    code, said = cluster("plan", "src", "dst", "--strength", "0.5")
    assert code == 1 and "another job is planned there (options differ)" in said
    for limit in (("--max-pixels", "7"), ("--max-bytes", "1G"), ("--timeout", "5"), ("--provider", "cuda")):
        code, said = cluster("plan", "src", "dst", *limit)
        assert code == 1 and "another job is planned there (options differ)" in said


def test_results_of_a_job_whose_plan_is_gone_are_not_those_of_a_new_one(place: Path, cluster, in_this_process) -> None:
    cluster("plan", "src", "dst", "--shard", 6, "--strength", "0")
    cluster("run", "dst", "--jobs", 1)
    (place / "dst" / JOB).unlink()
    again = ("plan", "src", "dst", "--shard", 6, "--strength", "0", "--format", "webp", "--overwrite")
    for left in ("done", "results", "pieces"):
        (place / "dst/jpegmend-job/pieces/0000000").mkdir(parents=True, exist_ok=True)
        (place / "dst/jpegmend-job/pieces/0000000/kept.parquet").touch()
        code, said = cluster(*again)
        assert code == 1 and "an earlier job has left results there, but its jpegmend-job/job.json is gone" in said
        assert "delete jpegmend-job/done/, jpegmend-job/pieces/ and jpegmend-job/results/ there" in said
        shutil.rmtree(place / "dst/jpegmend-job" / left)
    assert cluster(*again)[0] == 0
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 11
    assert len(list((place / "dst").rglob("*.webp"))) == 11


def test_a_marker_of_another_job_is_refused(place: Path, cluster, in_this_process) -> None:
    for name in ("dst", "other"):
        cluster("plan", "src", name, "--shard", 6, "--strength", "0")
        cluster("run", name, "--jobs", 1, "--shards", "0")
    marker = place / "dst" / marker_key(0)
    marker.write_bytes((place / "other" / marker_key(0)).read_bytes())
    for action in ("run", "status", "retry"):
        code, said = cluster(action, "dst")
        assert code == 1 and "0000000.json says that another job has done this shard" in said
    assert cluster("run", "dst", "--jobs", 1, "--shards", "1")[1]["done"] == 5, "of these shards none has such a marker"
    with pytest.raises(JobError, match="another job has done this shard"):
        Session("dst", open_job(Storage("dst")).hash, 1, None).do(Task(0, 0, 0, CLOSE))
    marker.write_text("{")
    code, said = cluster("run", "dst")
    assert code == 1 and "0000000.json is damaged; delete it" in said
    marker.unlink()
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 6


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("plan", "nowhere", "dst"), 1, "nowhere: there is no such folder"),
        (("plan", "src"), 2, "cluster plan takes SRC and DST"),
        (("plan", "empty", "dst"), 2, "empty: no pictures there; give files, or folders with pictures\n"),
        (("plan", "src", "full"), 2, "full holds files already; give an empty place, or --overwrite"),
        (("plan", "src", "src", "--overwrite", "--name", "{stem}{suffix}"), 2, "results could replace inputs"),
        (("plan", "link", "src", "--overwrite", "--name", "{stem}{suffix}"), 2, "results could replace inputs"),
        (("plan", "src", "dst", "--name", "{quality}-{stem}{suffix}"), 2, "the listing does not know {quality}"),
        (("plan", "src", "dst", "--bits", "16", "--format", "webp"), 2, "webp holds 8 bits"),
        (("plan", "src", "dst", "--bits", "16", "--name", "{stem}.webp"), 2, "webp holds 8 bits"),
        (("plan", "src", "dst", "--format", "tiff", "--name", "{stem}.webp"), 2, "names a webp file, --format tiff"),
        (("plan", "ftp://host/x", "dst"), 2, "give a folder, or an address that begins with s3://, gs://, az://"),
        (("run", "dst"), 1, "there is no such folder"),
        (("run", "full"), 1, "no job is planned there; first `jpegmend cluster plan SRC"),
        (("run", "full", "--strength", "0"), 2, "--strength is an option of cluster plan, not of cluster run"),
        (("status", "full", "--jobs", "2"), 2, "--jobs is an option of cluster run, not of cluster status"),
    ],
)
def test_what_is_refused(place: Path, cluster, words, code: int, said: str) -> None:
    (place / "empty").mkdir()
    (place / "full").mkdir()
    (place / "full" / "mine.txt").write_text("mine")
    (place / "link").symlink_to("src")
    found = cluster(*words)
    assert found[0] == code and said in found[1]


def test_a_network_without_weights_is_refused_before_the_listing(place: Path, cluster) -> None:
    unreleased = next(name for name, card in MODELS.items() if not card.released)
    code, said = cluster("plan", "src", "dst", "--model", unreleased)
    assert code == 1 and "not released yet" in said
    assert cluster("plan", "src", "dst")[0] == 0, "no other job was planned there"


def test_ray_that_is_not_installed_is_told(place: Path, cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    cluster("plan", "src", "dst", "--strength", "0")
    code, said = cluster("run", "dst", "--address", "host:6379")
    assert code and "--address host:6379 needs Ray" in said


def test_two_inputs_never_have_one_result(place: Path, cluster) -> None:
    (place / "src" / "3.JPG").write_bytes(jpeg(33))
    code, said = cluster("plan", "src", "dst")
    assert code == 2 and "would have one result, 3.restored.png; give --name '{name}.restored{suffix}'" in said
    assert not (place / "dst" / JOB).exists()
    assert cluster("plan", "src", "dst", "--name", "{name}.restored{suffix}")[0] == 0


def test_a_suffix_in_the_names_of_results_is_their_format(place: Path, cluster, in_this_process) -> None:
    assert cluster("plan", "src", "dst", "--strength", "0", "--name", "{name}.webp")[0] == 0
    assert cluster("run", "dst", "--jobs", 1)[1]["done"] == 11
    assert {path.read_bytes()[8:12] for path in (place / "dst").rglob("*.webp")} == {b"WEBP"}


def test_shards_that_do_not_exist_are_refused(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--shard", 5)
    for wrong in ("3", "0-3", "2-1", "x", ""):
        code, said = cluster("run", "dst", "--shards", wrong)
        assert code == 2 and "give one number or FIRST-LAST, from 0 to 2" in said


@pytest.mark.parametrize("field", ["version", "weights", "fingerprint"])
def test_a_job_of_another_installation_is_refused(place: Path, cluster, field: str) -> None:
    cluster("plan", "src", "dst")
    facts = json.loads((place / "dst" / JOB).read_text())
    (place / "dst" / JOB).write_text(json.dumps({**facts, field: "other"}))
    code, said = cluster("run", "dst")
    assert code == 1 and f"was planned with {field} other, this installation has" in said


def test_a_job_of_a_version_with_more_options_is_refused_by_its_version(place: Path, cluster) -> None:
    cluster("plan", "src", "dst")
    facts = json.loads((place / "dst" / JOB).read_text())
    later = {**facts, "version": "other", "output": {**facts["output"], "dither": True}}
    (place / "dst" / JOB).write_text(json.dumps(later))
    code, said = cluster("run", "dst")
    assert code == 1 and "was planned with version other" in said


def test_a_worker_refuses_another_job_than_the_drivers(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--strength", "0")
    job = open_job(Storage("dst"))
    Session("dst", job.hash, 1, None)
    with pytest.raises(JobError, match="planned again during the run"):
        Session("dst", "0" * 16, 1, None)


def test_listings_of_other_jobs_and_damaged_ones_are_refused(place: Path, cluster) -> None:
    rows = [Stored("a.jpg", 3, "x"), Stored("b.jpg", 4, "y")]
    data = tables.write_shard(rows, "one")
    assert tables.read_shard(data, "one") == rows
    with pytest.raises(JobError, match="not the one that was planned"):
        tables.read_shard(data, "two")
    with pytest.raises(JobError, match="damaged"):
        tables.read_shard(data[:40], "one")
    cluster("plan", "src", "dst", "--strength", "0")
    cluster("plan", "src", "other", "--strength", "0")
    (place / "dst" / shard_key(0)).write_bytes((place / "other" / shard_key(0)).read_bytes())
    code, said = cluster("run", "dst", "--jobs", 1)
    assert code == 1 and "not the one that was planned" in said


def test_a_storage_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Storage(str(tmp_path / "none"))
    with pytest.raises(InvalidOption):
        Storage("http://host/x")
    storage = Storage(str(tmp_path / "new"), create=True)
    storage.write("a/b c.txt", b"one")
    storage.write("a/b c.txt", b"two")
    (entry,) = storage.list()
    assert (entry.key, entry.size) == ("a/b c.txt", 3)
    assert storage.read("a/b c.txt", etag=entry.etag) == b"two"
    with pytest.raises(InputError, match="has changed since"):
        storage.read("a/b c.txt", etag="other")
    with pytest.raises(InputError, match="does not exist"):
        storage.read("a/c.txt")
    assert storage.find("a/c.txt") is None
    storage.delete(["a/b c.txt", "a/c.txt"])
    assert list(storage.list()) == []


def test_a_prefix_contains_what_is_below_it_on_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {name: Storage(f"s3://bucket/{name}") for name in ("scans", "scans/better", "scans-2")}
    monkeypatch.setattr("jpegmend.cluster.storage.os.path.join", ntpath.join)
    assert [name for name, place in places.items() if places["scans"].contains(place)] == ["scans", "scans/better"]


def test_objects_that_do_not_exist_are_passed_over(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.folder = None  # obstore itself deletes then, and like GCS and Azure it tells what is missing in a folder
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"")
    storage.delete(["none.txt", "a.txt", "other.txt", "b.txt"])
    assert list(tmp_path.iterdir()) == []
    storage.delete([])


def test_a_worker_loads_the_network_of_the_plan(place: Path, cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr("jpegmend.cluster.work.open_runtime", lambda card, **how: asked.append((card.name, how)))
    cluster("plan", "src", "dst", "--provider", "cpu", "--runtime", "onnx")
    Session("dst", open_job(Storage("dst")).hash, 1, None)
    assert asked == [("mend-s", {"runtime": "onnx", "provider": "cpu", "threads": 1})]


@pytest.mark.parametrize(
    ("options", "provider", "gpu"),
    [((), "cpu", False), (("--provider", "cuda"), "cuda", True), (("--runtime", "torch"), "cpu", False)],
)
def test_a_plan_says_where_its_network_runs(
    place: Path, cluster, options: tuple[str, ...], provider: str, gpu: bool
) -> None:
    cluster("plan", "src", "dst", *options)
    planned = open_job(Storage("dst")).options
    assert planned["provider"] == provider  # "auto" would take another one on another machine
    assert takes_gpu(planned) is gpu


def test_parts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for name in (".a.png.0123456789ab.part", ".b.png.0123456789ab.part", "a.png"):
        (tmp_path / name).write_bytes(b"")
    storage.remove_parts(["a.png"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.png.0123456789ab.part", "a.png"]
