"""Restoration of a picture before it is enlarged."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import weights
from jpegmend.jpeg.tables import nearest_quality
from jpegmend.reading import Opened
from jpegmend.restoration import colour
from jpegmend.restoration.opening import open_network
from jpegmend.restoration.options import Options, SharedOptions
from jpegmend.restoration.pipeline import Restoration
from jpegmend.restoration.plan import Plan, make_plan

RESTORED_UP_TO = 40
"""The quality up to which restoring first was measured to be better (docs/models/mdu.md)."""


def restore_first(
    opened: Opened, plan: Plan, options: SharedOptions, *, always: bool
) -> tuple[Plan, NDArray[Any] | None]:
    """Restore a picture by the default network, if ``always`` or its quality is at most :data:`RESTORED_UP_TO`.

    ``plan`` is that of the enlargement. Returns it with what was found of the compression, and the restored samples
    [H, W] or [H, W, 3], uint16; None where the stored ones are to be enlarged.

    Raises:
        InvalidOption: the memory allowed is too little.
        ModelError: the default network is damaged, or it failed.
    """
    given = {field.name: getattr(options, field.name) for field in fields(SharedOptions)}
    # The enlargement applies the orientation, and tells of pages that are left out.
    given |= {"model": weights.DEFAULT, "bits": 16, "orientation": "keep", "page": options.page or 1}
    first, card = Options(**given), weights.find(weights.DEFAULT)
    found = make_plan(opened, card, first)
    kept = ("convert", "strength", "consistent", "consistent_why", "keeps_profile", "warnings")
    plan = replace(found, **{name: getattr(plan, name) for name in kept})
    quality = _lowest_quality(opened, found)
    if not found.strength:
        small = max(opened.height, opened.width) < 8
        why = "smaller than one block of 8x8" if small else "no trace of JPEG compression was found"
        notes = (f"not restored before it was enlarged: {why}",) if always else ()
        return replace(plan, warnings=(*plan.warnings, *notes)), None
    if not always and quality > RESTORED_UP_TO:
        return plan, None
    restored = Restoration(opened, found, card, open_network(card, first), first).run(time.perf_counter())
    note = f"restored by {card.name}, as a picture of quality {quality}, before it was enlarged"
    plan = replace(plan, keeps_profile=found.keeps_profile, warnings=(*restored.report.warnings, note))
    if opened.colour == "gray":
        return plan, np.ascontiguousarray(restored.pixels)
    return replace(plan, convert=colour.choose("ycbcr")), np.ascontiguousarray(restored.pixels[..., :3])


def _lowest_quality(opened: Opened, found: Plan) -> int:
    """The lowest quality of the file's tables and of what was found; 100 where nothing is known."""
    stated = [nearest_quality(table)[0] for table in opened.stated[:1]]
    qualities = (opened.quality, found.estimated_quality, *stated)
    return min((quality for quality in qualities if quality is not None), default=100)
