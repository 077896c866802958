"""The process in which Pillow's decoders meet bytes nobody vouches for.

Run as a script by ``sources.py``; imports nothing of this package, so that it starts fast. Arguments: path of the
picture, path to write its samples to (``.npy``), most pixels allowed. It prints one JSON object: ``shape`` facts and
metadata (base64), or ``error`` with ``kind`` "large", "form" or "damaged".
"""

from __future__ import annotations

import base64
import json
import sys
import warnings
from typing import Any

_FORMATS = ("PNG", "WEBP", "BMP", "TIFF", "GIF")


class _TooLargeError(Exception):
    pass


class FormError(Exception):
    """Samples of a kind that is not read."""


def main() -> None:
    """Decode one picture and say what it was."""
    source, target, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        answer = _decode(source, target, most)
    except _TooLargeError as problem:
        answer = {"error": str(problem), "kind": "large"}
    except FormError as problem:
        answer = {"error": str(problem), "kind": "form"}
    except (Exception, MemoryError) as problem:
        answer = {"error": f"{type(problem).__name__}: {problem}", "kind": "damaged"}
    sys.stdout.write(json.dumps(answer))


def _decode(source: str, target: str, most: int) -> dict[str, Any]:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked right after the header is read
    warnings.simplefilter("ignore")
    with Image.open(source, formats=_FORMATS) as image:
        width, height = image.size
        if width * height > most:
            raise _TooLargeError(
                f"the header claims {width}x{height} = {width * height:,} pixels, allowed are {most:,}; "
                "raise max_pixels if the file can be trusted"
            )
        facts = {"mode": image.mode, "frames": getattr(image, "n_frames", 1), **_metadata(image)}
        plain = to_plain(image)
        np.save(target, np.asarray(plain))
    return facts


def to_plain(image: Any) -> Any:
    """The picture in mode L, RGB, RGBA or I;16: what can be treated as planes, losing as little as Pillow allows."""
    if image.mode in ("L", "RGB", "RGBA", "I;16"):
        # Transparency by one colour, as PNG has it without an alpha channel.
        return image.convert("RGBA") if "transparency" in image.info and image.mode in ("L", "RGB") else image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "La", "PA", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("I;16B", "I;16L", "I;16N", "I"):
        return _sixteen(image)
    if image.mode in ("CMYK", "YCbCr", "RGBX", "HSV", "LAB"):
        return image.convert("RGB")
    raise FormError(f"samples of mode {image.mode!r}; 8-bit and 16-bit gray, RGB, RGBA, palette and CMYK are read")


def _sixteen(image: Any) -> Any:
    import numpy as np

    values = np.asarray(image)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise FormError("integer samples outside 0..65535; 8-bit and 16-bit samples are read")
    return values.astype(np.uint16)


def _metadata(image: Any) -> dict[str, Any]:
    info = image.info
    exif = info.get("exif")
    if exif is None and image.format == "TIFF":
        exif = image.getexif().tobytes()
    xmp = info.get("xmp")
    if isinstance(info.get("XML:com.adobe.xmp"), str):
        xmp = info["XML:com.adobe.xmp"].encode()
    comment = info.get("comment")
    density = info.get("dpi")
    return {
        "icc": _text(info.get("icc_profile")),
        "exif": _text(exif.removeprefix(b"Exif\0\0") if exif else None),
        "xmp": _text(xmp),
        "comment": _text(comment.encode() if isinstance(comment, str) else comment),
        "density": [round(float(value)) for value in density] if density else None,
        "orientation": int(image.getexif().get(0x0112, 1)),
    }


def _text(value: bytes | None) -> str | None:
    return base64.b64encode(value).decode() if value else None


if __name__ == "__main__":
    main()
