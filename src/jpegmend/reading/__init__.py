"""Reading of pictures: a path, bytes, a file, a Pillow image or an array becomes an ``Opened``."""

from jpegmend.reading.opened import Opened
from jpegmend.reading.sources import Source, open_source, prepare, read_bytes

__all__ = ["Opened", "Source", "open_source", "prepare", "read_bytes"]
