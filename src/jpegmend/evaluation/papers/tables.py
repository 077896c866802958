"""The papers' tables, each with a command: rows as printed, ours beside them, a difference where the metrics agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.protocols import Protocol, parse_case
from jpegmend.evaluation.measure.protocols import find as find_protocol
from jpegmend.evaluation.measure.results import Mean, Result, merge
from jpegmend.evaluation.papers import published
from jpegmend.evaluation.papers.paper_names import model_of
from jpegmend.evaluation.papers.published import SETS, UNOBTAINABLE, Published


@dataclass(frozen=True)
class Table:
    """One table of a paper."""

    title: str
    paper: str
    tables: tuple[str, ...]
    protocol: str = "papers-gray"

    @property
    def channel(self) -> str:
        """Of its rows: RGB or Y."""
        return "RGB" if find_protocol(self.protocol).channel == "rgb" else "Y"


@dataclass(frozen=True)
class Figure:
    """A figure of a paper: curves that no table prints, so that only ours can be shown."""

    title: str
    paper: str
    models: tuple[str, ...]
    protocol: str
    axis: str


TABLES: Mapping[str, Table] = {
    "dcsc:1": Table("DCSC, table 1: three sets, qualities 10, 20, 30", "dcsc", ("1",)),
    "dcsc:2": Table("DCSC, table 2: Twitter", "dcsc", ("2",)),
    "dcsc:3": Table("DCSC, table 3: with and without dilation", "dcsc", ("3",)),
    "dcsc:4": Table("DCSC, table 4: iterations and filters", "dcsc", ("4",)),
    "dcsc:5": Table("DCSC, table 5: MSE and MAE", "dcsc", ("5",)),
    "dcsc:errata": Table(
        "DCSC, the authors' errata: corrected scores, and a larger model",
        "dcsc",
        ("errata, 64-filter model", "errata, 128-filter model"),
    ),
    "dcsc:text": Table("DCSC, parameters and run time in the text", "dcsc", ("text",)),
    "cqr:1": Table("CQR, table 1: ablation", "cqr", ("1",)),
    "cqr:2": Table("CQR, table 2: three sets", "cqr", ("2",)),
    "qgcn:II": Table("QGCN, table II: colour", "qgcn", ("II",), "qgcn-rgb"),
    "qgcn:III": Table("QGCN, table III: gray", "qgcn", ("III",)),
    "mdu:I": Table("MDU, table I: three sets, qualities 10 to 40", "mdu", ("I",)),
    "mdu:II": Table("MDU, table II: Twitter", "mdu", ("II",)),
    "mdu:III": Table("MDU, table III: qualities it was not trained for", "mdu", ("III",)),
    "mdu:IV": Table("MDU, table IV: parameters and run time", "mdu", ("IV",)),
    "mdu:V": Table("MDU, table V: equal parameters", "mdu", ("V",)),
    "mdu:VI": Table("MDU, table VI: depth of the ResNets", "mdu", ("VI",)),
    "mdu:VII": Table("MDU, table VII: proximal operators", "mdu", ("VII",)),
    "mdu:VIII": Table("MDU, table VIII: kinds of network", "mdu", ("VIII",)),
    "mdu:IX": Table("MDU, table IX: dilations", "mdu", ("IX",)),
    "mdu:X": Table("MDU, table X: weights of the loss", "mdu", ("X",)),
    "mdu:XI": Table("MDU, table XI: losses", "mdu", ("XI",)),
    "mdu:XII": Table("MDU, table XII: with a classifier", "mdu", ("XII",)),
    "dual:1": Table("Dual, table 1: five sets", "dual", ("1",)),
    "dual:2": Table("Dual, table 2: de-blockers", "dual", ("2",)),
    "later:gray": Table("Later work, by the papers' gray protocol", "later work", ("",)),
    "later:rgb": Table("Later work, in colour", "later work", ("",), "rgb-420"),
}
"""Every table, by the name the command takes."""

FIGURES: Mapping[str, Figure] = {
    "qgcn:fig6": Figure(
        "QGCN, fig. 6: gain against quality, one model for all and models for one quality",
        "qgcn",
        (
            "qgcn-edsr-at-10",
            "qgcn-edsr-at-20",
            "qgcn-edsr-at-30",
            "qgcn-edsr-at-40",
            "qgcn-edsr-at-50",
            "qgcn-edsr-10-50",
            "qgcn",
        ),
        "qgcn-rgb",
        "quality",
    ),
    "qgcn:fig8": Figure(
        "QGCN, fig. 8: gain against quality by residual blocks",
        "qgcn",
        ("qgcn-qgcn-blocks-8", "qgcn-qgcn-blocks-16", "qgcn", "qgcn-qgcn-blocks-64"),
        "qgcn-rgb",
        "quality",
    ),
    "qgcn:fig9": Figure("QGCN, fig. 9: gain against resolution", "qgcn", ("edsr", "qgcn"), "qgcn-rgb", "data set"),
    "qgcn:fig10": Figure(
        "QGCN, fig. 10: size of training patches",
        "qgcn",
        ("qgcn-edsr-patch-64", "edsr", "qgcn-qgcn-patch-64", "qgcn"),
        "qgcn-rgb",
        "quality",
    ),
    "mdu:fig10": Figure(
        "MDU, fig. 10: number of stages",
        "mdu",
        tuple("mdu" if stages == 10 else f"mdu-stages-{stages}" for stages in range(1, 16)),
        "papers-gray",
        "model",
    ),
    "dual:fig8": Figure(
        "Dual, fig. 8: number of stages",
        "dual",
        tuple("dual" if stages == 5 else f"dual-stages-{stages}" for stages in range(1, 8)),
        "papers-gray",
        "model",
    ),
}
"""Every figure with curves, by the name the command takes."""


@dataclass(frozen=True)
class Line:
    """One printed row with ours, if there is one."""

    row: Published
    model: str | None
    ours: Mean | None
    remark: str
    """Why there is none of ours, or what to know of the printed one."""

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
        difference = f"{round(mine - printed, digits) + 0:+.{digits}f}" if key else "not comparable"
        return _number(printed, digits), _number(mine, digits), difference


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def find(name: str) -> Table | Figure:
    """The table or figure of that name.

    Raises:
        InvalidOption: there is none; the message lists them.
    """
    found = TABLES.get(name) or FIGURES.get(name)
    if found is None:
        raise InvalidOption(f"no table {name!r}; there are: {', '.join([*TABLES, *FIGURES])}")
    return found


def printed(table: Table) -> list[Published]:
    """The rows of a table, in printed order."""
    return [row for row in published.select(table.paper, table.tables) if row.channel == table.channel]


def lines(table: Table, results: Sequence[Result]) -> list[Line]:
    """The rows of a table with ours beside them, by set and quality; models that the paper has not come last in each.

    Results of protocols that cannot be compared with the table's are passed over; within one protocol the last
    result of a model, set and quality counts.
    """
    ours = {
        (mean.model, mean.data_set, mean.quality): mean
        for mean in merge(fitting(table.protocol, results))
        if not mean.consistent
    }
    rows = printed(table)
    known = {(model_of(row), SETS.get(row.data_set), row.quality) for row in rows}
    found = [_line(row, ours) for row in rows]
    for row in {(row.data_set, row.quality): row for row in rows}.values():
        for (model, data_set, quality), mean in ours.items():
            if (data_set, quality) == (SETS.get(row.data_set), row.quality) and (model, data_set, quality) not in known:
                found.append(Line(_unprinted(row, model), model, mean, "not in the paper"))
    sets, qualities = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("data_set", "quality"))
    return sorted(found, key=lambda line: (sets.index(line.row.data_set), qualities.index(line.row.quality)))


def _unprinted(beside: Published, model: str) -> Published:
    unknown = replace(beside, psnr=None, ssim=None, psnr_b=None, parameters=None, seconds=None)
    return replace(unknown, method=model, variant="", note="")


def fitting(protocol: str, results: Iterable[Result]) -> list[Result]:
    """The results that may stand beside a protocol's; encoders of other versions than the first result's do not fit."""
    wanted = find_protocol(protocol)
    found: list[Result] = []
    for result in results:
        reference: Protocol = found[0].protocol if found else _with_encoder(wanted, result.protocol)
        if result.protocol.comparable_with(reference):
            found.append(result)
    return found


def _with_encoder(wanted: Protocol, measured: Protocol) -> Protocol:
    return replace(wanted, encoder=measured.encoder)


def _line(row: Published, ours: Mapping[tuple[str, str, str], Mean]) -> Line:
    model = model_of(row)
    mean = ours.get((model or "", SETS.get(row.data_set, row.data_set), row.quality))
    return Line(row, model, mean, "; ".join(filter(None, (_absent(row, model, mean), *row.doubts))))


def _absent(row: Published, model: str | None, mean: Mean | None) -> str:
    if mean is not None:
        return ""
    if row.data_set in UNOBTAINABLE:
        return f"cannot be run here: {row.data_set}"
    if model is None:
        return "not built here"
    return "" if row.psnr is None else state(model)


def state(model: str) -> str:
    """Why there is no result of a model: no weights, or none among the results at hand."""
    if model != "jpeg" and not released(model):
        return f"weights not trained: {model}"
    return f"no result stored: {model}"


def needed(wanted: Table | Figure) -> tuple[list[str], list[str], list[tuple[int, ...]]]:
    """What to run for a table or figure: models with weights (and jpeg), folders' names of the sets, cases."""
    if isinstance(wanted, Figure):
        return ["jpeg", *filter(released, wanted.models)], [], list(find_protocol(wanted.protocol).qualities)
    rows = [row for row in printed(wanted) if row.data_set in SETS and row.quality]
    models = {model for row in rows if (model := model_of(row)) and model != "jpeg" and released(model)}
    sets = list(dict.fromkeys(SETS[row.data_set] for row in rows))
    qualities = list(dict.fromkeys(row.quality for row in rows))
    return ["jpeg", *sorted(models)], sets, [parse_case(quality) for quality in qualities]


def released(model: str) -> bool:
    """Whether there are weights of that name."""
    return model in weights.MODELS and weights.MODELS[model].released
