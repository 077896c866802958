"""``explain`` and its command: the report, its files, its figures, and what is refused."""

from __future__ import annotations

import io
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tests.explanation.conftest import as_jpeg, clear_picture

import jpegmend
from jpegmend import cli
from jpegmend.errors import InvalidOption, MissingExtra, NoRoom, OutputError
from jpegmend.explanation import explanation

GENERAL = {"comparison", "crops", "grid", "close", "spectrum", "spectrum-course", "coefficients", "projection"}


@pytest.fixture(scope="module")
def explained(photo, clear):
    return jpegmend.explain(photo, reference=clear)


def test_every_general_figure_is_there_and_its_words_do_not_overlap(explained, check_words):
    assert set(explained.figures) >= {*GENERAL, "errors"}
    assert not [words for drawing in explained.figures.values() for words in check_words(drawing)]
    assert all(drawing.caption and drawing.alt for drawing in explained.figures.values())


def test_the_report_loads_nothing_and_states_the_score(explained):
    few = tuple(explained.figures[name] for name in ("close", "grid", "errors"))
    page = replace(explained, sections=(replace(explained.sections[0], drawings=few),)).to_html()
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("<figure") == 3
    assert re.search(r"\d\d\.\d\d dB before, \d\d\.\d\d dB after \(\+", explained.facts["PSNR of luma"])


def test_a_name_that_is_no_text(explained, tmp_path):
    renamed = replace(explained, subject=replace(explained.subject, name=os.fsdecode(b"\xff.jpg")), sections=())
    assert "?.jpg" in renamed.save(tmp_path).read_text("utf-8")


def test_svg_is_xml_that_follows_the_colour_scheme_of_its_reader(explained):
    text = explained.figures["grid"].svg
    ElementTree.fromstring(text)
    assert "prefers-color-scheme: dark" in text
    ink = re.search(r'\[style\*="fill: (#[0-9a-f]+)"\]', text)
    assert ink and f"fill: {ink[1]}" in text.split("</style>", 1)[1], "the rule matches no text"


def test_a_dark_figure_is_dark(explained):
    drawn = {theme: explained.figures["grid"].png(theme) for theme in ("light", "dark")}
    corner = {theme: Image.open(io.BytesIO(data)).convert("L").getpixel((0, 0)) for theme, data in drawn.items()}
    assert corner["light"] == 255
    assert corner["dark"] < 40


def test_without_a_reference_there_is_no_error_map_and_a_note(photo):
    found = jpegmend.explain(photo)
    assert "errors" not in found.figures
    assert any("reference" in note for note in found.notes)


def test_a_png_has_no_cells(tmp_path, check_words):
    Image.open(io.BytesIO(as_jpeg(clear_picture()))).save(tmp_path / "decoded.png")
    found = jpegmend.explain(tmp_path / "decoded.png", quality=10)
    assert not {"coefficients", "projection"} & set(found.figures)
    assert any("block grid" in note for note in found.notes)


def test_a_reference_that_is_upright_fits_a_file_that_is_turned(tmp_path):
    upright = clear_picture()
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = as_jpeg(turned, exif=exif, quality=60)
    upright.save(tmp_path / "clear.png")
    subject = jpegmend.explain(file, reference=tmp_path / "clear.png").subject
    assert subject.clear is not None
    assert np.abs(subject.luma(subject.decoded) - subject.clear).mean() < 0.02


def test_a_png_that_was_turned_is_explained_as_it_was_compressed(tmp_path):
    """Its figures are those of the picture as it was compressed, and a reference fits."""
    clear = clear_picture()
    decoded = Image.open(io.BytesIO(as_jpeg(clear)))
    decoded.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "turned.png")
    clear.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "clear.png")
    subject = jpegmend.explain(tmp_path / "turned.png", reference=tmp_path / "clear.png").subject
    assert subject.clear is not None
    assert subject.plan.guess.quality == 10
    assert np.array_equal(subject.decoded.to_array(8), np.asarray(decoded))
    assert np.abs(subject.luma(subject.final) - subject.clear).mean() < 0.05


