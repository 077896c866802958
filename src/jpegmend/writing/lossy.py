"""Encoding of WebP, JPEG, AVIF and JPEG XL by Pillow and its plugins; pixels are uint8, 0..255."""

from __future__ import annotations

import importlib.util
import io
import warnings
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image, ImageOps, features

from jpegmend.decoding.picture_metadata import ORIENTATION, encode_texts
from jpegmend.errors import MissingExtra
from jpegmend.jpeg import Metadata, read_density, set_orientation, turn

DEFAULT_QUALITY = 95
"""Quality of lossy output, 1..100; high, because a second compression should not undo the restoration."""
_SEGMENT = 65533
"""Greatest number of bytes in a JPEG segment (T.81, B.1.1.4)."""
_LARGEST_DENSITY = 65535
"""Greatest number of pixels an inch in a JFIF marker, which has two bytes for it."""
_EXIF_LEAD, _XMP_LEAD = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def write_jpeg(stream: BinaryIO, pixels: NDArray[Any], metadata: Metadata, quality: int) -> tuple[str, ...]:
    """Write ``[H, W]`` or ``[H, W, 3]`` as JPEG, 4:4:4; returns descriptions of the metadata left out."""
    options: dict[str, Any] = {"quality": quality, "subsampling": "4:4:4", "optimize": pixels.size < 1 << 24}
    left_out = ["the extended part of its XMP"] if metadata.extended_xmp else []
    comment = b"\n".join(metadata.comments)
    blocks = (
        ("exif", _EXIF_LEAD, metadata.exif, "EXIF"),
        ("xmp", b"", metadata.xmp, "XMP"),
        ("comment", b"", comment, "the comments"),
    )
    for key, lead, body, words in blocks:
        room = _SEGMENT - len(_XMP_LEAD if key == "xmp" else lead)
        if body and len(body) <= room:
            options[key] = lead + body
        elif body:
            left_out.append(f"{words} ({len(body)} bytes; a JPEG segment holds {room})")
    if metadata.icc:
        options["icc_profile"] = metadata.icc
    if metadata.density and metadata.density[2] != "aspect":
        factor = 2.54 if metadata.density[2] == "dpcm" else 1.0
        dpi = tuple(round(factor * value) for value in metadata.density[:2])
        if max(dpi) <= _LARGEST_DENSITY:
            options["dpi"] = dpi
        else:
            left_out.append(f"the density ({dpi[0]} x {dpi[1]} dpi; a JPEG holds {_LARGEST_DENSITY})")
    elif metadata.density and metadata.density[0] != metadata.density[1]:
        left_out.append("the pixel aspect ratio")
    # Pillow writes to a file by itself, and does not see that a full disk took only a part.
    image, encoded = Image.fromarray(pixels), io.BytesIO()
    try:
        image.save(encoded, "JPEG", **options)
    except OSError:
        # An optimised scan must fit into Pillow's buffer of two bytes a pixel; noise and dithering need more.
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", **{**options, "optimize": False})
    stream.write(encoded.getbuffer())
    return tuple(left_out)


def write_webp(stream: BinaryIO, pixels: NDArray[Any], metadata: Metadata, quality: int) -> tuple[str, ...]:
    """Write ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]`` as WebP, lossless at quality 100; returns what is left out."""
    options: dict[str, Any] = {"quality": quality, "lossless": quality == 100}
    if options["lossless"]:
        options["quality"] = 50  # for lossless WebP this is the encoder's effort
        options["exact"] = True  # colours of transparent pixels too
    image, profile, left_out = _in_colour(pixels, metadata, "WebP")
    image.save(stream, "WEBP", **options, **_blocks(profile, metadata))
    return (*left_out, *_left_out(metadata))


def write_avif(stream: BinaryIO, pixels: NDArray[Any], metadata: Metadata, quality: int) -> tuple[str, ...]:
    """Write ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]`` as AVIF, 4:4:4; returns what is left out."""
    image, profile, left_out = _in_colour(pixels, metadata, "AVIF")
    blocks: dict[str, Any] = _blocks(profile, metadata)
    if metadata.exif:
        try:
            blocks["exif"] = _for_avif(metadata.exif)
        except Exception:  # Pillow raises one of many errors
            del blocks["exif"]
            left_out = (*left_out, "the EXIF, which is damaged")
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of parts of an EXIF that it does not know
        image.save(stream, "AVIF", quality=quality, subsampling="4:4:4", **blocks)
    return (*left_out, *_left_out(metadata))


