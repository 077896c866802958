"""How long the files of jobs are kept, and that results which were removed for their size are made again."""

import asyncio
import contextlib
import io
import shutil
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.responses import FileResponse
from tests.web.conftest import job, problem

from jpegmend import restore
from jpegmend.batch.settings import Output
from jpegmend.errors import InputError
from jpegmend.web import work
from jpegmend.web.archive import _stream
from jpegmend.web.job import Job
from jpegmend.web.jobs import Jobs
from jpegmend.web.metrics import Metrics
from jpegmend.web.problems import Problem
from jpegmend.web.query import Request
from jpegmend.web.scheduler import Task
from jpegmend.web.settings import Settings


def ended(jobs: Jobs, seconds: float, *, kept: bool = True) -> Job:
    """A job that ended so many seconds ago, with an input of 100 bytes and a result of 400."""
    made = jobs.open(Request(options={"model": "mend-s"}, output=Output()), kept=kept)
    for name, size in (("input", 100), ("result", 400)):
        (made.folder / name).write_bytes(bytes(size))
    made.state, made.bytes, made.used = "done", 500, time.monotonic() - seconds
    return made


def left(made: list[Job]) -> list[int]:
    """Number of files of each job."""
    return [len(list(each.folder.iterdir())) if each.folder.exists() else 0 for each in made]


def test_results_are_kept_for_a_time_and_up_to_a_size(tmp_path: Path) -> None:
    jobs = Jobs(Settings(folder=tmp_path, keep_seconds=100, keep_bytes=1100), None)  # type: ignore[arg-type]
    made = [ended(jobs, seconds) for seconds in (200, 50, 40, 30)]
    waited_for = ended(jobs, 200, kept=False)
    made[3].state = "running"
    jobs.expire()
    assert left([*made, waited_for]) == [0, 1, 2, 2, 2]  # 1,500 bytes are above the limit until one result is removed
    made[3].state = "done"
    jobs.expire()
    assert left(made) == [0, 1, 2, 2]
    made += [ended(jobs, 20), ended(jobs, 1)]
    jobs.expire()
    assert left(made) == [0, 1, 1, 1, 1, 2]  # the last was just read
    for each in made[1:]:
        (each.folder / "input").write_bytes(bytes(400))
        each.bytes += 300
    made[5].used -= 10
    jobs.expire()
    assert left(made) == [0, 0, 0, 0, 1, 1]  # where even their inputs are too many, the oldest jobs are removed
    jobs.close()
    assert not made[5].folder.exists()


def test_jobs_that_are_not_kept_are_not_counted_as_kept(tmp_path: Path) -> None:
    jobs = Jobs(Settings(folder=tmp_path), None)  # type: ignore[arg-type]
    for kept in (True, False, False):
        ended(jobs, 1, kept=kept)
    scheduler: Any = SimpleNamespace(waiting=0, running=0, restarts=0, pids=[])
    text = Metrics(scheduler, jobs).as_text().decode()
    assert "jpegmend_jobs_kept 1.0\n" in text and "jpegmend_kept_bytes 500.0\n" in text
    jobs.close()


def test_a_job_whose_folder_was_removed_is_no_more(tmp_path: Path) -> None:
    jobs = Jobs(Settings(folder=tmp_path / "jobs"), None)  # type: ignore[arg-type]
    made = ended(jobs, 1)
    assert jobs.find(made.id) is made
    shutil.rmtree(tmp_path / "jobs")
    with pytest.raises(Problem, match="no-such-job"):
        jobs.find(made.id)
    assert len(jobs) == 0 and jobs.find(ended(jobs, 1).id)
    jobs.close()


@pytest.mark.parametrize("call", ["restore_picture", "write_again", "inspect_picture"])
def test_a_folder_that_was_removed_is_no_fault_of_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(work, "_be_nice", lambda: None)
    monkeypatch.setattr(work, "_kept", lambda folder, page: restore(np.zeros((8, 8), np.uint8), strength=0))
    folder = tmp_path / "gone"
    given = {
        "restore_picture": (work.Order(folder=folder, options={}, output=Output(), max_bytes=100),),
        "write_again": (folder, Output()),
        "inspect_picture": (folder / work.INPUT, 100, 100),
    }
    with pytest.raises(FileNotFoundError):
        getattr(work, call)(*given[call])
    folder.mkdir()
    if call != "write_again":
        with pytest.raises(InputError):
            getattr(work, call)(*given[call])


class OneCall:
    """Stands in for the scheduler: keeps the call that was put last, which the test ends."""

    task: Task | None = None
    cancelled = False

    def submit(self, task: Task, *, first: bool = False) -> None:
        self.task = task

    def cancel(self, task: Task) -> None:
        self.cancelled = task is self.task


