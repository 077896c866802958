"""The networks, in PyTorch: one contract, one file a paper, one table."""

from __future__ import annotations

from collections.abc import Mapping

from jpegmend.errors import UnknownModel
from jpegmend.models import mend
from jpegmend.models.contract import Estimate, Observation, Spec

NETWORKS: Mapping[str, Spec] = {spec.name: spec for spec in (mend.SPEC,)}
"""Every network by name."""

__all__ = ["NETWORKS", "Estimate", "Observation", "Spec", "find"]


def find(name: str) -> Spec:
    """The network of that name; :class:`~jpegmend.errors.UnknownModel` lists the names there are."""
    if name not in NETWORKS:
        raise UnknownModel(f"no network {name!r}; there are: {', '.join(NETWORKS)}")
    return NETWORKS[name]
