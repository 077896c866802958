"""The fields of a card that follow from a network's config alone, before it is trained."""

from __future__ import annotations

import dataclasses
from typing import Any

from jpegmend.models import cost
from jpegmend.models.contract import Spec


def card_fields(name: str, spec: Spec, config: Any) -> dict[str, Any]:
    """Fields of a :class:`jpegmend.weights.Card`, as JSON holds them, for weights that are called ``name``."""
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
        "window": spec.window_side(config),
        "inputs": list(spec.inputs),
        "quality_from": spec.quality_from,
        "released": False,
        "parameters": cost.parameters(spec.build(config)),
        "multiply_adds": round(pixel.multiply_adds),
        "bytes_per_pixel": round(pixel.peak_bytes),
        "config": dataclasses.asdict(config),
    }
