"""Protocols: how a picture is degraded, restored and compared, as one value that is stored with every result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from jpegmend.errors import InvalidOption, NotComparable
from jpegmend.evaluation.measure.protocol_values import (
    AS_FOUND,
    ENCODER,
    Channel,
    PsnrB,
    Rounding,
    Sampling,
    Ssim,
    check,
)

Case = tuple[int, ...]
"""The qualities a picture is compressed at, one after the other: ``(10,)``, or ``(10, 30)`` for a double JPEG.

Empty where the compressed file is given, as for pairs."""

GIVEN = "file"
"""The label of the empty case."""


def encoder() -> str:
    """Name and version of the encoder that makes the JPEGs; encoders write different files at the same quality."""
    import PIL
    from PIL import features

    turbo = features.version_feature("libjpeg_turbo")
    return f"{ENCODER} {PIL.__version__}, libjpeg{f'-turbo {turbo}' if turbo else ''}"


def label(case: Case) -> str:
    """The label of a case: ``10``, ``10+30`` for quality 10 and then 30, ``file`` for a given file."""
    return "+".join(map(str, case)) or GIVEN


def method_label(model: str, *, consistent: bool) -> str:
    """The label of a model, with the projection into the file's quantisation cells on or off."""
    return f"{model} + projection" if consistent else model


