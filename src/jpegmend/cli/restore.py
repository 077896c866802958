"""``jpegmend restore``: files in, restored files out, one line each."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.files import EXTENSIONS, STANDARD, Job, find_sources, place_results
from jpegmend.cli.progress import Bar
from jpegmend.cli.units import parse_bytes
from jpegmend.errors import InvalidOption, JpegmendError, OutputError

if TYPE_CHECKING:
    from jpegmend.restoration import Restored


class Format(StrEnum):
    """What can be written."""

    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"
    JPEG = "jpeg"


class Runtime(StrEnum):
    """What the network runs on."""

    AUTO = "auto"
    ONNX = "onnx"
    TORCH = "torch"


@dataclass(frozen=True)
class _Output:
    """How results are written and told."""

    format: Format | None
    bits: int
    quality: int
    overwrite: bool
    strip: bool
    compare: bool
    as_json: bool
    quiet: bool


def command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, folders, patterns; - is standard input.")
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="PATH", help="File or folder/ to write to; - is standard output."),
    ] = None,
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Also the folders below.")] = False,
    format: Annotated[Format | None, typer.Option(help="By the suffix of -o, else png.")] = None,
    bits: Annotated[int, typer.Option(help="8, or 16 for png and tiff: the precision the network gives.")] = 8,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of a jpeg or webp that is written.")] = 95,
    model: Annotated[str | None, typer.Option(help="A name from `jpegmend models`.")] = None,
    strength: Annotated[float, typer.Option(min=0, max=1, help="0 the decoded JPEG, 1 the network.")] = 1.0,
    consistent: Annotated[
        bool | None,
        typer.Option(
            "--consistent/--no-consistent",
            help="Keep every coefficient in the cell the file states. Without either: where the file was saved once.",
        ),
    ] = None,
    assume_quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="Treat as compressed at this quality, whatever the file says.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all without it.")] = None,
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory to stay under, such as 2G.")] = None,
    runtime: Annotated[Runtime, typer.Option(help="What the network runs on.")] = Runtime.AUTO,
    max_pixels: Annotated[int, typer.Option(min=1, help="Refuse files that claim more.")] = 500_000_000,
    strict: Annotated[bool, typer.Option("--strict", help="A damaged file is an error.")] = False,
    strip: Annotated[bool, typer.Option("--strip", help="Drop ICC, EXIF, XMP, density and comments.")] = False,
    keep_orientation: Annotated[
        bool, typer.Option("--keep-orientation", help="Leave the EXIF orientation to the viewer; else it is applied.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist; never an input.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write a before and after PNG beside the result.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a file.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")] = False,
) -> int:
    """Remove compression artifacts from pictures."""
    chosen = format or _format_of(output)
    if bits == 16 and chosen in (Format.WEBP, Format.JPEG):
        raise InvalidOption(f"--bits 16: {chosen.value} holds 8 bits; choose png or tiff")
    jobs = place_results(find_sources(files, recursive=recursive), output, EXTENSIONS[chosen or Format.PNG])
    if compare and any(job.target == STANDARD for job in jobs):
        raise InvalidOption("--compare writes beside the result, and standard output has no place beside it")
    options: dict[str, Any] = {
        "strength": strength,
        "consistent": consistent,
        "bits": bits,
        "quality": assume_quality,
        "threads": threads,
        "memory": None if memory is None else parse_bytes(memory),
        "runtime": runtime.value,
        "max_pixels": max_pixels,
        "strict": strict,
        "orientation": "keep" if keep_orientation else "apply",
    }
    if model is not None:
        options["model"] = model
    telling = _Output(chosen, bits, quality, overwrite, strip, compare, as_json, quiet)
    return _restore_all(jobs, options, telling)


def _format_of(output: str | None) -> Format | None:
    by_suffix = {".png": Format.PNG, ".tif": Format.TIFF, ".tiff": Format.TIFF, ".webp": Format.WEBP}
    by_suffix |= dict.fromkeys((".jpg", ".jpeg"), Format.JPEG)
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
    from jpegmend.restoration.output import check_target

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
        format=telling.format.value if telling.format else ("png" if job.target == STANDARD else None),
        bits=telling.bits,
        overwrite=telling.overwrite,
        strip=telling.strip,
        quality=telling.quality,
    )
    if telling.compare:
        from jpegmend.restoration import comparison

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
