"""The arithmetic of JPEG: blocks, DCT, quantisation and its cells, chroma, colour. numpy only.

Planes are float32, 0..1; coefficients and tables are in the units of the file, the 0..255 scale.
"""

from jpegmend.planes import fidelity
from jpegmend.planes.chroma import down_box, up_box, up_fancy
from jpegmend.planes.colour import NEUTRAL, cmyk_to_rgb, rgb_to_ycbcr, studio_y, ycbcr_to_rgb, ycck_to_cmyk
from jpegmend.planes.dct import blocks, dct, idct, unblocks
from jpegmend.planes.estimate import Compression, estimate
from jpegmend.planes.quantisation import coefficients, decode, dequantise, quantise

__all__ = [
    "NEUTRAL",
    "Compression",
    "blocks",
    "cmyk_to_rgb",
    "coefficients",
    "dct",
    "decode",
    "dequantise",
    "down_box",
    "estimate",
    "fidelity",
    "idct",
    "quantise",
    "rgb_to_ycbcr",
    "studio_y",
    "unblocks",
    "up_box",
    "up_fancy",
    "ycbcr_to_rgb",
    "ycck_to_cmyk",
]
