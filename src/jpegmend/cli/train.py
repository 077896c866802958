"""``jpegmend train``: train a network by a recipe."""

from __future__ import annotations

import math
import sys
import tomllib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jpegmend.cli.options import PARALLEL
from jpegmend.cli.parser import SEVERAL, Parser, real, refuse_file
from jpegmend.errors import InvalidOption, extra_needed


def add(parser: Parser) -> None:
    """The options of ``jpegmend train``."""
    parser.add_argument("recipe", type=Path, help="the TOML file that states network, data and schedule")
    parser.add_argument(
        "--network", type=Path, metavar="FILE", help="Python file with a network of your own; it is executed"
    )
    parser.add_argument(
        "--data",
        **SEVERAL,
        default=[],
        metavar="DATA",
        help="folders, files, packed sets or names of known sets; NAME=SHARE sets how often",
    )
    parser.add_argument(
        "--validate", **SEVERAL, default=[], metavar="DATA", help="pictures for validation, as --data without shares"
    )
    parser.add_argument("--minutes", type=real(0), metavar="M", help="duration, in place of the recipe's")
    parser.add_argument("--resume", action="store_true", help="resume the run in --out")
    parser.add_argument(
        "--warm-start",
        metavar="FILE",
        help="weights to begin from: a safetensors file, or the name of a released network",
    )
    parser.add_argument(
        "--partly", action="store_true", help="of --warm-start take the tensors that fit; the others begin fresh"
    )
    parser.add_argument("--device", metavar="NAME", help="cpu or cuda; cuda where there is one")
    parser.add_argument("--threads", **PARALLEL, help="CPU threads")
    parser.add_argument(
        "--set",
        **SEVERAL,
        default=[],
        metavar="KEY=VALUE",
        help="change keys of the recipe: optimiser.rate=1e-4, phases.*.batch=8",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the run (runs/NAME)")
    parser.add_argument(
        "--save-every", type=real(0), default=180.0, metavar="S", help="seconds between checkpoints (180)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(given: Namespace) -> int:
    """Train a network by a recipe; stops cleanly at the end of the budget, on Ctrl-C and on SIGTERM."""
    _check_options(given)
    changes = parse_settings(given.set) | ({} if given.minutes is None else {"minutes": given.minutes})
    with extra_needed("training", "training"):
        import torch

        from jpegmend import models
        from jpegmend.training import loop
        from jpegmend.training.building import find_weights
        from jpegmend.training.distributed import process_group
        from jpegmend.training.recipe_checks import read_recipe
        from jpegmend.training.run import RunSettings
    if given.network:
        models.add(given.network)
    plan = read_recipe(given.recipe, changes)
    if given.threads:
        torch.set_num_threads(given.threads)
    folder = given.out or Path("runs") / plan.name
    _check_folder(folder, resume=given.resume)
    paths, shares = find_data(given.data or [f"{name}={share}" for name, share in plan.data.items()])
    if not paths:
        raise InvalidOption("nothing to train on; give --data PATH..., the recipe names no set either")
    with process_group(choose_device(given.device)) as (group, here):
        settings = RunSettings(
            folder=folder,
            data=paths,
            shares=shares,
            validation=find_validation(given.validate),
            device=here,
            resume=given.resume,
            warm_start=find_weights(given.warm_start) if given.warm_start else None,
            partly=given.partly,
            save_every=given.save_every,
            bar=not given.quiet and sys.stderr.isatty(),
        )
        state = loop.train(plan, settings, group)
    if group.is_main:
        sys.stdout.write(f"{folder}: {state.step} step{'s' * (state.step != 1)}, {state.seconds / 60:.1f} minutes\n")
    return 0


def _check_options(given: Namespace) -> None:
    if given.minutes == 0:
        raise InvalidOption("--minutes 0: no time to train in; give a number above 0")
    if given.partly and not given.warm_start:
        raise InvalidOption("--partly without --warm-start; name the weights of which it takes what fits")
    if given.resume and given.warm_start:
        raise InvalidOption(
            "--resume with --warm-start: a run is resumed with its own weights; leave one of the two out, "
            "and give another --out to begin from those weights"
        )


def _check_folder(folder: Path, *, resume: bool) -> None:
    refuse_file(folder)
    if not resume and (folder / "checkpoint.pt").exists():
        raise InvalidOption(f"{folder} holds a run already; give --resume to go on with it, or another --out")


def choose_device(name: str | None) -> str:
    """The device of that name for PyTorch, or without one ``cuda`` where there is one, else ``cpu``.

    Raises :class:`~jpegmend.errors.InvalidOption` where PyTorch cannot use it.
    """
    import torch

    try:
        # PyTorch raises AssertionError where it was built without CUDA.
        torch.zeros(1, device=name or "cpu")
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise InvalidOption(f"--device {name}: {why}; give cpu, or cuda where PyTorch has a GPU") from error
    return name or ("cuda" if torch.cuda.is_available() else "cpu")


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """Parse ``KEY=VALUE`` words; a value that is no TOML is taken as text.

    >>> parse_settings(["steps=5", "optimiser.rate=1e-4", "name=mine", "config.widths=[8, 8]"])
    {'steps': 5, 'optimiser.rate': 0.0001, 'name': 'mine', 'config.widths': [8, 8]}
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise InvalidOption(f"--set {word!r}; give KEY=VALUE, such as optimiser.rate=1e-4")
        try:
            found[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = value
    return found


def find_data(words: Sequence[str]) -> tuple[list[Path], list[float] | None]:
    """Paths and shares of ``PATH``, ``NAME`` or either with ``=SHARE``; shares are None where none is given."""
    from jpegmend.data import sets

    paths, shares = [], []
    for word in words:
        name, _, share = word.rpartition("=") if "=" in word and not Path(word).exists() else (word, "", "")
        try:
            shares.append(float(share) if share else None)
        except ValueError as error:
            raise InvalidOption(f"{word!r}: {share!r} is no share; give a number, such as {name}=0.5") from error
        paths.append(sets.locate(name))
    if all(share is None for share in shares):
        return paths, None
    found = [1.0 if share is None else share for share in shares]
    if not all(0 <= share < math.inf for share in found) or not any(found):
        raise InvalidOption(f"shares {', '.join(map(str, found))}; give numbers of at least 0, one of them above 0")
    return paths, found


def find_validation(words: Sequence[str]) -> list[Path]:
    """Paths of ``PATH`` or ``NAME``; InvalidOption for a share, which has no meaning there."""
    paths, shares = find_data(words)
    if shares is not None:
        raise InvalidOption("--validate takes no shares: the first pictures are validated, once each; leave =SHARE out")
    return paths