def _for_avif(block: bytes) -> bytes | Image.Exif:
    """An EXIF block for an AVIF: one with an orientation as Pillow's object, which makes it a property of the picture.

    Raises one of many errors where Pillow cannot read or write the block.
    """
    exif = Image.Exif()
    with warnings.catch_warnings(action="ignore"):
        exif.load(block)
        encode_texts(exif)
        exif.tobytes()
    return exif if ORIENTATION in exif else block


def _in_colour(
    pixels: NDArray[Any], metadata: Metadata, name: str
) -> tuple[Image.Image, bytes | None, tuple[str, ...]]:
    """Pixels as RGB or RGBA for a format that is written without gray, their ICC profile, and what is left out.

    A profile for gray was let through for gray pixels and would be wrong for RGB.
    """
    image = Image.fromarray(pixels)
    if image.mode != "L":
        return image, metadata.icc, ()
    lost = (f"the ICC profile, which is for gray; {name} is written as RGB",) if metadata.icc else ()
    return image.convert("RGB"), None, lost


def _blocks(profile: bytes | None, metadata: Metadata) -> dict[str, bytes]:
    """Pillow's options for the metadata that WebP and AVIF hold."""
    blocks = (("icc_profile", profile), ("exif", metadata.exif), ("xmp", metadata.xmp))
    return {key: body for key, body in blocks if body}


def write_jxl(stream: BinaryIO, pixels: NDArray[Any], metadata: Metadata, quality: int) -> tuple[str, ...]:
    """Write ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]`` in sRGB as JPEG XL, lossless at quality 100.

    Returns what is left out. The plugin writes neither a colour profile nor an orientation other than upright: such
    pixels are turned.
    """
    import pillow_jxl

    image = Image.fromarray(pixels)
    turned: tuple[str, ...] = ()
    if metadata.orientation != 1:
        image.getexif()[ORIENTATION] = metadata.orientation
        image = ImageOps.exif_transpose(image)
        metadata = turn(metadata, metadata.orientation)
        turned = ("the orientation, which this encoder of JPEG XL cannot state: the pixels are turned by it",)
    make: Any = pillow_jxl.Encoder  # its type stub lists only two of the arguments
    encoder = make(
        mode=image.mode,
        lossless=quality == 100,
        quality=quality,
        decoding_speed=0,
        effort=7,
        use_container=bool(metadata.exif or metadata.xmp),
        use_original_profile=False,
        num_threads=-1,
    )
    exif = set_orientation(metadata.exif, 1) if metadata.exif else None
    boxes = {"exif": exif, "xmp": metadata.xmp, "jumb": None, "compress": False}
    stream.write(encoder(image.tobytes(), image.width, image.height, jpeg_encode=False, **boxes))
    return (*turned, *_left_out(metadata))


def check_encoder(name: str) -> None:
    """Raise ``MissingExtra`` if the encoder of an output format is not installed."""
    if name == "avif" and not features.check("avif"):
        raise MissingExtra("this Pillow was built without AVIF; its wheels have it from 11.3 on: pip install -U pillow")
    if name == "jxl" and importlib.util.find_spec("pillow_jxl") is None:
        raise MissingExtra('writing JPEG XL needs pillow-jxl-plugin: pip install "jpegmend[formats]"')


def _left_out(metadata: Metadata) -> tuple[str, ...]:
    """Descriptions of the metadata that formats without comments and density cannot hold."""
    left_out = []
    if metadata.extended_xmp:
        left_out.append("the extended part of its XMP")
    if metadata.comments:
        left_out.append("the comments")
    if metadata.density and metadata.density != read_density(metadata.exif):
        across, down, unit = metadata.density
        if unit != "aspect":
            left_out.append("the density")
        elif across != down:
            left_out.append("the pixel aspect ratio")
    return tuple(left_out)
