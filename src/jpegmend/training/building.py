"""Construction of a run's networks and optimisers: fresh, from weights or a checkpoint, or with another config."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend import models, weights
from jpegmend.errors import InvalidRecipe
from jpegmend.models import files
from jpegmend.training.auxiliary import AUXILIARIES
from jpegmend.training.checkpoint import Parts, State
from jpegmend.training.optimisers import build_optimiser
from jpegmend.training.recipe import Recipe, Stage, build_config

MEMORY_FORMAT = torch.channels_last


def start(
    recipe: Recipe,
    *,
    device: str = "cpu",
    warm_start: Path | None = None,
    partly: bool = False,
    checkpoint: Path | None = None,
) -> State:
    """The initial state of a run: fresh, with the weights in ``warm_start``, or resumed from ``checkpoint``.

    ``partly`` loads only the tensors that fit. Raises :class:`~jpegmend.errors.InvalidRecipe` if weights or recipe do
    not fit the network, and :class:`~jpegmend.errors.WeightsDamaged` for the checkpoint of another recipe.
    """
    torch.manual_seed(recipe.seed)

    def build(config: Any) -> Parts:
        return _build(recipe, config, device)

    state = State(build(recipe.build_config(recipe.phases[0])), build)
    if checkpoint:
        state.restore(checkpoint)
        return state
    taken: Collection[str] = ()
    if warm_start:
        before, taken = _begin_from(warm_start, state, recipe, partly=partly)
        earlier, state.warm = before.get("earlier", {}), True
        state.earlier_steps = before.get("steps", 0) + earlier.get("steps", 0)
        state.earlier_seconds = before.get("seconds", 0) + earlier.get("seconds", 0)
    _check_frozen(recipe, state.network, taken)
    return state


def _check_frozen(recipe: Recipe, network: nn.Module, taken: Collection[str]) -> None:
    """Refuse a submodule that stays as it was initialised: frozen, without a stage, its tensors not ``taken``."""
    for name in set(models.find(recipe.network).frozen) - {stage.auxiliary for stage in recipe.stages}:
        tensors = {f"{name}.{key}" for key in getattr(getattr(network, name, None), "state_dict", dict)()}
        if not tensors <= set(taken):
            raise InvalidRecipe(
                f"stages: nothing trains the {name} of {recipe.network}, which is frozen while the rest is trained; "
                f"give the recipe a stage that trains or reads it, or begin from weights that hold it (--warm-start)"
            )


def find_weights(name: str) -> Path:
    """The weights file of that path, or of the released network of that name, also beside a folder of that name."""
    path = Path(name)
    if path.is_file() or (path.is_dir() and len(path.parts) > 1) or name.endswith(".safetensors"):
        return path
    return weights.path(weights.find(name), "safetensors")


def _build(recipe: Recipe, config: Any, device: str) -> Parts:
    """New networks (the main one with ``config``), their optimisers, and the average of the main network's weights."""
    network = models.find(recipe.network).build(config)
    if recipe.recompute:
        if not hasattr(network, "recompute"):
            raise InvalidRecipe(f"recompute: {recipe.network} cannot; leave it out")
        network.recompute = True  # type: ignore[assignment]
    networks = {"network": network}
    for stage in recipe.stages:
        networks[stage.auxiliary] = _build_auxiliary(recipe, stage, getattr(network, stage.auxiliary, None))
    networks = {
        name: net.to(device).to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]
        for name, net in networks.items()
    }
    average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    optimisers = {
        name: build_optimiser(recipe.optimiser, net, main=name == "network") for name, net in networks.items()
    }
    return Parts(config, networks, optimisers, average)


def _build_auxiliary(recipe: Recipe, stage: Stage, inner: nn.Module | None) -> nn.Module:
    """The network of a stage: the submodule ``inner`` of the main network, or a new one; with weights if given."""
    tensors, header = files.read_tensors(Path(stage.weights)) if stage.weights else ({}, {})
    if tensors and header["network"] != stage.auxiliary:
        raise InvalidRecipe(f"{stage.weights} holds a {header['network']}; the stage wants a {stage.auxiliary}")
    config = recipe.auxiliary_config(stage, header.get("config"))
    network = AUXILIARIES[stage.auxiliary].build(config) if inner is None else inner
    try:
        network.load_state_dict(tensors, strict=bool(tensors))
    except RuntimeError as error:
        why = files.misfit(tensors, network)
        raise InvalidRecipe(f"{stage.weights} does not fit the {stage.auxiliary} of this recipe: {why}") from error
    return network


