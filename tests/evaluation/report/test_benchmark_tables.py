"""Tables of stored benchmarks: which values stand in which row."""

import json
from pathlib import Path

from jpegmend import weights
from jpegmend.evaluation.report import benchmark_tables

RESULTS = Path(__file__).parents[3] / "docs" / "results"

ENVIRONMENT = {"machine": "a machine, 2 cores", "commit": "0123456789ab"}


def cells(table: str) -> list[list[str]]:
    """The rows of a Markdown table below its header."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return rows[2:]


def test_files_compressed_twice_are_averaged_over_the_second_quality():
    values = {"decoded": 25.0, "without": 26.0, "found": 27.0, "told": 28.0}
    lines = {
        f"{first}+{second} {where}": {name: value + first + step for name, value in values.items()}
        for first in (10, 20)
        for second, step in ((50, 0.0), (90, 0.5))
        for where in ("shifted", "scaled-0.75")
    }
    found = {"earlier-restored": lines, "pictures": 3, "model": "mend-s", "environment": ENVIRONMENT}
    table = benchmark_tables.READERS["earlier-restored"](found)
    assert cells(table) == [
        ["10", "shifted", "35.25", "36.25", "37.25", "38.25"],
        ["10", "scaled by 0.75", "35.25", "36.25", "37.25", "38.25"],
        ["20", "shifted", "45.25", "46.25", "47.25", "48.25"],
        ["20", "scaled by 0.75", "45.25", "46.25", "47.25", "48.25"],
    ]
    assert "3 pictures and second qualities 50, 90" in table and "0123456789ab" in table


def test_shares_of_found_earlier_compressions_stand_by_quality_and_grid():
    shares = {"10+50 aligned": [0.5, 24], "10+90 aligned": [1.0, 30], "10+50 scaled-1.25": [0, 24]}
    found = {
        "earlier": shares | {"10+90 scaled-1.25": [0.25, 25]},
        "precision": 0.997,
        "threshold": 0.95,
        "once": {"files": 600, "wrong": [1]},
        "environment": ENVIRONMENT,
    }
    table = benchmark_tables.READERS["earlier"](found)
    assert cells(table) == [["10", "aligned", "50%", "100%"], ["10", "scaled by 1.25", "0%", "25%"]]
    assert "24 files or more" in table and "99.7%" in table and "1 of 600 files" in table


def test_shares_of_recognised_pictures_stand_by_kind_and_quality():
    shares = {"text 10": [1.0, 24], "text 90": [0.5, 24], "coloured text 10": [0.25, 20], "coloured text 90": [0, 24]}
    never = {"pictures": 700, "alarms": ["a.png"]}
    table = benchmark_tables.READERS["recognition"](
        {"recognition": shares, "uncompressed": never, "environment": ENVIRONMENT}
    )
    assert cells(table) == [["text", "100%", "50%"], ["coloured text", "25%", "0%"]]
    assert "20 pictures or more" in table and "1 false alarms in 700 pictures" in table


def test_networks_of_others_stand_by_their_file():
    lines = [
        {"what": "arcnn", "file": "ONNX", "random": False, "psnr": 28.7064, "psnr_projected": 28.7},
        {"what": "swinir", "file": "safetensors", "random": True, "psnr": 5.0, "psnr_projected": 21.0},
        {"what": "jpeg", "file": "", "random": False, "psnr": 27.8207, "psnr_projected": None},
    ]
    found = {"others": lines, "set": "Classic5", "pictures": 5, "quality": 10, "protocol": "papers-gray"}
    table = benchmark_tables.READERS["others"](found | {"environment": ENVIRONMENT})
    assert cells(table) == [
        ["arcnn", "ONNX", "28.71", "28.70"],
        ["swinir", "safetensors, random weights", "5.00", "21.00"],
        ["JPEG", "", "27.82"],
    ]


def test_the_stored_times_of_networks_are_found_by_name():
    stored = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    (timed,) = benchmark_tables.widest(benchmark_tables.timings(stored))
    names = {line["what"] for line in timed["speed"]} - {"reference"}
    assert all(weights.find(name).released for name in names)
    assert {"mend-s", "arcnn", "dcsc-c", "cqr-c", "qgcn-gray-c", "mdu-c", "dual-c"} <= names
