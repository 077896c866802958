"""Metadata in application markers: JFIF density, Adobe transform, ICC, EXIF, XMP, comments."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jpegmend.jpeg import segments as seg
from jpegmend.jpeg.gain_map import note_removed, remove_statements
from jpegmend.jpeg.metadata import Density, Metadata, byte_order, read_density, read_orientation, states_adobe_rgb

_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_ICC, _EXIF, _MPF = b"ICC_PROFILE\0", b"Exif\0", b"MPF\0"
_XMP, _XMP_MORE = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_XMP_MORE_HEAD = len(_XMP_MORE) + 32 + 4 + 4  # then the MD5 in hexadecimal, the full length, the offset
_PHOTOSHOP = b"Photoshop 3.0\0"
_IPTC = re.compile(rb"8BIM\x04\x04\0\0(.{4})", re.DOTALL)
"""The resource of Photoshop with IPTC data (id 0x0404, without a name), and its size."""
_IPTC_TEXT = re.compile(rb"\x1c\x02[^\0]")
"""A data set of IPTC's record 2 other than its version (IIM 4.2, chapter 6)."""
_TOLD_REST = 1_000
"""Bytes after the picture from which they are told: a film or a picture, no padding."""
_MOST_COMMENTS = 1_000_000
"""Bytes of all comments together; without a limit a file of comments takes a multiple of its size in memory."""


