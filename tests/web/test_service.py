"""The HTTP interface on a real socket: results, jobs, events, errors."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from jpegmend import errors
from jpegmend.web.problems import CODES, code_of

ASYNC = {"Prefer": "respond-async"}


def job(client: httpx.Client, photo: bytes, **options: Any) -> dict[str, Any]:
    """A job that has ended."""
    answer = client.post("/v1/restore", params=options, content=photo, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"jobs/{answer.json()['id']}"
    return events(client, answer.json()["id"])[-1][2]


def events(client: httpx.Client, name: str, **headers: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Number, kind and data of the events of a job, to its end."""
    found = []
    with client.stream("GET", f"/v1/jobs/{name}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, whose members agree with the answer."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert (told["status"], told["title"]) == CODES[told["code"]]
    return answer.status_code, told["code"]


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, []),
        (
            {"format": "tiff", "bits": "16", "strength": "0.5"},
            ["--format", "tiff", "--bits", "16", "--strength", "0.5"],
        ),
    ],
    ids=["png", "tiff"],
)
def test_the_answer_is_the_file_of_the_command(
    client: httpx.Client, photo: bytes, tmp_path: Path, options: dict[str, str], arguments: list[str]
) -> None:
    (tmp_path / "edge.jpg").write_bytes(photo)
    # With as many threads as the worker: sums of numpy's matrix products depend on them in the last bit of 16.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jpegmend", str(tmp_path / "edge.jpg"), "-q", *arguments]
    subprocess.run(command, check=True, env=environment)
    (made,) = tmp_path.glob("edge.restored.*")
    answer = client.put("/v1/restore", params={"name": "edge.jpg", **options}, content=photo)
    assert answer.status_code == 200, answer.text
    assert answer.content == made.read_bytes()
    assert f'filename="{made.name}"' in answer.headers["content-disposition"]
    assert answer.headers["content-type"] == f"image/{options.get('format', 'png')}"
    assert json.loads(answer.headers["jpegmend-report"])["width"] == 320


def test_nothing_is_kept_after_an_answer(client: httpx.Client, running: Any, photo: bytes) -> None:
    before = set(running.folder.iterdir())
    assert client.put("/v1/restore", content=photo).status_code == 200
    assert client.post("/v1/restore", content=b"no picture").status_code == 415
    assert client.post("/v1/inspect", content=photo).status_code == 200
    assert set(running.folder.iterdir()) == before


def test_a_job_tells_its_events_and_keeps_its_files(client: httpx.Client, running: Any, photo: bytes) -> None:
    done = job(client, photo, name="a.jpg", compare="true")
    seen = events(client, done["id"])
    assert [kind for _, kind, _ in seen] == ["queued", "running", "progress", "done"]
    assert [number for number, _, _ in seen] == sorted(number for number, _, _ in seen)
    later = events(client, done["id"], **{"Last-Event-ID": str(seen[1][0])})
    assert later == seen[2:]
    answer = client.get(f"/v1/jobs/{done['id']}/events", headers={"Last-Event-ID": str(seen[-1][0])})
    assert answer.status_code == 204
    assert client.get(f"/v1/jobs/{done['id']}").json() == done == seen[-1][2]
    assert done["result_name"] == "a.restored.png"

    after, before, change = (
        Image.open(io.BytesIO(client.get("/" + done["links"][name]).content))
        for name in ("result", "decoded", "change")
    )
    assert after.size == before.size == change.size == (320, 224)
    decoded = ImageChops.difference(before.convert("RGB"), Image.open(io.BytesIO(photo)).convert("RGB"))
    assert max(ImageStat.Stat(decoded).mean) < 0.5  # libjpeg rounds chroma to integers before it is enlarged
    assert 0 < done["change"]["mean"] < done["change"]["largest"] == change.getextrema()[1]

    assert client.delete(f"/v1/jobs/{done['id']}").status_code == 204
    assert not (running.folder / done["id"]).exists()
    assert problem(client.get(f"/v1/jobs/{done['id']}")) == (404, "no-such-job")


def test_a_result_in_other_formats_is_that_of_the_command(client: httpx.Client, photo: bytes) -> None:
    done = job(client, photo, name="photo.jpeg")
    for form in ({"format": "webp", "quality": "70"}, {"format": "jpeg", "strip": "gps"}, {"compression": "9"}):
        whole = client.put("/v1/restore", params={"name": "photo.jpeg", **form}, content=photo)
        again = client.get(f"/v1/jobs/{done['id']}/result", params=form)
        assert again.content == whole.content
        assert again.headers["content-disposition"] == whole.headers["content-disposition"]


