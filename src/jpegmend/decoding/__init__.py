"""Decoding of untrusted files in worker processes, with limits of memory, time and pixels.

``decode`` starts a worker when it is first called. At most two workers run at a time. A worker ends after a minute
without work, when this process ends, or on ``close``.
"""

from jpegmend.decoding.limits import MAX_PIXELS, Limits, jpeg_limits, largest_file, picture_limits
from jpegmend.decoding.pool import POOL as _POOL
from jpegmend.decoding.transport import Decoded, decode, stored

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
    "stored",
]

start = _POOL.start
close = _POOL.close
