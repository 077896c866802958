"""Output of ``jpegmend restore`` and ``upscale``: a line a picture, a summary, the failures, as text or as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from jpegmend.batch.comparison import Gain, compared_with, in_decibels, quality_in_words
from jpegmend.batch.find import STANDARD, describe
from jpegmend.batch.plan import Item
from jpegmend.batch.settings import Settings
from jpegmend.batch.work import Outcome
from jpegmend.cli.options import translate
from jpegmend.cli.progress import Bar
from jpegmend.cli.streams import printable


class Show:
    """Prints the outcome of each item of a run and counts outcomes."""

    def __init__(self, items: list[Item], settings: Settings, *, as_json: bool, quiet: bool) -> None:
        self._items = items
        self._idle = "decoded only, strength 0" if settings.options.get("strength") == 0 else "nothing to restore"
        self._operation = settings.operation
        self._compares, self._reference = settings.output.compare, settings.output.reference
        self._json = as_json
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._read = self._written = 0
        self._failures: list[tuple[Path, str]] = []
        self._started = time.monotonic()
        self.bar = Bar(sum(item.has_work for item in items), shown=not (quiet or as_json))

    @property
    def failed(self) -> int:
        """Pictures that failed so far."""
        return self._counts["failed"]

    def tell(self, item: Item, outcome: Outcome | None) -> None:
        """Print the outcome of one picture; ``None`` means that it was skipped."""
        if outcome is None:
            self._counts["skipped"] += 1
            self._tell_skipped(item)
        elif outcome.error:
            self._counts["failed"] += 1
            self.bar.add(failed=True)
            self._tell_failed(item, outcome)
        else:
            self._counts["done"] += 1
            self.bar.add(megapixels=float(outcome.report["megapixels"]))
            self._tell_done(item, outcome)
        if outcome and outcome.report:
            self._read += outcome.size or 0
            self._written += outcome.written or 0

    def plan(self) -> None:
        """Print what would be done, and the paths of the results."""
        for item in self._items:
            what = (
                translate(item.problem, *_paths(item))
                or {"done": "done already", "exists": "exists already", "": ""}[item.skip]
            )
            if self._json:
                facts = {"file": str(item.picture.path), "output": str(item.target)}
                facts["would"] = item.skip or ("fail" if item.problem else self._operation)
                _write({**facts, "message": what} if item.problem else facts, item)
            else:
                self._line(
                    f"{printable(item.picture.path)} -> {printable(item.target)}{f'  ({what})' if what else ''}", item
                )
        if not self._json and not self._quiet:
            left = sum(not item.has_work for item in self._items)
            done = "restored" if self._operation == "restore" else "enlarged"
            text = f"{len(self._items) - left} would be {done}, {left} not; nothing was written"
            self._line(text, self._items[0] if self._items else None)

    def finish(self, passed_over: Mapping[str, int], journals: list[Path]) -> None:
        """Print the summary of the run and each failure once."""
        self.bar.close()
        several = len(self._items) > 1 or bool(journals) or bool(passed_over)
        if not self._json:
            for source, reason in self._failures:
                sys.stderr.write(f"jpegmend: {printable(source)}: {printable(reason)}\n")
        if self._json or self._quiet or not several:
            return
        counts = ", ".join(f"{self._counts[name]} {name}" for name in ("done", "skipped", "failed"))
        if left := len(self._items) - self._counts.total():  # the run was stopped
            counts += f", {left} left for the same command"
        parts = [f"{counts} in {_duration(time.monotonic() - self._started)}"]
        if self._written:
            parts.append(f"{size_in_words(self._read)} read, {size_in_words(self._written)} written")
        if passed_over:
            parts.append(f"passed over: {describe(passed_over)}")
        if journals:
            parts.append(f"journal: {', '.join(map(printable, journals))}")
        self._line("; ".join(parts), self._items[0] if self._items else None)

    def _tell_skipped(self, item: Item) -> None:
        if self._json:
            _write({"file": str(item.picture.path), "output": str(item.target), "outcome": "skipped"}, item)
        elif item.skip == "exists":
            asked = [f"not measured against {printable(self._reference)}"] if self._reference else []
            if self._compares and not os.path.lexists(compared_with(item.target)):
                asked.append("not compared")
            found = f"{printable(item.target)} exists{''.join(f', {what}' for what in asked)}"
            self._line(f"{printable(item.picture.path)}: skipped, {found}; --overwrite makes it anew", item)

    def _tell_failed(self, item: Item, outcome: Outcome) -> None:
        message = translate(str(outcome.message), *_paths(item))
        failed = {"outcome": "failed", "error": outcome.error, "message": message}
        if outcome.report:  # written without some of its pages
            self._tell_done(item, outcome, failed)
        elif self._json:
            _write({"file": str(item.picture.path), **failed}, item)
        if not self._json:
            self._failures.append((item.picture.path, message))

    def _tell_done(self, item: Item, outcome: Outcome, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Print the result of a picture; ``more`` are keys of its JSON."""
        if self._json:
            facts: dict[str, Any] = {"file": str(item.picture.path), "output": str(item.target), "outcome": "done"}
            facts |= more
            if outcome.compared:
                facts["compared"] = str(outcome.compared)
            if outcome.gain:
                facts["reference"] = outcome.gain.as_dict()
            facts |= report_as_json(outcome.report, outcome.not_kept)
            _write(facts, item)
        else:
            self._line(_words(item, outcome, self._idle, enlarged=self._operation == "upscale"), item)

    def _line(self, text: str, item: Item | None) -> None:
        if self._quiet:
            return
        stream = _stream(item)
        self.bar.clear()
        stream.write(text + "\n")
        stream.flush()


