import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from jpegmend.evaluation.report import benchmark_tables

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "speed": ["--size", "32", "--repeats", "1", "--no-command"],
    "scaling": ["--smallest", "0.001", "--largest", "0.01", "--steps", "2"],
    "memory": ["--megapixels", "12"],
    "colour": ["--quality", "20"],
    "contrast": ["--data", "PICTURES"],
}


def run(name, *words):
    """The output of a benchmark in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    script = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *words]
    done = subprocess.run(script, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Runs a benchmark in this process and returns its output: imports take longer than its small measurement."""

    def call(name, *words):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
        monkeypatch.syspath_prepend(ROOT / "benchmarks")
        try:
            runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            assert not end.code
        return capsys.readouterr().out

    return call


LONG = ("cluster", "earlier", "gallery", "networks_of_others", "recognition", "scores_of_others", "service")


def test_every_benchmark_is_tried_here():
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} == {
        *COMMANDS,
        "batch",
        "cluster_simulation",
        "everything",
        "mirrors",
        "mixed",
        "patterns",
        "upscale",
        "window",
        *LONG,
    }


@pytest.mark.parametrize("name", LONG)
def test_a_benchmark_that_takes_minutes_starts_and_states_its_options(name, run_here):
    assert "options:" in run_here(name, "--help")


def test_rows_name_the_threads_only_where_several_numbers_are_timed(tmp_path, run_here):
    target = tmp_path / "speed.json"
    for threads, name in ((["2"], "jpeg"), (["1", "2"], "jpeg, 2 threads")):
        run_here("speed", *COMMANDS["speed"], "--model", "jpeg", "--threads", *threads, "--out", str(target))
        assert name in {line["what"] for line in json.loads(target.read_text())["speed"]}


def test_one_command_makes_documentation(tmp_path, picture_set, run_here, monkeypatch):
    picture_set.rename(tmp_path / "LIVE1")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(
        "<!-- table:rgb-444 -->\n<!-- /table -->\n<!-- table:colour-shift -->\n<!-- /table -->\n"
    )
    words = ["--data", str(tmp_path), "--model", "jpeg", "--only", "colour-444", "colour-shift", "--allow-dirty"]
    monkeypatch.chdir(tmp_path)
    run_here("everything", *words)
    page = (tmp_path / "docs" / "page.md").read_text()
    assert "| LIVE1 | JPEG |" in page and "CIEDE2000" in page
    assert (tmp_path / "docs" / "results" / "colour-444.md").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_writes_what_it_measured_and_where(name, tmp_path, picture_set, run_here):
    words = [str(picture_set) if word == "PICTURES" else word for word in COMMANDS[name]]
    out = tmp_path / "found.json"
    run_here(name, "--model", "jpeg", "--out", str(out), *words)
    found = json.loads(out.read_text())
    assert found[name] and {"commit", "machine", "libraries"} <= set(found["environment"])


def test_windows_are_compared_with_the_whole(tmp_path, picture_set, blur_card, run_here, monkeypatch):
    out = tmp_path / "window.json"
    card = json.loads(blur_card.read_text()) | {"tiling": "window", "window": 32, "halo": 0}
    blur_card.write_text(json.dumps(card))
    words = ["--data", str(picture_set), "--model", str(blur_card), "--side", "40", "--out", str(out)]
    run_here("window", *words)
    found = json.loads(out.read_text())
    assert [line["what"] for line in found["window"]] == ["blur"] and found["pictures"] == 2
    picture_set.rename(tmp_path / "LIVE1")
    monkeypatch.chdir(tmp_path)
    words = ["--data", str(tmp_path), "--model", "jpeg", str(blur_card), "--only", "window", "--allow-dirty"]
    run_here("everything", *words)
    found = json.loads(Path("docs/results/window.json").read_text())
    assert [line["what"] for line in found["window"]] == ["blur"] and found["side"] == 192


def test_contradictions_are_kept_back_from_patterns(tmp_path, picture_set, blur_card, run_here):
    out = tmp_path / "patterns.json"
    words = ["--data", str(picture_set), "--model", str(blur_card), "--quality", "50", "--out", str(out)]
    run_here("patterns", *words)
    lines = {line["what"]: line for line in json.loads(out.read_text())["patterns"]}
    assert lines["photographs"]["pictures"] == 2
    lost = lines["chessboard of single pixels"]
    assert lost["answer"] < lost["projected"] < -3, (
        "a blur takes the pattern away, the projection gives some of it back"
    )
    assert lost["kept_back"] == 1 and abs(lost["restored"]) < 0.01


def test_the_mean_over_mirror_images_is_compared_with_one_pass(tmp_path, picture_set, blur_card, run_here):
    out = tmp_path / "mirrors.json"
    run_here("mirrors", "--data", str(picture_set), "--model", str(blur_card), "--out", str(out))
    found = json.loads(out.read_text())["mirrors"]
    assert [(line["quality"], line["passes"]) for line in found] == [(q, n) for q in (10, 40) for n in (1, 2, 4)]
    assert all((line["gain"] == 0) == (line["passes"] == 1) for line in found)  # the kernel is not symmetric
    for quality in 10, 40:
        one, *more = (line for line in found if line["quality"] == quality)
        assert one["time"] == 1
        assert all(line["time"] == pytest.approx(line["seconds"] / one["seconds"]) for line in more)


def test_enlargement_is_compared_with_bicubic_interpolation(tmp_path, picture_set, tripling_card, run_here):
    words = ["--data", str(picture_set), "--model", str(tripling_card), "--quality", "40", "95"]
    run_here("upscale", *words, "--out", str(tmp_path / "found"))
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["pictures"] == 2 and [line["quality"] for line in found["upscale"]] == [40, 95]
    low, high = found["upscale"]
    assert low["JPEG, bicubic"] < high["JPEG, bicubic"]
    assert high["enlarger"] < high["JPEG, bicubic"]  # repeated pixels
    assert low["mend-s, enlarger"] > low["enlarger"]
    assert (tmp_path / "found.webp").read_bytes()[8:12] == b"WEBP"
    assert "| quality | JPEG, bicubic |" in benchmark_tables.READERS["upscale"](found)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="it reads the memory of processes in /proc")
def test_the_command_on_a_folder_is_measured_for_each_number_of_processes():
    said = run("batch", "--files", "2", "--side", "32", "--runs", "1x1", "2x1", "--repeats", "1")
    sizes, header, *lines = said.splitlines()
    assert sizes == "2 files of 32x32" and header.split()[:2] == ["run", "files/s"]
    assert [line.split()[0] for line in lines] == ["1x1", "2x1"] and all(float(line.split()[1]) > 0 for line in lines)


def test_a_folder_of_mixed_files_is_restored_killed_and_resumed(tmp_path):
    sheet = tmp_path / "sheet.png"
    said = run("mixed", "--files", "8", "--kills", "1", "--sheet", str(sheet))
    assert "killed after" in said and "0 differences" in said and sheet.read_bytes()[:4] == b"\x89PNG"
