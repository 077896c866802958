"""The page in a real browser: where pictures come from, where they go, and what becomes of them when it is left."""

import base64
import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.adoption import graphs
from tests.web.chromium import SLOW, give, ready
from tests.web.conftest import TOKEN

from jpegmend.adoption import adopt


def test_chosen_files_and_the_pictures_of_a_chosen_folder(
    open_page: Any, small: bytes, tmp_path: Path, running: Any
) -> None:
    before = set(running.folder.iterdir())
    (tmp_path / "below").mkdir()
    for name in ("a.jpg", "b.png", "below/c.JPEG", ".hidden.jpg", "a.restored.png", "a.x3.png", "notes.txt"):
        (tmp_path / name).write_bytes(small)
    page = open_page()
    page.clock.install()
    page.set_input_files("#files", [tmp_path / "a.jpg", tmp_path / "b.png"])
    page.get_by_text("2 of 2 done").wait_for()
    with page.expect_request(re.compile(r"/v1/jobs/[\w-]{22}$")):  # which keeps the job
        page.clock.fast_forward(301_000)
    page.set_input_files("#folder", tmp_path)
    page.get_by_text("5 of 5 done").wait_for()
    names = page.locator(".item-name").all_inner_texts()
    assert (names[:2], sorted(names[2:])) == (["a.jpg", "b.png"], ["a.jpg", "b.png", "c.JPEG"])
    assert len(set(running.folder.iterdir()) - before) == 5
    leave(page)
    end = time.monotonic() + 30
    while set(running.folder.iterdir()) != before:
        assert time.monotonic() < end
        time.sleep(0.02)


FOLDER = """([good, text]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const fail = (resolve, reject) => reject(new DOMException("", "NotReadableError"));
  const file = (name) => ({
    isFile: true, name, file: name.startsWith("locked") ? fail : (resolve) => resolve(new File([bytes], name)),
  });
  const folder = (name, entries, last = (resolve) => resolve([])) => ({
    isDirectory: true, name,
    createReader: () => ({ readEntries: (...ends) => (entries.length ? ends[0](entries.splice(0)) : last(...ends)) }),
  });
  const below = folder("below", [file("b.jpg")], fail);
  const whole = folder("holiday", [...good, "locked.jpg", "locked.txt"].map(file).concat(below));
  DataTransferItem.prototype.webkitGetAsEntry = () => whole;
}"""


def test_what_cannot_be_read_of_a_dropped_folder_does_not_cost_the_rest(open_page: Any, small: bytes) -> None:
    page = open_page()
    text = base64.b64encode(small).decode()
    page.evaluate(FOLDER, [["c.jpg", "a.jpg"], text])
    give(page, ("holiday", b""))
    page.get_by_text("3 of 3 done").wait_for()
    assert page.locator(".item-name").all_inner_texts() == ["a.jpg", "b.jpg", "c.jpg"]
    assert "not readable: 2 files or folders." in page.locator("#notice").inner_text()
    page.locator("#remove-all").click()
    give(page, ("more.jpg", small), kind="paste")
    page.get_by_text("1 of 1 done").wait_for()
    assert page.locator("#notice").inner_text() == ""


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait, while the page goes on."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def test_other_options_end_the_work_with_the_old_ones(open_page: Any, small: bytes, running: Any) -> None:
    before = set(running.folder.iterdir())
    page = open_page()
    held: list[Any] = []
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page.route("**/v1/restore?*", lambda route: held.append(route), times=2)
    give(page, *((f"{letter}.jpg", small) for letter in "abcd"))
    until(page, lambda: len(held) == 2)
    page.locator("#options summary").click()
    page.locator("#consistent").select_option("false")
    page.locator("#apply").click()
    for route in held:
        route.continue_()
    page.get_by_text("4 of 4 done").wait_for()
    page.locator("#done", has_text="off: as asked").wait_for()
    until(page, lambda: len(set(running.folder.iterdir()) - before) == 4)
    begun = [re.sub(r".*name=", "", each) for each in sent if "/v1/restore" in each and "consistent" not in each]
    assert begun == ["a.jpg", "b.jpg"]
    assert sum("/v1/restore" in each for each in sent) == 6 and sum("DELETE" in each for each in sent) == 2


