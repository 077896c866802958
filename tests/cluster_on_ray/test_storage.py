"""Jobs on S3: what a server does to a run of this machine's processes."""

import time
from typing import Any

import pytest

from jpegmend.cluster.storage import Storage
from jpegmend.errors import InputError, StorageError

from .conftest import results

DECODE = ("--strength", "0")


def test_a_bucket_gives_the_results_of_a_folder(bucket: str, server: Any, cluster, place) -> None:
    for path in (place / "src").rglob("*.jp*g"):
        path.unlink()
    source = Storage(f"{bucket}/src")
    for entry in list(source.list()):
        (place / "src" / entry.key).write_bytes(source.read(entry.key))
    assert cluster("plan", f"{bucket}/src", f"{bucket}/dst", "--shard", 4)[1]["pictures"] == 11
    assert cluster("run", f"{bucket}/dst", "--jobs", 2)[1]["done"] == 11
    cluster("plan", "src", "dst", "--shard", 4)
    cluster("run", "dst", "--jobs", 1)
    from tests.cluster.conftest import results as of_folder

    assert results(f"{bucket}/dst") == of_folder(place / "dst")
    assert cluster("status", f"{bucket}/dst")[1]["shards_done"] == 3


def test_results_may_lie_below_the_source(bucket: str, cluster) -> None:
    assert cluster("plan", f"{bucket}/src", f"{bucket}/src/better", *DECODE)[1]["pictures"] == 11
    assert cluster("run", f"{bucket}/src/better", "--jobs", 1)[1]["done"] == 11
    assert cluster("plan", f"{bucket}/src", f"{bucket}/other", *DECODE)[1]["passed_over"] == {
        "results": 11,
        ".json": 2,
        ".parquet": 2,
    }


def test_errors_and_an_outage_are_waited_for(bucket: str, server: Any, cluster) -> None:
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", "--shard", 4, *DECODE)
    server.delay = 0.02
    server.errors = [500, 503, 500, 503, 500]
    server.down_until = time.monotonic() + 3
    code, ran = cluster("run", f"{bucket}/dst", "--jobs", 2)
    assert (code, ran["done"], ran["failed"], ran["given_up"]) == (0, 11, 0, {})
    assert server.refused > 5


def test_an_object_that_has_changed_is_a_row(bucket: str, cluster) -> None:
    cluster("plan", f"{bucket}/src", f"{bucket}/dst", *DECODE)
    source = Storage(f"{bucket}/src")
    source.write("3.jpg", source.read("4.jpg"))
    source.delete(["5.jpg"])
    code, ran = cluster("run", f"{bucket}/dst", "--jobs", 1)
    assert (code, ran["done"], ran["failed"]) == (1, 9, 2)


def test_what_a_store_refuses(server: Any, bucket: str) -> None:
    with pytest.raises(InputError, match=r"nothing\.jpg does not exist"):
        Storage(bucket).read("nothing.jpg")
    assert Storage(bucket).find("nothing.jpg") is None
    with pytest.raises((StorageError, InputError)):
        list(Storage("s3://no-such-bucket-here").list())
    server.errors = [403]
    with pytest.raises(StorageError):
        Storage(bucket).read("src/1.jpg")
