"""Release of a trained network: weights in half precision, ONNX file, card, and training curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from jpegmend import models
from jpegmend.errors import InvalidOption, MissingExtra, NotExportable, WeightsDamaged, WeightsMissing
from jpegmend.models import files, ranker_file
from jpegmend.models.card_fields import card_fields
from jpegmend.models.contract import Spec
from jpegmend.models.integers import uses_integers
from jpegmend.runtimes.memory import grown_bytes
from jpegmend.runtimes.onnx import PLANES, QUALITY, import_onnxruntime, open_session
from jpegmend.runtimes.processor import available_threads, processor_name
from jpegmend.runtimes.ranker import RANKER_ONNX, RANKER_WEIGHTS
from jpegmend.training import curve
from jpegmend.training.receptive_field import measured_halo
from jpegmend.training.recipe import build_config
from jpegmend.weights import Card, read_card
from jpegmend.weights.card import make_card, write_card
from jpegmend.weights.catalogue import CARDS as CARDS
from jpegmend.weights.catalogue import check_name, file_entry
from jpegmend.writing.atomic import make_folder, write_bytes

ONNX_TOLERANCE = 1e-3
"""Largest difference between ONNX Runtime and PyTorch on white noise in 0..1 of a size not exported at, as a share of
the largest value of the answer where that is above 1: rounding grows with it, and MDU answered such noise by 475."""
INTEGER_TOLERANCE = 2e-2
"""The same for networks with convolutions in integers: a value that lies between two steps may be rounded to either of
them, and a step is a 255th of the range of a layer."""
_SIDES = (704, 1024, 1280)
"""Sides in pixels of the pictures at which memory is measured. ONNX Runtime takes it in blocks, each twice as large as
the one before, so that the bytes of a pixel differ with the size."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Fields of the card that a run does not state; None or empty fields are taken from the run if possible."""

    data: Sequence[str] = ()
    """Data sets trained on, with their licences."""
    licence: str = "Apache-2.0"
    machine: str | None = None
    notes: str = ""
    caution: Sequence[tuple[float, float]] = ()
    """Points (quality, share of the strength), see ``jpegmend.weights.Card.caution``."""
    scores: Sequence[dict[str, Any]] = ()
    """Scores by ``jpegmend evaluate``; empty: those of the run's validation."""
    scored: str = ""
    """sha256 of the weights file that these are of, ONNX or safetensors; empty: not checked."""


def release(
    run: Path,
    name: str,
    *,
    folder: Path = CARDS,
    facts: Facts | None = None,
    changes: Mapping[str, Any] | None = None,
    traces: Sequence[str] = (),
    say: Callable[[str], None] = lambda step: None,
) -> Card:
    """Write ``NAME.safetensors``, ``NAME.onnx`` and ``NAME.json`` into ``folder``.

    ``run`` is the folder of a run, or a weights file. The training curve goes to ``curve.png`` beside the run's log,
    where matplotlib is installed. ``changes`` are hyper-parameters that differ from the run's, of those that no weight
    depends on (``Spec.free``). ``traces`` names intermediate results that the ONNX file outputs too; they make every
    run of it slower. ``say`` is called with a description of each step before it; steps take minutes for a large
    network.

    Raises :class:`~jpegmend.errors.WeightsMissing` where there is no such run,
    :class:`~jpegmend.errors.InvalidRecipe` for changes of another type than the hyper-parameter's,
    :class:`~jpegmend.errors.InvalidOption` for other changes, for scores of other weights, for a name that is no file
    name, or one that other files or the card of another network have there,
    :class:`~jpegmend.errors.WeightsDamaged` for facts that no card may have,
    :class:`~jpegmend.errors.OutputError` where ``folder`` cannot be made, and
    :class:`~jpegmend.errors.NotExportable` where the ONNX file differs from PyTorch or a trace is unknown.
    """
    check_name(name)
    named = (run, Path(f"{run}.safetensors"), run / "average.safetensors")
    source = next((path for path in named if path.is_file()), None)
    if source is None:
        raise WeightsMissing(f"{run}: no average.safetensors there; give the folder that `jpegmend train` wrote")
    facts = facts or Facts()
    network, header = files.load_weights(source, changes)
    log = curve.read_log(source.parent / "log.jsonl")
    spec = models.find(header["network"])
    config = build_config(spec.config, header["config"], spec.name)
    path = folder / f"{name}.json"
    _check_taken(path, spec)
    record = card_fields(name, spec, config) | _training_facts(header, log, facts)
    if folder.resolve() == CARDS.resolve():
        record["recipe"] = f"recipes/{header.get('recipe', {}).get('name', name)}.toml"
    make_card(record, path)
    make_folder(folder)
    say("measuring the receptive field")
    record["halo"] = measured_halo(network, spec, config)
    say("writing the weights, and as ONNX, and comparing both")
    with files.written_apart(folder, name) as base:
        record["files"] = _write_files(base, network, spec, config, _header(header, record), traces)
        record["files"] |= _write_ranker(base, source.parent / "auxiliary.ranker.safetensors")
        _check_scored(facts.scored, record["files"])
        say("measuring its memory")
        record["bytes_per_pixel"] = (
            measured_bytes(base.with_name(f"{base.name}.onnx"), spec, config) or record["bytes_per_pixel"]
        )
    record["released"] = True
    write_card(path, record)
    if log:
        drawn = source.parent / "curve.png"
        say(f"drawing the curve, {drawn}")
        try:
            curve.draw(log, drawn, title=name)
        except MissingExtra as error:  # all else is written
            say(f"leaving it out: {error}")
    return read_card(path)


