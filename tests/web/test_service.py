"""The HTTP interface on a real socket: results, jobs, events, errors."""

import contextlib
import errno
import io
import json
import os
import re
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import tifffile
from PIL import Image, ImageChops, ImageCms, ImageStat
from tests.web.conftest import EXAMPLES

import jpegmend
from jpegmend import errors
from jpegmend.batch.settings import Output
from jpegmend.formats import SUFFIXES, WRITTEN
from jpegmend.web import models
from jpegmend.web.jobs import Jobs
from jpegmend.web.pages import STATIC
from jpegmend.web.problems import CODES, code_of, from_error
from jpegmend.web.query import Request
from jpegmend.web.settings import Settings
from jpegmend.web.work import DECODED, result_name
from jpegmend.weights import MODELS, Foreign

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


def test_nothing_is_kept_after_an_answer(client: httpx.Client, running: Any, small: bytes) -> None:
    before = set(running.folder.iterdir())
    assert client.put("/v1/restore", content=small).status_code == 200
    assert client.post("/v1/restore", content=b"no picture").status_code == 415
    assert client.post("/v1/inspect", content=small).status_code == 200
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


def test_what_the_browser_shows_keeps_the_colour_profile(client: httpx.Client) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.effect_noise((48, 48), 60).convert("RGB").save(buffer, "JPEG", quality=20, icc_profile=profile)
    done = job(client, buffer.getvalue(), compare="true")
    for name in ("result", "decoded"):
        with Image.open(io.BytesIO(client.get("/" + done["links"][name]).content)) as image:
            assert image.info["icc_profile"] == profile


def test_a_client_that_leaves_ends_its_job(client: httpx.Client, running: Any, photo: bytes) -> None:
    before, folders = running.service.jobs.ended.get("cancelled", 0), set(running.folder.iterdir())
    started = [client.post("/v1/restore", content=photo, headers=ASYNC).json()["id"] for _ in range(3)]
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/restore", content=photo, timeout=0.05)
    for name in started:
        events(client, name)
        client.delete(f"/v1/jobs/{name}")
    end = time.monotonic() + 60
    while set(running.folder.iterdir()) != folders:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert running.service.jobs.ended["cancelled"] == before + 1


def test_results_are_kept_for_a_time_and_up_to_a_size(tmp_path: Path) -> None:
    jobs = Jobs(Settings(folder=tmp_path, keep_seconds=100, keep_bytes=1000), None)  # type: ignore[arg-type]
    made = [jobs.open(Request(options={"model": "mend-s"}, output=Output()), kept=True) for _ in range(4)]
    now = time.monotonic()
    for each, age in zip(made, (200, 50, 40, 30), strict=True):
        each.state, each.bytes, each.used = "done", 500, now - age
    made[3].state, made[3].bytes = "running", 0
    waited_for = jobs.open(Request(options={"model": "mend-s"}, output=Output()), kept=False)
    waited_for.state, waited_for.bytes, waited_for.used = "done", 500, now - 200
    jobs.expire()
    assert [each.folder.exists() for each in made] == [False, True, True, True]
    assert waited_for.folder.exists()  # its answer is not sent yet
    made[3].state, made[3].bytes = "done", 500
    jobs.expire()
    assert [each.folder.exists() for each in made] == [False, False, True, True]
    jobs.close()
    assert not made[3].folder.exists()


def test_a_result_in_other_formats_is_that_of_the_command(client: httpx.Client, small: bytes) -> None:
    done = job(client, small, name="photo.jpeg")
    for form in ({"format": "webp", "quality": "70"}, {"format": "jpeg", "strip": "gps"}, {"compression": "9"}):
        whole = client.put("/v1/restore", params={"name": "photo.jpeg", **form}, content=small)
        again = client.get(f"/v1/jobs/{done['id']}/result", params=form)
        assert again.content == whole.content
        assert again.headers["content-disposition"] == whole.headers["content-disposition"]


