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


def damage(scan: Path, *numbers: int) -> None:
    """Break the JPEG data of some pages, counted from 1."""
    data = bytearray(scan.read_bytes())
    with tifffile.TiffFile(scan) as file:
        for number in numbers:
            for offset in file.pages[number - 1].dataoffsets:
                data[offset : offset + 2] = b"??"
    scan.write_bytes(data)


@pytest.mark.parametrize(("numbers", "widths"), [((2,), [80, 48]), ((1,), [64, 48]), ((1, 3), [64])])
def test_a_page_that_cannot_be_read_costs_no_other(
    scan: Path, numbers: tuple[int, ...], widths: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(scan, *numbers)
    assert cli.run(["scan.tif", "--pages", "all", "--strength", "0"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"jpegmend: scan.tif: {len(numbers)} of 3 pages ")
    for number in numbers:
        assert f"page {number}: the tiff decoder gave up" in told.err
    assert "scan.tif -> scan.tif.restored.tif" in told.out
    with tifffile.TiffFile("scan.tif.restored.tif") as file:
        assert [page.shape[1] for page in file.pages] == widths


def test_a_page_whose_directory_cannot_be_read_costs_no_other(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(scan.read_bytes())
    with tifffile.TiffFile(scan) as file:
        entry = file.pages[0].tags["Compression"].offset
    data[entry + 8 : entry + 10] = b"\xff\xff"
    scan.write_bytes(data)
    assert cli.run(["scan.tif", "--pages", "all", "--strength", "0"]) == 1
    assert "1 of 3 pages is left out of the result: page 1: " in capsys.readouterr().err
    with tifffile.TiffFile("scan.tif.restored.tif") as file:
        assert [page.shape[1] for page in file.pages] == [64, 48]


def test_the_report_and_the_journal_of_a_file_without_some_of_its_pages(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A later run tries again, and writes over the result, which is its own."""
    damage(scan, 2)
    words = ["scan.tif", "--pages", "all", "--strength", "0", "-o", "out", "--json"]
    for _ in range(2):
        assert cli.run(words) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["outcome"], told["error"], told["pages"]) == ("failed", "DamagedJpeg", 3)
        assert told["output"] == "out/scan.tif.restored.tif" and told["message"].startswith("1 of 3 pages is left out")
        assert all(note.startswith(("page 1: ", "page 3: ")) for note in told["warnings"])
    with tifffile.TiffFile("out/scan.tif.restored.tif") as file:
        assert len(file.pages) == 2


def test_a_damaged_page_is_an_error_where_that_is_asked_for(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(scan, 2)
    assert cli.run(["scan.tif", "--pages", "all", "--strict"]) == 1
    assert "scan.tif: page 2: " in capsys.readouterr().err
    assert not Path("scan.tif.restored.tif").exists() and not list(Path().glob("*.part"))


@pytest.mark.parametrize("large", [1, 2])
def test_a_page_too_large_for_the_memory_is_named(folder: Path, large: int, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [picture(seed).resize((6000, 5000) if seed == large else (80, 48)) for seed in (1, 2)]
    pages[0].save("scan.tif", save_all=True, append_images=pages[1:], compression="jpeg", quality=20)
    words = ["scan.tif", "--memory", "350M", "--no-earlier", "--pages"]
    assert cli.run([*words, "all"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"jpegmend: scan.tif: page {large}: --memory is ") and told.endswith(
        " MB too little for the smallest tile; raise it; --pages N restores one page alone\n"
    )
    assert [path.name for path in folder.iterdir() if "scan" in path.name] == ["scan.tif"]
    assert cli.run([*words, str(3 - large)]) == 0


def test_a_file_of_which_no_page_can_be_read_has_no_result(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(scan, 1, 2, 3)
    assert cli.run(["scan.tif", "--pages", "all"]) == 1
    assert "none of its 3 pages can be read; page 1: the tiff decoder gave up" in capsys.readouterr().err
    Path("a.jpg").write_bytes(b"\xff\xd8\xff\xdb nonsense")
    assert cli.run(["a.jpg", "--pages", "all"]) == 1
    assert "page" not in capsys.readouterr().err
    assert not list(Path().glob("*.restored.*")) and not list(Path().glob("*.part"))
