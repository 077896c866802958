"""``inspect``: facts of a picture file, without restoring it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jpegmend.blocks import Earlier
from jpegmend.decoding import MAX_PIXELS
from jpegmend.jpeg import decode_text
from jpegmend.jpeg.tables import nearest_quality
from jpegmend.reading import Opened, Source
from jpegmend.restoration import guess
from jpegmend.restoration.colour import choose_for
from jpegmend.restoration.opening import open_picture
from jpegmend.restoration.options import SharedOptions
from jpegmend.restoration.scene import PixelScene, Scene, make_scene
from jpegmend.restoration.tile_loop import decode
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes.ranker import QualityRanker, load_ranker
from jpegmend.weights import Card


@dataclass(frozen=True, kw_only=True)
class ComponentFacts:
    """One component of a JPEG file."""

    identifier: int
    sampling: tuple[int, int]
    """Vertical and horizontal sampling factor, as in the file."""
    size: tuple[int, int]
    """Rows and columns of its own samples."""
    quality: int
    """The libjpeg quality whose table is nearest to its own."""
    exact: bool
    """Whether it is exactly that quality's table."""
    table: tuple[tuple[int, ...], ...]
    """Quantisation steps, 8 rows of 8, low frequencies first."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Facts of a picture file: coding, tables, quality, metadata and defects."""

    format: str
    width: int
    height: int
    colour: str
    """gray, ycbcr, rgb, cmyk or ycck."""
    coding: str | None
    """baseline, extended or progressive, with ", arithmetic" where it is; None if no JPEG."""
    sampling: str | None
    pages: int
    """Pictures in the file; these facts are of the first."""
    scans: int | None
    """Scans of a JPEG file; of JPEG data in a TIFF its strips or tiles; None if no JPEG."""
    restart_interval: int | None
    components: tuple[ComponentFacts, ...]
    quality: int | None
    """The libjpeg quality nearest to the luma table; None if no JPEG."""
    quality_exact: bool | None
    estimated_quality: int | None
    """The libjpeg quality estimated from the pixels, 1..100; None if no trace of compression was found."""
    grid: tuple[int, int] | None
    """Row and column of the picture where the 8x8 blocks of that compression begin; None too if it was scaled since."""
    turned: bool
    """Whether the picture was turned by a quarter since that compression, as its pixels show."""
    conflict: str | None
    """The earlier compression in words, if the file was compressed twice, or scaled since; else None."""
    earlier_probability: float | None
    """The probability (0..1) of the most likely earlier compression; None if there is nothing to judge by."""
    metadata: dict[str, str]
    """A short description of each kind of metadata in the file."""
    lost: float
    """Share of the picture's blocks that are missing from the file, 0..1."""
    warnings: tuple[str, ...]
    ranker_score: float | None = None
    """Score of its luma by CQR's ranker, higher is better; None if no ranker was named."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values only, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return self.as_text()

    def as_text(self) -> str:
        """Readable lines of text, without a newline at the end."""
        lines = [f"{self.width} x {self.height} pixels, {self.format}, {self.colour}"]
        if self.coding:
            restarts = f", restart every {self.restart_interval} MCUs" if self.restart_interval else ""
            parts = "scans" if self.format == "jpeg" else "strips or tiles"
            parts = parts if self.scans != 1 else "scan" if self.format == "jpeg" else "strip"
            lines.append(f"{self.coding}, {self.sampling}, {self.scans} {parts}{restarts}")
        for number, part in enumerate(self.components, 1):
            kind = "exactly" if part.exact else "nearest to"
            v, h = part.sampling
            size = f"{part.size[1]} x {part.size[0]}"
            lines.append(f"component {number}: {size}, sampling {h}x{v}, table {kind} libjpeg quality {part.quality}")
        for table, users in self._tables().items():
            lines.append(f"table of component{'s' if len(users) > 1 else ''} {', '.join(map(str, users))}:")
            lines += [f"  {' '.join(f'{step:3d}' for step in row)}" for row in table]
        if self.pages > 1:
            lines.append(f"the first of {self.pages} pages")
        lines.append(self._seen())
        if self.ranker_score is not None:
            lines.append(f"by the ranker: score {self.ranker_score:.2f}, higher is better")
        if self.conflict:
            lines.append(f"compressed {'twice' if self.quality else 'before'}: {self.conflict}")
        lines += [f"{name}: {' '.join(words.split())}" for name, words in self.metadata.items()]
        if self.lost:
            lines.append(f"{self.lost:.0%} of the picture is missing from the file")
        lines += [f"note: {warning}" for warning in self.warnings]
        return "\n".join(f"  {line}" for line in lines)

    def _tables(self) -> dict[tuple[tuple[int, ...], ...], list[int]]:
        """The different quantisation tables, with the numbers of the components that use each, from 1."""
        found: dict[tuple[tuple[int, ...], ...], list[int]] = {}
        for number, part in enumerate(self.components, 1):
            found.setdefault(part.table, []).append(number)
        return found

    def _seen(self) -> str:
        if self.estimated_quality is None:
            return "by its pixels: no trace of compression that could be named"
        blocks = f", blocks begin at {self.grid}" if self.grid else ""
        turned = ", turned by a quarter since" if self.turned else ""
        return f"by its pixels: quality about {self.estimated_quality}{blocks}{turned}"


def inspect(
    source: Source,
    *,
    max_pixels: int = MAX_PIXELS,
    timeout: float | None = None,
    strict: bool = False,
    ranker: str | Path | Card | None = None,
) -> Inspection:
    """Facts of a picture file, without restoring it; takes the same sources as :func:`jpegmend.restore`.

    ``max_pixels``, ``timeout`` and ``strict`` are those of ``restore``.
    ``ranker`` names a network that was released with a ranker (CQR), which then scores the file.

    Raises:
        InputError: it cannot be read, is no picture, damaged (``strict``), too large or of an unsupported kind.
        InvalidOption: an argument is out of range.
        ModelError: no such network, or it has no ranker.
    """
    limits = SharedOptions(max_pixels=max_pixels, timeout=timeout, strict=strict)
    scorer = None if ranker is None else load_ranker(ranker)
    opened = open_picture(source, limits)
    scene = make_scene(opened)
    seen = guess.estimate_compression(scene)
    last = opened.quality if opened.has_tables or seen is None else seen.quality
    earlier = guess.find_earlier_compression(scene, last)
    sure = guess.if_sure(earlier)
    found = sure or seen
    scaled = isinstance(found, Earlier) and found.scaling is not None
    return Inspection(
        format=opened.format,
        colour=opened.colour,
        coding=opened.coding,
        sampling=opened.sampling,
        quality=opened.quality,
        quality_exact=opened.quality_exact,
        lost=opened.lost,
        width=opened.width,
        height=opened.height,
        pages=opened.pages,
        scans=opened.scans,
        restart_interval=opened.restart_interval,
        components=tuple(_component(opened, index) for index in range(len(opened.components))),
        estimated_quality=found.quality if found else None,
        grid=None if found is None or scaled else found.offset,
        turned=isinstance(found, guess.Guess) and found.turned,
        conflict=guess.describe(sure) if sure else None,
        earlier_probability=round(earlier.probability, 4) if earlier else None,
        metadata=_words(opened.metadata),
        warnings=opened.warnings,
        ranker_score=None if scorer is None else _score(opened, scene, scorer),
    )


_SIDE = 512
"""Side in pixels of the square in the middle of a picture that a ranker scores."""


def _score(opened: Opened, scene: Scene, ranker: QualityRanker) -> float:
    """The score of the luma in the middle of a picture."""
    if scene.colour not in ("gray", "ycbcr"):
        scene = PixelScene(decode(scene, choose_for(opened, scene.colour)[0]), 50, (0, 0), (1, 1))
    top, left = max(0, scene.height - _SIDE) // 2, max(0, scene.width - _SIDE) // 2
    window = Window(top, min(top + _SIDE, scene.height), left, min(left + _SIDE, scene.width))
    return ranker.score(scene.read(0, window))


def _component(opened: Opened, index: int) -> ComponentFacts:
    part = opened.components[index]
    quality, exact = nearest_quality(part.table, chroma=index in (1, 2) and opened.colour in ("ycbcr", "ycck"))
    return ComponentFacts(
        identifier=part.identifier,
        sampling=(part.vertical, part.horizontal),
        size=(part.rows, part.columns),
        quality=quality,
        exact=exact,
        table=tuple(tuple(int(step) for step in row) for row in part.table),
    )


def _words(carried: Any) -> dict[str, str]:
    """A short description of each kind of metadata that is present."""
    density = carried.density
    found = {
        "icc profile": f"{len(carried.icc)} bytes" if carried.icc else "",
        "exif": f"{len(carried.exif)} bytes" if carried.exif else "",
        "orientation": str(carried.orientation) if carried.orientation != 1 else "",
        "xmp": f"{len(carried.xmp)} bytes" if carried.xmp else "",
        "density": f"{density[0]} x {density[1]} {density[2]}" if density else "",
        "comment": "; ".join(map(decode_text, carried.comments)),
    }
    return {name: words for name, words in found.items() if words}
