"""Cards for networks of others: measured when a file is used, or written into the user's catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np

from jpegmend.adoption import difference
from jpegmend.adoption.interface import find_interface, graph_run
from jpegmend.adoption.tiling import WINDOW, Tiles, measure_bytes, measure_tiles, windows
from jpegmend.errors import InvalidOption, ModelRefused
from jpegmend.restoration.tiles import round_up
from jpegmend.runtimes import Floats, PictureFacts
from jpegmend.runtimes.cache import LastUsed
from jpegmend.runtimes.foreign import run_planes
from jpegmend.runtimes.processor import available_threads
from jpegmend.weights import Card, Foreign, catalogue, read_card
from jpegmend.weights.card import write_card
from jpegmend.weights.catalogue import OPENED, PACKAGED, checksum, file_entry, refuse_pickles, user_folder
from jpegmend.writing.atomic import write_bytes

Say = Callable[[str], None]
_QUALITY = 40.0
"""Quality given to a network that takes one, while its receptive field is measured."""
_SIDE = 128
"""Side in pixels of the picture whose cost is counted."""
_MEASURED: LastUsed[Card] = LastUsed(16)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user states of a network instead of leaving it to trials; None where it is measured."""

    values: tuple[float, float] | None = None
    """Values of black and white in its input and output, such as (0, 1), (0, 255) or (-1, 1)."""
    multiple: int | None = None
    """Height and width are multiples of this."""
    window: int = WINDOW
    """Side in pixels of the windows, where tiles cannot be exact."""


def measured_card(file: Path, given: Given | None = None, say: Say = lambda step: None) -> Card:
    """The card of a network of others, found by running it; kept for later calls with the same file.

    Raises:
        ModelRefused: a file that is not opened, or a network that does not take one picture and give one back.
        ModelError: the network fails on a picture that is larger than those of the trials.
        InvalidOption: a range for a ``.safetensors``, whose networks take 0..1; a multiple or a window for a network of
            fixed size.
        MissingExtra: a ``.safetensors`` without the extra ``spandrel``.
    """
    refuse_pickles(file)
    if file.suffix.lower() not in OPENED:
        raise ModelRefused(f"{file.name} is no file of a network; {' and '.join(OPENED)} are opened")
    given = given or Given()
    key = (file.resolve(), checksum(file), given)
    measure = _measure_graph if file.suffix.lower() == ".onnx" else _measure_state
    return _MEASURED.get(key, lambda: measure(file, given, say))