@pytest.mark.parametrize("error", [None, FileNotFoundError("restored-1.pickle"), Problem("cancelled")])
def test_a_job_that_is_removed_while_its_result_is_written_is_no_more(tmp_path: Path, error: Exception | None) -> None:
    async def remove_while_writing() -> None:
        scheduler = OneCall()
        jobs = Jobs(Settings(folder=tmp_path), scheduler)  # type: ignore[arg-type]
        made = jobs.open(Request(options={}, output=Output()), kept=True)
        made.state = "done"
        writing = asyncio.create_task(jobs.write(made, Output()))
        while scheduler.task is None:
            await asyncio.sleep(0)
        jobs.remove(made)
        assert scheduler.cancelled and made.folder.exists()  # the worker may still use it
        if error is None:
            scheduler.task.answer.set_result(None)
        else:
            scheduler.task.answer.set_exception(error)
        with pytest.raises(Problem, match="no-such-job"):
            await writing
        assert not made.folder.exists()
        jobs.close()

    asyncio.run(remove_while_writing())


def test_a_result_that_was_removed_for_its_size_is_made_again(client: httpx.Client, running: Any, small: bytes) -> None:
    jobs = running.service.jobs
    done = job(client, small, compare="true", name="a.jpg")
    kept = jobs.find(done["id"])
    before = {name: client.get("/" + done["links"][name]).content for name in ("result", "decoded", "change")}
    for name, content in before.items():
        jobs.reduce(kept)
        assert left([kept]) == [1]
        assert client.get(f"/v1/jobs/{done['id']}").json() == done
        assert client.get("/" + done["links"][name]).content == content
        assert left([kept]) == [5]
    webp = client.get("/" + done["links"]["result"], params={"format": "webp"}).content
    jobs.reduce(kept)
    answer = client.get("/v1/archive", params={"job": done["id"], "format": "webp"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("a.restored.webp") == webp
    assert left([kept]) == [1], "what was made for an archive alone is not kept"
    client.delete(f"/v1/jobs/{done['id']}")


@pytest.mark.parametrize(("written", "held", "files"), [(False, 1, 1), (True, 1, 2), (False, 2, 2)])
def test_an_archive_leaves_the_files_of_a_result_that_another_request_writes_or_sends(
    tmp_path: Path, written: bool, held: int, files: int
) -> None:
    async def send() -> None:
        jobs = Jobs(Settings(folder=tmp_path), None)  # type: ignore[arg-type]
        made = ended(jobs, 1)
        made.reduced, made.held = True, held

        async def write(job: Job, output: Output) -> Path:
            return job.folder / "result"

        jobs.write = write  # type: ignore[method-assign]
        async with made.writing if written else contextlib.nullcontext():
            pieces = [piece async for piece in _stream(SimpleNamespace(jobs=jobs), [made], [Output()])]  # type: ignore[arg-type]
        assert len(b"".join(pieces)) > 400 and left([made]) == [files]
        jobs.close()

    asyncio.run(send())


def test_files_that_are_being_sent_stay(client: httpx.Client, running: Any, small: bytes, monkeypatch: Any) -> None:
    jobs, call = running.service.jobs, FileResponse.__call__
    done = job(client, small)
    folder = running.folder / done["id"]

    async def remove_and_send(response: FileResponse, *given: Any) -> None:
        made = jobs.find(done["id"])
        made.used -= 5000
        jobs.expire()
        jobs.remove(made)
        assert left([made])[0] > 1
        await call(response, *given)

    monkeypatch.setattr(FileResponse, "__call__", remove_and_send)
    assert client.get("/" + done["links"]["result"]).status_code == 200
    end = time.monotonic() + 60
    while folder.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert problem(client.get(f"/v1/jobs/{done['id']}")) == (404, "no-such-job")


def test_all_pages_are_made_again_for_any_format(client: httpx.Client, running: Any) -> None:
    stream = io.BytesIO()
    pages = [Image.new("L", (16, 16), shade) for shade in (50, 150)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    done = job(client, stream.getvalue(), pages="all")
    whole, first = (client.get("/" + done["links"]["result"], params=form) for form in ({}, {"format": "png"}))
    running.service.jobs.reduce(running.service.jobs.find(done["id"]))
    for before, form in ((first, {"format": "png"}), (whole, {})):
        assert client.get("/" + done["links"]["result"], params=form).content == before.content
    client.delete(f"/v1/jobs/{done['id']}")


def test_jobs_that_are_removed_while_their_archive_is_sent_are_in_it(
    client: httpx.Client, running: Any, small: bytes
) -> None:
    done = [job(client, small, name=name) for name in ("a.jpg", "b.jpg")]
    folders = [running.folder / each["id"] for each in done]
    held = [running.service.jobs.find(each["id"]) for each in done]
    ids = [("job", each["id"]) for each in done]
    end = time.monotonic() + 60
    for _ in range(2):
        running.service.jobs.reduce(held[1])
        with client.stream("GET", "/v1/archive", params=ids) as answer:
            next(answer.iter_raw())  # and the client leaves
        while any(each.held for each in held):
            assert time.monotonic() < end
            time.sleep(0.02)
    running.service.jobs.reduce(held[1])
    with client.stream("GET", "/v1/archive", params=ids) as answer:
        pieces = answer.iter_raw()
        first = next(pieces)
        with running.client() as other:
            for each in done:
                assert other.delete(f"/v1/jobs/{each['id']}").status_code == 204
                assert problem(other.get(f"/v1/jobs/{each['id']}")) == (404, "no-such-job")
        data = first + b"".join(pieces)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a.restored.png", "b.restored.png"] and archive.testzip() is None
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < end
        time.sleep(0.02)