def test_a_reference_of_another_size_is_refused(photo, tmp_path):
    clear_picture(144, 200).save(tmp_path / "other.png")
    with pytest.raises(InvalidOption, match="200x144 pixels for a picture of 208x144"):
        jpegmend.explain(photo, reference=tmp_path / "other.png")


@pytest.mark.parametrize("size", [(15, 80), (80, 1)])
def test_a_picture_that_is_too_small_is_refused(size):
    with pytest.raises(InvalidOption, match=f"{size[0]}x{size[1]} pixels"):
        jpegmend.explain(as_jpeg(clear_picture().crop((0, 0, *size))))


@pytest.mark.parametrize("side", [0, -5, 15])
def test_a_region_that_is_too_small_is_refused(photo, side):
    with pytest.raises(InvalidOption, match=f"side={side}; .* 16 pixels or more"):
        jpegmend.explain(photo, side=side)


def test_a_picture_without_traces_of_compression_is_refused(tmp_path):
    clear_picture().save(tmp_path / "clear.png")
    with pytest.raises(InvalidOption, match="nothing to explain"):
        jpegmend.explain(tmp_path / "clear.png")


def test_of_several_pages_the_first_is_shown_and_the_others_are_told(tmp_path, capsys):
    pages = [clear_picture(64, 96), clear_picture(64, 96)]
    for name, compression in (("traces.tif", {"compression": "jpeg", "quality": 10}), ("clear.tif", {})):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:], **compression)
    assert cli.run(["explain", str(tmp_path / "traces.tif")]) == 0
    assert "note: Page 1 of 2 is shown; the others are left out.\n" in capsys.readouterr().out
    assert cli.run(["explain", str(tmp_path / "clear.tif")]) == 2
    told = capsys.readouterr().err
    assert "nothing to explain" in told and "page" not in told, "explain has no option for pages"


def test_a_report_that_has_no_room_leaves_no_folder(tmp_path, monkeypatch, capsys):
    def full(target, content):
        raise NoRoom(f"{target} cannot be written: no space is left there")

    monkeypatch.setattr(explanation, "write_bytes", full)
    (tmp_path / "gray.jpg").write_bytes(as_jpeg(clear_picture(64, 96).convert("L")))
    assert cli.run(["explain", str(tmp_path / "gray.jpg")]) == 1
    assert "no space is left" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["gray.jpg"]


def test_matplotlib_missing(photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"jpegmend\[pictures\]"):
        jpegmend.explain(photo)


def test_the_command_writes_report_and_figures_and_replaces_none(tmp_path, capsys):
    photo, out = tmp_path / "gray.jpg", tmp_path / "new" / "report"
    photo.write_bytes(as_jpeg(clear_picture(64, 96).convert("L")))
    words = ["explain", str(photo), "--out", str(out)]
    assert cli.run(words) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {"report.html", *(f"{name}.{suffix}" for name in GENERAL for suffix in ("png", "svg"))}
    told = capsys.readouterr().out
    assert "report.html" in told and "no PSNR; give it by --reference." in told
    before = (out / "report.html").stat().st_mtime_ns
    assert cli.run(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (out / "report.html").stat().st_mtime_ns == before


def test_a_file_that_has_the_name_of_a_figure_is_not_replaced(tmp_path, explained, capsys):
    (tmp_path / "grid.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"grid\.png exists already"):
        explained.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    photo = tmp_path / "grid.png"
    Image.open(io.BytesIO(as_jpeg(clear_picture(64, 96).convert("L")))).save(photo)
    before = photo.read_bytes()
    words = ["explain", str(photo), "--assume-quality", "30", "-o", str(tmp_path), "--overwrite", "-q"]
    assert cli.run(words) == 1
    assert "inputs are never overwritten, choose another -o" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_a_folder_that_cannot_be_made(photo, tmp_path, explained):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match="cannot be made"):
        explained.save(Path(tmp_path / "file" / "report"))