def _stream(item: Item | None) -> TextIO:
    """Standard output, or standard error where the picture goes to standard output."""
    return sys.stderr if item is not None and item.target == STANDARD else sys.stdout


def _paths(item: Item) -> tuple[Path, ...]:
    """Paths that messages on an item may name."""
    source, target = item.picture.path, item.target
    return source, target, compared_with(target), source.parent, target.parent


def _words(item: Item, outcome: Outcome, idle: str, *, enlarged: bool) -> str:
    """One line on input and restoration, and one for each note; ``idle`` is printed instead of a model if none ran."""
    report = outcome.report
    kind = " ".join(str(part) for part in (report["coding"], report["format"], report["sampling"]) if part)
    size = f"{report['width']}x{report['height']}{' from' if enlarged else ''}"
    read = ", ".join(part for part in (f"{size} {kind}", quality_in_words(report)) if part)
    how = report["model"] if report["runtime"] else idle
    lines = [f"{printable(item.picture.path)} -> {printable(item.target)}: {read}; {how}, {outcome.seconds:.1f} s"]
    lines += notes_in_words(report, outcome.not_kept)
    if outcome.gain:
        lines.append(f"PSNR to {printable(outcome.gain.reference)}: {_gain(outcome.gain)}")
    if outcome.compared:
        lines.append(f"before and after: {printable(outcome.compared)}")
    return "\n  ".join(lines)


def report_as_json(report: Mapping[str, Any], not_kept: Sequence[str]) -> dict[str, Any]:
    """A report and what the format cannot hold, as values for JSON, in the words of the command."""
    words = {"not_kept": not_kept, "warnings": report["warnings"]}
    return {**report, **{name: [translate(note) for note in notes] for name, notes in words.items()}}


def notes_in_words(report: Mapping[str, Any], not_kept: Sequence[str]) -> list[str]:
    """A line for the missing part of a picture, one for each warning, and one for all that the format cannot hold."""
    lines = []
    if report["lost"]:
        lost = f"{report['lost']:.0%}"
        lines.append(f"{lost} of the picture never arrived{'' if lost == '100%' else '; the rest is restored'}")
    lines += [f"note: {translate(note)}" for note in report["warnings"]]
    return lines + [f"note: not kept: {translate(what)}" for what in not_kept]


def _gain(gain: Gain) -> str:
    change = f", {gain.change} dB" if gain.change else ""
    return f"{in_decibels(gain.decoded)} decoded, {in_decibels(gain.restored)} restored{change}"


def _write(facts: Mapping[str, Any], item: Item) -> None:
    stream = _stream(item)
    stream.write(json.dumps(facts) + "\n")
    stream.flush()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02} min"


def size_in_words(count: int) -> str:
    """A number of bytes in the unit that suits it.

    >>> size_in_words(1_234_000_000), size_in_words(5_300)
    ('1.23 GB', '5 kB')
    """
    for unit, size, digits in (("TB", 1e12, 2), ("GB", 1e9, 2), ("MB", 1e6, 1)):
        if count >= size:
            return f"{count / size:.{digits}f} {unit}"
    return f"{count / 1e3:.0f} kB"
