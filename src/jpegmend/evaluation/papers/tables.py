"""The tables and figures of the papers by name, with the models, sets and cases to measure for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.protocols import Case, parse_case
from jpegmend.evaluation.measure.protocols import find as find_protocol
from jpegmend.evaluation.papers import published
from jpegmend.evaluation.papers.paper_names import model_of
from jpegmend.evaluation.papers.published import PAIRS, SETS, STAND_INS, Published


@dataclass(frozen=True)
class Table:
    """One table of a paper."""

    title: str
    paper: str
    tables: tuple[str, ...]
    """Its names in ``published.csv``."""
    protocol: str = "papers-gray"

    @property
    def channel(self) -> str:
        """The channel of its rows: RGB or Y."""
        return "RGB" if find_protocol(self.protocol).channel == "rgb" else "Y"


@dataclass(frozen=True)
class Figure:
    """A figure of a paper whose curves are not printed as numbers; only our results can be shown."""

    title: str
    paper: str
    models: tuple[str, ...]
    protocols: tuple[str, ...]
    """One for each condition of the figure."""


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
        ("qgcn-rgb",),
    ),
    "qgcn:fig8": Figure(
        "QGCN, fig. 8: gain against quality by residual blocks; N_res = 8, 16, 32, 64 in each of two groups",
        "qgcn",
        ("qgcn-qgcn-blocks-8", "qgcn-qgcn-blocks-16", "qgcn", "qgcn-qgcn-blocks-64"),
        ("qgcn-rgb",),
    ),
    "qgcn:fig9": Figure(
        "QGCN, fig. 9: gain against resolution, whole and at 1/4, 1/9, 1/16 of the area",
        "qgcn",
        ("edsr", "qgcn"),
        ("qgcn-rgb", "qgcn-rgb-quarter", "qgcn-rgb-ninth", "qgcn-rgb-sixteenth"),
    ),
    "qgcn:fig10": Figure(
        "QGCN, fig. 10: size of training patches",
        "qgcn",
        ("qgcn-edsr-patch-64", "edsr", "qgcn-qgcn-patch-64", "qgcn"),
        ("qgcn-rgb",),
    ),
    "mdu:fig10": Figure(
        "MDU, fig. 10: number of stages",
        "mdu",
        tuple("mdu" if stages == 10 else f"mdu-stages-{stages}" for stages in range(1, 16)),
        ("papers-gray",),
    ),
    "dual:fig8": Figure(
        "Dual, fig. 8: number of stages",
        "dual",
        tuple("dual" if stages == 5 else f"dual-stages-{stages}" for stages in range(1, 8)),
        ("papers-gray",),
    ),
}
"""Every figure with curves, by the name the command takes."""


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


def needed(wanted: Table | Figure) -> tuple[list[str], list[str], list[Case]]:
    """The models with weights (and jpeg), the names of sets, and the cases to measure for a table or figure.

    Sets of pairs are left out: their files must be requested from their authors.
    """
    if isinstance(wanted, Figure):
        return ["jpeg", *filter(released, wanted.models)], [], list(find_protocol(wanted.protocols[0]).qualities)
    rows = [row for row in printed(wanted) if row.psnr is not None]
    models = {model for row in rows if (model := model_of(row)) and model != "jpeg" and released(model)}
    sets = dict.fromkeys(name for row in rows if row.data_set not in PAIRS for name in measured_sets(row.data_set))
    qualities = dict.fromkeys(row.quality for row in rows if row.quality)
    return ["jpeg", *sorted(models)], list(sets), [parse_case(quality) for quality in qualities]


def measured_sets(data_set: str) -> tuple[str, ...]:
    """The names of the measured sets that stand for a printed set."""
    if data_set in PAIRS:
        return (data_set,)
    return STAND_INS.get(data_set) or ((SETS[data_set],) if data_set in SETS else ())


def released(model: str) -> bool:
    """Whether there are weights of that name."""
    return model in weights.PACKAGED and weights.PACKAGED[model].released
