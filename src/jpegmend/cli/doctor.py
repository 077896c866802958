"""``jpegmend doctor``: check that everything that a restoration needs is installed and works."""

from __future__ import annotations

import functools
import io
import platform
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.parser import Parser
from jpegmend.errors import JpegmendError, WeightsDamaged

if TYPE_CHECKING:
    from PIL import Image

    from jpegmend.weights import Card

PACKAGES = ("numpy", "onnxruntime", "pillow", "pyjpegio", "tifffile")
EXTRAS = ("torch", "spandrel", "scipy", "pillow-heif", "pillow-jxl-plugin")
"""Optional packages that change what can be read, written or run."""


def add(parser: Parser) -> None:
    """``jpegmend doctor`` has no options."""


def run(given: Namespace) -> int:
    """Print versions, threads and memory, check the weights, and restore a picture made in memory."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("versions", _versions),
        ("machine", _machine),
        ("temporary files", _temporary),
        ("weights", _weights),
        *((f"adopted network {name}", functools.partial(_adopted, name)) for name in _adopted_names()),
        ("decoding", _decoding),
        ("restoring", _restoring),
    )
    failed = 0
    for name, check in checks:
        try:
            good, said = True, check()
        except Exception as error:  # any failure is a finding
            good, said = False, f"{type(error).__name__}: {error}"
        failed += not good
        sys.stdout.write(f"{'ok    ' if good else 'FAILED'}  {name}: {said}\n")
        sys.stdout.flush()
    return SOME_FAILED if failed else DONE


def _versions() -> str:
    import jpegmend

    found = [f"jpegmend {jpegmend.__version__}", f"Python {platform.python_version()}"]
    for package in (*PACKAGES, *EXTRAS):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join(found)


def _machine() -> str:
    from jpegmend.decoding.memory import available_memory
    from jpegmend.runtimes.processor import available_threads

    return f"{platform.platform()}, {available_threads()} CPUs, {available_memory() / 1e9:.1f} GB of memory free"


def _temporary() -> str:
    with tempfile.TemporaryFile() as stream:
        stream.write(bytes(1 << 20))
    return tempfile.gettempdir()


def _weights() -> str:
    """Check every network of the package; the error names all that are damaged."""
    from jpegmend import weights

    released, problems = [], []
    for name in weights.PACKAGED:
        try:
            card = weights.MODELS[name]
            if card.released:
                _verify(card)
                released.append(name)
        except JpegmendError as error:
            problems.append(str(error))
    if problems:
        raise WeightsDamaged("; ".join(problems))
    return f"{', '.join(released)}: files as their cards state"


def _adopted_names() -> list[str]:
    from jpegmend import weights

    return [name for name in weights.MODELS if name not in weights.PACKAGED]


def _adopted(name: str) -> str:
    from jpegmend import weights

    _verify(weights.MODELS[name])
    return "its file is as its card states"


def _verify(card: Card) -> None:
    from jpegmend import weights

    for form in card.files:
        weights.path(card, form)


def _decoding() -> str:
    """Check that jpegmend decodes a JPEG made in memory as Pillow does."""
    import numpy as np
    from PIL import Image

    from jpegmend.restoration import restore

    jpeg = _jpeg()
    ours = restore(jpeg, strength=0.0).to_array(8).astype(int)
    with Image.open(io.BytesIO(jpeg)) as image:
        apart = float(np.abs(ours - np.asarray(image.convert("RGB"))).mean())
    if apart > 1:
        raise JpegmendError(f"{apart:.1f} levels from Pillow's decoding; at most 1 is expected")
    return f"as Pillow decodes it (mean difference {apart:.2f} levels)"


def _restoring() -> str:
    """Check that the default network restores it to a smaller error."""
    import numpy as np
    from PIL import Image

    from jpegmend.metrics import psnr
    from jpegmend.restoration import restore

    original, jpeg = np.asarray(_picture()), _jpeg()
    restored = restore(jpeg)
    with Image.open(io.BytesIO(jpeg)) as image:
        before = psnr(np.asarray(image.convert("RGB")), original, peak=255)
    after = psnr(restored.to_array(8), original, peak=255)
    if after <= before:
        raise JpegmendError(f"the picture got worse, {before:.2f} to {after:.2f} dB; install again")
    report = restored.report
    return f"{report.model} by {report.runtime}, {before:.2f} to {after:.2f} dB in {report.seconds:.1f} s"


def _picture() -> Image.Image:
    """A smooth picture with edges, 128x128 RGB."""
    import numpy as np
    from PIL import Image

    rows, columns = np.mgrid[:128, :128] / 128
    disc = (np.hypot(rows - 0.5, columns - 0.4) < 0.3) * 0.4
    planes = (0.3 + 0.4 * columns + disc * 0.5, 0.2 + 0.5 * rows, 0.6 - 0.3 * columns + disc)
    return Image.fromarray((np.clip(np.stack(planes, 2), 0, 1) * 255).astype(np.uint8))


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    _picture().save(buffer, "JPEG", quality=10)
    return buffer.getvalue()
