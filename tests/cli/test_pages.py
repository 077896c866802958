"""``--pages``: one TIFF of all pages, a single page, and what is said without it."""

import json
from pathlib import Path

import pytest
import tifffile

from jpegmend import cli

from .conftest import picture


@pytest.fixture
def scan(folder: Path) -> Path:
    pages = [picture(seed).crop((0, 0, 80 - 16 * seed, 48)) for seed in range(3)]
    pages[0].save("scan.tif", save_all=True, append_images=pages[1:], compression="jpeg", quality=20)
    return Path("scan.tif")


def test_all_pages_become_one_tiff(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["scan.tif", "--pages", "all"]) == 0
    with tifffile.TiffFile("scan.tif.restored.tif") as file:
        assert [page.shape for page in file.pages] == [(48, 80, 3), (48, 64, 3), (48, 48, 3)]
    assert "page 1 of" not in capsys.readouterr().out


def test_notes_of_all_pages_name_their_page(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [picture(seed) for seed in range(2)]
    pages[0].save("clear.tif", save_all=True, append_images=pages[1:])
    assert cli.run(["clear.tif", "--pages", "all", "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["warnings"]
    first, second = ([note for note in notes if note.startswith(f"page {page}: ")] for page in (1, 2))
    assert first and len(notes) == len(first) + len(second)
    assert [note.split(": ", 1)[1] for note in first] == [note.split(": ", 1)[1] for note in second]
    assert cli.run(["clear.tif", "-o", "one.tif", "--json"]) == 0
    assert not any(note.startswith("page 1: ") for note in json.loads(capsys.readouterr().out)["warnings"])


def test_one_page_or_the_first_with_a_note(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["scan.tif", "--pages", "3", "-o", "third.tif"]) == 0
    assert tifffile.imread("third.tif").shape == (48, 48, 3)
    assert cli.run(["scan.tif", "-o", "first.png", "--strength", "0"]) == 0
    note = "page 1 of 3 is restored; --pages N selects another, --pages all takes all"
    assert note in capsys.readouterr().out
    assert cli.run(["scan.tif", "-o", "same.png", "--strength", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == [note]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scan.tif", "--pages", "all", "-o", "x.png"], "png holds one page; choose tiff, or --pages N"),
        (["scan.tif", "--pages", "4"], "--pages 4: the file has 3 pages; there is no page 4"),
        (["scan.tif", "--pages", "some"], "a whole number of at least 1"),
        (["a.jpg", "--pages", "2"], "a JPEG file has one picture"),
    ],
)
def test_pages_that_cannot_be(scan: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) != 0
    assert message in capsys.readouterr().err


def test_a_damaged_page_leaves_no_file(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(scan.read_bytes())
    with tifffile.TiffFile(scan) as file:
        for offset in file.pages[1].dataoffsets:
            data[offset : offset + 2] = b"??"
    scan.write_bytes(data)
    assert cli.run(["scan.tif", "--pages", "all"]) == 1
    assert "page 2: " in capsys.readouterr().err
    assert not Path("scan.tif.restored.tif").exists() and not list(Path().glob("*.part"))
