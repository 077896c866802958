"""Saves of a run: checkpoint, averaged weights, validation, and a line of the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jpegmend.data.sets import set_name
from jpegmend.models import files
from jpegmend.training import validation
from jpegmend.training.folder import RunFolder
from jpegmend.training.recipe import Recipe
from jpegmend.training.reports import Reports
from jpegmend.training.run import Run


class Saver:
    """Writes a run's files, and validates it within the recipe's share of time."""

    def __init__(self, run: Run, reports: Reports, folder: RunFolder | None) -> None:
        """``folder`` is that of the run; None in processes that write no files."""
        self.run, self.reports, self.folder = run, reports, folder
        self.validated = self.took = 0.0
        """When the last validation ended, and how long it took, in seconds."""
        self.saved = run.state.step
        """Step of the last save, or of the beginning."""

    def save(self, facts: dict[str, Any], *, last: bool = False) -> None:
        """Write the checkpoint and the averaged weights, validate, and add a line with ``facts`` to the log.

        Raises ``OutputError`` where the folder is no longer that of this run.
        """
        run, state, folder = self.run, self.run.state, self.run.settings.folder
        self.saved = state.step
        if self.folder is None:
            return
        self.folder.check()
        line: dict[str, Any] = {"step": state.step, "minutes": round(state.seconds / 60, 2), **facts}
        _save_weights(run, folder / "average.safetensors")
        _save_auxiliaries(run, folder)
        # Before the validation, so that nothing else is lost if the process is killed during it.
        state.save(folder / "checkpoint.pt")
        if run.validation and (last or self._is_due()):
            line |= self._validate()
        self.reports.save(line)

    def _is_due(self) -> bool:
        share = self.run.recipe.validation.share
        return share == 1 or self.took <= share * (time.monotonic() - self.validated)

    def _validate(self) -> dict[str, float]:
        """Scores of the averaged weights, which are saved as ``best.safetensors`` if their mean gain is the highest."""
        began, run, state = time.monotonic(), self.run, self.run.state
        found = validate(run, run.settings.folder / "average.safetensors")
        if self.folder is not None:
            self.folder.check()  # that may have taken minutes
        measured_on = validation.checksum(run.validation, *_cases(run.recipe))
        if state.best_on not in ("", measured_on):
            # The run was resumed with another validation, whose scores cannot be compared.
            state.best = float("-inf")
        state.best_on = measured_on
        if (score := validation.mean_gain(found)) > state.best:
            state.best = score
            _save_weights(run, run.settings.folder / "best.safetensors")
            state.save(run.settings.folder / "checkpoint.pt")
        self.validated = time.monotonic()
        self.took = self.validated - began
        return found


def _save_weights(run: Run, path: Path) -> None:
    """Write the averaged weights, with facts of the run in the header."""
    state = run.state
    facts = {
        "recipe": run.recipe.model_dump(mode="json"),
        "data": [*map(set_name, run.settings.data)],
        "steps": state.step,
        "seconds": round(state.seconds),
    }
    if state.earlier_steps:
        facts["earlier"] = {"steps": state.earlier_steps, "seconds": round(state.earlier_seconds)}
    files.save_weights(path, run.spec.name, state.config, state.average, facts)


def _save_auxiliaries(run: Run, folder: Path) -> None:
    """Write the weights of each auxiliary network to ``auxiliary.NAME.safetensors``."""
    for stage in run.recipe.stages:
        name, network = stage.auxiliary, run.state.networks[stage.auxiliary]
        config = getattr(network, "config", None) or run.recipe.auxiliary_config(stage)
        facts = {"recipe": run.recipe.model_dump(mode="json"), "data": [*map(set_name, run.settings.data)]}
        files.save_weights(folder / f"auxiliary.{name}.safetensors", name, config, network.state_dict(), facts)


def validate(run: Run, weights: Path) -> dict[str, float]:
    """Scores of a weights file by the recipe's settings."""
    network, _ = files.load_weights(weights)
    qualities, colour = _cases(run.recipe)
    return validation.scores(
        network,
        run.spec,
        run.state.config,
        run.validation,
        qualities=qualities,
        colour=colour,
        device=run.settings.device,
    )


def _cases(recipe: Recipe) -> tuple[Sequence[int], int | None]:
    """The qualities that are validated in gray, and that in colour, if the recipe trains colour."""
    qualities = recipe.validation.qualities or validation.trained_qualities(recipe.degradation)
    coloured = any(share for kind, share in recipe.degradation.sampling.items() if kind != "gray")
    return qualities, qualities[(len(qualities) - 1) // 2] if coloured else None
