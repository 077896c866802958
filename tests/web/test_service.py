"""The HTTP interface on a real socket: results, jobs, events, errors."""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.datastructures import QueryParams
from tests.web.conftest import EXAMPLES, events, job, problem

import jpegmend
from jpegmend import errors
from jpegmend.batch.settings import Output
from jpegmend.decoding.process import _too_slow
from jpegmend.formats import SUFFIXES, WRITTEN
from jpegmend.web import handlers, models, query
from jpegmend.web.handlers import report_header
from jpegmend.web.jobs import Jobs
from jpegmend.web.pages import STATIC
from jpegmend.web.problems import CODES, code_of, from_error, in_words
from jpegmend.web.work import DECODED, result_name
from jpegmend.weights import MODELS, Foreign


def test_the_answer_is_the_file_of_the_command(client: httpx.Client, photo: bytes, command_png: Path) -> None:
    answer = client.put("/v1/restore", params={"name": "edge.jpg"}, content=photo)
    assert answer.status_code == 200, answer.text
    assert answer.content == command_png.read_bytes()
    assert f'filename="{command_png.name}"' in answer.headers["content-disposition"]
    assert answer.headers["content-type"] == "image/png"
    assert json.loads(answer.headers["jpegmend-report"])["width"] == 320


def test_options_are_those_of_the_command(client: httpx.Client, photo: bytes, by_command: dict[str, Path]) -> None:
    options = {"format": "tiff", "bits": "16", "strength": "0.5", "consistent": "false", "strip": "notes"}
    answer = client.post("/v1/restore", params={"name": "edge.jpg", **options}, content=photo)
    assert answer.content == by_command["tiff"].read_bytes()


def test_the_report_of_many_pages_fits_into_a_header() -> None:
    report = {"width": 8, "warnings": [f"page {page}: bits are lost" for page in range(1500)]}
    text = report_header(report)
    *first, last = json.loads(text)["warnings"]
    assert len(text) < 3001 and first == report["warnings"][: len(first)] and len(first) > 20
    assert last.startswith(f"{1500 - len(first)} more")
    assert json.loads(report_header({**report, "warnings": first})) == {**report, "warnings": first}


def test_nothing_is_kept_after_an_answer(client: httpx.Client, running: Any, small: bytes) -> None:
    before = set(running.folder.iterdir())
    assert client.put("/v1/restore", content=small).status_code == 200
    assert client.post("/v1/restore", content=b"no picture").status_code == 415
    assert client.post("/v1/inspect", content=small).status_code == 200
    assert set(running.folder.iterdir()) == before