def parse_case(text: str | int) -> Case:
    """The inverse of ``label``; each quality 1 to 100.

    Raises:
        InvalidOption: not whole numbers of 1 to 100, joined by ``+``.

    >>> parse_case("10+30")
    (10, 30)
    """
    if text == GIVEN:
        return ()
    try:
        case = tuple(int(part) for part in str(text).split("+"))
    except ValueError:
        case = ()
    if not case or not all(1 <= quality <= 100 for quality in case):
        raise InvalidOption(f"quality {text!r}; give 1 to 100, or 10+30 for quality 10 and then 30")
    return case


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How quality is measured. Two results may stand in one table only if ``comparable_with`` says so.

    Raises:
        InvalidOption: a field has a value that is not measured, or two fields contradict each other.
    """

    name: str
    title: str
    channel: Channel
    """The values that are compared: BT.601 luma of the studio range 16..235, of the full range, or all of RGB."""
    sampling: Sampling
    qualities: tuple[Case, ...]
    """The cases that are measured by default."""
    encoder: str = ENCODER
    """The program that makes the JPEGs; ``stamped`` adds its version."""
    scale: float = 1.0
    """Factor by which the original is scaled (Lanczos) first; results are compared with the scaled picture."""
    shift: tuple[int, int] = (0, 0)
    """Rows and columns cut off at the top left between two compressions, so that the grids do not align."""
    rounding: Rounding = "8-bit"
    """The restored picture is clipped and rounded to whole numbers of 0..255 before it is compared."""
    ssim: Ssim = "matlab"
    """``matlab``: Gaussian 11x11, sigma 1.5, valid region; ``uniform-8``: 8x8 uniform window (QGCN's gray tables);
    ``uniform-7``: 7x7 uniform, covariance over N - 1, scikit-image's default (QGCN's colour tables)."""
    psnr_b: PsnrB = "true"
    """The count of block boundaries, see ``jpegmend.metrics.bef``; for RGB the mean over the channels, but for
    ``fbcnn-sum``, where the blocking of all channels is added to the error of the whole (QGCN's colour tables)."""
    consistent: bool = False
    """Whether the projection into the file's quantisation cells is on; may differ between the rows of a table."""
    both: bool = False
    """Whether a second row is measured for each model, with the projection the other way."""
    split: str = "every picture of the set, whole; means over pictures"

    def __post_init__(self) -> None:
        """Refuse a mistyped field, which would measure something else under the name of the protocol."""
        check(self)

    @property
    def paired(self) -> bool:
        """Whether the compressed files are given, beside their originals."""
        return self.sampling == AS_FOUND

    def stamped(self) -> Protocol:
        """The same protocol with the version of the encoder that runs here."""
        return self if self.paired else replace(self, encoder=encoder())

    def definition(self) -> dict[str, Any]:
        """The fields that must agree before two results may be compared: all but names, qualities and projection."""
        values = asdict(self)
        for free in ("name", "title", "qualities", "consistent", "both"):
            del values[free]
        return values

    def comparable_with(self, other: Protocol) -> bool:
        """Whether results of the two may stand in one table."""
        return self.definition() == other.definition()

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; qualities as labels."""
        return {**asdict(self), "qualities": [label(case) for case in self.qualities], "shift": list(self.shift)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Protocol:
        """The inverse of ``to_json``."""
        rows, columns = found["shift"]
        cases = tuple(parse_case(text) for text in found["qualities"])
        return cls(**{**found, "qualities": cases, "shift": (rows, columns)})


def check_comparable(protocols: Iterable[Protocol]) -> None:
    """Check that results may stand in one table.

    Raises:
        NotComparable: two of the protocols differ in more than names, qualities or the projection.
    """
    first: Protocol | None = None
    for protocol in protocols:
        first = first or protocol
        if not first.comparable_with(protocol):
            mine, others = first.definition(), protocol.definition()
            unlike = ", ".join(f"{key}: {mine[key]} and {others[key]}" for key in mine if mine[key] != others[key])
            raise NotComparable(
                f"results of {first.name} and {protocol.name} in one table differ in {unlike}; "
                "make two tables, or measure again under one protocol"
            )


_USUAL: tuple[Case, ...] = ((10,), (20,), (30,), (40,))
_HIGH: tuple[Case, ...] = ((75,), (85,), (90,), (95,))

_NAMED = (
    Protocol(
        name="papers-gray",
        title="the papers' gray protocol, projection off as in the papers; a second row has it on",
        channel="studio-y",
        sampling="gray",
        qualities=_USUAL,
        both=True,
    ),
    Protocol(
        name="papers-gray-consistent",
        title="the papers' gray protocol, with the projection into the file's quantisation cells",
        channel="studio-y",
        sampling="gray",
        qualities=_USUAL,
        consistent=True,
    ),
    Protocol(
        name="full-gray",
        title="full-range luma (Pillow's 'L'); about 0.75 dB below the papers' on the same pictures",
        channel="full-y",
        sampling="gray",
        qualities=_USUAL,
        consistent=True,
    ),
    Protocol(
        name="rgb-420",
        title="colour, 4:2:0, all channels of RGB",
        channel="rgb",
        sampling="4:2:0",
        qualities=_USUAL,
        consistent=True,
    ),
    Protocol(
        name="rgb-444",
        title="colour, 4:4:4, all channels of RGB",
        channel="rgb",
        sampling="4:4:4",
        qualities=_USUAL,
        consistent=True,
    ),
    Protocol(
        name="qgcn-rgb",
        title="QGCN's colour tables: 4:2:0, their variants of SSIM and PSNR-B, projection off",
        channel="rgb",
        sampling="4:2:0",
        qualities=(*_USUAL, (50,)),
        ssim="uniform-7",
        psnr_b="fbcnn-sum",
    ),
    *(
        Protocol(
            name=f"qgcn-rgb-{part}",
            title=f"the same on pictures scaled to 1/{round(scale**-2)} of their area (QGCN, fig. 9)",
            channel="rgb",
            sampling="4:2:0",
            qualities=(*_USUAL, (50,)),
            ssim="uniform-7",
            psnr_b="fbcnn-sum",
            scale=scale,
        )
        for part, scale in (("quarter", 1 / 2), ("ninth", 1 / 3), ("sixteenth", 1 / 4))
    ),
    Protocol(
        name="double-jpeg",
        title="gray, compressed twice, the second grid shifted by 4 rows and 4 columns",
        channel="studio-y",
        sampling="gray",
        qualities=((10, 30), (10, 50), (30, 50)),
        shift=(4, 4),
    ),
    Protocol(
        name="social-simulated",
        title="simulated sharing: halved, then compressed twice on shifted grids, 4:2:0",
        channel="rgb",
        sampling="4:2:0",
        qualities=((80, 75), (90, 80), (70, 70)),
        scale=0.5,
        shift=(3, 5),
    ),
    Protocol(
        name="do-no-harm",
        title="colour at high qualities: no set may get worse",
        channel="rgb",
        sampling="4:2:0",
        qualities=_HIGH,
        consistent=True,
    ),
    Protocol(
        name="do-no-harm-gray",
        title="gray at high qualities: no set may get worse",
        channel="studio-y",
        sampling="gray",
        qualities=_HIGH,
        consistent=True,
    ),
)

_PAIRS = Protocol(
    name="pairs",
    title="given files and their originals, studio-range luma as in the papers' tables of Twitter and WeChat",
    channel="studio-y",
    sampling=AS_FOUND,
    qualities=((),),
    encoder=AS_FOUND,
    both=True,
    split="every pair of files, whole; means over pictures",
)
_PAIRS_RGB = replace(_PAIRS, name="pairs-rgb", title="given files and their originals, all channels", channel="rgb")

PROTOCOLS: Mapping[str, Protocol] = {protocol.name: protocol for protocol in (*_NAMED, _PAIRS, _PAIRS_RGB)}
"""Every named protocol."""


def find(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        InvalidOption: there is none; the message lists the names.
    """
    if name not in PROTOCOLS:
        raise InvalidOption(f"no protocol {name!r}; there are: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