def test_a_result_has_the_form_of_its_job_unless_another_is_asked_for(client: httpx.Client, small: bytes) -> None:
    done = job(client, small, name="a.jpg", format="tiff", bits="16", mark="true")
    place, one = f"/v1/jobs/{done['id']}/result", {"job": done["id"]}
    own = client.get(place).content
    with zipfile.ZipFile(io.BytesIO(client.get("/v1/archive", params=one).content)) as archive:
        assert archive.namelist() == ["a.restored.tif"]
        assert archive.read("a.restored.tif") == own
    for form, start, marked in (
        ({"format": "tiff"}, own[:4], False),
        ({"format": "webp", "mark": "true"}, b"RIFF", True),  # holds 8 bits
    ):
        result = client.get(place, params=form)
        assert result.status_code == 200, result.text
        assert result.content.startswith(start) and (b"algorithmicallyEnhanced" in result.content) is marked
        with zipfile.ZipFile(io.BytesIO(client.get("/v1/archive", params={**one, **form}).content)) as archive:
            assert archive.read(f"a.restored{WRITTEN[form['format']].suffixes[0]}") == result.content
    assert tifffile.imread(io.BytesIO(client.get(place, params={"format": "tiff"}).content)).dtype == "uint16"
    assert problem(client.get("/v1/archive", params={**one, "format": "gif"})) == (400, "invalid-option")


def test_all_pages_of_a_file_become_one_tiff(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    pages = [Image.effect_noise((16 * number, 16), 60) for number in (1, 2, 3)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    data, one = buffer.getvalue(), {"strength": "0"}

    def widths(data: bytes) -> list[int]:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return [page.shape[1] for page in file.pages]

    assert widths(client.put("/v1/restore", params={**one, "pages": "all"}, content=data).content) == [16, 32, 48]
    done = job(client, data, pages="all", compare="true", name="a.tif", **one)
    assert (done["result_name"], done["report"]["pages"]) == ("a.tif.restored.tif", 3)
    own, stripped, png = (
        client.get(f"/v1/jobs/{done['id']}/result", params=form).content
        for form in ({}, {"format": "tiff", "strip": "notes"}, {"format": "png"})
    )
    assert widths(own) == widths(stripped) == [16, 32, 48]
    assert Image.open(io.BytesIO(png)).size == (16, 16)
    assert (
        Image.open(io.BytesIO(client.put("/v1/restore", params={**one, "pages": "2"}, content=data).content)).width
        == 32
    )
    for wrong, words in (
        ({"pages": "all", "format": "png"}, "png holds one page; choose tiff"),
        ({"pages": "some"}, "from 1 to 9999, or all"),
    ):
        answer = client.put("/v1/restore", params=wrong, content=data)
        assert problem(answer) == (400, "invalid-option")
        assert words in answer.json()["detail"]


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


def test_an_archive_has_every_result_once_and_says_what_is_missing(client: httpx.Client, small: bytes) -> None:
    good = [job(client, small, name=name) for name in ("a/x.jpg", "b/x.jpg", "../../y.png")]
    bad = job(client, small[:100], name="broken.jpg")
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
        (b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a" + bytes(40), (415, "unsupported-jpeg")),
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


@pytest.mark.parametrize("name", [result_name(Output()), DECODED])
def test_messages_name_no_path(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    restored = jpegmend.restore(EXAMPLES / "edge.jpg", strength=0)
    folder = tmp_path / "user's files"

    def told() -> str | None:
        with pytest.raises(errors.OutputError, match="user's files") as caught:
            restored.save(folder / name)
        return from_error(caught.value).detail

    assert told() == "the job was removed"
    folder.mkdir()

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert told() == "the result cannot be written: no space is left there"


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


def test_networks_that_cannot_run_here(
    client: httpx.Client, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPEGMEND_MODELS", str(tmp_path))
    (tmp_path / "damaged.json").write_text("{")
    other = replace(MODELS["mend-s"], name="other", files={"safetensors": {"file": "other", "sha256": "0"}})
    monkeypatch.setattr("jpegmend.web.models.find_spec", lambda name: None if name == "spandrel" else name)
    assert models._runs(other)
    assert not models._runs(replace(other, foreign=Foreign(runner="spandrel")))
    for cached in (models._cards, models.available):
        cached.cache_clear()
    try:
        listed = [model["name"] for model in client.get("/v1/models").json()["models"]]
        assert "mend-s" in listed and "damaged" not in listed
        assert client.post("/v1/inspect", content=photo).status_code == 200
        answer = client.post("/v1/restore", params={"model": "damaged"}, content=photo)
        assert problem(answer) == (400, "unknown-model")
    finally:
        for cached in (models._cards, models.available):
            cached.cache_clear()


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
