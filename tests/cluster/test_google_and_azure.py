"""Jobs on Google Cloud Storage and Azure, by a server that answers as they do: which object an address names."""

import json
from collections.abc import Iterator

import pytest
from tests.cluster.blob_server import serving
from tests.cluster.conftest import jpeg

from jpegmend.cluster.job import open_job
from jpegmend.cluster.storage import Storage
from jpegmend.cluster.tasks import Task
from jpegmend.cluster.work import Session
from jpegmend.errors import StorageError


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    with serving() as (url, objects):
        key = {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        names = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key), "GOOGLE_ALLOW_HTTP": "true"}
        names |= {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_ENDPOINT": url, "AZURE_SKIP_SIGNATURE": "true"}
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        yield objects


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_a_job_from_plan_to_end(objects: dict[str, bytes], scheme: str, cluster, in_this_process) -> None:
    for seed in range(3):
        objects[f"bucket/photos/below/{seed} ä.jpg"] = jpeg(seed)
    source, destination = f"{scheme}://bucket/photos", f"{scheme}://bucket/better"
    assert cluster("plan", source, destination, "--strength", "0")[1]["pictures"] == 3
    objects["bucket/photos/below/1 ä.jpg"] += b"\0"
    assert cluster("run", destination, "--jobs", "1")[1]["failed"] == 1, "one that has changed since then"
    assert sorted(name for name in objects if name.endswith(".png")) == [
        "bucket/better/below/0 ä.restored.png",
        "bucket/better/below/2 ä.restored.png",
    ]
    assert "bucket/better/jpegmend-job/done/0000000.json" in objects
    assert not [name for name in objects if "/pieces/" in name]
    assert cluster("retry", destination)[1]["again"] == 1


@pytest.mark.parametrize(("scheme", "status"), [("gs", 403), ("az", 403), ("az", 409)])
def test_an_object_that_the_store_refuses_is_a_row(
    objects: dict[str, bytes], scheme: str, status: int, cluster, in_this_process
) -> None:
    """Also by a run in which nothing else has been read before, since all others are done."""
    objects["bucket/photos/0.jpg"] = b"refused %d" % status
    for seed in range(1, 4):
        objects[f"bucket/photos/{seed}.jpg"] = jpeg(seed)
    source, destination = f"{scheme}://bucket/photos", f"{scheme}://bucket/better"
    cluster("plan", source, destination, "--shard", "1", "--strength", "0")
    for done, shards in ((3, 4), (0, 1)):
        code, ran = cluster("run", destination, "--jobs", "1")
        assert (code, ran["done"], ran["failed"], ran["shards"], ran["given_up"]) == (1, done, 1, shards, {})
        examples = cluster("status", destination)[1]["examples"]
        assert "0.jpg cannot be read: the store refuses this object and gives others" in examples["InputError"]
        assert cluster("retry", destination)[1]["again"] == 1


def test_a_store_that_refuses_everything_fails_the_task(objects: dict[str, bytes], cluster) -> None:
    """Also where it gave something before: credentials may be withdrawn during a run."""
    for seed in range(4):
        objects[f"bucket/photos/{seed}.jpg"] = jpeg(seed)
    cluster("plan", "gs://bucket/photos", "gs://bucket/better", "--strength", "0")
    session = Session("gs://bucket/better", open_job(Storage("gs://bucket/better")).hash, 1, None)
    assert session.do(Task(0, 0, 2)).done == 2
    for seed in range(4):
        objects[f"bucket/photos/{seed}.jpg"] = b"refused 403"
    with pytest.raises(StorageError, match=r"[23]\.jpg"):
        session.do(Task(0, 2, 4))
    with pytest.raises(StorageError, match=r"0\.jpg"):
        Storage("gs://bucket/photos").read("0.jpg", others=lambda: ["0.jpg", "1.jpg", "gone.jpg"])


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_what_is_not_there_is_passed_over(objects: dict[str, bytes], scheme: str) -> None:
    objects["bucket/a/here"] = b"x"
    storage = Storage(f"{scheme}://bucket/a")
    assert storage.find("gone") is None
    storage.delete(["here", "gone"])
    assert not objects


def test_what_is_no_picture_is_counted(objects: dict[str, bytes], cluster) -> None:
    objects["bucket/photos/notes.txt"] = b"x"
    code, said = cluster("plan", "gs://bucket/photos", "gs://bucket/better")
    assert code == 2 and "gs://bucket/photos: no pictures there (1 .txt passed over); give" in said


@pytest.mark.parametrize("key", ["x//b.jpg", "x/../b.jpg", "./b.jpg", "x\tb.jpg"])
@pytest.mark.parametrize("place", ["photos", "better"])
def test_a_key_that_cannot_be_listed_is_named(objects: dict[str, bytes], cluster, key: str, place: str) -> None:
    objects["bucket/photos/a.jpg"] = jpeg(0)
    objects[f"bucket/{place}/{key}"] = jpeg(1)
    code, said = cluster("plan", "gs://bucket/photos", "gs://bucket/better", "--strength", "0")
    assert code == 2 and f"gs://bucket/{place} cannot be listed: " in said
    assert key.replace("\t", "?") in said and "; rename that object (no part" in said
    objects[f"bucket/{place}/x/b.jpg"] = objects.pop(f"bucket/{place}/{key}")
    code, planned = cluster("plan", "gs://bucket/photos", "gs://bucket/better", "--strength", "0", "--overwrite")
    assert (code, planned["pictures"]) == (0, 1 + (place == "photos"))


def test_azure_without_an_account_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StorageError, match="set AZURE_STORAGE_ACCOUNT_NAME"):
        Storage("az://container/photos")
