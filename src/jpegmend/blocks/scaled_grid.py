"""Search for an earlier JPEG compression in a picture that was scaled since: its scale, block grid and quality.

Steps at the edges of the earlier blocks recur with a period of 8 times the scale, so the spectrum has a line at each
multiple of that frequency. In the picture scaled back, DCT coefficients are multiples of the earlier steps plus noise.

Shape letters: N samples of a profile, P periods, K harmonics, T phases, B blocks, Q qualities.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.dct import Floats, dct, split_blocks
from jpegmend.blocks.estimate import FREQUENCIES, quality_steps
from jpegmend.blocks.evidence import TRIED
from jpegmend.blocks.scaling import Scaling
from jpegmend.blocks.step_likelihood import Array, gains

SMALLEST, LARGEST = 0.55, 3.0
"""Scales that are looked for; at a half every second edge lies on an edge of the file's own blocks."""
_LEAST_SIDE = 96
"""Smallest side in pixels of a picture that is looked at."""
_OWN = 0.03
"""Scales nearer to 1 than this are not told from an unscaled grid."""
_LIMIT = 4.0
"""Largest step at a block edge that counts, 0..255 scale; larger ones are edges of the picture."""
_LARGEST_STEP = 24.0
"""Steps beyond this are edges of the picture, such as those of a drawing of equal cells, and are left out."""
_HARMONICS, _PHASES = 7, 32
_STEP, _FINER = 1 / 40000, 33
"""Step of the frequencies that are tried first, and the number of those tried around the best of them."""
_PERIODS: Array = 1 / np.arange(1 / (8 * LARGEST), 1 / (8 * SMALLEST), _STEP)
_PERIODS = _PERIODS[np.abs(_PERIODS / 8 - 1) > _OWN]
_NEAR = 4
"""Periods on either side that count as one: the sizes of scaled pictures are rounded, for rows and columns apart."""
_PEAKS, _LEAST_SHARE = 3, 0.8
"""Number of periods whose qualities are tried, at most, and the least strength of their lines, as a share of the
greatest."""
_LEAST_LINES, _MOST_LINES, _SMALL_PIXELS = 8.5, 20.0, 250_000
"""Least strength of the lines of a period that is tried: up to that number of pixels, and of the largest pictures. Both
the lines of earlier blocks and those of other patterns grow with the picture."""
_QUALITIES = np.array([quality for quality in TRIED if quality <= 60])
_NOISE = (1.0, 2.0, 3.5, 6.0, 9.0)
"""Standard deviations of the noise tried, 0..255 scale: of the later compression, and of what scaling lost."""
_EXACT_LINES = 12.0
"""Strength of the lines of both axes from which the scale is exact."""
_MOVES = [move for move in itertools.product((-0.5, 0.0, 0.5), repeat=2) if any(move)]
"""How far the ends of an axis are moved where it is not, in samples of the original."""
_LEAST_GAIN = -1.5
"""Gain in nats for each block below which nothing was found; exact scales have added up to 4."""
_BAND = 256
"""Rows that are read together."""
_LEAST_BANDS = 12
"""Least number of rows of blocks that are scaled back."""
_BLOCKS, _FEW, _LEAST_COUNT = 600, 3, 8
"""Number of blocks used; every how many are used to choose noise and quality; and the number of coefficients above the
noise that a frequency needs to be used."""
_CALIBRATION = (0.603, 4.265)
"""Logistic regression of the probability on ``Scaled.features``: constant, then weight (``benchmarks/earlier.py fit``).

Fitted on 850 pictures and drawings from CID22, CLIC and photographs, of which 292 were compressed, then scaled."""


class Scaled(NamedTuple):
    """An earlier compression of a picture that was scaled since."""

    quality: int
    """libjpeg quality, 1..100."""
    scaling: Scaling
    """From the compressed picture to this one."""
    noise: float
    """Standard deviation of the noise of its DCT coefficients, 0..255 scale."""
    gain: float
    """Log-likelihood ratio of the quality against no compression, in nats for each block."""

    @property
    def features(self) -> tuple[float]:
        """The input of the calibration."""
        return (max(-3.0, min(self.gain, 3.0)),)

    @property
    def probability(self) -> float:
        """0..1."""
        constant, weight = _CALIBRATION
        return float(1 / (1 + np.exp(-constant - weight * self.features[0])))