def _check_taken(path: Path, spec: Spec) -> None:
    """Refuse to replace weights without a card, such as a run's own, a file that is no card, or the card of another
    network, such as the default one."""
    if not path.exists():
        weights = (path.with_suffix(suffix) for suffix in (".safetensors", ".onnx"))
        if there := next((file for file in weights if file.exists()), None):
            raise InvalidOption(
                f"{there} has no card here, and would be replaced; give another --name, or another --out"
            )
        return
    try:
        before = f"the card of {network} weights" if (network := read_card(path).network) != spec.name else ""
    except WeightsDamaged:
        before = "no card"
    if before:
        raise InvalidOption(f"{path} is {before}, these are {spec.name} weights; give another --name, or another --out")


def _check_scored(scored: str, written: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse scores of other weights than those that are released."""
    if scored and scored not in (entry["sha256"] for entry in written.values()):
        there = ", ".join(f"{entry['file']} has {entry['sha256'][:12]}" for entry in written.values())
        raise InvalidOption(
            f"the scores are of weights with the sha256 {scored[:12]}, {there}; release them without --scores, "
            "evaluate what was released, and release it again with that result"
        )


def _header(run: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Header of the weights file: the recipe, and fields of the card."""
    kept = {key: run[key] for key in ("recipe", "steps", "seconds", "earlier") if key in run}
    if recipe := kept.get("recipe"):
        stages = [_without_folder(stage, "weights") for stage in recipe.get("stages", [])]
        kept["recipe"] = _without_folder(recipe, "teacher") | {"stages": stages}
    # Without scores: results refer to the checksum of the weights file, which the scores would change.
    return kept | {key: record[key] for key in ("data", "licence", "trained")}


def _without_folder(table: dict[str, Any], key: str) -> dict[str, Any]:
    """A table of a recipe whose file under ``key``, where given, is a name without the folders of this machine."""
    return table | {key: Path(table[key]).name} if table.get(key) else table


def _training_facts(header: dict[str, Any], log: list[dict[str, Any]], facts: Facts) -> dict[str, Any]:
    """Data, licence, training time and scores, as fields of the card."""
    earlier = header.get("earlier", {})
    trained = {
        "minutes": round((header.get("seconds", 0) + earlier.get("seconds", 0)) / 60, 1),
        "steps": header.get("steps", 0) + earlier.get("steps", 0),
        "machine": facts.machine or describe_machine(),
    }
    return {
        "data": list(facts.data or header.get("data", ())),
        "licence": facts.licence,
        "trained": trained,
        "scores": list(facts.scores) or validation_scores(log, header.get("steps")),
        "notes": facts.notes,
        "caution": [list(point) for point in facts.caution],
    }


def validation_scores(log: list[dict[str, Any]], steps: int | None = None) -> list[dict[str, Any]]:
    """The last validation after at most ``steps`` steps, one row a quality, PSNR and gain over the JPEG in dB.

    ``best.safetensors`` may be older than the end of the run.
    """
    lines = [line for line in log if steps is None or line["step"] <= steps]
    last: dict[str, Any] = next((line for line in reversed(lines) if any(key.startswith("psnr_") for key in line)), {})
    qualities = [int(key.removeprefix("psnr_")) for key in last if key.startswith("psnr_")]
    return [
        {
            "protocol": "training validation, gray",
            "quality": quality,
            "psnr_db": last[f"psnr_{quality}"],
            "gain_db": last[f"gain_{quality}"],
        }
        for quality in qualities
    ]


def _write_files(
    base: Path, network: nn.Module, spec: Spec, config: Any, facts: dict[str, Any], traces: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Write the weights in every form the network has; returns file names and checksums by form."""
    weights = base.with_name(f"{base.name}.safetensors")
    files.save_weights(weights, spec.name, config, network.state_dict(), facts)
    graph = base.with_name(f"{base.name}.onnx")
    # Exported from the written file, so that the ONNX file too has the weights rounded to half precision.
    network, _ = files.load_weights(weights)
    files.export_onnx(graph, network, spec, config, traces)
    check_onnx(graph, network, spec, config)
    written = {"safetensors": weights, "onnx": graph}
    return {form: file_entry(path) for form, path in written.items()}


def _write_ranker(base: Path, trained: Path) -> dict[str, dict[str, str]]:
    """Write the ranker that the run trained (CQR), as ``.ranker.safetensors`` and ``.ranker.onnx``, if there is one."""
    if not trained.exists():
        return {}
    written = {form: base.with_name(f"{base.name}.{form}") for form in (RANKER_WEIGHTS, RANKER_ONNX)}
    write_bytes(written[RANKER_WEIGHTS], trained.read_bytes())
    ranker, _ = ranker_file.load_ranker(trained)
    ranker_file.export_ranker(written[RANKER_ONNX], ranker)
    return {form: file_entry(path) for form, path in written.items()}


def check_onnx(path: Path, network: nn.Module, spec: Spec, config: Any) -> float:
    """The largest difference between the graph and the network, on a size the export did not see, over the range of
    values: for planes the largest of the answer, at least 1, and 100 for the quality.

    Raises :class:`~jpegmend.errors.NotExportable` where it is above :data:`ONNX_TOLERANCE`, or
    :data:`INTEGER_TOLERANCE`.
    """
    allowed = INTEGER_TOLERANCE if uses_integers(network) else ONNX_TOLERANCE
    seen = files.example(spec, config, 80, 112)
    with torch.inference_mode():
        expected = network(seen)
    session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # A graph keeps only the inputs that it reads.
    given = {entry.name: getattr(seen, entry.name).numpy() for entry in session.get_inputs()}
    planes = expected.planes.numpy()
    worst = float(np.abs(session.run([PLANES], given)[0] - planes).max() / max(1, np.abs(planes).max()))
    if expected.quality is not None:
        quality = session.run([QUALITY], given)[0]
        worst = max(worst, float(np.abs(quality - expected.quality.numpy()).max()) / 100)
    if not worst <= allowed:
        raise NotExportable(
            f"{path.name} differs from PyTorch by {worst:.2g}; at most {allowed:.0e} is allowed: "
            "one of its operations has another result in ONNX Runtime"
        )
    return worst


def measured_bytes(graph: Path, spec: Spec, config: Any) -> int:
    """Memory of one run of ONNX Runtime on large pictures, or on a window, in bytes a pixel; 0 where the system does
    not tell the memory of a process (:mod:`jpegmend.runtimes.memory`)."""
    window = spec.window_side(config)
    found = []
    for side in (window,) if window else _SIDES:
        seen, session = files.example(spec, config, side, side), open_session(graph, available_threads())
        given = {entry.name: getattr(seen, entry.name).numpy() for entry in session.get_inputs()}
        found.append((grown_bytes(partial(session.run, None, given)) or 0) / side**2)
    return round(max(found))


def describe_machine() -> str:
    """Processor or accelerator and how many, as the card names it."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{available_threads()} cores of {processor_name()}"
