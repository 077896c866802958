"""Compression by Pillow, with the interface of :mod:`jpegmend.data.codec`: files are written and read back.

Much slower than the batched codec, and on the CPU. It is the reference in the tests of the batched codec, and allows
training with the installed libjpeg.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jpegmend import jpeg
from jpegmend.data.codec import File, Sampling

_PILLOW: dict[Sampling, str] = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}


def encode(picture: Tensor, luma: Tensor, chroma: Tensor, sampling: Sampling) -> bytes:
    """One file: ``picture [3, H, W]`` RGB or ``[1, H, W]`` gray, whole numbers 0..255; tables ``[8, 8]``."""
    pixels = picture.cpu().numpy().astype(np.uint8)
    gray = sampling == "gray"
    image = Image.fromarray(pixels[0] if gray else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    tables = [table.cpu().numpy().astype(int).ravel().tolist() for table in ((luma,) if gray else (luma, chroma))]
    stream = io.BytesIO()
    if gray:
        image.save(stream, "JPEG", qtables=tables)
    else:
        image.save(stream, "JPEG", qtables=tables, subsampling=_PILLOW[sampling])
    return stream.getvalue()


def decode(data: bytes) -> Tensor:
    """Decode a file by Pillow: ``[3, H, W]`` RGB or ``[1, H, W]`` gray, integers 0..255."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = torch.from_numpy(np.array(image)).float()
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def compress(picture: Tensor, luma: Tensor, chroma: Tensor, sampling: Sampling) -> File:
    """The same as :func:`jpegmend.data.codec.compress`, by writing, reading and showing real files."""
    data = [encode(*one, sampling) for one in zip(picture, luma, chroma, strict=True)]
    images = [jpeg.read(file) for file in data]
    height, width = picture.shape[2:]
    v, h = {"gray": (1, 1), "444": (1, 1), "422": (1, 2), "420": (2, 2)}[sampling]
    sizes = [(height // 8, width // 8)] + [(height // 8 // v, width // 8 // h)] * 2
    levels = tuple(
        torch.from_numpy(
            np.stack([image.components[c].levels[:rows, :columns].astype(np.float32) for image in images])
        ).to(picture.device)
        for c, (rows, columns) in enumerate(sizes[: len(images[0].components)])
    )
    shown = torch.stack([decode(file) for file in data]).to(picture.device)
    return File(levels, luma, chroma, sampling, shown)
