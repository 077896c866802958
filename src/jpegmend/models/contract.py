"""Interface of the networks: input :class:`Observation`, output :class:`Estimate`, description :class:`Spec`.

Shape letters: B batch, C planes (1 or 3), H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torch import Tensor, nn

Planes = Literal["y", "ycbcr", "rgb"]
Tiling = Literal["exact", "global", "window"]
QualityFrom = Literal["tiles", "middle"]


class Observation(NamedTuple):
    """The input of a network: decoded planes on one grid, and the tables they were quantised with."""

    planes: Tensor
    """``[B, C, H, W]`` in 0..1 (a little outside is possible: the decoder neither clips nor rounds)."""
    tables: Tensor
    """``[B, C, 8, 8]`` quantisation steps in the units of the file (1..65535); ones where a plane has none."""
    sampling: Tensor
    """``[B, 2]`` how many luma rows and columns share one chroma sample: (2, 2) for 4:2:0, (0, 0) without chroma."""
    overview: Tensor | None = None
    """``[B, C, 112, 112]`` the whole picture downscaled, for networks with a global branch."""
    quality: Tensor | None = None
    """``[B]`` libjpeg quality 1..100 given by the caller (the user's ``quality`` option); 0 or None if unknown."""


class Estimate(NamedTuple):
    """The output of a network."""

    planes: Tensor
    """``[B, C, H, W]``, the restored planes, not clipped; ``[B, C, s H, s W]`` where the spec's ``scale`` is s."""
    quality: Tensor | None = None
    """``[B]``, the network's estimate of its input's libjpeg quality, 1..100; None for networks without one."""
    traces: Mapping[str, tuple[Tensor, ...]] = {}
    """Intermediate results (sparse codes, stages, artifact layers) by name, each ``[B, ...]`` or a scalar; filled with
    ``collect=True``, else empty."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """An entry of ``NETWORKS``: how to build a network, and its requirements on inputs and tiles."""

    name: str
    title: str
    paper: str
    """Authors, title, venue and year; for our own networks what it was made from."""
    config: type[Any]
    """The frozen dataclass of hyper-parameters; its defaults are the paper's."""
    build: Callable[[Any], nn.Module]
    planes: Callable[[Any], Planes]
    """Input planes by config: one plane, YCbCr on the luma grid, or RGB."""
    halo: Callable[[Any], int]
    """Pixels added to a tile on each side before it is run: the radius of the receptive field."""
    scale: Callable[[Any], int] = lambda _: 1
    """Output height and width over those of the input, by config: above 1 for super-resolution."""
    multiple: int = 1
    """Height and width must be multiples of this; pictures are padded by edge replication."""
    on_grid: Callable[[Any], bool] = lambda _: False
    """Whether the first pixel must be the corner of a block, by config: such as where tables are tiled as maps."""
    tiling: Tiling = "exact"
    window: int | Callable[[Any], int] | None = None
    """Side of the tile in pixels where ``tiling`` is ``window``, the same for every config or by config."""
    inputs: tuple[str, ...] = ("planes",)
    """Fields of the observation that the network reads, in the order of its ONNX inputs."""
    free: tuple[str, ...] = ()
    """Hyper-parameters that can be changed after training, because no weight depends on them."""
    frozen: tuple[str, ...] = ()
    """Submodules that are trained before the network, by a stage of the recipe, and then frozen."""
    grow: Callable[[Mapping[str, Tensor], Any, Any], dict[str, Tensor]] | None = None
    """Converts trained weights of one config to initial weights of another, such as one with more stages. Arguments:
    the weights, their config, the new config. None: weights only fit configs with the same tensors."""
    quality_from: QualityFrom = "tiles"
    """Source of the estimated quality in inference; see ``jpegmend.weights.Card.quality_from``."""
    small: tuple[Any, ...] = ()
    """Small configs for the contract tests, which run in milliseconds: one for each kind of planes and branch of the
    code, the first exported as ONNX. Empty: the default config."""

    def window_side(self, config: Any) -> int | None:
        """Side of the tile in pixels for a config; None where ``tiling`` is not ``window``."""
        return self.window(config) if callable(self.window) else self.window

    def small_configs(self) -> tuple[Any, ...]:
        """The configs for the contract tests, at least one."""
        return self.small or (self.config(),)


def planes_by_channels(config: Any) -> Planes:
    """Input planes of a config with 1 or 3 ``channels``: each plane alone, or RGB."""
    return "rgb" if config.channels == 3 else "y"


def make_config(kind: type[Any], plain: Mapping[str, Any]) -> Any:
    """A frozen config of a network from plain values: lists, as JSON and TOML have them, become tuples."""
    return kind(**{key: _frozen(value) for key, value in plain.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
