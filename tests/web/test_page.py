"""The page in a real browser. Skipped where Chromium or Playwright is not installed."""

import base64
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adoption import graphs

from jpegmend.adoption import adopt

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

TOKEN = "a-token-for-tests-only"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP photos.example 127.0.0.1",
]
SLOW = 60_000
"""Milliseconds that a restoration may take on a busy machine."""
DROP = """([kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
    : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, running: Any) -> Iterator[Any]:
    """Opens the page; afterwards there were no errors in its console and no requests to other hosts."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith((running.address, f"blob:{running.address}")):
            wrong.append(f"request to {request.url}")

    def open_page(width: int = 1280, height: int = 800, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(SLOW)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", watch)
        page.goto(f"{running.address}/?token={TOKEN}")
        assert page.url == running.address + "/"
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def give(page: Any, *files: tuple[str, bytes], kind: str = "drop") -> None:
    """Drop or paste files."""
    page.evaluate(DROP, [kind, [[name, base64.b64encode(data).decode()] for name, data in files]])


def ready(page: Any) -> Any:
    """The stage, when before and after are shown."""
    page.locator("#stage[data-ready]").wait_for()
    return page.locator("#stage")


def style(page: Any, selector: str, name: str) -> str:
    found: str = page.eval_on_selector(selector, f"element => getComputedStyle(element).{name}")
    return found


def save(page: Any, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    window.shifts.push(...list.getEntries().filter((entry) => !entry.hadRecentInput).map(({ value }) => value));
  }).observe({ type: "layout-shift" });
}"""


def test_one_picture(open_page: Any, photo: bytes, command_png: Path, running: Any) -> None:
    page = open_page()
    assert serious(page) == []
    assert page.locator("#bar-note").inner_text() == "Pictures stay on this machine."
    page.evaluate(SHIFTS)
    give(page, ("edge.jpg", photo))
    ready(page)
    page.locator(".heat").first.wait_for()
    page.wait_for_timeout(300)
    shifts = page.evaluate("() => window.shifts")
    assert sum(shifts) < 0.1, shifts
    assert page.locator("#facts").inner_text().splitlines()[:2] == ["Format", "baseline JPEG"]
    assert page.locator(".heat").count() == 2
    assert "mend-s" in page.locator("#done").inner_text()
    drag_and_keys(page)
    assert save(page, "#download") == (command_png.name, command_png.read_bytes())
    strength(page, photo, running)
    assert serious(page) == []
    page.goto(page.url + "docs")
    page.locator(".operation").first.wait_for()
    assert serious(page) == []


def drag_and_keys(page: Any) -> None:
    """The slider by mouse and by keyboard."""
    stage, slider = page.locator("#stage").bounding_box(), page.locator("#split")
    height = stage["y"] + 40
    page.mouse.move(stage["x"] + stage["width"] / 2, height)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 4, height, steps=4)
    page.mouse.up()
    assert 23 < float(slider.input_value()) < 27
    page.mouse.move(stage["x"] + stage["width"] * 0.8, height)  # a picture that fits is not panned: the border moves
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.35, height, steps=4)
    page.mouse.up()
    assert 33 < float(slider.input_value()) < 37
    inset = re.fullmatch(r"inset\(0px 0px 0px ([\d.]+)%\)", style(page, ".layer.after", "clipPath"))
    assert inset is not None and 33 < float(inset[1]) < 37
    slider.focus()
    page.keyboard.press("End")
    assert style(page, ".layer.after", "clipPath") == "inset(0px 0px 0px 100%)"
    page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "99.9"
    assert slider.get_attribute("aria-label") == "Border between before and after"
    assert slider.get_attribute("aria-valuetext") == "100 % before"


def strength(page: Any, photo: bytes, running: Any) -> None:
    """The strength is seen at once, and holds for the download."""
    page.locator("#strength").fill("40")
    assert page.locator("#strength-value").inner_text() == "40 %"
    assert style(page, "#after", "opacity") == "0.4"
    page.locator("#format").select_option("tiff-16")
    name, data = save(page, "#download")
    with running.client() as client:
        options = {"name": "edge.jpg", "strength": "0.4", "bits": "16", "format": "tiff"}
        assert data == client.put("/v1/restore", params=options, content=photo).content
    assert name == "edge.restored.tif"


def other_options(page: Any) -> None:
    """Options of the restoration are used when asked for."""
    page.locator("#options summary").click()
    assert page.locator("#apply").is_disabled()
    page.locator("#consistent").select_option("false")
    page.locator("#pages").select_option("one")
    page.locator("#page").fill("0")
    assert page.locator("#apply").is_disabled()
    page.locator("#pages").select_option("all")
    page.locator(".item-open").first.click()
    ready(page)
    shown = page.locator("#after").get_attribute("data-address")
    page.locator("#apply").click()
    page.locator("#done", has_text="off: as asked").wait_for()
    assert page.locator("#apply").is_disabled()
    assert page.locator("#format").input_value() == "tiff"  # which alone holds all pages
    page.wait_for_function("shown => document.getElementById('after').dataset.address !== shown", arg=shown)
    page.evaluate("() => document.getElementById('after').decode()")  # a PNG, since browsers show no TIFF


def test_many_with_a_broken_one_in_one_archive(open_page: Any, photo: bytes) -> None:
    page = open_page()
    give(page, ("a.jpg", photo), ("broken.jpg", photo[:80]), ("b.jpg", photo))
    page.get_by_text("2 of 3 done, 1 failed").wait_for()
    page.get_by_text("The file is damaged").first.wait_for()
    page.locator(".item-open").nth(1).click()
    assert page.locator("#state").inner_text().startswith("The file is damaged")
    assert page.locator("#download").is_disabled()
    page.locator("#format").select_option("webp")
    name, data = save(page, "#download-all")
    assert name == "restored.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a.restored.webp", "b.restored.webp"]
        assert archive.testzip() is None
    other_options(page)
    page.locator(".item-remove").first.click()
    assert page.locator(".item").count() == 2
    page.locator("#remove-all").click()
    page.locator("#start").wait_for()


def test_chosen_files_and_the_pictures_of_a_chosen_folder(open_page: Any, small: bytes, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.jpg", "b.png", "below/c.JPEG", ".hidden.jpg", "a.restored.png", "notes.txt"):
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


def test_phone_zoom_and_pan_in_step(open_page: Any, photo: bytes) -> None:
    page = open_page(390, 844, "dark")
    give(page, ("a-very-long-name-of-a-picture-from-a-telephone-20261127-232551.jpg", photo), kind="paste")
    ready(page)
    page.locator("#options summary").click()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert page.evaluate(SMALL) == []
    assert serious(page) == []

    page.locator("#stage").focus()
    for key in ("1", "+", "+", "+", "+"):
        page.keyboard.press(key)
    assert page.locator("#zoom-value").inner_text() == "800 %"
    page.keyboard.press("ArrowRight")
    page.get_by_label("Change", exact=True).check()
    page.locator("#change[data-shown]").wait_for()
    transforms = {name: style(page, f"#{name}", "transform") for name in ("before", "change")}
    assert transforms["before"] == transforms["change"]
    assert transforms["before"].startswith("matrix(8, 0, 0, 8, -")
    assert style(page, ".layer.after", "display") == "none"
    page.get_by_label("After", exact=True).check()
    assert style(page, "#after", "transform") == transforms["before"]
    assert style(page, "#after", "imageRendering") == "pixelated"
    page.locator("#zoom-full").click()
    page.wait_for_timeout(100)
    assert style(page, "#after", "imageRendering") == "auto"


SMALL = """() => [...document.querySelectorAll("button, select, summary, a, label, input[type=range]")]
  .filter((each) => each.checkVisibility() && !each.matches(".pair > label, .row > label"))
  .map((each) => [each.outerHTML.slice(0, 60), each.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([text]) => text)"""


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
