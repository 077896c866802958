"""Search of input files, and names of results."""

from pathlib import Path, PurePath, PureWindowsPath

import pytest
from PIL import Image

from jpegmend.batch.find import STANDARD, Found, find_pictures
from jpegmend.batch.names import Template, find_place, target_of
from jpegmend.errors import InvalidOption


def names(folder: Path, **options) -> list[str]:
    return [str(found.below) for found in find_pictures([str(folder)], **options).pictures]


def test_folders_pass_over_what_is_no_picture_and_count_it(scans: Path) -> None:
    (scans / ".thumbs").mkdir()
    for name in (
        "._a.jpg",
        ".thumbs/a.jpg",
        "photo.jp2",
        "notes.txt",
        "a.restored.png",
        "b.x3.png",
        "a.restored.compare.png",
    ):
        (scans / name).write_bytes(b"x")
    (scans / "nosuffix").write_bytes((scans / "a.jpg").read_bytes())
    (scans / "README").write_text("words")
    found = find_pictures([str(scans)], recursive=True)
    assert [str(each.below) for each in found.pictures] == [
        "a.jpg",
        "b.JPG",
        "c.jpeg",
        "d.png",
        "nosuffix",
        "below/e.jpg",
    ]
    assert found.passed_over == {"hidden": 2, ".jp2": 1, ".txt": 1, "results": 3, "without suffix": 1}


RESULTS = ("a.restored.png", "b.x3.jpg", "c.jpeg.restored.tif", "d.png.restored.png", "a.restored.compare.png")


def test_patterns_match_results_only_by_their_names(scans: Path) -> None:
    for name in (*RESULTS, "of another.restored.png"):
        (scans / name).write_bytes((scans / "a.jpg").read_bytes())
    found = find_pictures([str(scans / "*.*")], recursive=False)
    assert [each.path.name for each in found.pictures] == ["a.jpg", "b.JPG", "c.jpeg", "d.png"]
    assert found.passed_over == {"results": 6}
    found = find_pictures([str(scans / "*.restored.t*"), str(scans / "*x3*")], recursive=False)
    assert [each.path.name for each in found.pictures] == ["c.jpeg.restored.tif", "b.x3.jpg"]


def test_results_that_are_given_with_their_originals_are_marked(scans: Path) -> None:
    """As by a shell that expands a pattern for the second time; alone they are restored like any file."""
    originals = [str(scans / name) for name in ("a.jpg", "b.JPG", "c.jpeg", "d.png")]
    more = ["d.png.restored.png.restored.png", "e.restored.png", "e.restored.png.x3.png", "below/a.restored.png"]
    found = find_pictures([*originals, *(str(scans / name) for name in (*RESULTS, *more))], recursive=False)
    kept = [str(each.path.relative_to(scans)) for each in found.pictures if not each.result]
    assert kept == ["a.jpg", "b.JPG", "c.jpeg", "d.png", "e.restored.png", "below/a.restored.png"]
    assert found.passed_over == {"results": 7}


def test_links_to_folders_are_counted(scans: Path) -> None:
    """They may form a circle, so they are not followed; one that is given itself is searched."""
    (scans / "link").symlink_to(".")
    assert find_pictures(["scans"], recursive=True).passed_over == {"links to folders": 1}
    assert find_pictures(["scans"], recursive=False).passed_over == {}
    assert [str(each.path) for each in find_pictures(["scans/link"], recursive=False).pictures][0] == "scans/link/a.jpg"


def test_portable_pixmaps_of_every_name_are_found(scans: Path) -> None:
    """Pillow lists their suffixes; .pfm has floats, which are not read."""
    Image.init()
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name == "PPM"} - {".pfm"}
    for suffix in suffixes:
        Image.new("1", (9, 9)).save(scans / f"x{suffix}")
    assert {f"x{suffix}" for suffix in suffixes} <= set(names(scans, recursive=False))


def test_the_output_folder_is_no_input(scans: Path) -> None:
    (scans / "out").mkdir()
    (scans / "out" / "a.png").write_bytes(b"x")
    assert "out/a.png" in names(scans, recursive=True)
    assert "out/a.png" not in names(scans, recursive=True, output=scans / "out")
    assert "a.jpg" in names(scans, recursive=True, output=scans)


def test_each_file_once(scans: Path) -> None:
    assert len(find_pictures([str(scans), str(scans / "a.jpg"), str(scans / "*.jpg")], recursive=False).pictures) == 4


def test_each_file_once_by_several_paths_to_its_folder(scans: Path) -> None:
    Path("link").symlink_to("scans")
    found = find_pictures(["scans", str(scans), "scans/below/..", "link"], recursive=False).pictures
    assert [str(each.path) for each in found] == [f"scans/{name}" for name in ("a.jpg", "b.JPG", "c.jpeg", "d.png")]


def test_links_to_one_file_are_pictures_of_their_own(scans: Path) -> None:
    (scans / "link.jpg").symlink_to("a.jpg")
    assert "link.jpg" in names(scans, recursive=False)


