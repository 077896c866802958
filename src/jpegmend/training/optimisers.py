"""Optimisers of a recipe: AdamW for all parameters, or Muon for the inner convolutions and AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.errors import InvalidRecipe, extra_needed
from jpegmend.training.recipe import Optimiser

PIXELS = 12
"""Number of channels (3 planes folded 2x2) up to which a convolution counts as the first or the last of a network."""


def build_optimiser(settings: Optimiser, network: nn.Module, *, main: bool = True) -> torch.optim.Optimizer:
    """An optimiser of all parameters of ``network``, in groups; the key ``factor`` is a factor on the learning rate.

    ``main``: whether it is the main network; for an auxiliary one ``settings.rates`` and ``settings.kind`` are not
    used. Raises :class:`~jpegmend.errors.MissingExtra` if the library of Muon is missing, and
    :class:`~jpegmend.errors.InvalidRecipe` for a prefix with which no parameter begins.
    """
    muon = main and settings.kind == "muon"
    if main:
        _check_prefixes(settings, [name for name, _ in network.named_parameters()])
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        prefixes = settings.rates if main else {}
        factor = next((factor for prefix, factor in prefixes.items() if name.startswith(prefix)), 1.0)
        inner = muon and _is_inner(parameter) and not name.startswith(tuple(settings.adam))
        groups.setdefault((factor, inner), []).append(parameter)
    named = [{"params": found, "factor": factor, "use_muon": inner} for (factor, inner), found in groups.items()]
    if muon:
        return _muon(settings, named)
    for group in named:
        del group["use_muon"]
    # Fused: on a CPU the plain update of a small network takes longer than making its training data.
    return torch.optim.AdamW(named, lr=settings.rate, betas=settings.betas, weight_decay=settings.decay, fused=True)


def _is_inner(parameter: nn.Parameter) -> bool:
    """Whether the parameter is the kernel of a convolution between feature maps."""
    return parameter.ndim == 4 and min(parameter.shape[:2]) > PIXELS


def _check_prefixes(settings: Optimiser, names: list[str]) -> None:
    for key, prefixes in (("rates", settings.rates), ("adam", settings.adam)):
        for prefix in prefixes:
            if not any(name.startswith(prefix) for name in names):
                there = ", ".join(dict.fromkeys(name.partition(".")[0] for name in names))
                raise InvalidRecipe(f"optimiser.{key}: no parameter begins with {prefix!r}; the network has {there}")


def _muon(settings: Optimiser, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Muon with its update scaled by 0.2 sqrt(max(rows, columns)), so that learning rates are those of AdamW."""
    with extra_needed("optimiser.kind = 'muon'", "training"):
        from pytorch_optimizer import Muon
        from pytorch_optimizer.optimizer.utils import zero_power_via_newton_schulz_5

    class Float32Muon(Muon):
        """The library multiplies its matrices in bfloat16: without instructions for it a CPU takes 18 times as long.

        The method is not public; a test of the size of a step tells when the library no longer calls it.
        """

        @staticmethod
        def _orthogonalize(group: dict[str, Any], updates: list[Tensor]) -> list[Tensor]:
            of = {"num_steps": group["ns_steps"], "weights": group["ns_coeffs"], "dtype": torch.float32}
            return [zero_power_via_newton_schulz_5(update.flatten(1), **of) for update in updates]

    for group in groups:
        own = (
            {"momentum": settings.momentum, "use_adjusted_lr": True} if group["use_muon"] else {"betas": settings.betas}
        )
        group |= {"lr": settings.rate, "weight_decay": settings.decay, "eps": 1e-8} | own
        if group["use_muon"]:
            del group["eps"]
    found: torch.optim.Optimizer = Float32Muon(groups)
    return found
