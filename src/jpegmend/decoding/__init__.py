"""Decoding of untrusted bytes: worker processes for every C decoder, and one place for their limits.

``decode`` starts a worker when it is first called. Two workers at most run at a time; each ends after a minute
without work, with this process, or by ``close``.
"""

from jpegmend.decoding.limits import MAX_PIXELS, Limits, jpeg_limits, largest_file, picture_limits
from jpegmend.decoding.pool import POOL as _POOL
from jpegmend.decoding.transport import Decoded, decode

__all__ = [
    "MAX_PIXELS",
    "Decoded",
    "Limits",
    "close",
    "decode",
    "jpeg_limits",
    "largest_file",
    "picture_limits",
    "start",
]

start = _POOL.start
close = _POOL.close