def _measure_graph(file: Path, given: Given, say: Say) -> Card:
    from jpegmend.runtimes.onnx import open_session

    session = open_session(file, available_threads())
    say("finding its input and output")
    found = find_interface(session, file.name, values=given.values, multiple=given.multiple)
    if found.foreign.size and (given.multiple or given.window != WINDOW):
        rows, columns = found.foreign.size
        raise InvalidOption(
            f"{file.name} takes pictures of {columns}x{rows} alone; a multiple or a window has no effect, leave it out"
        )
    run = graph_run(session, found.foreign, file.name)
    step = lcm(16, found.multiple)
    sides = found.foreign.size or (320 // step * step or step,) * 2
    held = measure_bytes(run, found.channels, sides)
    if found.foreign.size:
        tiles = windows(1, min(found.foreign.size))
    else:
        say("measuring its receptive field")
        tiles = measure_tiles(run, found.channels, found.multiple, half=found.foreign.half, window=given.window)
    foreign = replace(found.foreign, difference=tiles.difference)
    title = session.get_modelmeta().graph_name or "a network of others"
    facts = {"network": "onnx", "title": f"ONNX graph {title}"[:120], "foreign": foreign}
    return _card(file, "onnx", found.channels, tiles, held, facts)


def _measure_state(file: Path, given: Given, say: Say) -> Card:
    """The card of a state dict: spandrel knows channels and multiple, and its networks take 0..1."""
    from jpegmend.runtimes.spandrel_network import import_spandrel, load_network, network_call, predicts_quality

    if given.values not in (None, (0, 1)):
        raise InvalidOption(f"a range of {given.values} for a .safetensors, whose networks take 0 to 1; leave it out")
    _refuse_our_own(file)
    import_spandrel()
    from jpegmend.models import cost

    say("recognising its architecture")
    network = load_network(file)
    foreign = Foreign()
    call, blind = network_call(network, "cpu", available_threads()), predicts_quality(network)
    # With a stated quality such a network does not look at the whole picture.
    facts = PictureFacts(quality=_QUALITY if blind else None)

    def run(planes: Floats) -> Floats:
        return run_planes(call, foreign, planes, facts, file.name)[0]

    channels = network.input_channels
    multiple = given.multiple or lcm(1, network.size_requirements.multiple_of)
    side = round_up(_SIDE, multiple)
    found = cost.count_run(lambda: run(np.full((channels, side, side), 0.5, np.float32)), side * side)
    say("measuring its receptive field")
    tiles = measure_tiles(run, channels, multiple, window=given.window)
    return _card(
        file,
        "safetensors",
        channels,
        tiles,
        found.peak_bytes,
        {
            "network": network.architecture.id,
            "title": f"{network.architecture.name} {' '.join(network.tags)}".strip(),
            "parameters": sum(parameter.numel() for parameter in network.model.parameters()),
            "foreign": replace(foreign, difference=tiles.difference),
            **({"inputs": ("planes", "quality"), "quality_from": "middle"} if blind else {}),
        },
    )


def _refuse_our_own(file: Path) -> None:
    """Refuse weights that jpegmend wrote, which have a card."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        return  # import_spandrel says what is missing
    try:
        with safe_open(file, "np") as tensors:
            own = str((tensors.metadata() or {}).get("format", "")).startswith("jpegmend")
    except (SafetensorError, OSError):
        return  # the loader says what is wrong
    if own:
        raise ModelRefused(
            f"{file.name} holds weights of jpegmend's own; give their card, NAME.json, which `jpegmend release` writes"
        )


def _card(file: Path, kind: str, channels: int, tiles: Tiles, held: float, facts: dict[str, Any]) -> Card:
    return Card(
        name=file.stem,
        planes="y" if channels == 1 else "rgb",
        multiple=tiles.multiple,
        halo=tiles.halo,
        tiling=tiles.tiling,
        window=tiles.window,
        released=True,
        files={kind: file_entry(file)},
        bytes_per_pixel=round(held),
        folder=file.parent,
        **facts,
    )


def adopt(
    file: Path,
    name: str,
    *,
    licence: str = "",
    notes: str = "",
    given: Given | None = None,
    overwrite: bool = False,
    say: Say = lambda step: None,
) -> Card:
    """Copy a network of others into the user's catalogue, with its card; :func:`jpegmend.restore` then knows its name.

    Args:
        file: ``.onnx`` or ``.safetensors``.
        name: how it is called from now on.
        licence: that of the weights; the command names a non-commercial one when it restores pictures by it.
        notes: what a reader of the card should know.
        given: what is not to be measured.
        overwrite: whether a network of this name is replaced.
        say: called with a description of each step before it.

    Raises:
        InvalidOption: a name that cannot be used, or is taken; else as :func:`measured_card`.
        ModelRefused, ModelError, MissingExtra: as :func:`measured_card`.
    """
    folder = user_folder()
    check_name(name, overwrite=overwrite)
    if not file.is_file():
        raise ModelRefused(f"no file {file}")
    card = measured_card(file, given, say)
    if card.tiling == "window" and card.foreign and card.foreign.difference is None:
        say("measuring the difference between windows and the whole picture")
        card = replace(card, foreign=replace(card.foreign, difference=difference.measure(card)))
    (kind, entry), suffix = next(iter(card.files.items())), file.suffix.lower()
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / f"{name}{suffix}", file.read_bytes())
    files = {kind: {"file": f"{name}{suffix}", "sha256": entry["sha256"]}}
    card = replace(card, name=name, licence=licence, notes=notes, files=files, folder=folder)
    record = {key: value for key, value in dataclasses.asdict(card).items() if key != "folder"}
    path = folder / f"{name}.json"
    write_card(path, record)
    return read_card(path)


def check_name(name: str, *, overwrite: bool) -> None:
    """Refuse names that are no file names, that mean something else, or that are taken."""
    catalogue.check_name(name)
    if name in PACKAGED:
        raise InvalidOption(f"name {name!r} is that of a network of jpegmend; choose another")
    folder = user_folder()
    if (folder / f"{name}.json").exists() and not overwrite:
        raise InvalidOption(f"name {name!r} is taken in {folder}; choose another, or replace it with overwrite=True")


def describe(card: Card) -> str:
    """The interface and the tiles of a network of others in one sentence."""
    assert card.foreign is not None
    foreign = card.foreign
    planes = "gray" if card.planes == "y" else "RGB"
    parts = [f"{planes}, {'float16' if foreign.half else 'float32'}, values {foreign.black:g} to {foreign.white:g}"]
    if foreign.size:
        parts.append(f"pictures of {foreign.size[1]}x{foreign.size[0]}")
    elif card.multiple > 1:
        parts.append(f"sides a multiple of {card.multiple}")
    if card.tiling == "exact":
        parts.append(f"exact tiles with a halo of {card.halo}")
    else:
        why = "" if foreign.size else ": its answer depends on more than the near pixels"
        parts.append(f"windows of {card.window}, blended{why}")
    if foreign.difference is not None:
        parts.append(f"largest difference that tiles made on a drawing {foreign.difference:.1g} of white")
    return "; ".join(parts)
