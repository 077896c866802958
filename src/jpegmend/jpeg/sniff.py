"""Detection of a file's format by its first bytes."""

from __future__ import annotations

import re

from jpegmend.errors import NotAnImage, UnsupportedJpeg
from jpegmend.formats import READ

# fmt: off
_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff\xf7",             "jpeg-ls"),
    (b"\xff\xd8",                     "jpeg"),
    (b"\x89PNG\r\n\x1a\n",            "png"),
    (b"\x8aMNG\r\n\x1a\n",            "mng"),
    (b"GIF87a",                       "gif"),
    (b"GIF89a",                       "gif"),
    (b"BM",                           "bmp"),
    (b"II*\0\x10\0\0\0CR",            "camera raw (cr2)"),
    (b"II*\0",                        "tiff"),
    (b"MM\0*",                        "tiff"),
    (b"II+\0",                        "tiff"),
    (b"MM\0+",                        "tiff"),
    (b"II\xbc\x01",                   "jpeg xr"),
    (b"\0\0\0\x0cjP  \r\n\x87\n",     "jpeg 2000"),
    (b"\xff\x4f\xff\x51",             "jpeg 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n",     "jpeg xl"),
    (b"\xff\x0a",                     "jpeg xl"),
    (b"\x1a\x45\xdf\xa3",             "video (matroska)"),
    (b"\0\0\x01\xba",                 "video (mpeg)"),
    (b"\0\0\x01\xb3",                 "video (mpeg)"),
    (b"FLV\x01",                      "video (flash)"),
    (b"OggS",                         "video (ogg)"),
    (b"8BPS",                         "photoshop"),
    (b"%PDF",                         "pdf"),
    (b"qoif",                         "qoi"),
    (b"P7\n",                         "pam"),
    (b"BPG\xfb",                      "bpg"),
    (b"\0\0\x01\0",                   "ico"),
    (b"\x76\x2f\x31\x01",             "openexr"),
    (b"SIMPLE  =",                    "fits"),
)
_RIFF: dict[bytes, str] = {b"WEBP": "webp", b"AVI ": "video (avi)", b"WAVE": "sound (wav)"}
_BRANDS: dict[bytes, str] = {
    b"heic": "heic", b"heix": "heic", b"heim": "heic", b"heis": "heic", b"hevc": "heic", b"hevx": "heic",
    b"mif1": "heic", b"msf1": "heic", b"avif": "avif", b"avis": "avif", b"crx ": "camera raw (cr3)",
    b"qt  ": "video (quicktime)", b"jp2 ": "jpeg 2000", b"jxl ": "jpeg xl",
}
# fmt: on
_SVG = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,200}?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", re.DOTALL)
_HTML = re.compile(rb"(?is)(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.{0,200}?-->\s*)?<(!DOCTYPE\s+html|html)[\s>]")
_LFS = re.compile(rb"version https://git-lfs\.")
_IN_PLACE = (
    (_HTML, "the file is a web page (HTML), not a picture; save the picture that the page shows"),
    (_LFS, "the file is a pointer of Git LFS, in place of the picture; get the picture by `git lfs pull`"),
)
"""Texts that are often found under the name of a picture, and what to say of them."""
_PNM = re.compile(rb"P[1-6][\s#]")


def sniff(data: bytes) -> str:
    """Name of the format by the signature in the first 512 bytes, in lower case; "unknown" if none is recognised.

    The result is "jpeg" for everything that begins with an SOI marker; ``read_header`` checks whether it can be read.

    >>> sniff(b"\\x89PNG\\r\\n\\x1a\\n...")
    'png'
    """
    start = bytes(data[:512])
    for prefix, name in _PREFIXES:
        if start.startswith(prefix):
            return name
    if start[:4] == b"RIFF":
        return _RIFF.get(start[8:12], "unknown")
    if start[4:8] == b"ftyp":
        return _brand(start)
    if _PNM.match(start):
        return "pnm"
    if _SVG.match(start):
        return "svg"
    return "unknown"


def _brand(start: bytes) -> str:
    major = start[8:12]
    if major in (b"mif1", b"msf1") and b"avif" in start[16:64]:
        return "avif"  # the major brand is the general one, the compatible brands list the particular one
    return _BRANDS.get(major, "video (mp4)")


def refuse_other_formats(data: bytes) -> None:
    """Raise ``NotAnImage`` or ``UnsupportedJpeg`` for bytes that do not begin as a JPEG."""
    if not data:
        raise NotAnImage("the file is empty; give a picture")
    kind = sniff(data)
    if kind == "unknown":
        for text, message in _IN_PLACE:
            if text.match(bytes(data[:512])):
                raise NotAnImage(message)
        raise NotAnImage(
            f"the file begins with {data[:8].hex(' ')}, which is no picture format known here; a JPEG begins with ff d8"
        )
    if kind != "jpeg":
        raise UnsupportedJpeg(f"the file is of the format {kind}; read are {', '.join(READ)}")
