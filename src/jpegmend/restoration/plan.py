"""Plan of a restoration: scene, strength, projection and reasons, decided before the first tile."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jpegmend.blocks import Earlier
from jpegmend.errors import InvalidOption
from jpegmend.jpeg.tables import nearest_quality
from jpegmend.reading import Opened
from jpegmend.restoration import colour, guess
from jpegmend.restoration.guess import Guess
from jpegmend.restoration.options import Options
from jpegmend.restoration.scene import JpegScene, PixelScene, Scene, make_scene
from jpegmend.restoration.tile_loop import decode
from jpegmend.restoration.unscaled import Unscaled, fits
from jpegmend.weights import Card


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """The settings for the restoration of one picture."""

    scene: Scene
    turned: bool = False
    """Whether ``scene`` is the transpose of the picture, which was turned by a quarter since it was compressed."""
    convert: colour.Converter
    """From the scene's planes to RGB or gray."""
    strength: float
    """0..1: the option ``strength`` times the card's ``caution``; at 0 no network is run."""
    consistent: bool
    """Whether coefficients are projected into the file's quantisation cells."""
    consistent_why: str
    guess: Guess | None = None
    """Quality and block grid estimated from the pixels of a picture without tables; None where no trace was found."""
    earlier: Earlier | None = None
    """The most likely earlier compression, undone if it is probable enough; None if none was found."""
    unscaled: Unscaled | None = None
    """The picture at the scale of its earlier compression, if it was scaled since; ``scene`` is then its scene."""
    estimated: bool = False
    """Whether the network's input has tables that are not the file's."""
    keeps_profile: bool = True
    """Whether the ICC profile still describes the result."""
    warnings: tuple[str, ...] = ()

    @property
    def estimated_quality(self) -> int | None:
        """The quality of an earlier compression that is probable enough, or of a picture without tables."""
        found = guess.if_sure(self.earlier) or self.guess
        return found.quality if found else None


def make_plan(opened: Opened, card: Card, options: Options) -> Plan:
    """Decide how a picture is restored by the network of ``card``.

    Raises:
        InvalidOption: ``consistent=True`` for a picture without tables.
    """
    plan = _plan_file(opened, options) if opened.has_tables else _plan_samples(opened, options)
    if opened.pages > 1 and options.page is None:
        note = f"page 1 of {opened.pages} is restored; page= selects another"
        plan = replace(plan, warnings=(*plan.warnings, note))
    if not plan.strength:
        return plan
    if max(opened.height, opened.width) < 8:
        why = "smaller than one block of 8x8: the picture is left as it is"
        return replace(
            plan,
            strength=0.0,
            consistent=False,
            consistent_why="off: smaller than one block",
            warnings=(*plan.warnings, why),
        )
    return replace(plan, strength=plan.strength * _caution(card, plan.scene))


def _plan_samples(opened: Opened, options: Options) -> Plan:
    """The plan for a picture without tables: quality, grid and sampling are estimated from its pixels."""
    if options.consistent:
        raise InvalidOption(f"consistent=True needs a JPEG file; this is {opened.format}, which has no tables")
    assert opened.values is not None
    if opened.stated and options.quality is None:
        return _plan_stated(opened, options)
    plain = make_scene(opened)
    found = guess.estimate_compression(plain)
    last, searched = found.quality if found else None, options.earlier and options.strength > 0
    earlier = _within_memory(guess.find_earlier_compression(plain, last), options) if searched else None
    if sure := guess.if_sure(earlier):
        return _plan_scaled_samples(opened, sure, options)
    quality = options.quality or (found.quality if found else None)
    values, offset, turned = opened.values, found.offset if found else (0, 0), found is not None and found.turned
    if turned:  # networks know tables, and chroma coarser by columns alone, only as encoders write them
        values, offset = values.swapaxes(0, 1), offset[::-1]
    scene = PixelScene(values, quality or 100, offset, guess.guess_sampling(values, offset))
    clean = "no trace of JPEG compression was found: the picture is left as it is; give quality= to restore it"
    return Plan(
        scene=scene,
        turned=turned,
        convert=colour.choose(scene.colour),
        strength=0.0 if quality is None else options.strength,
        consistent=False,
        consistent_why="off: there are no tables",
        guess=found,
        earlier=earlier,
        estimated=True,
        warnings=opened.warnings if quality is not None else (*opened.warnings, clean),
    )


