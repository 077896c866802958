"""Adaptation of the input's metadata to the pixels of the result."""

from __future__ import annotations

import re
from dataclasses import replace

from jpegmend.jpeg import Metadata, scale_exif, turn_exif

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>))\s*[1-8]")


def adapt(metadata: Metadata, *, applied: int, keep_profile: bool, scale: int = 1) -> Metadata:
    """The metadata for pixels to which the orientation ``applied`` (1..8) was applied, and that were enlarged.

    Orientation in EXIF and XMP becomes 1, horizontal and vertical density are swapped if the axes are, and the EXIF is
    that of turned pixels (``jpeg.turn_exif``). The ICC profile is dropped unless ``keep_profile``.
    """
    changed = metadata if keep_profile else replace(metadata, icc=None)
    if changed.exif and scale != 1:
        changed = replace(changed, exif=scale_exif(changed.exif, scale))
    if applied == 1:
        return changed
    density = changed.density
    if density is not None and applied >= 5:
        density = (density[1], density[0], density[2])
    return replace(
        changed,
        exif=turn_exif(changed.exif, applied) if changed.exif else changed.exif,
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", changed.xmp) if changed.xmp else changed.xmp,
        density=density,
        orientation=1,
    )


def names(metadata: Metadata) -> tuple[str, ...]:
    """Names of the kinds of metadata that are present."""
    return tuple(name for name in ("icc", "exif", "xmp", "comments", "density") if getattr(metadata, name))
