"""Jobs on a Ray cluster: actors, machines and drivers that end, and a picture that ends its actor."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster.conftest import POISON, jpeg

from jpegmend.cluster.storage import Storage
from jpegmend.errors import StorageError

from .conftest import results

DECODE = ("--strength", "0")
MANY = 60


def fill(address: str) -> None:
    source = Storage(f"{address}/src")
    for seed in range(11, MANY):
        source.write(f"{seed}.jpg", jpeg(seed))


def expected(address: str, cluster: Callable[..., Any]) -> dict[str, bytes]:
    """Results by the processes of this machine."""
    cluster("plan", f"{address}/src", f"{address}/alone", *DECODE)
    cluster("run", f"{address}/alone", "--jobs", 1)
    return results(f"{address}/alone")


def actors() -> list[int]:
    """Process ids of the actors that are at a task."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::Actor" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def when(condition: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    """Do something as soon as a condition holds, in a thread."""

    def watch() -> None:
        ends = time.monotonic() + 250
        with contextlib.suppress(StorageError):  # the test has ended, and its server
            while not condition() and time.monotonic() < ends:
                time.sleep(0.05)
            action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def count(address: str) -> int:
    return sum(entry.key.endswith(".png") for entry in Storage(address).list())


def test_ray_gives_the_bytes_of_one_machine(ray_cluster: Any, bucket: str, cluster, monkeypatch) -> None:
    from jpegmend.cluster.on_ray import RayCrew

    stored = []
    close = RayCrew.close

    def look_and_close(self: RayCrew) -> None:
        from ray._private.internal_api import memory_summary

        stored.append(memory_summary(ray_cluster.address, stats_only=True))
        close(self)

    monkeypatch.setattr(RayCrew, "close", look_and_close)
    for name in ("dst", "alone"):
        cluster("plan", f"{bucket}/src", f"{bucket}/{name}", "--shard", 4)
    code, ran = cluster("run", f"{bucket}/dst", "--address", ray_cluster.address, "--jobs", 2)
    assert (code, ran["done"], ran["shards"]) == (0, 11, 3)
    cluster("run", f"{bucket}/alone", "--jobs", 1)
    assert results(f"{bucket}/dst") == results(f"{bucket}/alone")
    assert len(results(f"{bucket}/dst")) == 11
    assert "Plasma memory usage 0 MiB, 0 objects" in stored[0], "pictures do not pass through Ray's object store"


def test_a_picture_that_ends_its_actor_three_times_is_set_aside(ray_cluster: Any, bucket: str, cluster) -> None:
    Storage(f"{bucket}/src").write("5b.jpg", jpeg(99, comment=POISON))
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", "--shard", 6, *DECODE)
    code, ran = cluster("run", f"{bucket}/dst", "--address", ray_cluster.address, "--jobs", 2)
    assert (code, ran["done"], ran["set_aside"]) == (1, 11, 1)
    # Three deaths; more where Ray tells one so late that a second worker is given the task meanwhile.
    assert 3 <= ran["lost"] <= 6
    assert cluster("status", f"{bucket}/dst")[1]["aside"] == ["5b.jpg"]


def test_a_token_that_is_missing_is_told(ray_cluster: Any, bucket: str, cluster, tmp_path: Path) -> None:
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", *DECODE)
    command = [sys.executable, "-m", "jpegmend", "cluster", "run", f"{bucket}/dst", "--address", ray_cluster.address]
    without = {**os.environ, "RAY_AUTH_TOKEN": "", "HOME": str(tmp_path)}
    done = subprocess.run(command, env=without, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "if it has a token, set RAY_AUTH_MODE=token" in done.stderr
    assert "Traceback" not in done.stderr


def test_each_actor_takes_a_gpu_where_the_job_asks_for_one(ray_cluster: Any, bucket: str, cluster, monkeypatch) -> None:
    """Ray believes that a machine has the GPUs it is said to have; without a network none is used."""
    from jpegmend.cluster.on_ray import RayCrew

    found: list[tuple[int, set[str]]] = []
    close = RayCrew.close

    def look_and_close(self: RayCrew) -> None:
        found.append((len(self._actors), set(self._nodes.values())))
        close(self)

    monkeypatch.setattr(RayCrew, "close", look_and_close)
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", "--provider", "cuda", *DECODE)
    machine = ray_cluster.add_node(num_cpus=2, num_gpus=2, object_store_memory=80_000_000)
    try:
        code, ran = cluster("run", f"{bucket}/dst", "--address", ray_cluster.address)
    finally:
        ray_cluster.remove_node(machine)
    assert (code, ran["done"]) == (0, 11)
    assert found == [(2, {machine.node_id})]


def test_the_driver_is_killed_and_another_goes_on(ray_cluster: Any, server: Any, bucket: str, cluster) -> None:
    fill(bucket)
    whole = expected(bucket, cluster)
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", "--shard", 20, *DECODE)
    server.delay = 0.05
    command = [sys.executable, "-m", "jpegmend", "cluster", "run", f"{bucket}/dst", "--address", ray_cluster.address]
    run = subprocess.Popen([*command, "-q"])
    when(lambda: count(f"{bucket}/dst") >= 15 or run.poll() is not None, run.kill).join()
    assert run.wait() == -signal.SIGKILL
    server.delay = 0.0
    there = results(f"{bucket}/dst")
    assert 15 <= len(there) < MANY and {name: whole[name] for name in there} == there
    code, ran = cluster("run", f"{bucket}/dst", "--address", ray_cluster.address)
    assert (code, ran["set_aside"]) == (0, 0) and ran["done"] < MANY
    assert results(f"{bucket}/dst") == whole


def test_an_actor_and_then_a_machine_are_killed(ray_cluster: Any, server: Any, bucket: str, cluster) -> None:
    """The last test: the cluster has one machine afterwards."""
    fill(bucket)
    whole = expected(bucket, cluster)
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", "--shard", 20, *DECODE)
    server.delay = 0.1
    done: list[str] = []

    def kill_actor() -> None:
        for process in actors()[:1]:
            os.kill(process, signal.SIGKILL)
            done.append("actor")

    def kill_machine() -> None:
        ray_cluster.remove_node(ray_cluster.second, allow_graceful=False)
        done.append("machine")
        server.delay = 0.0

    first = when(lambda: count(f"{bucket}/dst") >= 5, kill_actor)
    second = when(lambda: count(f"{bucket}/dst") >= 20, kill_machine)
    code, ran = cluster("run", f"{bucket}/dst", "--address", ray_cluster.address, "--jobs", 2)
    first.join()
    second.join()
    assert done == ["actor", "machine"]
    assert (code, ran["done"], ran["set_aside"], ran["failed"]) == (0, MANY, 0, 0)
    assert ran["lost"] >= 1
    assert results(f"{bucket}/dst") == whole
    assert cluster("status", f"{bucket}/dst")[1]["shards_done"] == 3
