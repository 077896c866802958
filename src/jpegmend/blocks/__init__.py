"""Computations of JPEG on numpy arrays: 8x8 blocks, DCT, quantisation, chroma resampling, colour.

Planes are float32, 0..1; coefficients and tables are in the units of the file, the 0..255 scale. A cell is the
quantisation interval of a DCT coefficient.
"""

from jpegmend.blocks import fidelity
from jpegmend.blocks.chroma import down_box, up_box, up_fancy
from jpegmend.blocks.colour import GRAY_CHROMA, NEUTRAL, cmyk_to_rgb, rgb_to_ycbcr, studio_y, ycbcr_to_rgb, ycck_to_cmyk
from jpegmend.blocks.dct import dct, idct, join_blocks, split_blocks
from jpegmend.blocks.earlier import Earlier, find_earlier
from jpegmend.blocks.estimate import Compression, estimate
from jpegmend.blocks.flat_areas import estimate_from_flat_areas, has_flat_areas
from jpegmend.blocks.quantisation import coefficients, decode, dequantise, quantise
from jpegmend.blocks.scaled_grid import find_scaled
from jpegmend.blocks.scaling import Scaling

__all__ = [
    "GRAY_CHROMA",
    "NEUTRAL",
    "Compression",
    "Earlier",
    "Scaling",
    "split_blocks",
    "cmyk_to_rgb",
    "coefficients",
    "dct",
    "decode",
    "dequantise",
    "down_box",
    "estimate",
    "estimate_from_flat_areas",
    "fidelity",
    "find_earlier",
    "find_scaled",
    "has_flat_areas",
    "idct",
    "quantise",
    "rgb_to_ycbcr",
    "studio_y",
    "join_blocks",
    "up_box",
    "up_fancy",
    "ycbcr_to_rgb",
    "ycck_to_cmyk",
]
