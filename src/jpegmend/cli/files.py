"""Options and run of the verbs that make a result of each file: ``restore`` and ``upscale``."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.options import BITS, PARALLEL, PROVIDERS, RUNTIMES, add_limits, documented, parse_size
from jpegmend.cli.parser import Parser, whole
from jpegmend.errors import InvalidOption
from jpegmend.formats import WRITTEN

if TYPE_CHECKING:
    from jpegmend.batch.find import Search
    from jpegmend.batch.names import Place, Template
    from jpegmend.batch.plan import Item, Journals
    from jpegmend.batch.settings import Settings

STRIPS = ("notes", "gps", "all")


def add_files(parser: Parser, word: str = "restored") -> None:
    """The files, and the options of places of results; ``word`` stands in their names."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="files, folders, patterns such as '*.jpg'; - is standard input"
    )
    # Options of ``restore`` alone: a result of another size has no comparison.
    parser.set_defaults(compare=False, reference=None)
    group = parser.add_argument_group("files and results")
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="folder for the results, or the result of a single file; - is standard output",
    )
    group.add_argument("-r", "--recursive", action="store_true", help="also the folders below")
    group.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="template for names of results: {stem}, {name}, {suffix}, {model}, {quality}, also folders; without it "
        "{stem}.WORD{suffix} for .jpg, else {name}.WORD{suffix}".replace("WORD", word),
    )
    group.add_argument(
        "--overwrite", action="store_true", help="make results again that exist; an input is never overwritten"
    )


def add_forms(group: Any, format_help: str = "of the results; without it by the suffix of -o, else png") -> None:
    """The options of the form of results."""
    group.add_argument("--format", choices=tuple(WRITTEN), help=format_help)
    group.add_argument("--bits", **BITS)
    group.add_argument(
        "--quality", type=whole(1, 100), metavar="Q", help="of the result, for lossy formats: 1..100 (95)"
    )
    group.add_argument(
        "--compression",
        type=whole(0, 9),
        metavar="LEVEL",
        help="effort of a png: 0 (none) to 9 (smallest file); without it the fastest for photos",
    )
    group.add_argument(
        "--strip",
        nargs="?",
        const="notes",
        default=False,
        choices=STRIPS,
        help="notes, or without a word: drop EXIF, XMP, density and comments, keep the colour profile; "
        "gps: drop the position alone; all: drop the profile too, after conversion to sRGB",
    )
    group.add_argument(
        "--srgb", action="store_true", help="convert to sRGB by the colour profile, and drop the profile"
    )
    group.add_argument(
        "--mark",
        action="store_true",
        help="state in the XMP that an algorithm altered the picture (IPTC DigitalSourceType algorithmicallyEnhanced)",
    )
    group.add_argument(
        "--keep-orientation",
        action="store_true",
        help="leave the EXIF orientation to the viewer; else it is applied",
    )


def add_running(group: Any) -> None:
    """The options of pages, of what runs the network, and of damaged files."""
    said = documented()
    group.add_argument(
        "--pages",
        type=page_number,
        metavar="all|N",
        help="of files with several pictures (TIFF, GIF): all into one TIFF, or page N; without it the first",
    )
    group.add_argument("--runtime", choices=RUNTIMES, default="auto", help=f"{said['runtime']} (auto)")
    group.add_argument("--provider", choices=PROVIDERS, default="auto", help=f"{said['provider']} (auto)")
    group.add_argument(
        "--strict", action="store_true", help="a damaged file is an error; else what can be decoded is restored"
    )


def add_resources(group: Any, *, pixels: str = "") -> None:
    """The options of processes, threads, memory and limits; ``pixels`` adds to the help of ``--max-pixels``."""
    group.add_argument(
        "--jobs",
        **PARALLEL,
        help="number of processes for several files; without it by CPUs and memory",
    )
    group.add_argument("--threads", **PARALLEL, help="CPU threads of all processes together; without it all CPUs")
    group.add_argument(
        "--memory",
        metavar="SIZE",
        help="memory that all processes together should stay under, such as 2G or 800MiB: less means smaller tiles; a "
        "picture that does not fit is an error. Without it each process takes tiles of at most 640 MB",
    )
    add_limits(group, pixels=pixels)


def add_messages(group: Any) -> None:
    """The options of what is printed."""
    group.add_argument("--json", action="store_true", help="one line of JSON a file")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    group.add_argument("--dry-run", action="store_true", help="only say what would be done, and where it would go")


