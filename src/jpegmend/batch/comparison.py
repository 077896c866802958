"""The picture that shows decoded and restored beside each other, and the gain in PSNR over a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.batch.inputs import read_input
from jpegmend.errors import InputError, InvalidOption
from jpegmend.metrics.peak import decibels

if TYPE_CHECKING:
    from jpegmend.restoration import Restored

_STRIP_SAMPLES = 1 << 22


@dataclass(frozen=True)
class Gain:
    """PSNR of the decoded and of the restored picture to a reference: 16 bits a sample, gray or RGB, without alpha."""

    reference: str
    """Path of the reference."""
    decoded: float
    """dB; ``inf`` if it equals the reference."""
    restored: float

    @property
    def change(self) -> str:
        """The gain in dB with its sign; empty where one of both pictures equals the reference."""
        gain = self.restored - self.decoded
        return f"{gain:+.2f}" if math.isfinite(gain) else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, which has no infinity: None instead."""
        values = {"decoded_db": self.decoded, "restored_db": self.restored, "gain_db": self.restored - self.decoded}
        found = {key: round(value, 3) if math.isfinite(value) else None for key, value in values.items()}
        return {"file": self.reference, **found}


def compared_with(target: Path) -> Path:
    """Path of the comparison picture of a result: ``.compare.png`` instead of its suffix.

    >>> compared_with(Path("photo.restored.png")).name
    'photo.restored.compare.png'
    """
    return target.with_name(f"{target.stem}.compare.png")


def read_reference(path: Path, decoded: Restored, max_bytes: int, options: Mapping[str, Any]) -> Restored:
    """The reference of a picture, decoded; of a file with several pages the one that was chosen of the picture's file.

    Raises:
        InvalidOption: it cannot be read, or has another size than the picture.
    """
    from jpegmend.restoration import restore

    given = {**options, "strength": 0.0, "consistent": None, "quality": None}
    try:
        data = read_input(path, max_bytes)
        reference = restore(data, **{**given, "page": 1})
        if (options.get("page") or 1) > 1 and reference.report.pages > 1:
            reference = restore(data, **given)
    except (InputError, InvalidOption) as error:
        raise InvalidOption(f"the reference {path}: {error}") from error
    if (reference.width, reference.height) != (decoded.width, decoded.height):
        sizes = f"{reference.width}x{reference.height} pixels, the picture {decoded.width}x{decoded.height}"
        raise InvalidOption(f"the reference {path} has {sizes}; it must be the same picture at the same size")
    return reference


def measure(path: Path | None, reference: Restored, decoded: Restored, restored: Restored) -> Gain:
    """PSNR of decoded and restored to the reference of one size; in sRGB if it has another ICC profile."""
    converts = reference.metadata.icc != decoded.metadata.icc
    clear, *pair = (_colours(picture, converts) for picture in (reference, decoded, restored))
    return Gain(str(path), *(_psnr(clear, picture) for picture in pair))


def labels(report: Mapping[str, Any], gain: Gain | None) -> tuple[str, str]:
    """The words above both pictures: what was decoded and what restored it, and how near to a reference they are."""
    quality = quality_in_words(report)
    before = f"decoded: {quality}" if quality else "decoded"
    after = f"restored: {report['model']}" if report["runtime"] else "restored: nothing to do"
    if gain is None:
        return before, after
    change = f" ({gain.change})" if gain.change else ""
    return f"{before}\n{in_decibels(gain.decoded)}", f"{after}\n{in_decibels(gain.restored)}{change}"


def in_decibels(psnr: float) -> str:
    """A PSNR in words.

    >>> in_decibels(31.456), in_decibels(math.inf)
    ('31.46 dB', 'no difference')
    """
    return f"{psnr:.2f} dB" if math.isfinite(psnr) else "no difference"


def quality_in_words(report: Mapping[str, Any]) -> str:
    """The qualities that a report names, empty if none: ``quality 10``, ``looks like quality 20``."""
    stated, guessed = report["quality"], report["estimated_quality"]
    parts = [f"quality {stated}{'' if report['quality_exact'] else ' or so'}"] if stated else []
    if guessed is not None and (report["estimated"] or not report["consistent"]):
        parts.append(f"looks like quality {guessed}")
    if report["quality_by_network"] is not None:
        parts.append(f"quality {report['quality_by_network']:.0f} by the network")
    return ", ".join(parts)


def _colours(picture: Restored, converts: bool) -> NDArray[Any]:
    from jpegmend.writing.srgb import to_srgb

    pixels: NDArray[Any] = picture.to_array(16)
    if converts:
        pixels = to_srgb(pixels, picture.metadata)[0]
    return pixels[:, :, None] if pixels.ndim == 2 else pixels[:, :, :3]


def _psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """PSNR over all planes, in strips: whole pictures as float64 would take most memory. Gray stands for each plane."""
    planes = max(a.shape[2], b.shape[2])
    rows = max(1, _STRIP_SAMPLES // (a.shape[1] * planes))
    total = 0.0
    for top in range(0, a.shape[0], rows):
        total += float(np.square(a[top : top + rows].astype(np.float64) - b[top : top + rows]).sum())
    return decibels(total / (a.shape[0] * a.shape[1] * planes), 65535)