def test_a_file_called_like_standard_input_is_a_file(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scans / "-").write_bytes((scans / "a.jpg").read_bytes())
    monkeypatch.chdir(scans)
    for given in (".", "./-", "[-]"):
        found = find_pictures([given], recursive=False).pictures[0]
        assert found.path != STANDARD and found.path.samefile("-") and str(found.below) == "-"
    assert [found.path for found in find_pictures(["./-", "-"], recursive=False).pictures] == [scans / "-", STANDARD]


def test_standard_input_is_no_folder(scans: Path) -> None:
    Path("-").mkdir()
    assert find_pictures(["-"], recursive=False).pictures == (Found(STANDARD, STANDARD),)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(InvalidOption, match="1 .txt"):
        find_pictures([str(tmp_path)], recursive=True)


def test_a_folder_without_pictures_is_told_apart_from_others(scans: Path) -> None:
    (scans.parent / "empty").mkdir()
    (scans / "notes.txt").write_text("words")
    with pytest.raises(InvalidOption, match="empty: no pictures there; give files"):
        find_pictures([str(scans), str(scans.parent / "empty")], recursive=False)


FILE, OTHER, FOUND = (
    Found(Path("a.jpg"), Path("a.jpg")),
    Found(Path("b.jpg"), Path("b.jpg")),
    Found(Path("in/a.jpg"), Path("a.jpg"), Path("in"), named=False),
)


@pytest.mark.parametrize(
    ("pictures", "output", "folder", "file"),
    [
        ([FILE], None, None, None),
        ([FILE], "better", "better", None),
        ([FILE], "better/", "better", None),
        ([FILE], "a.tif", None, "a.tif"),
        ([FILE], "-", None, "-"),
        ([FILE], "/dev/stdout", None, "-"),
        ([FILE, OTHER], "better", "better", None),
        ([FOUND], "better", "better", None),
        ([FOUND], "v1.2", "v1.2", None),
        ([FOUND, FOUND], "v1.2", "v1.2", None),
    ],
)
def test_where_results_go(pictures: list, output: str, folder: str, file: str) -> None:
    place = find_place(pictures, output, None)
    assert (place.folder, place.file) == (folder and Path(folder), file and Path(file))
    assert place.format == ("tiff" if output == "a.tif" else "png")


@pytest.mark.parametrize(
    ("pictures", "output"),
    [([FOUND], "one.png"), ([FILE, OTHER], "one.png"), ([FOUND], "-"), ([FILE], "one.xyz")],
)
def test_a_folder_of_pictures_is_no_file_even_with_one_in_it(pictures: list, output: str) -> None:
    with pytest.raises(InvalidOption, match="folder|suffix|cannot write"):
        find_place(pictures, output, None)


@pytest.mark.parametrize("output", [".png", "better/.TIF", "./.jpg"])
def test_a_suffix_alone_is_no_output(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for pictures in ([FILE], [FOUND]):
        with pytest.raises(InvalidOption, match="a suffix without a name; a variable of the shell may be empty"):
            find_place(pictures, output, None)
        assert find_place(pictures, f"{output}/", None).folder == Path(output)


def test_standard_input_goes_to_standard_output() -> None:
    assert find_place([Found(STANDARD, STANDARD)], None, None).file == STANDARD


@pytest.mark.parametrize(
    ("template", "file", "name"),
    [
        (None, "a.jpg", "a.restored.png"),
        (None, "a.JPG", "a.restored.png"),
        (None, "a.jpeg", "a.jpeg.restored.png"),
        (None, "a.png", "a.png.restored.png"),
        ("{stem}-{quality}{suffix}", "a.b.jpg", "a.b-10.png"),
        ("{model}/{name}{suffix}", "a.jpg", "net/a.jpg.png"),
        ("{{{stem}}}{suffix}", "a.jpg", "{a}.png"),
    ],
)
def test_templates(template: str, file: str, name: str) -> None:
    assert Template(template).fill(PurePath(file), ".png", "net", "10") == PurePath(name)


def test_a_model_in_a_name_keeps_its_dots() -> None:
    found = Found(Path("a.jpg"), Path("a.jpg"))
    place, template = find_place([found], "out/", None), Template("{model}/{stem}{suffix}")
    assert target_of(found, place, template, "net-1.5", "") == Path("out/net-1.5/a.png")


@pytest.mark.parametrize(
    "text",
    [
        "{stme}",
        "x.png",
        "{stem",
        "{stem!r}",
        "{stem:>9}",
        "{0}",
        "{}",
        "../{stem}",
        "/tmp/{stem}",
        "{stem}/",
        "{stem.x}",
    ],
)
def test_templates_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidOption, match="--name"):
        Template(text)


@pytest.mark.parametrize("text", ["\\{stem}.png", "D:{stem}.png", "..\\{stem}.png", "C:\\out\\{stem}{suffix}"])
def test_a_template_stays_in_the_folder_on_windows_too(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpegmend.batch.names.PurePath", PureWindowsPath)
    with pytest.raises(InvalidOption, match="below the output folder"):
        Template(text)
    assert Template("{model}\\{stem}.png").format == "png"
