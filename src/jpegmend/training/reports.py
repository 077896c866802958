"""Log of a run: a JSON line for each save, a progress bar, and TensorBoard if it is installed."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from jpegmend.training.folder import LOG


class Reports:
    """Writes ``log.jsonl`` and TensorBoard's files in the folder of the run; silent where ``leads`` is False."""

    def __init__(self, folder: Path, *, name: str, leads: bool = True, bar: bool = False) -> None:
        self.folder, self.leads = folder, leads
        # Without markup: Rich would take a bracket in the name of a run or of a folder for a style.
        named, facts = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[facts]"))
        percent = TextColumn("{task.percentage:>5.1f} %")
        self._bar = Progress(named, BarColumn(), percent, facts, disable=not (bar and leads))
        self._task = self._bar.add_task(name, total=1.0, facts="")
        self._scores = ""
        self._board = _tensorboard(folder) if leads else None

    def __enter__(self) -> Reports:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._board:
            self._board.close()

    def progress(self, share: float, loss: float, pixels_a_second: float, seconds_left: float) -> None:
        """Update the progress bar: share of the budget, mean loss, speed, time left."""
        facts = f"loss {loss:.5f}, {pixels_a_second / 1e6:.2f} Mpixel/s{self._scores}, {seconds_left / 60:.0f} min left"
        self._bar.update(self._task, completed=share, facts=facts)

    def save(self, line: dict[str, Any]) -> None:
        """Add a line to the log; keys are step, minutes, loss, share, pixels_a_second and the validation's."""
        if not self.leads:
            return
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        found = {key: value for key, value in line.items() if key.startswith("psnr_")}
        self._scores = "".join(f", {value:.2f} dB at {key.removeprefix('psnr_')}" for key, value in found.items())
        if self._board:
            for key, value in line.items():
                if isinstance(value, (int, float)):
                    self._board.add_scalar(key, value, line["step"])

    def note(self, text: str) -> None:
        """Print a line above the progress bar."""
        if self.leads:
            self._bar.console.print(text, highlight=False, markup=False)


def _tensorboard(folder: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    except Exception as error:  # a release of TensorBoard that does not fit NumPy or protobuf fails in other ways
        warnings.warn(f"TensorBoard cannot be loaded ({error}); the run goes on without its files", stacklevel=3)
        return None
    return SummaryWriter(str(folder))