def test_jobs_leave_connections_to_the_rest_of_the_page(open_page: Any, small: bytes) -> None:
    """Of jobs that never wait and never end: a browser opens 6 connections to a host, one for the events of each."""
    page = open_page()
    followed: list[Any] = []
    ids = (f"job-{number}" for number in itertools.count())
    page.route("**/v1/jobs/*", lambda route: route.fulfill(status=204))
    page.route("**/v1/jobs/*/events", lambda route: followed.append(route))
    page.route("**/v1/restore?*", lambda route: route.fulfill(status=202, json={"id": next(ids), "queued_before": 0}))
    give(page, *((f"{number}.jpg", small) for number in range(12)))
    page.locator("#facts", has_text="48 × 32").wait_for()
    until(page, lambda: len(followed) >= 4)
    page.wait_for_timeout(300)
    assert len(followed) == 4
    with page.expect_request(lambda request: request.method == "DELETE"):
        page.locator(".item-remove").first.click()
    until(page, lambda: len(followed) == 5)  # the place of a picture that was removed is free at once


def leave(page: Any) -> None:
    """Close a page with results that were not saved: it asks first."""
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.locator(".item-open").first.click()
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def test_a_picture_is_never_shown_as_another(open_page: Any, photo: bytes, small: bytes) -> None:
    page = open_page()
    give(page, ("photo.jpg", photo), ("small.jpg", small))
    page.get_by_text("2 of 2 done").wait_for()
    ready(page)
    held: list[Any] = []
    page.route("**/result?*", lambda route: held.append(route))
    page.locator(".item-open").nth(1).click()
    page.locator("#facts", has_text="48 × 32").wait_for()  # its facts are there before its result
    page.locator("#stage-message", has_text="Loading").wait_for()
    assert not page.locator("#stage[data-ready]").count() and page.locator("#after").get_attribute("src") is None
    held.pop().continue_()
    ready(page)
    assert page.evaluate("() => document.getElementById('after').naturalWidth") == 48
    page.unroute("**/result?*")
    page.route("**/result?*", lambda route: route.fulfill(body="no picture"), times=1)
    page.locator(".item-open").first.click()
    page.locator("#stage-message:not(:empty)", has_not_text="Loading").wait_for()
    assert not page.locator("#stage[data-ready]").count() and page.locator("#after").get_attribute("src") is None
    page.locator(".item-open").first.click()
    ready(page)
    assert page.evaluate("() => document.getElementById('after').naturalWidth") == 320


def test_a_map_of_the_change_whose_job_is_gone_is_made_again(browser: Any, running: Any, small: bytes) -> None:
    page = browser.new_page()
    page.set_default_timeout(SLOW)
    wrong: list[Any] = []
    page.on("pageerror", lambda error: wrong.append(error))
    page.goto(f"{running.address}/?token={TOKEN}")
    give(page, ("a.jpg", small))
    ready(page)
    with running.client() as client:
        for job in running.service.jobs.kept:
            client.delete(f"/v1/jobs/{job.id}")
    page.get_by_label("Change", exact=True).check()
    page.locator("#change[data-shown]").wait_for()
    page.close()
    assert wrong == []


def test_the_page_says_why_a_job_cannot_be_followed(browser: Any, running: Any, small: bytes) -> None:
    """As where the service was started again, with another token."""
    page = browser.new_page()
    page.set_default_timeout(SLOW)
    page.goto(f"{running.address}/?token={TOKEN}")
    page.route("**/v1/jobs/**", lambda route: route.fulfill(status=401, json={}))
    give(page, ("a.jpg", small))
    page.locator("#state", has_text="token of this page is no longer valid").wait_for()
    page.close()


def test_the_page_says_where_pictures_go(browser: Any, running: Any) -> None:
    page = browser.new_page()
    page.goto(f"http://photos.example:{running.port}/?token={TOKEN}")
    assert page.locator("#bar-note").inner_text().startswith("Pictures are sent to photos.example")
    page.close()


def test_the_page_names_a_licence_for_non_commercial_use(open_page: Any, user_models: Path, tmp_path: Path) -> None:
    adopt(graphs.write(tmp_path / "net.onnx", graphs.identity()), "mine", licence="CC-BY-NC-4.0")
    page = open_page()
    note = page.locator("#model-note")
    page.locator("#model option[value=mine]").wait_for(state="attached")
    assert "multiply-adds" in note.text_content() and "licence" not in note.text_content()
    page.eval_on_selector("#model", "it => {it.value='mine'; it.dispatchEvent(new Event('input', {bubbles: true}))}")
    assert note.text_content() == "ONNX graph a graph; licence CC-BY-NC-4.0, for non-commercial use only"