@dataclass
class Applications:
    """Collects APPn and COM segments; ``metadata`` joins their parts."""

    jfif: bool = False
    adobe_transform: int | None = None
    """Last byte of the Adobe marker; None where there is no such marker."""
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the file holds beside this picture, in words; no damage."""
    rest: int = 0
    """Bytes after the picture."""
    _names_rest: bool = False
    """Whether a note says already what they are."""
    _density: Density | None = None
    _exif: bytes | None = None
    _xmp: bytes | None = None
    _icc_chunks: list[bytes] = field(default_factory=list)
    _xmp_chunks: dict[bytes, list[bytes]] = field(default_factory=dict)
    _comments: list[bytes] = field(default_factory=list)
    _comment_bytes: int = 0

    def take(self, code: int, body: bytes, *, decides_colour: bool = True) -> None:
        """Store one APPn or COM segment; unknown ones are ignored.

        ``decides_colour``: whether no scan has begun; later markers say nothing on the colour space, as in libjpeg.
        """
        if code == seg.APP0 and body.startswith(_JFIF) and len(body) >= 12:
            self._take_jfif(body, decides_colour)
        elif code == seg.APP14 and body.startswith(_ADOBE) and len(body) >= 12:
            self.adobe_transform = body[11] if decides_colour else self.adobe_transform
        elif code == seg.APP2 and body.startswith(_ICC) and len(body) >= 14:
            self._icc_chunks.append(body)
        elif code == seg.APP2 and body.startswith(_MPF):
            self._note("other pictures in the file (MPF: a gain map, a preview, a second view) are left out")
            self._names_rest = True
        elif code == seg.APP13 and body.startswith(_PHOTOSHOP):
            self._take_photoshop(body)
        elif code == seg.COM:
            self._take_comment(body)
        elif code == seg.APP1:
            self._take_app1(body)

    def _note(self, words: str) -> None:
        self.notes += [words] if words not in self.notes else []

    def _take_photoshop(self, body: bytes) -> None:
        resource = _IPTC.search(body)
        if resource and _IPTC_TEXT.search(body, resource.end(), resource.end() + int.from_bytes(resource[1], "big")):
            self._note("IPTC captions and keywords (APP13) are left out; XMP is kept")

    def _take_jfif(self, body: bytes, decides_colour: bool) -> None:
        if len(body) >= 14 and decides_colour:  # libjpeg ignores a shorter marker, without the thumbnail's two bytes
            self.jfif = True
        across, down = int.from_bytes(body[8:10], "big"), int.from_bytes(body[10:12], "big")
        if across and down:
            unit = body[7]
            self._density = (across, down, "dpi" if unit == 1 else "dpcm" if unit == 2 else "aspect")

    def _take_comment(self, body: bytes) -> None:
        self._comment_bytes += len(body)
        if self._comment_bytes <= _MOST_COMMENTS:
            self._comments.append(body)
            return
        self._note("comments beyond 1 MB in all are left out")

    def _take_app1(self, body: bytes) -> None:
        if body.startswith(_EXIF):
            self._take_exif(body[6:])
        elif body.startswith(_XMP):
            self._xmp = self._first(self._xmp, body[len(_XMP) :], "XMP")
        elif body.startswith(_XMP_MORE) and len(body) >= _XMP_MORE_HEAD:
            self._xmp_chunks.setdefault(body[len(_XMP_MORE) : len(_XMP_MORE) + 32], []).append(body)

    def _take_exif(self, block: bytes) -> None:
        if byte_order(block):
            self._exif = self._first(self._exif, block, "EXIF")
        elif block:  # readers that take it in a JPEG refuse a PNG with it
            self.warnings.append("the EXIF is no TIFF structure; it is left out")

    def _first(self, before: bytes | None, body: bytes, name: str) -> bytes:
        if before is not None and body != before:
            self._note(f"the file has several {name} segments; the first is kept")
        return body if before is None else before

    def metadata(self) -> Metadata:
        """The joined metadata; parts that do not fit together are left out, with a message in ``warnings``."""
        xmp, extended = self._join_xmp()
        if self.rest >= _TOLD_REST and not self._names_rest:
            self._note(f"{self.rest:,} bytes after the picture (a film, another picture) are left out")
        icc = self._join_icc()
        if icc is None and states_adobe_rgb(self._exif):
            self._note("the EXIF states Adobe RGB, without an ICC profile; colours are taken as sRGB")
        density = self._density
        if density in (None, (1, 1, "aspect")):  # as often stated in files with EXIF, where there is a JFIF marker
            density = read_density(self._exif) or density
        return Metadata(
            icc=icc,
            exif=self._exif,
            xmp=xmp,
            extended_xmp=extended,
            comments=tuple(self._comments),
            density=density,
            orientation=read_orientation(self._exif),
        )

    def _join_icc(self) -> bytes | None:
        """The ICC profile from its chunks, numbered from 1, each with their total (ICC.1 annex B.4)."""
        if not self._icc_chunks:
            return None
        chunks = sorted(self._icc_chunks, key=lambda body: body[12])
        numbers, totals = [body[12] for body in chunks], {body[13] for body in chunks}
        if numbers != list(range(1, len(chunks) + 1)) or totals != {len(chunks)}:
            self.warnings.append("the ICC profile's chunks do not fit together; it is left out")
            return None
        return b"".join(body[14:] for body in chunks)

    def _join_xmp(self) -> tuple[bytes | None, bytes | None]:
        """XMP and its extension without statements about what is not carried on."""
        extended = self._join_extended_xmp()
        xmp, said = remove_statements(self._xmp) if self._xmp else (None, False)
        extended, more = remove_statements(extended) if extended else (None, False)
        if more:
            extended = None  # the main packet names it by length and hash: it cannot be changed
        if said or more:
            self.notes.append(note_removed(kept=not more and xmp is not None))
            self._names_rest = True
        return xmp, extended

    def _join_extended_xmp(self) -> bytes | None:
        """The extended XMP from its parts, selected by the MD5 in the main packet (XMP part 3, 1.1.3.1)."""
        wanted = [key for key in self._xmp_chunks if self._xmp and key in self._xmp]
        if not wanted:
            if self._xmp_chunks:
                self._note("the extended XMP is left out: the XMP does not name it")
            return None
        chunks = sorted(self._xmp_chunks[wanted[0]], key=_xmp_offset)
        joined = bytearray()
        for body in chunks:
            if _xmp_offset(body) != len(joined):
                break
            joined += body[_XMP_MORE_HEAD:]
        length = int.from_bytes(chunks[0][_XMP_MORE_HEAD - 8 : _XMP_MORE_HEAD - 4], "big")
        if len(joined) != length:
            self.warnings.append("the extended XMP's pieces do not fit together; it is left out")
            return None
        return bytes(joined)


def _xmp_offset(body: bytes) -> int:
    return int.from_bytes(body[_XMP_MORE_HEAD - 4 : _XMP_MORE_HEAD], "big")