def _begin_from(weights: Path, state: State, recipe: Recipe, *, partly: bool) -> tuple[dict[str, Any], Collection[str]]:
    """Load trained weights into the network; returns the header of their file and the names of the tensors taken.

    ``partly`` loads the tensors that agree in name and shape; the others keep their initial values. A submodule that a
    stage of the recipe reads from its own ``weights`` keeps those.
    """
    name = recipe.network
    trained, before = files.load_weights(weights)
    tensors, own = trained.state_dict(), state.network.state_dict()
    if partly:
        tensors = {key: tensor for key, tensor in tensors.items() if key in own and own[key].shape == tensor.shape}
        if not tensors:
            raise InvalidRecipe(f"{weights} has no tensor of {name}'s; begin from weights of that network, or none")
    elif before["network"] == name:
        earlier = build_config(models.find(name).config, before["config"], name)
        tensors = grown(name, tensors, earlier, state.config, own)
    read = tuple(f"{stage.auxiliary}." for stage in recipe.stages if stage.weights)
    tensors |= {key: tensor for key, tensor in own.items() if key.startswith(read)}
    try:
        state.network.load_state_dict(tensors, strict=not partly)
    except RuntimeError as error:
        raise InvalidRecipe(
            f"{weights} holds {before['network']}, and does not fit {name} of this recipe: "
            f"{files.misfit(tensors, state.network)}; --partly takes the tensors that do"
        ) from error
    for key, tensor in state.network.state_dict().items():
        state.average[key].copy_(tensor)
    return before, tensors.keys()


def grown(
    name: str, tensors: Mapping[str, Tensor], old: Any, new: Any, wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weights of a network with config ``old`` converted to initial weights for config ``new``.

    Unchanged if the network with ``new`` has the same tensors (``wanted``) or its spec has no ``grow``. What is new has
    the same values in every call of a run.
    """
    same = tensors.keys() == wanted.keys() and all(tensors[key].shape == wanted[key].shape for key in wanted)
    grow = models.find(name).grow
    if same or grow is None:
        return dict(tensors)
    # Drawn anew from the seed: otherwise the weights and their average would get different values, and a run that was
    # validated or resumed before others than one that was not.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch.initial_seed())
        return grow(tensors, old, new)


def change_config(state: State, name: str, config: Any) -> None:
    """Rebuild the main network with another config; keeps the weights, their average and the optimiser's state.

    The optimiser's state is kept for parameters that keep name and shape, and new for others. Raises
    :class:`~jpegmend.errors.InvalidRecipe` if the weights do not fit and the spec has no ``grow``.
    """
    old, new = state.parts, state.build(config)
    wanted = new.networks["network"].state_dict()
    try:
        for net, module in old.networks.items():
            tensors = module.state_dict()
            if net == "network":
                tensors = grown(name, tensors, old.config, config, wanted)
            new.networks[net].load_state_dict(tensors)
        average = grown(name, old.average, old.config, config, wanted)
    except RuntimeError as error:
        why = files.misfit(old.networks["network"].state_dict(), new.networks["network"])
        raise InvalidRecipe(
            f"config, of a phase or after --resume: the weights of {old.config} do not fit {config}: {why}"
        ) from error
    for key, tensor in average.items():
        new.average[key].copy_(tensor)
    for net, optimiser in new.optimisers.items():
        _take_over(optimiser, new.networks[net], old.optimisers[net], old.networks[net])
    state.replace_parts(new)


def _take_over(
    optimiser: torch.optim.Optimizer, network: nn.Module, before: torch.optim.Optimizer, earlier: nn.Module
) -> None:
    """Copy the state of an earlier optimiser for parameters that agree in name and shape."""
    known = dict(earlier.named_parameters())
    for name, parameter in network.named_parameters():
        if name in known and known[name].shape == parameter.shape and known[name] in before.state:
            optimiser.state[parameter] = before.state[known[name]]
    # Some optimisers count steps by group, not by parameter.
    counts = [group["step"] for group in before.param_groups if "step" in group]
    for group in optimiser.param_groups if counts else []:
        group["step"] = max(counts)
