"""Adaptation of the input's metadata to the pixels of the result."""

from __future__ import annotations

from dataclasses import replace

from jpegmend.jpeg import Metadata, enlarge, turn


def adapt(metadata: Metadata, *, applied: int, keep_profile: bool, scale: int = 1) -> Metadata:
    """The metadata for pixels to which the orientation ``applied`` (1..8) was applied, and that were enlarged.

    Orientation, sizes and density are those of the result. The ICC profile is dropped unless ``keep_profile``.
    """
    changed = metadata if keep_profile else replace(metadata, icc=None)
    changed = enlarge(changed, scale) if scale != 1 else changed
    return turn(changed, applied) if applied != 1 else changed


def names(metadata: Metadata) -> tuple[str, ...]:
    """Names of the kinds of metadata that are present."""
    return tuple(name for name in ("icc", "exif", "xmp", "comments", "density") if getattr(metadata, name))
