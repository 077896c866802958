"""Pictures that Pillow decodes in a worker process, and TIFF pages with JPEG data, as ``Opened``."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import decoding, jpeg
from jpegmend.errors import DamagedJpeg
from jpegmend.jpeg import Component, Metadata, read_density, set_orientation
from jpegmend.jpeg.colour import name_sampling
from jpegmend.jpeg.gain_map import note_removed, remove_statements
from jpegmend.jpeg.tables import nearest_quality, replace_zeros
from jpegmend.reading.opened import Opened, from_jpeg, from_samples


def open_plain(data: bytes, kind: str, limits: decoding.Limits, page: int, *, strict: bool = False) -> Opened:
    """Decode a file of any format other than JPEG.

    Raises the errors of ``decoding.decode``, and ``DamagedJpeg`` with ``strict`` where JPEG data inside it is damaged.
    """
    decoded = decoding.decode(kind, (data,), limits, page=page)
    facts = decoded.facts
    if "file" in facts:
        note = "this JPEG XL file holds a JPEG file without loss, which is restored"
        image = jpeg.read(decoded.arrays[0].tobytes(), max_pixels=limits.pixels, timeout=limits.timeout, strict=strict)
        opened = from_jpeg(image)
        return replace(opened, warnings=(note, *opened.warnings))
    metadata, notes = read_metadata(facts)
    warnings = (*facts["warnings"], *notes)
    if "levels" in facts:
        said = tuple(dict.fromkeys(line.strip() for line in decoded.log.splitlines() if line.strip()))
        if strict:
            _refuse_damaged(facts["levels"], said)
        opened = _from_levels(decoded.arrays, facts["levels"], metadata, (*warnings, *said))
    else:
        opened = from_samples(decoded.arrays[0], metadata, kind, warnings)
        if tables := facts["tables"]:
            note = (
                "the JPEG data of this TIFF is decoded to pixels: its strips or tiles do not fit together on one block "
                "grid with one set of tables"
            )
            opened = replace(
                opened,
                stated=tuple(replace_zeros(_table(steps))[0] for steps in tables),
                warnings=(*opened.warnings, note),
            )
    return replace(opened, pages=facts["pages"])


def _refuse_damaged(facts: dict[str, Any], said: tuple[str, ...]) -> None:
    """Raise ``DamagedJpeg`` if strips or tiles of a TIFF are missing, or the decoder said anything."""
    missing = round(facts["lost"] * facts["parts"])
    defects = ((f"{missing} of {facts['parts']} strips or tiles cannot be decoded",) if missing else ()) + said
    if defects:
        raise DamagedJpeg(f"{'; '.join(defects)} (strict reading was asked for)")


def _from_levels(
    arrays: tuple[NDArray[np.int16], ...], facts: dict[str, Any], metadata: Metadata, warnings: tuple[str, ...]
) -> Opened:
    """The ``Opened`` of a TIFF page with JPEG data, from the levels of all its strips or tiles."""
    parts = [
        Component(
            identifier=part["identifier"],
            vertical=part["vertical"],
            horizontal=part["horizontal"],
            table=table,
            levels=np.where(zero, np.int16(0), levels) if zero.any() else levels,
            rows=part["size"][0],
            columns=part["size"][1],
        )
        for part, levels in zip(facts["components"], arrays, strict=True)
        for table, zero in (replace_zeros(_table(part["table"])),)
    ]
    quality, exact = nearest_quality(parts[0].table)
    return Opened(
        format="jpeg in tiff",
        height=facts["size"][0],
        width=facts["size"][1],
        colour=facts["colour"],
        bits=8,
        metadata=metadata,
        components=tuple(parts),
        coding="progressive" if facts["progressive"] else "baseline",
        sampling=name_sampling([(part.horizontal, part.vertical) for part in parts]),
        scans=facts["parts"],
        quality=quality,
        quality_exact=exact,
        lost=facts["lost"],
        warnings=warnings,
    )


def _table(steps: list[int]) -> NDArray[np.uint16]:
    return np.array(steps, np.uint16).reshape(8, 8)


def read_metadata(facts: dict[str, Any]) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata that ``decoding.picture_metadata`` found, and notes on what is left out of it.

    As of a JPEG file, the XMP is kept without statements about what the result does not have.
    """
    icc, exif, xmp, comment = (
        base64.b64decode(facts[key]) if facts[key] else None for key in ("icc", "exif", "xmp", "comment")
    )
    orientation = facts["orientation"] if facts["orientation"] in range(1, 9) else 1
    kept, removed = remove_statements(xmp) if xmp else (None, False)
    metadata = Metadata(
        icc=icc,
        exif=set_orientation(exif, orientation) if exif else None,  # that of a JPEG XL's EXIF is void
        xmp=kept,
        comments=(comment,) if comment else (),
        density=tuple(facts["density"]) if facts["density"] else read_density(exif),
        orientation=orientation,
    )
    return metadata, (note_removed(kept is not None),) if removed else ()