def test_a_result_that_cannot_be_sent_leaves_no_job(
    client: httpx.Client, running: Any, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job is removed by the thread of the event loop, which goes through the jobs at any time."""
    jobs, before, threads = running.service.jobs, set(running.folder.iterdir()), []

    def lose(report: Any) -> str:
        threads.append(threading.get_ident())
        for folder in set(running.folder.iterdir()) - before:
            shutil.rmtree(folder)
        return "{}"

    def remove(job: Any) -> None:
        threads.append(threading.get_ident())
        Jobs.remove(jobs, job)

    monkeypatch.setattr(handlers, "report_header", lose)
    monkeypatch.setattr(jobs, "remove", remove)
    count = len(jobs)
    assert problem(client.put("/v1/restore", content=small)) == (500, "internal")
    assert len(jobs) == count and threads[0] == threads[1]


def test_passes_and_the_search_for_an_earlier_compression_can_be_chosen(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((48, 48), 60).save(buffer, "JPEG", quality=30)
    reports = [
        json.loads(client.put("/v1/restore", params=options, content=buffer.getvalue()).headers["jpegmend-report"])
        for options in ({}, {"thorough": "2", "earlier": "false"})
    ]
    assert [report["passes"] for report in reports] == [1, 2]
    assert [report["earlier_probability"] is None for report in reports] == [False, True]


def test_a_format_whose_encoder_is_not_installed(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(name: str) -> None:
        if name == "jxl":
            raise errors.MissingExtra("writing JPEG XL needs a package")

    monkeypatch.setattr("jpegmend.web.query.check_encoder", check)
    answer = client.put("/v1/restore", params={"format": "jxl"}, content=b"a")
    assert problem(answer) == (501, "missing-extra")
    listed = {each["name"]: each["available"] for each in client.get("/v1/formats").json()["formats"]}
    assert listed == {**dict.fromkeys(WRITTEN, True), "jxl": False}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", (400, "empty-body")),
        (b"words", (415, "not-an-image")),
        (b"\xff\xd8\xff\xd9", (422, "damaged-jpeg")),
        (b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a" + bytes(40), (415, "unsupported-jpeg")),
        (bytes(1_000_001), (413, "body-too-large")),
    ],
)
def test_bodies_that_are_refused(client: httpx.Client, body: bytes, code: tuple[int, str]) -> None:
    assert problem(client.post("/v1/restore", content=body)) == code
    assert problem(client.post("/v1/restore", content=iter([body]))) == code  # without Content-Length


def test_a_form_is_refused_with_what_to_send(client: httpx.Client, small: bytes) -> None:
    answer = client.post("/v1/restore", files={"file": ("photo.jpg", small)})
    assert problem(answer) == (415, "not-an-image")
    assert "a form" in answer.json()["detail"] and "--data-binary @photo.jpg" in answer.json()["detail"]


def test_a_picture_that_the_format_cannot_hold_is_refused_before_the_network_runs(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("L", (16_400, 8)).save(buffer, "JPEG")
    answer = client.put("/v1/restore", params={"format": "webp"}, content=buffer.getvalue())
    assert problem(answer) == (422, "output-error")
    assert "16400x8 pixels; webp holds 16383 a side at most" in answer.json()["detail"]
    failed = job(client, buffer.getvalue(), format="webp")
    assert [kind for _, kind, _ in events(client, failed["id"])] == ["queued", "running", "failed"]


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
        ({"quality": "0", "format": "webp"}, "from 1 to 100"),
        ({"quality": "30"}, "assume-quality is that of the input"),
        ({"compression": "5", "format": "tiff"}, "of png alone"),
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


@pytest.mark.parametrize("format", query.formats())
def test_the_defaults_of_the_document_may_be_sent(format: str) -> None:
    known = {**query.RESTORATION, **query.FORM, **query.JOB}
    defaults = {name: each.schema["default"] for name, each in known.items() if "default" in each.schema}
    sent = QueryParams({name: str(value).lower() for name, value in defaults.items()} | {"format": format})
    plain = query.read_restoration(QueryParams({"format": format}))
    assert len(defaults) > 5 and query.read_restoration(sent) == plain


def test_messages_use_the_words_of_the_service(client: httpx.Client, photo: bytes) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    answer = client.post("/v1/restore", params={"consistent": "true"}, content=buffer.getvalue())
    assert problem(answer) == (400, "invalid-option")
    assert answer.json()["detail"].startswith("consistent=true needs a JPEG file")
    slow = in_words(_too_slow("5 s"))
    assert slow.endswith("a sound file of the size its header claims needs less")
    report = json.loads(client.post("/v1/restore", content=buffer.getvalue()).headers["jpegmend-report"])
    assert [warning.split("; ")[1] for warning in report["warnings"]] == ["give assume-quality= to restore it"]


@pytest.mark.parametrize("name", [result_name(Output()), DECODED])
def test_messages_name_no_path(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    restored = jpegmend.restore(EXAMPLES / "edge.jpg", strength=0)
    folder = tmp_path / "user's files"
    folder.mkdir()

    def told() -> tuple[int, str | None]:
        with pytest.raises(errors.OutputError, match="user's files") as caught:
            restored.save(folder / name)
        found = from_error(caught.value)
        return found.status, found.detail

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert told() == (507, "the result cannot be written: no space is left there")


def test_a_disk_that_is_full_during_an_upload(client: httpx.Client, running: Any) -> None:
    resource = pytest.importorskip("resource", reason="limits of file sizes as POSIX has them")
    before, folders = resource.getrlimit(resource.RLIMIT_FSIZE), set(running.folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        answers = [client.post(path, content=bytes(900_000)) for path in ("/v1/restore", "/v1/inspect")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [problem(answer) for answer in answers] == [(507, "no-room")] * 2
    assert set(running.folder.iterdir()) == folders
    assert client.get("/readyz").status_code == 200


def test_every_error_class_has_a_code() -> None:
    mine = (each for each in vars(errors).values() if isinstance(each, type))
    classes = [each for each in mine if issubclass(each, errors.JpegmendError)]
    codes = [code_of(each) for each in classes]
    assert len(set(codes)) == len(classes) > 15
    assert set(codes) <= set(CODES)


def test_what_a_file_says_is_that_of_inspect(client: httpx.Client, photo: bytes) -> None:
    assert client.post("/v1/inspect", content=photo).json() == json.loads(json.dumps(jpegmend.inspect(photo).as_dict()))
    assert problem(client.post("/v1/inspect", params={"model": "mend-s"}, content=photo)) == (400, "invalid-option")


def test_what_a_supervisor_asks(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 200
    text = client.get("/metrics").text
    assert 'jpegmend_http_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert "jpegmend_queue_waiting 0.0" in text
    assert [model["name"] for model in client.get("/v1/models").json()["models"] if model["default"]] == ["mend-s"]


def test_a_full_queue(client: httpx.Client, running: Any) -> None:
    with contextlib.ExitStack() as stack:
        while not running.service.scheduler.full:
            stack.enter_context(running.service.scheduler.place())
        # Results of jobs stay within reach: a supervisor sends nothing to a service that is not ready.
        assert client.get("/readyz").status_code == 200
        for path in ("/v1/restore", "/v1/inspect"):
            # The body is read, so that the client reads the answer in place of a broken connection.
            assert problem(client.post(path, content=bytes(20_000_000))) == (429, "queue-full")


def test_requests_at_once_get_each_its_own_answer(running: Any) -> None:
    def picture(number: int) -> bytes:
        stream = io.BytesIO()
        Image.effect_noise((16 + number, 16), 60).save(stream, "JPEG", quality=20)
        return stream.getvalue()[: 100 if number % 4 == 3 else None]

    def answer(number: int) -> Any:
        with running.client() as client:
            got = client.post("/v1/restore", content=picture(number))
        return Image.open(io.BytesIO(got.content)).width if got.status_code == 200 else problem(got)

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(answer, range(20)))
    assert found == [(422, "damaged-jpeg") if number % 4 == 3 else 16 + number for number in range(20)]


def test_networks_that_cannot_run_here(
    client: httpx.Client, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPEGMEND_MODELS", str(tmp_path))
    (tmp_path / "damaged.json").write_text("{")
    other = replace(MODELS["mend-s"], name="other", files={"safetensors": {"file": "other", "sha256": "0"}})
    monkeypatch.setattr("jpegmend.web.models.find_spec", lambda name: None if name == "spandrel" else name)
    assert models._runs(other)
    assert not models._runs(replace(other, foreign=Foreign()))
    listed = [model["name"] for model in client.get("/v1/models").json()["models"]]
    assert "mend-s" in listed and "damaged" not in listed
    assert client.post("/v1/inspect", content=photo).status_code == 200
    answer = client.post("/v1/restore", params={"model": "damaged"}, content=photo)
    assert problem(answer) == (400, "unknown-model")


def test_the_page_knows_the_formats() -> None:
    (names,) = re.findall(r'const SUFFIXES = "([a-z ]+)"', (STATIC / "sources.js").read_text())
    assert {f".{name}" for name in names.split()} == set(SUFFIXES)
    offered = re.findall(r'<option value="([a-z]+)(?:-16)?">', (STATIC / "index.html").read_text())
    assert set(offered) - {"gps", "notes", "all", "true", "false", "one"} == set(WRITTEN)
    (lossy,) = re.findall(r"const LOSSY = (\[.*\]);", (STATIC / "download.js").read_text())
    assert set(json.loads(lossy)) == {name for name, kind in WRITTEN.items() if kind.lossy}


def test_other_addresses_and_methods(client: httpx.Client) -> None:
    assert problem(client.get("/v2")) == (404, "not-found")
    assert problem(client.get("/v1/restore")) == (405, "method-not-allowed")
    wrong = client.post("/v1/jobs/x")
    assert problem(wrong) == (405, "method-not-allowed")
    assert {"GET", "DELETE"} <= set(wrong.headers["allow"].split(", "))
    assert problem(client.get("/static/../app.py")) == (404, "not-found")
