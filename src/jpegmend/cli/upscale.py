"""``jpegmend upscale``: enlarge pictures by a super-resolution network, with one line of output each."""

from __future__ import annotations

from argparse import BooleanOptionalAction, Namespace
from typing import TYPE_CHECKING

from jpegmend.cli import files
from jpegmend.cli.networks_of_others import tell
from jpegmend.cli.parser import Parser

if TYPE_CHECKING:
    from jpegmend.batch.settings import Settings


def add(parser: Parser) -> None:
    """The options of ``jpegmend upscale``."""
    files.add_files(parser, "x3")
    files.add_forms(parser.add_argument_group("form of the results"))
    group = parser.add_argument_group("enlargement")
    group.add_argument("--model", metavar="NAME", default="mdu-sr-x3", help="a network that enlarges (mdu-sr-x3)")
    group.add_argument(
        "--restore-first",
        action=BooleanOptionalAction,
        help="restore by mend-s before enlarging; without either, mdu-sr-x3 does so at quality 40 and below",
    )
    files.add_running(group)
    files.add_resources(parser.add_argument_group("limits"), pixels="; holds for the result too")
    files.add_messages(parser.add_argument_group("messages"))


def run(given: Namespace) -> int:
    """Enlarge pictures by a super-resolution network, which also removes JPEG artifacts."""
    from jpegmend import weights
    from jpegmend.restoration.upscaling import UpscaleOptions, check_enlarges

    # Found once for all pictures: a network of others is measured when it is found.
    model = tell(given.model, quiet=given.quiet)
    card = weights.find(model)
    check_enlarges(card)

    def read_settings(given: Namespace, format: str) -> Settings:
        options = {**files.shared_options(given), "model": model, "restore_first": given.restore_first}
        UpscaleOptions(**options)  # refused before any work
        return files.make_settings("upscale", options, given, format)

    return files.run_files(given, read_settings, f"x{card.scale}")
