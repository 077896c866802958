"""What will be done, decided before it is done: scene, network, strength, projection, and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from jpegmend.errors import InvalidOption
from jpegmend.reading import Opened
from jpegmend.restoration import colour, guess
from jpegmend.restoration.guess import Guess
from jpegmend.restoration.observe import JpegScene, PixelScene, Scene
from jpegmend.restoration.options import Options


@dataclass(frozen=True, eq=False)
class Plan:
    """One picture and what is to be done with it."""

    scene: Scene
    convert: colour.Converter
    strength: float
    consistent: bool
    consistent_why: str
    guess: Guess | None = None
    estimated: bool = False
    shifted: bool = False
    """The file was compressed before on a grid that is not its own: it has to be decoded and seen as pixels."""
    profile: bool = True
    """The ICC profile still describes the result."""
    warnings: tuple[str, ...] = field(default=())


def plan_pixels(pixels: Opened, options: Options) -> Plan:
    """The plan for a picture without tables."""
    if options.consistent:
        raise InvalidOption(f"consistent=True needs a JPEG file; this is {pixels.format}, which has no tables")
    values = pixels.values
    assert values is not None
    found = guess.look_at(PixelScene(values, 50, (0, 0), (1, 1)))
    quality = options.quality or (found.quality if found else None)
    offset = found.offset if found else (0, 0)
    scene = PixelScene(values, quality or 100, offset, guess.guess_sampling(values, offset))
    plan = Plan(
        scene=scene,
        convert=colour.choose(scene.colour),
        strength=options.strength,
        consistent=False,
        consistent_why="off: there are no tables",
        guess=found,
        estimated=True,
        warnings=pixels.warnings,
    )
    if quality is None:
        clean = "no trace of JPEG compression was found: the picture is left as it is; give quality= to restore it"
        return replace(plan, strength=0.0, warnings=(*plan.warnings, clean))
    return plan


def plan_jpeg(image: Opened, options: Options) -> Plan:
    """The plan for a JPEG file."""
    scene = JpegScene(image, quality=options.quality)
    convert, note = (colour.choose(scene.colour), "")
    if scene.colour in ("cmyk", "ycck"):
        convert, note = colour.choose_ink(image)
    found = guess.look_at(scene)
    plan = Plan(
        scene=scene,
        convert=convert,
        strength=options.strength,
        consistent=True,
        consistent_why="on: a first-generation JPEG",
        guess=found,
        profile=not note,
        warnings=(*image.warnings, *([note] if note else [])),
    )
    if options.strength == 0:
        return replace(plan, consistent=False, consistent_why="off: the decoded picture itself was asked for")
    return _decide_consistency(_believe(plan, image, options), options)


def _believe(plan: Plan, image: Opened, options: Options) -> Plan:
    """The plan after the pixels were heard: what they say counts if the file must have been compressed before."""
    if options.quality is not None:
        why = f"off: treated as quality {options.quality} instead of by its own tables"
        return replace(plan, estimated=True, consistent=False, consistent_why=why)
    found = plan.guess
    said = guess.conflict(image.quality, found, exact=image.quality_exact)
    if found is None or said is None:
        return plan
    plan = replace(
        plan,
        estimated=True,
        consistent=False,
        consistent_why=f"off: compressed twice ({said})",
        warnings=(*plan.warnings, f"compressed twice: {said}; treated as {found.quality}"),
    )
    if found.offset == (0, 0):
        return replace(plan, scene=JpegScene(image, quality=found.quality))
    return replace(plan, shifted=True)


def plan_shifted(plan: Plan, decoded: np.ndarray) -> Plan:
    """The plan for a file whose earlier compression had another grid, once it is decoded to pixels."""
    assert plan.guess is not None
    sampling = plan.scene.sampling or (0, 0)
    scene = PixelScene(decoded, plan.guess.quality, plan.guess.offset, sampling)
    return replace(plan, scene=scene, convert=colour.choose(scene.colour), shifted=False)


def _decide_consistency(plan: Plan, options: Options) -> Plan:
    if options.consistent is None:
        return plan
    if options.consistent and plan.shifted:
        # The grid of the file and the grid the network would be shown exclude each other; the caller's word counts.
        plan = replace(plan, shifted=False, estimated=False)
    word = "on" if options.consistent else "off"
    return replace(plan, consistent=options.consistent, consistent_why=f"{word}: as asked")
