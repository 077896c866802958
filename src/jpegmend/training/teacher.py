"""Knowledge distillation: a trained network whose restored pictures a loss takes as the target.

The original picture holds texture that the file lost, and no network can predict it; in the gradient of a batch it is
noise. The answer of a trained network is close to the mean of all originals that fit the file, so a network that
learns from it needs fewer steps (Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jpegmend import models
from jpegmend.errors import InvalidRecipe
from jpegmend.models import files
from jpegmend.models.contract import Observation, Planes, make_config
from jpegmend.training.building import MEMORY_FORMAT, find_weights
from jpegmend.training.planes import select_planes
from jpegmend.training.recipe import Recipe


@dataclass(frozen=True)
class Teacher:
    """A frozen network, and the planes that it works on."""

    network: nn.Module
    planes: Planes
    luma_alone: bool
    """Whether its answer is reduced to luma, for a network that works on luma."""

    @torch.no_grad()
    def __call__(self, seen: Observation, axes: tuple[int, ...] = ()) -> Tensor:
        """Its answer ``[B, C, H, W]`` to ``seen``, which holds all of Y, Cb and Cr.

        It sees the planes mirrored along ``axes``, and its answer is mirrored back.
        """
        own, _, _ = select_planes(self.planes, seen, seen.planes, chroma=1.0)
        own = own._replace(planes=own.planes.flip(axes).contiguous(memory_format=MEMORY_FORMAT))
        planes: Tensor = self.network(own).planes.float().flip(axes)
        return planes[:, :1] if self.luma_alone else planes


def load_teacher(recipe: Recipe, device: str) -> Teacher | None:
    """The network that ``recipe.teacher`` names; None where the recipe names none.

    Raises :class:`~jpegmend.errors.InvalidRecipe` for one that lacks planes of the recipe's network, or has another
    scale.
    """
    if not recipe.teacher:
        return None
    network, header = files.load_weights(find_weights(recipe.teacher))
    spec, student = models.find(header["network"]), models.find(recipe.network)
    config, own = make_config(spec.config, header["config"]), recipe.build_config()
    planes, wanted = spec.planes(config), student.planes(own)
    if spec.scale(config) != 1 or student.scale(own) != 1:
        raise InvalidRecipe("teacher: networks that enlarge neither teach nor learn from another; leave it out")
    if planes != wanted and (planes, wanted) != ("ycbcr", "y"):
        raise InvalidRecipe(
            f"teacher: {recipe.teacher} works on {planes}, {recipe.network} on {wanted}; name one that works on these"
        )
    network = network.to(device, memory_format=MEMORY_FORMAT).requires_grad_(False)  # type: ignore[call-overload]
    return Teacher(network, planes, luma_alone=wanted == "y")
