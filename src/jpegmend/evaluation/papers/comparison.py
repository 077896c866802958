"""Printed rows beside ours, with the difference where both metrics are known to be the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jpegmend.data.sets import SETS
from jpegmend.evaluation.measure.protocols import GIVEN
from jpegmend.evaluation.measure.protocols import find as find_protocol
from jpegmend.evaluation.measure.results import Mean, Result, merge
from jpegmend.evaluation.papers.paper_names import model_of
from jpegmend.evaluation.papers.published import PAIRS, STAND_INS, Published
from jpegmend.evaluation.papers.tables import Table, measured_sets, printed, released

Measured = Mapping[tuple[str, str, str], Mean]
"""Results by model, set in lower case, and quality."""

_PICTURES: Mapping[str, int] = {
    f"{known.name}-{part}".removesuffix("-").lower(): count
    for known in SETS.values()
    for part, count in known.counts.items()
}
"""Number of pictures of each known set, by the name of its folder in results, in lower case."""


@dataclass(frozen=True)
class Line:
    """One printed row with ours, if there is one."""

    row: Published
    model: str | None
    ours: Mean | None
    remark: str
    """Why there is no result of ours, or a remark on the printed one."""

    def cell(self, metric: str) -> tuple[str, str, str]:
        """Printed, ours, and the difference or why there is none; for ``psnr``, ``ssim`` or ``psnr_b``."""
        digits = 4 if metric == "ssim" else 2
        printed: float | None = getattr(self.row, metric)
        key = self.row.known[metric]
        if self.ours is None:
            return _number(printed, digits), "", ""
        mine = self.ours.scores.get(
            key or {"psnr": "psnr", "ssim": "ssim:matlab", "psnr_b": "psnr_b:true"}[metric], math.nan
        )
        if printed is None or math.isnan(mine):
            return _number(printed, digits), _number(mine, digits), ""
        alike = key and self.ours.pictures == _whole(self.ours)
        difference = f"{round(mine - printed, digits) + 0:+.{digits}f}" if alike else "not comparable"
        return _number(printed, digits), _number(mine, digits), difference


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def lines(table: Table, results: Sequence[Result]) -> list[Line]:
    """The rows of a table with ours beside them, by set and quality; in each, models that the paper lacks come last.

    Results of protocols that cannot be compared with the table's are left out, but for those of pairs; within one
    protocol the last result of a model, set and quality counts. A row whose set has several stand-ins comes once for
    each that was measured.
    """
    ours = {**measured(table.protocol, results), **measured("pairs", results)}
    rows = printed(table)
    known = {key for row in rows for key in _keys(row, model_of(row) or "")}
    found = [line for row in rows for line in _lines(row, ours)]
    for row in {(row.data_set, row.quality): row for row in rows}.values():
        for model in dict.fromkeys(model for model, _, _ in ours):
            for key in _keys(row, model):
                if key in ours and key not in known:
                    remark = "; ".join(["not in the paper", *_pictures(row, ours[key])])
                    found.append(Line(_unprinted(row, model), model, ours[key], remark))
    sets, qualities = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("data_set", "quality"))
    return sorted(found, key=lambda line: (sets.index(line.row.data_set), qualities.index(line.row.quality)))


def usable(table: Table, results: Sequence[Result]) -> list[Result]:
    """The results whose figures may enter a table: of its protocol, and of pairs where it has rows of pairs."""
    pairs = any(row.data_set in PAIRS for row in printed(table))
    return fitting(table.protocol, results) + (fitting("pairs", results) if pairs else [])


def measured(protocol: str, results: Iterable[Result]) -> Measured:
    """The means, projection off, of all results that may stand beside a protocol's."""
    means = merge(fitting(protocol, results))
    return {(mean.model, mean.data_set.lower(), mean.quality): mean for mean in means if not mean.consistent}


def _keys(row: Published, model: str) -> list[tuple[str, str, str]]:
    """The keys in :data:`Measured` of a model's results for a printed row, one for each set."""
    quality = row.quality or (GIVEN if row.data_set in PAIRS else "")
    return [(model, name.lower(), quality) for name in measured_sets(row.data_set)]


def _lines(row: Published, ours: Measured) -> list[Line]:
    model = model_of(row)
    means = [ours[key] for key in _keys(row, model or "") if key in ours]
    if not means:
        return [Line(row, model, None, "; ".join(filter(None, (_absent(row, model), *row.doubts))))]
    return [Line(row, model, mean, "; ".join([*_pictures(row, mean), *row.doubts])) for mean in means]


def _pictures(row: Published, mean: Mean) -> list[str]:
    """A remark on our pictures, where they are not those of the printed set or may not be."""
    if row.data_set in STAND_INS:
        return [f"ours on {mean.data_set}, {mean.pictures} pictures"]
    whole = _whole(mean)
    return [] if mean.pictures == whole else [f"the set has {whole} pictures, ours {mean.pictures}"]


def _whole(mean: Mean) -> int:
    """Number of pictures of the known set by whose name ours is called; that of ours where none has that name."""
    return _PICTURES.get(mean.data_set.lower(), mean.pictures)


def _unprinted(beside: Published, model: str) -> Published:
    unknown = replace(beside, psnr=None, ssim=None, psnr_b=None, parameters=None, seconds=None)
    return replace(unknown, method=model, variant="", weights="", note="")


def fitting(protocol: str, results: Iterable[Result]) -> list[Result]:
    """The results that may stand beside a protocol's; encoders of other versions than the last result's do not fit."""
    any_version = {"encoder": ""}
    wanted = find_protocol(protocol).definition() | any_version
    found = [each for each in results if each.protocol.definition() | any_version == wanted]
    return [each for each in found if each.protocol.comparable_with(found[-1].protocol)]


def _absent(row: Published, model: str | None) -> str:
    """Why there is no result of ours beside a printed row."""
    if model is None:
        return f"no network here is called {row.method}"
    if row.data_set in PAIRS and (model == "jpeg" or released(model)):
        return f"needs the pairs of {row.data_set}: evaluate --pairs"
    return "" if row.psnr is None else state(model)


def state(model: str) -> str:
    """Why there is no result of a model: no weights, or none among the results at hand."""
    if model != "jpeg" and not released(model):
        return f"weights not trained: {model}"
    return f"no result stored: {model}"
