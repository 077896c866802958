"""Parser of JPEG headers in Python, run before the C decoder.

It allocates no memory by sizes stated in the file, and takes linear time. Section numbers are of ITU T.81.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import DamagedJpeg, InputError, TooLarge, UnsupportedJpeg
from jpegmend.jpeg import segments as seg
from jpegmend.jpeg.applications import Applications
from jpegmend.jpeg.colour import decide_colour, name_sampling
from jpegmend.jpeg.image import Coding, FrameComponent, Header, Scan
from jpegmend.jpeg.missing import note_missing, unknown_bits
from jpegmend.jpeg.segments import Segment
from jpegmend.jpeg.sniff import refuse_other_formats
from jpegmend.jpeg.tables import ZIGZAG, replace_zeros

_LARGEST_SIDE = 65_500  # libjpeg's JPEG_MAX_DIMENSION
_DHT, _DAC, _DNL = 0xC4, 0xCC, 0xDC

# fmt: off
_FRAMES: dict[int, tuple[Coding, bool]] = {   # marker: coding, arithmetic
    0xC0: ("baseline", False),
    0xC1: ("extended", False),
    0xC2: ("progressive", False),
    0xC9: ("extended", True),
    0xCA: ("progressive", True),
}
_REFUSED: dict[int, str] = {
    0xC3: "lossless JPEG",
    0xC5: "hierarchical JPEG",
    0xC6: "hierarchical JPEG",
    0xC7: "hierarchical lossless JPEG",
    0xC8: "JPEG extension frame",
    0xCB: "lossless JPEG with arithmetic coding",
    0xCD: "hierarchical JPEG with arithmetic coding",
    0xCE: "hierarchical JPEG with arithmetic coding",
    0xCF: "hierarchical lossless JPEG with arithmetic coding",
    0xDE: "hierarchical JPEG",
    0xDF: "hierarchical JPEG",
    0xF7: "JPEG-LS",
}
# fmt: on
_PASSED_OVER = frozenset([0x01, _DHT, _DAC, _DNL, *range(0xD0, 0xD8)])


def read_header(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Header:
    """Parse the header of a JPEG from its marker segments, without decoding.

    Raises ``NotAnImage`` for bytes of no known format, ``UnsupportedJpeg`` (naming the kind) for a format or a
    kind of JPEG that is not read, ``TooLarge`` for more than ``max_pixels``, ``DamagedJpeg`` where the header is
    broken or ends before any picture data. Damage after the first scan has begun is no error here: it shows in
    ``Header.complete`` and ``Header.warnings``.
    """
    return survey(data, max_pixels=max_pixels)[0]


def survey(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[Header, int]:
    """The header as ``read_header`` gives it, and the offset at which the usable picture data ends."""
    data = bytes(data)
    refuse_other_formats(data)
    reading = _Reading(max_pixels=max_pixels)
    end, count = len(data), 0
    for segment in seg.segments(data):
        count += 1
        reading.note_skipped(segment)
        if segment.code == seg.EOI:
            reading.complete, end = True, segment.at
            reading.applications.rest = len(data[end + 2 :].rstrip(b"\0"))
            break
        try:
            reading.take(segment)
        except InputError as problem:
            # Scans before a bad segment can still be decoded.
            if not reading.scans:
                raise
            reading.warnings.append(f"{problem} (at byte {segment.at}; what follows is left out)")
            end = segment.at
            break
    if count == seg.LIMIT and not reading.complete:
        if not reading.scans:
            raise DamagedJpeg(f"more than {seg.LIMIT:,} marker segments before the picture; that many are read")
        reading.warnings.append(f"what follows the first {seg.LIMIT:,} marker segments is left out")
    return reading.header(), end


@dataclass
class _Frame:
    """The SOF segment, B.2.2."""

    coding: Coding
    arithmetic: bool
    precision: int
    height: int
    width: int
    parts: list[tuple[int, int, int, int]]
    """Identifier, horizontal, vertical, table slot."""


@dataclass
class _Reading:
    """State of the parser."""

    max_pixels: int
    frame: _Frame | None = None
    tables: dict[int, NDArray[np.uint16]] = field(default_factory=dict)
    used_tables: dict[int, NDArray[np.uint16]] = field(default_factory=dict)
    restart_interval: int = 0
    first_restart_interval: int = 0
    scans: list[Scan] = field(default_factory=list)
    applications: Applications = field(default_factory=Applications)
    warnings: list[str] = field(default_factory=list)
    complete: bool = False
    open_scan: bool = False
    frame_at: int = 0

    def note_skipped(self, segment: Segment) -> None:
        if segment.skipped:
            self.warnings.append(f"{segment.skipped} bytes before byte {segment.at} belong to nothing")
        if self.open_scan:
            self.scans[-1] = replace(self.scans[-1], complete=True)
            self.open_scan = False

    def take(self, segment: Segment) -> None:
        code = segment.code
        if not segment.whole:
            raise DamagedJpeg(f"the file ends, or goes wrong, inside {seg.describe(code)}")
        if code in _REFUSED:
            raise UnsupportedJpeg(
                f"{_REFUSED[code]} (marker ff{code:02x}); baseline, extended and progressive 8-bit JPEG are read"
            )
        if code in _FRAMES:
            self._take_frame(code, segment.body)
            self.frame_at = segment.at
        elif code == seg.DQT:
            self._take_tables(segment.body)
        elif code == seg.DRI:
            self._take_restart(segment.body)
        elif code == seg.SOS:
            self._take_scan(segment.body)
        elif seg.APP0 <= code <= 0xEF or code == seg.COM:
            self.applications.take(code, segment.body, decides_colour=not self.scans)
        elif code not in _PASSED_OVER:
            _damaged(f"a marker ff{code:02x} where none may stand")

    def _take_frame(self, code: int, body: bytes) -> None:
        if self.frame is not None:
            _damaged("a second frame header")
        if len(body) < 6 or len(body) != 6 + 3 * body[5]:
            _damaged(f"a frame header of {len(body)} bytes")
        coding, arithmetic = _FRAMES[code]
        parts = [(body[i], body[i + 1] >> 4, body[i + 1] & 15, body[i + 2]) for i in range(6, len(body), 3)]
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        self.frame = _Frame(coding, arithmetic, body[0], height, width, parts)
        _check_frame(self.frame, self.max_pixels)

    def _take_tables(self, body: bytes) -> None:
        """DQT, B.2.4.1: one byte of precision and slot, then 64 steps in zigzag order, any number of times."""
        position = 0
        while position < len(body):
            wide, slot = body[position] >> 4, body[position] & 15
            size = 128 if wide else 64
            steps = body[position + 1 : position + 1 + size]
            if wide > 1 or slot > 3 or len(steps) < size:
                _damaged("a quantisation table that is cut short or of an unknown kind")
            table = np.empty(64, np.uint16)
            table[ZIGZAG] = np.frombuffer(steps, ">u2" if wide else "u1")
            self.tables[slot] = self._checked(table.reshape(8, 8))
            position += 1 + size

    def _checked(self, table: NDArray[np.uint16]) -> NDArray[np.uint16]:
        if not table.any():
            _damaged("a quantisation table of zeros")
        if not table.all():
            note = f"{(table == 0).sum()} steps of a quantisation table are zero: these frequencies are lost"
            self.warnings += [note] if note not in self.warnings else []
        table.setflags(write=False)
        return table

    def _take_restart(self, body: bytes) -> None:
        if len(body) != 2:
            _damaged("a restart interval segment of a wrong length")
        self.restart_interval = int.from_bytes(body, "big")

    def _take_scan(self, body: bytes) -> None:
        """SOS, B.2.3. A component's table is the one in its slot when its first scan begins, as in libjpeg."""
        if self.frame is None:
            _damaged("picture data before a frame header")
        if not body or not 1 <= body[0] <= 4 or len(body) != 4 + 2 * body[0]:
            _damaged("a scan header of a wrong length")
        chosen = self._scanned(body[1 : 1 + 2 * body[0] : 2])
        for index in chosen:
            slot = self.frame.parts[index][3]
            if index not in self.used_tables:
                if slot not in self.tables:
                    _damaged(f"no quantisation table {slot}, which component {index + 1} uses")
                self.used_tables[index] = self.tables[slot]
        if not self.scans:
            self.first_restart_interval = self.restart_interval
        first, last, approximation = body[-3], body[-2], body[-1]
        self.scans.append(Scan(chosen, first, last, False, approximation & 15))
        self.open_scan = True

    def _scanned(self, names: bytes) -> tuple[int, ...]:
        """Indices of the components with these ids; components with equal ids, as some encoders write, in order."""
        assert self.frame is not None
        chosen: list[int] = []
        for name in names:
            match = [i for i, part in enumerate(self.frame.parts) if part[0] == name and i not in chosen]
            if not match:
                _damaged("a scan of a component that the frame does not have")
            chosen.append(match[0])
        return tuple(chosen)

    def header(self) -> Header:
        if self.frame is None:
            raise DamagedJpeg("no frame header; the file ends before it says how large the picture is")
        if not self.scans:
            raise DamagedJpeg("no picture data; the file ends inside its header")
        frame, notes = self.frame, self.applications
        colour, doubts = decide_colour([p[0] for p in frame.parts], notes.jfif, notes.adobe_transform)
        if not self.complete:
            doubts.append("the file ends early: there is no end-of-image marker")
        metadata = notes.metadata()
        if len(frame.parts) == 4 and notes.adobe_transform is None:
            notes.notes.append("CMYK without Adobe's marker: ink is taken as inverted, as browsers and Pillow do")
        unknown = unknown_bits(frame.coding, len(frame.parts), self.scans)
        return Header(
            width=frame.width,
            height=frame.height,
            precision=frame.precision,
            coding=frame.coding,
            arithmetic=frame.arithmetic,
            restart_interval=self.first_restart_interval,
            components=tuple(self._component(i) for i in range(len(frame.parts))),
            colour=colour,
            adobe_inverted=len(frame.parts) == 4,
            metadata=metadata,
            scan_list=tuple(self.scans),
            sampling=name_sampling([(p[1], p[2]) for p in frame.parts]),
            complete=self.complete,
            warnings=(*self.warnings, *notes.warnings, *doubts),
            notes=(*notes.notes, *note_missing(unknown)),
            unknown_bits=unknown,
            frame_at=self.frame_at,
        )

    def _component(self, index: int) -> FrameComponent:
        assert self.frame is not None
        identifier, horizontal, vertical, slot = self.frame.parts[index]
        widest, tallest = (max(p[i] for p in self.frame.parts) for i in (1, 2))
        # A component without a scan has only zeros, so any table is right.
        spare = self.tables.get(slot, next(iter(self.tables.values())))
        table, zero = replace_zeros(self.used_tables.get(index, spare))
        return FrameComponent(
            identifier=identifier,
            vertical=vertical,
            horizontal=horizontal,
            table=table,
            zero=zero if zero.any() else None,
            rows=-(-self.frame.height * vertical // tallest),
            columns=-(-self.frame.width * horizontal // widest),
        )


def _check_frame(frame: _Frame, max_pixels: int) -> None:
    size = f"{frame.width}x{frame.height}"
    if frame.precision != 8:
        raise UnsupportedJpeg(f"{frame.precision}-bit samples; only 8-bit JPEG is read")
    if frame.height == 0:
        raise UnsupportedJpeg("the height is left to a DNL marker after the first scan; that form is not read")
    if frame.width == 0 or not frame.parts:
        _damaged(f"a picture of {size} pixels and {len(frame.parts)} components")
    if frame.width * frame.height > max_pixels:
        raise TooLarge(
            f"the header claims {size} = {frame.width * frame.height:,} pixels, allowed are {max_pixels:,}; "
            "raise max_pixels if the file can be trusted"
        )
    if max(frame.width, frame.height) > _LARGEST_SIDE:
        raise UnsupportedJpeg(f"the picture is {size}; sides up to {_LARGEST_SIDE} are read")
    if len(frame.parts) not in (1, 3, 4):
        raise UnsupportedJpeg(f"{len(frame.parts)} colour components; 1, 3 and 4 are read")
    if any(not (1 <= h <= 4 and 1 <= v <= 4 and slot <= 3) for _, h, v, slot in frame.parts):
        _damaged("sampling factors or table numbers outside what JPEG allows (1 to 4, 0 to 3)")


def _damaged(what: str) -> NoReturn:
    raise DamagedJpeg(f"the JPEG is damaged: {what}")
