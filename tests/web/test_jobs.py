"""Jobs: their events, their files in every form, and how long they are kept."""

import io
import os
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import tifffile
from PIL import Image, ImageChops, ImageCms, ImageStat
from starlette.datastructures import QueryParams
from tests.web.conftest import ASYNC, events, job, problem

from jpegmend.batch.settings import Output
from jpegmend.formats import WRITTEN
from jpegmend.web.problems import Problem
from jpegmend.web.query import form_for

sys.path.insert(0, str(Path(__file__).parent))  # workers look for modules where this process does
import slow_calls


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

    whole = client.get("/" + done["links"]["result"]).content
    for given, status, part in (
        ("bytes=8-99", 206, whole[8:100]),
        ("bytes=8-", 206, whole[8:]),
        ("lines=1-2", 200, whole),
        ("bytes=5-2", 200, whole),
        (f"bytes={len(whole)}-", 416, b""),
    ):
        answer = client.get("/" + done["links"]["result"], headers={"Range": given})
        assert (answer.status_code, answer.content) == (status, part), given

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


def test_an_inspection_that_runs_takes_no_place_in_the_queue(
    running: Any, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, before = running.service.scheduler, set(running.folder.iterdir())
    monkeypatch.setattr("jpegmend.web.work.inspect_picture", slow_calls.inspect_when_told)
    with ThreadPoolExecutor(1) as threads, running.client() as client:
        answer = threads.submit(client.post, "/v1/inspect", content=small)
        while not scheduler.running:
            time.sleep(0.01)
        waiting = scheduler.waiting
        for folder in set(running.folder.iterdir()) - before:
            (folder / "go").touch()
        assert answer.result().json() == {} and waiting == 0


def test_a_worker_that_is_killed_in_the_middle_costs_one_more_try(
    client: httpx.Client, running: Any, photo: bytes, command_png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = running.service.scheduler.restarts
    monkeypatch.setattr("jpegmend.web.work.restore_picture", slow_calls.restore_at_the_second_try)
    done = job(client, photo, name="edge.jpg")
    assert client.get("/" + done["links"]["result"]).content == command_png.read_bytes()
    assert running.service.scheduler.restarts == before + 1


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
    for form, parts in (({"strip": "gps"}, 2), ({"srgb": "true", "mark": "false"}, 1)):  # the rest is the job's
        result = client.get(place, params=form)
        assert result.content.startswith(own[:4]) and len(result.content.split(b"algorithmicallyEnhanced")) == parts
        with zipfile.ZipFile(io.BytesIO(client.get("/v1/archive", params={**one, **form}).content)) as archive:
            assert archive.read("a.restored.tif") == result.content
    assert tifffile.imread(io.BytesIO(client.get(place, params={"format": "tiff"}).content)).dtype == "uint16"
    assert problem(client.get("/v1/archive", params={**one, "format": "gif"})) == (400, "invalid-option")


def test_options_of_a_result_are_those_of_its_format() -> None:
    own = Output(format="webp", quality=60, strip="gps")
    assert form_for(QueryParams("quality=80"), own) == replace(own, quality=80)
    assert form_for(QueryParams("mark=true"), own) == replace(own, mark=True)
    assert form_for(QueryParams("format=webp&mark=true"), own) == Output(format="webp", mark=True)
    with pytest.raises(Problem, match="of png alone, not of webp"):
        form_for(QueryParams("compression=3"), own)


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
    own, stripped, kept, png = (
        client.get(f"/v1/jobs/{done['id']}/result", params=form).content
        for form in ({}, {"format": "tiff", "strip": "notes"}, {"srgb": "true"}, {"format": "png"})
    )
    assert widths(own) == widths(stripped) == widths(kept) == [16, 32, 48]
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


def test_a_page_that_cannot_be_read_is_told_and_costs_no_other(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    pages = [Image.effect_noise((16 * number, 16), 60).convert("RGB") for number in (1, 2, 3)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression="jpeg")
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for offset in file.pages[0].dataoffsets:
            data[offset : offset + 2] = b"??"
    asked = {"strength": "0", "pages": "all"}
    done = job(client, bytes(data), compare="true", **asked)
    (told,) = (note for note in done["report"]["warnings"] if "left out" in note)
    assert told.startswith("1 of 3 pages is left out of the result: page 1: the tiff decoder gave up")
    for form in ({}, {"srgb": "true"}):
        answer = client.get(f"/v1/jobs/{done['id']}/result", params=form)
        with tifffile.TiffFile(io.BytesIO(answer.content)) as file:
            assert [page.shape[1] for page in file.pages] == [32, 48]
    assert Image.open(io.BytesIO(client.get(f"/v1/jobs/{done['id']}/decoded").content)).width == 32
    answer = client.put("/v1/restore", params={**asked, "strict": "true"}, content=bytes(data))
    assert problem(answer) == (422, "damaged-jpeg")


def test_an_archive_has_every_result_once_and_says_what_is_missing(client: httpx.Client, small: bytes) -> None:
    good = [job(client, small, name=name) for name in ("a/x.jpg", "b/x\n.jpg", "../../y.png")]
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
        days = {date(*entry.date_time[:3]) for entry in archive.infolist()}
        assert days <= {date.today(), date.today() - timedelta(1)}, "dates are those of the restoration"
        assert archive.read("not restored.txt").decode().startswith("broken.jpg: ")


def test_an_archive_of_results_from_before_the_first_year_of_zip(
    running: Any, client: httpx.Client, small: bytes
) -> None:
    """As on a machine without a battery for its clock."""
    done = job(client, small, name="x.jpg")
    (result,) = (running.folder / done["id"]).glob("result-*")
    os.utime(result, (0, 0))
    with zipfile.ZipFile(io.BytesIO(client.get("/v1/archive", params={"job": done["id"]}).content)) as archive:
        assert archive.read("x.restored.png") == result.read_bytes()
        assert archive.infolist()[0].date_time[:3] == (1980, 1, 1)
