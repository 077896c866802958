"""``jpegmend restore``: restore pictures, with one line of output each."""

from __future__ import annotations

from argparse import BooleanOptionalAction, Namespace
from typing import TYPE_CHECKING, Any

from jpegmend.cli import files
from jpegmend.cli.networks_of_others import tell
from jpegmend.cli.options import documented
from jpegmend.cli.parser import Parser, real, whole

if TYPE_CHECKING:
    from jpegmend.batch.settings import Settings

PASSES = ("2", "4")
THOROUGH = (
    "run the network 4 times (or 2, where that is given) over the picture and its mirror images, and take the mean: "
    "slightly better, in about 3 times the time (1.8 times)"
)


def add(parser: Parser) -> None:
    """The options of ``jpegmend restore``."""
    files.add_files(parser)
    forms = parser.add_argument_group("form of the results")
    files.add_forms(forms)
    forms.add_argument(
        "--compare",
        action="store_true",
        help="also write NAME.compare.png beside the result: the picture before and after",
    )
    forms.add_argument(
        "--reference",
        metavar="FILE",
        help="the clear original of a single picture: say how much nearer the result is to it, in dB",
    )
    add_restoration(parser.add_argument_group("restoration"))
    files.add_resources(parser.add_argument_group("limits"))
    files.add_messages(parser.add_argument_group("messages"))


def add_restoration(group: Any) -> None:
    """The options that change the pixels of results."""
    said = documented()
    group.add_argument("--model", metavar="NAME", help=said["model"])
    group.add_argument("--strength", type=real(0, 1), default=1.0, metavar="X", help=f"{said['strength']} (1)")
    group.add_argument("--consistent", action=BooleanOptionalAction, help=said["consistent"])
    group.add_argument("--assume-quality", type=whole(1, 100), metavar="Q", help=said["quality"])
    group.add_argument("--earlier", action=BooleanOptionalAction, default=True, help=f"{said['earlier']} (on)")
    group.add_argument("--thorough", nargs="?", const="4", default="1", choices=PASSES, help=THOROUGH)
    files.add_running(group)


def run(given: Namespace) -> int:
    """Remove compression artifacts from pictures."""
    return files.run_files(given, read_settings)


def read_settings(given: Namespace, format: str) -> Settings:
    """The options of the command line as those of a run."""
    from jpegmend.restoration import Options
    from jpegmend.restoration.pipeline import check_restores

    options: dict[str, Any] = {
        **files.shared_options(given),
        "strength": given.strength,
        "consistent": given.consistent,
        "quality": given.assume_quality,
        "earlier": given.earlier,
        "thorough": int(given.thorough),
    }
    if given.model is not None:
        # Found once for all pictures: a network of others is measured when it is found.
        options["model"] = tell(given.model, quiet=given.quiet)
    Options(**options)  # refused before any work
    settings = files.make_settings("restore", options, given, format)
    check_restores(settings.card)
    return settings
