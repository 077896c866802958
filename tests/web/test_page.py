"""The page in a real browser: the picture before and after, options, downloads, a telephone."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image
from tests.web.chromium import give, ready, save, serious, style

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
    shown = page.locator("#after").get_attribute("src")
    page.locator("#apply").click()
    page.locator("#done", has_text="off: as asked").wait_for()
    assert page.locator("#apply").is_disabled()
    assert page.locator("#format").input_value() == "tiff"  # which alone holds all pages
    # A PNG, since browsers show no TIFF. While the image is exchanged, its decoding fails.
    decodes = "after.decode().then(() => true, () => false)"
    page.wait_for_function(f"shown => after.src && after.src !== shown && {decodes}", arg=shown)


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


def test_notes_and_failures_are_in_the_words_of_the_page(open_page: Any) -> None:
    page = open_page()
    frames, dithered = io.BytesIO(), io.BytesIO()
    pair = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    pair[0].save(frames, "GIF", save_all=True, append_images=pair[1:])
    Image.linear_gradient("L").convert("1").convert("L").save(dithered, "JPEG", quality=50)
    give(page, ("empty.jpg", b""), ("two.gif", frames.getvalue()), ("dithered.jpg", dithered.getvalue()))
    page.get_by_text("2 of 3 done, 1 failed").wait_for()
    assert page.locator("#state").inner_text() == "The file is empty: it holds no picture; choose another"
    page.locator(".item-open").nth(1).click()
    page.get_by_text("Page 1 of 2 is restored; choose another, or all, under Options").wait_for()
    page.locator(".item-open").nth(2).click()
    page.get_by_text("The network mend-s contradicts the file").wait_for()
    assert re.search(r"Left as decoded\s+[\d.]+ % of the blocks", page.locator("#done").inner_text())
    page.locator("#options summary").click()
    page.locator("#assume-quality").fill("40")
    page.locator("#apply").click()
    page.get_by_text("those of quality 40, as chosen").wait_for()
    page.locator("#pages").select_option("one")
    page.locator("#apply").click()
    page.locator("#state", has_text="a JPEG file has one picture; choose the first under Options").wait_for()


def facts(page: Any, panel: str) -> dict[str, str]:
    """The names and texts of a panel."""
    names, texts = (page.locator(f"{panel} {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(names, texts, strict=True))


def test_facts_of_file_and_restoration(open_page: Any) -> None:
    """Of a colour JPEG with metadata, a gray one, and a TIFF of two pages with JPEG data."""
    files = {name: io.BytesIO() for name in ("colour.jpg", "gray.jpg", "pages.tif")}
    noise = Image.effect_noise((48, 32), 60)
    exif = Image.Exif()
    exif[0x010E] = "a note"
    noise.convert("RGB").save(files["colour.jpg"], "JPEG", quality=20, exif=exif, comment=b"hello", dpi=(72, 72))
    noise.save(files["gray.jpg"], "JPEG", quality=30)
    pair = [noise.convert("RGB"), noise.resize((24, 16)).convert("RGB")]
    pair[0].save(files["pages.tif"], "TIFF", save_all=True, append_images=pair[1:], compression="jpeg", quality=20)
    page = open_page()
    give(page, *((name, stream.getvalue()) for name, stream in files.items()))
    page.get_by_text("3 of 3 done").wait_for()
    page.locator(".item-open").nth(0).click()
    page.locator("#facts", has_text="48 × 32").wait_for()
    read, done = facts(page, "#facts"), facts(page, "#done")
    assert (read["Format"], read["Colour"], read["By its tables"]) == ("baseline JPEG", "YCbCr, 4:2:0", "quality 20")
    assert re.fullmatch(r"48 × 32, \d+ kB", read["Size"]) and {"EXIF", "Comment", "Density"} <= set(read)
    assert not {"Pages", "Scans", "Compressed twice"} & set(read)
    assert page.locator("#tables").inner_text().count("quality 20") == 2
    assert [text in page.locator("#tables").inner_text() for text in ("luma", "Cb and Cr")] == [True, True]
    assert done["Tables used"] == "those of the file" and done["Network"].startswith("mend-s, onnx")
    assert re.fullmatch(r"[\d.]+ of 255", done["Mean change"]) and re.fullmatch(r"\d+ of 255", done["Largest change"])
    assert re.fullmatch(r"[\d.]+ s, 1 tile", done["Time"])
    assert not {"Passes", "Missing", "Estimate"} & set(done)
    page.locator(".item-open").nth(1).click()
    page.locator("#facts", has_text="gray").wait_for()
    assert (
        facts(page, "#facts")["Colour"] == "gray"
        and "Table of gray: quality 30" in page.locator("#tables").inner_text()
    )
    page.locator(".item-open").nth(2).click()
    page.locator("#facts", has_text="JPEG in TIFF").wait_for()
    assert facts(page, "#facts")["Pages"] == "2"
    page.locator("#warnings", has_text="Page 1 of 2 is restored; choose another, or all, under Options").wait_for()


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
