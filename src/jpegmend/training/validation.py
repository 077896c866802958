"""A quick look at how a run stands: gray PSNR on a few pictures. The real figures come from ``evaluation``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from jpegmend.data import codec
from jpegmend.data.degradation import table_pair
from jpegmend.data.pictures import find_pictures, load_rgb
from jpegmend.models.contract import Planes
from jpegmend.training.views import view

QUALITIES = (10, 40, 90)


def psnr(restored: Tensor, truth: Tensor) -> float:
    """PSNR in dB of one picture in 0..1, after clipping and rounding to 8 bits."""
    error = torch.round(restored.clamp(0, 1) * 255) - torch.round(truth * 255)
    return float(20 * torch.log10(255 / error.square().mean().sqrt()))


@torch.inference_mode()
def scores(
    network: nn.Module, kind: Planes, paths: Iterable[Path], device: str = "cpu", most: int = 12
) -> dict[str, float]:
    """Mean gain in dB over the JPEG, and mean PSNR, by quality, on the studio-range Y of ``most`` pictures."""
    network = network.to(device).eval()
    sums: dict[str, list[float]] = {}
    for path in find_pictures(paths)[:most]:
        rgb = load_rgb(path).to(device)
        rgb = rgb[:, : rgb.shape[1] // 16 * 16, : rgb.shape[2] // 16 * 16]
        y = codec.studio_luma(rgb[None].float())
        truth = torch.cat([y, torch.full_like(y, 127.5).expand(-1, 2, -1, -1)], 1) / 255
        for quality in QUALITIES:
            luma, chroma = (table[None] for table in table_pair(quality, y.device))
            seen, target, _ = view(kind, codec.observe(codec.compress(y, luma, chroma, "gray")), truth, 0.0)
            restored = network(seen).planes
            before, after = psnr(seen.planes[0, 0], target[0, 0]), psnr(restored[0, 0], target[0, 0])
            sums.setdefault(f"psnr_{quality}", []).append(after)
            sums.setdefault(f"gain_{quality}", []).append(after - before)
    return {name: round(sum(values) / len(values), 3) for name, values in sums.items()}
