"""``jpegmend train``: run a recipe."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from jpegmend.errors import InvalidOption, MissingExtra

LISTS = ("--data", "--validate", "--set")
"""Options that take several values."""


def command(
    recipe: Annotated[Path, typer.Argument(help="A recipe, TOML.")],
    data: Annotated[
        list[str] | None,
        typer.Option(help="Folders, files, packed sets or names of known sets; NAME=SHARE sets how often; several."),
    ] = None,
    validate: Annotated[list[str] | None, typer.Option(help="The same, to look at how it goes; several.")] = None,
    minutes: Annotated[float | None, typer.Option(help="The budget, in place of the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    warm_start: Annotated[Path | None, typer.Option(help="Weights (safetensors) to begin from.")] = None,
    partly: Annotated[bool, typer.Option("--partly", help="Take what fits of it; the rest begins fresh.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE, as in the recipe: optimiser.rate=1e-4, phases.*.batch=8; several."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME where not given.")] = None,
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 180.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> int:
    """Train a network by a recipe; stops cleanly at the end of the budget, on Ctrl-C and on SIGTERM."""
    given = parse_settings(overrides or [])
    if minutes is not None:
        given["minutes"] = minutes
    try:
        import torch

        from jpegmend.training import loop
        from jpegmend.training.distributed import process_group
        from jpegmend.training.recipe import read_recipe
        from jpegmend.training.run import RunSettings
    except ImportError as error:
        raise MissingExtra(f"training needs {error.name}; pip install 'jpegmend[training]'") from error
    plan = read_recipe(recipe, given)
    if threads:
        torch.set_num_threads(threads)
    folder = out or Path("runs") / plan.name
    if not resume and (folder / "checkpoint.pt").exists():
        raise InvalidOption(f"{folder} holds a run already; give --resume to go on with it, or another --out")
    paths, shares = find_data(data or [f"{name}={share}" for name, share in plan.data.items()])
    if not paths:
        raise InvalidOption("nothing to train on; give --data PATH..., the recipe names no set either")
    with process_group(device or ("cuda" if torch.cuda.is_available() else "cpu")) as (group, here):
        settings = RunSettings(
            folder=folder,
            data=paths,
            shares=shares,
            validation=find_data(validate or [])[0],
            device=here,
            resume=resume,
            warm_start=warm_start,
            partly=partly,
            save_every=save_every,
            bar=not quiet and sys.stderr.isatty(),
        )
        state = loop.train(plan, settings, group)
    if group.is_main:
        sys.stdout.write(f"{folder}: {state.step} steps, {state.seconds / 60:.1f} minutes\n")
    return 0


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` words as plain values, the value read as TOML and else taken as text.

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
    return paths, [1.0 if share is None else share for share in shares]
