"""Results of evaluations as Markdown: tables of scores and gains, and the text of a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from jpegmend.evaluation.measure.protocols import parse_case
from jpegmend.evaluation.measure.results import Mean, Result, Row, merge

NAMES = {"jpeg": "JPEG", "jpeg + projection": "JPEG"}


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A Markdown table; columns from ``numbers`` on are aligned to the right, except remarks.

    >>> print(grid(["set", "dB"], [["LIVE1", "1.00"]], numbers=1))
    | set | dB |
    | --- | ---: |
    | LIVE1 | 1.00 |
    """
    rule = ["---" if n < numbers or name == "remarks" else "---:" for n, name in enumerate(header)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(header), rule, *map(list, rows)])


def number(value: float | None, digits: int = 2) -> str:
    """A number as text for a table: empty for None, "exact" for infinite dB."""
    if value is None or math.isnan(value):
        return ""
    return "exact" if math.isinf(value) else f"{value:.{digits}f}"


def scores_table(results: Sequence[Result]) -> str:
    """Means by set, model and quality: PSNR, gain, SSIM, PSNR-B in the variants of the protocol.

    Raises:
        NotComparable: the results are of different protocols.
    """
    rows = merge(results)
    if not results:
        return ""
    protocol = results[0].protocol
    ssim, psnr_b = f"ssim:{protocol.ssim}", f"psnr_b:{protocol.psnr_b}"
    header = ["set", "quality", "model", "PSNR, dB", "gain, dB", "SSIM", "PSNR-B, dB", "got worse"]
    lines = [
        [
            f"{row.data_set} ({row.pictures})",
            row.quality,
            NAMES.get(row.label, row.label),
            number(row.scores["psnr"]),
            _gain(row),
            number(row.scores[ssim], 4),
            number(row.scores[psnr_b]),
            "" if row.model == "jpeg" else f"{row.worse:.0%}",
        ]
        for row in sorted(rows, key=_order(rows))
    ]
    return grid(header, lines, numbers=3)


def gains_table(results: Sequence[Result]) -> str:
    """PSNR in dB with the gain over the JPEG in brackets: a line for each set and model, a column for each quality.

    Raises:
        NotComparable: the results are of different protocols.
    """
    rows = merge(results)
    qualities = _qualities(rows)
    found = {(row.data_set, row.label, row.quality): row for row in rows}
    pairs = dict.fromkeys((row.data_set, row.label) for row in sorted(rows, key=_order(rows)))

    def cell(data_set: str, label: str, quality: str) -> str:
        row = found.get((data_set, label, quality))
        if row is None:
            return ""
        return number(row.scores["psnr"]) + (f" ({gained})" if (gained := _gain(row)) else "")

    lines = [
        [data_set, NAMES.get(label, label), *(cell(data_set, label, quality) for quality in qualities)]
        for data_set, label in pairs
    ]
    return grid(["set", "model", *(f"quality {quality}" for quality in qualities)], lines, numbers=2)


def _gain(row: Mean) -> str:
    """The gain with its sign; empty for the JPEG itself, and where a picture is exact, restored or not."""
    return f"{row.gain:+.2f}" if row.model != "jpeg" and math.isfinite(row.gain) else ""


def _qualities(rows: Sequence[Mean]) -> list[str]:
    """The qualities of all rows, from low to high."""
    return sorted({row.quality for row in rows}, key=parse_case)


def _order(rows: Sequence[Mean]) -> Any:
    sets = list(dict.fromkeys(row.data_set for row in rows))
    qualities = _qualities(rows)
    labels = list(dict.fromkeys(row.label for row in rows))
    labels.sort(key=lambda label: not label.startswith("jpeg"))
    return lambda row: (sets.index(row.data_set), qualities.index(row.quality), labels.index(row.label))


def provenance(result: Result) -> str:
    """One line on how a result was made: protocol, encoder, commit, machine, weights."""
    where = result.environment
    shas = [f"{name} {facts['sha256'][:12]}" for name, facts in result.models.items() if facts.get("sha256")]
    parts = [
        f"protocol {result.protocol.name} ({result.protocol.encoder})",
        f"commit {where.get('commit', '?')}",
        str(where.get("machine", "?")),
        *([f"weights {', '.join(shas)}"] if shas else []),
    ]
    return "; ".join(parts)


def report(result: Result, rows: Sequence[Row]) -> str:
    """The report of one evaluation: means, protocol, the best and the worst pictures."""
    protocol = result.protocol
    facts = [[key, str(value)] for key, value in {"name": protocol.name, **protocol.definition()}.items()]
    sections = [
        f"# {protocol.title}",
        provenance(result) + ".",
        scores_table([result]),
        "Seconds a megapixel, decoding included: " + speed(result) + ".",
        extremes(rows),
        "## Protocol",
        grid(["what", "how"], facts, numbers=2),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def speed(result: Result) -> str:
    """Seconds a megapixel of each model, with a warning where several processes ran."""
    took: dict[str, list[float]] = {}
    for row in result.means:
        took.setdefault(row.label, []).append(row.seconds_per_megapixel)
    text = ", ".join(f"{NAMES.get(label, label)} {sum(values) / len(values):.2f}" for label, values in took.items())
    workers = result.environment.get("workers", 1)
    return text if workers == 1 else f"{text} (beside {workers - 1} more processes: not a benchmark)"


def extremes(rows: Sequence[Row]) -> str:
    """A table of the pictures with the least and the most gain in dB, by model and quality; empty without rows."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.model != "jpeg":
            groups.setdefault((row.label, row.quality), []).append(row)
    if not groups:
        return ""
    lines = []
    for (name, quality), found in groups.items():
        ranked = sorted(found, key=lambda row: row.gain)
        least, most = ranked[:3], ranked[::-1][:3]
        lines.append([name, quality, *(", ".join(f"{r.image} {r.gain:+.2f}" for r in some) for some in (least, most))])
    return "## Pictures that gained least and most\n\n" + grid(["model", "quality", "least", "most"], lines, numbers=4)