def test_an_archive_has_every_result_once_and_says_what_is_missing(client: httpx.Client, photo: bytes) -> None:
    good = [job(client, photo, name=name) for name in ("a/x.jpg", "b/x.jpg", "../../y.png")]
    bad = job(client, photo[:100], name="broken.jpg")
    assert bad["problem"]["code"] == "damaged-jpeg"
    ids = [each["id"] for each in (*good, bad)]
    answer = client.get("/v1/archive", params=[*(("job", each) for each in ids), ("format", "webp")])
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "x.restored.webp",
            "x.restored (2).webp",
            "y.png.restored.webp",
            "not restored.txt",
        ]
        result = client.get(f"/v1/jobs/{ids[0]}/result", params={"format": "webp"}).content
        assert archive.read("x.restored.webp") == result
        assert archive.read("not restored.txt").decode().startswith("broken.jpg: ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", (400, "empty-body")),
        (b"words", (415, "not-an-image")),
        (b"\xff\xd8\xff\xd9", (422, "damaged-jpeg")),
        (b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a" + bytes(40), (415, "unsupported-jpeg")),
        (bytes(1_000_001), (413, "body-too-large")),
    ],
)
def test_bodies_that_are_refused(client: httpx.Client, body: bytes, code: tuple[int, str]) -> None:
    assert problem(client.post("/v1/restore", content=body)) == code
    assert problem(client.post("/v1/restore", content=iter([body]))) == code  # without Content-Length


def test_a_picture_with_too_many_pixels_is_refused(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 1001)).save(buffer, "JPEG")
    answer = client.post("/v1/restore", content=buffer.getvalue())
    assert problem(answer) == (413, "too-large")
    assert "2,000,000" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"strenght": "1"}, "did you mean strength"),
        ({"strength": "2"}, "from 0 to 1"),
        ({"strength": "nan"}, "from 0 to 1"),
        ({"bits": "12"}, "8, 16"),
        ({"bits": "16", "format": "jpeg"}, "png or tiff"),
        ({"format": "gif"}, "png, tiff, webp, jpeg"),
        ({"quality": "0"}, "from 1 to 100"),
        ({"assume-quality": "1_0"}, "from 1 to 100"),
        ({"srgb": "yes"}, "true, false"),
        ({"model": "/etc/passwd.json"}, "mend-s"),
        ([("strength", "1"), ("strength", "0")], "give it once"),
    ],
)
def test_options_that_are_refused(client: httpx.Client, photo: bytes, options: Any, word: str) -> None:
    answer = client.post("/v1/restore", params=options, content=photo)
    assert problem(answer) in ((400, "invalid-option"), (400, "unknown-model"))
    assert word in answer.json()["detail"]


def test_messages_use_the_words_of_the_service(client: httpx.Client, photo: bytes) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    answer = client.post("/v1/restore", params={"consistent": "true"}, content=buffer.getvalue())
    assert problem(answer) == (400, "invalid-option")
    assert answer.json()["detail"].startswith("consistent=true needs a JPEG file")


def test_every_error_class_has_a_code() -> None:
    mine = (each for each in vars(errors).values() if isinstance(each, type))
    classes = [each for each in mine if issubclass(each, errors.JpegmendError)]
    codes = [code_of(each) for each in classes]
    assert len(set(codes)) == len(classes) > 15
    assert set(codes) <= set(CODES)


def test_what_a_file_says_is_that_of_inspect(client: httpx.Client, photo: bytes) -> None:
    import jpegmend

    assert client.post("/v1/inspect", content=photo).json() == json.loads(json.dumps(jpegmend.inspect(photo).as_dict()))
    assert problem(client.post("/v1/inspect", params={"model": "mend-s"}, content=photo)) == (400, "invalid-option")


def test_what_a_supervisor_asks(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 200
    text = client.get("/metrics").text
    assert 'jpegmend_http_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert "jpegmend_queue_waiting 0.0" in text
    assert [model["name"] for model in client.get("/v1/models").json()["models"] if model["default"]] == ["mend-s"]


def test_other_addresses_and_methods(client: httpx.Client) -> None:
    assert problem(client.get("/v2")) == (404, "not-found")
    assert problem(client.get("/v1/restore")) == (405, "method-not-allowed")
    assert problem(client.get("/static/../app.py")) == (404, "not-found")
