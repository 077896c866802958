"""An ICC profile of a wide gamut."""

import struct

import pytest
from PIL import ImageCms

PRIMARIES = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
"""Those of Display P3 (SMPTE EG 432-1), adapted to D50."""


@pytest.fixture
def display_p3() -> bytes:
    """sRGB's profile with the primaries of Display P3."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for place in range(132, 132 + 12 * struct.unpack_from(">I", profile, 128)[0], 12):
        name, start = struct.unpack_from(">4sI", profile, place)
        if name in PRIMARIES:
            profile[start + 8 : start + 20] = struct.pack(">3i", *(round(x * 65536) for x in PRIMARIES[name]))
    return bytes(profile)
