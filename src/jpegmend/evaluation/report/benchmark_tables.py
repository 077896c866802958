"""Markdown tables of the JSON that ``benchmarks/`` and ``evaluation.benchmark`` write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from jpegmend.evaluation.report.markdown import grid


def timings(benchmarks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The speed benchmarks among others. By file name the last is the one without a suffix, which comes first here."""
    return [found for found in reversed(benchmarks) if "speed" in found]


def widest(timed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The speed benchmark that timed most networks, alone: times of several machines cannot be compared."""
    return sorted(timed, key=lambda found: -len({line["what"] for line in found["speed"]}))[:1]


def seconds_per_megapixel(name: str, timed: Sequence[Mapping[str, Any]]) -> float | None:
    """Of the picture nearest to one megapixel, from the first of the speed benchmarks that timed ``name``."""
    for found in timed:
        if lines := [line for line in found["speed"] if line["what"] == name]:
            line = min(lines, key=lambda line: abs(line["width"] * line["height"] - 1e6))
            return float(line["seconds_per_megapixel"])
    return None


def markdown(found: Mapping[str, Any]) -> str:
    """The table of one benchmark: seconds a megapixel, speed over that of the reference, peak memory.

    ``found`` is what ``benchmark`` in ``evaluation.benchmark.timing`` returns.
    """
    rows = [
        [
            line["what"],
            f"{line['width']}x{line['height']}",
            f"{line['seconds']:.2f}",
            f"{line['seconds_per_megapixel']:.2f}",
            f"{line['times_reference']:.1f}" if line.get("times_reference") else "",
            f"{line['peak_mb']:.0f}" if line.get("peak_mb") else "",
        ]
        for line in found["speed"]
    ]
    header = ["what", "size", "seconds", "seconds a megapixel", "times the reference's speed", "peak memory, MB"]
    return (
        f"{grid(header, rows, numbers=2)}\n\n{_foot(found, 'medians of one run', 'reference: ' + found['reference'])}"
    )


def memory(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/memory.py``: peak memory beside its limit."""
    header = ["model", "megapixels", "peak memory, MB", "bar, MB", "with the decoder's process, MB", "seconds"]
    rows = [
        [
            x["what"],
            *(f"{x[key]:.0f}" for key in ("megapixels", "peak_mb", "bar_mb", "peak_tree_mb")),
            f"{x['seconds']:.1f}",
        ]
        for x in found["memory"]
    ]
    return f"{grid(header, rows, numbers=1)}\n\n{_foot(found, 'each in a process of its own')}"


def scaling(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/scaling.py``: time and memory by size, with the fitted exponents."""
    header = ["model", "megapixels", "seconds", "seconds a megapixel", "peak memory, MB"]
    rows = [
        [
            x["what"],
            f"{x['megapixels']:.2f}",
            f"{x['seconds']:.2f}",
            f"{x['seconds'] / x['megapixels']:.2f}",
            f"{x['peak_mb']:.0f}",
        ]
        for x in found["scaling"]
    ]
    powers = ", ".join(f"{model} {power:.2f}" for model, power in found["exponents"].items())
    return f"{grid(header, rows, numbers=1)}\n\n{_foot(found, f'time grows with the pixels to the power of: {powers}')}"


def colour(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/colour.py``: CIEDE2000 before and after."""
    header = ["picture", "quality", "what", "mean CIEDE2000", "95th percentile"]
    rows = [
        [x["image"], x["quality"], x["what"], f"{x['mean']:.2f}", f"{x['percentile95']:.2f}"] for x in found["colour"]
    ]
    remark = f"on pictures low-passed by a Gaussian of {found['sigma']:g} pixels"
    return f"{grid(header, rows, numbers=3)}\n\n{_foot(found, remark)}"


def contrast(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/contrast.py``: PSNR to the enhanced original, for both orders."""
    names = [name for name in found["contrast"][0] if name != "image"]
    rows = [[line["image"], *(f"{line[name]:.2f}" for name in names)] for line in found["contrast"]]
    remark = f"PSNR in dB to the enhanced original, quality {found['quality']}, {found['model']}"
    return f"{grid(['picture', *names], rows, numbers=1)}\n\n{_foot(found, remark)}"


def window(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/window.py``: PSNR in windows and on the whole picture."""
    header = [
        "model",
        "window",
        "PSNR in windows, dB",
        "PSNR whole, dB",
        "difference, dB",
        "largest, dB",
    ]
    rows = [
        [
            line["what"],
            str(line["window"]),
            *(f"{line[name]:.2f}" for name in ("psnr", "psnr_whole")),
            *(f"{line[name]:+.3f}" for name in ("difference", "worst")),
        ]
        for line in found["window"]
    ]
    side = found["side"]
    remark = f"the middle {side}x{side} pixels of {found['pictures']} pictures, quality {found['quality']}"
    return f"{grid(header, rows, numbers=1)}\n\n{_foot(found, remark, 'difference: whole minus windows')}"


def earlier(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/earlier.py find``: share of the earlier compressions that were found."""
    cases = [key.split() for key in found["earlier"]]
    seconds, firsts = (list(dict.fromkeys(case[0].split("+")[place] for case in cases)) for place in (1, 0))
    places = list(dict.fromkeys(place for _, place in cases))
    rows = []
    for first in firsts:
        for where in places:
            shares = [found["earlier"][f"{first}+{second} {where}"][0] for second in seconds]
            rows.append([first, where.replace("scaled-", "scaled by "), *(f"{share:.0%}" for share in shares)])
    once = found["once"]
    remarks = (
        f"share found of {min(number for _, number in found['earlier'].values())} files or more in each case",
        f"precision {found['precision']:.1%} at a probability of {found['threshold']}",
        f"{len(once['wrong'])} of {once['files']} files compressed once were taken for compressed twice",
    )
    header = ["first quality", "grid", *(f"second {second}" for second in seconds)]
    return f"{grid(header, rows, numbers=2)}\n\n{_foot(found, *remarks)}"


def recognition(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/recognition.py``: share of the compressions that were found in pixels."""
    cases = [key.rsplit(" ", 1) for key in found["recognition"]]
    kinds, qualities = (list(dict.fromkeys(case[place] for case in cases)) for place in (0, 1))
    rows = [[kind, *(f"{found['recognition'][f'{kind} {quality}'][0]:.0%}" for quality in qualities)] for kind in kinds]
    never = found["uncompressed"]
    remarks = (
        f"share found of {min(number for _, number in found['recognition'].values())} pictures or more in each case",
        f"{len(never['alarms'])} false alarms in {never['pictures']} pictures that were never compressed",
    )
    return f"{grid(['pictures', *qualities], rows, numbers=1)}\n\n{_foot(found, *remarks)}"


def earlier_restored(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/earlier.py restore``: means over the second qualities."""
    names = ("decoded", "without", "found", "told")
    groups: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    seconds: dict[str, None] = {}
    for case, line in found["earlier-restored"].items():
        qualities, where = case.split()
        first, second = qualities.split("+")
        groups.setdefault((first, where), []).append(line)
        seconds[second] = None
    rows = [
        [
            first,
            where.replace("scaled-", "scaled by "),
            *(f"{fmean(line[name] for line in lines):.2f}" for name in names),
        ]
        for (first, where), lines in groups.items()
    ]
    header = ["first quality", "grid", "decoded", "restored, no search", "restored", "restored, truth told"]
    remark = f"PSNR in dB of RGB, means over {found['pictures']} pictures and second qualities {', '.join(seconds)}"
    return f"{grid(header, rows, numbers=2)}\n\n{_foot(found, remark, found['model'])}"


def upscaled(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/upscale.py``: PSNR of enlarged pictures by quality and method."""
    names = [name for name in found["upscale"][0] if name != "quality"]
    rows = [[str(line["quality"]), *(f"{line[name]:.2f}" for name in names)] for line in found["upscale"]]
    remark = f"PSNR in dB in gray, means over {found['pictures']} pictures, width and height times {found['scale']}"
    return f"{grid(['quality', *names], rows, numbers=1)}\n\n{_foot(found, remark)}"


def mirrors(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/mirrors.py``: gain in dB and time of the mean over mirror images."""
    names = ("quality", "passes", "PSNR, dB", "gain, dB", "times the time of one pass")
    rows = [
        [
            str(line["quality"]),
            str(line["passes"]),
            f"{line['psnr']:.2f}",
            f"{line['gain']:+.3f}",
            f"{line['time']:.2f}",
        ]
        for line in found["mirrors"]
    ]
    remark = f"{found['model']}, gray, with projection, means over {found['pictures']} pictures"
    return f"{grid(list(names), rows, numbers=2)}\n\n{_foot(found, remark)}"


def task(found: Mapping[str, Any]) -> str:
    """The table of ``jpegmend evaluate --task``: mean score by quality and method."""
    names = [name for name in found["task"][0] if name not in ("quality", "pictures")]
    rows = [
        [line["quality"], f"{line['pictures']:.0f}", *(f"{line[name]:.3f}" for name in names)] for line in found["task"]
    ]
    remarks = (found["measured"], f"protocol {found['protocol']}")
    return f"{grid(['quality', 'pictures', *names], rows, numbers=1)}\n\n{_foot(found, *remarks)}"


def others(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/scores_of_others.py``: PSNR of networks by their files."""
    rows = [
        [
            "JPEG" if line["what"] == "jpeg" else line["what"],
            line["file"] + (", random weights" if line["random"] else ""),
            *("" if line[name] is None else f"{line[name]:.2f}" for name in ("psnr", "psnr_projected")),
        ]
        for line in found["others"]
    ]
    remark = f"{found['set']}, {found['pictures']} pictures, quality {found['quality']}, protocol {found['protocol']}"
    return f"{grid(['network', 'file', 'PSNR, dB', 'projected'], rows, numbers=2)}\n\n{_foot(found, remark)}"


def patterns(found: Mapping[str, Any]) -> str:
    """The table of ``benchmarks/patterns.py``: gains in PSNR with and without what keeps contradictions out."""
    header = ["picture", "model", "quality", "JPEG, dB", "answer", "projected", "restored", "kept back"]
    rows = [
        [
            line["what"] + (f" ({line['pictures']})" if line["pictures"] > 1 else ""),
            line["model"],
            str(line["quality"]),
            f"{line['psnr_jpeg']:.2f}",
            *(f"{line[name]:+.2f}" for name in ("answer", "projected", "restored")),
            f"{line['kept_back']:.1%}",
        ]
        for line in found["patterns"]
    ]
    return f"{grid(header, rows, numbers=2)}\n\n{_foot(found, 'gray in full range; gains in dB over the JPEG')}"


def _foot(found: Mapping[str, Any], *remarks: str) -> str:
    where = found["environment"]
    return f"<sub>{'; '.join(remarks)}; {where['machine']}; commit {where['commit']}.</sub>"


READERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "speed": markdown,
    "memory": memory,
    "scaling": scaling,
    "colour": colour,
    "contrast": contrast,
    "window": window,
    "earlier": earlier,
    "earlier-restored": earlier_restored,
    "recognition": recognition,
    "upscale": upscaled,
    "mirrors": mirrors,
    "task": task,
    "others": others,
    "patterns": patterns,
}
"""The functions that make a table of a benchmark, by the key of its figures."""
