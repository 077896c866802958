"""From a picture to what is measured: the JPEG a protocol makes of it, the truth, and the scores. Nothing is written.

Pictures are uint8, [H, W] gray or [H, W, 3] RGB.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import metrics
from jpegmend.blocks import studio_y
from jpegmend.errors import InvalidOption, MissingData
from jpegmend.evaluation.measure.protocols import Case, Protocol

Picture = NDArray[np.uint8]

SUFFIXES = (".webp", ".png", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jpg", ".jpeg")
ROOT = "JPEGMEND_DATA"
SPLITS = ("train", "val", "test")
BLOCK = 8
SSIM: Mapping[str, Mapping[str, Any]] = {
    "matlab": {},
    "uniform-8": {"window": "uniform", "size": 8},
    "uniform-7": {"window": "uniform", "size": 7, "sample_covariance": True},
}
"""Parameters of the variants of ``Protocol.ssim``."""

PSNR_B = ("true", "fbcnn", "fbcnn-sum")
"""The variants of ``Protocol.psnr_b``."""

PILLOW_SUBSAMPLING = {"4:4:4": 0, "4:2:0": 2}


@dataclass(frozen=True)
class Trial:
    """One JPEG in memory and the picture that a perfect restoration would give."""

    jpeg: bytes
    truth: Picture
    """What the result is compared with: [H, W] or [H, W, 3]."""
    decoded: Picture
    """The JPEG as libjpeg decodes it: the row to beat."""


def pictures(folder: Path) -> list[Path]:
    """The picture files of a data set, sorted by name; a single file is a set of one.

    Raises:
        MissingData: no such path, or nothing in it is a picture.
    """
    if folder.is_file():
        return [folder]
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not found:
        raise MissingData(
            f"no pictures in {folder}; give a folder of {', '.join(SUFFIXES)} files ('jpegmend data' says where "
            "the known sets are to be had)"
        )
    return found


def find_set(name: str | Path) -> Path:
    """A folder of pictures: a path, or the name of a set somewhere in the two upper levels of ``$JPEGMEND_DATA``.

    Raises:
        MissingData: neither is there.
    """
    path = Path(name)
    if path.exists():
        return path
    root = os.environ.get(ROOT)
    found = [folder for depth in ("*", "*/*") for folder in sorted(Path(root).glob(depth))] if root else []
    for folder in found:
        if folder.is_dir() and str(name).lower() in (folder.name.lower(), set_name(folder).lower()):
            return folder
    where = f"{root} has no set of that name" if root else f"{ROOT} is not set"
    raise MissingData(f"no folder {name}, and {where}; give a path, or let {ROOT} name the folder with the sets")


def set_name(folder: Path) -> str:
    """What a data set is called in results: its folder's name, for a split with the name of the folder above.

    >>> set_name(Path("sets/bsds500/val"))
    'bsds500-val'
    """
    name = folder.stem if folder.is_file() else folder.resolve().name
    return f"{folder.resolve().parent.name}-{name}" if name.lower() in SPLITS else name


def open_original(path: Path, protocol: Protocol) -> Picture:
    """The picture as the protocol wants it: [H, W] luma for gray ones, else RGB [H, W, 3].

    A gray file is its own luma (Classic5): its values are not taken through a matrix.
    """
    from PIL import Image

    with Image.open(path) as file:
        gray = file.mode in ("L", "1", "I;16", "LA") or _is_gray(file)
        picture = file.convert("L" if gray and protocol.channel != "rgb" else "RGB")
    if protocol.scale != 1:
        size = (max(8, round(picture.width * protocol.scale)), max(8, round(picture.height * protocol.scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if protocol.channel == "full-y":
        picture = picture.convert("L")
    pixels = np.asarray(picture)
    return studio_y(pixels) if protocol.channel == "studio-y" and pixels.ndim == 3 else pixels


def _is_gray(file: Any) -> bool:
    """Whether a colour file holds a gray picture: WebP has no gray mode, so Classic5 comes as equal R, G and B."""
    if file.mode not in ("RGB", "RGBA"):
        return False
    red, green, blue = (np.asarray(band) for band in file.convert("RGB").split())
    return bool((red == green).all() and (green == blue).all())


def degrade(original: Picture, protocol: Protocol, case: Case) -> Trial:
    """Compress a picture as the protocol says; between two compressions the grid is shifted.

    Raises:
        InvalidOption: the picture is too small for the shift.
    """
    truth, seen = original, original
    data = b""
    for number, quality in enumerate(case):
        if number:
            down, right = protocol.shift
            truth, seen = truth[down:, right:], seen[down:, right:]
            if min(seen.shape[:2]) < 1:
                raise InvalidOption(f"a picture of {original.shape[:2]} is too small for a shift of {protocol.shift}")
        data = encode(seen, quality, protocol.sampling)
        seen = decode(data)
    return Trial(data, truth, seen)


def encode(picture: Picture, quality: int, sampling: str) -> bytes:
    """A JPEG with libjpeg's standard tables; ``sampling`` is ignored for gray pictures."""
    from PIL import Image

    stream = io.BytesIO()
    options: dict[str, Any] = {} if picture.ndim == 2 else {"subsampling": PILLOW_SUBSAMPLING[sampling]}
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def decode(data: bytes) -> Picture:
    """The pixels libjpeg gives for a JPEG."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as file:
        return np.asarray(file)


def score(truth: Picture, judged: Picture) -> dict[str, float]:
    """PSNR in dB, SSIM and PSNR-B in dB, in each variant, of one 8-bit picture against the truth.

    Keys: ``psnr``, ``ssim:`` and ``psnr_b:`` with the variants of ``Protocol.ssim`` and ``Protocol.psnr_b``. For RGB
    the PSNR is over all values; SSIM and PSNR-B are means over the three channels, but for ``psnr_b:fbcnn-sum``.
    SSIM is NaN on sides below its window, PSNR-B on sides below a block.

    Raises:
        InvalidOption: the shapes differ.
    """
    if truth.shape != judged.shape:
        raise InvalidOption(f"truth of shape {truth.shape} and result of {judged.shape}; they must be alike")
    pairs = [(truth, judged)] if truth.ndim == 2 else [(truth[..., c], judged[..., c]) for c in range(3)]
    found = {"psnr": metrics.psnr(truth, judged, peak=255)}
    for name, options in SSIM.items():
        small = min(truth.shape[:2]) < options.get("size", 11)
        values = [math.nan] if small else [metrics.ssim(a, b, peak=255, **options) for a, b in pairs]
        found[f"ssim:{name}"] = float(np.mean(values))
    return found | {f"psnr_b:{name}": value for name, value in _psnr_b(truth, judged, pairs).items()}


def baseline(truth: Picture, decoded: Picture) -> tuple[float, float]:
    """PSNR and PSNR-B in dB of the decoded JPEG: what gains are counted from, without the cost of all variants."""
    pairs = [(truth, decoded)] if truth.ndim == 2 else [(truth[..., c], decoded[..., c]) for c in range(3)]
    return metrics.psnr(truth, decoded, peak=255), _psnr_b(truth, decoded, pairs)["true"]


def _psnr_b(truth: Picture, judged: Picture, pairs: list[tuple[Picture, Picture]]) -> dict[str, float]:
    if min(truth.shape[:2]) < BLOCK:
        return dict.fromkeys(PSNR_B, math.nan)
    true = [metrics.psnr_b(a, b, peak=255) for a, b in pairs]
    common = [metrics.psnr_b(a, b, peak=255, variant="fbcnn") for a, b in pairs]
    blocking = sum(metrics.bef(b, variant="fbcnn") for _, b in pairs)
    error = float(np.square(truth.astype(np.float64) - judged).mean()) + blocking
    together = math.inf if error == 0 else 10 * math.log10(255**2 / error)
    return dict(zip(PSNR_B, (float(np.mean(true)), float(np.mean(common)), together), strict=True))
