"""``TracedRun``: one run of a network on the region that is shown, with all its intermediate results.

The region is run as one piece, whatever the tiles of the model are. Shape letters: C planes, H W pixels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jpegmend import models, weights
from jpegmend.blocks import rgb_to_ycbcr
from jpegmend.explanation.subject import Subject, psnr
from jpegmend.models import files
from jpegmend.models.contract import Estimate, Observation
from jpegmend.restoration.overview import Overviews
from jpegmend.restoration.plan import Plan
from jpegmend.restoration.plane_groups import Group, make_groups
from jpegmend.restoration.scene import PixelScene
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats, PictureFacts
from jpegmend.runtimes.contract import batch_inputs


@dataclass(frozen=True, eq=False, kw_only=True)
class TracedRun:
    """A network, its input (the first group of planes of the picture, in the region), and its answer with traces."""

    subject: Subject
    network: nn.Module
    config: Mapping[str, Any]
    """Hyper-parameters by name."""
    window: Window
    """The region on the grid of the planes."""
    seen: Observation
    clear: Floats | None = None
    """The first plane [H, W] of the reference in the region; None without one."""

    @cached_property
    def estimate(self) -> Estimate:
        """The answer of the network with its traces."""
        return self.run(self.seen)

    @property
    def traces(self) -> Mapping[str, tuple[Tensor, ...]]:
        """Intermediate results by name, each with a batch axis."""
        return self.estimate.traces

    @property
    def decoded(self) -> Floats:
        """The input [H, W]: its one plane, or luma."""
        return plane(self.seen.planes)

    @torch.no_grad()
    def run(self, seen: Observation, network: nn.Module | None = None) -> Estimate:
        """The answer to any input, of this network or another one."""
        found: Estimate = (network or self.network)(seen, collect=True)
        return found

    def psnr(self, picture: Floats) -> float:
        """PSNR in dB of a first plane [H, W] to the reference; NaN without one."""
        return math.nan if self.clear is None else psnr(picture, self.clear)

    def score(self, picture: Floats) -> str:
        """``, 29.12 dB`` for a first plane [H, W]; nothing without a reference."""
        return "" if self.clear is None else f", {self.psnr(picture):.2f} dB"

    @property
    def where(self) -> str:
        """The region in words."""
        size = f"{self.window.width} by {self.window.height} pixels"
        return f"the {size} that begin at row {self.window.top}, column {self.window.left}"


def plane(tensor: Tensor) -> Floats:
    """The one plane [H, W] of a tensor [1, 1, H, W], or luma of one [1, 3, H, W] of a network for RGB."""
    planes = tensor[0].detach().float().numpy()
    return np.asarray(rgb_to_ycbcr(planes)[0] if len(planes) == 3 else planes[0])


def trace_network(subject: Subject) -> TracedRun:
    """Load the network of the subject's model, and its input on the region with the largest change.

    Raises:
        WeightsMissing, WeightsDamaged: see :func:`jpegmend.weights.path`.
    """
    network, facts = files.load_weights(weights.path(subject.card, "safetensors"))
    plan = subject.plan
    group = make_groups(plan.scene, subject.card.planes, subject.card.multiple)[0]
    across, down = plan.scene.left, plan.scene.top
    region = subject.region.move(down, across)
    window = region.align(group.align_rows, group.align_columns).clip(group.height, group.width)
    return TracedRun(
        subject=subject,
        network=network,
        config=_whole_config(facts),
        window=window,
        seen=_observe(group, window, plan, subject),
        clear=_clear(subject, window, plan),
    )


def _whole_config(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters by name, those that the weights are older than with their default."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in facts["config"].items()}
    return dataclasses.asdict(models.find(facts["network"]).config(**given))


def _observe(group: Group, window: Window, plan: Plan, subject: Subject) -> Observation:
    overview = Overviews(plan.scene)(group) if "overview" in subject.card.inputs else None
    facts = PictureFacts(sampling=group.sampling, overview=overview, quality=subject.options.quality)
    named = batch_inputs(group.pack(group.read(window)), group.tables, facts)
    return Observation(**{name: torch.from_numpy(value) for name, value in named.items()})


def _clear(subject: Subject, window: Window, plan: Plan) -> Floats | None:
    if subject.clear is None or subject.reference is None:
        return None
    offset = (-plan.scene.top % 8, -plan.scene.left % 8)
    return PixelScene(subject.reference, 50, offset, (1, 1)).read(0, window)
