"""The network of the catalogue, or the recipe, to which a printed row of a paper belongs."""

from __future__ import annotations

import re

from jpegmend import weights
from jpegmend.evaluation.papers.published import Published

ALIASES = {"inputs": "jpeg", "dncnn3": "dncnn"}
"""Printed names that no weights have, as :func:`key` writes them."""


def key(name: str) -> str:
    """A name without case and punctuation, so that ``AR-CNN`` and ``arcnn`` are one.

    >>> key("AR-CNN"), key("DnCNN-3")
    ('arcnn', 'dncnn')
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return ALIASES.get(plain, plain)


def model_of(row: Published) -> str | None:
    """The name under which weights for a printed row are, or would be, released; None where no network has its name.

    ``published.csv`` names the recipe of each variant and of networks that a paper trained anew. All other rows belong
    to the weights that are called as the printed method; the gray rows of a colour network to ``NAME-gray``.

    >>> from jpegmend.evaluation.papers import published
    >>> model_of(next(row for row in published.rows() if row.variant == "ResNet depth 4"))
    'mdu-depth-4'
    """
    if row.weights:
        return row.weights
    method = key(row.method)
    if method == "jpeg":
        return "jpeg"
    name = next((name for name in weights.PACKAGED if key(name) == method), None)
    gray = f"{name}-gray"
    return gray if row.channel == "Y" and gray in weights.PACKAGED else name