def page_number(text: str) -> int | str:
    """A reader of ``--pages``."""
    if text == "all":
        return text
    try:
        return whole(1)(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{error}, or all") from error


def run_files(given: Namespace, read_settings: Callable[[Namespace, str], Settings], word: str = "restored") -> int:
    """Make a result of each file that was given, and print what became of it; returns the exit code.

    ``read_settings`` takes the parsed options and the format of the results; ``word`` stands in names of results.
    """
    from jpegmend.batch import find, names, plan
    from jpegmend.batch.share import share_out
    from jpegmend.runtimes import check_provider

    template = names.Template(given.name, word)
    folder = given.output not in (None, "-") and names.is_folder(given.output)
    output = Path(given.output) if folder else None
    search = find.find_pictures(given.files, recursive=given.recursive, output=output)
    place = names.find_place(search.pictures, given.output, given.format, default_format(given, template))
    _check(given, place, single=len(search.pictures) == 1 and search.pictures[0].named)
    settings = read_settings(given, place.format)
    if settings.options.get("strength") != 0:
        check_provider(settings.card, runtime=given.runtime, provider=given.provider)
    # Here for what it refuses: before the journal is made, and in a dry run too.
    share_out(1, jobs=given.jobs, threads=given.threads, memory=settings.options["memory"])
    with plan.open_journals(search.pictures, place, writing=not given.dry_run) as journals:
        items = plan.plan(search.pictures, place, template, settings, journals)
        if given.dry_run:
            items = plan.with_obstacles(items, compares=given.compare)
        return _work_off(items, search, settings, journals, given)


def _work_off(items: list[Item], search: Search, settings: Settings, journals: Journals, given: Namespace) -> int:
    from jpegmend.batch import run as runs
    from jpegmend.batch.share import share_out
    from jpegmend.cli.show import Show

    show = Show(items, settings, as_json=given.json, quiet=given.quiet)
    if given.dry_run:
        show.plan()
        return SOME_FAILED if any(item.problem for item in items) else DONE
    todo = sum(item.has_work for item in items)
    memory = settings.options["memory"]
    share = share_out(max(1, todo), jobs=given.jobs, threads=given.threads, memory=memory)
    try:
        for item, outcome in runs.run(items, settings, share, journals, lambda item: show.bar.tiles(item.picture.path)):
            show.tell(item, outcome)
    finally:
        show.finish(search.passed_over, [journal.file for journal in journals.values()])
    return SOME_FAILED if show.failed else DONE


def _check(given: Namespace, place: Place, *, single: bool) -> None:
    from jpegmend.batch.find import STANDARD
    from jpegmend.cli.streams import check_standard_output

    check_form(given, place.format)
    if place.file == STANDARD:
        check_standard_output()
    if given.compare and place.file == STANDARD:
        raise InvalidOption("--compare writes beside the result, and standard output has no place beside it")
    if given.reference and not single:
        raise InvalidOption("--reference is the original of a single file; `jpegmend evaluate --pairs` measures many")
    if given.name and place.file is not None:
        raise InvalidOption(f"--name {given.name!r}: -o {place.file} names the result already; give one of both")


def shared_options(given: Namespace) -> dict[str, Any]:
    """The arguments that ``jpegmend.restore`` and ``upscale`` have in common, but the model."""
    options = {
        "bits": given.bits,
        "threads": given.threads,
        "memory": None if given.memory is None else parse_size("--memory", given.memory),
        "runtime": given.runtime,
        "provider": given.provider,
        "max_pixels": given.max_pixels,
        "timeout": given.timeout,
        "strict": given.strict,
        "orientation": "keep" if given.keep_orientation else "apply",
    }
    return options if given.pages is None else {**options, "page": 1 if given.pages == "all" else given.pages}


def make_settings(operation: str, options: Mapping[str, Any], given: Namespace, format: str) -> Settings:
    """The settings of a run: its function, the arguments of that, and the form of results by the command line."""
    from jpegmend.batch.settings import Output, Settings

    output = Output(
        format=format,
        bits=given.bits,
        quality=given.quality,
        compression=given.compression,
        mark=given.mark,
        strip=given.strip,
        srgb=given.srgb,
        all_pages=given.pages == "all",
        compare=given.compare,
        reference=None if given.reference is None else Path(given.reference),
    )
    return Settings(
        operation=operation,
        options=options,
        output=output,
        overwrite=given.overwrite,
        max_bytes=parse_size("--max-bytes", given.max_bytes),
    )


def default_format(given: Namespace, template: Template) -> str:
    """The format of results where neither ``-o`` nor ``--format`` names one: that of their names, if these do.

    Raises:
        InvalidOption: ``--format`` and the names are of two formats.
    """
    if template.format and given.format not in (None, template.format):
        raise InvalidOption(f"--name {given.name!r} names a {template.format} file, --format {given.format}; give one")
    return template.format or ("tiff" if given.pages == "all" else "png")


def check_form(given: Namespace, format: str) -> None:
    """Refuse a format without its encoder, and options that it has no room for."""
    from jpegmend.writing import check_encoder

    check_encoder(format)
    if given.bits == 16 and not WRITTEN[format].deep:
        raise InvalidOption(f"--bits 16: {format} holds 8 bits; choose png or tiff")
    if given.quality is not None and not WRITTEN[format].lossy:
        lossy = ", ".join(name for name, kind in WRITTEN.items() if kind.lossy)
        of_input = "; --assume-quality is that of the input" if hasattr(given, "assume_quality") else ""
        raise InvalidOption(
            f"--quality {given.quality}: {format} is without loss; choose one of {lossy} by --format, or leave it out"
            f"{of_input}"
        )
    if given.compression is not None and format != "png":
        raise InvalidOption(f"--compression {given.compression}: of png alone, not of {format}; leave it out")
    if given.keep_orientation and not WRITTEN[format].orientations:
        raise InvalidOption(f"--keep-orientation: this encoder of {format} states no orientation; leave it out")
    if given.pages == "all" and format != "tiff":
        raise InvalidOption(f"--pages all: {format} holds one page; choose tiff, or --pages N")
