"""How a benchmark is read: its JSON as a Markdown table. ``evaluation.timing`` is where it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jpegmend.evaluation.markdown import grid


def markdown(found: Mapping[str, Any]) -> str:
    """The table of one benchmark: seconds a megapixel, how many times the reference's speed, peak memory.

    ``found`` is what ``benchmark`` in ``evaluation.timing`` returns.
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
    where = found["environment"]
    foot = (
        f"<sub>Medians, one run, {where['machine']}; commit {where['commit']}; reference: {found['reference']}.</sub>"
    )
    return f"{grid(header, rows, numbers=2)}\n\n{foot}"
