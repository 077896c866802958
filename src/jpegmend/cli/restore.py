"""``jpegmend restore``: files in, restored files out, one line each."""

from __future__ import annotations

import json
import sys
from argparse import BooleanOptionalAction, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.files import EXTENSIONS, STANDARD, Job, find_sources, place_results
from jpegmend.cli.parser import Parser, real, whole
from jpegmend.cli.progress import Bar
from jpegmend.cli.units import parse_bytes
from jpegmend.errors import InvalidOption, JpegmendError, OutputError

if TYPE_CHECKING:
    from jpegmend.restoration import Restored


FORMATS = tuple(EXTENSIONS)
"""What can be written."""
RUNTIMES = ("auto", "onnx", "torch")


@dataclass(frozen=True)
class _Output:
    """How results are written and told."""

    format: str | None
    bits: int
    quality: int
    overwrite: bool
    strip: bool
    compare: bool
    as_json: bool
    quiet: bool


def add(parser: Parser) -> None:
    """The options of ``jpegmend restore``."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="files, folders, patterns; - is standard input")
    _add_places(parser.add_argument_group("files and results"))
    _add_restoration(parser.add_argument_group("restoration"))
    _add_limits(parser.add_argument_group("limits"))
    group = parser.add_argument_group("what is said")
    group.add_argument("--json", action="store_true", help="one line of JSON a file")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def _add_places(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="PATH", help="file or folder/ to write to; - is standard output")
    group.add_argument("-r", "--recursive", action="store_true", help="also the folders below")
    group.add_argument("--format", choices=FORMATS, help="by the suffix of -o, else png")
    group.add_argument(
        "--bits", type=int, choices=(8, 16), default=8, help="16 for png and tiff: the precision the network gives"
    )
    group.add_argument("--quality", type=whole(1, 100), default=95, metavar="Q", help="of a jpeg or webp: 1..100 (95)")
    group.add_argument("--overwrite", action="store_true", help="replace results that exist; never an input")
    group.add_argument("--compare", action="store_true", help="also write a before and after PNG beside the result")
    group.add_argument("--strip", action="store_true", help="drop ICC, EXIF, XMP, density and comments")
    group.add_argument(
        "--keep-orientation",
        action="store_true",
        help="leave the EXIF orientation to the viewer; else it is applied",
    )


def _add_restoration(group: Any) -> None:
    group.add_argument("--model", metavar="NAME", help="a name from `jpegmend models`, or the path of a card (.json)")
    group.add_argument(
        "--strength", type=real(0, 1), default=1.0, metavar="X", help="0 the decoded JPEG, 1 the network (1)"
    )
    group.add_argument(
        "--consistent",
        action=BooleanOptionalAction,
        help="keep every coefficient in the cell the file states; without either: where the file was saved once",
    )
    group.add_argument(
        "--assume-quality",
        type=whole(1, 100),
        metavar="Q",
        help="treat as compressed at this quality, 1..100, whatever the file says",
    )
    group.add_argument("--runtime", choices=RUNTIMES, default="auto", help="what the network runs on (auto)")
    group.add_argument("--strict", action="store_true", help="a damaged file is an error")


def _add_limits(group: Any) -> None:
    group.add_argument("--threads", type=whole(1), metavar="N", help="CPU threads; all without it")
    group.add_argument("--memory", metavar="SIZE", help="memory to stay under, such as 2G")
    group.add_argument(
        "--max-pixels",
        type=whole(1),
        default=500_000_000,
        metavar="N",
        help="refuse files that claim more (500 million)",
    )


def run(given: Namespace) -> int:
    """Remove compression artifacts from pictures."""
    chosen = given.format or _format_of(given.output)
    if given.bits == 16 and chosen in ("webp", "jpeg"):
        raise InvalidOption(f"--bits 16: {chosen} holds 8 bits; choose png or tiff")
    sources = find_sources(given.files, recursive=given.recursive)
    jobs = place_results(sources, given.output, EXTENSIONS[chosen or "png"])
    if given.compare and any(job.target == STANDARD for job in jobs):
        raise InvalidOption("--compare writes beside the result, and standard output has no place beside it")
    options: dict[str, Any] = {
        "strength": given.strength,
        "consistent": given.consistent,
        "bits": given.bits,
        "quality": given.assume_quality,
        "threads": given.threads,
        "memory": None if given.memory is None else parse_bytes(given.memory),
        "runtime": given.runtime,
        "max_pixels": given.max_pixels,
        "strict": given.strict,
        "orientation": "keep" if given.keep_orientation else "apply",
    }
    if given.model is not None:
        options["model"] = given.model
    telling = _Output(
        chosen, given.bits, given.quality, given.overwrite, given.strip, given.compare, given.json, given.quiet
    )
    return _restore_all(jobs, options, telling)


def _format_of(output: str | None) -> str | None:
    by_suffix = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp"}
    by_suffix |= dict.fromkeys((".jpg", ".jpeg"), "jpeg")
    suffix = Path(output or "").suffix.lower()
    if suffix and suffix not in by_suffix and not Path(output or "").is_dir():
        raise InvalidOption(f"-o {output}: cannot write {suffix}; choose {', '.join(by_suffix)} or give --format")
    return by_suffix.get(suffix)


def _restore_all(jobs: list[Job], options: dict[str, Any], telling: _Output) -> int:
    """Every job in turn; a failure is told and the rest go on. Returns the exit code."""
    failed: list[tuple[Job, str]] = []
    inputs = [job.source for job in jobs]
    with Bar(len(jobs), shown=not (telling.quiet or telling.as_json)) as bar:
        for job in jobs:
            try:
                _check_place(job, inputs, telling.overwrite)
                line = _restore_one(job, options, telling, bar)
            except InvalidOption:
                raise
            except (JpegmendError, OSError) as error:
                failed.append((job, str(error)))
                line = _failure(job, error, telling)
            bar.file_done()
            if line is not None:
                _tell(line, job, telling)
    if failed and len(jobs) > 1 and not telling.as_json:
        names = "\n".join(f"  {job.source}: {reason}" for job, reason in failed)
        sys.stderr.write(f"jpegmend: {len(failed)} of {len(jobs)} files failed\n{names}\n")
    return SOME_FAILED if failed else DONE


def _check_place(job: Job, inputs: list[Path], overwrite: bool) -> None:
    """A result never takes the place of an input of this run, whatever it is called; told before any work is done."""
    if job.target == STANDARD or not job.target.exists():
        return
    from jpegmend.writing import check_target

    check_target(job.target, overwrite=overwrite)
    if any(source != STANDARD and source.exists() and source.samefile(job.target) for source in inputs):
        raise OutputError(f"{job.target} is an input; inputs are never overwritten, choose another -o")


def _restore_one(job: Job, options: dict[str, Any], telling: _Output, bar: Bar) -> str | None:
    from jpegmend.restoration import restore

    source = sys.stdin.buffer.read() if job.source == STANDARD else job.source
    restored = restore(source, **options, progress=bar.tiles(str(job.source)))
    target: Any = sys.stdout.buffer if job.target == STANDARD else job.target
    if job.target != STANDARD:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    left_out = restored.save(
        target,
        format=telling.format or ("png" if job.target == STANDARD else None),
        bits=telling.bits,
        overwrite=telling.overwrite,
        strip=telling.strip,
        quality=telling.quality,
    )
    if telling.compare:
        from jpegmend.writing import comparison

        decoded = restore(source, **{**options, "strength": 0.0})
        beside = job.target.with_name(f"{job.target.stem}.compare.png")
        comparison.write(decoded.to_array(8), restored.to_array(8), beside, overwrite=telling.overwrite)
    if telling.as_json:
        facts = {"file": str(job.source), "output": str(job.target), "not_kept": list(left_out)}
        return json.dumps({**facts, **restored.report.as_dict()})
    return None if telling.quiet else _summary(job, restored, left_out)


def _summary(job: Job, restored: Restored, left_out: tuple[str, ...]) -> str:
    """What was read and what was done, in one or two lines."""
    report = restored.report
    kind = " ".join(str(part) for part in (report.coding, report.format, report.sampling) if part)
    quality = (
        f"quality {report.quality}{'' if report.quality_exact else ' or so'} by its tables" if report.quality else ""
    )
    if report.estimated_quality is not None and (report.estimated or not report.consistent):
        quality = f"{quality}{', ' if quality else ''}looks like quality {report.estimated_quality}"
    if report.quality_by_network is not None:
        quality = f"{quality}{', ' if quality else ''}quality {report.quality_by_network:.0f} by the network"
    read = ", ".join(part for part in (f"{report.width}x{report.height}", kind, quality) if part)
    how = "nothing to restore" if report.runtime is None and report.strength == 0 else report.model
    lines = [f"{job.source}: {read}", f"  -> {job.target}  ({how}, {report.seconds:.1f} s)"]
    if report.lost:
        lines.append(f"  {report.lost:.0%} of the picture never arrived; the rest is restored")
    notes = [*report.warnings, *(f"not kept: {what}" for what in left_out)]
    return "\n".join([*lines, *(f"  note: {note}" for note in notes)])


def _failure(job: Job, error: Exception, telling: _Output) -> str | None:
    if telling.as_json:
        return json.dumps({"file": str(job.source), "error": type(error).__name__, "message": str(error)})
    sys.stderr.write(f"jpegmend: {job.source}: {error}\n")
    return None


def _tell(line: str, job: Job, telling: _Output) -> None:
    # With the picture on standard output, words go to standard error.
    stream = sys.stderr if job.target == STANDARD else sys.stdout
    stream.write(line + "\n")
    stream.flush()
