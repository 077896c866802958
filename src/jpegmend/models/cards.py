"""The card of a network that is built but not yet trained: everything that follows from its config alone."""

from __future__ import annotations

import dataclasses
from typing import Any

from jpegmend.models import cost
from jpegmend.models.contract import Spec


def describe(name: str, spec: Spec, config: Any) -> dict[str, Any]:
    """The fields of a :class:`jpegmend.weights.Card`, as JSON holds them, for weights that would be called ``name``."""
    pixel = cost.count(spec, config)
    return {
        "name": name,
        "network": spec.name,
        "title": spec.title,
        "paper": spec.paper,
        "planes": spec.planes(config),
        "scale": spec.scale(config),
        "multiple": spec.multiple,
        "halo": spec.halo(config),
        "tiling": spec.tiling,
        "window": spec.window,
        "inputs": list(spec.inputs),
        "quality_from": spec.quality_from,
        "released": False,
        "exportable": spec.exportable,
        "parameters": cost.parameters(spec.build(config)),
        "multiply_adds": round(pixel.multiply_adds),
        "bytes_per_pixel": round(pixel.peak_bytes),
        "config": dataclasses.asdict(config),
    }