def _plan_scaled_samples(opened: Opened, found: Earlier, options: Options) -> Plan:
    """The plan for a picture without tables that was compressed, then scaled."""
    assert opened.values is not None and found.scaling is not None
    unscaled = Unscaled(opened.values, found.scaling, options.quality or found.quality)
    why = guess.describe(found)
    return Plan(
        scene=unscaled.scene,
        convert=colour.choose(unscaled.scene.colour),
        strength=options.strength,
        consistent=False,
        consistent_why="off: there are no tables",
        earlier=found,
        unscaled=unscaled,
        estimated=True,
        warnings=(*opened.warnings, f"compressed before: {why}; treated as that"),
    )


def _within_memory(found: Earlier | None, options: Options) -> Earlier | None:
    """An earlier compression, but None where restoring at its scale would take more memory than is allowed."""
    if found is not None and found.scaling is not None and not fits(found.scaling, options.memory_bytes):
        return None
    return found


def _plan_stated(opened: Opened, options: Options) -> Plan:
    """The plan for pixels of JPEG data in a TIFF whose tables are known, but not its levels."""
    assert opened.values is not None
    quality, _ = nearest_quality(opened.stated[0])
    scene = PixelScene(opened.values, quality, (0, 0), guess.guess_sampling(opened.values, (0, 0)), opened.stated)
    return Plan(
        scene=scene,
        convert=colour.choose(scene.colour),
        strength=options.strength,
        consistent=False,
        consistent_why="off: the levels of the JPEG data could not be put together",
        guess=guess.estimate_compression(scene),
        warnings=opened.warnings,
    )


def _plan_file(opened: Opened, options: Options) -> Plan:
    """The plan for a JPEG file: its own tables, unless the caller or the pixels contradict them."""
    scene = JpegScene(opened, quality=options.quality)
    convert, note = colour.choose_for(opened, scene.colour)
    plan = Plan(
        scene=scene,
        convert=convert,
        strength=options.strength,
        consistent=True,
        consistent_why="on: a JPEG file, so its coefficients are known",
        keeps_profile=not note,
        warnings=(*opened.warnings, *([note] if note else [])),
    )
    if options.strength == 0:
        return replace(plan, consistent=False, consistent_why="off: the decoded picture itself was asked for")
    if options.earlier:
        plan = replace(plan, earlier=_within_memory(guess.find_earlier_compression(scene, opened.quality), options))
    if options.quality is not None:
        why = f"off: treated as quality {options.quality} instead of by its own tables"
        plan = replace(plan, estimated=True, consistent=False, consistent_why=why)
    if sure := guess.if_sure(plan.earlier):
        plan = _plan_twice_compressed(plan, sure, opened, options)
    if options.consistent is None:
        return plan
    asked = f"{'on' if options.consistent else 'off'}: as asked"
    return replace(plan, consistent=options.consistent, consistent_why=asked)


def _plan_twice_compressed(plan: Plan, found: Earlier, opened: Opened, options: Options) -> Plan:
    """The plan for a file whose levels show an earlier, stronger compression than its tables state."""
    quality, why = options.quality or found.quality, guess.describe(found)
    aligned = found.offset == (0, 0) and found.scaling is None
    if options.consistent and not aligned:
        kept = f"compressed twice: {why}; not undone: the projection that was asked for needs the file's own blocks"
        return replace(plan, warnings=(*plan.warnings, kept))
    if options.quality is None:
        plan = replace(
            plan,
            estimated=True,
            consistent=False,
            consistent_why=f"off: compressed twice, {why}",
            warnings=(*plan.warnings, f"compressed twice: {why}; treated as that"),
        )
    if aligned:
        return replace(plan, scene=JpegScene(opened, quality=quality))
    values = decode(plan.scene, plan.convert)
    if found.scaling is not None:
        unscaled = Unscaled(values, found.scaling, quality)
        return replace(plan, scene=unscaled.scene, unscaled=unscaled, convert=colour.choose(unscaled.scene.colour))
    scene = PixelScene(values, quality, found.offset, plan.scene.sampling or (0, 0))
    return replace(plan, scene=scene, convert=colour.choose(scene.colour))


def _caution(card: Card, scene: Scene) -> float:
    """Share of the strength that the card's ``caution`` allows at the quality of the first plane's table."""
    if not card.caution:
        return 1.0
    quality, _ = nearest_quality(np.rint(scene.planes[0].network_table).astype(np.uint16))
    qualities, shares = np.array(card.caution, np.float64).T
    return float(np.interp(quality, qualities, shares))
