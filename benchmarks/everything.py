"""One command that measures the tables of README and most of docs/evaluation.md, which lists the others.

Hours on two cores; ``--only`` picks parts.

    python benchmarks/everything.py --data SETS --model mend-s [--only gray colour speed ...]
    python benchmarks/everything.py --data SETS --model dcsc-32 --only gray --sets Classic5 LIVE1 --suffix dcsc-32

``SETS`` is a folder with Classic5, LIVE1 and bsds500/{val,test} in its two upper levels. Unfinished evaluations go
on where they stopped. Results go to ``docs/results``, from there into README and docs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from jpegmend.data.sets import VARIABLE, locate
from jpegmend.evaluation.measure.environment import commit, reproducible
from jpegmend.evaluation.measure.methods_under_test import find as find_method
from jpegmend.evaluation.measure.protocols import find, parse_case
from jpegmend.evaluation.measure.run import evaluate
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.evaluation.report import documents, plots

STORED = Path("docs/results")
ALL = ("Classic5", "LIVE1", "bsds500-val", "bsds500-test")


@dataclass(frozen=True)
class Part:
    """One evaluation; without qualities the protocol's own."""

    protocol: str
    sets: tuple[str, ...]
    qualities: tuple[str, ...] = ()


EVALUATIONS: Mapping[str, Part] = {
    "gray": Part("papers-gray", ALL, ("5", "10", "20", "30", "40", "50")),
    "colour": Part("rgb-420", ("LIVE1", "bsds500-test")),
    "colour-444": Part("rgb-444", ("LIVE1",)),
    "qgcn": Part("qgcn-rgb", ("LIVE1", "bsds500-test")),
    "double": Part("double-jpeg", ("LIVE1",)),
    "social": Part("social-simulated", ("LIVE1",)),
    # Not BSDS500: its pictures are JPEGs of quality 95, and saving them so again loses next to nothing.
    "high": Part("do-no-harm", ("Classic5", "LIVE1")),
    "high-gray": Part("do-no-harm-gray", ("Classic5", "LIVE1")),
}

SCRIPTS = ("speed", "scaling", "memory", "colour-shift", "contrast", "window")


def main() -> None:
    """Run the parts one after the other, then fill the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the sets")
    parser.add_argument("--model", nargs="+", default=["mend-s"])
    parser.add_argument("--only", nargs="+", choices=[*EVALUATIONS, *SCRIPTS], default=[*EVALUATIONS, *SCRIPTS])
    parser.add_argument("--sets", nargs="+", choices=ALL, default=list(ALL), help="leave the others out")
    parser.add_argument("--suffix", help="goes into the names of the results, beside those of other models")
    parser.add_argument("--work", type=Path, default=Path("results"), help="where unfinished results are kept")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--allow-dirty", action="store_true", help="for tests: sources need not be committed")
    options = parser.parse_args()
    if not options.suffix and set(options.sets) < set(ALL):
        parser.error("--sets leaves some out, and would replace the results of all; give a --suffix for the names")
    if not options.allow_dirty and not reproducible(commit()):
        parser.error(
            f"the sources at {commit()} are not committed, so that nothing could reproduce the results; commit"
        )
    os.environ[VARIABLE] = str(options.data)
    STORED.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        print(name, flush=True)
        stem = "-".join(filter(None, (name, options.suffix)))
        if name in EVALUATIONS:
            sets = tuple(each for each in EVALUATIONS[name].sets if each in options.sets)
            measure(replace(EVALUATIONS[name], sets=sets), [*options.model, "jpeg"], stem, options)
        else:
            run_script(name, stem, options.model)
    for path in documents.write(Path.cwd(), allow_dirty=options.allow_dirty):
        print(f"wrote {path}")


def measure(part: Part, models: list[str], stem: str, options: argparse.Namespace) -> None:
    """One evaluation, stored as ``stem`` with its plot; nothing where no set is left."""
    if not part.sets:
        return
    out = options.work / stem
    folders = [locate(each, packed=False) for each in part.sets]
    qualities = [parse_case(text) for text in part.qualities] or None
    result = evaluate(models, folders, find(part.protocol), out, qualities=qualities, workers=options.workers)
    shutil.copy(out / "result.json", STORED / f"{stem}.json")
    if any(mean.model != "jpeg" for mean in result.means):
        (STORED / f"{stem}.svg").write_text(plots.gain_by_quality(result), "utf-8")


def run_script(name: str, stem: str, models: list[str]) -> None:
    """One of the other benchmarks, stored as ``stem``; a process of its own has memory and threads of its own."""
    script = Path(__file__).with_name(f"{name.removesuffix('-shift')}.py")
    words = ["--out", str(STORED / f"{stem}.json")]
    if name == "window":
        models = [model for model in models if find_method(model).tiling == "window"]
        if not models:
            return
    words += ["--model", *(models[:1] if name == "contrast" else models)]
    if name == "contrast":
        words += ["--data", str(pictures(locate("LIVE1", packed=False))[0])]
    subprocess.run([sys.executable, str(script), *words], check=True)


if __name__ == "__main__":
    main()
