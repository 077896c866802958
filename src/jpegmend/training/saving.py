"""What a run writes at every save: checkpoint, averaged weights, validation, a line of the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegmend.models import files
from jpegmend.training import validation
from jpegmend.training.recipe import build_config
from jpegmend.training.reports import Reports
from jpegmend.training.run import Run


def save(run: Run, reports: Reports, facts: dict[str, Any]) -> None:
    """Write the checkpoint and the averaged weights, validate, and add a line with ``facts`` to the log."""
    if not run.group.is_main:
        return
    state, folder = run.state, run.settings.folder
    line: dict[str, Any] = {"step": state.step, "minutes": round(state.seconds / 60, 2), **facts}
    _save_weights(run, folder / "average.safetensors")
    _save_auxiliaries(run, folder)
    # Before the validation, so that being killed during it costs no more than its time.
    state.save(folder / "checkpoint.pt")
    if run.settings.validation:
        found = validate(run, folder / "average.safetensors")
        line |= found
        if (score := validation.mean_gain(found)) > state.best:
            state.best = score
            _save_weights(run, folder / "best.safetensors")
            state.save(folder / "checkpoint.pt")
    reports.save(line)


def _save_weights(run: Run, path: Path) -> None:
    """Write the averaged weights, with what the run says of itself as header."""
    state = run.state
    facts = {
        "recipe": run.recipe.model_dump(mode="json"),
        "data": [source.name for source in run.settings.data],
        "steps": state.step,
        "seconds": round(state.seconds),
    }
    if state.earlier_steps:
        facts["earlier"] = {"steps": state.earlier_steps, "seconds": round(state.earlier_seconds)}
    files.save_weights(path, run.spec, state.config, state.average, facts)


def _save_auxiliaries(run: Run, folder: Path) -> None:
    """Write the weights of each auxiliary network to ``auxiliary.NAME.safetensors``."""
    for stage in run.recipe.stages:
        name, network = stage.auxiliary, run.state.networks[stage.auxiliary]
        config = getattr(network, "config", None) or run.recipe.auxiliary_config(stage)
        facts = {"recipe": run.recipe.model_dump(mode="json"), "data": [source.name for source in run.settings.data]}
        files.write_tensors(folder / f"auxiliary.{name}.safetensors", name, config, network.state_dict(), facts)


def validate(run: Run, weights: Path) -> dict[str, float]:
    """Scores of a weights file by the recipe's settings."""
    network, header = files.load_weights(weights)
    recipe, spec = run.recipe, run.spec
    qualities = recipe.validation.qualities or validation.trained_qualities(recipe.degradation)
    coloured = any(share for kind, share in recipe.degradation.sampling.items() if kind != "gray")
    return validation.scores(
        network,
        spec,
        build_config(spec.config, header["config"], spec.name),
        run.settings.validation,
        qualities=qualities,
        colour=qualities[(len(qualities) - 1) // 2] if coloured else None,
        most=recipe.validation.pictures,
        device=run.settings.device,
    )