def find_scaled(plane: Floats, *, own_grid: bool) -> Scaled | None:
    """The most likely earlier compression at another scale in a luma plane [H, W], 0..1; None without any evidence.

    ``own_grid``: the picture is a JPEG file, whose own blocks begin at its corner; their edges are not counted.
    """
    if min(plane.shape) < _LEAST_SIDE:
        return None
    rows, columns = (_Lines.of(_profile(part, own_grid=own_grid)) for part in (plane.T, plane))
    found = []
    for index in _peaks(rows, columns, plane.size):
        judged = _judge(plane, _scaling(plane, rows.near(index), columns.near(index)))
        if judged is not None and judged.gain >= _LEAST_GAIN:
            exact = min(rows.strength(index), columns.strength(index)) >= _EXACT_LINES
            found.append((judged, exact))
    if not found:
        return None
    likely, exact = max(found, key=lambda pair: pair[0].gain)
    return likely if exact else _refine(plane, likely)


class _Lines(NamedTuple):
    """The lines of a profile at all periods."""

    profile: Array
    """[N]."""
    strengths: Array
    """[P], in standard deviations of noise."""

    @classmethod
    def of(cls, profile: Array) -> _Lines:
        """The sum of a profile's [N] harmonics at the best phase of each period."""
        count = np.minimum(_PERIODS / 2, _HARMONICS).astype(int)
        harmonics = np.arange(1, _HARMONICS + 1)
        size = 1 << math.ceil(math.log2(16 * len(profile)))
        spectrum = np.fft.rfft(profile, size)
        places = np.rint(harmonics / _PERIODS[:, None] * size).astype(int)
        lines = np.where(harmonics <= count[:, None], spectrum[np.minimum(places, size // 2)], 0)
        noise = max(float(profile.std()), 1e-6) * np.sqrt(2 * len(profile) * count)
        return cls(profile, _at_phases(lines).max(axis=1) / noise)

    def strength(self, index: int) -> float:
        """The greatest strength near a period."""
        return float(self.strengths[self._near(index)].max())

    def near(self, index: int) -> tuple[float, float]:
        """Period and first edge of the strongest lines near a period, on a finer grid of both."""
        near = self._near(index)
        coarse = _PERIODS[near.start + int(self.strengths[near].argmax())]
        frequencies = 1 / coarse + np.linspace(-_STEP, _STEP, _FINER)
        harmonics = np.arange(1, min(int(coarse / 2), _HARMONICS) + 1)
        turned = np.exp(-2j * np.pi * frequencies[:, None] * np.arange(len(self.profile)))
        lines = np.stack([turned**harmonic @ self.profile for harmonic in harmonics], axis=1)
        sums = _at_phases(lines, 4 * _PHASES)
        best, phase = np.unravel_index(sums.argmax(), sums.shape)
        return float(1 / frequencies[best]), float(phase / sums.shape[1] / frequencies[best])

    @staticmethod
    def _near(index: int) -> slice:
        return slice(max(0, index - _NEAR), index + _NEAR + 1)


def _at_phases(lines: NDArray[np.complex128], phases: int = _PHASES) -> Array:
    """The sums [P, T] of lines [P, K] and their conjugates where the first edge is at each phase of the period."""
    harmonics = np.arange(1, lines.shape[1] + 1)
    turns = np.exp(2j * np.pi * harmonics[:, None] * np.arange(phases) / phases)
    return np.asarray(2 * (lines @ turns).real)


def _profile(plane: Floats, *, own_grid: bool) -> Array:
    """How much the step before each column of a plane [H, W] exceeds its neighbours, without slow changes: [N]."""
    bands = [_excess(plane[top : top + _BAND]) for top in range(0, len(plane), _BAND)]
    profile = np.pad(np.sum(bands, axis=0) / len(plane), (2, 1))
    profile -= np.convolve(np.pad(profile, 16, mode="reflect"), np.full(33, 1 / 33), "valid")
    if own_grid:
        for phase in range(8):
            profile[phase::8] -= profile[phase::8].mean()
    deviation = 1.4826 * float(np.median(np.abs(profile)))
    return np.asarray(np.clip(profile, -6 * deviation, 6 * deviation))


def _excess(band: Floats) -> Array:
    """Sums over the rows of a band [h, W]: by how much a step exceeds the two beside it, [W - 3]."""
    step = np.abs(np.diff(band, axis=1)) * 255
    before, here, after = step[:, :-2], step[:, 1:-1], step[:, 2:]
    beyond = np.clip(here - (before + after) / 2, -_LIMIT, _LIMIT)
    drawn = np.maximum(np.maximum(before, after), here) > _LARGEST_STEP
    return np.asarray(np.where(drawn, 0, beyond).sum(axis=0, dtype=np.float64))


def _peaks(rows: _Lines, columns: _Lines, pixels: int) -> list[int]:
    """The periods with the strongest lines in rows and columns together of a picture of so many pixels."""
    widest = [
        np.lib.stride_tricks.sliding_window_view(
            np.pad(np.maximum(each.strengths, 0), _NEAR, mode="edge"), 2 * _NEAR + 1
        ).max(axis=1)
        for each in (rows, columns)
    ]
    together = np.hypot(*widest)
    strong = min(_MOST_LINES, _LEAST_LINES * max(1.0, pixels / _SMALL_PIXELS) ** 0.4)
    least = max(strong, _LEAST_SHARE * float(together.max()))
    found: list[int] = []
    while len(found) < _PEAKS and together.max() >= least:
        found.append(int(together.argmax()))
        together[np.abs(_PERIODS / _PERIODS[found[-1]] - 1) < 2 * _OWN] = 0
    return found


def _scaling(plane: Floats, row: tuple[float, float], column: tuple[float, float]) -> Scaling:
    """The scaling of a plane whose rows and columns have these periods and first edges."""
    (down, top), (across, left) = row, column
    return Scaling.from_blocks(plane.shape, (down / 8, across / 8), (top, left))


def _judge(plane: Floats, scaling: Scaling) -> Scaled | None:
    """The best quality of a picture scaled back; None where no coefficient exceeds the noise."""
    sizes, used = _sizes(plane, scaling)
    totals = _gains(sizes[::_FEW], used, _QUALITIES, _NOISE)
    if not totals.any():
        return None
    noise, first = np.unravel_index(totals.argmax(), totals.shape)
    near = _QUALITIES[first] + np.arange(-1, 2)
    total = _gains(sizes, used, near, _NOISE[noise : noise + 1])[0]
    best = int(total.argmax())
    return Scaled(int(near[best]), scaling, _NOISE[noise], float(total[best]) / len(sizes))


def _refine(plane: Floats, found: Scaled) -> Scaled:
    """The same compression with both ends of each axis moved by up to half a sample of the original, if likelier."""
    for number in (1, 0):
        axis = found.scaling[number]
        for start, end in _MOVES:
            scaling = found.scaling.replace(number, axis.move(start, end))
            sizes, used = _sizes(plane, scaling)
            gain = float(_gains(sizes, used, np.array([found.quality]), (found.noise,))[0, 0]) / len(sizes)
            if gain > found.gain:
                found = found._replace(scaling=scaling, gain=gain)
    again = _judge(plane, found.scaling)
    return again if again is not None and again.gain > found.gain else found


def _sizes(plane: Floats, scaling: Scaling) -> tuple[Array, list[int]]:
    """Absolute DCT coefficients [B, 8, 8] of blocks of the picture scaled back, and the frequencies that scaling left.

    Only some rows of blocks are scaled back, spread over the picture.
    """
    rows, columns = scaling
    first, count = rows.whole_blocks
    bands = min(count, max(_LEAST_BANDS, math.ceil(_BLOCKS / max(1, columns.whole_blocks[1]))))
    numbers = np.linspace(first, first + count - 1, bands).astype(int).tolist()
    blocks = np.concatenate([split_blocks(scaling.undo_blocks(plane, number))[0] for number in numbers])
    blocks = blocks[:: max(1, len(blocks) // _BLOCKS)]
    sizes = np.abs(dct(blocks * np.float32(255)).astype(np.float64))
    highest = 6.4 * min(1.0, rows.scale, columns.scale)
    return sizes, [index for index, place in enumerate(FREQUENCIES) if max(place) <= highest]


def _gains(sizes: Array, used: list[int], qualities: NDArray[np.int_], noises: tuple[float, ...]) -> Array:
    """Log-likelihood ratios [len(noises), Q] of qualities for coefficients [B, 8, 8] with these deviations of noise."""
    total = np.zeros((len(noises), len(qualities)))
    for index in used:
        values = sizes[(slice(None), *FREQUENCIES[index])]
        steps, place = np.unique(quality_steps(index, qualities), return_inverse=True)
        for number, noise in enumerate(noises):
            if (values > 2 * noise).sum() >= _LEAST_COUNT:
                total[number] += gains(values, steps, [noise], 2 * noise)[0, place]
    return total
