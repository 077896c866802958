"""The networks, in PyTorch: one contract, one file a paper, one table."""

from __future__ import annotations

from collections.abc import Mapping

from jpegmend.errors import UnknownModel
from jpegmend.models import arcnn, cqr, dcsc, dncnn, dual, mdu, mend, qgcn, rnan
from jpegmend.models.contract import Estimate, Observation, Spec

NETWORKS: Mapping[str, Spec] = {
    spec.name: spec
    for spec in (
        mend.SPEC,
        dcsc.SPEC,
        cqr.SPEC,
        qgcn.SPEC,
        mdu.SPEC,
        dual.SPEC,
        arcnn.SPEC,
        dncnn.SPEC,
        rnan.SPEC,
    )
}
"""Every network by name: our own, the five papers, the baselines they are compared with."""

__all__ = ["NETWORKS", "Estimate", "Observation", "Spec", "find"]


def find(name: str) -> Spec:
    """The network of that name; :class:`~jpegmend.errors.UnknownModel` lists the names there are."""
    if name not in NETWORKS:
        raise UnknownModel(f"no network {name!r}; there are: {', '.join(NETWORKS)}")
    return NETWORKS[name]
